"""What the bytes of a shell script are: code, text in quotes, remarks, here-documents.

Rule: what could be read in two ways is not understood, and what is not closed at the end neither.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from credman.watch.clean.edits import Leak

_DEEPEST = 40
"""Constructs inside one another; beyond them a script is left."""
_BOM = b"\xef\xbb\xbf"
DELIMITERS = b" \t\r\n;&|()<>"
"""Signs around a word; no sign, at the file's start and end, counts as one of them."""
_PLAIN = re.compile(rb"[^ \t\r\n;&|()<>'\"`$\\]+")
_IN_PARAMETER = re.compile(rb"[^'\"`$\\}]+")
_IN_DOUBLE = re.compile(rb"[^\"`$\\]+")
_IN_DOCUMENT = re.compile(rb"[^`$\\]+")
_NAME = re.compile(rb"\$(?:[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-])")
_ANSI = re.compile(rb"(?:[^'\\]|\\.)*+", re.DOTALL)
_OPENS_DOCUMENT = re.compile(
    rb"<<(-?)[ \t]*(?:'([^'\n]+)'|\"([^\"\n$`\\]+)\"|(\\?)([A-Za-z0-9_.!%+-]+))(?=[ \t\n;&|)<>])"
)
_BEFORE_COMMANDS = frozenset(
    [b"then", b"do", b"else", b"elif", b"if", b"while", b"until", b"time", b"!", b"{"]
)


class Unsure(Exception):
    """The script holds something that is not understood."""


class Kind(Enum):
    CODE = 0
    PARAMETER = 1
    DOUBLE = 2
    DOCUMENT = 3
    SINGLE = 4
    ANSI = 5
    LITERAL = 6


class Span(NamedTuple):
    """Bytes without any sign in them that ends their kind.

    Args:
        opened: where the construct begins in which they stand.
        is_fragile: inside backticks inside of quotes, where quotes mean what each shell likes.
    """

    start: int
    end: int
    kind: Kind
    opened: int
    is_fragile: bool


