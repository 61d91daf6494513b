"""Rows I06 and I07: the operating system's keyring spoils what it is given, or crashes. Windows'
is imitated below keyring's own code where it spoils; a real gnome-keyring crashes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from credman.core.keyslots import KEYRING_SERVICE
from credman.oskeyring.backends import WINDOWS
from credman.stores.keyringindex import INDEX_SERVICE
from tests.cli.desk import desk
from tests.matrix.common import CANARY, PASSPHRASE, make_home, vault_path
from tests.matrix.ringed import (
    LOCKED,
    SOMEWHERE,
    add,
    assert_whole,
    begin,
    call,
    choose,
    configure,
    errors,
    reopen,
    when,
)
from tests.oskeyring.platforms import Platform, windows
from tests.stores.rings import SERVICE

FAILED = "the keyring failed to keep what it was given"
LONG = f"{CANARY}\n".encode() * 20 + b"EXAMPLE"
SPOILS = {
    "lost": "return",
    "cut": "text = text[:40] if '#' in user else text",
    "line ends": "text = text.replace('\\n', '\\r\\n') if '#' in user else text",
}
"""What becomes of an item. Those of values and keys have a # in their user's name."""


@contextmanager
def spoiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Platform, Callable[[str], object]]]:
    """A keyring of Windows. Gives what makes later commands' writes do this to ``text`` first."""
    configure(f'keyring = "{WINDOWS}"\n')
    folder = tmp_path / "native"
    with windows(folder, monkeypatch) as found:
        module = folder / "win32ctypes" / "pywin32" / "win32cred.py"
        whole = module.read_text()
        yield (
            found,
            lambda line: module.write_text(
                f"{whole}\n_keep = CredWrite\n\n\ndef CredWrite(Credential, Flags=0):\n"
                "    user, text = Credential['UserName'], Credential['CredentialBlob']\n"
                f"    {line}\n"
                "    _keep({**Credential, 'CredentialBlob': text}, Flags)\n"
            ),
        )


def find_values(found: Platform) -> set[tuple[str, str]]:
    """Returns: the user of each item, and what is in it. Windows renames an item now and then."""
    return {(c["UserName"], c["CredentialBlob"]) for c in found.native.items.values()}


@pytest.mark.parametrize("spoil", SPOILS)
def test_i06_a_value_that_does_not_come_back_as_it_went_is_not_stored(
    spoil: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose("store", monkeypatch)
    with spoiled(tmp_path, monkeypatch) as (found, spoil_writes):
        begin(SOMEWHERE, "store")
        before = find_values(found)
        spoil_writes(SPOILS[spoil])
        for argv in (("add", "new"), ("add", "canary", "--replace")):
            done = call(SOMEWHERE, *argv, stdin=LONG)
            assert (done.exit_code, errors(done)[0]) == (6, FAILED)
        assert find_values(found) == before
        spoil_writes("pass")
        assert_whole(SOMEWHERE, "canary")


def test_i06_what_is_spoiled_while_windows_moves_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose("store", monkeypatch)
    with spoiled(tmp_path, monkeypatch) as (found, spoil_writes):
        begin(SOMEWHERE, "store")
        # The index that counts goes to another name when the journal comes.
        spoil_writes("text = text[:600] if user == 'B' else text")
        done = add(SOMEWHERE, "new")
        told = "one of the two indexes in the keyring is damaged, the other is older"
        assert (done.exit_code, errors(done)[0]) == (5, told)
        before = find_values(found)
        spoil_writes("pass")
        assert f"credman: warning: {told}" in call(SOMEWHERE, "list").stderr
        assert add(SOMEWHERE, "new").exit_code == 5
        assert find_values(found) == before


@pytest.mark.parametrize("spoil", ["lost", "cut"])
def test_i06_no_vault_is_made_whose_key_did_not_come_back(
    spoil: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with spoiled(tmp_path, monkeypatch) as (_, spoil_writes):
        spoil_writes(SPOILS[spoil])
        done = call(SOMEWHERE, "init")
        # One that loses everything is found out when it is tried: then it takes a passphrase.
        said = {"lost": (4, "no usable keyring here"), "cut": (6, f"credman: error: {FAILED}")}
        assert (done.exit_code, done.stderr.splitlines()[0]) == said[spoil]
        assert not vault_path().exists()
        spoil_writes("pass")
        begin(SOMEWHERE, "slot")
        assert_whole(SOMEWHERE, "canary")


def test_i07_a_keyring_that_crashes_within_a_write_leaves_the_old_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose("store", monkeypatch)
    with desk(tmp_path) as here:
        begin(here, "store")
        crash = here.bus.kill_daemon
        with when(monkeypatch, "set", SERVICE, crash) as users:  # the journal is written
            done = add(here, "new")
        assert users == ["new#1"] and (done.exit_code, errors(done)[0]) == (6, LOCKED)
        reopen(here.bus)
        assert "journal" in here.bus.users(INDEX_SERVICE)
        assert_whole(here, "canary")
        assert add(here, "more").exit_code == 0
        assert here.bus.users(INDEX_SERVICE) == {"A", "B"}
        with when(monkeypatch, "delete", SERVICE, crash):  # the index is written
            done = call(here, "remove", "canary", "--yes")
        saved = f"saved; what it replaces stays until the next write: {LOCKED}"
        assert done.exit_code == 0 and f"credman: warning: {saved}" in done.stderr
        reopen(here.bus)
        assert here.bus.users(SERVICE) == {"canary#1", "more#1"}
        assert_whole(here, "more")
        assert add(here, "last").exit_code == 0
        assert here.bus.users(SERVICE) == {"last#1", "more#1"}


@pytest.mark.parametrize("action", ["set", "get"])
def test_i07_a_keyring_that_crashes_while_its_slot_is_made_leaves_the_vault(
    action: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = make_home().read_bytes()
    with desk(tmp_path) as here:
        with when(monkeypatch, action, KEYRING_SERVICE, here.bus.kill_daemon):
            done = call(here, "slot", "add", "keyring", answers=[PASSPHRASE])
        assert (done.exit_code, errors(done)[0]) == (6, LOCKED)
        assert vault_path().read_bytes() == before
        reopen(here.bus)
        assert call(here, "slot", "add", "keyring", answers=[PASSPHRASE]).exit_code == 0
        assert_whole(here, "canary")
