"""Bytes to be looked through, window by window, so that memory has a bound whatever their size.

Rule: a window overlaps the next one by more than any token is long, and what begins in the overlap
belongs to the next, so nothing is found twice and nothing falls between two.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import NamedTuple, Protocol, Self

SMALL = 2 * 1024 * 1024
"""Bytes of what is read at once."""
WINDOW = 4 * 1024 * 1024
OVERLAP = 16 * 1024
LEAD = 8 * 1024
"""Bytes before a window's own that are seen with it: a name stands before its token."""
_STEP = WINDOW - OVERLAP - LEAD


_FIRST = 64
_BLANKS = {
    "utf-16-le": (b"\n\0", b"\r\0", b" \0"),
    "utf-16-be": (b"\0\n", b"\0\r", b"\0 "),
}


class Window(NamedTuple):
    """Args:
    offset: of its first byte in the whole.
    stop: what begins there or later, counted from its own beginning, belongs to the next window.
    start: what begins before it belongs to the one before.
    """

    offset: int
    data: bytes
    stop: int
    start: int = 0


class Content(Protocol):
    def windows(self) -> Iterator[Window]:
        """The whole, from its beginning; may be asked for again. Raises: OSError, and what
        decoding raises."""

    def read(self, limit: int) -> bytes | None:
        """Returns: the whole; None: it is larger than that."""


class Cut(Exception):
    """More came out of it than anybody may be made to read."""


class Memory:
    """Args: data: all of it."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def windows(self) -> Iterator[Window]:
        data, size = self._data, len(self._data)
        if size <= WINDOW:
            yield Window(0, data, size)
            return
        for at in range(0, size, _STEP):
            is_last = at + WINDOW >= size
            piece = data[at : at + WINDOW]
            stop = len(piece) if is_last else WINDOW - OVERLAP
            yield Window(at, piece, stop, LEAD if at else 0)
            if is_last:
                return

    def read(self, limit: int) -> bytes | None:
        return self._data if len(self._data) <= limit else None

    def read_end(self, size: int) -> bytes:
        """Returns: the last bytes."""
        return self._data[-size:]


class File:
    """Args: descriptor: of a regular file; stays open as long as this is used. size: its bytes."""

    def __init__(self, descriptor: int, size: int) -> None:
        self.descriptor, self._size = descriptor, size

    def windows(self) -> Iterator[Window]:
        if self._size <= SMALL:
            data = os.pread(self.descriptor, self._size + 1, 0)
            yield Window(0, data, len(data))
            return
        at, reached = self._skip_hole(0), 0
        while at is not None:
            data = os.pread(self.descriptor, WINDOW, at)
            is_last = len(data) < WINDOW
            stop = len(data) if is_last else WINDOW - OVERLAP
            yield Window(at, data, stop, max(reached - at, 0))
            if is_last:
                return
            reached = at + stop
            at += _STEP
            if not data.strip(b"\0"):
                at = self._skip_hole(at)

    def _skip_hole(self, start: int) -> int | None:
        # A file may be 10 GB long and hold nothing.
        try:
            return max(os.lseek(self.descriptor, start, os.SEEK_DATA), start)
        except OSError as error:
            import errno

            return None if error.errno == errno.ENXIO else start  # else: it cannot be told here

    def read(self, limit: int) -> bytes | None:
        if self._size > limit:
            return None
        parts, offset = [], 0
        while part := os.pread(self.descriptor, min(WINDOW, limit + 1 - offset), offset):
            parts.append(part)
            offset += len(part)
            if offset > limit:
                return None
        return b"".join(parts)

    def read_end(self, size: int) -> bytes:
        """Returns: the last bytes."""
        return os.pread(self.descriptor, size, max(self._size - size, 0))


def _join(windows: Iterator[Window], limit: int) -> bytes | None:
    parts: list[bytes] = []
    for window in windows:
        parts.append(window.data[window.start : window.stop])
        if window.offset + window.stop > limit:
            return None
    return b"".join(parts)


class Budget:
    """Args:
    left: bytes that may still come out of one file, however often it is packed.
    held: bytes of what is packed in it that may be in memory at once.
    """

    def __init__(self, left: int, held: int = 0) -> None:
        self.left, self.held = left, held

    def take(self, size: int) -> None:
        """Raises: Cut"""
        self.left -= size
        if self.left < 0:
            raise Cut


class Readable(Protocol):
    """What is read from its beginning to its end, once."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> object: ...

    def read(self, size: int, /) -> bytes: ...


