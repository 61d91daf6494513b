"""What a reminder could not show to anybody, said by the next command."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from credman.cli.context import Context
from credman.core.errors import CredmanError
from credman.core.paths import PENDING_REMINDERS

if TYPE_CHECKING:
    from credman.watch.schedule import Due


class Source(Protocol):
    """What is known of a store, and by whom it is asked."""

    context: Context

    @property
    def store_key(self) -> str: ...

    def list_noted(self, now: datetime) -> list[Due] | None: ...


def tell_pending(source: Source) -> None:
    """Says, to a person, what a reminder could not show him; then it is forgotten. Never fails."""
    context = source.context
    if context.stderr.is_terminal and not context.is_unattended:
        _take(source, lambda lines: _say(context, lines))


def forget_said(source: Source) -> None:
    """For what shows all of it to a person anyway. Never fails."""
    context = source.context
    if context.stdout.is_terminal and not context.is_unattended:
        _take(source, lambda lines: None)


def say_pending(source: Source) -> None:
    """Says in one line what a reminder could not show, if there is such a thing.

    Raises:
        CredmanError: nobody knows where it would be written down.
    """
    _say(source.context, list_pending(source) or ())


def list_pending(source: Source) -> list[str] | None:
    """Returns: what a reminder could not show and what is still to be done, one line each, as it is
    now: of a token that was rotated or removed since there is nothing to say. None: nothing is
    known of the tokens.

    Raises:
        CredmanError: nobody knows where it would be written down.
    """
    if not _is_there(source.context):  # whoever has nothing to say loads nothing
        return []
    from credman.upkeep.reminding import find_pending, reminders_file
    from credman.watch.reminders import find_reminders

    now = datetime.now(UTC)
    path = reminders_file(source.context.paths.state)
    ids, dues = find_pending(path, source.store_key), source.list_noted(now)
    return None if dues is None else [r.line for r in find_reminders(ids, dues, now)]


def _take(source: Source, say: Callable[[Sequence[str]], None]) -> None:
    context = source.context
    with contextlib.suppress(CredmanError, OSError):
        if not _is_there(context):
            return
        from credman.stores import disk
        from credman.upkeep.reminding import forget_pending, reminders_file

        # Else what is added meanwhile would be forgotten unsaid.
        path = reminders_file(context.paths.state)
        with disk.locked(f"{path}.lock", what="the record of reminders", seconds=0):
            lines = list_pending(source)
            if lines is not None:
                say(lines)
                forget_pending(path, source.store_key)


def _say(context: Context, lines: Sequence[str]) -> None:
    if lines:
        first, *more = lines
        rest = f"; and {len(more)} more: credman due" if more else ""
        context.note(f"reminder: {first}{rest}")


def _is_there(context: Context) -> bool:
    return os.path.lexists(os.path.join(context.paths.state, PENDING_REMINDERS))
