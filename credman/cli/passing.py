"""What is said in passing: what is overdue, once a day.

Rule: whoever runs these commands all day pays for one look at a small file.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from credman.cli.namecache import name_store
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
_MOST, _MAX_BYTES = 32, 64 * 1024


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
        kind = "terminal" if context.stderr.is_terminal else "other"
        key = f"{kind} {name_store(context, invocation.store_url)}"
        notes = _read(path)
        if (until := notes.get(key)) is not None and timedelta() <= until - now <= _AGAIN:
            return
        line, until = _render(invocation, session, but, now)
        # Before it is said: what cannot be written down would be said every time.
        make_private_directory(context.paths.state)
        disk.replace_lightly(path, _write({**notes, key: until}))
        if line:
            context.note(line)
        if kind == "other":  # on a terminal every command says it
            say_pending(invocation)


def _read(path: str) -> dict[str, datetime]:
    """Returns: until when nothing is to be said, by the kind of standard error and the store: who
    throws one away has not read it on the other."""
    try:
        data = disk.read_own_file(path, limit=_MAX_BYTES)
        return {key: parse_instant(text) for key, text in json.loads(data or b"{}").items()}
    except (AttributeError, NotAVault, RecursionError, TypeError, ValueError):
        return {}  # whatever lies there is no such note


def _write(notes: Mapping[str, datetime]) -> bytes:
    newest = sorted(notes.items(), key=lambda note: note[1])[-_MOST:]
    return json.dumps({key: format_instant(until) for key, until in newest}).encode("ascii")


def _render(
    invocation: Invocation, session: Session, but: Collection[TokenKey], now: datetime
) -> tuple[str, datetime]:
    """Returns: what is to be said, and until when nothing more is."""
    snapshot = session.find_snapshot(reads_again=False)
    if snapshot is None:
        return "", now
    from credman.watch.reminders import command_for, describe, name_in_words
    from credman.watch.schedule import Kind, due

    own = (Kind.ROTATION, Kind.UNFINISHED, Kind.REPLACEMENT)
    dues = due(snapshot.tokens, now, invocation.make_rules(session))
    overdue = [
        item
        for item in dues
        if item.is_overdue(now)
        and not item.is_silent
        and not (item.key in but and (item.kind in own or item.exposure is not None))
    ]
    if not overdue:
        later = (item.at for item in dues if not item.is_overdue(now))
        return "", min([now + _AGAIN, *later])
    if len(overdue) == 1:
        item = overdue[0]
        words = f"{name_in_words(item)} – {describe(item, now)}: {command_for(item)}"
        return words, now + _AGAIN
    names = list(dict.fromkeys(name_in_words(item) for item in overdue))
    return f"overdue: {_list_some(names)}: credman due", now + _AGAIN


def _list_some(names: Sequence[str]) -> str:
    rest = len(names) - _TOLD_APART
    return ", ".join(names[:_TOLD_APART]) + (f" and {rest} more" if rest > 0 else "")
