"""An opened vault, and what opened it."""

from __future__ import annotations

from dataclasses import dataclass, field

from credman.core.errors import CredmanError, NotAVault
from credman.core.secret import Secret
from credman.stores.base import Unlocker
from credman.stores.seen import LastSeen
from credman.vault import age, keys, slots
from credman.vault.container import SealedVault
from credman.vault.document import Document


@dataclass(frozen=True, slots=True)
class Key:
    """What opened a vault.

    Args:
        slot: the id of the slot that did it.
        secret: the passphrase that was typed, or the key that lay in the keyring.
        recipient: the public key of the recovery key, if one it was.
    """

    identity: bytes = field(repr=False)
    slot: str
    secret: Secret | bytes | None = field(default=None, repr=False)
    recipient: str | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """Args: seen: what was last seen here, looked at before the vault was; or why it is unknown."""

    sealed: SealedVault
    document: Document
    seen: LastSeen | CredmanError | None = None

    @property
    def revision(self) -> str:
        return f"{self.document.vault_id}:{self.document.generation}:{self.sealed.file_hash}"

    @property
    def state(self) -> LastSeen:
        """What is noted as last seen once this was written."""
        return LastSeen(self.document.vault_id, self.document.generation, self.sealed.file_hash)


def find_key(sealed: SealedVault, passphrase: Secret) -> Key | None:
    """Args: passphrase: or a recovery key.

    Returns:
        What it opens, or None if it is another passphrase.

    Raises:
        NoMatch: it is a recovery key, but not of this vault.
        VaultDamaged
    """
    if keys.is_identity(passphrase):
        from credman.vault.rekeying import find_recovery_slot

        recovery = keys.parse_identity(passphrase)
        document = sealed.open_with_recovery(recovery)
        slot, public = find_recovery_slot(recovery, document)
        return Key(document.identity, slot, recipient=public)
    found = sealed.find_slot(passphrase)
    return None if found is None else Key(found[1], str(found[0].number), passphrase)


def check_has_way_in(sealed: SealedVault, unlocker: Unlocker) -> None:
    """To be called before anybody is asked for what opens it. Tells of a vault, such as a backup,
    that has no other way in than its recovery key.

    Raises:
        NotAVault: nothing that a person may have opens it.
    """
    if sealed.slots:
        return
    # The first stanza is to the vault's own identity, which nobody ever sees.
    if not any(stanza.type == age.X25519 for stanza in sealed.header.stanzas[1:]):
        raise NotAVault("this is an age file, but not a credman vault: no passphrase opens it")
    unlocker.tell("only a recovery key opens it: type that in place of the passphrase")


def has_passphrase(sealed: SealedVault) -> bool:
    """Whether a passphrase is one of the ways to open it."""
    return any(slot.stanza.type == slots.ARGON2ID for slot in sealed.slots)


def name_other_ways(sealed: SealedVault) -> str:
    """Returns: what a person may have that opens it besides a keyring; empty if nothing does."""
    # The first native stanza is to the vault's own identity.
    natives = sum(stanza.type == age.X25519 for stanza in sealed.header.stanzas)
    ways = ["its passphrase"] if has_passphrase(sealed) else []
    return " or ".join([*ways, *(["the recovery key"] if natives > 1 else [])])
