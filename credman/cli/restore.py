from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

from credman.cli.context import Context
from credman.cli.keychange import confirm
from credman.cli.options import Invocation, command
from credman.core.errors import NotFound, Refused, Unavailable, UsageError, VaultMissing
from credman.core.model import TokenKey
from credman.stores.base import SlotStore
from credman.stores.capabilities import Copy, Difference

if TYPE_CHECKING:
    import typer

    from credman.cli.parameters import YesOption

_MOST_NAMES = 6


@command(selecting=False, asks_again=True)
def restore(
    invocation: Invocation,
    file: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="A copy of the vault", show_default=False),
    ] = None,
    previous: Annotated[
        bool, typer.Option("--previous", help="The copy before the last write")
    ] = False,
    merge: Annotated[
        bool, typer.Option("--merge", help="Only take the tokens that are missing here")
    ] = False,
    yes: YesOption = False,
) -> None:
    """Make a copy of the vault the one that counts.

    Shows both sides and asks. What lies there now is kept, a damaged one too. The vault goes on
    being opened by what opens it today; only where today's is damaged, by what opened the copy.

    Example: credman restore --previous
    """
    context = invocation.context
    if (file is None) == (not previous):
        raise UsageError("which copy?", hint="credman restore FILE, or credman restore --previous")
    session = invocation.open_session()
    store = session.copy_store()
    current = store.current()
    if isinstance(current.problem, Unavailable) and not isinstance(current.problem, VaultMissing):
        raise current.problem
    path = store.previous() if file is None else os.path.abspath(os.path.join(context.cwd, file))
    none = NotFound("there is no copy before the last write")
    if path is None:
        raise none
    try:
        copy = store.read_copy(path)
    except NotFound:
        if file is not None:
            raise
        raise none from None
    show_side(context, "here", current)
    show_side(context, "there", copy)
    what = "vault" if isinstance(store, SlotStore) else "store"
    if copy.is_current:
        raise Refused(f"that is the {what} as it is")
    if not copy.is_whole:
        raise Refused(
            f"that is another {what}, and does not replace this one",
            hint=f"--store {shlex.quote(f'file:{path}')} opens it where it lies",
        )
    difference = store.compare(copy)
    show_difference(context, difference)
    taken = [key for key in difference.only_there if key not in difference.clashing]
    if merge and not taken:
        raise Refused("there is nothing there that could be taken")
    if merge and difference.differing:
        context.note(f"         stay as they are here: {_names(difference.differing)}")
    if merge and difference.clashing:
        clashing = _names(difference.clashing)
        context.note(f"         left out, another token here gives their variable: {clashing}")
    question = "take what is missing here?" if merge else f"make the copy the {what}?"
    confirm(invocation, question, yes=yes)
    kept = session.restore(copy, merge=merge)
    invocation.report(session)
    if merge:
        context.note(f"taken: {_names(taken)}; unsure until they are checked")
        return
    context.note(f"restored{f'; what was here is kept as {kept}' if kept else ''}")
    context.note("its tokens are unsure until they are checked: some may have been replaced since")
    if current.problem is not None and isinstance(store, SlotStore):
        context.note("the vault is opened by what opened the copy")


def show_side(context: Context, label: str, copy: Copy) -> None:
    """One state of the vault in one or two lines, on stderr."""
    context.note(f"  {label:<6} {copy.path}")
    what = copy.title if copy.problem is None else copy.problem.message
    context.note(f"         {copy.relation}: {what}")


def show_difference(context: Context, difference: Difference) -> None:
    """Which tokens are on one side only, or differ."""
    for label, keys in (
        ("only here", difference.only_here),
        ("only there", difference.only_there),
        ("differ", difference.differing),
    ):
        if keys:
            context.note(f"         {label}: {_names(keys)}")
    if difference.isolation:
        names = ", ".join(difference.isolation)
        context.note(f"         on one side only it inherits the base: environment {names}")
    if not (difference.only_here or difference.only_there or difference.differing):
        context.note("         the tokens are the same")


def _names(keys: Iterable[TokenKey]) -> str:
    names = [f"{key.name} ({key.environment})" for key in keys]
    shown = ", ".join(names[:_MOST_NAMES])
    more = len(names) - _MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown
