"""Rows I06 to I10, and D09: what becomes of the items in the operating system's keyring. A real
gnome-keyring; where a row needs one that spoils what it is given, Windows' is imitated."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from credman.core.keyslots import KEYRING_SERVICE
from credman.core.model import Field, TokenKey
from credman.core.secret import Secret
from credman.oskeyring.backends import WINDOWS
from credman.stores.additions import NewToken, plan_addition
from credman.stores.base import open_store
from credman.stores.changes import Change
from credman.stores.keyringindex import INDEX_SERVICE
from tests.cli.desk import Desk, desk
from tests.matrix.common import CANARY, PASSPHRASE, home, make_home, vault_path
from tests.matrix.ringed import (
    LOCKED,
    NO_KEY,
    SOMEWHERE,
    WAYS,
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
from tests.stores.places import make_surroundings
from tests.stores.rings import SERVICE, Ringing, look_up

FAILED = "the keyring failed to keep what it was given"
LONG = f"{CANARY}\n".encode() * 40 + b"EXAMPLE"
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
                f"    user, text = Credential['UserName'], Credential['CredentialBlob']\n    {line}\n"
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


GONE = "the item canary#1 of credman:default/default is gone from the keyring"
CHANGED = "the item canary#1 of credman:default/default in the keyring is not what credman stored"
AGAIN = (
    "another program removed or changed it: credman remove canary -e default and add it again, "
    "or credman restore a backup"
)
OF_THE_PACKAGE = ("application", "Python keyring library")


def clear(here: Desk, service: str, user: str) -> None:
    """Takes an item away, as another program does."""
    assert here.bus.call("secret-tool", "clear", "service", service, "username", user).stderr == ""


def put(here: Desk, service: str, user: str, text: str) -> None:
    """Stores an item, or what an item holds, as another program does."""
    attributes = (*OF_THE_PACKAGE, "service", service, "username", user)
    done = here.bus.call("secret-tool", "store", "--label", "x", *attributes, given=text)
    assert done.returncode == 0, done.stderr


def findings(here: Desk) -> list[str]:
    """Returns: what ``doctor`` finds wrong."""
    outcome = call(here, "doctor", "--json")
    found = list(json.loads(outcome.text)["findings"])
    assert outcome.exit_code == (8 if found else 0)
    return found


@pytest.mark.parametrize("said", [GONE, CHANGED])
def test_i08_a_token_that_another_program_touched_is_named_and_can_be_put_right(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose("store", monkeypatch)
    with desk(tmp_path) as here:
        begin(here, "store")
        assert add(here, "whole").exit_code == 0
        if said == GONE:
            clear(here, SERVICE, "canary#1")
        else:
            put(here, SERVICE, "canary#1", f"{CANARY}x")
        env = call(here, "env")
        assert (env.exit_code, env.text, errors(env)) == (5, "false;\n", [said, AGAIN])
        assert findings(here) == [said]
        assert call(here, "get", "whole", may_print=True).text == CANARY
        assert call(here, "remove", "canary", "-e", "default", "--yes").exit_code == 0
        assert add(here, "canary").exit_code == 0
        assert_whole(here, "canary", "whole")
        assert findings(here) == []


def test_i08_a_vault_whose_key_another_program_took_is_opened_by_its_recovery_key(
    tmp_path: Path,
) -> None:
    with desk(tmp_path) as here:
        key = begin(here, "slot")
        (user,) = here.bus.users(KEYRING_SERVICE)
        clear(here, KEYRING_SERVICE, user)
        env = call(here, "env")
        next_step = "the recovery key opens it, and credman slot add keyring makes another key"
        assert (env.exit_code, env.text, errors(env)) == (4, "false;\n", [NO_KEY, next_step])
        doctor = call(here, "doctor")
        assert NO_KEY in doctor.text and doctor.exit_code != 0
        assert call(here, "slot", "add", "keyring", answers=[key, "y", "y"]).exit_code == 0
        assert_whole(here, "canary")


def test_d09_an_index_that_is_gone_or_goes_back_is_told_and_no_item_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose("store", monkeypatch)
    with desk(tmp_path) as here:
        begin(here, "store")  # generation 2, in B
        clear(here, INDEX_SERVICE, "B")
        older = "the index in the keyring is an older one (generation 1; 2 was seen here)"
        listed = call(here, "list")
        assert listed.exit_code == 0 and f"credman: warning: {older}" in listed.stderr
        written = add(here, "new")
        assert written.exit_code != 0 and errors(written)[0] == older
        assert any(older in found for found in findings(here))
        clear(here, INDEX_SERVICE, "A")
        gone = "there was a store in the keyring, and it is gone"
        for argv in (("env",), ("add", "new"), ("init",)):
            done = call(here, *argv, stdin=b"EXAMPLE")
            assert done.exit_code not in (0, 8)
        assert errors(call(here, "env"))[0] == gone
        assert any(gone in found for found in findings(here))
        assert here.bus.users(SERVICE) == {"canary#1"}
        assert look_up(here.bus, "canary#1") == CANARY


def test_d09_an_item_that_no_index_names_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose("store", monkeypatch)
    with desk(tmp_path) as here:
        begin(here, "store")
        strangers = {"new#1": "one", "stray": "two", "stray#1": "three"}
        for user, text in strangers.items():
            put(here, SERVICE, user, text)
        assert findings(here) == []  # nobody can list what a keyring holds
        assert add(here, "new").exit_code == 0
        assert_whole(here, "canary", "new")
        for name in ("new", "canary"):
            assert call(here, "remove", name, "--yes").exit_code == 0
        assert {u: look_up(here.bus, u) for u in here.bus.users(SERVICE)} == strangers


MAKE = """
import sys, secretstorage
path, *names = sys.argv[1:]
collection = secretstorage.Collection(secretstorage.dbus_init(), path)
attributes = dict(zip(("application", "service", "username", "note"), names))
collection.create_item("x", attributes, sys.stdin.buffer.read())
"""
COLLECTIONS = "/org/freedesktop/secrets/collection"
STRANGE = "A" * 43 + "="


def make_twin(here: Desk, collection: str, service: str, user: str, *note: str) -> None:
    """Another program's item that is called as ours is. Args: note: what theirs has besides."""
    names = (f"{COLLECTIONS}/{collection}", OF_THE_PACKAGE[1], service, user, *note)
    done = here.bus.call(sys.executable, "-c", MAKE, *names, given=STRANGE)
    assert done.returncode == 0, done.stderr


