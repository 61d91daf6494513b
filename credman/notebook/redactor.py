"""Stored values in a text, and what stands there in their place.

What it costs is measured by ``benchmarks/redacting.py``: next to nothing for lines without values,
some microseconds for each flush, however many and long the values are, and for each value.

Rule: pure, and it looks for values only; where they come from, and where texts go, others know.
Values lie here in clear: nothing of this is pickled, shown or logged.
"""

from __future__ import annotations

import re
import threading
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

from credman.notebook.forms import (
    Beginnings,
    Comparison,
    Form,
    Match,
    Tails,
    list_forms,
    list_needles,
    list_wire_forms,
)
from credman.watch.scan.needles import Needle, compile_needles

if TYPE_CHECKING:
    from credman.watch.scan.engines import Matcher

ESCAPES = re.compile(
    r"\x1b(?:\[[0-9;:?]*[ -/]*(?:[@-~]|\Z)|\][^\x07\x1b]{0,256}(?:\x07|\Z)|[()].|.|\Z)"
)
"""Of a terminal: colours and moves, also one that the end of the text cuts off."""
_AT_ONCE = 1 << 18
"""Characters that are copied for a search: what fits into a processor's cache costs half."""
_MARKUP = re.compile(rf"<[^<>]{{1,256}}>|{ESCAPES.pattern}")


@dataclass(frozen=True, slots=True)
class Span:
    """Args: start, end: characters of a text. name: of the value there."""

    start: int
    end: int
    name: str


