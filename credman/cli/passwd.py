from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from credman.cli.keychange import confirm_owner, find_slot, prepare_renewal, tell_of_copies
from credman.cli.options import Invocation, command, parse_descriptor
from credman.core.errors import UsageError
from credman.core.keyslots import KeySlot, NewPassphrase, Opening, SlotKind

if TYPE_CHECKING:
    import typer

    from credman.cli.parameters import NewPassphraseOption, YesOption


@command(selecting=False, asks_again=True)
def passwd(
    invocation: Invocation,
    slot: Annotated[
        str | None,
        typer.Option("--slot", metavar="SLOT", help="Another slot than the one that opens it now"),
    ] = None,
    new_passphrase_fd: NewPassphraseOption = None,
    yes: YesOption = False,
) -> None:
    """Change the passphrase.

    The recovery key, typed instead of the old passphrase, opens the vault as well: so a lost
    passphrase is replaced. The vault gets a new key, so that the old passphrase opens nothing that
    is saved afterwards; other slots need their own passphrases again, or go.

    Example: credman passwd
    """
    descriptor = parse_descriptor("--new-passphrase-fd", new_passphrase_fd)
    session = invocation.open_session()
    store = session.slot_store()
    opening = store.opening()
    slots = store.slots()
    target = _choose(slots, opening, slot)
    confirm_owner(invocation, opening, yes=yes)
    passphrase = invocation.source.another_passphrase(descriptor)
    change = prepare_renewal(
        invocation,
        store,
        remove=[target.id],
        add=(NewPassphrase(passphrase, target.label),),
        yes=yes,
    )
    session.change_slots(change)
    invocation.report(session)
    invocation.context.note("the passphrase is changed")
    tell_of_copies(invocation, "the old one")


def _choose(slots: Sequence[KeySlot], opening: Opening, name: str | None) -> KeySlot:
    passphrases = [slot for slot in slots if slot.kind is SlotKind.PASSPHRASE]
    if name is not None:
        found = find_slot(slots, name)
        if found not in passphrases:
            raise UsageError(f"slot {found.id} has no passphrase")
        return found
    if not passphrases:
        raise UsageError("the vault has no passphrase", hint="credman slot add passphrase adds one")
    used = [slot for slot in passphrases if slot.id == opening.slot]
    candidates = used or passphrases
    if len(candidates) != 1:
        labels = ", ".join(f"{slot.id} ({slot.label})" for slot in candidates)
        raise UsageError("the vault has several passphrases", hint=f"--slot says which: {labels}")
    return candidates[0]
