"""What a reminder could not show to anybody, said by the next command."""

from __future__ import annotations

import contextlib
import os

from credman.cli.context import Context
from credman.core.errors import CredmanError
from credman.core.paths import PENDING_REMINDERS


def tell_pending(context: Context) -> None:
    """Says, to a person, what a reminder could not show him; then it is forgotten. Never fails."""
    if not context.stderr.is_terminal or context.is_unattended:
        return
    with contextlib.suppress(CredmanError, OSError):
        if not os.path.lexists(_find(context)):  # whoever has nothing to say loads nothing
            return
        from credman.stores import disk
        from credman.upkeep.reminding import forget_pending, reminders_file

        # Else a line that is added meanwhile would be forgotten unsaid.
        path = reminders_file(context.paths.state)
        with disk.locked(f"{path}.lock", what="the reminders", seconds=0):
            if say_pending(context):
                forget_pending(path)


def say_pending(context: Context) -> bool:
    """Returns: whether there was anything to say.

    Raises:
        CredmanError: nobody knows where it would be written down.
    """
    if not os.path.lexists(_find(context)):
        return False
    from credman.upkeep.reminding import find_pending, reminders_file

    lines = find_pending(reminders_file(context.paths.state))
    if not lines:
        return False
    first, *more = lines
    rest = f"; and {len(more)} more: credman due" if more else ""
    context.note(f"reminder: {first}{rest}")
    return True


def _find(context: Context) -> str:
    return os.path.join(context.paths.state, PENDING_REMINDERS)
