"""An opened vault, and what opened it."""

from __future__ import annotations

from dataclasses import dataclass, field

from credman.core.errors import CredmanError
from credman.core.secret import Secret
from credman.stores.seen import LastSeen
from credman.vault import keys
from credman.vault.container import SealedVault
from credman.vault.document import Document
from credman.vault.rekeying import find_recovery_slot


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
        recovery = keys.parse_identity(passphrase)
        document = sealed.open_with_recovery(recovery)
        slot, public = find_recovery_slot(recovery, document)
        return Key(document.identity, slot, recipient=public)
    found = sealed.find_slot(passphrase)
    return None if found is None else Key(found[1], str(found[0].number), passphrase)
