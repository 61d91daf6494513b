"""What becomes of one file in which tokens were found.

Rule: what cannot be edited safely is left, and it is told what to do about it. What is edited has
no token in it afterwards: it is looked through once more before anything is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from credman.watch.clean.edits import Edit, Leak, apply_edits, edit_text, edit_words
from credman.watch.clean.json_text import edit_json
from credman.watch.clean.notebook import edit_notebook
from credman.watch.clean.python import edit_python
from credman.watch.clean.syntaxes import find_editor, is_valid
from credman.watch.scan.findings import Finding, Span
from credman.watch.scan.locating import has_remark
from credman.watch.scan.needles import LONGEST_FORM, list_whole_forms

LARGEST = 64 * 1024 * 1024
"""Bytes of a file that is edited."""
_HEAD = 4096
_KNOW_ENCODED = (edit_json, edit_notebook, edit_python)
_NO_VARIABLE = "TOKEN"
_AS_IT_IS = ("plain", "JSON-escaped", "quoted")
_MOST_EDITED = 5000
"""Tokens in a file whose syntax is looked at; more get a mark each."""
_ROUNDS = 3
_LONG = 16
"""Bytes; what is shorter may be a part of another word."""
_BOMS = {
    "utf-16": ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")),
    "utf-32": ((b"\xff\xfe\0\0", "utf-32-le"), (b"\0\0\xfe\xff", "utf-32-be")),
}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}", re.ASCII)
_SIGNS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]*=*")
_MOST_AROUND = 64
"""Bytes of encoded text around a token that are given up for it."""
_NO_BASE64 = re.compile(
    rb"(?:\x1b|\\(?:u001[bB]|x1[bB]|e|033))\[[0-9;]*m"
    rb"|\\(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|[A-Za-z/])|%[0-9A-Fa-f]{2}"
)
"""Escapes and colours: what ends like encoded text, and would be half of itself without its end."""
_LONGEST_ESCAPE = 16
_PACKED = {
    b"SQLite format 3\0": (
        "it is the database of another program",
        "take it out with that program, or delete the file",
    ),
    b"PK\x03\x04": ("it is packed in a zip file", "make it anew without the token, or delete it"),
}
_PICKLES = ("it is in pickled objects", "save them anew without the token, or delete the file")


@dataclass(frozen=True, slots=True)
class Left:
    """A file that stays as it is. Args: reason, advice: in words."""

    reason: str
    advice: str


class Spot(NamedTuple):
    """Args: masked: what may be shown of the token there."""

    leak: Leak
    masked: str


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A file that is to be another.

    Args:
        after: all of it.
        text: what it was, as UTF-8 where it was something wider.
        edits: what differs, in the text.
        spots: what was found, in the text.
        left: what stays in it all the same.
    """

    after: bytes = field(repr=False)
    text: bytes = field(repr=False)
    edits: tuple[Edit, ...] = field(repr=False)
    spots: tuple[Spot, ...]
    left: Left | None = None


_KEY = Left("it holds a key of several lines", "take the key out once credman or its owner has it")

Look = Callable[[bytes], Sequence[Finding]]
"""Gives what a scan of these bytes finds, as the same file."""


def edit_file(
    path: str,
    data: bytes,
    findings: Sequence[Finding],
    look: Look,
    find_value: Callable[[Finding], bytes | None] = lambda finding: None,
) -> Rewrite | Left:
    """Args:
        path: of the file; its ending counts.
        data: all of it.
        findings: in it, none of them accepted or ignored.
        look: looks it through again.
        find_value: gives the whole value of what is stored.

    Returns:
        What becomes of it.
    """
    left = _find_obstacle(data, findings)
    if left is not None:
        return left
    codec = next((f.span.codec for f in findings if f.span is not None and f.span.codec), "")
    text, rest = data, b""
    if codec:
        opened = _open_wide(data, codec)
        if opened is None:
            return Left("it is not whole text", "take it out with an editor")
        text, rest, codec = opened
        # Of what was found twice, as bytes and as text, the text is edited.
        findings = [f for f in findings if f.span is not None and f.span.codec]
    elif b"\0" in data:
        return Left("it is no text", "make it anew without the token, or delete it")
    findings = [f for f in findings if not _is_of_key(f)]
    for _ in range(_ROUNDS):
        spots = _list_spots(text, findings, find_value)
        rewrite, rest_of = _edit_spots(
            path, text, spots, lambda new: look(_encode(rest, new, codec))
        )
        if rewrite is not None:
            return replace(rewrite, after=_encode(rest, rewrite.after, codec))
        # One that stands right behind another is seen when that one is gone.
        more = [f for f in rest_of if f.encoding == "plain" and f.span is not None]
        findings = [*findings, *(g for f in more for g in _place_anew(text, f))]
    return Left("it would not be clean afterwards", "take it out with an editor")


def _encode(head: bytes, text: bytes, codec: str) -> bytes:
    return head + text.decode("utf-8").encode(codec) if codec else text


def _place_anew(text: bytes, finding: Finding) -> Iterator[Finding]:
    for start, end in _find_all(text, finding.value):
        yield replace(finding, span=Span(start, end - start))


