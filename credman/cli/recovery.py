from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

from credman.cli.create import RecoveryKey
from credman.cli.keychange import confirm, confirm_owner, prepare_renewal, tell_of_copies
from credman.cli.options import Invocation, command
from credman.core.errors import CredmanError, Locked, NoMatch, NotFound, NoVault, UsageError
from credman.core.keyslots import NewRecovery, SlotChange, SlotKind
from credman.core.secret import Secret
from credman.stores.base import SlotStore
from credman.stores.disk import read_own_file

if TYPE_CHECKING:
    import typer

    from credman.cli.parameters import RecoveryFileOption, YesOption

_FILE_LIMIT = 64 * 1024


@command(selecting=False, asks_again=True)
def recovery_new(
    invocation: Invocation, recovery_file: RecoveryFileOption = None, yes: YesOption = False
) -> None:
    """Make a new recovery key; the former one opens nothing that is saved afterwards.

    It is shown once, on the terminal, or written to a new file. It opens the vault when the
    passphrase is lost, also with age itself.

    Example: credman recovery new --recovery-file ~/usb/credman.key
    """
    session = invocation.open_session()
    store = session.slot_store()
    if recovery_file is None and not invocation.source.is_attended():
        raise Locked(
            "the recovery key would be shown on a terminal, and there is none",
            hint="--recovery-file F writes it to a new file",
        )
    opening = store.opening()
    slots = store.slots()
    former = [s.id for s in slots if s.kind is SlotKind.RECOVERY and s.label == "recovery"]
    confirm_owner(invocation, opening, yes=yes)
    if former:
        confirm(invocation, "replace the recovery key that there is?", yes=yes)
    failed = "the vault does not have the recovery key above: it opens nothing"
    with RecoveryKey(invocation, recovery_file, failed=failed) as key:
        new = (NewRecovery(key.identity),)
        if former or not opening.is_proven:
            change = prepare_renewal(invocation, store, remove=former, add=new, yes=yes)
        else:
            change = SlotChange(new)
        key.hand_out()
        try:
            session.change_slots(change)
        except BaseException:
            if _may_open(store, key.identity):
                key.keep()
            raise
    invocation.report(session)
    key.tell()
    if recovery_file is None:
        invocation.context.note("the recovery key above opens the vault from now on")
    if former:
        tell_of_copies(invocation, "the former recovery key")
    elif not opening.is_proven:
        tell_of_copies(invocation, "what opened it before")


@command(selecting=False, asks_again=True)
def recovery_verify(
    invocation: Invocation,
    recovery_file: Annotated[
        str | None,
        typer.Option("--recovery-file", metavar="F", help="The file that holds it"),
    ] = None,
) -> None:
    """Try whether a recovery key opens the vault. Nothing is changed or shown.

    The key is asked for, read from the file, or piped in.

    Example: credman recovery verify --recovery-file ~/usb/credman.key
    """
    context, session = invocation.context, invocation.open_session()
    store = session.slot_store()
    if not store.exists():
        raise NoVault("nothing is stored here yet", hint="credman init makes a vault")
    slot = store.check_recovery(_read_key(invocation, recovery_file))
    context.note(f"this recovery key opens the vault (slot {slot.id})")


def _may_open(store: SlotStore, identity: bytes) -> bool:
    # A signal may arrive after the vault was put in place: then the key belongs to it, and stays.
    from credman.vault.keys import render_identity

    try:
        store.check_recovery(render_identity(identity))
    except NoMatch:
        return False
    except CredmanError:
        return True
    return True


def _read_key(invocation: Invocation, path: str | None) -> Secret:
    context = invocation.context
    if path is not None:
        data = read_own_file(os.path.realpath(os.path.join(context.cwd, path)), limit=_FILE_LIMIT)
        if data is None:
            raise NotFound(f"there is no file {path}")
    elif not context.stdin.is_terminal:
        data = context.stdin.read(_FILE_LIMIT)
    elif invocation.source.is_attended():
        return context.terminal.read_hidden("recovery key: ")
    else:
        raise Locked(
            "the recovery key would have to be asked for, and nobody is here to answer",
            hint="--recovery-file F reads it from a file",
        )
    # In the form of age's key files: comments, and a key on a line of its own.
    lines = [line.strip() for line in data.splitlines()]
    found = [line for line in lines if line and not line.startswith(b"#")]
    if len(found) != 1:
        raise UsageError("that is not one recovery key", hint="a line AGE-SECRET-KEY-1…")
    return Secret.from_bytes(found[0])
