"""What is said in passing: what is overdue, once a day.

Rule: whoever runs these commands all day pays for one look at a small file.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from credman.cli.options import Invocation
from credman.cli.pending import say_pending
from credman.core.errors import CredmanError, NotAVault
from credman.core.intervals import format_instant, parse_instant
from credman.core.model import TokenKey
from credman.core.paths import make_private_directory
from credman.session import Session
from credman.stores import disk

_OFF = "off"
_AGAIN = timedelta(hours=20)
"""Less than a day: whoever begins somewhat earlier than the day before is told as well."""
_TOLD_APART = 3


def mention_overdue(
    invocation: Invocation, session: Session, *, but: Collection[TokenKey] = ()
) -> None:
    """Says in one line what is overdue, once a day, and what a reminder could not show. Never
    fails: it is not what was asked for.

    Args:
        but: tokens of which the command itself says when they are to be rotated.
    """
    context = invocation.context
    if invocation.config.mention_overdue == _OFF or context.is_unattended:
        return
    with contextlib.suppress(CredmanError, OSError):
        now = datetime.now(UTC)
        path = os.path.join(context.paths.state, "mentioned")
        if _was_said(path, now):
            return
        # Before it is said: what cannot be written down would be said every time.
        make_private_directory(context.paths.state)
        disk.replace_lightly(path, format_instant(now).encode())
        line = _render(invocation, session, but, now)
        if line:
            context.note(line)
        if not context.stderr.is_terminal:  # on one it is said anyway, and then forgotten
            say_pending(context)


def _was_said(path: str, now: datetime) -> bool:
    try:
        data = disk.read_own_file(path, limit=64)
        return data is not None and timedelta() <= now - parse_instant(data.decode()) < _AGAIN
    except (NotAVault, ValueError):  # whatever lies there is no such note
        return False


def _render(
    invocation: Invocation, session: Session, but: Collection[TokenKey], now: datetime
) -> str:
    snapshot = session.find_snapshot(reads_again=False)
    if snapshot is None:
        return ""
    from credman.watch.reminders import command_for, describe, name_in_words
    from credman.watch.schedule import Kind, due

    own = (Kind.ROTATION, Kind.UNFINISHED, Kind.REPLACEMENT)
    overdue = [
        item
        for item in due(snapshot.tokens, now, invocation.rules)
        if item.is_overdue(now) and not (item.key in but and item.kind in own)
    ]
    if not overdue:
        return ""
    if len(overdue) == 1:
        item = overdue[0]
        return f"{name_in_words(item)} – {describe(item, now)}: {command_for(item)}"
    names = list(dict.fromkeys(name_in_words(item) for item in overdue))
    return f"overdue: {_list_some(names)}: credman due"


def _list_some(names: Sequence[str]) -> str:
    rest = len(names) - _TOLD_APART
    return ", ".join(names[:_TOLD_APART]) + (f" and {rest} more" if rest > 0 else "")
