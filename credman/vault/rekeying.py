"""Making a vault, and changing who can open it. Pure: nothing is read or written here.

Rule: whoever is shut out must not open what is saved from now on, so taking a slot away makes a new
vault identity, and every slot that stays wraps the new one. A change never leaves a vault that only
a recovery key opens.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from credman.core.errors import NotFound, Refused, WrongPassphrase
from credman.core.keyslots import (
    KeySlot,
    NewKeyring,
    NewPassphrase,
    NewRecovery,
    NewSlot,
    SlotChange,
    SlotKind,
    WantedKeyring,
)
from credman.core.model import Contents
from credman.core.secret import Secret, SecretBytes
from credman.vault import age, keys, slots
from credman.vault.container import SealedVault
from credman.vault.document import Document, Recipient, SlotLabel

RECOVERY_LABEL = "recovery"
_SHORT_KEY = 12


@dataclass(frozen=True, slots=True)
class Keyed:
    """A document and the slot stanzas that open it, ready to be sealed.

    Args: wrapped: what opens the slots that were written anew, by number.
    """

    document: Document
    stanzas: tuple[age.Stanza, ...]
    wrapped: tuple[tuple[int, Secret | bytes], ...] = field(default=(), repr=False)

    def opens(self, sealed: SealedVault) -> bool:
        """Whether each secret that was wrapped opens what was written."""
        written = {slot.number: slot for slot in sealed.slots}
        identity = self.document.identity
        return all(_unwrap(written[number], secret) == identity for number, secret in self.wrapped)


def make_document(opened_by: Sequence[NewSlot], *, vault_id: str, now: datetime) -> Keyed:
    """Args:
        opened_by: what opens the new vault: slots 0, 1, … and recovery keys.
        vault_id: 32 characters 0-9a-f, chosen at random.
        now: UTC, whole seconds.

    Returns:
        An empty vault's document, generation 1.
    """
    document = Document(
        identity=SecretBytes(os.urandom(age.KEY_BYTES)),
        vault_id=vault_id,
        generation=1,
        written_at=now,
        contents=Contents(),
        next_slot=0,
    )
    return _add(Keyed(document, ()), opened_by, now=now)


def list_slots(sealed: SealedVault, document: Document) -> tuple[KeySlot, ...]:
    """Returns: the passphrase slots by number, then the recipients."""
    kinds = {slot.number: _kind(slot) for slot in sealed.slots}
    labels = sorted(document.slots, key=lambda label: label.number)
    return (
        *(KeySlot(str(s.number), kinds[s.number], s.label, s.created_at) for s in labels),
        *(
            KeySlot(_recipient_id(r, document), SlotKind.RECOVERY, r.label, r.created_at)
            for r in document.recipients
        ),
    )


def find_recovery_slot(recovery: bytes, document: Document) -> tuple[str, str]:
    """Returns: the id of the slot of this recovery key, and its public key."""
    public = keys.render_recipient(age.public_key(recovery))
    found = [r for r in document.recipients if r.public_key == public]
    return _recipient_id(found[0], document) if found else public[:_SHORT_KEY], public


def fits_slot(sealed: SealedVault, slot_id: str, secret: Secret | bytes) -> bool:
    """Whether the passphrase, or the key in the keyring, opens this very slot."""
    found = [slot for slot in sealed.slots if str(slot.number) == slot_id]
    return any(_unwrap(slot, secret) is not None for slot in found)


def change_slots(
    sealed: SealedVault,
    document: Document,
    change: SlotChange,
    *,
    now: datetime,
    sole_recipient: str | None = None,
) -> Keyed:
    """Args:
        sealed: the vault as it was read.
        document: what it holds.
        now: UTC, whole seconds.
        sole_recipient: the only public key that is known to be an owner's: the others go, and there
            is a new identity even if nothing is to be taken away.

    Returns:
        The document with its new slots; its generation is the caller's business.

    Raises:
        NotFound: a slot to be taken away is not there.
        Refused: no passphrase would open the vault any more, or the secret of a slot that stays is
            missing.
        WrongPassphrase: the secret of a slot that stays is another.
    """
    known = {slot.id: slot for slot in list_slots(sealed, document)}
    for slot_id in change.remove:
        if slot_id not in known:
            raise NotFound(
                f"there is no slot {slot_id}", hint="credman slot list shows what there is"
            )
    kept = _keep(sealed, document, change, sole_recipient)
    if sole_recipient is not None or change.remove:
        kept = _rewrap(sealed, kept, change)
    keyed = _add(kept, change.add, now=now)
    if not keyed.stanzas:
        raise Refused(
            "without that only a recovery key would open the vault",
            hint="credman passwd changes a passphrase; credman slot add adds another way first",
        )
    return keyed


def _keep(
    sealed: SealedVault, document: Document, change: SlotChange, sole_recipient: str | None
) -> Keyed:
    gone = change.remove
    recipients = tuple(
        r
        for r in document.recipients
        if _recipient_id(r, document) not in gone and sole_recipient in (None, r.public_key)
    )
    labels = tuple(label for label in document.slots if str(label.number) not in gone)
    stanzas = tuple(slot.stanza for slot in sealed.slots if str(slot.number) not in gone)
    return Keyed(replace(document, recipients=recipients, slots=labels), stanzas)


def _rewrap(sealed: SealedVault, kept: Keyed, change: SlotChange) -> Keyed:
    identity = SecretBytes(os.urandom(age.KEY_BYTES))
    former = kept.document
    stanzas, wrapped = [], []
    for label in former.slots:
        slot = next(s for s in sealed.slots if s.number == label.number)
        secret = change.secrets.get(str(label.number))
        if secret is None:
            raise Refused(
                f"slot {label.number} ({label.label}) would not open the vault any more",
                hint="it needs its own passphrase again, or has to go",
            )
        if _unwrap(slot, secret) != former.identity:
            raise WrongPassphrase(f"that does not open slot {label.number}")
        stanzas.append(_wrap(identity, secret, vault_id=former.vault_id, number=label.number))
        wrapped.append((label.number, secret))
    return Keyed(replace(former, identity=identity), tuple(stanzas), tuple(wrapped))


def _add(keyed: Keyed, new: Sequence[NewSlot | WantedKeyring], *, now: datetime) -> Keyed:
    document, stanzas, wrapped = keyed.document, list(keyed.stanzas), list(keyed.wrapped)
    for item in new:
        if isinstance(item, NewRecovery):
            public = keys.render_recipient(age.public_key(item.identity))
            recipient = Recipient(public, RECOVERY_LABEL, now)
            document = replace(document, recipients=(*document.recipients, recipient))
            continue
        if isinstance(item, WantedKeyring):
            raise Refused("only a store can put a key into the keyring")
        number = document.next_slot
        if isinstance(item, NewKeyring) and item.number != number:
            raise Refused("another process changed what opens the vault", hint="try again")
        secret = item.passphrase if isinstance(item, NewPassphrase) else item.key
        vault_id = document.vault_id
        stanzas.append(_wrap(document.identity, secret, vault_id=vault_id, number=number))
        wrapped.append((number, secret))
        document = replace(
            document,
            slots=(*document.slots, SlotLabel(number, item.label, now)),
            next_slot=number + 1,
        )
    return Keyed(document, tuple(stanzas), tuple(wrapped))


def _wrap(identity: bytes, secret: Secret | bytes, *, vault_id: str, number: int) -> age.Stanza:
    if isinstance(secret, bytes):
        return slots.wrap_key(identity, secret, vault_id=vault_id, number=number)
    return slots.wrap_passphrase(identity, secret, vault_id=vault_id, number=number)


def _unwrap(slot: slots.Slot, secret: Secret | bytes) -> SecretBytes | None:
    if isinstance(secret, bytes):
        return slots.unwrap_key(slot, secret)
    return slots.unwrap_passphrase(slot, secret)


def _kind(slot: slots.Slot) -> SlotKind:
    known = {slots.ARGON2ID: SlotKind.PASSPHRASE, slots.KEYRING: SlotKind.KEYRING}
    return known.get(slot.stanza.type, SlotKind.UNKNOWN)


def _recipient_id(recipient: Recipient, document: Document) -> str:
    label = recipient.label
    same = [r for r in document.recipients if r.label == label]
    # A number is always a slot; anything but the one plain word may be another owner's text.
    return (
        label if label == RECOVERY_LABEL and len(same) == 1 else recipient.public_key[:_SHORT_KEY]
    )
