"""One thread's search through buffers: an engine tells that something is there, ``re`` tells where.

Rule: bounded in time: what an engine found is looked for again only in the small pieces in which
the engine finds it as well.
"""

from __future__ import annotations

import re
import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING

from credman.watch.scan.content import Window
from credman.watch.scan.needles import Needle
from credman.watch.scan.patterns import Patterns
from credman.watch.scan.recognizing import Finder, TooMany
from credman.watch.scan.rules import LONGEST, Rule

if TYPE_CHECKING:
    from credman.watch.scan.engines import Matcher

_PIECE = 64 * 1024
_LEAD = 512
"""Bytes before a piece: the name of a token's variable, and what is between them."""
MOST = 1000
"""Tokens of one file; whoever has more has been told enough."""
SECONDS = 20.0
"""To find out where they are, in one file."""
_SLOW = 1.0
"""Seconds for one window in which nothing was found: they count as well."""

_ESCAPE = re.compile(rb"(?:\\{1,2}u00|%)([2-7][0-9a-fA-F])|\\{1,2}(/)")
_CHARACTER = re.compile(rb"(?:\\u00|%)[2-7][0-9a-fA-F]")


@dataclass(frozen=True, slots=True)
class Hit:
    """Args:
    offset: in the whole content.
    size: bytes that it takes there.
    value: the token; for a stored value the bytes that were looked for.
    label: number of the fingerprint that it has.
    """

    offset: int
    size: int
    value: bytes = field(repr=False)
    rule: Rule | None = None
    needle: Needle | None = None
    label: int | None = None

    @property
    def weight(self) -> tuple[int, int, int]:
        """The greater, the more it says of two that overlap."""
        if self.label is not None:
            return 3, 0, self.size
        if self.needle is not None:
            return 2, int(self.needle.encoding == "plain"), self.size
        if self.rule is None:
            return 0, 0, self.size
        specificity = self.rule.shape.specificity(self.value.decode("ascii", "replace"))
        return 1, int(not self.rule.has_context), self.size * 1000 + sum(specificity)


class Exhausted(Exception):
    """It has too many hits, or takes too long. Args: hits: what was found until then."""

    def __init__(self, hits: Sequence[Hit] = ()) -> None:
        super().__init__()
        self.hits = hits


class Effort:
    """What may still be spent on one content, all its windows together."""

    def __init__(self) -> None:
        self.hits, self.seconds = MOST, SECONDS


