"""From an offset in a file to a line and a column."""

from __future__ import annotations

from collections.abc import Sequence

from credman.watch.scan.content import Content
from credman.watch.scan.rules import LONGEST

_INSIDE_CHARACTER = bytes(range(0x80, 0xC0))
"""Bytes that go on with a character of UTF-8."""
REMARK = b"credman:ignore"
_SHORT_LINE = 400
"""Bytes; in a shorter line a remark may stand anywhere."""
_NEAR = 200
"""Bytes after a token in which a remark counts; a whole file may be one line."""


class Position:
    """Args: line, column: from 1. text: of the line around the place, as far as it matters; place:
    in the text."""

    __slots__ = ("column", "line", "place", "text")

    def __init__(self, line: int, column: int, text: bytes = b"", place: int = 0) -> None:
        self.line, self.column, self.text, self.place = line, column, text, place

    def is_ignored(self, size: int) -> bool:
        """Args: size: bytes of what was found there.

        Returns:
            Whether a remark says that it is known: soon after it, or on a line that is short.
        """
        if len(self.text) < _SHORT_LINE:
            return REMARK in self.text
        end = self.place + size
        return REMARK in self.text[end : end + _NEAR]


def locate(content: Content, offsets: Sequence[int]) -> dict[int, Position]:
    """Args: offsets: in the content; it is read once more, to the last of them.

    Returns:
        Line and column of each that is still there.
    """
    wanted = sorted(set(offsets))
    found: dict[int, Position] = {}
    line, column, reached = 1, 1, 0
    for window in content.windows():
        if not wanted:
            break
        if window.offset > reached:  # a hole: it has no lines
            reached = window.offset
        start = reached - window.offset
        while wanted and wanted[0] < window.offset + window.stop:
            place = wanted.pop(0) - window.offset
            line, column = _advance(window.data, start, place, line, column)
            start = place
            found[window.offset + place] = Position(line, column, *_line_around(window.data, place))
        line, column = _advance(window.data, start, window.stop, line, column)
        reached = window.offset + window.stop
    return found


def has_remark(data: bytes, start: int, end: int) -> bool:
    """Whether a remark says of what stands from start to end that it is known."""
    return Position(0, 0, *_line_around(data, start)).is_ignored(end - start)


def _advance(data: bytes, start: int, end: int, line: int, column: int) -> tuple[int, int]:
    lines = data.count(b"\n", start, end)
    if lines:
        start, column = data.rfind(b"\n", start, end) + 1, 1
    piece = data[start:end]
    return line + lines, column + len(piece.translate(None, _INSIDE_CHARACTER))


def _line_around(data: bytes, place: int) -> tuple[bytes, int]:
    """Returns: the line, or so much of it as a token and a remark after it take; and where in it
    the place is."""
    start = max(data.rfind(b"\n", max(place - _SHORT_LINE, 0), place) + 1, place - _SHORT_LINE)
    reach = place + LONGEST + _NEAR
    end = data.find(b"\n", place, reach)
    return data[start : end if end >= 0 else reach], place - start
