"""What is not put back, not accepted and not forgotten, and what goes on as it was."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from credman.core.config import Config
from credman.core.errors import Refused, StoreConflict, VaultMissing
from credman.core.model import Field
from credman.core.scope import Selection
from credman.core.secret import Secret
from credman.session import Session
from credman.stores.additions import NewToken
from credman.stores.file import FileStore
from credman.vault import slots
from credman.vault.container import parse_vault, seal_vault
from tests.stores.key_places import NEW, change, make_keyed_vault, new_passphrase, show
from tests.stores.places import (
    PASSPHRASE,
    add,
    find_seen,
    make_vault,
    names,
    open_vault,
    vault_file,
)


def backup(home: Path) -> Path:
    return vault_file(home).with_name("vault.age.bak")


def remake(home: Path, file: bytes, *, generation: int, secret: Secret = PASSPHRASE) -> bytes:
    """Returns: the vault as somebody with its passphrase could write it, of another generation."""
    sealed = parse_vault(file)
    found = sealed.find_slot(secret)
    assert found is not None
    document = replace(sealed.open(found[1]), generation=generation)
    return seal_vault(document, [slot.stanza for slot in sealed.slots])


def put_beside(home: Path, file: bytes) -> str:
    path = vault_file(home).with_name("vault (conflict).age")
    path.write_bytes(file)
    return str(path)


def isolate(store: FileStore, name: str) -> None:
    """Stores a token in an environment that is isolated from now on."""
    variable = name.upper()
    new = NewToken(name, (Field(variable, (variable,)),), isolated=True)
    session = Session(store, Config(), Selection(environment="prod"))
    session.add(new, {variable: Secret(name)})


@pytest.mark.parametrize("merge", [False, True])
def test_a_copy_that_only_a_recovery_key_opens_does_not_replace_a_whole_vault(
    home: Path, merge: bool
) -> None:
    recovery = make_keyed_vault(home, "kept")
    other = home.with_name("other")
    shutil.copytree(home / "data", other / "data")
    foreign = open_vault(other, None, PASSPHRASE)
    change(foreign, new_passphrase())  # another identity, and a passphrase that nobody here knows
    add(foreign, "theirs")
    path = put_beside(home, vault_file(other).read_bytes())
    before = vault_file(home).read_bytes()
    store = open_vault(home, None, PASSPHRASE, show(recovery))
    store.current()
    surroundings = store._vault._unlocker
    surroundings.answers = (show(recovery),)  # type: ignore[attr-defined]
    copy = store.read_copy(path)
    with pytest.raises(Refused, match="only a recovery key opens that copy"):
        store.restore(copy, merge=merge)
    assert vault_file(home).read_bytes() == before


@pytest.mark.parametrize("merge", [False, True])
def test_a_generation_that_leaves_none_for_the_next_write_is_not_taken_over(
    home: Path, merge: bool
) -> None:
    make_vault(home, "kept")
    path = put_beside(home, remake(home, vault_file(home).read_bytes(), generation=2**53 - 2))
    store = open_vault(home)
    store.current()
    with pytest.raises(Refused, match="a generation that no vault reaches"):
        store.restore(store.read_copy(path), merge=merge)
    add(open_vault(home), "later")
    assert names(open_vault(home)) == {"kept", "later"}


def test_what_was_not_shown_is_not_accepted(home: Path) -> None:
    store = make_vault(home, "one")
    oldest = vault_file(home).read_bytes()
    add(store, "two")
    older = vault_file(home).read_bytes()
    add(store, "three")
    vault_file(home).write_bytes(older)
    looking = open_vault(home)
    assert "generation 3" in looking.current().title
    vault_file(home).write_bytes(oldest)
    with pytest.raises(StoreConflict):
        looking.accept()
    assert vault_file(home).read_bytes() == oldest


def test_a_vault_that_vanishes_is_not_forgotten_by_accepting_it(home: Path) -> None:
    make_vault(home, "one", "two")
    shutil.copyfile(backup(home), vault_file(home))
    store = open_vault(home)
    store.current()
    vault_file(home).unlink()
    with pytest.raises((StoreConflict, VaultMissing)):
        store.accept()
    assert backup(home).exists() and find_seen(home).exists()


def test_a_vault_that_is_back_is_not_forgotten(home: Path) -> None:
    make_vault(home, "one")
    kept = vault_file(home).read_bytes()
    vault_file(home).unlink()
    store = open_vault(home)
    assert isinstance(store.current().problem, VaultMissing)
    vault_file(home).write_bytes(kept)
    with pytest.raises(StoreConflict, match="there again"):
        store.forget()
    assert names(open_vault(home)) == {"one"}
    assert backup(home).exists() and find_seen(home).exists()


def test_merging_isolates_no_environment(home: Path) -> None:
    make_vault(home, "base")
    other = home.with_name("other")
    shutil.copytree(home / "data", other / "data")
    isolate(open_vault(other), "theirs")
    add(open_vault(home), "ours")
    path = put_beside(home, vault_file(other).read_bytes())
    store = open_vault(home)
    store.current()
    copy = store.read_copy(path)
    assert store.compare(copy).isolation == ("prod",)
    store.restore(copy, merge=True)
    found = open_vault(home).snapshot()
    assert {t.key.name for t in found.tokens} == {"base", "ours", "theirs"}
    assert not [e for e in found.environments if e.isolated]


def damage_slot(home: Path) -> None:
    file = vault_file(home).read_bytes()
    (slot,) = parse_vault(file).slots
    salt = slot.stanza.args[2].encode()
    changed = (b"A" if salt[:1] != b"A" else b"B") + salt[1:]
    vault_file(home).write_bytes(file.replace(salt, changed))


def test_a_vault_whose_slot_is_damaged_comes_back(home: Path) -> None:
    make_vault(home, "one", "two")
    damage_slot(home)
    store = open_vault(home)
    assert store.current().relation == "does not open"
    store.restore(store.read_copy(str(backup(home))))
    assert names(open_vault(home)) == {"one"}
    assert list(vault_file(home).parent.glob("vault.age.damaged-*"))


def test_a_mistyped_passphrase_is_no_damage(home: Path) -> None:
    make_vault(home, "one", "two")
    before = vault_file(home).read_bytes()
    store = open_vault(home, None, Secret("mistyped"))
    assert store.current().relation == "does not open"
    store._vault._unlocker.answers = (PASSPHRASE,)  # type: ignore[attr-defined]
    copy = store.read_copy(str(backup(home)))
    with pytest.raises(Refused, match="opens the vault itself"):
        store.restore(copy)
    assert vault_file(home).read_bytes() == before


@pytest.mark.parametrize("seen", [True, False], ids=["seen here", "never seen"])
def test_another_vault_does_not_replace_a_damaged_one(home: Path, seen: bool) -> None:
    make_vault(home, "one", "two")
    other = home.with_name("other")
    make_vault(other, "theirs")
    vault_file(home).write_bytes(b"")
    if not seen:
        find_seen(home).unlink()
    store = open_vault(home)
    store.current()
    copy = store.read_copy(str(vault_file(other)))
    assert not copy.is_whole and copy.relation == "another vault"
    with pytest.raises(Refused, match="another vault"):
        store.restore(copy)
    assert vault_file(home).read_bytes() == b""


def test_what_a_killed_process_left_does_not_outlive_a_change_of_keys(home: Path) -> None:
    make_keyed_vault(home, "one")
    left = [
        vault_file(home).with_name(f".{name}.{os.urandom(8).hex()}.tmp")
        for name in ("vault.age", "vault.age.bak")
    ]
    for path in left:
        os.link(vault_file(home), path)
    change(open_vault(home), new_passphrase())
    assert not [path for path in left if path.exists()]
    assert parse_vault(vault_file(home).read_bytes()).find_slot(NEW)


def test_a_former_key_that_a_killed_process_left_in_the_copy_is_found(home: Path) -> None:
    make_keyed_vault(home, "one")
    older = vault_file(home).read_bytes()
    change(open_vault(home), new_passphrase())
    backup(home).write_bytes(older)
    store = open_vault(home, None, NEW)
    store.current()
    found = store.examine_previous()
    assert found is not None and found.problem is not None
    assert "still opens with what was taken away" in found.problem.message
    add(store, "later")
    assert slots.unwrap_passphrase(parse_vault(backup(home).read_bytes()).slots[0], NEW)
