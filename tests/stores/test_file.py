"""The file store: what it takes for a vault, who may open it, and what is written."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from credman.core.config import Config
from credman.core.errors import (
    CredmanError,
    Locked,
    Refused,
    StoreConflict,
    VaultDamaged,
    WrongPassphrase,
)
from credman.core.model import MAX_VALUE_BYTES, Field
from credman.core.scope import Selection
from credman.core.secret import Secret
from credman.session import Session
from credman.stores import disk
from credman.stores.additions import NewToken
from credman.stores.base import Creation, open_store
from credman.stores.testing import make_token, put
from credman.vault import age
from credman.vault.keys import render_identity
from tests.stores.places import (
    PASSPHRASE,
    Answers,
    add,
    find_seen,
    leftovers,
    make_surroundings,
    make_vault,
    names,
    open_vault,
    vault_file,
)


def write_png() -> bytes:
    return b"\x89PNG\r\n\x1a\n" + bytes(100)


def another_age_file() -> bytes:
    key = os.urandom(16)
    header = age.render_header([age.wrap_x25519(key, age.public_key(os.urandom(32)))], key)
    return header + age.encrypt_payload(key, b"somebody's notes")


FOREIGN: dict[str, Callable[[], bytes]] = {
    "empty": bytes,
    "zeros": lambda: bytes(5000),
    "random": lambda: os.urandom(5000),
    "png": write_png,
    "gzip": lambda: gzip.compress(os.urandom(500)),
    "text": lambda: b"HF_TOKEN=EXAMPLE\n",
    "age": another_age_file,
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_no_vault_is_refused_and_left(home: Path, kind: str) -> None:
    make_vault(home, "one")
    path, content = vault_file(home), FOREIGN[kind]()
    path.write_bytes(content)
    store = open_vault(home)
    for action in (store.snapshot, lambda: store.commit([], expected_revision="any")):
        with pytest.raises((VaultDamaged, Locked)) as caught:
            action()
        assert b"EXAMPLE" not in caught.value.message.encode()
    if kind == "empty":
        assert "empty" in caught.value.message
        assert f"{path}.bak" in caught.value.hint
    assert store.exists()
    with pytest.raises(Refused):
        store.create(Creation(PASSPHRASE))
    assert path.read_bytes() == content


@pytest.mark.parametrize("part", [0.001, 0.1, 0.3, 0.5, 0.9, 0.999])
def test_a_cut_vault_is_damaged_never_new(home: Path, part: float) -> None:
    make_vault(home, "one")
    path = vault_file(home)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(VaultDamaged) as caught:
        open_vault(home).snapshot()
    assert caught.value.exit_code == 5
    assert f"{path}.bak" in caught.value.hint
    path.write_bytes((home / "data" / "vault.age.bak").read_bytes())
    assert names(open_vault(home)) == set()  # the copy before the last write works


def test_no_flipped_bit_goes_unnoticed(home: Path) -> None:
    make_vault(home, "one")
    path = vault_file(home)
    data = path.read_bytes()
    identity = open_vault(home)
    identity.snapshot()
    for position in range(0, len(data), max(1, len(data) // 150)):
        path.write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        with pytest.raises((VaultDamaged, Locked)):
            identity.snapshot()
    path.write_bytes(data)
    assert names(identity) == {"one"}


def test_a_changed_first_stanza_is_damage_not_a_wrong_passphrase(home: Path) -> None:
    make_vault(home, "one")
    path = vault_file(home)
    lines = path.read_bytes().split(b"\n", 3)
    lines[2] = lines[2].swapcase()
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(VaultDamaged):
        open_vault(home).snapshot()


def test_passphrases_are_tried_in_turn_and_asked_for_once(home: Path) -> None:
    make_vault(home, "one")
    wrong = Secret("wrong one")
    surroundings = make_surroundings(home, wrong, PASSPHRASE, Secret("never reached"))
    store = open_store(f"file:{vault_file(home)}", surroundings)
    store.snapshot()
    store.commit([], expected_revision=store.snapshot().revision)
    assert isinstance(surroundings.unlocker, Answers)
    assert surroundings.unlocker.asked == 2
    with pytest.raises(WrongPassphrase) as caught:
        open_vault(home, None, wrong, wrong).snapshot()
    assert "wrong one" not in caught.value.message + caught.value.hint


def test_the_recovery_key_reads_and_writes_only_what_was_seen_here_last(home: Path) -> None:
    recovery = os.urandom(32)
    store = open_vault(home)
    store.create(Creation(PASSPHRASE, recovery))
    add(store, "one")
    assert store.describe()["recovery"] == "yes"
    add(open_vault(home, None, render_identity(recovery)), "two")
    find_seen(home).unlink()
    reader = open_vault(home, None, render_identity(recovery))
    assert names(reader) == {"one", "two"}
    with pytest.raises(Refused, match="recovery key"):
        reader.commit([], expected_revision=reader.snapshot().revision)
    with pytest.raises(Locked):
        open_vault(home, None, render_identity(os.urandom(32))).snapshot()


def test_nothing_is_asked_for_to_know_whether_it_is_there(home: Path) -> None:
    make_vault(home)
    surroundings = make_surroundings(home)
    store = open_store(f"file:{vault_file(home)}", surroundings)
    assert store.exists() and store.describe()["path"] == str(vault_file(home))
    with pytest.raises(Refused):
        store.create(Creation(PASSPHRASE))
    assert isinstance(surroundings.unlocker, Answers)
    assert surroundings.unlocker.asked == 0


def test_a_vault_that_would_be_too_large_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_vault(home, "one")
    before = vault_file(home).read_bytes()
    monkeypatch.setattr("credman.vault.container.MAX_VAULT_BYTES", 64 * 1024)
    monkeypatch.setattr("credman.stores.vaultfile.MAX_VAULT_BYTES", 64 * 1024)
    with pytest.raises(Refused, match=r"larger than|grow over"):
        add(store, "two", note="n" * 100_000)
    assert vault_file(home).read_bytes() == before
    assert leftovers(home / "data") == []
    add(store, "three")


def test_what_does_not_read_back_the_same_is_not_written(home: Path) -> None:
    store = make_vault(home, "one")
    before = vault_file(home).read_bytes()
    token = replace(make_token(), extra={"a tuple": ("is", "a list", "in JSON")})
    with pytest.raises(CredmanError):
        store.commit([put(token)], expected_revision=store.snapshot().revision)
    assert vault_file(home).read_bytes() == before
    assert leftovers(home / "data") == []
    assert names(store) == {"one"}


def test_a_failed_commit_leaves_the_store_usable(home: Path) -> None:
    store = make_vault(home, "one")
    with pytest.raises(StoreConflict):
        store.commit([], expected_revision="stale")
    with disk.locked(str(home / "data" / "vault.lock")):  # it was given back
        pass
    add(store, "two")
    assert names(store) == {"one", "two"}


def test_the_largest_value_and_any_bytes_are_stored(home: Path) -> None:
    values = {
        "LARGE": Secret("x" * MAX_VALUE_BYTES),
        "BYTES": Secret.from_bytes(bytes(range(1, 256))),
        # Two escaped bytes that are a character together: read back, it is that character.
        "ODD": Secret("\udcc3\udca9"),
    }
    new = NewToken("api", tuple(Field(name, (name,)) for name in values))
    Session(make_vault(home), Config(), Selection()).add(new, values)
    session = Session(open_vault(home), Config(), Selection())
    found = session.reveal(session.plan())
    for name, value in values.items():
        assert found[name].to_bytes() == value.to_bytes()
