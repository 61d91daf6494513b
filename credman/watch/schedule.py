"""What is to be done with tokens, and by when. Pure: tokens and a moment in, dates out.

Rule: a date is computed in UTC from what is stored, and compared with the moment that is given; it
does not depend on when the question was asked before. So a clock that is set back makes nothing
come twice, and one that jumps makes nothing be skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

from credman.core.intervals import OFF, Interval, find_day, find_interval, to_local
from credman.core.model import Liveness, Token, TokenKey, Version, VersionState
from credman.core.policy import Policy
from credman.core.standing import is_dead

USUAL_REMINDERS = (Interval(days=14), Interval(days=3))
USUAL_GRACE = Interval(days=7)


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


class Origin(Enum):
    """Who says how often a token is to be rotated."""

    OWN = "its own schedule"
    POLICY = "the configuration"
    LIMIT = "max_age of the configuration"
    PROVIDER = "its provider's advice"


@dataclass(frozen=True, slots=True)
class Rules:
    """What counts for a token besides its own schedule.

    Args:
        policy: of its environment.
        advice: how often its provider says that it should be rotated.
    """

    policy: Policy = field(default_factory=Policy)
    advice: Interval | None = None

    def find_rotation(self, token: Token) -> tuple[Interval, Origin] | None:
        """Returns: how often it is to be rotated, and who says so; None: nobody does."""
        own = token.schedule.rotate_every
        every: tuple[Interval, Origin] | None = None
        if own is not None:
            found = find_interval(own)
            every = None if found is None else (found, Origin.OWN)
        elif self.policy.rotate_every is not None:
            every = self.policy.rotate_every, Origin.POLICY
        elif self.advice is not None:
            every = self.advice, Origin.PROVIDER
        limit, since = self.policy.max_age, token.current.created_at
        if limit is not None and (every is None or limit.after(since) < every[0].after(since)):
            return limit, Origin.LIMIT
        return every

    def find_reminders(self, token: Token) -> tuple[Interval, ...]:
        """Returns: how long before a date to remind of it."""
        own = token.schedule.remind_before
        if own:
            return tuple(filter(None, map(find_interval, own)))
        return USUAL_REMINDERS if self.policy.remind is None else self.policy.remind

    def is_silent(self, token: Token) -> bool:
        """Whether nobody is to be reminded of it, not even on the day."""
        own = token.schedule.remind_before
        return own == (OFF,) or (not own and self.policy.remind == ())

    def find_grace(self, token: Token, version: Version) -> Interval:
        """Returns: how long a version may live on once it has a successor."""
        for text in (version.grace, token.schedule.grace):
            if (found := find_interval(text)) is not None:
                return found
        return self.policy.grace or USUAL_GRACE


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

    def find_stage(self, now: datetime) -> datetime | None:
        """Returns: the last moment to tell of it whose local day has come; None: none has.

        By the day: whoever looks in the morning would be told of the evening a day late.
        """
        today = to_local(now).date()
        moments = [*(moment for moment, _ in self.reminders), self.at]
        return max((moment for moment in moments if find_day(moment) <= today), default=None)


def usual_rules(token: Token) -> Rules:
    """Nobody asks anything of it but itself."""
    return Rules()


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


def find_rotation_date(token: Token, rules: Rules) -> datetime | None:
    """Returns: when the current version is to be replaced, UTC; None: nobody says."""
    every = rules.find_rotation(token)
    if every is None or not _is_kept(token):
        return None
    return every[0].after(token.current.created_at)


def _is_kept(token: Token) -> bool:
    # What a command prints anew whenever it is wanted needs nobody to look after it.
    return token.recipe is None and token.current.state is VersionState.CURRENT


def _list(token: Token, now: datetime, rules: Rules) -> Iterator[Due]:
    current = token.current
    if token.rotation is not None:
        begun = token.rotation
        yield Due(token, Kind.UNFINISHED, begun.version, begun.started_at, begun.started_at)
    if current.state is not VersionState.CURRENT:
        ended = current.ended_at or current.created_at
        yield Due(token, Kind.REPLACEMENT, current.number, current.created_at, ended)
    elif token.recipe is None:
        yield from _list_ends(token, rules)
    if token.recipe is None:
        yield from _list_old(token, now, rules)


def _list_ends(token: Token, rules: Rules) -> Iterator[Due]:
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
        if version.expires_at is not None and version.expires_at <= now:
            continue
        if version.finding is not None and version.finding.liveness is Liveness.DEAD:
            continue
        since = version.retiring_at or version.created_at
        if version.state is VersionState.RETIRING:
            grace = rules.find_grace(token, version)
            yield Due(token, Kind.REVOCATION, version.number, since, grace.after(since))
        elif version.state is VersionState.COMPROMISED:
            yield Due(token, Kind.REVOCATION, version.number, since, since)
