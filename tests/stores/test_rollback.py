"""An older copy, another vault, a fork: reads warn, writes refuse."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from credman.core.errors import RolledBack
from tests.stores.places import add, find_seen, make_vault, names, open_vault, vault_file


def write_elsewhere(home: Path, *tokens: str) -> None:
    """Another machine writes: what this one saw last stays as it was."""
    record = find_seen(home)
    kept = record.read_bytes()
    for token in tokens:
        record.unlink()
        add(open_vault(home), token)
    record.write_bytes(kept)


def put_older_copy_back(home: Path) -> None:
    copy = vault_file(home).read_bytes()
    add(open_vault(home), "newer")
    vault_file(home).write_bytes(copy)


def put_backup_back(home: Path) -> None:
    shutil.copyfile(home / "data" / "vault.age.bak", vault_file(home))


def put_another_vault(home: Path) -> None:
    other = home.with_name("other")
    make_vault(other, "kept", "theirs", "more", "and-more")
    shutil.copyfile(vault_file(other), vault_file(home))


def put_fork_of_equal_length(home: Path) -> None:
    copy, seen = vault_file(home).read_bytes(), find_seen(home).read_bytes()
    add(open_vault(home), "here")
    here = find_seen(home).read_bytes()
    vault_file(home).write_bytes(copy)
    find_seen(home).write_bytes(seen)
    add(open_vault(home), "there")
    find_seen(home).write_bytes(here)


def put_longer_fork(home: Path) -> None:
    put_fork_of_equal_length(home)
    write_elsewhere(home, "there-2", "there-3")


CASES: dict[str, tuple[Callable[[Path], None], str]] = {
    "older copy": (put_older_copy_back, "older copy"),
    "backup": (put_backup_back, "older copy"),
    "another vault": (put_another_vault, "another vault"),
    "fork": (put_fork_of_equal_length, "does not descend"),
    "longer fork": (put_longer_fork, "does not descend"),
}


@pytest.mark.parametrize("case", CASES)
def test_reads_warn_and_writes_refuse(home: Path, case: str) -> None:
    swap, words = CASES[case]
    make_vault(home, "kept", "more")
    swap(home)
    found, seen = vault_file(home).read_bytes(), find_seen(home).read_bytes()
    backup = (home / "data" / "vault.age.bak").read_bytes()
    for _ in range(2):  # looking at it does not make it right
        store = open_vault(home)
        (warning,) = store.snapshot().warnings
        assert words in warning
        assert "kept" in names(store)
        with pytest.raises(RolledBack, match=words) as caught:
            add(store, "new")
        assert caught.value.exit_code == 5
    assert vault_file(home).read_bytes() == found
    assert find_seen(home).read_bytes() == seen
    assert (home / "data" / "vault.age.bak").read_bytes() == backup


def test_the_hint_is_true(home: Path) -> None:
    make_vault(home, "kept")
    put_older_copy_back(home)
    with pytest.raises(RolledBack) as caught:
        add(open_vault(home), "new")
    assert "--accept goes on with this one" in caught.value.hint
    open_vault(home).accept()
    add(open_vault(home), "new")
    assert names(open_vault(home)) == {"kept", "new"}
    assert open_vault(home).snapshot().warnings == ()


def test_what_another_machine_added_is_no_rollback(home: Path) -> None:
    make_vault(home, "kept")
    write_elsewhere(home, "there-1", "there-2", "there-3")
    store = open_vault(home)
    assert store.snapshot().warnings == ()
    add(store, "here")
    assert names(store) == {"kept", "here", "there-1", "there-2", "there-3"}


def test_without_a_record_the_vault_is_trusted_as_it_is_found(home: Path) -> None:
    make_vault(home, "kept")
    put_older_copy_back(home)
    shutil.rmtree(home / "state")
    assert open_vault(home).snapshot().warnings == ()


def test_the_record_goes_only_forwards(home: Path) -> None:
    store = make_vault(home, "one")
    before = find_seen(home).read_bytes()
    store.snapshot()
    assert find_seen(home).read_bytes() == before
    add(store, "two")
    assert find_seen(home).read_bytes() != before
