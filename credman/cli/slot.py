from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from credman.cli.keychange import (
    confirm,
    confirm_owner,
    find_slot,
    prepare_renewal,
    tell_of_copies,
)
from credman.cli.options import Invocation, command, parse_descriptor
from credman.cli.render import render_age, render_json, render_table
from credman.core.errors import Refused, UsageError
from credman.core.intervals import format_instant
from credman.core.keyslots import NewPassphrase, NewSlot, SlotChange, SlotKind, WantedKeyring
from credman.core.names import check_name, quote_untrusted
from credman.session import Session
from credman.stores.base import SlotStore
from credman.vault.slots import MAX_SLOTS

if TYPE_CHECKING:
    import typer

    from credman.cli.parameters import JsonOption, NewPassphraseOption, YesOption

_KINDS = ("passphrase", "keyring")


@command(selecting=False, asks_again=True)
def slot_list(invocation: Invocation, json: JsonOption = False) -> None:
    """List what opens the vault.

    Example: credman slot list
    """
    context, session = invocation.context, invocation.open_session()
    session.snapshot()
    slots = session.slot_store().slots()
    invocation.report(session)
    if json:
        facts = [
            {
                "slot": s.id,
                "kind": s.kind.value,
                "label": s.label,
                "created_at": format_instant(s.created_at),
            }
            for s in slots
        ]
        context.stdout.print(render_json({"slots": facts}))
        return
    now = datetime.now(UTC)
    rows = [
        (s.id, s.kind.value, quote_untrusted(s.label), render_age(s.created_at, now)) for s in slots
    ]
    context.stdout.print(render_table(context, ("SLOT", "OPENS BY", "LABEL", "SINCE"), rows))
    if not any(s.kind is SlotKind.RECOVERY for s in slots):
        context.note("there is no recovery key for a lost passphrase: credman recovery new")


@command(selecting=False, asks_again=True)
def slot_add(
    invocation: Invocation,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="passphrase or keyring")],
    label: Annotated[
        str | None, typer.Option("--label", metavar="LABEL", help="What people call it")
    ] = None,
    new_passphrase_fd: NewPassphraseOption = None,
    yes: YesOption = False,
) -> None:
    """Add another way to open the vault.

    Example: credman slot add passphrase --label laptop
    """
    if kind not in _KINDS:
        hint = "credman recovery new" if kind == "recovery" else f"kinds: {', '.join(_KINDS)}"
        raise UsageError("there is no slot of that kind", hint=hint)
    label = kind if label is None else check_name("label", label)
    if kind == "keyring" and new_passphrase_fd is not None:
        raise UsageError("a keyring slot has no passphrase")
    if label.isdigit() or label == "recovery":
        raise UsageError("a label is no number, and not recovery: those name slots already")
    descriptor = parse_descriptor("--new-passphrase-fd", new_passphrase_fd)
    session = invocation.open_session()
    store = session.slot_store()
    opening = store.opening()
    confirm_owner(invocation, opening, yes=yes)
    if sum(s.kind is not SlotKind.RECOVERY for s in store.slots()) >= MAX_SLOTS:
        raise Refused(f"a vault has at most {MAX_SLOTS} key slots", hint="credman slot remove")
    if kind == "keyring":
        _add_keyring(invocation, session, label, yes=yes)
        invocation.report(session)
        invocation.context.note("the keyring opens the vault as well: credman slot list")
        return
    new = NewPassphrase(invocation.source.another_passphrase(descriptor), label)
    session.change_slots(_prepare_addition(invocation, store, new, yes=yes))
    invocation.report(session)
    invocation.context.note(f"{label} opens the vault as well: credman slot list")
    if not opening.is_proven:
        tell_of_copies(invocation, "what opened it before")


def _add_keyring(invocation: Invocation, session: Session, label: str, *, yes: bool) -> None:
    store, wanted = session.slot_store(), WantedKeyring(label)
    former = [slot for slot in store.slots() if slot.kind is SlotKind.KEYRING]
    for slot in former:
        key = store.find_keyring_key(slot.id)
        if key is not None and store.fits(slot.id, key):
            raise Refused("a keyring opens the vault already", hint="credman slot list shows it")
    session.change_slots(_prepare_addition(invocation, store, wanted, yes=yes))
    left = {slot.id for slot in store.slots()}
    for slot in (slot for slot in former if slot.id in left):
        # Another machine may have its key; or the keyring here was reset, and nobody has.
        invocation.context.note(
            f"slot {slot.id} ({quote_untrusted(slot.label)}) is of another keyring, and stays; "
            f"if that is gone: credman slot remove {slot.id}"
        )


def _prepare_addition(
    invocation: Invocation, store: SlotStore, new: NewSlot | WantedKeyring, *, yes: bool
) -> SlotChange:
    if store.opening().is_proven:
        return SlotChange((new,))
    return prepare_renewal(invocation, store, remove=(), add=(new,), yes=yes)


@command(selecting=False, asks_again=True)
def slot_remove(
    invocation: Invocation,
    slot: Annotated[str, typer.Argument(metavar="SLOT", help="Its number or label, or recovery")],
    yes: YesOption = False,
) -> None:
    """Take a way to open the vault away.

    The vault gets a new key, so that what is taken away opens nothing that is saved afterwards;
    other slots need their own passphrases again, or go.

    Example: credman slot remove laptop
    """
    session = invocation.open_session()
    store = session.slot_store()
    opening = store.opening()
    slots = store.slots()
    target = find_slot(slots, slot)
    shown = f"slot {target.id} ({quote_untrusted(target.label)}, {target.kind.value})"
    if [target] == [s for s in slots if s.kind is not SlotKind.RECOVERY]:
        change = "credman passwd changes a passphrase; "
        raise Refused(
            "without that only a recovery key would open the vault",
            hint=f"{change if target.kind is SlotKind.PASSPHRASE else ''}credman slot add adds "
            "another way first",
        )
    confirm_owner(invocation, opening, yes=yes)
    if target.kind is SlotKind.KEYRING:
        invocation.context.note(
            "copies of this vault that only the keyring opens will not open then"
        )
    confirm(invocation, f"remove {shown}?", yes=yes)
    session.change_slots(prepare_renewal(invocation, store, remove=[target.id], yes=yes))
    invocation.report(session)
    invocation.context.note(f"removed {shown}")
    if target.kind is SlotKind.KEYRING:
        invocation.context.note("what is saved from now on has a new key")
    else:
        tell_of_copies(invocation, "it")
