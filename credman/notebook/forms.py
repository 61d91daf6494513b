"""How a stored value is written in outputs, and what of it is looked for.

Rule: pure. Forms and needles hold values in clear, in memory only.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator

from credman.watch.scan.judging import estimate_guess_bits
from credman.watch.scan.needles import LONGEST_FORM, SHORTEST, list_whole_forms, make_needles

_SHORTEST_FORM = 10
_HEAD, _BLOCK = 12, 16
"""Characters of a value's beginning that tell it, at least; and of any other piece."""
_TELLING_BITS, _HEAD_BITS = 40.0, 60.0
"""Of a piece of letters and digits; and of a beginning that has other characters, as addresses."""
_OPAQUE = re.compile(r"[A-Za-z0-9_.+/=~-]+")


def list_forms(value: str) -> Iterator[tuple[str, bool]]:
    """Yields: how a value is written, and whether its characters are still in their order."""
    value = value.strip()
    if len(value) < SHORTEST:
        return
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
    for encoding in {needle.encoding: None for needle in make_needles([data])}:
        if encoding in ("UTF-16", "part"):
            continue
        for form in list_whole_forms(data, encoding):
            if len(form) >= _SHORTEST_FORM:
                yield form.decode("utf-8", "surrogatepass"), encoding not in ("base64", "hex")
    for needle in make_needles([data]):
        if needle.encoding == "part":
            yield needle.form.decode("utf-8", "surrogatepass"), False


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
