"""Ways to open a store, as people see them, and how they are to change. Holds no store.

A *slot* keeps the store's key under a secret: a passphrase, or a recovery key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from credman.core.keyitems import KEYRING_SERVICE as KEYRING_SERVICE
from credman.core.keyitems import keyring_user as keyring_user
from credman.core.secret import Secret


class SlotKind(Enum):
    PASSPHRASE = "passphrase"
    KEYRING = "login keyring"
    RECOVERY = "recovery key"
    UNKNOWN = "of a newer credman"


@dataclass(frozen=True, slots=True)
class KeySlot:
    """Args: id: what people call it on the command line: its number, or ``recovery``."""

    id: str
    kind: SlotKind
    label: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewPassphrase:
    passphrase: Secret
    label: str = "passphrase"


@dataclass(frozen=True, slots=True)
class NewRecovery:
    """Args: identity: an age secret key, 32 bytes."""

    identity: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewKeyring:
    """Args:
    key: 32 random bytes, which lie in the keyring under ``keyring_user`` already.
    number: the slot that they were put there for.
    """

    key: bytes = field(repr=False)
    number: int
    label: str = "keyring"


@dataclass(frozen=True, slots=True)
class WantedKeyring:
    """A keyring slot that the store is to make: it puts a key into the keyring for it."""

    label: str = "keyring"


NewSlot = NewPassphrase | NewKeyring | NewRecovery


@dataclass(frozen=True, slots=True)
class SlotChange:
    """What becomes of the slots. Taking one away gives the store a new key, so that whoever once
    had the old one is shut out; the slots that stay then need their own secrets again.

    Args:
        add: new ones.
        remove: ids of those to be taken away.
        secrets: what opens the slots that stay, by id: the passphrase, or the key in the keyring.
    """

    add: tuple[NewSlot | WantedKeyring, ...] = ()
    remove: frozenset[str] = frozenset()
    secrets: Mapping[str, Secret | bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Opening:
    """How a store was opened.

    Args:
        slot: the id of the slot that did it.
        secret: the passphrase that was typed, or the key in the keyring; None: a recovery key.
        is_proven: False where anybody who knows a public key could have made this store: a person
            should look at it before anything is written.
        title: which store it is and as of when, in words.
        doubts: what speaks against it, in words.
    """

    slot: str
    secret: Secret | bytes | None = field(repr=False)
    is_proven: bool
    title: str
    doubts: tuple[str, ...] = ()
