"""Tokens in ``.env`` files, TOML and INI become a placeholder for their variable, or go.

Rule: what several programs read, each in its own way, becomes what all of them read alike.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import NamedTuple

from credman.watch.clean.edits import Edit, Leak, apply_edits, make_marker

_BOM = b"\xef\xbb\xbf"
_TOKEN = re.compile(rb"[A-Za-z0-9_.+/=@%:-]+")
_LONE_RETURN = re.compile(rb"\r(?!\n)|\0")
_ASSIGNMENT = re.compile(
    rb"[ \t]*+(?P<left>(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*)"
)
_QUOTED = {
    b"'": re.compile(rb"'([^'\\]*+)'"),
    b'"': re.compile(rb'"((?:[^"\\]|\\.)*+)"', re.DOTALL),
}
_UNQUOTED = re.compile(rb"((?:[^\s#]|(?<![ \t=])#|[ \t]+(?![\s#]|\Z))*+)")
_REST = re.compile(rb"(?:[ \t]*|[ \t]+(#[^\r\n]*))\r?(?:\n|\Z)")
_TOML_PARTS = re.compile(
    rb'"""(?:[^"\\]|\\.|"{1,2}(?!"))*+"{3,5}'
    rb"|'''(?:[^']|'{1,2}(?!'))*+'{3,5}"
    rb"|\"(?:[^\"\\\n]|\\.)*+\"|'[^'\n]*+'|(?P<comment>#[^\n]*+)|[^\"'#]+",
    re.DOTALL,
)
_INI_SECTION = re.compile(rb"[ \t]*\[")
_INI_VALUE = re.compile(rb"[ \t]*[^\s=:#;!\[][^=:\n]*[=:]")


class _Unsure(Exception):
    """The file holds something that is not understood."""


class _Value(NamedTuple):
    """Args:
    left: where its name begins, or ``export`` before it.
    start, end: the value without quotes; stop: after the quote.
    quote: that it stands in, or none.
    comment: where one begins after it, or -1. following: the next line.
    """

    left: int
    name: bytes
    start: int
    end: int
    stop: int
    quote: bytes
    comment: int
    following: int


def _refer(data: bytes, leak: Leak) -> Edit:
    # After such a sign a placeholder would be none, or another one.
    is_after_sign = data[max(leak.start - 1, 0) : leak.start] in (b"\\", b"$")
    if is_after_sign or not _TOKEN.fullmatch(data[leak.start : leak.end]):
        raise _Unsure
    return Edit(leak.start, leak.end, b"${%s}" % leak.variable.encode("ascii"))


def _mark(leak: Leak) -> Edit:
    return Edit(leak.start, leak.end, make_marker(leak.variable))


def edit_dotenv(data: bytes, leaks: Sequence[Leak]) -> list[Edit] | None:
    """Args:
        data: a file of ``NAME=value`` lines.
        leaks: where tokens stand in it.

    Returns:
        Edits after which a variable that was a token is a remark for every reader of such files,
        and others hold a placeholder; or None if unsure.
    """
    if _LONE_RETURN.search(data):
        return None
    edits: list[Edit] = []
    place = len(_BOM) if data.startswith(_BOM) else 0
    waiting = sorted(leaks)
    try:
        if waiting and waiting[0].start < place:
            return None
        while place < len(data):
            stop = data.find(b"\n", place) + 1 or len(data)
            value = _read_assignment(data, place)
            following = value.following if value else stop
            inside = [leak for leak in waiting if place <= leak.start < following]
            if any(leak.end > following for leak in inside):
                raise _Unsure
            edits += _edit_line(data, place, value, inside)
            place = following
    except _Unsure:
        return None
    return edits


def _edit_line(data: bytes, line: int, value: _Value | None, leaks: Sequence[Leak]) -> list[Edit]:
    if value is None:
        if leaks and not data[line : leaks[0].start].lstrip(b" \t").startswith(b"#"):
            raise _Unsure
        return [_mark(leak) for leak in leaks]
    edits = []
    for leak in leaks:
        if (leak.start, leak.end) == (value.start, value.end):
            # A remark with a backslash at its end takes the next line along for some readers.
            rest = data[value.stop : value.following].rstrip()
            if rest.endswith(b"\\") or not _TOKEN.fullmatch(data[leak.start : leak.end]):
                raise _Unsure
            edits.append(Edit(value.left, value.stop, b"# %s=" % value.name))
        elif value.start <= leak.start and leak.end <= value.end:
            edits.append(_mark(leak) if value.quote == b"'" else _refer(data, leak))
            if not value.quote and re.search(rb"['\"`\\]", data[value.start : value.end]):
                raise _Unsure
        elif 0 <= value.comment <= leak.start:
            edits.append(_mark(leak))
        else:
            raise _Unsure
    return edits


def _read_assignment(data: bytes, line: int) -> _Value | None:
    """Returns: what is assigned there, maybe over several lines; None where nothing is.

    Raises:
        _Unsure: a quote is not closed, or something follows it.
    """
    match = _ASSIGNMENT.match(data, line)
    if not match:
        return None
    place, name = match.end(), match["name"]
    sign = data[place : place + 1]
    if sign == b"`":
        raise _Unsure
    quoted = _QUOTED.get(sign)
    value = (quoted or _UNQUOTED).match(data, place)
    rest = _REST.match(data, value.end()) if value else None
    if not value or not rest or (not quoted and value[1].endswith(b"\\")):
        raise _Unsure
    comment = rest.start(1)
    stop = value.end()
    return _Value(
        match.start("left"),
        name,
        *value.span(1),
        stop,
        sign if quoted else b"",
        comment,
        rest.end(),
    )


def edit_toml(data: bytes, leaks: Sequence[Leak]) -> list[Edit] | None:
    """Args:
        data: a file in TOML.
        leaks: where tokens stand in it.

    Returns:
        Edits after which it holds the same but for the tokens, or None if unsure.
    """
    import tomllib

    edits: list[Edit] = []
    waiting = sorted(leaks, reverse=True)
    for part in _TOML_PARTS.finditer(data):
        sign = data[part.start() : part.start() + 1]
        while waiting and part.start() <= waiting[-1].start < part.end():
            leak = waiting.pop()
            if leak.end > part.end() or sign not in (b'"', b"'", b"#"):
                return None
            try:
                edits.append(_mark(leak) if part["comment"] else _refer(data, leak))
            except _Unsure:
                return None
    try:
        # Numbers stay as they are written: one of them equals nothing, not even itself.
        old, new = (
            tomllib.loads(text.decode("utf-8-sig"), parse_float=str)
            for text in (data, apply_edits(data, edits))
        )
    except (ValueError, RecursionError):
        return None
    return None if waiting or _replace(old, _list_tokens(data, leaks)) != new else edits


def _list_tokens(data: bytes, leaks: Sequence[Leak]) -> list[tuple[str, str]]:
    """Returns: each token that is in it, longer ones first, and what takes its place."""
    found = {data[k.start : k.end].decode("ascii", "replace"): k.variable for k in leaks}
    return sorted(((token, f"${{{name}}}") for token, name in found.items()), key=_by_length)


def _by_length(pair: tuple[str, str]) -> int:
    return -len(pair[0])


def _replace(node: object, tokens: Sequence[tuple[str, str]]) -> object:
    """Returns: the same with placeholders in all values; keys stay."""
    if isinstance(node, dict):
        return {key: _replace(value, tokens) for key, value in node.items()}
    if isinstance(node, list):
        return [_replace(value, tokens) for value in node]
    if isinstance(node, str):
        for token, reference in tokens:
            node = node.replace(token, reference)
    return node


def edit_ini(data: bytes, leaks: Sequence[Leak]) -> list[Edit] | None:
    """Args:
        data: an ``.ini``, ``.cfg``, ``.conf`` or ``.properties`` file.
        leaks: where tokens stand in it.

    Returns:
        Edits after which it holds the same but for the tokens, or None if unsure.
    """
    if _LONE_RETURN.search(data):
        return None
    edits: list[Edit] = []
    place = len(_BOM) if data.startswith(_BOM) else 0
    waiting = sorted(leaks, reverse=True)
    has_value = False
    while place < len(data):
        stop = data.find(b"\n", place) + 1 or len(data)
        line = data[place:stop]
        value = _INI_VALUE.match(line)
        is_comment = line.lstrip(b" \t").startswith((b"#", b";", b"!"))
        is_further = has_value and line[:1] in (b" ", b"\t")
        inside = []
        while waiting and place <= waiting[-1].start < stop:
            inside.append(waiting.pop())
        try:
            for leak in inside:
                start = 0 if is_further else value.end() if value else stop
                if is_comment:
                    edits.append(_mark(leak))
                elif place + start <= leak.start and leak.end <= stop and _is_ini(line):
                    edits.append(_refer(data, leak))
                else:
                    return None
        except _Unsure:
            return None
        if not is_comment and line.strip():
            has_value = bool(value) or is_further
        place = stop
    done = len(edits) == len(leaks) and _reads_alike(data, apply_edits(data, edits), leaks)
    return edits if done else None


def _is_ini(line: bytes) -> bool:
    # Servers' configurations have the same endings, and their own meaning of a dollar.
    return not line.rstrip().endswith((b";", b"{", b"}")) and not _INI_SECTION.match(line)


def _reads_alike(old: bytes, new: bytes, leaks: Sequence[Leak]) -> bool:
    """Returns: Whether every way to read the file that did well before gives the same but for
    the tokens."""
    try:
        texts = [text.decode("utf-8-sig") for text in (old, new)]
    except UnicodeDecodeError:
        return False
    tokens = _list_tokens(old, leaks)
    for allows_no_value, head in itertools.product((False, True), ("", "[credman]\n")):
        for prefixes in ((), ("#", ";")):
            before, after = (_parse_ini(head + text, allows_no_value, prefixes) for text in texts)
            if before is not None and _replace(before, tokens) != after:
                return False
    return True


def _parse_ini(text: str, allows_no_value: bool, prefixes: Sequence[str]) -> object:
    import configparser

    parser = configparser.RawConfigParser(
        allow_no_value=allows_no_value, inline_comment_prefixes=prefixes
    )
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    return {name: dict(parser.items(name)) for name in ["DEFAULT", *parser.sections()]}