class ShellReader:
    """Args: data: a script. is_fish: it is one for fish."""

    def __init__(self, data: bytes, *, is_fish: bool) -> None:
        self._data, self._is_fish = data, is_fish
        self._spans: list[Span] = []
        self._awaited: list[tuple[bytes, bool, bool]] = []  # here-documents of this line
        self._depth, self._quotes, self._fragile = 0, 0, 0

    def read(self) -> None:
        """Raises: Unsure: something in the script is not understood."""
        start = len(_BOM) if self._data.startswith(_BOM) else 0
        self._read_code(start, len(self._data), b"")
        if self._awaited:
            raise Unsure
        self._spans.sort(key=lambda span: span.start)

    def find(self, leak: Leak) -> Span:
        """Returns: the bytes around a token. Raises: Unsure: they are not of one kind."""
        number = bisect_right(self._spans, leak.start, key=lambda span: span.start) - 1
        if number < 0 or leak.end > self._spans[number].end:
            raise Unsure
        return self._spans[number]

    def _add(self, start: int, end: int, kind: Kind, opened: int) -> int:
        self._spans.append(Span(start, end, kind, opened, bool(self._fragile)))
        return end

    def _enter(self, read: Callable[..., int], *arguments: object) -> int:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise Unsure
        place = read(*arguments)
        self._depth -= 1
        return place

    def _read_code(self, place: int, end: int, closer: bytes) -> int:
        """Args: closer: what ends it; none: the end.

        Returns:
            The place after that.
        """
        data, cases, is_word_start, is_command = self._data, 0, True, True
        while place < end:
            sign = data[place : place + 1]
            if sign == b"#" and is_word_start:
                stop = data.find(b"\n", place, end)
                place = self._add(place, stop if stop >= 0 else end, Kind.LITERAL, place)
                continue
            match = _PLAIN.match(data, place, end)
            if match:
                is_whole = is_word_start and data[match.end() : match.end() + 1] in DELIMITERS
                word = match[0] if is_whole and is_command and not self._is_fish else b""
                if word == b"case" and data[match.end() : match.end() + 1] != b")":
                    cases += 1
                elif word == b"esac":
                    cases -= 1
                is_command, is_word_start = word in _BEFORE_COMMANDS, False
                place = self._add(place, match.end(), Kind.CODE, place)
            elif sign == b")" and cases <= 0:
                if closer != b")":
                    raise Unsure
                return place + 1
            elif sign == b"`" and not self._is_fish:
                if closer == b"`":
                    return place + 1
                place = self._read_backticks(place, end)
                is_word_start = is_command = False
            elif sign in DELIMITERS:
                is_word_start, is_command = True, is_command or sign not in b" \t\r<>"
                place = self._read_delimiter(place, end, closer)
            elif data.startswith(b"\\\n", place):
                place += 2  # as if it were not there
            else:
                is_word_start = is_command = False
                place = self._read_sign(place, end)
        if closer or cases:
            raise Unsure
        return place

    def _read_delimiter(self, place: int, end: int, closer: bytes) -> int:
        data = self._data
        if data.startswith(b"((", place) and not self._is_fish:
            return self._skip_arithmetic(place, end)
        if data.startswith(b"(", place):
            return self._enter(self._read_code, place + 1, end, b")")
        if data.startswith(b"\n", place):
            return self._read_documents(place + 1, end)
        if data.startswith(b"<<<", place):
            return place + 3
        if data.startswith(b"<<", place) and not self._is_fish:
            match = _OPENS_DOCUMENT.match(data, place, end)
            if not match or closer == b"`":
                raise Unsure
            word = match[2] or match[3] or match[5]
            self._awaited.append((word, bool(match[1]), not match[5] or bool(match[4])))
            return match.end()
        return place + 1

    def _read_documents(self, place: int, end: int) -> int:
        awaited, self._awaited = self._awaited, []
        for word, is_indented, is_literal in awaited:
            start = place
            while True:
                if place >= end:
                    raise Unsure
                stop = self._data.find(b"\n", place, end)
                line_end = stop if stop >= 0 else end
                line = self._data[place:line_end]
                following = line_end + (stop >= 0)
                if (line.lstrip(b"\t") if is_indented else line) == word:
                    break
                place = following
            if is_literal:
                self._add(start, place, Kind.LITERAL, start)
            else:
                self._enter(self._read_quoted, start, place, Kind.DOCUMENT, start)
            place = following
        return place

    def _read_sign(self, place: int, end: int) -> int:
        """At a quote, a dollar or a backslash, outside of quotes."""
        data = self._data
        if data.startswith(b"\\", place):
            return place + 2
        if data.startswith(b"'", place):
            return self._read_single(place, end, Kind.SINGLE)
        if data.startswith(b'"', place):
            return self._enter(self._read_quoted, place + 1, end, Kind.DOUBLE, place)
        if data.startswith(b"$'", place) and not self._is_fish:
            return self._read_single(place, end, Kind.ANSI)
        return self._read_dollar(place, end)

    def _read_single(self, place: int, end: int, kind: Kind) -> int:
        start = place + (2 if kind is Kind.ANSI else 1)
        if kind is Kind.ANSI or self._is_fish:
            match = _ANSI.match(self._data, start, end)
            stop = match.end() if match else end
        else:
            stop = self._data.find(b"'", start, end)
        if not start <= stop < end or (self._awaited and b"\n" in self._data[start:stop]):
            raise Unsure
        return self._add(start, stop, kind, place) + 1

    def _read_quoted(self, place: int, end: int, kind: Kind, opened: int) -> int:
        pattern = _IN_DOUBLE if kind is Kind.DOUBLE else _IN_DOCUMENT
        while place < end:
            match = pattern.match(self._data, place, end)
            if match:
                if self._awaited and b"\n" in match[0]:
                    raise Unsure
                place = self._add(place, match.end(), kind, opened)
            elif self._data.startswith(b'"', place):
                return place + 1
            elif self._data.startswith(b"\\", place):
                place += 2
            elif self._data.startswith(b"`", place):
                place = place + 1 if self._is_fish else self._read_backticks(place, end, kind)
            else:
                self._quotes += 1
                place = self._read_dollar(place, end)
                self._quotes -= 1
        if kind is Kind.DOUBLE or place > end:
            raise Unsure
        return place

    def _read_backticks(self, place: int, end: int, kind: Kind | None = None) -> int:
        is_fragile = kind is not None or self._quotes > 0
        self._fragile += is_fragile
        place = self._enter(self._read_code, place + 1, end, b"`")
        self._fragile -= is_fragile
        return place

    def _read_dollar(self, place: int, end: int) -> int:
        data = self._data
        if data.startswith(b"$((", place) and not self._is_fish:
            return self._skip_arithmetic(place + 1, end)
        if data.startswith(b"$(", place):
            quotes, self._quotes, waiting = self._quotes, 0, len(self._awaited)
            place = self._enter(self._read_code, place + 2, end, b")")
            self._quotes = quotes
            if len(self._awaited) > waiting:  # shells differ on where such a document begins
                raise Unsure
            return place
        if data.startswith(b"${", place):
            if self._is_fish:
                raise Unsure
            return self._enter(self._read_parameter, place, end)
        match = _NAME.match(data, place, end)
        return match.end() if match else place + 1

    def _read_parameter(self, opened: int, end: int) -> int:
        place = opened + 2
        is_quoted = self._quotes > 0
        if self._data.startswith(b"#", place):
            place += 1
        while place < end:
            match = _IN_PARAMETER.match(self._data, place, end)
            if match:
                place = self._add(place, match.end(), Kind.PARAMETER, opened)
            elif self._data.startswith(b"}", place):
                return place + 1
            elif self._data.startswith(b"`", place):
                place = self._read_backticks(place, end)
            elif is_quoted and self._data.startswith((b"'", b"$'"), place):
                raise Unsure  # a quote for some operators, an apostrophe for others
            else:
                place = self._read_sign(place, end)
        raise Unsure

    def _skip_arithmetic(self, place: int, end: int) -> int:
        """At its two parentheses; the same signs may begin two subshells."""
        depth = 0
        while place < end:
            sign = self._data[place : place + 1]
            depth += (sign == b"(") - (sign == b")")
            place += 1
            if sign in (b"'", b'"', b"`", b"\\"):
                raise Unsure
            if sign == b")" and depth == 1 and self._data[place : place + 1] != b")":
                raise Unsure
            if depth == 0:
                return place
        raise Unsure
