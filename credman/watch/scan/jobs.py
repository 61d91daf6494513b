"""What is to be looked through: where it is, and how it is opened."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass

from credman.watch.scan.content import Content, File, Memory


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to be looked through. Args: path: as findings name it; open: gives its content, or
    None: there is nothing to be read; raises OSError."""

    path: str
    open: Callable[[], Opened | None]


@dataclass(frozen=True, slots=True)
class Opened:
    """Args: close: called when it has been looked through."""

    content: Content
    size: int
    close: Callable[[], None] = lambda: None


def open_file(path: bytes, *, foreign: frozenset[int] = frozenset()) -> Opened | None:
    """Args:
        path: of a file; a link is not followed.
        foreign: devices whose files are none, such as that of ``/proc``.

    Returns:
        It, or None: it is empty, or no regular file.

    Raises:
        OSError
    """
    # Not blocking: somebody may have put a FIFO in its place since.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
    descriptor = os.open(path, flags)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or not found.st_size or found.st_dev in foreign:
            os.close(descriptor)
            return None
    except BaseException:
        os.close(descriptor)
        raise
    return Opened(File(descriptor, found.st_size), found.st_size, lambda: os.close(descriptor))


def describe_failure(error: OSError) -> str:
    """Returns: why something could not be read, in words and without its name."""
    return (error.strerror or "failed").lower()


def open_bytes(data: bytes) -> Opened:
    """Args: data: all of it."""
    return Opened(Memory(data), len(data))
