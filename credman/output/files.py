"""A new file with a secret in clear, for its owner only. A failure takes it away again."""

from __future__ import annotations

import contextlib
import os

from credman.core.errors import Refused, Unavailable

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


def refuse_existing(path: str, *, directory: str) -> None:
    """Raises: Refused: something lies there, be it a dangling link. Nothing is ever written over:
    it may be somebody's only copy."""
    if os.path.lexists(os.path.join(directory, path)):
        raise _taken(path)


def write_new_file(path: str, data: bytes, *, directory: str) -> None:
    """Makes the file with mode 0600, whatever the umask is. Returns once the disk has it.

    Args:
        path: as it was asked for; messages name it so.
        directory: what it is relative to.

    Raises:
        Refused: something lies there already; a link is not followed.
        Unavailable: it cannot be written; what was begun is removed again.
    """
    place = os.path.join(directory, path)
    try:
        descriptor = os.open(place, _CREATE, 0o600)
    except FileExistsError:
        raise _taken(path) from None
    except OSError as error:
        raise _cannot_write(path, error) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            # Whatever the umask is. A stick's file system has modes of its own, and none but them.
            with contextlib.suppress(PermissionError):
                os.fchmod(descriptor, 0o600)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        _sync_directory(os.path.dirname(place))
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(place)
        if not isinstance(error, OSError):
            raise
        raise _cannot_write(path, error) from None


def _sync_directory(path: str) -> None:
    descriptor = os.open(path or ".", os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):  # some file systems do not sync directories
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _taken(path: str) -> Refused:
    return Refused(
        f"there is a file already: {path}",
        hint="nothing is written over: remove it, or name another",
    )


def _cannot_write(path: str, error: OSError) -> Unavailable:
    return Unavailable(f"cannot write {path}: {(error.strerror or 'failed').lower()}")
