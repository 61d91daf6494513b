"""How a stored value is written in outputs, what of it is looked for, and how far a text is it.

Rule: pure. Forms and needles hold values in clear, in memory only.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from credman.watch.scan.judging import estimate_guess_bits
from credman.watch.scan.needles import (
    LONGEST_FORM,
    SHORTEST,
    is_telling,
    list_whole_forms,
    make_needles,
)

_SHORTEST_FORM = 10
_HEAD, _BLOCK = 12, 16
"""Characters of a value's beginning that tell it, at least; and of any other piece."""
_TELLING_BITS, _HEAD_BITS = 40.0, 60.0
"""Of a piece of letters and digits; and of a beginning that has other characters, as addresses."""
_OPAQUE = re.compile(r"[A-Za-z0-9_.+/=~-]+")
_PASSWORDS = (
    re.compile(r"[A-Za-z][\w+.-]*://[^:/?#@\s]*:([^/?#\s]+)@"),
    # With a slash that is not quoted, as drivers of databases take it.
    re.compile(r"[A-Za-z][\w+.-]*://[^:/?#@\s]*:(?!\d*/)([^@\s]+)@"),
)
_GRAM = 3


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """A text that is taken out, and the name that stands in its place."""

    name: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Tail:
    """A text ends like this, and may go on so.

    Args:
        at: characters of the form up to there.
        size: how many of them, at most, stand in the text.
    """

    form: Form
    at: int
    size: int


