"""What is left when a system call fails or the process dies at it: the old vault or the new one.

strace makes real calls of a real process fail: here those whose message or outcome is special. The
sweep over all of them is ``tests/matrix/test_c_crash.py``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.matrix.faults import Traced, driven
from tests.matrix.faults import trace as trace_action
from tests.stores.driver import KILLED
from tests.stores.places import add, leftovers, make_vault, names, open_vault, vault_file


def trace(home: Path, *action: str, inject: str = "") -> Traced:
    """Runs the driver under strace. Args: inject for strace: ``fsync:error=EIO:when=1``."""
    return trace_action(home, driven(*action), inject=inject)


def make_home(place: Path) -> Path:
    make_vault(place, "older", "old")
    return place


def check_whole(home: Path, traced: Traced) -> None:
    """The vault is the old or the new one, its backup is whole, and the next write works."""
    store = open_vault(home)
    found = names(store)
    assert found in ({"older", "old"}, {"older", "old", "new"})
    assert store.snapshot().warnings == ()
    assert names(open_vault(home, f"{store.path}.bak")) in ({"older"}, {"older", "old"})
    if traced.exit_code == 0:
        assert "new" in found
    elif traced.exit_code != KILLED:
        assert "new" not in found, traced.printed
        assert traced.printed.startswith("unavailable: cannot "), traced.printed
    if traced.exit_code != KILLED:
        assert leftovers(home / "data") == leftovers(home / "state" / "seen") == []
    add(store, "later")
    assert names(open_vault(home)) == found | {"later"}
    assert names(open_vault(home, f"{store.path}.bak")) == found


@pytest.mark.parametrize(
    ("inject", "message"),
    [
        ("fsync:error=EIO:when=1", "unavailable: cannot write {vault}: input/output error"),
        ("write:error=ENOSPC:when=1", "unavailable: cannot write {vault}: no space left on device"),
        ("write:error=EDQUOT:when=1", "unavailable: cannot write {vault}: disk quota exceeded"),
        (
            "rename:error=EXDEV:when=2",
            "unavailable: cannot write {vault}: invalid cross-device link",
        ),
        ("flock:error=ENOLCK:when=1", "unavailable: cannot lock {lock}: no locks available"),
        # A disk that lies: it says that all was written, and wrote nothing.
        ("write:retval=1000000:when=1", "unavailable: cannot write {vault}: what was read back"),
        ("write:retval=0:when=1", "unavailable: cannot write {vault}: input/output error"),
    ],
)
def test_a_failure_is_named_and_changes_nothing(tmp_path: Path, inject: str, message: str) -> None:
    home = make_home(tmp_path / "place")
    before = vault_file(home).read_bytes()
    traced = trace(home, "add", "new", inject=inject)
    names_of_files = {"vault": vault_file(home), "lock": vault_file(home).with_suffix(".lock")}
    assert traced.printed.startswith(message.format(**names_of_files))
    assert traced.exit_code == 6
    assert vault_file(home).read_bytes() == before
    check_whole(home, traced)


def test_short_writes_go_on_until_all_is_written(tmp_path: Path) -> None:
    # Half of the data is a lie here, so reading back finds it out; the loop went on for the rest.
    home = make_home(tmp_path / "place")
    traced = trace(home, "add", "new", inject="write:retval=100:when=1")
    rest = [c for c in traced.calls if c.name == "write" and "vault.age" in c.arguments]
    assert len(rest) == 2
    assert "what was read back differs" in traced.printed
    check_whole(home, traced)


@pytest.mark.parametrize("error", ["EPERM", "EOPNOTSUPP", "EMLINK"])
def test_without_hard_links_the_backup_is_a_copy(tmp_path: Path, error: str) -> None:
    home = make_home(tmp_path / "place")
    traced = trace(home, "add", "new", inject=f"?link,?linkat:error={error}")
    assert (traced.printed, len(traced.injected)) == ("ok", 1)
    backup = vault_file(home).with_name("vault.age.bak")
    assert backup.stat().st_mode & 0o777 == 0o600
    check_whole(home, traced)


def test_a_directory_that_cannot_be_synced_is_a_warning_not_a_failure(tmp_path: Path) -> None:
    home = make_home(tmp_path / "place")
    traced = trace(home, "add", "new", inject="fsync:error=EIO:when=2")
    assert (traced.printed, len(traced.injected)) == ("ok", 1)
    assert "new" in names(open_vault(home))


def test_a_failed_record_of_what_was_seen_does_not_undo_the_write(tmp_path: Path) -> None:
    home = make_home(tmp_path / "place")
    traced = trace(home, "add", "new", inject="write:error=ENOSPC:when=2")
    assert (traced.printed, len(traced.injected)) == ("ok", 1)
    check_whole(home, traced)


def test_creating_fails_without_a_trace_of_a_vault(tmp_path: Path) -> None:
    home = tmp_path / "place"
    usual = trace(tmp_path / "usual", "create").calls
    own = next(c for c in usual if c.name == "fsync" and ".vault.age." in c.arguments)
    traced = trace(home, "create", inject=f"fsync:error=EIO:when={own.count}")
    assert traced.exit_code == 6
    assert not open_vault(home).exists()
    assert leftovers(home / "data") == []
    make_vault(home, "works")
