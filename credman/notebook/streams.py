"""One stream of one cell, such as its standard output, without values.

A front end puts the pieces of a stream together, so a value may come in many of them. What may be
the beginning of one is held back until it goes on, or until somebody asks for it: no longer than
it takes to tell the value, after 12 to 200 characters. From there on a mark stands for it, and what
follows is compared with the rest of the value.

Rule: pure. Nothing is lost: what ``feed`` keeps, ``release`` gives. In whatever pieces a text
comes, it comes out as ``Redactor.redact`` gives it as a whole; only a piece of a value that is not
its beginning may show up to 30 characters in a row before its mark, and a value that waited too
long its beginning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from credman.notebook.forms import Form, Match, Tails
from credman.notebook.redactor import ESCAPES, Redactor, Span, locate, merge, strip

_CUT_ESCAPE = re.compile(r"\x1b(?:\[[0-9;:?]*[ -/]*|\][^\x07\x1b]{0,256}|[()])?\Z")
_LONGEST_ESCAPE = 300
_MOST_ESCAPES = 64
"""Characters of escapes for each other one, of what is kept for a search."""


class Stream:
    """Used by one thread at a time."""

    def __init__(self) -> None:
        self._sent = ""  # its end, as it was before marks were put in
        self._held = ""
        self._groups: list[Tails] = []  # how what was sent may go on
        self._is_marked = False  # what was sent ends with a mark

    def __repr__(self) -> str:
        return f"Stream({len(self._held)} held back)"

    @property
    def is_holding(self) -> bool:
        return bool(self._held)

    def feed(self, redactor: Redactor, chunk: str) -> str:
        """Returns: what may be sent now."""
        text, start = self._sent + self._held + chunk, len(self._sent)
        matches = redactor.find_matches(text, start, self._groups)
        end = _find_open_end(redactor, text)
        if matches:
            end = _find_cut_escape(text, min(end, *(m.start for m in matches if m.is_open), end))
        end = max(end, start)
        for match in sorted(matches, key=lambda each: each.start):
            # There is a mark for it in any case, also if a value begins within it.
            if not match.is_open and match.start < end < match.end:
                end = match.end
        return self._send(redactor, text, end, matches)

    def release(self, redactor: Redactor) -> str:
        """Returns: what was held back. If it was enough to tell a value, there is a mark in its
        place, and nothing more comes of the value when it goes on."""
        text = self._sent + self._held
        matches = redactor.find_matches(text, len(self._sent), self._groups)
        return self._send(redactor, text, len(text), matches)

    def drop(self) -> str:
        """Returns: what was held back, as it was written; for when it could not be checked."""
        held, self._sent, self._held = self._held, "", ""
        self._groups, self._is_marked = [], False
        return held

    def _send(self, redactor: Redactor, text: str, end: int, matches: list[Match]) -> str:
        start = len(self._sent)
        self._held = text[end:]
        if end == start:
            return ""
        spans = [
            Span(each.start, min(each.end, end), each.name)
            for each in merge(matches)
            if each.start < end
        ]
        out = redactor.render(text, spans, start, end, is_told=self._is_marked)
        self._is_marked = bool(spans) and not ESCAPES.sub("", text[spans[-1].end : end])
        if end < len(text) and matches:
            matches = redactor.find_matches(text[:end], start, self._groups)
        self._groups = _list_groups(matches)
        self._sent = text[_find_end_to_keep(redactor, text[:end]) : end]
        return out


def _list_groups(matches: Iterable[Match]) -> list[Tails]:
    """Returns: of pieces of one form, once."""
    groups: dict[frozenset[tuple[Form, int]], Tails] = {}
    for tails in sorted({m.tails for m in matches if m.tails}, key=_count_all):
        groups[frozenset((tail.form, tail.at) for tail in tails)] = tails
    return [*groups.values()]


def _count_all(tails: Tails) -> int:
    return sum(tail.size for tail in tails)


def _find_cut_escape(text: str, end: int) -> int:
    """Returns: the end of what is wanted, before an escape of which more may come."""
    match = _CUT_ESCAPE.search(text, max(end - _LONGEST_ESCAPE, 0), end)
    return match.start() if match else end


def _find_open_end(redactor: Redactor, text: str) -> int:
    """Returns: from where on its end may be the beginning of a value, too short to tell; its
    length if nowhere."""
    end, _ = redactor.beginnings.find(text)
    if text.find("\x1b", max(len(text) - redactor.longest * _MOST_ESCAPES, 0)) < 0:
        return end
    size = 64
    while True:
        first = _skip_escape(text, len(text) - size)
        plain, places = strip(ESCAPES, text[first:])
        at, may_be_earlier = redactor.beginnings.find(plain)
        if not first or not may_be_earlier:
            return min(end, first + locate(places, at)) if at < len(plain) else end
        size *= 2


def _find_end_to_keep(redactor: Redactor, text: str) -> int:
    """Returns: from where on a text has to be kept, so that a value is found that begins in it."""
    size = redactor.longest
    most = min(len(text), size * _MOST_ESCAPES)
    while True:
        first = _skip_escape(text, len(text) - size)
        if size >= most or len(ESCAPES.sub("", text[first:])) >= redactor.longest:
            return first
        size *= 2


def _skip_escape(text: str, at: int) -> int:
    """Returns: the place, or the end of the escape that it is within."""
    escape = text.rfind("\x1b", max(at - _LONGEST_ESCAPE, 0), max(at, 0))
    match = ESCAPES.match(text, escape) if escape >= 0 else None
    return max(at, match.end() if match else 0)
