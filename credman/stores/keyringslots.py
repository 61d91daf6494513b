"""The items in the operating system's keyring that open a vault: one for each keyring slot.

Rule: an item is written before the vault that needs it, and taken away after the vault that does
not need it any more, so that the vault which lies there can always be opened.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterable

from credman.core.errors import CredmanError
from credman.core.keyslots import KEYRING_SERVICE, NewKeyring, keyring_user
from credman.core.secret import Secret
from credman.oskeyring.client import KeyringUnavailable, OsKeyring, Situation
from credman.stores.base import Unlocker
from credman.vault import slots
from credman.vault.container import SealedVault

KEY_BYTES = 32


def find_key(ring: OsKeyring, vault_id: str, slot: str) -> bytes | None:
    """Returns: the key in the item of this slot, or None if there is no such item.

    Raises:
        KeyringUnavailable
    """
    value = ring.get(KEYRING_SERVICE, keyring_user(vault_id, slot))
    try:
        key = base64.b64decode(value or "", validate=True)
    except (ValueError, binascii.Error):
        return None
    return key if len(key) == KEY_BYTES else None


def open_with_keyring(
    ring: OsKeyring, sealed: SealedVault
) -> tuple[slots.Slot, bytes, bytes] | None:
    """Returns: the slot, the vault identity in it and the key that opened it; None if the keyring
    holds no key that does.

    Raises:
        KeyringUnavailable
    """
    for slot in sealed.slots:
        if slot.stanza.type != slots.KEYRING:
            continue
        key = find_key(ring, slot.vault_id, str(slot.number))
        identity = None if key is None else slots.unwrap_key(slot, key)
        if key is not None and identity is not None:
            return slot, identity, key
    return None


def has_keyring_slot(sealed: SealedVault) -> bool:
    """Whether a key in a keyring is one of the ways to open it."""
    return any(slot.stanza.type == slots.KEYRING for slot in sealed.slots)


class KeyringItems:
    """The items of one store's slots. Args: unlocker: knows which keyring is to be used."""

    def __init__(self, unlocker: Unlocker) -> None:
        self._unlocker = unlocker

    def find(self, vault_id: str, slot: str) -> bytes | None:
        """Returns: the key in the item of this slot, if there is one. Raises: Unavailable"""
        with self._require_keyring() as ring:
            return find_key(ring, vault_id, slot)

    def make(self, vault_id: str, number: int) -> NewKeyring:
        """Stores a new key and reads it back. Raises: Unavailable"""
        key = os.urandom(KEY_BYTES)
        value = Secret(base64.b64encode(key).decode("ascii"))
        with self._require_keyring() as ring:
            ring.set(KEYRING_SERVICE, keyring_user(vault_id, str(number)), value)
        return NewKeyring(key, number)

    def remove(self, vault_id: str, slots: Iterable[str]) -> list[str]:
        """Returns: warnings of the items that stay; they open older copies only."""
        users = [keyring_user(vault_id, slot) for slot in slots]
        if not users:
            return []
        try:
            with self._require_keyring() as ring:
                for user in users:
                    ring.delete(KEYRING_SERVICE, user)
        except CredmanError as error:
            stays = "the key in the keyring stays there, it opens older copies only"
            return [f"{stays}: {error.message}"]
        return []

    def _require_keyring(self) -> OsKeyring:
        ring = self._unlocker.keyring()
        if ring is None:
            raise KeyringUnavailable(Situation.ABSENT)
        return ring
