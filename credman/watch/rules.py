"""How often a token is to be rotated, when to remind of it, how long an old version may live. Pure.

Rule: a token's own schedule counts before the configuration's, and that before its provider's
advice; but nothing allows more than ``max_age``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from credman.core.intervals import OFF, Interval, find_interval
from credman.core.model import Token, Version, VersionState
from credman.core.policy import Policy

USUAL_REMINDERS = (Interval(days=14), Interval(days=3))
USUAL_GRACE = Interval(days=7)


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


def usual_rules(token: Token) -> Rules:
    """Nobody asks anything of it but itself."""
    return Rules()


def find_rotation_date(token: Token, rules: Rules) -> datetime | None:
    """Returns: when the current version is to be replaced, UTC; None: nobody says."""
    every = rules.find_rotation(token)
    if every is None or not is_kept(token):
        return None
    return every[0].after(token.current.created_at)


def is_kept(token: Token) -> bool:
    """Whether somebody has to look after it: what a command prints anew is there when it is
    wanted."""
    return token.recipe is None and token.current.state is VersionState.CURRENT
