"""Backups of the keyring store, getting back to one, and going on with what lies there."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from credman.core.errors import (
    Locked,
    NotAVault,
    NotFound,
    NoVault,
    Refused,
    StoreConflict,
    Unavailable,
    UsageError,
    VaultDamaged,
    VaultMissing,
    WrongPassphrase,
)
from credman.core.secret import Secret
from credman.stores.base import open_store
from credman.stores.keyring import KeyringStore
from credman.stores.keyringindex import INDEX_SERVICE, JOURNAL, SLOTS, render_index
from credman.stores.keyringitems import digest
from credman.stores.testing import find_address
from credman.vault.container import parse_vault
from tests.oskeyring.bus import Bus, bus
from tests.stores.model import open_session
from tests.stores.places import add, make_surroundings, make_vault, names
from tests.stores.rings import (
    SERVICE,
    Ringing,
    counting_head,
    delete_item,
    find_leftovers,
    load_index,
    look_up,
    make_ring,
    open_ring,
    set_item,
)

pytestmark = pytest.mark.usefixtures("nobody_writes")
PASSPHRASE = Secret("EXAMPLE passphrase of a backup")


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(tmp_path / "backup.age")


def open_knowing(home: Path, found: Bus, *passphrases: Secret) -> KeyringStore:
    """Returns: the store, for somebody who knows the passphrase of the backup."""
    unlocker = Ringing(passphrases or (PASSPHRASE,), bus=found)
    surroundings = make_surroundings(home, environ={"HOME": str(home)})
    store = open_store("keyring:", replace(surroundings, unlocker=unlocker))
    assert isinstance(store, KeyringStore)
    return store


def restore(store: KeyringStore, file: str, *, merge: bool = False) -> None:
    store.current()
    store.restore(store.read_copy(file), merge=merge)


def values_of(store: KeyringStore) -> dict[str, str]:
    tokens = store.snapshot().tokens
    found = store.reveal(find_address(t) for t in tokens)
    return {t.key.name: str(found[find_address(t)]) for t in tokens}


def test_a_backup_is_one_age_file_with_everything(home: Path, found: Bus, file: str) -> None:
    store = make_ring(home, found, "one", "two")
    assert not store.has_recovery()
    with pytest.raises(UsageError, match="a backup needs a passphrase"):
        store.backup(file, None)
    assert store.backup(file, PASSPHRASE) == "that passphrase"
    sealed = parse_vault(Path(file).read_bytes())
    slot = sealed.find_slot(PASSPHRASE)
    assert slot is not None
    document = sealed.open(slot[1])
    index = load_index(store)
    assert (document.vault_id, document.generation) == (index.store_id, index.generation)
    assert {t.key.name for t in document.contents.tokens} == {"one", "two"}
    assert sorted(document.contents.values.values()) == ["one", "two"]
    before = Path(file).read_bytes()
    with pytest.raises(Refused, match="there is a file already"):
        store.backup(file, PASSPHRASE)
    assert Path(file).read_bytes() == before


def test_no_backup_is_made_of_a_store_that_lacks_an_item(home: Path, found: Bus, file: str) -> None:
    store = make_ring(home, found, "one", "two")
    delete_item(found, "two#1")
    with pytest.raises(VaultDamaged, match="two#1 of credman:default/default is gone"):
        store.backup(file, PASSPHRASE)
    assert not Path(file).exists()


def test_the_state_of_a_backup_is_told(home: Path, found: Bus, file: str) -> None:
    make_ring(home, found, "one").backup(file, PASSPHRASE)
    store = open_knowing(home, found)
    store.current()
    copy = store.read_copy(file)
    assert (copy.relation, copy.is_whole, copy.is_current) == ("the same as the store", True, True)
    assert "generation 2, " in copy.title and [t.key.name for t in copy.tokens] == ["one"]
    add(store, "two")
    current = store.current()
    assert (current.path, current.problem) == ("keyring:", None)
    assert "generation 3, " in current.title
    copy = store.read_copy(file)
    assert copy.relation == "an older copy of this store" and not copy.is_current


def test_a_backup_put_back_is_a_new_generation_and_unsure(
    home: Path, found: Bus, file: str
) -> None:
    make_ring(home, found, "one", "two", "three").backup(file, PASSPHRASE)
    store = open_knowing(home, found)
    add(store, "one", "changed")
    open_session(store, "default").remove("two")
    add(store, "four")
    generation = load_index(store).generation
    store.current()
    copy = store.read_copy(file)
    difference = store.compare(copy)
    assert [k.name for k in difference.only_here] == ["four"]
    assert [k.name for k in difference.only_there] == ["two"]
    assert [k.name for k in difference.differing] == ["one"]
    store.restore(copy)
    again = open_ring(home, found)
    assert values_of(again) == {"one": "one", "two": "two", "three": "three"}
    assert all(token.unsure for token in again.snapshot().tokens)
    assert load_index(again).generation == generation + 1
    assert again.snapshot().warnings == () and find_leftovers(again, found) == set()
    assert look_up(found, "three#1") == "three"  # the same value stays where it was
    add(again, "five")


def test_a_merge_takes_what_is_missing(home: Path, found: Bus, file: str) -> None:
    make_ring(home, found, "one", "two").backup(file, PASSPHRASE)
    store = open_knowing(home, found)
    add(store, "one", "changed")
    open_session(store, "default").remove("two")
    restore(store, file, merge=True)
    assert values_of(open_ring(home, found)) == {"one": "changed", "two": "two"}
    unsure = {t.key.name for t in store.snapshot().tokens if t.unsure}
    assert unsure == {"two"} and find_leftovers(store, found) == set()


def lose(found: Bus, home: Path) -> None:
    found.reset()


def lose_with_record(found: Bus, home: Path) -> None:
    found.reset()
    (home / ".local/state/credman/keyring-seen.json").unlink()


def damage(found: Bus, home: Path) -> None:
    for slot in SLOTS:
        set_item(found, slot, "{}", INDEX_SERVICE)


def damage_bodies(found: Bus, home: Path) -> None:
    for slot in SLOTS:
        text = look_up(found, slot, INDEX_SERVICE)
        high = text.replace('"generation":', '"generation":9', 1)
        set_item(found, slot, f"{high}x", INDEX_SERVICE)


@pytest.mark.parametrize("harm", [lose, lose_with_record, damage, damage_bodies])
def test_what_is_lost_comes_back_from_a_backup(
    harm: Callable[[Bus, Path], None], home: Path, found: Bus, file: str
) -> None:
    make_ring(home, found, "one", "two").backup(file, PASSPHRASE)
    harm(found, home)
    store = open_knowing(home, found)
    assert store.current().problem is not None
    restore(store, file)
    again = open_ring(home, found)
    assert values_of(again) == {"one": "one", "two": "two"}
    assert again.snapshot().warnings == () and load_index(again).generation > 3
    add(again, "three")
    assert names(open_ring(home, found)) == {"one", "two", "three"}


def test_on_a_new_machine_a_backup_makes_the_store(
    home: Path, found: Bus, file: str, tmp_path: Path
) -> None:
    store = make_ring(home, found, "one")
    store.backup(file, PASSPHRASE)
    store_id = load_index(store).store_id
    (tmp_path / "other").mkdir()
    with bus(tmp_path / "other") as elsewhere:
        new = open_knowing(tmp_path / "new", elsewhere)
        assert not new.exists()
        restore(new, file)
        assert values_of(open_ring(tmp_path / "new", elsewhere)) == {"one": "one"}
        assert load_index(new).store_id == store_id
        add(new, "two")


def test_items_that_another_program_removed_come_back(home: Path, found: Bus, file: str) -> None:
    make_ring(home, found, "one", "two").backup(file, PASSPHRASE)
    delete_item(found, "one#1")
    set_item(found, "two#1", "another")
    store = open_knowing(home, found)
    add(store, "three")
    store.current()
    copy = store.read_copy(file)
    assert [k.name for k in store.compare(copy).differing] == ["one", "two"]
    store.restore(copy)
    assert values_of(open_ring(home, found)) == {"one": "one", "two": "two"}


def test_another_store_or_vault_does_not_replace_it(
    home: Path, found: Bus, file: str, tmp_path: Path
) -> None:
    make_ring(home, found, "one").backup(file, PASSPHRASE)
    found.reset()
    make_ring(tmp_path / "second", found, "two")
    store = open_knowing(tmp_path / "second", found)
    store.current()
    copy = store.read_copy(file)
    assert (copy.is_whole, copy.relation) == (False, "another store")
    with pytest.raises(Refused, match="no backup of this store"):
        store.restore(copy)
    vault = make_vault(tmp_path / "vault", "three")
    store = open_knowing(tmp_path / "second", found, Secret("EXAMPLE passphrase"))
    store.current()
    with pytest.raises(Refused):
        store.restore(store.read_copy(vault.path))
    assert names(store) == {"two"}


def test_what_was_changed_after_it_was_shown_stays(home: Path, found: Bus, file: str) -> None:
    make_ring(home, found, "one").backup(file, PASSPHRASE)
    store = open_knowing(home, found)
    add(store, "two")
    store.current()
    copy = store.read_copy(file)
    add(open_ring(home, found), "three")
    with pytest.raises(StoreConflict, match="changed meanwhile"):
        store.restore(copy)
    with pytest.raises(StoreConflict, match="changed meanwhile"):
        store.accept()
    assert names(open_ring(home, found)) == {"one", "two", "three"}


def test_a_generation_that_none_reaches_is_refused(
    home: Path, found: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_ring(home, found, "one")
    index = replace(load_index(store), generation=2**50)
    text = render_index(index)
    head = {"credman": 1, "generation": 2**50, "parts": 0, "sha256": digest(text)}
    kept = look_up(found, "B", INDEX_SERVICE)
    set_item(found, "B", f"{json.dumps(head)}\n{text}", INDEX_SERVICE)
    high = str(tmp_path / "high.age")
    open_ring(home, found).backup(high, PASSPHRASE)
    set_item(found, "B", kept, INDEX_SERVICE)
    with pytest.raises(Refused, match="a generation that no vault reaches"):
        restore(open_knowing(home, found), high)
    assert names(open_ring(home, found)) == {"one"}


@pytest.mark.parametrize(
    ("content", "kind"),
    [(None, NotFound), (b"", NotAVault), (b"text", NotAVault), (b"age-encryption", VaultDamaged)],
)
def test_what_is_no_backup_is_refused(
    content: bytes | None, kind: type[Exception], home: Path, found: Bus, file: str
) -> None:
    make_ring(home, found, "one")
    if content is not None:
        Path(file).write_bytes(content)
    store = open_knowing(home, found)
    store.current()
    with pytest.raises(kind):
        store.read_copy(file)


def test_a_wrong_passphrase_opens_no_backup(home: Path, found: Bus, file: str) -> None:
    make_ring(home, found, "one").backup(file, PASSPHRASE)
    store = open_knowing(home, found, Secret("another"))
    with pytest.raises((WrongPassphrase, Locked)):
        store.read_copy(file)


def test_accepting_an_older_index_goes_on_with_it(home: Path, found: Bus) -> None:
    store = make_ring(home, found, "one")
    kept = {slot: look_up(found, slot, INDEX_SERVICE) for slot in SLOTS}
    add(store, "two")
    for slot, text in kept.items():
        set_item(found, slot, text, INDEX_SERVICE)
    again = open_ring(home, found)
    assert again.snapshot().obstacle is not None and again.current().problem is None
    again.accept()
    assert again.snapshot().warnings == () and load_index(again).generation == 4
    assert all(token.unsure for token in again.snapshot().tokens)
    add(again, "three")
    assert values_of(open_ring(home, found)) == {"one": "one", "three": "three"}


@pytest.mark.parametrize("text", ["not JSON", '{"credman":1,"generation":7,"parts":0,"sha256":""}'])
def test_accepting_the_older_of_two_ends_the_damaged_one(text: str, home: Path, found: Bus) -> None:
    make_ring(home, found, "one", "two")
    set_item(found, counting_head(found, home), text, INDEX_SERVICE)
    store = open_ring(home, found)
    assert names(store) == {"one"}
    store.accept()
    add(store, "three")
    again = open_ring(home, found)
    assert values_of(again) == {"one": "one", "three": "three"}
    assert again.snapshot().warnings == ()


def test_a_store_that_is_gone_can_be_forgotten(home: Path, found: Bus) -> None:
    store = make_ring(home, found, "one")
    with pytest.raises(StoreConflict, match="there again"):
        store.forget()
    found.reset()
    again = open_ring(home, found)
    problem = again.current().problem
    assert isinstance(problem, VaultMissing)
    assert again.forget() is None and not again.exists()
    assert isinstance(again.current().problem, NoVault)
    make_ring(home, found, "two")


def test_what_is_looked_at_closer(home: Path, found: Bus) -> None:
    store = make_ring(home, found, "one", "two", "three")
    (fact,) = store.examine()
    assert (fact.label, fact.is_wrong) == ("items", False)
    assert fact.text == "3 of 3 are in the keyring as they were stored"
    delete_item(found, "one#1")
    set_item(found, "two#1", "another")
    set_item(found, JOURNAL, "{}", INDEX_SERVICE)
    first, second, rest, journal = open_ring(home, found).examine()
    assert first.is_wrong and f"one#1 of {SERVICE} is gone" in first.text and first.hint
    assert second.is_wrong and "two#1" in second.text
    assert rest.text == "1 of 3 are in the keyring as they were stored"
    assert journal.label == "journal" and not journal.is_wrong


def test_a_keyring_that_does_not_answer_is_a_copy_with_a_problem(home: Path, found: Bus) -> None:
    make_ring(home, found, "one")
    found.lock()
    problem = open_ring(home, found).current().problem
    assert isinstance(problem, Unavailable)
