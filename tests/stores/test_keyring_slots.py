"""Two programs that give one vault a key in the keyring at once. A real gnome-keyring."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from credman.core.errors import CredmanError, Unavailable
from credman.core.keyslots import SlotChange, WantedKeyring
from credman.oskeyring.client import OsKeyring
from credman.stores import disk
from credman.stores.base import open_store
from credman.stores.file import FileStore
from tests.oskeyring.bus import Bus, bus
from tests.stores.places import Answers, make_surroundings, make_vault, names

WANTED = SlotChange((WantedKeyring(),))


@dataclass
class Ringing(Answers):
    """Knows a keyring as well."""

    bus: Bus | None = None

    def keyring(self, *, opening: bool = False) -> OsKeyring | None:
        return None if self.bus is None else self.bus.ring()


def open_vault(home: Path, found: Bus, *, typed: bool = False) -> FileStore:
    """Args: typed: a passphrase is known, too."""
    unlocker = Ringing(bus=found) if typed else Ringing((), bus=found)
    surroundings = replace(make_surroundings(home), unlocker=unlocker)
    store = open_store(f"file:{surroundings.paths.vault}", surroundings)
    assert isinstance(store, FileStore)
    return store


def test_of_two_at_once_one_key_opens_the_vault(tmp_path: Path) -> None:
    home = tmp_path / "place"
    make_vault(home, "token")
    with bus(tmp_path) as found:
        stores = [open_vault(home, found, typed=True) for _ in range(2)]
        revisions = [store.snapshot().revision for store in stores]

        def add_slot(number: int) -> bool:
            try:
                stores[number].change_slots(WANTED, expected_revision=revisions[number])
            except CredmanError:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(add_slot, range(2))) == [False, True]
        assert names(open_vault(home, found)) == {"token"}


def test_one_after_the_other_opens_it(tmp_path: Path) -> None:
    home = tmp_path / "place"
    make_vault(home, "token")
    with bus(tmp_path) as found:
        store = open_vault(home, found, typed=True)
        store.change_slots(WANTED, expected_revision=store.snapshot().revision)
        opened = open_vault(home, found)
        assert names(opened) == {"token"}
        opening, key = opened.opening(), opened.find_keyring_key("1")
        assert (opening.slot, opening.secret) == ("1", key)
        assert key is not None and opened.find_keyring_key("0") is None
        assert repr(key)[2:-1] not in repr(opening)


def test_a_key_goes_again_where_the_vault_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "place"
    make_vault(home, "token")
    with bus(tmp_path) as found:
        store = open_vault(home, found, typed=True)
        revision = store.snapshot().revision

        def fail(*args: object, **kwargs: object) -> None:
            raise Unavailable("cannot write")

        with monkeypatch.context() as patch:
            patch.setattr(disk, "replace_file", fail)
            with pytest.raises(Unavailable, match="cannot write"):
                store.change_slots(WANTED, expected_revision=revision)
        assert store.find_keyring_key("1") is None
        assert names(store) == {"token"}
