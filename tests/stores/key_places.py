"""Vaults that several secrets open, what opens one, and what a forger can make."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from credman.core.errors import Locked, NoMatch
from credman.core.keyslots import NewPassphrase, SlotChange
from credman.core.secret import Secret
from credman.stores.base import Creation
from credman.stores.file import FileStore
from credman.vault import age, keys
from credman.vault.container import parse_vault, seal_vault
from credman.vault.document import Document, Recipient, SlotLabel
from tests.stores.places import PASSPHRASE, add, open_vault, vault_file
from tests.vault.factories import MOMENT, make_document

SECOND = Secret("EXAMPLE second")
NEW = Secret("EXAMPLE new one")


def make_keyed_vault(home: Path, *names: str, second: bool = False) -> bytes:
    """A vault with a recovery key, and with a second passphrase if that is wanted.

    Returns:
        The recovery key.
    """
    recovery = os.urandom(32)
    store = open_vault(home)
    store.create(Creation(PASSPHRASE, recovery))
    for name in names:
        add(store, name)
    if second:
        change(store, SlotChange(add=(NewPassphrase(SECOND, "laptop"),)))
    return recovery


def change(store: FileStore, wanted: SlotChange) -> tuple[str, ...]:
    """Returns: what was warned of."""
    return store.change_slots(wanted, expected_revision=store.snapshot().revision).warnings


def new_passphrase() -> SlotChange:
    """What ``passwd`` does of a vault with one passphrase."""
    return SlotChange((NewPassphrase(NEW),), frozenset({"0"}))


def show(recovery: bytes) -> Secret:
    return keys.render_identity(recovery)


def find_openers(file: bytes, *secrets: Secret) -> set[Secret]:
    """Returns: those of the passphrases and recovery keys that open a vault file to its end."""
    sealed, found = parse_vault(file), set()
    for secret in secrets:
        try:
            if keys.is_identity(secret):
                sealed.open_with_recovery(keys.parse_identity(secret))
            else:
                match = sealed.find_slot(secret)
                if match is None:
                    continue
                sealed.open(match[1])
            found.add(secret)
        except NoMatch:
            continue
    return found


def can_open(home: Path, secret: Secret) -> bool:
    """Whether the store as a whole opens with it."""
    try:
        open_vault(home, None, secret).snapshot()
    except Locked:
        return False
    return True


def read_document(home: Path, secret: Secret) -> Document:
    sealed = parse_vault(vault_file(home).read_bytes())
    if keys.is_identity(secret):
        return sealed.open_with_recovery(keys.parse_identity(secret))
    found = sealed.find_slot(secret)
    assert found is not None
    return sealed.open(found[1])


@dataclass(frozen=True)
class Forgery:
    """Args: identity, recovery: what the forger has to open it."""

    file: bytes
    identity: bytes
    recovery: bytes

    def opens(self, file: bytes) -> bool:
        sealed = parse_vault(file)
        for find, key in ((sealed.open, self.identity), (sealed.open_with_recovery, self.recovery)):
            try:
                find(key)
            except NoMatch:
                continue
            return True
        return False


def forge(home: Path, public_key: str, *, generation: int = 50) -> Forgery:
    """A vault made by somebody who has a copy of the vault, which he cannot open, and the public
    half of its recovery key: with the vault's id, its slots, and himself among the recipients."""
    genuine = parse_vault(vault_file(home).read_bytes())
    own = os.urandom(32)
    recipients = (
        Recipient(public_key, "recovery", MOMENT),
        Recipient(keys.render_recipient(age.public_key(own)), "team", MOMENT),
    )
    document = make_document(
        vault_id=genuine.slots[0].vault_id,
        generation=generation,
        recipients=recipients,
        slots=tuple(SlotLabel(slot.number, "passphrase", MOMENT) for slot in genuine.slots),
        next_slot=1 + max(slot.number for slot in genuine.slots),
    )
    file = seal_vault(document, [slot.stanza for slot in genuine.slots])
    return Forgery(file, document.identity, own)
