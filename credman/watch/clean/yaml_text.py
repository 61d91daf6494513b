"""Tokens in YAML become a placeholder for their variable.

Rule: nothing here reads YAML in full. What is read is read as every reader does, and a file with
anything else in it is left to others.

Source: https://yaml.org/spec/1.2.2/
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from credman.watch.clean.edits import Edit, Leak, make_marker

_DEEPEST = 40
"""Collections inside one another; beyond them a file is left."""
_BOM = b"\xef\xbb\xbf"
_OTHER_LINE_ENDS = re.compile(rb"\r(?!\n)|\xc2\x85|\xe2\x80[\xa8\xa9]|\0")
_TOKEN = re.compile(rb"[A-Za-z0-9_.+/=@%-]+")
_INDENT = re.compile(rb" *")
_BLANKS = re.compile(rb"[ \t]*")
_LINE_END = re.compile(rb"[ \t\r]*(?:\n|\Z)")
_DASH = re.compile(rb"-(?= |\r?\n|\Z)")
_MARK = re.compile(rb"(?:---|\.\.\.)(?=[ \t\r\n]|\Z)")
_PLAIN = re.compile(rb"(?:[^\s:#]|:(?![\s]|\Z)|(?<![ \t])#|[ \t]+(?![\s#]|\Z|:(?:\s|\Z)))+")
_FLOW_PLAIN = re.compile(
    rb"(?:[^\s:#,\[\]{}]|:(?![\s,\[\]{}]|\Z)|(?<![ \t])#|[ \t]+(?![\s#,\[\]{}:]|\Z))+"
)
_NO_PLAIN = frozenset(b"@`%,]}#&!|>")
_QUOTED = {
    b"'": re.compile(rb"'((?:[^']|'')*+)'"),
    b'"': re.compile(rb'"((?:[^"\\]|\\.)*+)"', re.DOTALL),
}
_INDICATOR = re.compile(rb"[-?:](?=[\s,\[\]{}]|\Z)")
_COLON = re.compile(rb":(?=\s|\Z)")
_SPACE = re.compile(rb"\s*")
_PROPERTY = re.compile(rb"[&!][^\s,\[\]{}]*(?=\s|\Z)")
_ALIAS = re.compile(rb"\*[^\s,\[\]{}:]+")
_HEADER = re.compile(rb"[|>](?:[+-]?([1-9])?|([1-9])[+-])[ \t]*(?:(?<=[ \t])#[^\n]*)?\r?(?:\n|\Z)")
_HALF_ESCAPE = re.compile(rb"\\(?:[xuU][0-9A-Fa-f]{0,7})?$")


class _Unsure(Exception):
    """The file holds something that is not understood."""


class _Kind(Enum):
    PLAIN = 0
    QUOTED = 1
    BLOCK = 2
    COMMENT = 3
    KEY = 4


@dataclass(slots=True)
class _Span:
    """Args: is_whole: nothing of the value stands elsewhere. is_marked: it has a tag or anchor."""

    start: int
    end: int
    kind: _Kind
    is_flow: bool = False
    is_marked: bool = False
    is_whole: bool = True


def edit_yaml(
    data: bytes, leaks: Sequence[Leak], *, is_workflow: bool = False
) -> list[Edit] | None:
    """Args:
        data: a file in YAML.
        leaks: where tokens stand in it.
        is_workflow: GitHub runs it, and fills in its own kind of placeholder.

    Returns:
        Edits after which only the tokens' text is another, or None if unsure.
    """
    if _OTHER_LINE_ENDS.search(data):
        return None
    try:
        data.decode("utf-8")
        spans = _Reader(data).read()
        return sorted(_edit(data, leak, spans, is_workflow=is_workflow) for leak in leaks)
    except (_Unsure, UnicodeDecodeError):
        return None


def _edit(data: bytes, leak: Leak, spans: Sequence[_Span], *, is_workflow: bool) -> Edit:
    start, end, variable, _ = leak
    span = next((s for s in spans if s.start <= start and end <= s.end), None)
    if span is None or span.kind is _Kind.KEY or span.is_marked:
        raise _Unsure
    if span.kind is _Kind.COMMENT:
        return Edit(start, end, make_marker(variable))
    if not _TOKEN.fullmatch(data[start:end]):
        raise _Unsure
    name = variable.encode("ascii")
    placeholder = b"${{ secrets.%s }}" % name if is_workflow else b"${%s}" % name
    if span.kind is _Kind.QUOTED and _HALF_ESCAPE.search(data[span.start : start]):
        raise _Unsure
    if span.kind is not _Kind.PLAIN:
        return Edit(start, end, placeholder)
    if (span.start, span.end) == (start, end) and span.is_whole:
        is_bare = is_workflow and not span.is_flow
        return Edit(start, end, placeholder if is_bare else b'"%s"' % placeholder)
    if not span.is_flow:
        return Edit(start, end, placeholder)
    if is_workflow or re.match(rb"[A-Za-z0-9_]", data[end : end + 1]):
        raise _Unsure  # a placeholder that needs braces, where braces end the value
    return Edit(start, end, b"$" + name)


@dataclass(slots=True)
class _Reader:
    data: bytes
    spans: list[_Span] = field(default_factory=list)
    column: int = -1  # of the key or dash whose value comes
    open_plain: _Span | None = None  # what a line further in would go on with
    is_marked: bool = False
    depth: int = 0

    def read(self) -> list[_Span]:
        place = len(_BOM) if self.data.startswith(_BOM) else 0
        while place < len(self.data):
            place = self._read_line(place)
        return self.spans

    def _read_line(self, line: int) -> int:
        data = self.data
        place = _end(_INDENT, data, line)
        if _LINE_END.match(data, place) or data.startswith(b"#", place):
            return self._finish(place)
        if data.startswith(b"\t", place):
            raise _Unsure
        if place == line and (_MARK.match(data, place) or data.startswith(b"%", place)):
            if data.startswith(b"%", place):
                raise _Unsure
            self.column, self.open_plain, self.is_marked = -1, None, False
            return self._finish(place + 3)
        if self.open_plain and place - line > self.column:
            self.open_plain.is_whole = False
            return self._read_plain(place, is_whole=False)
        self.open_plain = None
        return self._read_nodes(line, place)

    def _read_nodes(self, line: int, place: int) -> int:
        """What stands in a line after its indentation: dashes, keys and a value."""
        data, has_key, node = self.data, False, place
        while True:
            if _LINE_END.match(data, place) or data.startswith(b"#", place):
                return self._finish(place)
            if not has_key and _DASH.match(data, place):
                self.column, self.is_marked = place - line, False
                place = node = _end(_INDENT, data, place + 1)
                continue
            sign = data[place : place + 1]
            match = _PROPERTY.match(data, place)
            if match:
                self.is_marked = True
                place = _end(_BLANKS, data, match.end())
                continue
            if sign in b"|>":
                return self._read_block(place)
            start = place
            if sign in b"[{":
                stop = self._read_flow(place)
                if data.startswith(b":", _end(_BLANKS, data, stop)):
                    raise _Unsure
                return self._finish(stop)
            span = self._read_scalar(place, _PLAIN)
            after = span.end + (span.kind is _Kind.QUOTED)
            colon = _end(_BLANKS, data, after)
            if not _COLON.match(data, colon):
                if span.kind is _Kind.PLAIN:
                    self.open_plain = span
                return self._finish(after)
            if has_key or b"\n" in data[start:colon]:
                raise _Unsure
            span.kind, has_key, self.column = _Kind.KEY, True, node - line
            place = _end(_BLANKS, data, colon + 1)

    def _read_scalar(self, place: int, plain: re.Pattern[bytes]) -> _Span:
        data, sign = self.data, self.data[place : place + 1]
        is_flow = plain is _FLOW_PLAIN
        if sign in _QUOTED:
            match = _QUOTED[sign].match(data, place)
            if not match:
                raise _Unsure
            span = _Span(match.start(1), match.end(1), _Kind.QUOTED, is_flow, self.is_marked)
        else:
            alias = _ALIAS.match(data, place)
            match = alias or plain.match(data, place)
            if not match or data[place] in _NO_PLAIN or _INDICATOR.match(data, place):
                raise _Unsure
            kind = _Kind.KEY if alias else _Kind.PLAIN
            span = _Span(place, match.end(), kind, is_flow, self.is_marked)
        self.is_marked = False
        self.spans.append(span)
        return span

    def _read_plain(self, place: int, *, is_whole: bool) -> int:
        match = _PLAIN.match(self.data, place)
        stop = match.end() if match else place
        self.spans.append(_Span(place, stop, _Kind.PLAIN, is_whole=is_whole))
        return self._finish(stop)

    def _read_flow(self, place: int) -> int:
        """At the bracket that opens a collection. Returns: the place after the one that ends it."""
        data, closer = self.data, b"]" if self.data.startswith(b"[", place) else b"}"
        self.is_marked, self.depth = False, self.depth + 1
        if self.depth > _DEEPEST:
            raise _Unsure
        place, last, has_key = place + 1, None, False
        while True:
            place = self._skip_between(place)
            sign = data[place : place + 1]
            match = _PROPERTY.match(data, place)
            if match:
                self.is_marked, place = True, match.end()
            elif sign in (closer, b","):
                if last and closer == b"}" and not has_key:
                    last.kind = _Kind.KEY
                self.is_marked = False
                if sign == closer:
                    self.depth -= 1
                    return place + 1
                place, last, has_key = place + 1, None, False
            elif sign == b":" and last and not has_key:
                if last.kind is _Kind.PLAIN and not data[place + 1 : place + 2].isspace():
                    raise _Unsure
                last.kind, last, has_key, place = _Kind.KEY, None, True, place + 1
            elif last:
                raise _Unsure  # a value over several lines, or two without a comma
            elif sign and sign in b"[{":
                last = _Span(place, place, _Kind.KEY)
                place = self._read_flow(place)
            else:
                last = self._read_scalar(place, _FLOW_PLAIN)
                place = last.end + (last.kind is _Kind.QUOTED)

    def _skip_between(self, place: int) -> int:
        while True:
            after = _end(_SPACE, self.data, place)
            if not self.data.startswith(b"#", after) or after == place:
                return after
            place = self._read_comment(after)

    def _read_block(self, place: int) -> int:
        data, match = self.data, _HEADER.match(self.data, place)
        if not match:
            raise _Unsure
        if b"#" in match[0]:
            self._read_comment(data.index(b"#", place))
        start = place = match.end()
        digit = match[1] or match[2]
        indent = max(self.column, 0) + int(digit) if digit else 0
        while place < len(data):
            text = _end(_INDENT, data, place)
            stop = data.find(b"\n", place)
            stop = stop + 1 if stop >= 0 else len(data)
            if data[place:stop].strip(b" \r\n"):
                indent = indent or max(text - place, self.column + 1)
                if not indent:
                    raise _Unsure
                if text - place < indent:
                    break
            place = stop
        self.spans.append(_Span(start, place, _Kind.BLOCK, is_marked=self.is_marked))
        self.is_marked = False
        return place

    def _finish(self, place: int) -> int:
        """After what stands in a line: a comment may follow. Returns: the next line."""
        after = _end(_BLANKS, self.data, place)
        # A remark begins its line or follows a blank; the last of these ends a byte order mark.
        before = self.data[max(after - 1, 0) : after]
        if self.data.startswith(b"#", after) and before in (b"", b" ", b"\t", b"\n", b"\xbf"):
            after = self._read_comment(after)
        match = _LINE_END.match(self.data, after)
        if not match:
            raise _Unsure
        return match.end()

    def _read_comment(self, place: int) -> int:
        stop = self.data.find(b"\n", place)
        stop = stop if stop >= 0 else len(self.data)
        self.spans.append(_Span(place, stop, _Kind.COMMENT))
        return stop


def _end(pattern: re.Pattern[bytes], data: bytes, place: int) -> int:
    match = pattern.match(data, place)
    return match.end() if match else place