class Stream:
    """What has to be unpacked. Args: open: from its beginning; budget: for the first time."""

    def __init__(self, open_again: Callable[[], Readable], budget: Budget) -> None:
        self._open, self._budget = open_again, budget
        self._charged = 0

    def windows(self) -> Iterator[Window]:
        with self._open() as file:
            data, offset, start, done = b"", 0, 0, 0
            while True:
                more = file.read(WINDOW - len(data))
                done += len(more)
                if done > self._charged:
                    self._budget.take(done - self._charged)
                    self._charged = done
                data += more
                if more and len(data) < WINDOW:
                    continue  # decompressors give what they have
                is_last = not more
                stop = len(data) if is_last else len(data) - OVERLAP
                yield Window(offset, data, stop, start)
                if is_last:
                    return
                data, offset, start = data[stop - LEAD :], offset + stop - LEAD, LEAD

    def read(self, limit: int) -> bytes | None:
        return _join(self.windows(), limit)


class Decoded:
    """Text of another encoding as UTF-8. Args: codec: a name that Python knows."""

    def __init__(self, content: Content, codec: str) -> None:
        self._content, self.codec = content, codec

    def windows(self) -> Iterator[Window]:
        decoder = codecs.getincrementaldecoder(self.codec)("replace")
        data, offset, start = b"", 0, 0
        for window in self._content.windows():
            is_last = window.stop == len(window.data)
            text = decoder.decode(window.data[window.start : window.stop], is_last)
            data += text.encode("utf-8", "replace")
            if len(data) < 2 * OVERLAP and not is_last:
                continue
            stop = len(data) if is_last else len(data) - OVERLAP
            yield Window(offset, data, stop, start)
            data, offset, start = data[stop - LEAD :], offset + stop - LEAD, LEAD

    def read(self, limit: int) -> bytes | None:
        return _join(self.windows(), limit)


def guess_wide(head: bytes) -> str | None:
    """Args: head: the first bytes. Returns: the codec of text with NULs; None: it is none."""
    if head.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return "utf-32"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\0" not in head or len(head) < 16:
        return None
    return _guess_by_nulls(head[:_FIRST]) or _guess_by_blanks(head)


def _guess_by_nulls(head: bytes) -> str | None:
    half = len(head) // 2
    even, odd = head[0 : 2 * half : 2].count(0), head[1 : 2 * half : 2].count(0)
    if odd > 0.7 * half and even < 0.05 * half:
        return "utf-16-le"
    if even > 0.7 * half and odd < 0.05 * half:
        return "utf-16-be"
    return None


def _guess_by_blanks(head: bytes) -> str | None:
    # Text of other letters than Latin ones has NULs only where blanks, digits and line ends are.
    least = max(2, len(head) // 200)
    for codec, blanks in _BLANKS.items():
        if sum(map(head.count, blanks)) < least:
            continue  # most files are told by this, which takes no time
        units = [head[at : at + 2] for at in range(0, len(head) - 1, 2)]
        at = 1 if codec == "utf-16-le" else 0
        narrow = [unit[1 - at] for unit in units if not unit[at]]
        texts = sum(0x20 <= byte < 0x7F or byte in b"\t\n\r" for byte in narrow)
        other = sum(not unit[1 - at] for unit in units)
        if sum(unit in blanks for unit in units) >= least and texts > 0.9 * len(narrow) > 2 * other:
            return codec
    return None
