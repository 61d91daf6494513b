"""What lies in the keyring, how it is named, and what of it is asked for."""

from __future__ import annotations

import json
from pathlib import Path

from credman.core.config import Config
from credman.core.model import Address, Field, TokenKey
from credman.core.scope import Selection
from credman.core.secret import Secret
from credman.session import Session
from credman.stores.additions import NewToken
from credman.stores.keyring import KeyringStore
from credman.stores.keyringindex import INDEX_SERVICE, JOURNAL, SLOTS
from credman.stores.keyringitems import digest
from credman.stores.testing import find_address, make_token, put
from tests.oskeyring.bus import Bus
from tests.stores.places import add, names
from tests.stores.rings import (
    SERVICE,
    find_leftovers,
    load_index,
    look_up,
    make_ring,
    open_ring,
    set_item,
)


def add_parts(store: KeyringStore, name: str, **values: str) -> None:
    fields = tuple(Field(variable, (variable,)) for variable in values)
    given = {variable: Secret(value) for variable, value in values.items()}
    Session(store, Config(), Selection("prod", "work")).add(NewToken(name, fields), given)


def test_other_programs_show_what_was_written(home: Path, found: Bus) -> None:
    store = make_ring(home, found)
    add(store, "hf", "EXAMPLE value")
    add_parts(store, "aws", AWS_ID="EXAMPLE id", AWS_KEY="EXAMPLE key")
    assert look_up(found, "hf#1") == "EXAMPLE value"
    parts = json.loads(look_up(found, "aws#1", "credman:prod/work"))
    assert parts == {"AWS_ID": "EXAMPLE id", "AWS_KEY": "EXAMPLE key"}
    add(store, "hf", "EXAMPLE newer")
    assert look_up(found, "hf#2") == "EXAMPLE newer" and look_up(found, "hf#1") == "EXAMPLE value"


def test_the_index_holds_no_value(home: Path, found: Bus) -> None:
    store = make_ring(home, found)
    add(store, "hf", "EXAMPLE-CANARY")
    add(store, "binary", "\udcff EXAMPLE-CANARY")
    for slot in SLOTS:
        assert "CANARY" not in look_up(found, slot, INDEX_SERVICE)
    assert "CANARY" not in repr(store.snapshot()) + repr(load_index(store))
    assert not any("CANARY" in p.read_text() for p in home.rglob("*") if p.is_file())


def test_fifty_tokens_are_at_most_53_secrets_asked_for(home: Path, found: Bus) -> None:
    store = make_ring(home, found)
    tokens = [make_token(f"token{n}") for n in range(50)]
    store.commit([put(t) for t in tokens], expected_revision=store.snapshot().revision)
    again = open_ring(home, found)
    with found.watch() as called:
        session = Session(again, Config(), Selection())
        assert len(session.reveal(session.plan())) == 50
    assert 50 <= called.count("GetSecret") + called.count("GetSecrets") <= 53
    assert called.count("OpenSession") == 1 and "CreateItem" not in called


def test_only_what_is_asked_for_is_read(home: Path, found: Bus) -> None:
    store = make_ring(home, found, "one", "two", "three")
    again = open_ring(home, found)
    with found.watch() as called:
        again.snapshot()
        again.reveal([Address(TokenKey("default", "default", "one"), 1, "ONE")])
    assert called.count("GetSecret") <= 3
    with found.watch() as called:
        add(store, "four")
    assert called.count("CreateItem") == 3  # journal, value, index


def test_a_token_that_comes_again_takes_no_name_that_is_in_use(home: Path, found: Bus) -> None:
    store = make_ring(home, found)
    token = make_token("hf")
    store.commit([put(token, b"1")], expected_revision=store.snapshot().revision)
    store.commit([put(token, b"2")], expected_revision=store.snapshot().revision)
    assert store.reveal([find_address(token)]) == {find_address(token): "2"}
    assert found.users(SERVICE) == {"hf#1~2"}
    assert find_leftovers(store, found) == set()


def test_what_lies_there_and_is_not_ours_is_left_alone(home: Path, found: Bus) -> None:
    set_item(found, "hf#1", "somebody's")
    set_item(found, "notes", "somebody's")
    store = make_ring(home, found, "hf")
    assert look_up(found, "hf#1") == "somebody's" and look_up(found, "hf#1~2") == "hf"
    Session(store, Config(), Selection()).remove("hf")
    assert found.users(SERVICE) == {"hf#1", "notes"}


def test_a_journal_that_was_tampered_with_removes_nothing_else(home: Path, found: Bus) -> None:
    store = make_ring(home, found, "hf")
    set_item(found, "mail", "somebody's", "another program")
    others = [
        ["another program", "mail"],
        [INDEX_SERVICE, "A"],
        [SERVICE, "hf#1"],
        ["credman vault key", "x#0"],
    ]
    for text in (json.dumps(others), json.dumps([1, None]), "{", json.dumps({"a": "b"})):
        head = {"credman": 1, "generation": 9, "parts": 0, "sha256": digest(text)}
        set_item(found, JOURNAL, f"{json.dumps(head)}\n{text}", INDEX_SERVICE)
        add(store, "more", text)
    assert look_up(found, "mail", "another program") == "somebody's"
    assert names(open_ring(home, found)) == {"hf", "more"}
    assert look_up(found, "hf#1") == "hf"