def _edit_spots(
    path: str, text: bytes, spots: Sequence[Spot], look: Look
) -> tuple[Rewrite | None, Sequence[Finding]]:
    """Returns: the text without them; None: it would still have tokens, with these."""
    leaks = [spot.leak for spot in spots]
    editor = syntax = find_editor(path, text[:_HEAD])
    if len(leaks) > _MOST_EDITED:
        editor = None  # a log, whatever it is called
    elif editor not in _KNOW_ENCODED and not all(leak.is_plain for leak in leaks):
        editor = None
    is_yaml = path.lower().endswith((".yaml", ".yml"))
    found: Sequence[Finding] = ()
    for edit in (*filter(None, (editor,)), edit_words if is_yaml else edit_text):
        edits = edit(text, leaks)
        if edits is None:
            continue
        new = apply_edits(text, edits)
        if edit is edit_text and is_valid(syntax, text) and not is_valid(syntax, new):
            continue
        found = look(new)
        if all(map(_is_of_key, found)):
            left = _KEY if found else None
            return Rewrite(new, text, tuple(edits), tuple(spots), left), found
    return None, found


def edit_plainly(
    data: bytes,
    findings: Sequence[Finding],
    find_value: Callable[[Finding], bytes | None] = lambda finding: None,
) -> bytes:
    """Args: data: a text of no known syntax. Returns: it, with marks in place of tokens."""
    spots = _list_spots(data, findings, find_value)
    return apply_edits(data, edit_text(data, [spot.leak for spot in spots]))


def _find_obstacle(data: bytes, findings: Sequence[Finding]) -> Left | None:
    if any(f.span is None for f in findings):
        return Left("the token stands in its name", "rename it")
    if all(_is_of_key(f) for f in findings):
        return _KEY
    within = [f for f in findings if f.inside]
    if not within:
        return None
    if any(name.endswith((".pkl", ".pickle")) for f in within for name in f.inside):
        return Left(*_PICKLES)
    for head, (reason, advice) in _PACKED.items():
        if data.startswith(head):
            return Left(reason, advice)
    return Left("it is packed", "make it anew without the token, or delete it")


def _is_of_key(finding: Finding) -> bool:
    """Whether only a part of what it is about was found: there is more of it around."""
    return finding.encoding == "part" or finding.masked.startswith("-----BEGIN")


def _open_wide(data: bytes, codec: str) -> tuple[bytes, bytes, str] | None:
    """Returns: the text as UTF-8, what stands before it, and its codec; None: it would not be the
    same again."""
    bom = b""
    for known, exact in _BOMS.get(codec, ()):
        if data.startswith(known):
            bom, codec = known, exact
    try:
        text = data[len(bom) :].decode(codec)
        if bom + text.encode(codec) != data:
            return None
        return text.encode("utf-8"), bom, codec
    except UnicodeError:
        return None


def _list_spots(
    data: bytes,
    findings: Sequence[Finding],
    find_value: Callable[[Finding], bytes | None],
) -> list[Spot]:
    """Returns: what is to be taken out, in order; of two that overlap all that both take."""
    found: list[Spot] = []
    seen: set[bytes] = set()
    for finding in findings:
        if finding.span is None:
            continue
        places = [_extend(data, finding, finding.span, find_value)]
        if finding.encoding == "plain" and finding.span.size >= _LONG and finding.value not in seen:
            # A scan tells of so many in a file, and of some only where a name stands beside them.
            seen.add(finding.value)
            others = _find_all(data, finding.value)
            is_example = finding.owner is None
            places += (p for p in others if not (is_example and has_remark(data, *p)))
        variable = finding.variable if _VARIABLE.fullmatch(finding.variable) else _NO_VARIABLE
        is_plain = finding.encoding in _AS_IT_IS
        found += (Spot(Leak(*place, variable, is_plain), finding.masked) for place in places)
    spots: list[Spot] = []
    for spot in sorted(found):
        if spots and spot.leak.start < spots[-1].leak.end:
            # A value may begin as another one does: the longer one says whose it is.
            former, end = spots[-1], max(spot.leak.end, spots[-1].leak.end)
            longer = max(former, spot, key=lambda s: s.leak.end - s.leak.start)
            leak = longer.leak._replace(start=former.leak.start, end=end)
            spots[-1] = longer._replace(leak=leak)
        else:
            spots.append(spot)
    return spots


def _find_all(data: bytes, value: bytes) -> Iterator[tuple[int, int]]:
    place = data.find(value)
    while place >= 0:
        yield place, place + len(value)
        place = data.find(value, place + len(value))


def _extend(
    data: bytes,
    finding: Finding,
    span: Span,
    find_value: Callable[[Finding], bytes | None],
) -> tuple[int, int]:
    start, end = span.offset, span.offset + span.size
    if finding.encoding == "base64":
        # Its first and last signs hold bits of what stands beside it.
        return _extend_base64(data, start, end)
    value = find_value(finding) if span.size >= LONGEST_FORM else None
    for form in () if value is None else list_whole_forms(value, finding.encoding):
        if data.startswith(form, start):
            end = max(end, start + len(form))
    return start, end


def _extend_base64(data: bytes, start: int, end: int) -> tuple[int, int]:
    most = _MOST_AROUND
    first = start
    while first > 0 and start - first < most and data[first - 1] in _SIGNS:
        first -= 1
    if start - first == most:
        first = start - 1
    for escape in _NO_BASE64.finditer(data, max(first - _LONGEST_ESCAPE, 0), start):
        first = max(first, escape.end())
    match = _BASE64.match(data, end, end + most)
    last = end if match is None else match.end()
    return first, end + 1 if last - end == most else last
