"""Tokens with dates of all kinds, moments, and local time zones."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from credman.core.intervals import OFF, Interval
from credman.core.model import (
    Exposure,
    Field,
    Finding,
    Liveness,
    Recipe,
    Rotation,
    Schedule,
    Stage,
    Token,
    TokenKey,
    Version,
    VersionState,
)
from credman.core.policy import Policy
from credman.watch.rules import Rules

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ON_THE_DAY = ("9y",)
"""To be reminded of a token then and not before: so long before it there was nothing yet."""
DEAD = Finding(Liveness.DEAD, NOW - timedelta(days=2))
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "XXX-14",
    "YYY+12",
    ":bad",
    "",
)
"""Both ends of the day, an odd offset, and what is none."""


@contextmanager
def zone(name: str) -> Iterator[None]:
    """Within it local time is that of this zone. Args: name: as the variable TZ has it."""
    before = os.environ.get("TZ")
    try:
        os.environ["TZ"] = name
        time.tzset()
        yield
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


def day(number: float) -> datetime:
    """Returns: so many days after ``NOW``."""
    return NOW + timedelta(days=number)


def make_version(
    age: float = 0,
    *,
    number: int = 1,
    state: VersionState = VersionState.CURRENT,
    **changes: Any,
) -> Version:
    """Args: age: days from when it was stored until ``NOW``."""
    return replace(Version(number, state, day(-age), ("KEY",)), **changes)


def make_token(
    name: str = "api",
    *,
    age: float = 0,
    every: str | None = None,
    ends: float | None = None,
    remind: tuple[str, ...] = (),
    grace: str | None = None,
    old: tuple[Version, ...] = (),
    place: tuple[str, str] = ("default", "default"),
    **changes: Any,
) -> Token:
    """Args:
    age: of its current version, in days.
    ends: days from ``NOW`` until it ends by itself.
    old: its other versions.
    place: environment and profile.
    """
    current = make_version(age, number=1 + len(old))
    expires_at = None if ends is None else day(ends)
    token = Token(
        TokenKey(*place, name),
        (Field("KEY", ("KEY",)),),
        (*old, current),
        schedule=Schedule(every, expires_at, remind, grace),
    )
    return replace(token, **changes)


def expose(token: Token, count: int = 3, *, since: float = -2, number: int | None = None) -> Token:
    """Returns: the token, of which a version was found in so many files.

    Args:
        since: days after ``NOW``.
        number: of the version; None: the current one.
    """
    number = token.current.number if number is None else number
    exposure = Exposure(day(since), day(since), count, ("/home/alice/a.json",))
    versions = (replace(v, exposure=exposure) if v.number == number else v for v in token.versions)
    return replace(token, versions=tuple(versions))


def by_policy(policy: Policy, advice: Interval | None = None) -> Callable[[Token], Rules]:
    return lambda _: Rules(policy, advice)


MOMENTS = st.one_of(
    st.datetimes(timezones=st.just(UTC)),
    st.integers(-4000, 4000).map(day),
    st.sampled_from(
        [
            datetime(1970, 1, 1, tzinfo=UTC),
            datetime.min.replace(tzinfo=UTC),
            datetime.max.replace(tzinfo=UTC),
            datetime(2024, 2, 29, tzinfo=UTC),
        ]
    ),
)
WRITTEN = st.sampled_from([None, OFF, "1d", "90d", "3mo", "1y", "9999y", "9999w", "of a newer one"])
INTERVALS = st.sampled_from([None, Interval(days=1), Interval(days=90), Interval(months=119_988)])


EXPOSURES = st.builds(
    Exposure, MOMENTS, MOMENTS, st.integers(1, 99), st.just(("/home/alice/a.json",))
)


@st.composite
def versions(draw: st.DrawFn, number: int, state: VersionState) -> Version:
    at = st.none() | MOMENTS
    is_alive = draw(st.booleans())
    finding = draw(st.sampled_from([None, *Liveness]))
    return Version(
        number,
        state,
        draw(MOMENTS),
        ("KEY",) if is_alive else (),
        expires_at=draw(at),
        retiring_at=draw(at),
        grace=draw(WRITTEN),
        ended_at=draw(at),
        finding=None if finding is None else Finding(finding, draw(MOMENTS)),
        exposure=draw(st.none() | EXPOSURES),
    )


@st.composite
def tokens(draw: st.DrawFn) -> Token:
    """Any token at all, as it may be read from a store."""
    states = draw(st.lists(st.sampled_from(VersionState), max_size=4))
    states = [s for s in states if s is not VersionState.CURRENT]
    last = draw(st.sampled_from([VersionState.CURRENT, VersionState.REVOKED]))
    place = draw(st.sampled_from([("default", "default"), ("prod", "work"), ("PROD", "Work")]))
    remind = draw(st.lists(WRITTEN.filter(bool), max_size=3))
    return Token(
        TokenKey(*place, draw(st.sampled_from(["a", "B", "b"]))),
        (Field("KEY", ("KEY",)),),
        tuple(draw(versions(n, state)) for n, state in enumerate([*states, last], 1)),
        schedule=Schedule(
            draw(WRITTEN),
            draw(st.none() | MOMENTS),
            tuple(text for text in remind if text),
            draw(WRITTEN),
        ),
        rotation=draw(
            st.none()
            | st.builds(Rotation, st.just(9), st.just(Stage.ASKING), st.just(True), MOMENTS)
        ),
        recipe=draw(st.sampled_from([None, None, Recipe("printenv X", 60)])),
    )


RULES = st.builds(
    Rules,
    st.builds(
        Policy,
        rotate_every=INTERVALS,
        max_age=INTERVALS,
        remind=st.sampled_from([None, (), (Interval(months=1), Interval(days=3))]),
        grace=INTERVALS,
    ),
    INTERVALS,
)
