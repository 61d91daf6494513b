"""Putting a file in the place of another, whole or not at all.

Rule: only the file that was looked at is replaced or deleted: one that has changed since is left.
Whatever fails leaves it as it was, and no copy of its former content is made.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import time
from collections.abc import Iterator
from typing import NamedTuple

from credman.core.errors import CredmanError
from credman.watch.scan.jobs import describe_failure

_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_NAME = ".credman-"
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
_OWN = re.compile(rb"\.credman-[0-9]+-[0-9a-f]{16}")
_STALE_SECONDS = 600.0
_CHANGED = "it changed meanwhile"


class Kept(CredmanError):
    """The file is as it was. ``message`` says why, in words and without its name."""

    kind = "kept"


class Read(NamedTuple):
    """A file as it was read. Args: path: absolute; status: of then."""

    path: bytes
    data: bytes
    status: os.stat_result


def read(path: bytes, *, limit: int) -> Read:
    """Args: limit: bytes of the largest file that is read.

    Raises:
        Kept: it cannot be read, is a link or no file, or larger.
    """
    with _opened_folder(path, writes=False) as folder:
        return _read(path, folder, limit)


def replace(found: Read, new: bytes) -> None:
    """Replaces a file by one with another content, of the same owner and mode, with the same
    extended attributes and times of use.

    Raises:
        Kept
    """
    with _opened_folder(found.path) as folder:
        temporary = _make(folder, new, 0o600, found)
        try:
            _check_unchanged(found, folder)
            os.rename(temporary, os.path.basename(found.path), src_dir_fd=folder, dst_dir_fd=folder)
        finally:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=folder)


def create(path: bytes, data: bytes) -> None:
    """Makes a file that is not there, whole, with the mode that new files have.

    Raises:
        Kept: something is there, or it cannot be made.
    """
    name = os.path.basename(path)
    with _opened_folder(path) as folder:
        temporary = _make(folder, data, 0o666)
        try:
            _give_name(temporary, name, folder)
        finally:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=folder)


def delete(found: Read) -> None:
    """Raises: Kept"""
    with _opened_folder(found.path) as folder:
        _check_unchanged(found, folder)
        os.unlink(os.path.basename(found.path), dir_fd=folder)


def sweep(folder: bytes) -> None:
    """Deletes what processes have left in a folder that were killed while they wrote there. It has
    no token in it. Never fails."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _OWN.fullmatch(entry.name):
                changed_at = entry.stat(follow_symlinks=False).st_ctime
                if time.time() - changed_at > _STALE_SECONDS:
                    os.unlink(entry.path)


@contextlib.contextmanager
def _opened_folder(path: bytes, *, writes: bool = True) -> Iterator[int]:
    """Gives: the folder of a file, which stays the same one whatever its path leads to meanwhile;
    what is written in it is on the disk at the end.

    Raises:
        Kept: in place of any OSError.
    """
    try:
        folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield folder
        finally:
            if writes:
                with contextlib.suppress(OSError):  # then a power cut may bring the old file back
                    os.fsync(folder)
            os.close(folder)
    except OSError as error:
        raise Kept(describe_failure(error)) from None


def _read(path: bytes, folder: int, limit: int) -> Read:
    descriptor = os.open(os.path.basename(path), _FLAGS, dir_fd=folder)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Kept("it is no file")
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(limit + 1)
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise Kept(f"it is larger than {limit // 2**20} MB")
    if len(data) != status.st_size:
        raise Kept("it is being written")
    return Read(path, data, status)


def _make(folder: int, data: bytes, mode: int, like: Read | None = None) -> str:
    """Returns: the name of a file that is whole, and like another in all but its content."""
    name = f"{_NAME}{os.getpid()}-{os.urandom(8).hex()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        with open(os.open(name, flags, mode, dir_fd=folder), "wb") as file:
            file.write(data)
            file.flush()
            if like is not None:
                _make_alike(file.fileno(), like, folder)
            os.fsync(file.fileno())
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=folder)
        raise
    return name


def _make_alike(descriptor: int, found: Read, folder: int) -> None:
    status, own = found.status, os.fstat(descriptor)
    if (own.st_uid, own.st_gid) != (status.st_uid, status.st_gid):
        # Another owner's file that is ours afterwards would keep its owner out.
        os.fchown(descriptor, status.st_uid, status.st_gid)
    former = os.open(os.path.basename(found.path), _FLAGS, dir_fd=folder)
    try:
        # Before the mode: one that forbids writing would forbid them.
        for key in os.listxattr(former):
            with contextlib.suppress(OSError):  # labels that the system sets itself
                os.setxattr(descriptor, key, os.getxattr(former, key))
    finally:
        os.close(former)
    os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
    os.utime(descriptor, ns=(status.st_atime_ns, status.st_mtime_ns))


def _check_unchanged(found: Read, folder: int) -> None:
    try:
        now = _read(found.path, folder, len(found.data))
    except (Kept, OSError):
        raise Kept(_CHANGED) from None
    same = ("st_dev", "st_ino", "st_mode", "st_uid", "st_gid")
    if now.data != found.data or any(
        getattr(now.status, part) != getattr(found.status, part) for part in same
    ):
        raise Kept(_CHANGED)


def _give_name(temporary: str, name: bytes, folder: int) -> None:
    try:
        # Never over another file.
        os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS or _is_there(name, folder):
            raise
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)


def _is_there(name: bytes, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
