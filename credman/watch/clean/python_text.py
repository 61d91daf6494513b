"""Where strings and comments lie in Python source, the same under every version of Python.

Rule: strings inside of an f-string's fields are found as well, written as before Python 3.12 or
after. What is read here has been compiled, so anything strange is an error. Source for the form:
https://docs.python.org/3/reference/lexical_analysis.html
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(r"\r\n?")
_SIGNS = re.compile(r"\r\n|[\s\S]")
_WORD = re.compile(r"\w+")
_PREFIXES = frozenset({"r", "u", "b", "br", "rb", "f", "fr", "rf", "t", "tr", "rt"})
_AFTER_CONVERSION = re.compile(r"[:}]")
_COMMAND = re.compile(r"[ \t\f]*(?P<start>[%!?,;/])")
_COMMAND_ASSIGNED = re.compile(r"=[ \t]*(?P<start>!|%[ \t]*[^\W\d])")
_CONTINUED = re.compile(r"(?:[^\n]*\\\n)*[^\n]*")


class Patch(NamedTuple):
    """The signs from start to end become others."""

    start: int
    end: int
    new: str


class Literal(NamedTuple):
    """A string as it is written.

    Args:
        start, end: with its prefix and quotes; body, body_end: what is between the quotes.
        prefix: in small letters; quote: one sign or three.
        fields: of an f-string: where each begins, where its code ends, where it ends itself.
        around: the first signs of the quotes of the f-strings that it stands in.
        is_enclosed: it stands in brackets or in a field, where lines go on by themselves.
    """

    start: int
    body: int
    body_end: int
    end: int
    prefix: str
    quote: str
    fields: tuple[tuple[int, int, int], ...]
    around: str
    is_enclosed: bool


class Source(NamedTuple):
    """A file as text whose lines end with ``\\n``.

    Args:
        at: for each sign, and for the end, the byte where it begins in the file.
        line_end: what ends a line in the file.
    """

    text: str
    at: Sequence[int]
    line_end: str


def read_source(data: bytes, *, is_cell: bool) -> Source:
    """Raises:
    SyntaxError, ValueError, LookupError: its encoding is unknown, or not that of its bytes.
    """
    codec, skipped = "utf-8", 0
    if not is_cell:
        lines = io.BytesIO(re.sub(rb"\r\n?", b"\n", data))
        codec = tokenize.detect_encoding(lines.readline)[0].removesuffix("-sig")
        skipped = len(_BOM) if data.startswith(_BOM) else 0
    text = data[skipped:].decode(codec)
    if text.isascii() and "\r" not in text and len(text) + skipped == len(data):
        return Source(text, range(skipped, len(data) + 1), "\n")
    at = list(accumulate((len(s.encode(codec)) for s in _SIGNS.findall(text)), initial=skipped))
    if at[-1] != len(data):
        raise ValueError("its signs are not written one after the other")
    found = re.search(r"\r\n?|\n", text)
    return Source(_LINE_END.sub("\n", text), at, found[0] if found else "\n")


def put_in(text: str, patches: Iterable[Patch]) -> str:
    """Raises: ValueError: two overlap."""
    parts, reached = [], 0
    for patch in sorted(patches, key=lambda p: p[:2]):
        if patch.start < reached:
            raise ValueError("patches overlap")
        parts += [text[reached : patch.start], patch.new]
        reached = patch.end
    return "".join([*parts, text[reached:]])


@dataclass(slots=True)
class Scanner:
    """Args: has_commands: it is a cell, in which lines may be IPython's; start: what comes before
    is no code."""

    text: str
    has_commands: bool = False
    start: int = 0
    literals: list[Literal] = field(default_factory=list)
    comments: list[tuple[int, int]] = field(default_factory=list)
    commands: list[tuple[int, int]] = field(default_factory=list)
    _around: str = ""

    def scan(self) -> None:
        """Fills literals (what stands inside after what it stands in), comments and commands.

        Raises:
            ValueError, IndexError: a string or a field has no end.
        """
        self._read_code(self.start, in_field=False)

    def hide_commands(self) -> str:
        """Returns: the text, of the same length, in which Python compiles in their place."""
        text = self.text
        if self.start:
            text = "#" * (self.start - 1) + "\n" + text[self.start :]
        return put_in(text, [Patch(s, e, "0" + " " * (e - s - 1)) for s, e in self.commands])

    def _read_code(self, at: int, *, in_field: bool) -> int:
        """Returns: the end, or in a field the sign that ends its expression."""
        text, depth, line = self.text, 0, at
        is_fresh = watches = self.has_commands and not in_field
        while at < len(text):
            sign = text[at]
            if watches:
                end = self._find_command(at, line, is_fresh=is_fresh, depth=depth)
                if end is not None:
                    at, is_fresh = end, False
                    continue
                is_fresh = is_fresh and sign in " \t\f"
            word = _WORD.match(text, at)
            if word is not None or sign in "'\"":
                stop = at if word is None else word.end()
                if text[stop : stop + 1] in ("'", '"') and (
                    word is None or word[0].lower() in _PREFIXES
                ):
                    stop = self._read_literal(at, stop, is_enclosed=in_field or depth > 0)
                at = stop
                continue
            if in_field and depth == 0 and (sign in ":}" or (sign == "!" and text[at + 1] != "=")):
                return at
            if sign == "#":
                stop = text.find("\n", at)
                stop = len(text) if stop < 0 else stop
                self.comments.append((at, stop))
                at = stop
                continue
            if sign == "\n" and depth == 0:
                is_fresh, line = watches, at + 1
            depth += (sign in "([{") - (sign in ")]}")
            at += 2 if sign == "\\" or text.startswith("!=", at) else 1
        if in_field:
            raise ValueError("a field has no end")
        return at

    def _find_command(self, at: int, line: int, *, is_fresh: bool, depth: int) -> int | None:
        """Returns: where a command of IPython ends that is seen here."""
        if is_fresh:
            found = _COMMAND.match(self.text, at)
        elif self.text[at] == "=" and depth == 0:
            found = _COMMAND_ASSIGNED.match(self.text, at)
        else:
            found = None
        if found is not None:
            start = found.start("start")
        elif self.text[at] == "?":
            # The whole line asks for help: what seemed to be code in it is none.
            start = line + len(self.text[line:at]) - len(self.text[line:at].lstrip(" \t\f"))
            self.literals = [x for x in self.literals if x.end <= start]
            self.commands = [x for x in self.commands if x[1] <= start]
        else:
            return None
        match = _CONTINUED.match(self.text, start)
        end = len(self.text) if match is None else match.end()
        self.commands.append((start, end))
        return end

    def _read_literal(self, start: int, quote_at: int, *, is_enclosed: bool) -> int:
        text = self.text
        prefix, quote = text[start:quote_at].lower(), text[quote_at]
        if text.startswith(quote * 3, quote_at):
            quote *= 3
        number, at = len(self.literals), quote_at + len(quote)
        around, fields = self._around, list[tuple[int, int, int]]()
        unread = Literal(start, at, at, at, prefix, quote, (), around, is_enclosed)
        self.literals.append(unread)
        has_fields = "f" in prefix or "t" in prefix
        self._around = around + quote[0]
        while not text.startswith(quote, at):
            following = text[at + 1]
            if text[at] == "\\":
                if has_fields and "r" not in prefix and text.startswith("N{", at + 1):
                    at = text.index("}", at) + 1
                else:
                    # A backslash does not keep a brace from being one.
                    at += 1 if has_fields and following in "{}" else 2
            elif has_fields and text[at] == "{":
                at = at + 2 if following == "{" else self._read_field(at, fields)
            else:
                at += 1
        self._around = around
        end = at + len(quote)
        self.literals[number] = unread._replace(body_end=at, end=end, fields=tuple(fields))
        return end

    def _read_field(self, start: int, fields: list[tuple[int, int, int]]) -> int:
        """Returns: where it ends; what stands after its colon is text again."""
        at = code_end = self._read_code(start + 1, in_field=True)
        if self.text[at] == "!":
            found = _AFTER_CONVERSION.search(self.text, at)
            if found is None:
                raise ValueError("a field has no end")
            at = found.start()
        if self.text[at] == ":":
            at += 1
            while self.text[at] != "}":
                at = self._read_field(at, fields) if self.text[at] == "{" else at + 1
        fields.append((start, code_end, at + 1))
        return at + 1
