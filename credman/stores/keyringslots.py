"""The items in the operating system's keyring that open a vault: one for each keyring slot.

Rule: an item is written before the vault that needs it, and taken away after the vault that does
not need it any more, so that the vault which lies there can always be opened.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from credman.core.errors import CredmanError, Locked
from credman.core.keyitems import KEYRING_SERVICE, keyring_user
from credman.core.secret import Secret, SecretBytes
from credman.oskeyring.client import KeyringUnavailable, OsKeyring, Situation
from credman.stores.base import Unlocker
from credman.stores.opened import Key, name_other_ways
from credman.vault import slots
from credman.vault.container import SealedVault

if TYPE_CHECKING:
    from credman.core.keyslots import NewKeyring

KEY_BYTES = 32


def find_key(ring: OsKeyring, vault_id: str, slot: str) -> SecretBytes | None:
    """Returns: the key in the item of this slot, or None if there is no such item.

    Raises:
        KeyringUnavailable
    """
    value = ring.get(KEYRING_SERVICE, keyring_user(vault_id, slot))
    try:
        key = SecretBytes(base64.b64decode(value or "", validate=True))
    except (ValueError, binascii.Error):
        return None
    return key if len(key) == KEY_BYTES else None


def open_with_keyring(
    unlocker: Unlocker, sealed: SealedVault, *, is_last_resort: bool = False
) -> Key | None:
    """Args:
        is_last_resort: a passphrase that was given outright did not open it.

    Returns:
        What opens the vault; None if it has no keyring slot, or the keyring is not to be used.

    Raises:
        Locked: the keyring holds no key of this vault.
        KeyringUnavailable
    """
    ring = unlocker.keyring(opening=not is_last_resort) if _has_keyring_slot(sealed) else None
    if ring is None:
        return None
    with ring:
        for slot in sealed.slots:
            key = find_key(ring, slot.vault_id, str(slot.number)) if _is_keyring(slot) else None
            identity = None if key is None else slots.unwrap_key(slot, key)
            if key is not None and identity is not None:
                return Key(identity, str(slot.number), key)
    raise Locked(
        "the keyring holds no key of this vault",
        hint=f"{name_other_ways(sealed)} opens it; credman slot add keyring then makes another key",
    )


class KeyringItems:
    """The items of one store's slots. Args: unlocker: knows which keyring is to be used."""

    def __init__(self, unlocker: Unlocker) -> None:
        self._unlocker = unlocker

    def find(self, vault_id: str, slot: str) -> bytes | None:
        """Returns: the key in the item of this slot, if there is one. Raises: Unavailable"""
        with self._require_keyring() as ring:
            return find_key(ring, vault_id, slot)

    def make(self, vault_id: str, number: int, label: str) -> NewKeyring:
        """Stores a new key and reads it back. A copy of a vault has the same names for its keys, so
        one that is there is never replaced: it may be the only way to open that copy.

        Args:
            number: the first that is free in the vault.

        Returns:
            The key, with the number that it got.

        Raises:
            Unavailable
        """
        from credman.core.keyslots import NewKeyring

        key = SecretBytes(os.urandom(KEY_BYTES))
        value = Secret(base64.b64encode(key).decode("ascii"))
        with self._require_keyring() as ring:
            while ring.get(KEYRING_SERVICE, keyring_user(vault_id, str(number))) is not None:
                number += 1
            user = keyring_user(vault_id, str(number))
            try:
                ring.set(KEYRING_SERVICE, user, value)
            except KeyringUnavailable as error:
                # It may have kept something else. One that does not answer is not asked again.
                if error.situation is Situation.FAILED:
                    with contextlib.suppress(KeyringUnavailable):
                        ring.delete(KEYRING_SERVICE, user)
                raise
        return NewKeyring(key, number, label)

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


def _has_keyring_slot(sealed: SealedVault) -> bool:
    return any(_is_keyring(slot) for slot in sealed.slots)


def _is_keyring(slot: slots.Slot) -> bool:
    return slot.stanza.type == slots.KEYRING
