"""What the commands share that change who can open a store: asking first, telling afterwards."""

from __future__ import annotations

from collections.abc import Iterable

from credman.cli.options import Invocation
from credman.cli.unlock import TRIES
from credman.core.errors import NotFound, Refused, Unavailable, UsageError, WrongPassphrase
from credman.core.keyslots import (
    KeySlot,
    NewRecovery,
    NewSlot,
    Opening,
    SlotChange,
    SlotKind,
    WantedKeyring,
)
from credman.core.names import quote_untrusted
from credman.core.secret import Secret
from credman.stores.base import SlotStore


def confirm(invocation: Invocation, question: str, *, yes: bool) -> None:
    """Args: question: in the form ``remove hf?``.

    Raises:
        UsageError: nobody is there to ask, and no ``--yes`` was given.
        Refused: the person said no.
    """
    if yes:
        return
    if not invocation.source.is_attended():
        raise UsageError(f"this needs a yes: {question}", hint="--yes gives it")
    if not invocation.context.terminal.confirm(question):
        raise Refused("nothing was changed")


def confirm_owner(invocation: Invocation, opening: Opening, *, yes: bool) -> None:
    """Whoever opens a vault with its recovery key alone looks at it first: anybody who knows the
    public key could have made it anew."""
    if opening.is_proven:
        return
    note = invocation.context.note
    note(f"opened with the recovery key: {opening.title}")
    for doubt in opening.doubts:
        invocation.context.warn(doubt)
    confirm(invocation, "is that the vault you expect?", yes=yes)


def find_slot(slots: Iterable[KeySlot], name: str) -> KeySlot:
    """Args: name: a number, a label, or ``recovery``.

    Raises:
        NotFound, UsageError
    """
    slots = list(slots)
    found = [s for s in slots if s.id == name] or [s for s in slots if s.label == name]
    if len(found) == 1:
        return found[0]
    if found:
        numbers = ", ".join(slot.id for slot in found)
        raise UsageError("several slots have this label", hint=f"name one by its number: {numbers}")
    known = ", ".join(slot.id for slot in slots)
    raise NotFound("there is no such slot", hint=f"the slots are: {known}")


def prepare_renewal(
    invocation: Invocation,
    store: SlotStore,
    *,
    remove: Iterable[str],
    add: tuple[NewSlot | WantedKeyring, ...] = (),
    yes: bool,
) -> SlotChange:
    """A change that gives the vault a new key: asks for what opens the slots that stay, and names
    those that cannot.

    Raises:
        Refused: the person said no, or nothing would open the vault any more.
        UsageError: a question would have to be asked, and nobody is there.
    """
    gone, opening = set(remove), store.opening()
    secrets: dict[str, Secret | bytes] = {}
    lost: list[KeySlot] = []
    for slot in store.slots():
        if slot.id in gone:
            continue
        if slot.kind is SlotKind.RECOVERY:
            # Beside a key that does not prove who made the vault, another one may be anybody's.
            if not opening.is_proven and slot.id != opening.slot:
                lost.append(slot)
            continue
        secret = _find_secret(invocation, store, slot, opening)
        if secret is None:
            lost.append(slot)
        else:
            secrets[slot.id] = secret
    if not secrets and all(isinstance(new, NewRecovery) for new in add):
        names = ", ".join(_name(slot) for slot in lost)
        raise Refused(
            "no passphrase would open the vault any more",
            hint=f"that of {names} is needed; if it is lost: credman passwd",
        )
    for slot in lost:
        invocation.context.note(
            f"{_name(slot)}, {slot.kind.value}, will not open the vault any more"
        )
    if lost:
        confirm(invocation, "go on without?", yes=yes)
    return SlotChange(add, frozenset(gone | {slot.id for slot in lost}), secrets)


def tell_of_copies(invocation: Invocation, what: str) -> None:
    """Args: what: what was taken away."""
    invocation.context.note(
        f"what is saved from now on has a new key; copies made before still open with {what}"
    )


def _name(slot: KeySlot) -> str:
    return f"slot {slot.id} ({quote_untrusted(slot.label)})"


def _find_secret(
    invocation: Invocation, store: SlotStore, slot: KeySlot, opening: Opening
) -> Secret | bytes | None:
    if slot.id == opening.slot and opening.secret is not None:
        return opening.secret
    if slot.kind is SlotKind.KEYRING:
        try:
            key = store.find_keyring_key(slot.id)
        except Unavailable as error:
            invocation.context.note(error.message)
            return None
        return key if key is not None and store.fits(slot.id, key) else None
    if slot.kind is not SlotKind.PASSPHRASE:
        return None
    for _ in range(TRIES):
        typed = invocation.source.passphrase_of(_name(slot))
        if typed is None or store.fits(slot.id, typed):
            return typed
        invocation.context.note("that is another passphrase")
    raise WrongPassphrase(f"wrong passphrase for slot {slot.id}", hint="nothing was changed")