def count(here: Desk, service: str) -> int:
    """Returns: how many items there are, in all collections."""
    done = here.bus.call("secret-tool", "search", "--all", "service", service)
    return done.stdout.count("\nsecret = ")


@WAYS
def test_i09_of_two_items_that_are_called_alike_the_default_collection_s_is_used(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(way, monkeypatch)
    with desk(tmp_path) as here:
        begin(here, way)
        service = SERVICE if way == "store" else KEYRING_SERVICE
        (user,) = here.bus.users(service)
        make_twin(here, "session", service, user)
        assert count(here, service) == 2
        for _ in range(2):
            assert_whole(here, "canary")
        if way == "store":
            assert add(here, "new").exit_code == 0
            assert call(here, "remove", "canary", "--yes").exit_code == 0
            assert look_up(here.bus, user) == STRANGE  # theirs stays, and ours is gone
            assert count(here, service) == 2


@WAYS
def test_i09_of_two_in_one_collection_the_wrong_one_is_never_used(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(way, monkeypatch)
    with desk(tmp_path) as here:
        begin(here, way)
        service = SERVICE if way == "store" else KEYRING_SERVICE
        (user,) = here.bus.users(service)
        make_twin(here, "login", service, user, "with a note")
        assert count(here, service) == 2
        env = call(here, "env", may_print=True)
        refused = (5, CHANGED) if way == "store" else (4, NO_KEY)
        if env.exit_code:  # which of them is found first is the keyring's choice
            assert (env.exit_code, errors(env)[0], env.text) == (*refused, "false;\n")
        else:
            assert env.text == f"export CANARY='{CANARY}';\n"


TOKENS = 50


@pytest.mark.parametrize(("way", "secrets"), [("slot", {1}), ("store", {TOKENS + 2, TOKENS + 3})])
def test_i10_how_often_a_slow_keyring_is_asked_for_fifty_tokens(
    way: str, secrets: set[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(way, monkeypatch)
    with desk(tmp_path) as here:
        begin(here, way)
        fill(here, way)
        with here.bus.watch() as called:
            assert_whole(here, "canary", *(f"token{n}" for n in range(1, TOKENS)))
    assert called.count("GetSecret") in secrets and "GetSecrets" not in called


def fill(here: Desk, way: str) -> None:
    """Adds tokens up to fifty, in one write."""
    surroundings = make_surroundings(home(), environ=dict(os.environ))
    url = "keyring:" if way == "store" else f"file:{vault_path()}"
    store = open_store(url, replace(surroundings, unlocker=Ringing(bus=here.bus)))
    snapshot, changes = store.snapshot(), list[Change]()
    for name in (f"token{n}" for n in range(1, TOKENS)):
        new = NewToken(name, (Field(name.upper(), (name.upper(),)),))
        key, values = TokenKey("default", "default", name), {name.upper(): Secret(CANARY)}
        changes += plan_addition(new, values, key, snapshot, now=datetime.now(UTC))
    store.commit(changes, expected_revision=snapshot.revision)