Tails = tuple[Tail, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """Args:
    start, end: characters of a text.
    tails: forms as which it goes on up to the text's end.
    is_open: what follows may give it another name, or an earlier end.
    """

    start: int
    end: int
    name: str
    tails: Tails = ()
    is_open: bool = False


class Comparison:
    """How far one text goes on as forms do, around the pieces that were found in it. A long form
    has many pieces, and is compared once.

    Args:
        start: from where on the text is new.
        groups: how what is before went on; each from one match.
    """

    def __init__(self, text: str, start: int = 0, groups: Iterable[Tails] = ()) -> None:
        self._text = text
        self._known: dict[tuple[Form, int], tuple[int, int]] = {}
        self.matches: list[Match] = []
        for group in groups:
            for tail in group:
                key = (tail.form, start - tail.at)
                end = start + _count_alike(tail.form.text, tail.at, text, start)
                first = self._known.get(key, (start, end))[0]
                self._known[key] = (min(first, start - tail.size), end)
        for group in groups:
            self.add(start, 0, [(tail.form, tail.at) for tail in group])

    def add(self, at: int, size: int, forms: Sequence[tuple[Form, int]]) -> None:
        """Args: forms: and where in them the piece stands.

        Of two forms the one that is whole counts, then the longer one.
        """
        best, rank, name, tails = (at, at + size), (False, -1), "", []
        for form, offset in forms:
            start, end = self._measure(form, offset, at, size)
            whole = end - start == len(form.text)
            if (whole, end - start) > rank:
                best, rank, name = (start, end), (whole, end - start), form.name
            if end == len(self._text):
                tails.append(Tail(form, end - at + offset, end - start))
        ahead = {tail.form.name for tail in tails if tail.at < len(tail.form.text)}
        is_open = bool(ahead) and (rank[0] or (size > 0 and ahead != {name}))
        self.matches.append(Match(*best, name, tuple(tails) if ahead else (), is_open))

    def _measure(self, form: Form, offset: int, at: int, size: int) -> tuple[int, int]:
        known = self._known.get((form, at - offset))
        if known is None or not (known[0] <= at and at + size <= known[1]):
            end = at + size
            end += _count_alike(form.text, offset + size, self._text, end)
            known = (at - _count_alike_before(form.text, offset, self._text, at), end)
            self._known[form, at - offset] = known
        return known


class Beginnings:
    """Whether a text ends with the beginning of another one.

    Args:
        texts: each longer than ``_GRAM`` characters.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._by_start: dict[str, list[str]] = {}
        self._shorter: set[str] = set()
        self._grams: set[str] = set()
        self.longest = 0
        for text in {*texts}:
            self._by_start.setdefault(text[:_GRAM], []).append(text)
            self._shorter.update(text[:size] for size in range(1, _GRAM))
            self._grams.update(text[at : at + _GRAM] for at in range(len(text) - _GRAM))
            self.longest = max(self.longest, len(text))

    def find(self, text: str) -> tuple[int, bool]:
        """Returns: from where on the end of a text is the beginning of another one; its length if
        nowhere. And whether, with more before it, it might be earlier."""
        size = len(text)
        found = size
        for at in range(max(size - _GRAM + 1, 0), size):
            if text[at:] in self._shorter:
                found = at
                break
        at, lowest = size - _GRAM, max(size - self.longest + 1, 0)
        # Next to no text ends with pieces of values, so this ends soon.
        while at >= lowest and (gram := text[at : at + _GRAM]) in self._grams:
            if gram in self._by_start:
                rest = text[at:]
                if any(len(t) > len(rest) and t.startswith(rest) for t in self._by_start[gram]):
                    found = at
            at -= 1
        return found, at < 0


def _count_alike(form: str, at: int, text: str, place: int) -> int:
    """Returns: how many characters of a form, from one place on, are those of a text."""
    most = min(len(form) - at, len(text) - place)
    done, step = 0, 16
    while done < most and step:
        size = min(step, most - done)
        if form[at + done : at + done + size] == text[place + done : place + done + size]:
            done += size
            step *= 2
        else:
            step = size // 2
    return done


def _count_alike_before(form: str, at: int, text: str, place: int) -> int:
    """Returns: as ``_count_alike``, of those before both places."""
    most = min(at, place)
    done, step = 0, 16
    while done < most and step:
        size = min(step, most - done)
        if form[at - done - size : at - done] == text[place - done - size : place - done]:
            done += size
            step *= 2
        else:
            step = size // 2
    return done


def list_forms(value: str) -> Iterator[tuple[str, bool]]:
    """Yields: how a value is written, and whether its characters are still in their order."""
    value = value.strip()
    if len(value) < SHORTEST:
        return
    yield from _list_forms_of(value)
    for password in _list_passwords(value):
        yield from _list_forms_of(password)


def _list_forms_of(value: str) -> Iterator[tuple[str, bool]]:
    data = _encode(value)
    yield value, True
    for text in (
        value.replace("\n", "\r\n"),  # as a terminal shows it
        repr(value)[1:-1],
        ascii(value)[1:-1],
        repr(repr(value)[1:-1])[1:-1],
        repr(data)[2:-1],
        value.replace("'", "'\"'\"'"),  # in a shell
        html.escape(value),
    ):
        yield text, True
    needles = make_needles([data])
    for encoding in {needle.encoding: None for needle in needles}:
        if encoding in ("UTF-16", "part"):
            continue
        for form in list_whole_forms(data, encoding):
            if len(form) >= _SHORTEST_FORM:
                yield form.decode("utf-8", "surrogatepass"), encoding not in ("base64", "hex")
    for needle in needles:
        if needle.encoding == "part":
            yield needle.form.decode("utf-8", "surrogatepass"), False
    if is_telling(data):
        whole = len(data) * 8 // 5  # of its base32, what does not change if more follows
        for text in (data.hex(":"), base64.b32encode(data).decode()[:whole]):
            yield text.lower(), False
            yield text.upper(), False


def _list_passwords(value: str) -> Iterator[str]:
    """Yields: the password in a URL, as it stands there and as libraries hand it on. One that is
    simple, such as ``postgres``, says nothing by itself."""
    for pattern in _PASSWORDS:
        match = pattern.match(value)
        if match:
            yield from (p for p in (match[1], unquote(match[1])) if is_telling(_encode(p)))
            return


def list_needles(form: str, *, is_plain: bool) -> Iterator[tuple[str, int]]:
    """Yields: texts one of which is in every text that holds the form, or a piece of it that
    tells; and where in the form they stand."""
    head = _find_head(form) if is_plain else None
    if head is None:
        yield form[:LONGEST_FORM], 0
        head = 0
    else:
        yield form[:head], 0
    if not is_plain:
        return
    last = len(form) - _BLOCK
    for at in {*range(0, last, _BLOCK), last}:
        if at > 0 and _is_telling(form[at : at + _BLOCK]):
            yield form[at : at + _BLOCK], at


def _find_head(form: str) -> int | None:
    for size in range(_HEAD, min(len(form), 64)):
        head = form[:size]
        if _is_telling(head) or estimate_guess_bits(_encode(head)) >= _HEAD_BITS:
            return size
    return None


def _is_telling(piece: str) -> bool:
    return bool(_OPAQUE.fullmatch(piece)) and estimate_guess_bits(_encode(piece)) >= _TELLING_BITS


def list_wire_forms(text: str) -> Iterator[str]:
    """Yields: how it stands in JSON."""
    for is_ascii in (True, False):
        yield json.dumps(text, ensure_ascii=is_ascii)[1:-1]


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
