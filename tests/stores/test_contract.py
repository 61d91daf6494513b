"""Every store of the package keeps the contract that it ships for others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from credman.stores.base import SCHEMES, Store
from credman.stores.file import FileStore
from credman.stores.keyring import KeyringStore
from credman.stores.memory import MemoryStore
from credman.stores.testing import StoreContract
from tests.oskeyring.bus import bus
from tests.stores.places import open_vault
from tests.stores.rings import open_ring


class TestMemoryStore(StoreContract):
    def make_store(self) -> Store:
        return MemoryStore()

    def reopen(self, store: Store) -> Store:
        return store


class TestFileStore(StoreContract):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.home = tmp_path / "place"

    def make_store(self) -> Store:
        return open_vault(self.home)

    def reopen(self, store: Store) -> Store:
        return open_vault(self.home)


class TestKeyringStore(StoreContract):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> Iterator[None]:
        self.home = tmp_path / "place"
        self.home.mkdir()
        with bus(tmp_path) as self.bus:
            yield

    def make_store(self) -> Store:
        return open_ring(self.home, self.bus)

    def reopen(self, store: Store) -> Store:
        return open_ring(self.home, self.bus)


def test_every_scheme_is_tried() -> None:
    tried = {FileStore, KeyringStore}
    assert {target.partition(":")[2] for target in SCHEMES.values()} == {
        store.__name__ for store in tried
    }


def test_the_contract_finds_a_store_that_forgets() -> None:
    class Forgetful(MemoryStore):
        def exists(self) -> bool:
            return False

    class Broken(StoreContract):
        def make_store(self) -> Store:
            return Forgetful()

    with pytest.raises(AssertionError):
        Broken().test_a_new_place_is_empty_until_it_is_made()
