"""What is said where the keyring does not hold what credman left there, and what stays alone."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from credman.core.config import Config
from credman.core.errors import (
    CredmanError,
    LockTimeout,
    PayloadDamaged,
    RolledBack,
    StoreConflict,
    Unavailable,
    UsageError,
    VaultDamaged,
    VaultMissing,
    VaultNewer,
)
from credman.core.scope import Selection
from credman.oskeyring.client import OsKeyring
from credman.session import Session
from credman.stores import disk, keyringplace, machine
from credman.stores.base import open_store
from credman.stores.keyringindex import INDEX_SERVICE, SLOTS, parse_index, render_index
from credman.stores.testing import NEWER, find_address
from tests.oskeyring.bus import Bus
from tests.stores.places import add, make_surroundings, names
from tests.stores.rings import (
    CREATION,
    SERVICE,
    counting_head,
    delete_item,
    find_items,
    load_index,
    look_up,
    make_ring,
    open_ring,
    set_item,
)

pytestmark = pytest.mark.usefixtures("nobody_writes")


def damage_counting_index(found: Bus, home: Path) -> None:
    slot = counting_head(found, home)
    text = look_up(found, slot, INDEX_SERVICE)
    set_item(found, slot, text.replace('"note":""', '"note":"x"', 1), INDEX_SERVICE)


def damage_counting_head(found: Bus, home: Path) -> None:
    set_item(found, counting_head(found, home), "not JSON", INDEX_SERVICE)


def cut_counting_index(found: Bus, home: Path) -> None:
    slot = counting_head(found, home)
    set_item(found, slot, look_up(found, slot, INDEX_SERVICE)[:-7], INDEX_SERVICE)


@pytest.mark.parametrize(
    "damage", [damage_counting_index, damage_counting_head, cut_counting_index]
)
def test_one_damaged_index_is_told_and_nothing_is_written(
    damage: Callable[[Bus, Path], None], home: Path, found: Bus
) -> None:
    make_ring(home, found, "first", "second")
    damage(found, home)
    store = open_ring(home, found)
    snapshot = store.snapshot()
    assert names(store) == {"first"} and isinstance(snapshot.obstacle, VaultDamaged)
    assert snapshot.warnings == (
        "one of the two indexes in the keyring is damaged, the other is older",
    )
    before = find_items(found, store)
    with pytest.raises(VaultDamaged):
        add(store, "third")
    assert find_items(found, store) == before


def test_two_damaged_ones_are_an_error(home: Path, found: Bus) -> None:
    make_ring(home, found, "first")
    for slot in SLOTS:
        set_item(found, slot, "{}", INDEX_SERVICE)
    store = open_ring(home, found)
    assert store.exists()
    for call in (store.snapshot, lambda: add(store, "second")):
        with pytest.raises(PayloadDamaged, match=r"^the index in the keyring is damaged$"):
            call()
    os.unlink(home / ".local/state/credman/keyring-seen.json")
    with pytest.raises(CredmanError):
        store.create(CREATION)
    assert look_up(found, "A", INDEX_SERVICE) == look_up(found, "B", INDEX_SERVICE) == "{}"


def test_a_newer_format_is_left_alone(home: Path, found: Bus) -> None:
    make_ring(home, found, "first")
    slot = counting_head(found, home)
    text = look_up(found, slot, INDEX_SERVICE)
    set_item(found, slot, text.replace('{"credman":1', '{"credman":2', 1), INDEX_SERVICE)
    store = open_ring(home, found)
    for call in (store.snapshot, lambda: add(store, "second")):
        with pytest.raises(VaultNewer, match="has format 2, written by a newer credman"):
            call()


def test_an_item_that_another_program_removed_or_changed(home: Path, found: Bus) -> None:
    store = make_ring(home, found, "one", "two")
    tokens = {t.key.name: t for t in store.snapshot().tokens}
    delete_item(found, "one#1")
    with pytest.raises(VaultDamaged, match="the item one#1 of credman:default/default is gone"):
        store.reveal([find_address(tokens["one"])])
    set_item(found, "two#1", "EXAMPLE-CANARY")
    with pytest.raises(VaultDamaged, match="is not what credman stored") as caught:
        store.reveal([find_address(tokens["two"])])
    assert "CANARY" not in caught.value.message + caught.value.hint
    add(store, "two", "again")
    second = open_ring(home, found)
    token = next(t for t in second.snapshot().tokens if t.key.name == "two")
    assert second.reveal([find_address(token)]) == {find_address(token): "again"}


def test_values_of_a_state_that_is_gone_are_a_conflict(home: Path, found: Bus) -> None:
    store = make_ring(home, found, "one")
    (token,) = store.snapshot().tokens
    Session(open_ring(home, found), Config(), Selection()).remove("one")
    with pytest.raises(StoreConflict, match="the keyring was changed meanwhile"):
        store.reveal([find_address(token)])


def test_a_keyring_that_was_reset_is_not_a_new_user(home: Path, found: Bus) -> None:
    make_ring(home, found, "one")
    found.reset()
    store = open_ring(home, found)
    assert store.exists()
    with pytest.raises(VaultMissing, match="there was a store in the keyring, and it is gone"):
        store.snapshot()
    with pytest.raises(CredmanError, match="there is a store in the keyring already"):
        store.create(CREATION)


def test_an_older_keyring_put_back_is_read_and_not_written(home: Path, found: Bus) -> None:
    store = make_ring(home, found, "one")
    kept = {slot: look_up(found, slot, INDEX_SERVICE) for slot in SLOTS}
    add(store, "two")
    for slot, text in kept.items():
        set_item(found, slot, text, INDEX_SERVICE)
    again = open_ring(home, found)
    assert names(again) == {"one"}
    (warning,) = again.snapshot().warnings
    assert warning == "the index in the keyring is an older one (generation 2; 3 was seen here)"
    with pytest.raises(RolledBack) as caught:
        add(again, "three")
    assert caught.value.hint == "credman doctor --accept --store keyring: goes on with it"
    assert found.users(SERVICE) == {"one#1", "two#1"}


def test_another_store_in_its_place_is_not_written(home: Path, found: Bus) -> None:
    make_ring(home, found, "one")
    seen = (home / ".local/state/credman/keyring-seen.json").read_bytes()
    found.reset()
    other = home.with_name("other")
    make_ring(other, found, "two", "three", "four")
    (home / ".local/state/credman/keyring-seen.json").write_bytes(seen)
    store = open_ring(home, found)
    (warning,) = store.snapshot().warnings
    assert warning == "this is another store in the keyring than the one last seen here"
    with pytest.raises(RolledBack):
        add(store, "more")


def test_an_index_of_another_machine_is_read_and_not_written(
    home: Path, found: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_ring(home, found, "one")
    system = tmp_path / "machine-id"
    system.write_text("another\n")
    monkeypatch.setattr(machine, "_SYSTEM_FILES", (str(system),))
    store = open_ring(home, found)
    assert names(store) == {"one"}
    said = "the index in the keyring was written last by another machine"
    assert store.snapshot().warnings == (said,)
    with pytest.raises(RolledBack, match=said):
        add(store, "two")


def test_where_the_system_has_no_name_one_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_SYSTEM_FILES", (str(tmp_path / "none"), str(tmp_path)))
    assert machine.find_machine(str(tmp_path)) is None  # looking makes nothing
    first = machine.make_machine(str(tmp_path))
    assert first == machine.find_machine(str(tmp_path)) and len(first) == 32
    assert (tmp_path / "machine").stat().st_mode & 0o777 == 0o600
    (tmp_path / "machine").unlink()
    assert machine.make_machine(str(tmp_path)) != first


def test_the_lock_is_of_the_user_whatever_credman_home_says(
    home: Path, found: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_ring(home, found, "one")
    monkeypatch.setattr(keyringplace, "_LOCK_WAIT_SECONDS", 0.1)
    environ = {
        "CREDMAN_HOME": str(tmp_path / "elsewhere"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_DATA_HOME": str(tmp_path / "data"),
    }
    store = open_ring(home, found, environ=environ)
    assert names(store) == {"one"}
    said = r"^the keyring store is locked by process"
    lock = str(home / ".local/state/credman/keyring.lock")
    with disk.locked(lock), pytest.raises(LockTimeout, match=said):
        add(store, "two")
    add(store, "two")
    assert names(open_ring(home, found)) == {"one", "two"}


def test_it_takes_no_path(home: Path) -> None:
    with pytest.raises(UsageError, match="its URL is keyring:"):
        open_store("keyring:work", make_surroundings(home))


def test_a_keyring_that_is_switched_off(home: Path) -> None:
    store = open_store("keyring:", make_surroundings(home))  # knows of no keyring
    for call in (store.exists, store.snapshot, lambda: store.create(CREATION)):
        with pytest.raises(Unavailable, match="the keyring is switched off in the configuration"):
            call()


def test_a_record_that_is_damaged_is_not_taken_for_absent(home: Path, found: Bus) -> None:
    make_ring(home, found, "one")
    (home / ".local/state/credman/keyring-seen.json").write_text("{")
    store = open_ring(home, found)
    assert names(store) == {"one"}
    with pytest.raises(Unavailable, match="the record of what was last seen is damaged"):
        add(store, "two")


def test_an_index_is_read_strictly(home: Path, found: Bus) -> None:
    store = make_ring(home, found, "one")
    index = replace(load_index(store), extra=NEWER)
    text = render_index(index)
    assert parse_index(text) == index
    whole = json.loads(text)
    item = whole["items"][0]
    wrongs: tuple[object, ...] = (
        {**whole, "items": []},
        {**whole, "items": [item, item]},
        {**whole, "items": [{**item, "version": 2}]},
        {**whole, "items": [{**item, "service": INDEX_SERVICE, "user": "A"}]},
        {**whole, "items": [{**item, "form": "other"}]},
        {**whole, "items": [{**item, "parts": 1 << 20}]},
        {**whole, "items": [{**item, "sha256": "0"}]},
        {**whole, "items": None},
        {**whole, "generation": -1},
        {**whole, "store": "x"},
        {**whole, "tokens": whole["tokens"] * 2},
        {},
        [],
        "text",
    )
    for wrong in wrongs:
        with pytest.raises(PayloadDamaged):
            parse_index(json.dumps(wrong))
    for text in ("", "{", "é", "[" * 5000):
        with pytest.raises(PayloadDamaged):
            parse_index(text)


def test_without_a_name_and_a_place_for_one_it_is_read_and_then_accepted(
    home: Path, found: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_SYSTEM_FILES", ())
    make_ring(home, found, "one")
    shutil.rmtree(home / ".local")
    store = open_ring(home, found)
    assert names(store) == {"one"} and not (home / ".local").exists()
    with pytest.raises(RolledBack, match="another machine"):
        add(store, "two")
    store.current()
    store.accept()
    add(store, "two")
    assert names(open_ring(home, found)) == {"one", "two"}


def test_parts_of_a_text_that_was_never_finished_go(
    home: Path, found: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_ring(home, found, "one")
    for user in (f"{name}.{n}" for name in ("A", "B", "journal") for n in range(1, 5)):
        set_item(found, user, "left over", INDEX_SERVICE)
    add(store, "two")
    add(store, "three")
    assert found.users(INDEX_SERVICE) == {"A", "B"}
    monkeypatch.setattr(OsKeyring, "max_characters", 600)
    for name in ("four", "five", "six"):
        add(store, name)
    parts = {user for user in found.users(INDEX_SERVICE) if "." in user}
    assert len(parts) > 6 and names(open_ring(home, found)) > {"one", "six"}
    monkeypatch.undo()
    add(store, "seven")
    add(store, "eight")
    assert found.users(INDEX_SERVICE) == {"A", "B"}
