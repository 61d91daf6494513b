"""Rows I08 to I10, and D09: what other programs do to the items in the operating system's keyring,
and how often it is asked for them. A real gnome-keyring."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from credman.core.keyslots import KEYRING_SERVICE
from credman.core.model import Field, TokenKey
from credman.core.secret import Secret
from credman.stores.additions import NewToken, plan_addition
from credman.stores.base import open_store
from credman.stores.changes import Change
from credman.stores.keyringindex import INDEX_SERVICE
from tests.cli.desk import Desk, desk
from tests.matrix.common import CANARY, home, vault_path
from tests.matrix.ringed import (
    NO_KEY,
    WAYS,
    add,
    assert_whole,
    begin,
    call,
    choose,
    errors,
)
from tests.stores.places import make_surroundings
from tests.stores.rings import SERVICE, Ringing, look_up

pytestmark = pytest.mark.usefixtures("copied_workers")
GONE = "the item canary#1 of credman:default/default is gone from the keyring"
CHANGED = "the item canary#1 of credman:default/default in the keyring is not what credman stored"
AGAIN = (
    "another program removed or changed it: credman remove canary -e default "
    "--store keyring: and add it again, "
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
        next_step = "the recovery key opens it; credman slot add keyring then makes another key"
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
path, application, service, username, *notes = sys.argv[1:]
collection = secretstorage.Collection(secretstorage.dbus_init(), path)
attributes = {"application": application, "service": service, "username": username}
secret = sys.stdin.buffer.read()
for more in [{"note": note} for note in notes] or [{}]:
    collection.create_item("x", {**attributes, **more}, secret)
"""
COLLECTIONS = "/org/freedesktop/secrets/collection"
STRANGE = "A" * 43 + "="


def make_twins(here: Desk, collection: str, service: str, user: str, *notes: str) -> None:
    """Other programs' items that are called as ours is. Args: notes: what each has besides."""
    names = (f"{COLLECTIONS}/{collection}", OF_THE_PACKAGE[1], service, user, *notes)
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
        make_twins(here, "session", service, user)
        assert count(here, service) == 2
        for _ in range(2):
            assert_whole(here, "canary")
        if way == "store":
            assert add(here, "new").exit_code == 0
            assert call(here, "remove", "canary", "--yes").exit_code == 0
            assert look_up(here.bus, user) == STRANGE  # theirs stays, and ours is gone
            assert count(here, service) == 2


@WAYS
def test_i09_of_several_in_one_collection_ours_is_used(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(way, monkeypatch)
    with desk(tmp_path) as here:
        begin(here, way)
        service = SERVICE if way == "store" else KEYRING_SERVICE
        (user,) = here.bus.users(service)
        make_twins(here, "login", service, user, *map(str, range(16)))
        assert count(here, service) == 17
        env = call(here, "env", may_print=True)
        assert env.text == f"export CANARY='{CANARY}';\n"
        if way == "store":
            assert call(here, "remove", "canary", "--yes").exit_code == 0
            assert count(here, service) == 16
            assert look_up(here.bus, user) == STRANGE  # theirs stay


TOKENS = 50


@pytest.mark.parametrize(("way", "secrets"), [("slot", 1), ("store", TOKENS + 2)])
def test_i10_how_often_a_slow_keyring_is_asked_for_fifty_tokens(
    way: str, secrets: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(way, monkeypatch)
    with desk(tmp_path) as here:
        begin(here, way)
        fill(here, way)
        with here.bus.watch() as called:
            assert_whole(here, "canary", *(f"token{n}" for n in range(1, TOKENS)))
    assert called.count("GetSecret") == secrets and "GetSecrets" not in called


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