class Searcher:
    """Args:
    patterns: of the providers.
    needles, values: forms of stored values, and what finds them; none: there are none.
    digests: looks for values that are known by their fingerprints only.
    """

    def __init__(
        self,
        patterns: Patterns,
        needles: Sequence[Needle] = (),
        values: Matcher | None = None,
        digests: Finder | None = None,
    ) -> None:
        self._patterns, self._needles, self._values = patterns, needles, values
        self._matcher, self._digests = patterns.matcher, digests

    def clone(self) -> Searcher:
        """Returns: one for another thread."""
        values = None if self._values is None else self._values.clone()
        digests = None if self._digests is None else self._digests.clone()
        other = Searcher(self._patterns, self._needles, values, digests)
        other._matcher = self._matcher.clone()
        return other

    def is_clean(self, data: bytes) -> bool:
        """Whether nothing is found in a buffer, not even something that would have to be read
        otherwise first; in half the time that it takes to tell what."""
        if self._matcher.find(data) or (self._values is not None and self._values.find(data)):
            return False
        if self._digests is None:
            return True
        try:
            return next(self._digests.find_all(data), None) is None
        except TooMany:
            return False

    def search(self, window: Window, effort: Effort) -> list[Hit]:
        """Args: effort: that may be spent on the content; becomes less.

        Returns:
            What begins in the window, in order; of two that overlap the one that says more.

        Raises:
            Exhausted
        """
        data = window.data
        numbers = self._matcher.find(data)
        began = time.monotonic()
        found: list[Hit] = []
        is_all = True
        try:
            for hit in self._find_all(data, numbers, began + effort.seconds):
                found.append(hit)
                if len(found) > 4 * MOST:  # the same place may have been found more than once
                    raise Exhausted
        except Exhausted:
            is_all = False
        spent = time.monotonic() - began
        if not found and is_all and spent < _SLOW:
            return []
        effort.seconds -= spent
        own = [hit for hit in _choose(found) if window.start <= hit.offset < window.stop]
        hits = [replace(hit, offset=window.offset + hit.offset) for hit in own[: effort.hits]]
        if len(own) > len(hits) or not is_all:
            raise Exhausted(hits)
        effort.hits -= len(hits)
        return hits

    def _find_all(self, data: bytes, numbers: Sequence[int], deadline: float) -> Iterator[Hit]:
        is_all = True
        try:
            yield from self._stored(data, deadline)
        except Exhausted:
            is_all = False
        if numbers:
            escapes = self._patterns.escapes
            yield from self._matches(data, [n for n in numbers if n != escapes], deadline)
            if escapes in numbers:
                yield from self._unescaped(data, deadline)
        if not is_all:
            raise Exhausted

    def _stored(self, data: bytes, deadline: float) -> Iterator[Hit]:
        for number in self._values.find(data) if self._values is not None else ():
            needle = self._needles[number]
            for place in needle.find_all(data):
                yield Hit(place, len(needle.form), needle.form, needle=needle)
        if self._digests is None:
            return
        try:
            for place, size, label in self._digests.find_all(data, deadline):
                yield Hit(place, size, data[place : place + size], label=label)
        except TooMany:
            raise Exhausted from None

    def _matches(self, data: bytes, numbers: Sequence[int], deadline: float) -> Iterator[Hit]:
        if not numbers:
            return
        rules = self._patterns.rules
        for start, first, last in _cut(data):
            is_whole = start == 0 and last == len(data)
            # In the order of the rules, not in that of an engine: of two that say the same the
            # first is told.
            for number in sorted(numbers if is_whole else self._matcher.find(data[first:last])):
                if time.monotonic() > deadline:
                    raise Exhausted
                if number >= len(rules):
                    continue
                for place, value in rules[number].find_all(data, first, last):
                    if start <= place < start + _PIECE:
                        yield Hit(place, len(value), value, rule=rules[number])

    def _has_new(self, data: bytes) -> bool:
        """Whether the engines find more in it once escapes are read; where is another question,
        which takes longer."""
        plain = data.replace(b"\\\\/", b"/").replace(b"\\/", b"/")
        for escape in {match[0] for match in _CHARACTER.finditer(plain)}:
            character = bytes((int(escape[-2:], 16),))
            if escape[:1] == b"\\":
                plain = plain.replace(b"\\" + escape, character)
            plain = plain.replace(escape, character)
        before, after = {*self._matcher.find(data)}, {*self._matcher.find(plain)}
        if not after <= before:
            return True
        if after - {self._patterns.escapes}:  # there may be another one of the same kind
            return True
        return self._values is not None and bool(self._values.find(plain))

    def _unescaped(self, data: bytes, deadline: float) -> Iterator[Hit]:
        # What JSON writes as \u0068f_… or https:\/\/… reads otherwise, and what URLs write as %3A.
        for start, first, last in _cut(data):
            piece = data[first:last]
            if self._patterns.escapes in self._matcher.find(piece) and self._has_new(piece):
                for hit in self._read_escapes(piece, deadline):
                    place = first + hit.offset
                    if start <= place < start + _PIECE:
                        yield replace(hit, offset=place)

    def _read_escapes(self, data: bytes, deadline: float) -> Iterator[Hit]:
        text, end, shift = bytearray(), 0, 0
        places, shifts = [0], [0]
        for match in _ESCAPE.finditer(data):
            text += data[end : match.start()]
            text += b"/" if match[2] else bytes((int(match[1], 16),))
            end = match.end()
            shift += end - match.start() - 1
            places.append(len(text))
            shifts.append(shift)
        plain = bytes(text + data[end:])
        numbers = [n for n in self._matcher.find(plain) if n != self._patterns.escapes]
        for hit in chain(self._matches(plain, numbers, deadline), self._stored(plain, deadline)):
            start, stop = (
                at + shifts[bisect_right(places, at) - 1]
                for at in (hit.offset, hit.offset + hit.size)
            )
            if data[start:stop] != hit.value:  # else it was found as it stands
                yield replace(hit, offset=start, size=stop - start)


def _cut(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yields: where a piece begins, and from where to where it is looked at."""
    for start in range(0, len(data), _PIECE):
        yield start, max(start - _LEAD, 0), min(start + _PIECE + LONGEST, len(data))


def _choose(hits: Sequence[Hit]) -> list[Hit]:
    chosen: list[Hit] = []
    for hit in sorted(hits, key=lambda h: (h.offset, -h.size)):
        if chosen and hit.offset < chosen[-1].offset + chosen[-1].size:
            if hit.weight > chosen[-1].weight:
                chosen[-1] = hit
        else:
            chosen.append(hit)
    return chosen
