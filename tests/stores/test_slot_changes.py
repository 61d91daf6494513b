"""Changing what opens a vault, in its place: the copy before it, other processes, who may do it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from credman.core.config import Config
from credman.core.errors import (
    NoMatch,
    Refused,
    RolledBack,
    StoreConflict,
    Unavailable,
    UsageError,
)
from credman.core.keyslots import NewPassphrase, NewRecovery, SlotChange, SlotKind
from credman.core.scope import Selection
from credman.session import Session
from credman.stores import disk
from credman.stores.seen import load_last_seen
from credman.vault.container import parse_vault
from credman.vault.document import Ancestor
from tests.stores import key_driver
from tests.stores.driver import environment
from tests.stores.key_places import (
    NEW,
    SECOND,
    can_open,
    change,
    find_openers,
    make_keyed_vault,
    new_passphrase,
    read_document,
    show,
)
from tests.stores.places import (
    PASSPHRASE,
    REPOSITORY,
    add,
    find_seen,
    leftovers,
    names,
    open_vault,
    vault_file,
)


def backup(home: Path) -> Path:
    return vault_file(home).with_name("vault.age.bak")


def read_folder(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (home / "data").iterdir()}


def test_a_lost_passphrase_is_replaced_with_the_recovery_key(home: Path) -> None:
    recovery = make_keyed_vault(home, "one")
    find_seen(home).unlink()  # as on a new machine
    store = open_vault(home, None, show(recovery))
    assert not store.opening().is_proven
    change(store, new_passphrase())
    assert can_open(home, NEW) and can_open(home, show(recovery))
    assert not can_open(home, PASSPHRASE)
    add(store, "two")  # the same process goes on
    add(open_vault(home, None, NEW), "three")
    assert names(open_vault(home, None, show(recovery))) == {"one", "two", "three"}


def test_the_copy_before_opens_with_nothing_that_was_taken_away(home: Path) -> None:
    make_keyed_vault(home, "one")
    assert find_openers(backup(home).read_bytes(), PASSPHRASE) == {PASSPHRASE}
    change(open_vault(home), new_passphrase())
    file, copy = vault_file(home), backup(home)
    assert copy.read_bytes() == file.read_bytes()
    assert find_openers(copy.read_bytes(), PASSPHRASE, NEW) == {NEW}
    # Blocks of its own: it is for the day when those of the vault are damaged.
    assert copy.stat().st_ino != file.stat().st_ino
    assert [path.stat().st_nlink for path in (file, copy)] == [1, 1]
    assert copy.stat().st_mode & 0o777 == 0o600
    assert leftovers(home / "data") == []


def test_without_a_new_key_the_copy_before_is_the_former_vault(home: Path) -> None:
    make_keyed_vault(home, "one")
    before = vault_file(home).read_bytes()
    change(open_vault(home), SlotChange(add=(NewPassphrase(SECOND),)))
    assert backup(home).read_bytes() == before
    assert can_open(home, SECOND) and can_open(home, PASSPHRASE)


def test_it_is_the_next_generation_and_names_the_one_before(home: Path) -> None:
    make_keyed_vault(home, "one")
    before, former = read_document(home, PASSPHRASE), vault_file(home).read_bytes()
    change(open_vault(home), new_passphrase())
    after = read_document(home, NEW)
    assert after.generation == before.generation + 1
    known = Ancestor(before.generation, parse_vault(former).file_hash)
    assert after.history == (*before.history, known)
    seen = load_last_seen(str(find_seen(home)))
    file_hash = parse_vault(vault_file(home).read_bytes()).file_hash
    assert seen is not None
    assert (seen.generation, seen.file_hash) == (after.generation, file_hash)
    assert open_vault(home, None, NEW).snapshot().warnings == ()


def test_a_copy_before_that_cannot_be_replaced_is_warned_of(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_keyed_vault(home, "one")
    replace_file = disk.replace_file

    def fail_for_backup(path: str, data: bytes, **options: Any) -> str | None:
        if path.endswith(".bak"):
            raise Unavailable(f"cannot write {path}: no space left on device")
        return replace_file(path, data, **options)

    monkeypatch.setattr(disk, "replace_file", fail_for_backup)
    (warning,) = change(open_vault(home), new_passphrase())
    assert warning.startswith("saved, but") and f"{backup(home)} still opens" in warning
    assert can_open(home, NEW) and not can_open(home, PASSPHRASE)


def test_whoever_looked_at_an_older_state_is_told_and_changes_nothing(home: Path) -> None:
    make_keyed_vault(home, "one")
    store = open_vault(home)
    stale = store.snapshot().revision
    add(open_vault(home), "two")
    before = read_folder(home)
    with pytest.raises(StoreConflict):
        store.change_slots(new_passphrase(), expected_revision=stale)
    assert read_folder(home) == before
    change(store, new_passphrase())  # after another look it works, and loses nothing
    assert names(open_vault(home, None, NEW)) == {"one", "two"}


def test_another_process_that_knows_the_former_key_is_told_what_to_do(home: Path) -> None:
    make_keyed_vault(home, "one")
    other = open_vault(home)
    revision = other.snapshot().revision
    change(open_vault(home), new_passphrase())
    for action in (
        other.snapshot,
        lambda: other.commit([], expected_revision=revision),
        lambda: other.change_slots(new_passphrase(), expected_revision=revision),
    ):
        with pytest.raises(NoMatch) as caught:
            action()
        assert "damaged" not in caught.value.message
        assert "new key" in caught.value.hint and "again" in caught.value.hint


def test_of_two_at_once_one_changes_it_and_the_other_one_is_told(home: Path) -> None:
    key_driver.make_home(home, "whole")
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.stores.key_driver", str(home), "passwd"],
            stdout=subprocess.PIPE,
            cwd=REPOSITORY,
            env=environment(),
        )
        for _ in range(3)
    ]
    said = sorted(process.communicate()[0] for process in processes)
    assert [line.startswith(b"ok") for line in said].count(True) == 1
    assert sorted(process.returncode for process in processes)[0] == 0
    assert not [line for line in said if b"damaged" in line]
    assert can_open(home, NEW) and can_open(home, SECOND) and not can_open(home, PASSPHRASE)
    assert open_vault(home, None, NEW).snapshot().obstacle is None


def test_a_session_tries_again_where_only_tokens_changed(home: Path) -> None:
    make_keyed_vault(home, "one")
    store = open_vault(home)
    snapshot, snapshots = store.snapshot, []

    def look_once_too_early() -> object:
        snapshots.append(snapshot())
        if len(snapshots) == 1:
            add(open_vault(home), "two")
        return snapshots[-1]

    store.snapshot = look_once_too_early  # type: ignore[method-assign, assignment]
    Session(store, Config(), Selection()).change_slots(new_passphrase())
    assert len(snapshots) == 2
    assert names(open_vault(home, None, NEW)) == {"one", "two"}


def test_a_session_gives_up_where_the_slots_changed(home: Path) -> None:
    make_keyed_vault(home, "one")
    store = open_vault(home)
    change_slots = store.change_slots

    def come_second(wanted: SlotChange, *, expected_revision: str) -> object:
        change(open_vault(home), SlotChange(add=(NewPassphrase(SECOND),)))
        return change_slots(wanted, expected_revision=expected_revision)

    store.change_slots = come_second  # type: ignore[method-assign, assignment]
    with pytest.raises(Refused, match="another process changed") as caught:
        Session(store, Config(), Selection()).change_slots(new_passphrase())
    assert "nothing was changed" in caught.value.hint
    assert can_open(home, SECOND) and can_open(home, PASSPHRASE) and not can_open(home, NEW)


def test_the_recovery_key_writes_what_was_written_here_last(home: Path) -> None:
    recovery = make_keyed_vault(home, "one")
    store = open_vault(home, None, show(recovery))
    assert store.opening().is_proven and store.snapshot().obstacle is None
    add(store, "two")
    change(store, SlotChange(add=(NewPassphrase(SECOND),)))  # no new key is needed
    assert names(open_vault(home)) == {"one", "two"} and can_open(home, SECOND)


def test_the_recovery_key_alone_only_reads_until_there_is_a_new_key(home: Path) -> None:
    recovery = make_keyed_vault(home, "one")
    find_seen(home).unlink()
    before = read_folder(home)
    store = open_vault(home, None, show(recovery))
    obstacle = store.snapshot().obstacle
    assert isinstance(obstacle, Refused) and "credman passwd" in obstacle.hint
    document = read_document(home, PASSPHRASE)
    for shown in (document.vault_id, f"generation {document.generation}"):
        assert shown in obstacle.message and shown in store.opening().title
    for action in (lambda: add(store, "two"), store.accept):
        with pytest.raises(Refused, match="only be read"):
            action()
    assert read_folder(home) == before
    # Whoever adds a slot without a new key would leave the forger's in place.
    with pytest.raises(Refused, match="slot 0"):
        change(store, SlotChange(add=(NewPassphrase(SECOND),)))
    assert read_folder(home) == before


@pytest.mark.parametrize("record", [b"", b"{", b"[]", b'{"vault":1,"generation":1,"sha256":"a"}'])
def test_a_damaged_record_stops_writing_until_it_is_accepted(home: Path, record: bytes) -> None:
    recovery = make_keyed_vault(home, "one")
    find_seen(home).write_bytes(record)
    store = open_vault(home)
    (warning,) = store.snapshot().warnings
    assert "last seen is damaged" in warning and names(store) == {"one"}
    for action in (lambda: add(store, "two"), lambda: change(store, new_passphrase())):
        with pytest.raises(Unavailable, match="last seen is damaged"):
            action()
    assert find_seen(home).read_bytes() == record
    opening = open_vault(home, None, show(recovery)).opening()
    assert not opening.is_proven and "last seen is damaged" in opening.doubts[0]
    store.accept()
    change(store, new_passphrase())
    assert open_vault(home, None, NEW).snapshot().warnings == ()


@pytest.mark.parametrize("wrong", [{"sha256": "zz"}, {"generation": 2**60}, {"generation": -1}])
def test_a_record_of_what_cannot_be_is_damaged(home: Path, wrong: dict[str, object]) -> None:
    make_keyed_vault(home, "one")
    record = json.loads(find_seen(home).read_bytes())
    find_seen(home).write_text(json.dumps({**record, **wrong}))
    store = open_vault(home)
    (warning,) = store.snapshot().warnings
    assert "last seen is damaged" in warning
    store.accept()
    assert open_vault(home).snapshot().warnings == ()


def test_an_older_copy_gets_no_new_slots(home: Path) -> None:
    make_keyed_vault(home, "one")
    older = vault_file(home).read_bytes()
    add(open_vault(home), "two")
    vault_file(home).write_bytes(older)
    before = read_folder(home)
    for wanted in (new_passphrase(), SlotChange(add=(NewPassphrase(SECOND),))):
        with pytest.raises(RolledBack):
            change(open_vault(home), wanted)
    assert read_folder(home) == before


def test_checking_a_recovery_key_opens_with_nothing_else(home: Path) -> None:
    recovery = make_keyed_vault(home, "one")
    store = open_vault(home, None)
    slot = store.check_recovery(show(recovery))
    assert (slot.id, slot.kind) == ("recovery", SlotKind.RECOVERY)
    with pytest.raises(NoMatch):
        store.check_recovery(show(os.urandom(32)))
    with pytest.raises(UsageError):
        store.check_recovery(PASSPHRASE)
    change(
        open_vault(home),
        SlotChange((NewRecovery(os.urandom(32)),), frozenset({"recovery"}), {"0": PASSPHRASE}),
    )
    with pytest.raises(NoMatch):
        store.check_recovery(show(recovery))
