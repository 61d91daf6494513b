"""Looking at files without changing them: what they are, and who else gets at them."""

from __future__ import annotations

import contextlib
import os
import re
import stat

from credman.stores.disk import READ_FLAGS, cannot, let_go


def starts_with(path: str, prefix: bytes) -> bool:
    """Returns: whether a regular file lies there that begins so. Whatever stands in the way of
    looking is a no."""
    try:
        descriptor = os.open(path, READ_FLAGS)
    except OSError:
        return False
    try:
        is_regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        return is_regular and os.read(descriptor, len(prefix)) == prefix
    except OSError:
        return False
    finally:
        let_go(descriptor)


def identify(path: str) -> tuple[int, int]:
    """Returns: what tells this directory from every other one, whatever their names.

    Raises:
        Unavailable: it cannot be looked at.
    """
    try:
        status = os.stat(path)
    except OSError as error:
        raise cannot("read", path, error) from None
    return status.st_dev, status.st_ino


def find_exposure(path: str) -> str | None:
    """Returns: what a person should know of who else gets at the file; None if nobody does."""
    try:
        file, directory = os.lstat(path), os.stat(os.path.dirname(path))
    except OSError:
        return None
    if file.st_mode & 0o077:
        return f"other users may open {path}: chmod 600 ends that"
    if directory.st_mode & 0o002 and not directory.st_mode & stat.S_ISVTX:
        return f"other users may replace what lies in {os.path.dirname(path)}: chmod go-w ends that"
    if file.st_nlink > 1 and _has_names_elsewhere(path, file):
        return f"{path} has another name elsewhere (a hard link), where nothing new will arrive"
    return None


def _has_names_elsewhere(path: str, file: os.stat_result) -> bool:
    count = _count_names(path, file.st_ino)
    try:
        again = os.lstat(path)
    except OSError:
        return False
    # Somebody may be writing: then the names that were counted are of another moment.
    is_same = (again.st_ino, again.st_nlink) == (file.st_ino, file.st_nlink)
    return is_same and file.st_nlink > count


def _count_names(path: str, inode: int) -> int:
    # Our own: the vault, and until the next write the backup or what a killed process left.
    directory, name = os.path.split(path)
    ours = re.compile(
        rf"{re.escape(name)}(\.bak)?|\.{re.escape(name)}(\.bak)?\.[0-9a-f]{{16}}\.tmp"
    )
    with contextlib.suppress(OSError):
        found = [e for e in os.scandir(directory) if ours.fullmatch(e.name)]
        return sum(entry.inode() == inode for entry in found)
    return 0
