"""The file store: where a vault may lie, what may lie beside it, and a vault that is gone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from credman.core.errors import (
    NotAVault,
    NoVault,
    Refused,
    Unavailable,
    UsageError,
    VaultMissing,
)
from credman.stores.base import Creation, open_store
from credman.stores.testing import make_token, put
from tests.requirements import require
from tests.stores.places import (
    PASSPHRASE,
    add,
    find_seen,
    make_surroundings,
    make_vault,
    names,
    open_vault,
    vault_file,
)

LOOSE_MODES = [
    (0o600, 0o700, ""),
    (0o600, 0o1777, ""),
    (0o644, 0o700, "chmod 600"),
    (0o660, 0o700, "chmod 600"),
    (0o600, 0o777, "chmod go-w"),
]


@pytest.mark.parametrize(("mode", "directory", "words"), LOOSE_MODES)
def test_what_others_may_reach_is_said_and_ends_with_the_next_write(
    home: Path, mode: int, directory: int, words: str
) -> None:
    make_vault(home, "one")
    vault_file(home).chmod(mode)
    vault_file(home).parent.chmod(directory)
    store = open_vault(home)
    warnings = store.snapshot().warnings
    assert [words in warning for warning in warnings] == ([True] if words else [])
    add(store, "two")
    assert vault_file(home).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("thing", ["directory", "fifo", "loop", "huge"])
def test_odd_things_are_refused_at_once(home: Path, thing: str) -> None:
    path = vault_file(home)
    path.parent.mkdir(parents=True)
    match thing:
        case "directory":
            path.mkdir()
        case "fifo":
            os.mkfifo(path)
        case "loop":
            path.symlink_to(path)
        case _:
            path.touch()
            os.truncate(path, 5 << 30)
    store = open_vault(home)
    assert store.exists()
    for action in (
        store.snapshot,
        lambda: store.create(Creation(PASSPHRASE)),
        lambda: store.commit([], expected_revision="any"),
    ):
        with pytest.raises((NotAVault, Unavailable, Refused)):
            action()
    assert os.path.lexists(path) and not (home / "data" / "vault.age.bak").exists()


def test_a_vault_of_somebody_else_is_refused(home: Path) -> None:
    require(os.geteuid() == 0, "only root can give a file away")
    make_vault(home, "one")
    os.chown(vault_file(home), 4242, 4242)
    with pytest.raises(Unavailable, match="belongs to another user"):
        open_vault(home).snapshot()


def test_a_link_is_followed_once_and_stays_a_link(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "synced" / "team.age"
    make_vault(home, rest=str(target))
    link = tmp_path / "link.age"
    link.symlink_to(target)
    store = open_vault(home, str(link))
    add(store, "through-the-link")
    assert link.is_symlink() and target.is_file() and not target.is_symlink()
    assert names(open_vault(home, str(target))) == {"through-the-link"}
    assert (tmp_path / "synced" / "team.age.bak").exists()
    assert store.describe()["path"] == str(target)


def test_a_link_that_changes_after_the_look_is_not_followed(home: Path, tmp_path: Path) -> None:
    make_vault(home, "one")
    store = open_vault(home)
    store.snapshot()
    elsewhere = tmp_path / "elsewhere.age"
    vault_file(home).rename(elsewhere)
    vault_file(home).symlink_to(elsewhere)
    before = elsewhere.read_bytes()
    with pytest.raises(Unavailable, match="symbolic link"):
        store.commit([put(make_token())], expected_revision=store.snapshot().revision)
    assert elsewhere.read_bytes() == before


def test_a_dangling_link_is_a_place_for_a_new_vault(home: Path, tmp_path: Path) -> None:
    target, link = tmp_path / "target.age", tmp_path / "link.age"
    link.symlink_to(target)
    store = open_vault(home, str(link))
    assert not store.exists()
    store.create(Creation(PASSPHRASE))
    assert target.is_file() and link.is_symlink()


@pytest.mark.parametrize("beside", [".lock", ".bak"])
def test_what_links_to_a_precious_file_does_not_reach_it(
    home: Path, tmp_path: Path, beside: str
) -> None:
    make_vault(home, "one")
    precious = tmp_path / "precious"
    precious.write_text("precious")
    planted = home / "data" / ("vault.lock" if beside == ".lock" else "vault.age.bak")
    planted.unlink(missing_ok=True)
    planted.symlink_to(precious)
    if beside == ".lock":
        with pytest.raises(Unavailable, match="symbolic link"):
            add(open_vault(home), "two")
        assert names(open_vault(home)) == {"one"}
    else:
        add(open_vault(home), "two")
        assert planted.is_file() and not planted.is_symlink()
    assert (precious.read_text(), precious.stat().st_mode & 0o777) == ("precious", 0o644)


@pytest.mark.parametrize("kept", ["record", "backup", "both"])
def test_a_vault_that_is_gone_is_missing_not_new(home: Path, kept: str) -> None:
    make_vault(home, "one")
    vault_file(home).unlink()
    if kept == "record":
        (home / "data" / "vault.age.bak").unlink()
    if kept == "backup":
        shutil.rmtree(home / "state")
    store = open_vault(home)
    for action in (
        store.exists,
        store.snapshot,
        lambda: store.create(Creation(PASSPHRASE)),
        lambda: store.commit([], expected_revision="any"),
    ):
        with pytest.raises(VaultMissing) as caught:
            action()
        assert caught.value.exit_code == 6
    assert ("remove" if kept == "record" else "vault.age.bak") in caught.value.hint
    assert not vault_file(home).exists()


def test_the_hints_for_a_missing_vault_are_true(home: Path) -> None:
    make_vault(home)
    vault_file(home).unlink()
    find_seen(home).unlink()  # as the hint says
    store = open_vault(home)
    assert not store.exists()
    with pytest.raises(NoVault):
        store.snapshot()
    store.create(Creation(PASSPHRASE))
    assert names(store) == set()


def test_a_disk_that_is_not_mounted_is_not_a_new_user(home: Path, tmp_path: Path) -> None:
    mounted = tmp_path / "disk"
    make_vault(home, rest=str(mounted / "vault.age"))
    mounted.rename(tmp_path / "unplugged")
    with pytest.raises(VaultMissing):
        open_vault(home, str(mounted / "vault.age")).create(Creation(PASSPHRASE))


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("/srv/team.age", "/srv/team.age"),
        ("///srv/team.age", "/srv/team.age"),
        ("team.age", "{home}/team.age"),
        ("../team.age", "{above}/team.age"),
        ("~/team.age", "{home}/team.age"),
        ("a b%20c.age", "{home}/a b%20c.age"),
    ],
)
def test_a_path_is_resolved_against_the_callers_directory(
    home: Path, rest: str, expected: str
) -> None:
    path = open_vault(home, rest).path
    assert path == os.path.realpath(expected.format(home=home, above=home.parent))


@pytest.mark.parametrize("rest", ["", "//host/srv/team.age", "/srv/", "a\0b", "x.lock", "//"])
def test_a_path_that_is_none_is_a_usage_error(home: Path, rest: str) -> None:
    with pytest.raises(UsageError):
        open_store(f"file:{rest}", make_surroundings(home))
