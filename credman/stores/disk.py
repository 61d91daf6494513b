"""Reading and replacing one file so that a crash leaves the old one or the new one, never other.

Rules: a path is resolved once and only regular files of our own are touched; the lock is a file of
its own that is never renamed (a lock on the file that gets replaced protects nobody); what was
written is read back before it counts.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from credman.core.errors import LockTimeout, NotAVault, Unavailable

LOCK_WAIT_SECONDS = 10.0
_LOCK_POLL_SECONDS = 0.02
_STALE_SECONDS = 3600.0
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES)
READ_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK | os.O_NOFOLLOW
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


def is_there(path: str) -> bool:
    """Returns: whether anything lies at ``path``, a dangling link included.

    Raises:
        Unavailable: it cannot be told; what cannot be looked at is not taken for absent.
    """
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise cannot("read", path, error) from None
    return True


def read_own_file(path: str, *, limit: int) -> bytes | None:
    """Args:
        path: resolved already; a symbolic link is refused.
        limit: in bytes; a larger file is refused before anything is read.

    Returns:
        The bytes, or None if nothing is there.

    Raises:
        NotAVault: a directory, a device, a pipe, or larger than the limit.
        Unavailable: it cannot be read, or belongs to another user.
    """
    try:
        descriptor = os.open(path, READ_FLAGS)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise NotAVault(f"{path} is not a regular file") from None
        raise cannot("read", path, error) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NotAVault(f"{path} is not a regular file")
        _check_owner(path, status)
        size, data = status.st_size, bytearray()
        while size <= limit and (chunk := os.read(descriptor, max(65536, size - len(data)))):
            data += chunk
            size = max(size, len(data))  # it may grow while it is read
    except OSError as error:
        raise cannot("read", path, error) from None
    finally:
        let_go(descriptor)
    if size > limit:
        raise NotAVault(f"{path} is larger than any vault ({limit >> 20} MiB)")
    return bytes(data)


def move(path: str, target: str) -> None:
    """Raises: Unavailable: it cannot be renamed."""
    try:
        os.rename(path, target)
    except OSError as error:
        raise cannot("rename", path, error) from None


@contextmanager
def locked(path: str, *, what: str = "the vault", seconds: float | None = None) -> Iterator[None]:
    """Holds an exclusive lock on the lock file ``path``, which is made if need be and stays.

    The kernel drops the lock with its holder, so there is no stale one.

    Args:
        what: it protects, for the message.
        seconds: how long to wait for it; None: ``LOCK_WAIT_SECONDS``.

    Raises:
        LockTimeout: somebody else holds it for longer than that.
        Unavailable: it cannot be made, or the file system has no locks.
    """
    import fcntl

    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        raise cannot("lock", path, error) from None
    try:
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise Unavailable(f"{path} is not a regular file")
            _check_owner(path, status)
            if status.st_mode & 0o600 != 0o600:
                os.fchmod(descriptor, 0o600)  # it was made just now, under an odd umask
            wait = LOCK_WAIT_SECONDS if seconds is None else seconds
            deadline = time.monotonic() + wait
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        raise _held_by_other(descriptor, what, wait) from None
                    time.sleep(_LOCK_POLL_SECONDS)
        except OSError as error:
            raise cannot("lock", path, error) from None
        _note_holder(descriptor)
        yield
    finally:
        let_go(descriptor)


def replace_file(
    path: str,
    data: bytes,
    *,
    check: Callable[[bytes], None],
    backup: str | None = None,
) -> str | None:
    """Writes ``data`` beside ``path``, reads it back, and renames it over ``path``.

    To be called under the lock of the file.

    Args:
        check: gets what was read back; raises if it is not what was meant.
        backup: where the file that is replaced is kept.

    Returns:
        None, or a warning: the new file stands, but the disk did not confirm it.

    Raises:
        Unavailable: the disk is full, read-only, broken; the old file stands as it was.
    """
    directory, name = os.path.split(path)
    sweep(path, older_than=_STALE_SECONDS)
    temporary = _temporary_for(directory, name)
    try:
        try:
            _write_new(temporary, data)
            written = read_own_file(temporary, limit=len(data))
            if written != data:
                raise Unavailable(f"cannot write {path}: what was read back differs")
            check(written)
            if backup is not None:
                _keep_as(path, backup)
            os.rename(temporary, path)
        except OSError as error:
            raise cannot("write", path, error) from None
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    try:
        _sync_directory(directory)
    except OSError as error:
        return f"saved, but the disk did not confirm it: {(error.strerror or 'failed').lower()}"
    return None


def replace_lightly(path: str, data: bytes) -> None:
    """As ``replace_file``, for what may be lost: nothing is read back, and nobody waits for the
    disk. A reader sees the old file or the new one.

    Raises:
        OSError
    """
    directory, name = os.path.split(path)
    sweep(path, older_than=_STALE_SECONDS)
    temporary = _temporary_for(directory, name)
    descriptor = os.open(temporary, _CREATE, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)  # whatever the umask is
            file.write(data)
        os.rename(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _temporary_for(directory: str, name: str) -> str:
    return os.path.join(directory, f".{name}.{os.urandom(8).hex()}.tmp")


def _write_new(path: str, data: bytes) -> None:
    descriptor = os.open(path, _CREATE, 0o600)
    try:
        os.fchmod(descriptor, 0o600)  # whatever the umask is
        rest = memoryview(data)
        while rest:
            written = os.write(descriptor, rest)
            if not written:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            rest = rest[written:]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _keep_as(path: str, backup: str) -> None:
    try:
        _keep(path, backup)
    except OSError as error:
        raise cannot("write", backup, error) from None


def _keep(path: str, backup: str) -> None:
    directory, name = os.path.split(path)
    temporary = _temporary_for(directory, name)
    try:
        try:
            os.link(path, temporary, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            data = read_own_file(path, limit=os.lstat(path).st_size)
            _write_new(temporary, data or b"")
        _make_private(temporary)
        os.rename(temporary, backup)
    finally:
        # Also after success: where both are links to one file already, rename does nothing.
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _make_private(path: str) -> None:
    # The link shares the mode that the old vault had, and somebody may have loosened it.
    descriptor = os.open(path, READ_FLAGS)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def sweep(path: str, *, older_than: float) -> None:
    """Takes away what killed processes left beside ``path``. To be called under the lock.

    Args:
        older_than: seconds.
    """
    directory, name = os.path.split(path)
    ours = re.compile(rf"\.{re.escape(name)}(\.bak)?\.[0-9a-f]{{16}}\.tmp")
    with contextlib.suppress(OSError):
        for entry in os.scandir(directory):
            if ours.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    if time.time() - entry.stat(follow_symlinks=False).st_mtime > older_than:
                        os.unlink(entry.path)


def _sync_directory(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def let_go(descriptor: int) -> None:
    """Closes it, and does not mind if that fails."""
    # Nothing was written through it, or all that was is on the disk: a failure here would be told
    # of a write that stands. The kernel drops a descriptor, and its lock, also when it fails.
    with contextlib.suppress(OSError):
        os.close(descriptor)


def _check_owner(path: str, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        raise Unavailable(
            f"{path} belongs to another user",
            hint="run credman as its owner; with sudo, CREDMAN_HOME names another place",
        )


def _note_holder(descriptor: int) -> None:
    with contextlib.suppress(OSError):  # only for the message of whoever waits in vain
        former = os.pread(descriptor, 20, 0)
        if former and not former.isdigit():
            return  # somebody else's: a vault uv.age would have its lock in uv.lock
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode("ascii"), 0)


def _held_by_other(descriptor: int, what: str, wait: float) -> LockTimeout:
    holder = os.pread(descriptor, 20, 0)
    who = f"process {holder.decode('ascii')}" if holder.isdigit() else "another process"
    return LockTimeout(
        f"{what} is locked by {who}, which did not finish within {wait:g} s",
        hint="nothing was changed; try again, or see what that process is doing",
    )


def cannot(verb: str, path: str, error: OSError) -> Unavailable:
    """Returns: the error for a person."""
    if error.errno == errno.ELOOP:
        return Unavailable(f"cannot {verb} {path}: it is a symbolic link")
    return Unavailable(f"cannot {verb} {path}: {(error.strerror or 'failed').lower()}")
