"""The file store: one encrypted vault file, the ways to open it, and the copies beside it.

Rule: what reading does not need is imported by the methods that need it. Every command reads.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from credman.core.errors import CredmanError, NoVault, Refused, StoreConflict, VaultExists
from credman.core.model import Address
from credman.core.paths import make_private_directory
from credman.core.secret import Secret
from credman.stores import disk
from credman.stores.base import Committed, Creation, Snapshot, Surroundings, pick
from credman.stores.beside import find_beside
from credman.stores.keyringslots import KeyringItems
from credman.stores.looking import find_exposure
from credman.stores.opened import Key, Loaded
from credman.stores.vaultfile import VaultFile
from credman.vault import keys, slots
from credman.vault.container import next_document
from credman.vault.document import Ancestor

if TYPE_CHECKING:
    from credman.core.keyslots import KeySlot, NewKeyring, NewPassphrase, Opening, SlotChange
    from credman.stores.capabilities import Copy, Difference
    from credman.stores.changes import Change
    from credman.stores.copies import Copies

_MOST_WARNINGS = 2


class FileStore:
    """Args: rest: the path behind ``file:``; ``~`` is the home directory."""

    def __init__(self, rest: str, surroundings: Surroundings) -> None:
        self._unlocker = surroundings.unlocker
        self._items = KeyringItems(surroundings.unlocker)
        self._vault = VaultFile(rest, surroundings)
        self._looked: Copies | None = None
        self._loaded: Loaded | None = None

    @property
    def path(self) -> str:
        return self._vault.path

    def exists(self) -> bool:
        return self._vault.exists()

    def create(self, creation: Creation) -> None:
        from credman.core.keyslots import NewKeyring, NewRecovery
        from credman.vault.rekeying import make_document

        make_private_directory(os.path.dirname(self.path))
        vault_id = os.urandom(slots.VAULT_ID_BYTES).hex()
        first = self._make_first(creation, vault_id)  # outside of the lock: a keyring may ask
        recovery = () if creation.recovery is None else (NewRecovery(creation.recovery),)
        try:
            with self._vault.locked():
                if self.exists():
                    raise VaultExists(f"there is a vault already: {self.path}")
                keyed = make_document((first, *recovery), vault_id=vault_id, now=_now())
                secret = first.key if isinstance(first, NewKeyring) else first.passphrase
                self._vault.key = Key(keyed.document.identity, "0", secret)
                self._loaded, _ = self._vault.write(keyed, keep=None)
                self._vault.announce(keyed.document)
        except BaseException:
            if isinstance(first, NewKeyring) and not self._is_vault(vault_id):
                self._items.remove(vault_id, ["0"])
            raise

    def _is_vault(self, vault_id: str) -> bool:
        try:
            return any(slot.vault_id == vault_id for slot in self._vault.read(self.path).slots)
        except NoVault:
            return False
        except CredmanError:
            return True

    def _make_first(self, creation: Creation, vault_id: str) -> NewPassphrase | NewKeyring:
        from credman.core.keyslots import NewPassphrase, WantedKeyring

        if creation.passphrase is not None:
            return NewPassphrase(creation.passphrase)
        return self._items.make(vault_id, 0, WantedKeyring().label)

    def snapshot(self) -> Snapshot:
        self._loaded = loaded = self._vault.load()
        contents = loaded.document.contents
        obstacle = self._vault.find_obstacle(loaded)
        rollback = self._vault.find_rollback(loaded)
        messages = {error.message: None for error in (obstacle, rollback) if error is not None}
        exposure = find_exposure(self.path)
        return Snapshot(
            loaded.revision,
            contents.environments,
            contents.tokens,
            (
                *messages,
                *(() if exposure is None else (exposure,)),
                *_warn_of(self._beside(loaded)),
            ),
            obstacle,
        )

    def reveal(self, addresses: Iterable[Address]) -> dict[Address, Secret]:
        return pick(self._last_loaded().document.contents.values, addresses)

    def commit(self, changes: Sequence[Change], *, expected_revision: str) -> Committed:
        from credman.stores.changes import apply_changes
        from credman.vault.rekeying import Keyed

        if self._vault.key is None:
            self._loaded = self._vault.load()  # whoever has to type does not hold the lock
        with self._vault.locked():
            loaded = self._load_expected(expected_revision)
            obstacle = self._vault.find_obstacle(loaded)
            if obstacle is not None:
                raise obstacle
            document = next_document(loaded.sealed, loaded.document)
            document = replace(
                document,
                written_at=_now(),
                contents=apply_changes(document.contents, changes),
            )
            stanzas = tuple(slot.stanza for slot in loaded.sealed.slots)
            self._loaded, committed = self._vault.write(
                Keyed(document, stanzas), keep=self._vault.backup
            )
            return committed

    def describe(self) -> dict[str, str]:
        known = {"kind": "file", "path": self.path, "format": "age v1, credman 1"}
        if self._loaded is not None:
            known["recovery"] = "yes" if self._loaded.document.recipients else "no"
        return known

    def slots(self) -> tuple[KeySlot, ...]:
        from credman.vault.rekeying import list_slots

        loaded = self._last_loaded()
        return list_slots(loaded.sealed, loaded.document)

    def opening(self) -> Opening:
        from credman.core.keyslots import Opening
        from credman.stores.merging import describe

        loaded = self._last_loaded()
        key = self._vault.require_key()
        rollback = self._vault.find_rollback(loaded)
        return Opening(
            key.slot,
            key.secret,
            self._vault.is_proven(loaded),
            f"vault {loaded.document.vault_id}, {describe(loaded.document)}",
            () if rollback is None else (rollback.message,),
        )

    def fits(self, slot: str, secret: Secret | bytes) -> bool:
        from credman.vault.rekeying import fits_slot

        return fits_slot(self._last_loaded().sealed, slot, secret)

    def find_keyring_key(self, slot: str) -> bytes | None:
        return self._items.find(self._last_loaded().document.vault_id, slot)

    def check_recovery(self, key: Secret) -> KeySlot:
        from credman.core.keyslots import KeySlot, SlotKind
        from credman.vault.rekeying import find_recovery_slot, list_slots

        recovery = keys.parse_identity(key)
        sealed = self._vault.read(self.path)
        document = sealed.open_with_recovery(recovery)
        slot_id, _ = find_recovery_slot(recovery, document)
        unlisted = KeySlot(slot_id, SlotKind.RECOVERY, "not listed", document.written_at)
        found = list_slots(sealed, document)
        return next((slot for slot in found if slot.id == slot_id), unlisted)

    def change_slots(self, change: SlotChange, *, expected_revision: str) -> Committed:
        from credman.core.keyslots import SlotKind, WantedKeyring
        from credman.stores.merging import succeed
        from credman.vault.rekeying import change_slots, list_slots

        self._last_loaded()
        wanted = next((new for new in change.add if isinstance(new, WantedKeyring)), None)
        if wanted is not None:
            self.find_keyring_key("0")  # a locked keyring asks here, where nobody waits for us
        with self._vault.locked():
            loaded = self._load_expected(expected_revision)
            is_proven = self._vault.is_proven(loaded)
            rollback = self._vault.find_rollback(loaded)
            if is_proven and rollback is not None:
                raise rollback
            # Whoever forged a vault may have listed a key of his own in it.
            owner = None if is_proven else self._vault.require_key().recipient
            # Under the lock: two of them at once would put their keys into one item.
            document, made = loaded.document, None
            if wanted is not None:
                made = self._items.make(document.vault_id, document.next_slot, wanted.label)
                document = replace(document, next_slot=made.number)
            try:
                added = tuple(
                    made if isinstance(new, WantedKeyring) and made is not None else new
                    for new in change.add
                )
                keyed = change_slots(
                    loaded.sealed,
                    document,
                    replace(change, add=added),
                    now=_now(),
                    sole_recipient=owner,
                )
                document = succeed(keyed.document, (loaded,), loaded.seen)
                has_new_key = document.identity != loaded.document.identity
                self._loaded, committed = self._vault.write(
                    replace(keyed, document=document),
                    keep=self._vault.backup,
                    replaces_backup=has_new_key,
                )
            except BaseException:
                if made is not None and not self._has_slot(made.number):
                    self._items.remove(loaded.document.vault_id, [str(made.number)])
                raise
            self._vault.key = Key(document.identity, "", None)
        former = list_slots(loaded.sealed, loaded.document)
        gone = [s.id for s in former if s.kind is SlotKind.KEYRING and s.id in change.remove]
        told = self._items.remove(loaded.document.vault_id, gone)
        return replace(committed, warnings=(*committed.warnings, *told))

    def _has_slot(self, number: int) -> bool:
        # A signal may arrive after the vault was put in place: then its key has to stay.
        try:
            return any(slot.number == number for slot in self._vault.read(self.path).slots)
        except CredmanError:
            return True

    def current(self) -> Copy:
        return self._copies.current()

    def previous(self) -> str:
        return self._vault.backup

    def copies(self) -> tuple[Copy, ...]:
        return self._beside(self._last_loaded())

    def read_copy(self, path: str) -> Copy:
        return self._copies.read(path)

    def compare(self, copy: Copy) -> Difference:
        return self._copies.compare(copy)

    def restore(self, copy: Copy, *, merge: bool = False) -> Committed:
        make_private_directory(os.path.dirname(self.path))
        self._loaded, committed = self._copies.restore(copy, merge=merge)
        return committed

    def has_recovery(self) -> bool:
        return bool(self._last_loaded().document.recipients)

    def backup(self, path: str, passphrase: Secret | None) -> str:
        from credman.stores.backup import write_backup

        loaded = self._last_loaded()
        if self._vault.is_own(path):
            raise Refused(f"{path} is a file of the vault itself", hint="name another place")
        state = Ancestor(loaded.document.generation, loaded.sealed.file_hash)
        return write_backup(path, replace(loaded.document, backup_of=state), passphrase)

    def examine_previous(self) -> Copy | None:
        return self._copies.examine_previous()

    def accept(self) -> Committed:
        self._loaded, committed = self._copies.accept()
        return committed

    def forget(self) -> str | None:
        if not os.path.isdir(os.path.dirname(self.path)):
            return self._vault.forget()
        with self._vault.locked():
            if disk.is_there(self.path):
                raise StoreConflict("the vault is there again", hint="nothing was changed")
            return self._vault.forget()

    @property
    def _copies(self) -> Copies:
        from credman.stores.copies import Copies

        if self._looked is None:  # what was looked at is remembered from call to call
            self._looked = Copies(self._vault, self._unlocker)
        return self._looked

    def _beside(self, loaded: Loaded) -> tuple[Copy, ...]:
        return find_beside(loaded, self._vault.path, self._vault.backup)

    def _last_loaded(self) -> Loaded:
        if self._loaded is None:
            self._loaded = self._vault.load()
        return self._loaded

    def _load_expected(self, revision: str) -> Loaded:
        loaded = self._vault.load()
        if loaded.revision != revision:
            raise StoreConflict("the vault was changed by another process")
        return loaded


def _warn_of(copies: Sequence[Copy]) -> list[str]:
    shown = [f"{c.relation} lies beside it: {c.path}" for c in copies[:_MOST_WARNINGS]]
    more = len(copies) - len(shown)
    shown += [f"{more} more copies of this vault lie beside it"] if more else []
    return [f"{text}; credman doctor compares them" for text in shown]


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
