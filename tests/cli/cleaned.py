"""Files with tokens in them, of which it is known by construction what may change and what may
not: what ``clean`` leaves of them is held against that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.cli.cleaned_values import ENCODINGS, Value

_KEPT = {"base64 of much": 254, "base64 before much": 122}
"""Of what stands around a value in a long text at least so many signs stay."""


class Zone(NamedTuple):
    """What may change.

    Args:
        text: what stands there.
        becomes: tells whether this may take its place.
        encoding: how the value is written.
    """

    text: str
    becomes: Callable[[str], bool]
    encoding: str = "plain"


Piece = str | Zone


@dataclass
class File:
    """Args:
    pieces: all of it, without what the codec adds.
    check: raises for what is not of its kind any more.
    fate: it is ``changed``, ``deleted`` or ``left`` as it is.
    raw: all of it, where it is no text.
    """

    name: str
    kind: str
    pieces: list[Piece] = field(default_factory=list)
    check: Callable[[bytes], object] = lambda data: None
    codec: str = "utf-8"
    bom: bytes = b""
    line_end: str = "\n"
    may_import: bool = False
    fate: str = "changed"
    raw: bytes = b""
    mode: int = 0o644

    @property
    def zones(self) -> list[Zone]:
        return [piece for piece in self.pieces if isinstance(piece, Zone)]

    @property
    def data(self) -> bytes:
        if self.raw:
            return self.raw
        text = "".join(p.text if isinstance(p, Zone) else p for p in self.pieces)
        return self.bom + self._end_lines(text).encode(self.codec)

    def _end_lines(self, text: str) -> str:
        return text.replace("\n", self.line_end)

    def verify(self, after: bytes) -> None:
        """Raises: AssertionError: something else has changed, or in another way."""
        assert after.startswith(self.bom), self.name
        text = after[len(self.bom) :].decode(self.codec)
        assert self.bom + text.encode(self.codec) == after, self.name
        parts = ["(.*?)" if isinstance(p, Zone) else re.escape(self._end_lines(p)) for p in
                 self.pieces]  # fmt: skip
        pattern = re.compile("".join(parts), re.DOTALL)
        tried = []
        for candidate in self._leave_import(text):
            found = pattern.fullmatch(candidate)
            if found is None:
                continue
            wrong = [new for zone, new in zip(self.zones, found.groups(), strict=True)
                     if not zone.becomes(new)]  # fmt: skip
            if not wrong:
                break
            tried += wrong
        else:
            raise AssertionError(f"wrong: {tried}; {self.name}: {self.data!r} became {after!r}")
        self.check(after)

    def _leave_import(self, text: str) -> Iterator[str]:
        """Yields: the text, and what it is without one import, wherever that stands."""
        yield text
        line_end = "\\n" if self.kind == "notebook" else self.line_end
        for match in re.finditer(f"import os(?:{re.escape(line_end)}|; )", text):
            if self.may_import:
                yield text[: match.start()] + text[match.end() :]


def marked(value: Value, encoding: str = "plain") -> Zone:
    """Returns: the value in a text of no syntax."""
    form = value.text if encoding == "plain" else ENCODINGS[encoding](value.text)
    return Zone(form, only(value.mark, form, encoding), encoding)


def only(new: str, form: str = "", encoding: str = "") -> Callable[[str], bool]:
    """Args: form, encoding: as which the value stands there; of a long text around it most stays.

    Returns:
        What tells whether exactly this has taken its place.
    """

    def is_cut(text: str) -> bool:
        before, found, after = text.partition(new)
        is_kept = len(before) + len(after) >= _KEPT.get(encoding, 0)
        return bool(found) and is_kept and form.startswith(before) and form.endswith(after)

    return is_cut if encoding.endswith("much") else lambda text: text == new


def referred(
    value: Value, before: str = "", after: str = "", extra: Sequence[str] = (), *, form: str = ""
) -> Zone:
    """Returns: a word or a string with the value in it, which becomes a mark or any of the ways in
    which shells and configurations write a reference.

    Args:
        before, after: the rest of it, with its quotes.
        extra: what else may become of all of it.
    """
    name = re.escape(value.variable)
    words = rf"{re.escape(value.mark)}|credman_{name}"
    reference = rf"(?:{words}|\$\{{{name}\}}|\${name}(?:\"\")?|'?\"\${name}\"\$?'?)"
    begin, end = re.escape(before), re.escape(after)
    pattern = rf"{begin}{reference}{end}"
    if before[-1:] in ("'", '"'):  # its quotes may be others afterwards
        pattern += rf"|{re.escape(before[:-1])}\"\${name}\"{re.escape(after[1:])}"
    if not before + after:
        pattern += rf"|\"\$\{{{name}\}}\""
    allowed = re.compile("|".join([pattern, *map(re.escape, extra)]))
    text = f"{before}{form or value.text}{after}"
    return Zone(text, lambda new: allowed.fullmatch(new) is not None, "JSON" if form else "plain")


class _Os(NamedTuple):
    environ: dict[str, str]


def evaluated(expression: str, *values: Value, encoding: str = "plain") -> Zone:
    """Returns: an expression of Python, whose value stays the same where the variables are set, or
    has marks in it.

    Args:
        values: in it, as they are.
    """
    fake = _Os({value.variable: value.text for value in values})
    names = {"os": fake, "__builtins__": {"__import__": lambda name: fake, "str": str}}

    def evaluate(text: str) -> object:
        return eval(f"(\n{text}\n)", {**names, "name": "n"})

    old: Any = evaluate(expression)
    with_marks = old
    for value in values:
        pair = (value.text, value.mark)
        with_marks = (
            with_marks.replace(*(part.encode() for part in pair))
            if isinstance(old, bytes)
            else with_marks.replace(*pair)
        )

    def becomes(text: str) -> bool:
        try:
            new = evaluate(text)
        except SyntaxError:
            return False
        return type(new) is type(old) and new in (old, with_marks)

    return Zone(expression, becomes, encoding)


def encoded(template: str, form: str, value: Value, encoding: str) -> Zone:
    """Returns: a string of Python with a value that is written in another way; what takes its place
    is the value itself, or a mark."""
    stand_in = Value("\ue003", value.variable)
    is_right = [only(new, form, encoding) for new in (stand_in.text, value.mark)]
    lead, end = eval(template.replace("@", stand_in.text)).split(stand_in.text)
    fake = _Os({value.variable: stand_in.text})

    def becomes(text: str) -> bool:
        try:
            new = eval(text, {"os": fake, "__builtins__": {"__import__": lambda name: fake}})
        except SyntaxError:
            return False
        if not new.startswith(lead) or not new.endswith(end):
            return False
        middle = new[len(lead) : len(new) - len(end)]
        return any(holds(middle) for holds in is_right)

    return Zone(template.replace("@", form), becomes, encoding)


def in_json(zone: Zone) -> Zone:
    """Returns: the same within a string of JSON."""

    def becomes(new: str) -> bool:
        try:
            return zone.becomes(json.loads(f'"{new}"'))
        except ValueError:
            return False

    return zone._replace(text=json.dumps(zone.text)[1:-1], becomes=becomes)
