"""Strict reading of TOML tables.

Rule: what is not known, or of the wrong kind, is an error that names the file and the key.
"""

from __future__ import annotations

from typing import Any

from credman.core.errors import UsageError

_KINDS = {
    str: "a text",
    bool: "true or false",
    int: "a number",
    list: "a list",
    dict: "a table",
}


class Table:
    """Takes known keys out of a TOML table; what is left when it is done is an error."""

    def __init__(self, table: dict[str, Any], source: str, where: str) -> None:
        self._left = dict(table)
        self._source = source
        self._where = where

    def __contains__(self, key: str) -> bool:
        return key in self._left

    def error(self, key: str, what: str) -> UsageError:
        return UsageError(f"{self._source}: {self._where}{key} {what}")

    def text(self, key: str, *, default: str | None = None) -> str:
        text: str = self._take(key, str, default)
        return text

    def choice(self, key: str, choices: tuple[str, ...], *, default: str | None = None) -> str:
        text = self.text(key, default=default)
        if text not in choices:
            raise self.error(key, f"must be {', '.join(choices[:-1])} or {choices[-1]}")
        return text

    def flag(self, key: str, *, default: bool) -> bool:
        flag: bool = self._take(key, bool, default)
        return flag

    def number(self, key: str) -> int | None:
        return self._take(key, int, None) if key in self._left else None

    def numbers(self, key: str) -> tuple[int, ...]:
        items = self._take(key, list, None)
        if not all(type(item) is int for item in items):
            raise self.error(key, "must be a list of numbers")
        return tuple(items)

    def texts(self, key: str, *, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        items = self._take(key, list, None if default is None else list(default))
        if not all(isinstance(item, str) for item in items):
            raise self.error(key, "must be a list of texts")
        return tuple(items)

    def mapping(self, key: str) -> dict[str, str]:
        items = self._take(key, dict, None)
        if not all(isinstance(item, str) for item in items.values()):
            raise self.error(key, "must be a table of texts")
        return dict(items)

    def table(self, key: str) -> Table:
        return Table(self._take(key, dict, None), self._source, f"{self._where}{key}.")

    def tables(self, key: str) -> list[Table]:
        items = self._take(key, list, [])
        if not all(isinstance(item, dict) for item in items):
            raise self.error(key, "must be a list of tables")
        where = f"{self._where}{key}"
        return [Table(item, self._source, f"{where}[{i}].") for i, item in enumerate(items)]

    def skip(self, key: str) -> None:
        """Leaves a key to somebody else."""
        self._left.pop(key, None)

    def peek(self, key: str) -> object:
        """Returns: what stands there, of whatever kind; it stays to be taken."""
        return self._left.get(key)

    def names(self) -> tuple[str, ...]:
        """Returns: the keys that are left."""
        return tuple(self._left)

    def done(self) -> None:
        for key in self._left:
            raise self.error(key, "is not known")

    def _take(self, key: str, kind: type[Any], default: Any) -> Any:
        if key not in self._left and default is not None:
            return default
        value = self._left.pop(key, None)
        if type(value) is not kind:
            raise self.error(key, f"must be {_KINDS[kind]}" if value is not None else "is missing")
        return value
