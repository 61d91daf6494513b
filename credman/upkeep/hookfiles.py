"""One hook as a file: reading it, writing a whole one, giving it another name and its own back.

Rule: another file is never written over, and a hook keeps its content, mode and time.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator

from credman.core.errors import Refused
from credman.stores import disk

_LIMIT = 1024 * 1024
_STALE_SECONDS = 3600.0
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES)


def read_hook(path: str) -> bytes:
    """Returns: what a hook holds, a link followed; nothing if it is no file, or too large to be
    one of ours."""
    try:
        descriptor = os.open(path, disk.READ_FLAGS & ~os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return b""
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ELOOP):
            return b""
        raise disk.cannot("read", path, error) from None
    try:
        status = os.fstat(descriptor)
        is_file = stat.S_ISREG(status.st_mode) and status.st_size <= _LIMIT
        return os.read(descriptor, _LIMIT) if is_file else b""
    except OSError as error:
        raise disk.cannot("read", path, error) from None
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def beside(path: str, text: bytes) -> Iterator[str]:
    """Gives: a whole file with the text, in the same folder; it is gone at the end."""
    folder, name = os.path.split(path)
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise disk.cannot("make", folder, error) from None
    disk.sweep(path, older_than=_STALE_SECONDS)
    temporary = os.path.join(folder, f".{name}.{os.urandom(8).hex()}.tmp")
    try:
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            with open(os.open(temporary, flags, 0o755), "wb") as file:
                # Who wrote it must be able to run it, whatever the umask is: git passes over a
                # hook that cannot be executed, and everything with it.
                os.fchmod(file.fileno(), os.fstat(file.fileno()).st_mode | 0o700)
                file.write(text)
                file.flush()
                os.fsync(file.fileno())  # an empty hook would let everything through
        except OSError as error:
            raise disk.cannot("write", path, error) from None
        yield temporary
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def keep_as(path: str, former: str) -> None:
    """Gives a hook a second name; where there are no links, another one.

    Raises:
        Refused: another file has it.
        Unavailable: it cannot be given.
    """
    try:
        try:
            os.link(path, former, follow_symlinks=False)  # never over another file
        except FileExistsError:
            if not is_same(path, former):
                raise Refused(f"{former} has just been made by somebody else") from None
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            os.rename(path, former)
    except OSError as error:
        raise disk.cannot("rename", path, error) from None


def put_back(path: str, former: str) -> None:
    """Takes ``keep_as`` back. Where something else has the place by now, nothing is done.

    Raises:
        Unavailable: the name cannot be given back.
    """
    try:
        if not disk.is_there(path):
            os.rename(former, path)
        elif is_same(path, former):
            os.unlink(former)  # the second of two names
    except OSError as error:
        raise disk.cannot("rename", former, error) from None


def is_same(path: str, other: str) -> bool:
    """Whether two names are there for one file; a link counts for itself."""
    return os.path.samestat(os.lstat(path), os.lstat(other))
