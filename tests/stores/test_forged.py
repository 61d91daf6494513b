"""A vault that a stranger made for our recovery key: looked at, never written to unasked."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from credman.core.errors import CredmanError, NoMatch, Refused
from credman.vault import age, keys
from credman.vault.container import parse_vault
from tests.stores.key_places import (
    NEW,
    can_open,
    change,
    forge,
    make_keyed_vault,
    new_passphrase,
    show,
)
from tests.stores.places import add, names, open_vault, vault_file


def public(recovery: bytes) -> str:
    return keys.render_recipient(age.public_key(recovery))


def test_a_vault_forged_for_the_recovery_key_is_read_but_not_written_to(home: Path) -> None:
    recovery = make_keyed_vault(home, "one")
    forged = forge(home, public(recovery))
    vault_file(home).write_bytes(forged.file)
    before = vault_file(home).read_bytes()
    store = open_vault(home, None, show(recovery))
    assert not store.opening().is_proven
    assert "generation 50" in store.opening().title
    for action in (lambda: add(store, "two"), store.accept):
        with pytest.raises(Refused):
            action()
    with pytest.raises(CredmanError):  # whoever has a passphrase notices at once
        open_vault(home).snapshot()
    assert vault_file(home).read_bytes() == before


def test_the_forgers_identity_opens_nothing_that_is_written_later(home: Path) -> None:
    recovery = make_keyed_vault(home, "one")
    forged = forge(home, public(recovery))
    vault_file(home).write_bytes(forged.file)
    store = open_vault(home, None, show(recovery))
    change(store, new_passphrase())
    add(open_vault(home, None, NEW), "two")
    for path in (vault_file(home), vault_file(home).with_name("vault.age.bak")):
        with pytest.raises(NoMatch):
            parse_vault(path.read_bytes()).open(forged.identity)
    assert can_open(home, show(recovery))


def test_a_forgery_of_a_later_generation_is_doubted(home: Path) -> None:
    recovery = make_keyed_vault(home, "one")
    vault_file(home).write_bytes(forge(home, public(recovery)).file)
    (doubt,) = open_vault(home, None, show(recovery)).opening().doubts
    assert "does not descend" in doubt


def test_the_forger_put_himself_among_the_recipients_in_vain(home: Path) -> None:
    recovery = make_keyed_vault(home, "one")
    forged = forge(home, public(recovery))
    vault_file(home).write_bytes(forged.file)
    change(open_vault(home, None, show(recovery)), new_passphrase())
    add(open_vault(home, None, NEW), "two")
    assert not forged.opens(vault_file(home).read_bytes())


def test_a_good_copy_is_not_restored_into_the_forgers_hands(home: Path) -> None:
    recovery = make_keyed_vault(home, "one")
    good = vault_file(home).with_name("good.age")
    good.write_bytes(vault_file(home).read_bytes())
    forged = forge(home, public(recovery))
    vault_file(home).write_bytes(forged.file)
    store = open_vault(home, None, show(recovery))
    store.current()
    for merge in (False, True):
        with pytest.raises(Refused):
            store.restore(store.read_copy(str(good)), merge=merge)
    assert vault_file(home).read_bytes() == forged.file


def test_a_forged_copy_that_was_restored_is_still_only_read(home: Path) -> None:
    recovery = make_keyed_vault(home, "one")
    forged = forge(home, public(recovery))
    vault_file(home).with_name("copy.age").write_bytes(forged.file)
    vault_file(home).write_bytes(b"")
    store = open_vault(home, None, show(recovery))
    store.current()
    with contextlib.suppress(Refused):
        store.restore(store.read_copy(str(vault_file(home).with_name("copy.age"))))
    with contextlib.suppress(CredmanError):
        add(open_vault(home, None, show(recovery)), "two")
    file = vault_file(home).read_bytes()
    assert not file or "two" not in names(open_vault(home, None, show(recovery)))
