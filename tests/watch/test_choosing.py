"""Whom reminders leave alone, what is told once however often it is noticed, and what is still said
of what nobody could be shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given

from credman.core.intervals import OFF, Interval, parse_date
from credman.core.model import Finding, Liveness, Rotation, Schedule, Stage, Token, VersionState
from credman.core.policy import Policy
from credman.watch.reminders import Told, choose_reminders, find_reminders, id_of, remember
from credman.watch.rules import Rules
from credman.watch.schedule import Kind, due
from tests.watch.dates import (
    NOW,
    ON_THE_DAY,
    RULES,
    by_policy,
    day,
    expose,
    make_token,
    make_version,
    tokens,
    zone,
)

SILENT = Policy(remind=())
D30 = (Interval(days=30),)


@pytest.mark.parametrize(
    ("own", "policy", "is_silent"),
    [
        ((), Policy(), False),
        ((), Policy(remind=D30), False),
        ((), SILENT, True),
        ((OFF,), Policy(), True),
        ((OFF,), Policy(remind=D30), True),
        (("3d",), SILENT, False),
        ((OFF, "3d"), SILENT, False),
        # What only a newer credman understands is no wish to be left alone.
        (("of a newer one",), SILENT, False),
        (ON_THE_DAY, Policy(), False),
    ],
    ids=str,
)
def test_nobody_is_told_where_that_is_off_and_everybody_else_is_on_the_day(
    own: tuple[str, ...], policy: Policy, is_silent: bool
) -> None:
    token = make_token(every="90d", ends=100, remind=own)
    assert Rules(policy).is_silent(token) is is_silent
    found = due([token], NOW, by_policy(policy))
    assert [item.is_silent for item in found] == [is_silent] * 2
    told = [reminder.due.kind for reminder in choose_reminders(found, day(100), {})]
    assert told == ([] if is_silent else [Kind.ROTATION, Kind.EXPIRY])


def test_where_it_is_off_nothing_of_the_token_is_told() -> None:
    old = (make_version(40, state=VersionState.RETIRING, retiring_at=day(-30)),)
    begun = Rotation(3, Stage.STAGED, True, day(-1))
    token = make_token(age=95, every="90d", ends=-1, old=old, rotation=begun)
    dead = replace(token.current, finding=Finding(Liveness.DEAD, day(-1)))
    token = replace(token, versions=(*old, dead))
    both = [token, expose(make_token("hf"))]  # a token has one or the other
    found = due(both, NOW)
    assert {item.kind for item in found} == set(Kind)
    assert len(choose_reminders(found, NOW, {})) == len(Kind)
    quiet = [replace(t, schedule=replace(t.schedule, remind_before=(OFF,))) for t in both]
    found = due(quiet, NOW)
    # It is listed all the same: whoever asks is told.
    assert len(found) == len(Kind) and choose_reminders(found, NOW, {}) == []


@given(tokens(), RULES)
def test_one_that_is_left_alone_has_the_same_dates(token: Token, rules: Rules) -> None:
    found = due([token], NOW, lambda _: rules)
    assert {item.is_silent for item in found} <= {rules.is_silent(token)}
    silent = replace(token, schedule=replace(token.schedule, remind_before=(OFF,)))
    quiet = due([silent], NOW, lambda _: rules)
    assert [(i.kind, i.at) for i in quiet] == [(i.kind, i.at) for i in found]
    assert all(item.is_silent for item in quiet)


def test_stages_are_the_days_of_the_reminders_and_the_day_itself() -> None:
    (item,) = due([make_token(every="90d")], NOW)
    assert (item.kind, item.version, item.since, item.at) == (Kind.ROTATION, 1, NOW, day(90))
    assert item.reminders == ((day(76), Interval(days=14)), (day(87), Interval(days=3)))
    second = timedelta(seconds=1)
    with zone("UTC"):  # ``NOW`` is noon
        assert item.find_stage(day(75.5) - second) is None
        assert item.find_stage(day(75.5)) == item.find_stage(day(86.5) - second) == day(76)
        assert item.find_stage(day(86.5)) == item.find_stage(day(89.5) - second) == day(87)
        assert item.find_stage(day(89.5)) == item.find_stage(day(9000)) == day(90)
    assert not item.is_overdue(day(90) - second) and item.is_overdue(day(90))


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("UTC", "2027-03-31T00:00:00Z"),
        ("Europe/Berlin", "2027-03-30T22:00:00Z"),
        ("America/New_York", "2027-03-31T04:00:00Z"),
        ("Pacific/Kiritimati", "2027-03-30T10:00:00Z"),
        ("Pacific/Pago_Pago", "2027-03-31T11:00:00Z"),
    ],
)
def test_of_a_date_it_is_told_from_the_first_moment_of_that_date_here(
    name: str, first: str
) -> None:
    token = make_token(remind=ON_THE_DAY)
    token = replace(token, schedule=replace(token.schedule, expires_at=parse_date("2027-03-31")))
    (item,) = due([token], NOW)
    moment = parse_date(first)
    with zone(name):
        assert choose_reminders([item], moment - timedelta(seconds=1), {}) == []
        (reminder,) = choose_reminders([item], moment, {})
        assert reminder.text == "expires today: credman rotate api" and not reminder.is_urgent


def dead(at: float, *, number: int = 1, age: float = 40) -> Token:
    """A token whose current value was found dead so many days after ``NOW``."""
    version = make_version(age, number=number, finding=Finding(Liveness.DEAD, day(at)))
    return replace(make_token("hf"), versions=(version,))


def tell(runs: Iterable[tuple[float, Token]]) -> list[tuple[float, str]]:
    """Args: runs: a day and the token as it is then. Returns: day and text of what was told."""
    told: dict[str, tuple[Told, ...]] = {}
    said = []
    for number, token in runs:
        dues, now = due([token], day(number)), day(number)
        reminders = choose_reminders(dues, now, told)
        told = remember(told, reminders, dues, now)
        said += [(number, reminder.text) for reminder in reminders]
    return said


WORDS = "the current value is dead: credman rotate hf"


def test_a_dead_value_is_told_once_however_often_it_is_checked() -> None:
    every_day = [(float(number), dead(number - 0.1)) for number in range(1, 30)]
    assert tell(every_day) == [(1.0, WORDS)]
    # Nor by a clock that was set back, nor a year later.
    assert tell([*every_day, (20.0, dead(19)), (500.0, dead(499))]) == [(1.0, WORDS)]


def test_the_next_value_that_is_dead_is_told_of_again() -> None:
    first, second = (1.0, dead(0.5)), (9.0, dead(8.5, number=2, age=-8))
    assert tell([first, (2.0, dead(1.5)), second, (10.0, dead(9.5, number=2, age=-8))]) == [
        (1.0, WORDS), (9.0, WORDS),
    ]  # fmt: skip


def test_each_token_and_each_version_that_is_of_no_use_is_a_thing_of_its_own() -> None:
    places = [("default", "default"), ("prod", "default"), ("prod", "work")]
    found = [
        replace(token, key=token.key._replace(environment=e, profile=p))
        for e, p in places
        for token in (dead(-1), dead(-1, number=2))
    ]
    assert len({id_of(item) for token in found for item in due([token], NOW)}) == 6
    for state in (VersionState.REVOKED, VersionState.COMPROMISED):
        ended = [
            replace(make_token("hf"), versions=(make_version(40, state=state, ended_at=day(n)),))
            for n in (-3, -2)
        ]
        assert len({id_of(item) for token in ended for item in due([token], NOW)}) == 1


def pending(then: float, now: float, before: Sequence[Token], after: Sequence[Token]) -> list[str]:
    """Returns: what is said now of what could not be shown to anybody then."""
    ids = {reminder.id for reminder in choose_reminders(due(before, day(then)), day(then), {})}
    with zone("UTC"):
        return [r.line for r in find_reminders(ids, due(after, day(now)), day(now))]


API = make_token("api", every="90d")


def test_what_could_not_be_shown_is_said_as_it_is_now() -> None:
    assert pending(76, 76, [API], [API]) == [
        "rotate api: due in 14 days, on 20 Feb: credman rotate api"
    ]
    assert pending(76, 92, [API], [API]) == ["rotate api: overdue for 2 days: credman rotate api"]
    both = {id_of(item) for number in (76, 87) for item in due([API], day(number))}
    assert len(find_reminders(both, due([API], day(88)), day(88))) == 1


@pytest.mark.parametrize(
    "after",
    [
        [],
        [make_token("renamed", every="90d")],
        [replace(API, versions=(make_version(-90, number=2),))],
        [replace(API, schedule=Schedule("9y"))],
        [replace(API, schedule=Schedule(OFF, remind_before=(OFF,)))],
        [replace(API, schedule=Schedule("90d", remind_before=(OFF,)))],
    ],
    ids=["removed", "renamed", "rotated", "later", "off", "silent"],
)
def test_of_what_was_done_since_nothing_is_said(after: list[Token]) -> None:
    assert pending(90, 91, [API], [API]) != []
    assert pending(90, 91, [API], after) == []


def test_of_what_nobody_was_to_be_told_nothing_is_said() -> None:
    assert pending(10, 95, [API], [API]) == []
    assert find_reminders({"api"}, due([API], day(95)), day(95)) == []


def test_a_clock_that_is_back_before_the_first_stage_says_nothing() -> None:
    later = due([API], day(90))
    ids = {id_of(item) for item in later}
    assert len(find_reminders(ids, later, day(90))) == 1
    before = NOW + timedelta(days=1)
    assert find_reminders(ids, due([API], before), before) == []
