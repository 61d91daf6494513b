"""What is to be done with tokens, and by when. Pure: tokens and a moment in, dates out.

Rule: a date is computed in UTC from what is stored, and compared with the moment that is given; it
does not depend on when the question was asked before. So a clock that is set back makes nothing
come twice, and one that jumps makes nothing be skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from credman.core.intervals import Interval, find_day, to_local
from credman.core.model import Exposure, Token, TokenKey, VersionState
from credman.core.standing import is_dead
from credman.watch.rules import Rules, find_rotation_date, usual_rules


class Kind(Enum):
    """What there is to do."""

    ROTATION = "rotation"
    EXPIRY = "expiry"
    """It ends by itself."""
    REVOCATION = "revocation"
    """An old version is still alive."""
    UNFINISHED = "unfinished"
    """A rotation was begun."""
    REPLACEMENT = "replacement"
    """The current version is of no use: dead, revoked, compromised."""
    EXPOSURE = "exposure"
    """The current version was found where others may read it."""


DATED = (Kind.ROTATION, Kind.EXPIRY)
"""What is to come on a date; the others are to be done now."""


@dataclass(frozen=True, slots=True)
class Due:
    """One thing to do.

    Args:
        token: whose.
        version: the number of the version that it is about.
        since: when it began to run, UTC.
        at: by when it is to be done, UTC.
        reminders: when to remind of it, ascending, each with how long before; all between the two.
        is_silent: nobody is to be reminded of it.
    """

    token: Token
    kind: Kind
    version: int
    since: datetime
    at: datetime
    reminders: tuple[tuple[datetime, Interval], ...] = ()
    is_silent: bool = False

    @property
    def key(self) -> TokenKey:
        return self.token.key

    def is_overdue(self, now: datetime) -> bool:
        return self.at <= now

    @property
    def exposure(self) -> Exposure | None:
        """Where the version was found, if that is why there is something to do."""
        version = self.token.find_version(self.version)
        if self.kind not in (Kind.EXPOSURE, Kind.REVOCATION) or version is None:
            return None
        return version.exposure

    def find_stage(self, now: datetime) -> datetime | None:
        """Returns: the last moment to tell of it whose local day has come; None: none has.

        By the day: whoever looks in the morning would be told of the evening a day late.
        """
        today = to_local(now).date()
        moments = [*(moment for moment, _ in self.reminders), self.at]
        return max((moment for moment in moments if find_day(moment) <= today), default=None)


def due(
    tokens: Iterable[Token], now: datetime, rules: Callable[[Token], Rules] = usual_rules
) -> list[Due]:
    """Args:
        now: UTC; what has ended by then needs nobody to end it.
        rules: what counts for a token.

    Returns:
        All that is to be done some day, the most urgent first.
    """
    found: list[Due] = []
    for token in tokens:
        counts = rules(token)
        items = _list(token, now, counts)
        is_silent = counts.is_silent(token)
        found += (replace(item, is_silent=True) for item in items) if is_silent else items
    return sorted(found, key=lambda d: (d.at, d.key.folded(), d.kind.value, d.version))


def _list(token: Token, now: datetime, rules: Rules) -> Iterator[Due]:
    current = token.current
    exposure = token.find_exposure(now)
    # Of all that a rotation ends, the most urgent is said: the others have the same command.
    if exposure is not None:
        at = exposure.at
        yield Due(token, Kind.EXPOSURE, current.number, min(current.created_at, at), at)
    elif token.rotation is not None:
        begun = token.rotation
        yield Due(token, Kind.UNFINISHED, begun.version, begun.started_at, begun.started_at)
    if current.state is not VersionState.CURRENT:
        ended = current.ended_at or current.created_at
        yield Due(token, Kind.REPLACEMENT, current.number, current.created_at, ended)
    elif exposure is None:
        yield from list_ends(token, rules)
    if token.recipe is None:
        yield from _list_old(token, now, rules)


def list_ends(token: Token, rules: Rules) -> Iterator[Due]:
    """When the current version is to be rotated and when it ends by itself, whatever else there is
    to do with the token."""
    if token.recipe is not None or token.current.state is not VersionState.CURRENT:
        return
    current = token.current
    since, before = current.created_at, rules.find_reminders(token)

    def make(kind: Kind, at: datetime) -> Due:
        points = ((interval.before(at), interval) for interval in before)
        reminders = sorted((p for p in points if since < p[0] < at), key=lambda p: p[0])
        return Due(token, kind, current.number, since, at, tuple(reminders))

    if is_dead(token) and current.finding is not None:
        yield Due(token, Kind.REPLACEMENT, current.number, since, current.finding.at)
    rotation_at = find_rotation_date(token, rules)
    if rotation_at is not None:
        yield make(Kind.ROTATION, rotation_at)
    if token.expires_at is not None:
        yield make(Kind.EXPIRY, token.expires_at)


def _list_old(token: Token, now: datetime, rules: Rules) -> Iterator[Due]:
    for version in token.versions:
        if version.number == token.current.number or not version.fields:
            continue
        if version.is_over(now):
            continue
        since = version.retiring_at or version.created_at
        if version.state is VersionState.RETIRING:
            at = rules.find_grace(token, version).after(since)
            if version.exposure is not None:  # whoever has found it waits for no grace
                at = min(at, max(since, version.exposure.at))
            yield Due(token, Kind.REVOCATION, version.number, since, at)
        elif version.state is VersionState.COMPROMISED:
            yield Due(token, Kind.REVOCATION, version.number, since, since)