class Redactor:
    """Puts ``[credman:NAME]`` where a value stands, as it is, quoted or encoded. Of a value that
    is cut off (``…``, a table's width) its beginning, its end and longer pieces count as well, if
    they are not made of words.

    Args:
        values: by the names that stand in their place. What is shorter than 8 characters is in
            every text by chance, and is left. Give secret values only: a host's name would be
            taken out everywhere.

    May be used by several threads at once.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._needles: dict[str, list[tuple[Form, int]]] = {}
        forms: set[str] = set()
        heads = []
        for name, value in values.items():
            for text, is_plain in list_forms(value):
                if text in forms:
                    continue
                forms.add(text)
                form = Form(name, text)
                for needle, offset in list_needles(text, is_plain=is_plain):
                    self._needles.setdefault(needle, []).append((form, offset))
                    if not offset:
                        heads.append(needle)
        self.longest = max(map(len, self._needles), default=0)
        self.beginnings = Beginnings(heads)
        self._texts = [*self._needles]
        wire = {each for text in self._texts for each in list_wire_forms(text)}
        wire -= {*self._texts}
        self._matcher = _compile([*self._texts, *sorted(wire)])
        self._of_thread = threading.local()

    def __repr__(self) -> str:
        return f"Redactor({len({f.name for each in self._needles.values() for f, _ in each})})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("values are not pickled")

    def __bool__(self) -> bool:
        return bool(self._needles)

    def redact(self, text: str, *, is_markup: bool = False) -> str:
        """Args: is_markup: the text may be HTML, so a value may be cut by tags.

        Returns:
            The text without values; the same object if there is none.
        """
        spans = self.find_spans(text, is_markup=is_markup)
        return self.render(text, spans, 0, len(text)) if spans else text

    def render(
        self, text: str, spans: Iterable[Span], start: int, end: int, *, is_told: bool = False
    ) -> str:
        """Args:
            spans: in order, apart from each other.
            start, end: of what is wanted of the text.
            is_told: a mark for a span that ``start`` cuts is there already.

        Returns:
            The piece, with marks for spans. Escapes within a span are kept: a colour that ends
            there must end.
        """
        parts, at = [], start
        for span in spans:
            if span.end <= start:
                continue
            parts.append(text[at : span.start] if span.start > at else "")
            if not (is_told and span.start < start):
                parts.append(f"[credman:{span.name}]")
            inside = text[max(span.start, start) : span.end]
            if "\x1b" in inside:
                parts += ESCAPES.findall(inside)
            at = span.end
        parts.append(text[at:end])
        return "".join(parts)

    def may_hold(self, packed: bytes) -> bool:
        """Args: packed: JSON, or another form in which strings stand as they are.

        Returns:
            Whether its strings have to be looked at one by one.
        """
        return bool(
            self._find(packed)
            # What cuts a value in pieces; the escape as JSON writes it, and as it is.
            or b"\\u001b" in packed
            or b"\x1b" in packed
            or b"</" in packed
        )

    def redact_tree(self, tree: object) -> object:
        """Args: tree: as JSON gives it. Returns: one with other strings, also as keys."""
        if isinstance(tree, str):
            return self.redact(tree, is_markup="<" in tree)
        if isinstance(tree, bytes):
            return self.blot(tree)
        if isinstance(tree, dict):
            return {self.redact_tree(key): self.redact_tree(each) for key, each in tree.items()}
        if isinstance(tree, list | tuple):
            return [self.redact_tree(each) for each in tree]
        return tree

    def blot(self, data: bytes) -> bytes:
        """Returns: the bytes with stars for values, so that the rest stays where it was."""
        if not self._find(data):
            return data
        text = data.decode("latin-1")
        for span in self.find_spans(text):
            text = text[: span.start] + "*" * (span.end - span.start) + text[span.end :]
        return text.encode("latin-1")

    def find_spans(self, text: str, *, is_markup: bool = False) -> list[Span]:
        """Returns: where values stand, in order, apart from each other."""
        return merge(self.find_matches(text, is_markup=is_markup))

    def find_matches(
        self, text: str, start: int = 0, groups: Iterable[Tails] = (), *, is_markup: bool = False
    ) -> list[Match]:
        """Args:
            start: from where on the text is new; what ends before is not looked for.
            groups: how what is before went on, each from one match.

        Returns:
            Where forms stand, in no order. One that began before ``start`` may begin anywhere
            before it.
        """
        if not self._needles:
            return []
        matches = self._find_contiguous(text, start, groups)
        if is_markup or "\x1b" in text:
            gaps = _MARKUP if is_markup else ESCAPES
            if groups or self._find_in_text(gaps.sub("", text)):
                plain, places = strip(gaps, text)
                at = _find_place(places, len(plain), start)
                matches += [
                    replace(
                        each,
                        start=0 if each.start < at else locate(places, each.start),
                        end=locate(places, each.end - 1) + 1 if each.end > at else start,
                    )
                    for each in self._find_contiguous(plain, at, groups)
                ]
        return matches

    def _find(self, data: bytes) -> list[int]:
        matcher: Matcher | None = getattr(self._of_thread, "matcher", None)
        if matcher is None:
            matcher = self._of_thread.matcher = self._matcher.clone()
        return matcher.find(data)

    def _find_in_text(self, text: str) -> Iterable[int]:
        if len(text) <= _AT_ONCE:
            return self._find(text.encode("utf-8", "surrogatepass"))
        found: set[int] = set()
        for at in range(0, len(text), _AT_ONCE):
            piece = text[at : at + _AT_ONCE + self.longest]
            found.update(self._find(piece.encode("utf-8", "surrogatepass")))
        return found

    def _find_contiguous(self, text: str, start: int, groups: Iterable[Tails]) -> list[Match]:
        found = self._find_in_text(text)
        if not found and not groups:
            return []
        comparison = Comparison(text, start, groups)
        for number in found:
            if number >= len(self._texts):
                continue
            needle = self._texts[number]
            at = text.find(needle, max(start - len(needle) + 1, 0))
            while at >= 0:
                comparison.add(at, len(needle), self._needles[needle])
                at = text.find(needle, at + 1)
        return comparison.matches


def _compile(texts: list[str]) -> Matcher:
    needles = [Needle(0, text.encode("utf-8", "surrogatepass"), "plain") for text in texts]
    try:
        return compile_needles(needles, engine="hyperscan")
    except (ImportError, ValueError):
        return compile_needles(needles, engine="re")


def merge(matches: Iterable[Match]) -> list[Span]:
    """Returns: what they cover, in order; of those that overlap the name of the first."""
    merged: list[Span] = []
    for match in sorted(matches, key=lambda each: (each.start, -each.end)):
        if merged and match.start < merged[-1].end:
            last = merged[-1]
            if match.end > last.end:
                merged[-1] = Span(last.start, match.end, last.name)
        else:
            merged.append(Span(match.start, match.end, match.name))
    return merged


def strip(gaps: re.Pattern[str], text: str) -> tuple[str, list[tuple[int, int]]]:
    """Returns: the text without them, and for each kept piece where it begins, there and here."""
    pieces, places, at, size = [], [], 0, 0
    for match in gaps.finditer(text):
        if match.start() > at:
            places.append((size, at))
            pieces.append(text[at : match.start()])
            size += match.start() - at
        at = match.end()
    if at < len(text) or not places:
        places.append((size, at))
        pieces.append(text[at:])
    return "".join(pieces), places


def locate(places: list[tuple[int, int]], at: int) -> int:
    piece, place = places[bisect_right(places, (at, len(places) << 60)) - 1]
    return place + at - piece


def _find_place(places: list[tuple[int, int]], size: int, at: int) -> int:
    """Returns: how many characters of a text before a place are kept, of so many in all."""
    number = bisect_right(places, at, key=lambda each: each[1]) - 1
    if number < 0:
        return 0
    piece, place = places[number]
    return min(piece + at - place, places[number + 1][0] if number + 1 < len(places) else size)
