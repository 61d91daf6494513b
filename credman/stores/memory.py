"""A store that lives as long as the process: for tests, and as the smallest example of a store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from credman.core.errors import NoVault, StoreConflict, VaultExists
from credman.core.model import Address, Contents
from credman.core.secret import Secret
from credman.stores.base import Committed, Creation, Snapshot, Surroundings, pick
from credman.stores.changes import Change, apply_changes


class MemoryStore:
    def __init__(self, rest: str = "", surroundings: Surroundings | None = None) -> None:
        self._contents: Contents | None = None
        self._revision = 0

    def exists(self) -> bool:
        return self._contents is not None

    def create(self, creation: Creation) -> None:
        if self._contents is not None:
            raise VaultExists("there is a store already")
        self._contents = Contents()

    def snapshot(self) -> Snapshot:
        contents = self._opened()
        return Snapshot(str(self._revision), contents.environments, contents.tokens)

    def reveal(self, addresses: Iterable[Address]) -> dict[Address, Secret]:
        return pick(self._opened().values, addresses)

    def commit(self, changes: Sequence[Change], *, expected_revision: str) -> Committed:
        contents = self._opened()
        if expected_revision != str(self._revision):
            raise StoreConflict("the store was changed by somebody else")
        self._contents = apply_changes(contents, changes)
        self._revision += 1
        return Committed(str(self._revision))

    def describe(self) -> dict[str, str]:
        return {"kind": "memory"}

    def _opened(self) -> Contents:
        if self._contents is None:
            raise NoVault("there is no store yet")
        return self._contents
