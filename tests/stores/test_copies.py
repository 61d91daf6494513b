"""Copies beside the vault: found by what is in them, shown, and left as they are."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from credman.core.keyslots import NewPassphrase, SlotChange
from credman.stores.lineage import Relation
from tests.stores.key_places import change, new_passphrase
from tests.stores.machines import CONFLICT, CONFLICTS, Machine, make_forks, make_pair
from tests.stores.places import make_vault


@pytest.mark.parametrize("vendor", CONFLICTS)
def test_a_fork_is_found_whatever_a_sync_client_calls_it(tmp_path: Path, vendor: str) -> None:
    ana, ben = make_forks(tmp_path)
    path = ana.receive(ben, CONFLICTS[vendor])
    before = ana.read_folder()
    (warning,) = ana.warnings()
    assert str(path) in warning and Relation.FORKED.value in warning
    store = ana.open()
    here, (there,) = store.current(), store.copies()
    assert (here.path, there.path) == (str(ana.vault), str(path))
    assert "generation 6" in here.title and "generation 6" in there.title
    assert {token.key.name for token in there.tokens} == {
        "base", "ours", "common", "ben-0", "ben-1",
    }  # fmt: skip
    assert {token.key.name for token in here.tokens} == ana.names()
    assert ana.read_folder() == before


@pytest.mark.parametrize("name", ["Copy of vault.age", "[Conflict] vault.age", "VAULT (2).AGE"])
def test_a_copy_is_found_where_the_name_only_contains_ours(tmp_path: Path, name: str) -> None:
    ana, ben = make_forks(tmp_path)
    path = ana.receive(ben, name)
    assert [copy.path for copy in ana.copies()] == [str(path)]


def test_writing_goes_on_beside_a_copy_and_leaves_it_alone(tmp_path: Path) -> None:
    ana, ben = make_forks(tmp_path)
    path = ana.receive(ben, CONFLICT)
    theirs = path.read_bytes()
    ana.write("new")
    assert path.read_bytes() == theirs and "new" in ana.names()
    assert len(ana.warnings()) == 1


def leave_same(ana: Machine, ben: Machine) -> Path:
    return ana.receive(ana, CONFLICT)


def leave_older(ana: Machine, ben: Machine) -> Path:
    path = ana.receive(ana, CONFLICT)
    ana.write("newer-1", "newer-2")
    return path


def leave_from_before_a_new_key(ana: Machine, ben: Machine) -> Path:
    path = ana.receive(ana, CONFLICT)
    change(ana.open(), SlotChange((NewPassphrase(ana.passphrase),), frozenset({"0"})))
    return path


def leave_temporary(ana: Machine, ben: Machine) -> Path:
    ben.write("newer")
    return ana.receive(ben, ".vault.age.0123456789abcdef.tmp")


def leave_temporary_of_syncthing(ana: Machine, ben: Machine) -> Path:
    ben.write("newer")
    return ana.receive(ben, ".syncthing.vault.age.tmp")


def leave_put_aside(ana: Machine, ben: Machine) -> Path:
    ben.write("newer")
    return ana.receive(ben, "vault.age.damaged-0123abcd")


def leave_other_vault(ana: Machine, ben: Machine) -> Path:
    other = Machine(ana.home.with_name("other"))
    make_vault(other.home, "theirs")
    return ana.receive(other, CONFLICT)


def leave_text(ana: Machine, ben: Machine) -> Path:
    path = ana.vault.with_name(CONFLICT)
    path.write_text("age-encryption.org/v1 is how this begins\n")
    return path


def leave_directory(ana: Machine, ben: Machine) -> Path:
    path = ana.vault.with_name(CONFLICT)
    path.mkdir()
    return path


def leave_pipe(ana: Machine, ben: Machine) -> Path:
    path = ana.vault.with_name(CONFLICT)
    os.mkfifo(path)
    return path


def leave_link(ana: Machine, ben: Machine) -> Path:
    path = ana.vault.with_name(CONFLICT)
    path.symlink_to("/nowhere")
    return path


SILENT = {
    leave.__name__.removeprefix("leave_").replace("_", " "): leave
    for leave in (
        leave_same,
        leave_older,
        leave_from_before_a_new_key,
        leave_temporary,
        leave_temporary_of_syncthing,
        leave_put_aside,
        leave_other_vault,
        leave_text,
        leave_directory,
        leave_pipe,
        leave_link,
    )
}


@pytest.mark.parametrize("case", SILENT)
def test_what_adds_nothing_is_not_spoken_of(tmp_path: Path, case: str) -> None:
    ana, ben = make_pair(tmp_path)
    path = SILENT[case](ana, ben)
    assert os.path.lexists(path)
    assert ana.warnings() == () and ana.copies() == ()


def leave_newer(ana: Machine, ben: Machine) -> None:
    ben.write("newer")
    ana.receive(ben, CONFLICT)


def leave_rekeyed(ana: Machine, ben: Machine) -> None:
    change(ben.open(), new_passphrase())
    ana.receive(ben, CONFLICT)


def leave_damaged(ana: Machine, ben: Machine) -> None:
    path = ana.receive(ben, CONFLICT)
    path.write_bytes(path.read_bytes()[:-9])


LOUD: dict[str, tuple[Callable[[Machine, Machine], None], str, bool]] = {
    "newer": (leave_newer, Relation.NEWER.value, True),
    "another key": (leave_rekeyed, "a copy of this vault with another key", True),
    "damaged": (leave_damaged, "a damaged copy of this vault", False),
}


@pytest.mark.parametrize("case", LOUD)
def test_what_may_hold_more_is_spoken_of(tmp_path: Path, case: str) -> None:
    leave, relation, is_whole = LOUD[case]
    ana, ben = make_pair(tmp_path)
    leave(ana, ben)
    before = ana.read_folder()
    (warning,) = ana.warnings()
    assert warning.startswith(relation) and CONFLICT in warning
    (copy,) = ana.copies()
    assert (copy.relation, copy.is_whole) == (relation, is_whole)
    assert (copy.problem is None) == (case == "newer")
    assert ana.read_folder() == before


def test_many_older_copies_hide_no_fork(tmp_path: Path) -> None:
    ana, ben = make_pair(tmp_path)
    for number in range(30):
        ana.receive(ana, f"vault-2025-{number:02}.age")
    ana.write("ana")
    ben.write("ben")
    path = ana.receive(ben, CONFLICTS["syncthing"])
    assert [copy.path for copy in ana.copies()] == [str(path)]
