"""Stores in a keyring of a test's own. Every call makes new ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from credman.core.secret import Secret
from credman.oskeyring.client import OsKeyring
from credman.stores.base import Creation, open_store
from credman.stores.keyring import KeyringStore
from credman.stores.keyringindex import INDEX_SERVICE, SLOTS, Index
from tests.oskeyring.bus import Bus
from tests.stores.places import Answers, add, make_surroundings

CREATION = Creation(None)
SERVICE = "credman:default/default"


class Place(Protocol):
    """Where a keyring is: a bus, or an imitation."""

    def ring(self, *, is_attended: bool = False) -> OsKeyring: ...


@dataclass
class Ringing(Answers):
    """Knows a keyring, and no passphrase."""

    answers: tuple[Secret, ...] = ()
    bus: Place | None = None

    def keyring(self, *, opening: bool = False) -> OsKeyring | None:
        return None if self.bus is None else self.bus.ring()


def open_ring(home: Path, bus: Place, *, environ: Mapping[str, str] | None = None) -> KeyringStore:
    """Returns: the keyring store of a home, opened by nobody yet."""
    given = {"HOME": str(home), **(environ or {})}
    surroundings = replace(make_surroundings(home, environ=given), unlocker=Ringing(bus=bus))
    store = open_store("keyring:", surroundings)
    assert isinstance(store, KeyringStore)
    return store


def make_ring(home: Path, bus: Place, *names: str) -> KeyringStore:
    """Returns: a new store that holds tokens of these names, the value of each its name."""
    store = open_ring(home, bus)
    store.create(CREATION)
    for name in names:
        add(store, name)
    return store


def find_items(bus: Bus, store: KeyringStore) -> set[tuple[str, str]]:
    """Returns: service and user of every item that credman may have made, by another program."""
    services = {f"credman:{t.key.environment}/{t.key.profile}" for t in store.snapshot().tokens}
    services |= {INDEX_SERVICE, "credman:default/default"}
    return {(service, user) for service in services for user in bus.users(service)}


def find_leftovers(store: KeyringStore, bus: Bus) -> set[tuple[str, str]]:
    """Returns: items that no index names, and the journal."""
    index = load_index(store)
    known = {name for item in index.items.values() for name in item.names}
    known |= {(INDEX_SERVICE, slot) for slot in SLOTS}
    return find_items(bus, store) - known


def load_index(store: KeyringStore) -> Index:
    store.snapshot()
    assert store._state is not None
    return store._state.index


def look_up(found: Bus, user: str, service: str = SERVICE) -> str:
    """Returns: what another program finds there."""
    return found.call("secret-tool", "lookup", "service", service, "username", user).stdout


def set_item(found: Bus, user: str, text: str, service: str = SERVICE) -> None:
    with found.ring() as ring:
        ring.set(service, user, Secret(text))


def delete_item(found: Bus, user: str, service: str = SERVICE) -> None:
    with found.ring() as ring:
        assert ring.delete(service, user)


def counting_head(found: Bus, home: Path) -> str:
    """Returns: the slot of the index that counts."""
    store = open_ring(home, found)
    store.snapshot()
    assert store._state is not None
    return store._state.slot
