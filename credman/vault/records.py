"""Strict reading of JSON: one spelling, bounded depth, nothing dropped.

Every failure is a ValueError, KeyError or TypeError without text; whoever reads calls it damage.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from credman.core.intervals import parse_instant

MAX_DEPTH = 64
T = TypeVar("T")


def load_strict(line: bytes) -> object:
    """Args: line: JSON in UTF-8. Duplicate keys and numbers that are none are refused.

    Raises:
        ValueError, RecursionError
    """
    return json.loads(line.decode("utf-8"), **_STRICT)


class Record:
    """Takes known keys out of a JSON object; what is left is ``extra``."""

    def __init__(self, value: object) -> None:
        if not isinstance(value, dict):
            raise TypeError
        self.extra: dict[str, Any] = dict(value)

    def take(self, key: str, kind: type[T]) -> T:
        value = self.extra.pop(key)
        if type(value) is not kind:
            raise TypeError
        return value

    def take_optional(self, key: str, kind: type[T]) -> T | None:
        if self.extra.get(key) is None:
            self.extra.pop(key, None)
            return None
        return self.take(key, kind)

    def take_instant(self, key: str) -> datetime:
        return parse_instant(self.take(key, str))

    def take_texts(self, key: str) -> tuple[str, ...]:
        texts = tuple(self.take(key, list))
        if not all(isinstance(text, str) for text in texts):
            raise TypeError
        return texts

    def take_count(self, key: str) -> int:
        number = self.take(key, int)
        if not 0 <= number < 2**53:
            raise ValueError
        return number

    def rest(self) -> Mapping[str, object]:
        """Returns: what nobody took, for ``extra``. Bounded here, so that it can be written again
        whatever the interpreter's recursion limit."""
        for value in self.extra.values():
            _check_depth(value, MAX_DEPTH)
        return self.extra

    def take_records(self, key: str, read: Callable[[Record], T]) -> tuple[T, ...]:
        return tuple(read(Record(item)) for item in self.take(key, list))


def _check_depth(value: object, left: int) -> None:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        if not left:
            raise ValueError
        for item in value:
            _check_depth(item, left - 1)


def refuse_duplicates(items: Iterable[object]) -> None:
    listed = list(items)
    if len(set(listed)) != len(listed):
        raise ValueError


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number


def _no_constant(text: str) -> object:
    raise ValueError


_STRICT: Mapping[str, Any] = {
    "object_pairs_hook": _unique,
    "parse_float": _finite,
    "parse_constant": _no_constant,
}
