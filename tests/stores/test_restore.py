"""Restoring a copy, joining two, going on with what lies there: what comes out, and for whom."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from credman.core.errors import (
    CredmanError,
    NotAVault,
    NotFound,
    Refused,
    RolledBack,
    StoreConflict,
    VaultMissing,
    VaultNewer,
)
from credman.core.keyslots import NewPassphrase, SlotChange
from credman.stores.lineage import Relation
from credman.stores.testing import find_address
from credman.vault import age
from credman.vault.container import parse_vault
from tests.stores.key_places import NEW, SECOND, can_open, change, find_openers, new_passphrase
from tests.stores.machines import CONFLICT, CONFLICTS, Machine, make_forks, make_pair
from tests.stores.places import PASSPHRASE, add, make_vault


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_merge_takes_what_is_missing_and_nothing_else(tmp_path: Path, length: int) -> None:
    ana, ben = make_forks(tmp_path, length)
    add(ana.open(), "both", "of ana")
    add(ben.open(), "both", "of ben")
    mine = ana.names()
    path = ana.receive(ben, CONFLICT)
    store = ana.restore(path, merge=True)
    snapshot = store.snapshot()
    assert ana.names() == mine | ben.names()
    (both,) = (find_address(t) for t in snapshot.tokens if t.key.name == "both")
    assert store.reveal([both]) == {both: "of ana"}
    taken = {f"ben-{number}" for number in range(length)}
    assert ana.unsure() == taken  # they may have been revoked since; the others are as they were
    assert ana.warnings() == ()  # the copy is an ancestor now


@pytest.mark.parametrize("merge", [False, True])
def test_after_a_merge_or_a_choice_both_machines_go_on_without_a_doubt(
    tmp_path: Path, merge: bool
) -> None:
    ana, ben = make_forks(tmp_path)
    path = ana.receive(ben, CONFLICT)
    here, there = ana.document(), ben.document()
    ana.restore(path, merge=merge)
    merged = ana.document()
    assert merged.generation == 1 + max(here.generation, there.generation)
    assert {*here.history, *there.history} < {*merged.history}
    ben.receive(ana)
    for machine in (ben, ana):
        assert machine.warnings() == ()
        machine.write("later")
    assert "ben-1" in ben.names() and ("ana-1" in ben.names()) == merge


def test_the_others_file_in_the_place_of_ours_is_a_rollback_until_it_is_merged(
    tmp_path: Path,
) -> None:
    # The other machine was faster: its vault lies in our place, and ours is the conflict copy.
    ana, ben = make_forks(tmp_path)
    mine = ana.receive(ana, CONFLICT)
    ana.receive(ben)
    with pytest.raises(RolledBack, match="does not descend"):
        ana.write("new")
    doubt, copy = ana.warnings()
    assert "does not descend" in doubt and str(mine) in copy
    ana.restore(mine, merge=True)
    assert ana.names() == {"base", "ours", "common", "ana-0", "ana-1", "ben-0", "ben-1"}
    ben.receive(ana)
    for machine in (ana, ben):
        assert machine.warnings() == ()
        machine.write("new")


def test_both_merging_at_once_is_another_fork_and_no_more(tmp_path: Path) -> None:
    ana, ben = make_forks(tmp_path)
    to_ana, to_ben = ana.receive(ben, CONFLICT), ben.receive(ana, CONFLICT)
    ana.restore(to_ana, merge=True)
    ben.restore(to_ben, merge=True)
    assert ana.names() == ben.names()
    path = ana.receive(ben, CONFLICTS["syncthing"])
    assert [copy.relation for copy in ana.copies()] == [Relation.FORKED.value]
    ana.restore(path)
    ben.receive(ana)
    assert ben.warnings() == ana.warnings() == ()


def test_a_merge_never_gives_one_variable_to_two_tokens(tmp_path: Path) -> None:
    ana, ben = make_forks(tmp_path)
    add(ana.open(), "api-key")  # both are API_KEY
    add(ben.open(), "api_key")
    path = ana.receive(ben, CONFLICT)
    store = ana.open()
    store.current()
    difference = store.compare(store.read_copy(str(path)))
    assert [key.name for key in difference.clashing] == ["api_key"]
    ana.restore(path, merge=True)
    assert "api_key" not in ana.names() and {"api-key", "ben-1"} <= ana.names()


def test_the_passphrase_of_before_does_not_come_back(tmp_path: Path) -> None:
    ana, _ = make_pair(tmp_path)
    old = ana.receive(ana, "old.age")
    change(ana.open(), new_passphrase())
    ana = Machine(ana.home, NEW)
    ana.write("new")
    ana.restore(old, NEW, PASSPHRASE)
    assert ana.names() == {"base", "ours", "common"} == ana.unsure()
    assert not can_open(ana.home, PASSPHRASE)
    for path in (ana.vault, ana.backup):
        assert find_openers(path.read_bytes(), PASSPHRASE, NEW) == {NEW}


def test_a_copy_with_another_key_takes_its_own_secret(tmp_path: Path) -> None:
    ana, ben = make_pair(tmp_path)
    change(ben.open(), SlotChange((NewPassphrase(SECOND),), frozenset({"0"})))
    ben = Machine(ben.home, SECOND)
    ben.write("newer")
    path = ana.receive(ben, CONFLICT)
    ana.restore(path, PASSPHRASE, SECOND, merge=True)
    assert "newer" in ana.names()
    assert not can_open(ana.home, SECOND)


def cut(ana: Machine) -> None:
    ana.vault.write_bytes(ana.vault.read_bytes()[:-1000])


def empty(ana: Machine) -> None:
    ana.vault.write_bytes(b"")


def overwrite(ana: Machine) -> None:
    ana.vault.write_bytes(os.urandom(3000))


@pytest.mark.parametrize("damage", [cut, empty, overwrite])
def test_a_damaged_vault_is_kept_aside(tmp_path: Path, damage: Callable[[Machine], None]) -> None:
    ana, _ = make_pair(tmp_path)
    damage(ana)
    damaged, copy = ana.vault.read_bytes(), ana.backup.read_bytes()
    assert ana.open().current().relation == "damaged"
    store = ana.restore(ana.backup)
    assert store.opening().is_proven
    assert ana.names() == {"base", "ours"} == ana.unsure()
    (aside,) = ana.vault.parent.glob("vault.age.damaged-*")
    assert aside.read_bytes() == damaged and aside.stat().st_mode & 0o777 == 0o600
    assert ana.backup.read_bytes() == copy  # the one whole copy there was
    assert ana.warnings() == ()
    ana.write("new")


def write_as_newer(ana: Machine) -> None:
    """A newer credman writes the vault in its own format, for the same identity."""
    sealed = parse_vault(ana.vault.read_bytes())
    key, document = os.urandom(16), ana.document()
    native = age.wrap_x25519(key, age.public_key(document.identity))
    header = age.render_header([native, *(slot.stanza for slot in sealed.slots)], key)
    payload = b'{"credman":2,"auth":"newer"}\n'
    ana.vault.write_bytes(header + age.encrypt_payload(key, payload))


def test_a_vault_of_a_newer_credman_is_not_restored_over(tmp_path: Path) -> None:
    ana, _ = make_pair(tmp_path)
    write_as_newer(ana)
    before = ana.read_folder()
    with pytest.raises(VaultNewer):
        ana.open().snapshot()
    assert isinstance(ana.open().current().problem, VaultNewer)
    with pytest.raises(VaultNewer):
        ana.restore(ana.backup)
    assert ana.read_folder() == before


def test_a_missing_vault_is_restored_from_the_copy_before(tmp_path: Path) -> None:
    ana, _ = make_pair(tmp_path)
    ana.vault.unlink()
    assert isinstance(ana.open().current().problem, VaultMissing)
    ana.restore(ana.backup)
    assert ana.names() == {"base", "ours"} and ana.warnings() == ()
    generations = [a.generation for a in ana.document().history]
    assert ana.document().generation == 5 and generations == [1, 2, 3, 4]


def test_a_new_machine_restores_from_a_copy_it_was_given(tmp_path: Path) -> None:
    ana, _ = make_pair(tmp_path)
    new = Machine(tmp_path / "new")
    new.restore(ana.vault)
    assert new.names() == ana.names() and new.warnings() == ()
    assert new.vault.parent.stat().st_mode & 0o777 == 0o700


def test_another_vault_replaces_nothing(tmp_path: Path) -> None:
    ana, _ = make_pair(tmp_path)
    other = Machine(tmp_path / "other")
    make_vault(other.home, "theirs")
    before = ana.read_folder()
    for merge in (False, True):
        with pytest.raises(Refused, match="another vault") as caught:
            ana.restore(other.vault, merge=merge)
        assert f"--store file:{other.vault}" in caught.value.hint
    assert ana.read_folder() == before


@pytest.mark.parametrize("merge", [False, True])
def test_what_was_not_shown_is_not_replaced(tmp_path: Path, merge: bool) -> None:
    ana, ben = make_forks(tmp_path)
    path = ana.receive(ben, CONFLICT)
    store = ana.open()
    store.current()
    copy = store.read_copy(str(path))
    ana.write("meanwhile")
    before = ana.read_folder()
    with pytest.raises(StoreConflict) as caught:
        store.restore(copy, merge=merge)
    assert "nothing was changed" in caught.value.hint
    assert ana.read_folder() == before


@pytest.mark.parametrize("appears", [True, False])
def test_a_vault_that_comes_or_goes_meanwhile_is_noticed(tmp_path: Path, appears: bool) -> None:
    ana, ben = make_forks(tmp_path)
    path = ana.receive(ben, CONFLICT)
    kept = ana.vault.read_bytes()
    if appears:
        ana.vault.unlink()
    store = ana.open()
    store.current()
    copy = store.read_copy(str(path))
    ana.vault.write_bytes(kept) if appears else ana.vault.unlink()
    with pytest.raises(StoreConflict):
        store.restore(copy)


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_loop(path: Path) -> None:
    path.symlink_to(path)


NO_COPIES: dict[str, tuple[Callable[[Path], object], type[CredmanError]]] = {
    "nothing": (lambda path: None, NotFound),
    "directory": (Path.mkdir, NotAVault),
    "pipe": (make_pipe, NotAVault),
    "device": (lambda path: path.symlink_to("/dev/zero"), CredmanError),
    "loop": (make_loop, CredmanError),
    "empty": (Path.touch, NotAVault),
    "text": (lambda path: path.write_text("notes"), CredmanError),
}


@pytest.mark.parametrize("case", NO_COPIES)
def test_what_is_no_copy_is_refused_at_once(tmp_path: Path, case: str) -> None:
    make, error = NO_COPIES[case]
    ana, _ = make_pair(tmp_path)
    path = tmp_path / "copy"
    make(path)
    before = ana.read_folder()
    with pytest.raises(error):
        ana.restore(path)
    assert ana.read_folder() == before


def test_a_link_to_a_copy_is_followed(tmp_path: Path) -> None:
    ana, ben = make_forks(tmp_path)
    link = tmp_path / "link"
    link.symlink_to(ana.receive(ben, CONFLICT))
    ana.restore(link, merge=True)
    assert "ben-1" in ana.names() and link.is_symlink()


def test_the_vault_itself_is_told_as_the_one_that_counts(tmp_path: Path) -> None:
    ana, _ = make_pair(tmp_path)
    same = ana.receive(ana, "same.age")
    store = ana.open()
    store.current()
    for path in (ana.vault, same):
        copy = store.read_copy(str(path))
        assert copy.is_current and copy.relation == Relation.SAME.value
    assert not store.read_copy(str(ana.backup)).is_current
