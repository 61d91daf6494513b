"""What is due and when: pure, whatever the clock and the calendar are."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credman.core.intervals import Interval, find_day, parse_instant, to_local
from credman.core.model import Finding, Liveness, Recipe, Rotation, Stage, Token, VersionState
from credman.core.policy import Policy
from credman.watch.rules import Origin, Rules, find_rotation_date
from credman.watch.schedule import Due, Kind, due, list_ends
from tests.watch.dates import (
    DEAD,
    MOMENTS,
    NOW,
    RULES,
    ZONES,
    by_policy,
    day,
    expose,
    make_token,
    make_version,
    tokens,
    zone,
)


def listed(token: Token, now: datetime = NOW, policy: Policy | None = None) -> list[Due]:
    return due([token], now, by_policy(policy or Policy()))


@given(st.lists(tokens(), max_size=4, unique_by=lambda t: t.key.folded()), MOMENTS, RULES)
def test_whatever_is_stored_there_is_an_answer_in_order(
    found: list[Token], now: datetime, rules: Rules
) -> None:
    items = due(found, now, lambda _: rules)
    assert [item.at for item in items] == sorted(item.at for item in items)
    assert items == due(list(reversed(found)), now, lambda _: rules)
    for item in items:
        assert item.at.tzinfo is UTC and item.since.tzinfo is UTC
        assert item.token in found
        moments = [moment for moment, _ in item.reminders]
        assert moments == sorted(moments)
        assert all(item.since < moment < item.at for moment in moments)


@given(st.lists(tokens(), max_size=3), MOMENTS, RULES)
def test_the_local_time_zone_changes_no_date(
    found: list[Token], now: datetime, rules: Rules
) -> None:
    answers = []
    for name in ZONES:
        with zone(name):
            items = due(found, now, lambda _: rules)
            answers.append([(item, item.is_overdue(now)) for item in items])
    assert all(answer == answers[0] for answer in answers)


@given(tokens(), RULES, MOMENTS, MOMENTS)
def test_no_stage_comes_back(token: Token, rules: Rules, one: datetime, other: datetime) -> None:
    earlier, later = sorted((one, other))
    for item in due([token], earlier, lambda _: rules):
        before, after = item.find_stage(earlier), item.find_stage(later)
        assert before is None or (after is not None and before <= after)
        assert after is None or find_day(after) <= to_local(later).date()
        assert item.is_overdue(earlier) <= item.is_overdue(later)
        assert not item.is_overdue(later) or after == item.at


@pytest.mark.parametrize(
    ("every", "remind", "days"),
    [
        ("90d", ("30d", "1d"), [60, 89]),
        ("90d", ("1d", "30d"), [60, 89]),
        ("7d", (), [4]),  # fourteen days before it there was nothing yet
        ("2d", (), []),
        ("90d", ("90d",), []),  # at the moment when it was stored nobody is reminded of it
        ("90d", ("89d",), [1]),
        ("90d", ("off",), []),
        ("90d", ("of a newer one", "3d"), [87]),
    ],
)
def test_reminders_lie_between_the_beginning_and_the_end(
    every: str, remind: tuple[str, ...], days: list[int]
) -> None:
    (item,) = listed(make_token(every=every, remind=remind))
    assert [(moment - NOW).days for moment, _ in item.reminders] == days


D30, D60, D90, MO3 = Interval(days=30), Interval(days=60), Interval(days=90), Interval(months=3)


@pytest.mark.parametrize(
    ("own", "policy", "advice", "counts"),
    [
        (None, Policy(), None, None),
        (None, Policy(), D90, (D90, Origin.PROVIDER)),
        (None, Policy(rotate_every=D60), D90, (D60, Origin.POLICY)),
        (None, Policy(rotate_every=D90), D30, (D90, Origin.POLICY)),
        ("30d", Policy(rotate_every=D60), D90, (D30, Origin.OWN)),
        ("90d", Policy(rotate_every=D30), D30, (D90, Origin.OWN)),
        ("3mo", Policy(), None, (MO3, Origin.OWN)),
        ("off", Policy(rotate_every=D60), D90, None),
        ("of a newer one", Policy(rotate_every=D60), D90, None),
        # However it is said, no longer than the limit:
        (None, Policy(max_age=D60), None, (D60, Origin.LIMIT)),
        ("off", Policy(max_age=D60), D30, (D60, Origin.LIMIT)),
        ("of a newer one", Policy(max_age=D60), None, (D60, Origin.LIMIT)),
        ("90d", Policy(max_age=D60), None, (D60, Origin.LIMIT)),
        (None, Policy(rotate_every=D90, max_age=D60), None, (D60, Origin.LIMIT)),
        (None, Policy(max_age=D60), D90, (D60, Origin.LIMIT)),
        ("30d", Policy(max_age=D60), None, (D30, Origin.OWN)),
        ("60d", Policy(max_age=D60), None, (D60, Origin.OWN)),
        # From 22 November three months are 92 days.
        ("3mo", Policy(max_age=Interval(days=92)), None, (MO3, Origin.OWN)),
        ("3mo", Policy(max_age=Interval(days=91)), None, (Interval(days=91), Origin.LIMIT)),
    ],
    ids=str,
)
def test_who_says_how_often_it_is_to_be_rotated(
    own: str | None,
    policy: Policy,
    advice: Interval | None,
    counts: tuple[Interval, Origin] | None,
) -> None:
    token, rules = make_token(every=own), Rules(policy, advice)
    assert rules.find_rotation(token) == counts
    at = None if counts is None else counts[0].after(NOW)
    assert find_rotation_date(token, rules) == at
    assert [item.at for item in due([token], NOW, lambda _: rules)] == ([] if at is None else [at])


@pytest.mark.parametrize(
    ("own", "policy", "points"),
    [
        ((), None, "14d 3d"),
        ((), (Interval(days=30),), "30d"),
        ((), (), ""),
        (("1d",), (Interval(days=30),), "1d"),
        (("off",), (Interval(days=30),), ""),
    ],
)
def test_who_says_when_to_remind(
    own: tuple[str, ...], policy: tuple[Interval, ...] | None, points: str
) -> None:
    rules = Rules(Policy(remind=policy))
    assert " ".join(map(str, rules.find_reminders(make_token(remind=own)))) == points


@pytest.mark.parametrize(
    ("of_version", "of_token", "policy", "days"),
    [
        (None, None, None, 7),
        (None, None, Interval(days=5), 5),
        (None, "4d", Interval(days=5), 4),
        ("3d", "4d", Interval(days=5), 3),
        ("of a newer one", "4d", Interval(days=5), 4),
        ("of a newer one", "of a newer one", None, 7),
    ],
)
def test_an_old_version_waits_for_revocation_when_its_grace_is_over(
    of_version: str | None, of_token: str | None, policy: Interval | None, days: int
) -> None:
    old = make_version(40, state=VersionState.RETIRING, retiring_at=day(-10), grace=of_version)
    (item,) = listed(make_token(age=10, old=(old,), grace=of_token), NOW, Policy(grace=policy))
    assert (item.kind, item.version) == (Kind.REVOCATION, 1)
    assert (item.since, item.at) == (day(-10), day(days - 10))


def test_of_one_that_was_left_without_a_date_its_age_counts() -> None:
    old = make_version(40, state=VersionState.RETIRING)
    (item,) = listed(make_token(age=10, old=(old,)))
    assert (item.since, item.at) == (day(-40), day(-33))


@pytest.mark.parametrize(
    ("state", "changes", "is_listed"),
    [
        (VersionState.RETIRING, {}, True),
        (VersionState.RETIRING, {"fields": ()}, False),
        (VersionState.RETIRING, {"expires_at": day(-1)}, False),
        (VersionState.RETIRING, {"expires_at": NOW}, False),
        (VersionState.RETIRING, {"expires_at": day(1)}, True),
        (VersionState.RETIRING, {"finding": DEAD}, False),
        (VersionState.RETIRING, {"finding": Finding(Liveness.LIVE, NOW)}, True),
        (VersionState.COMPROMISED, {}, True),
        (VersionState.COMPROMISED, {"fields": ()}, False),
        (VersionState.COMPROMISED, {"expires_at": day(-1)}, False),
        (VersionState.COMPROMISED, {"finding": DEAD}, False),
        (VersionState.REVOKED, {}, False),
        (VersionState.STAGED, {}, False),
    ],
)
def test_an_old_version_is_to_be_revoked_as_long_as_somebody_could_use_it(
    state: VersionState, changes: dict[str, Any], is_listed: bool
) -> None:
    old = make_version(40, state=state, retiring_at=day(-10), **changes)
    items = listed(make_token(age=10, old=(old,)))
    assert [item.kind for item in items] == ([Kind.REVOCATION] if is_listed else [])
    if is_listed and state is VersionState.COMPROMISED:
        assert items[0].at == items[0].since == day(-10)  # that has no grace


def test_each_old_version_waits_on_its_own() -> None:
    old = (
        make_version(40, state=VersionState.RETIRING, retiring_at=day(-20)),
        make_version(20, number=2, state=VersionState.COMPROMISED, retiring_at=day(-10)),
    )
    items = listed(make_token(age=10, old=old))
    assert [(item.version, item.at) for item in items] == [(1, day(-13)), (2, day(-10))]


def test_what_a_command_makes_has_no_dates_of_its_own() -> None:
    recipe = Recipe("printenv X", 60)
    old = make_version(40, state=VersionState.RETIRING, retiring_at=day(-10))
    token = make_token(every="1d", age=10, ends=-1, old=(old,), recipe=recipe)
    everything = Policy(rotate_every=D30, max_age=D30)
    assert listed(token, NOW, everything) == []
    assert find_rotation_date(token, Rules(everything, D30)) is None
    # That it is of no use, or begun and not finished, is said nevertheless.
    begun = replace(token, rotation=Rotation(3, Stage.ASKING, True, day(-1)))
    assert [item.kind for item in listed(begun)] == [Kind.UNFINISHED]


@pytest.mark.parametrize("state", [VersionState.REVOKED, VersionState.COMPROMISED])
def test_a_current_version_that_is_of_no_use_is_to_be_replaced_and_has_no_other_date(
    state: VersionState,
) -> None:
    version = make_version(40, state=state, ended_at=day(-3), fields=())
    token = replace(make_token(every="90d", ends=30), versions=(version,))
    (item,) = listed(token)
    assert (item.kind, item.since, item.at) == (Kind.REPLACEMENT, day(-40), day(-3))
    (unknown,) = listed(replace(token, versions=(replace(version, ended_at=None),)))
    assert unknown.at == day(-40)


def test_a_dead_one_is_to_be_replaced_since_that_is_known() -> None:
    token = make_token(age=40, every="90d")
    token = replace(token, versions=(replace(token.current, finding=DEAD),))
    assert [(item.kind, item.at) for item in listed(token)] == [
        (Kind.REPLACEMENT, DEAD.at), (Kind.ROTATION, day(50)),
    ]  # fmt: skip


def test_an_unfinished_rotation_is_due_from_its_beginning() -> None:
    staged = make_version(1, number=1, state=VersionState.STAGED)
    token = make_token(old=(staged,), rotation=Rotation(1, Stage.STAGED, False, day(-1)))
    (item,) = listed(token)
    assert (item.kind, item.version, item.at) == (Kind.UNFINISHED, 1, day(-1))
    assert item.is_overdue(NOW) and item.reminders == ()


def test_what_its_provider_says_of_its_end_goes_before_what_its_owner_says() -> None:
    token = make_token(ends=30)
    assert [(i.kind, i.at) for i in listed(token)] == [(Kind.EXPIRY, day(30))]
    told = replace(token, versions=(replace(token.current, expires_at=day(20)),))
    assert [(i.kind, i.at) for i in listed(told)] == [(Kind.EXPIRY, day(20))]


@pytest.mark.parametrize(
    ("created", "every", "at"),
    [
        ("2024-02-29T12:00:00Z", "1y", "2025-02-28T12:00:00Z"),
        ("2024-02-29T12:00:00Z", "4y", "2028-02-29T12:00:00Z"),
        ("1970-01-01T00:00:00Z", "90d", "1970-04-01T00:00:00Z"),
        ("2038-01-19T03:14:07Z", "1d", "2038-01-20T03:14:07Z"),
        ("2026-03-28T01:30:00Z", "1d", "2026-03-29T01:30:00Z"),  # 2:30 there is none in Berlin
        ("9999-12-31T00:00:00Z", "90d", "9999-12-31T23:59:59Z"),
        ("0001-01-01T00:00:00Z", "90d", "0001-04-01T00:00:00Z"),
    ],
)
def test_odd_days(created: str, every: str, at: str) -> None:
    version = replace(make_version(), created_at=parse_instant(created))
    token = replace(make_token(every=every), versions=(version,))
    (item,) = listed(token)
    assert item.at.replace(microsecond=0) == parse_instant(at)
    assert all(item.since < moment < item.at for moment, _ in item.reminders)


def test_the_most_urgent_comes_first_and_of_two_the_one_whose_name_does() -> None:
    names = [("b", 5.0), ("A", 5.0), ("c", 1.0)]
    found = due([make_token(name, ends=ends) for name, ends in names], NOW)
    assert [item.key.name for item in found] == ["c", "A", "b"]
    assert [item.at for item in found] == [day(1), day(5), day(5)]


def test_what_was_found_in_files_is_to_be_rotated_since_then() -> None:
    (item,) = listed(expose(make_token(age=40)))
    assert (item.kind, item.version, item.since, item.at) == (Kind.EXPOSURE, 1, day(-40), day(-2))
    assert item.is_overdue(NOW) and item.reminders == () and not item.is_silent
    assert item.exposure is not None and item.exposure.count == 3
    assert listed(expose(make_token(age=40), since=-50))[0].since == day(
        -50
    )  # never after its date
    assert listed(expose(make_token(remind=("off",))))[0].is_silent


def test_of_all_that_a_rotation_ends_the_most_urgent_is_said_alone() -> None:
    token = make_token(age=95, every="90d", ends=30)
    assert [item.kind for item in listed(token)] == [Kind.ROTATION, Kind.EXPIRY]
    assert [item.kind for item in listed(expose(token))] == [Kind.EXPOSURE]
    begun = replace(token, rotation=Rotation(2, Stage.STAGED, False, day(-1)))
    assert Kind.UNFINISHED in {item.kind for item in listed(begun)}
    assert [item.kind for item in listed(expose(begun))] == [Kind.EXPOSURE]
    # Whoever asks for its dates gets them nevertheless.
    ends = list_ends(expose(token), Rules())
    assert [item.kind for item in ends] == [Kind.ROTATION, Kind.EXPIRY]


def test_what_is_dead_or_of_no_use_is_not_to_be_rotated_because_it_was_found() -> None:
    dead = make_token(age=40)
    dead = expose(replace(dead, versions=(replace(dead.current, finding=DEAD),)))
    assert [item.kind for item in listed(dead)] == [Kind.REPLACEMENT]
    over = make_token(age=40)
    over = expose(replace(over, versions=(replace(over.current, expires_at=day(-1)),)))
    assert [item.kind for item in listed(over)] == [Kind.EXPIRY]
    for state in (VersionState.REVOKED, VersionState.COMPROMISED):
        gone = replace(make_token(), versions=(make_version(40, state=state),))
        assert [item.kind for item in listed(expose(gone))] == [Kind.REPLACEMENT]
    # That its owner expects it to be over says nothing.
    assert [item.kind for item in listed(expose(make_token(ends=-1)))] == [Kind.EXPOSURE]


def test_what_a_command_made_is_exposed_until_it_has_ended() -> None:
    made = make_token(recipe=Recipe("printenv X", 60))
    made = replace(made, versions=(replace(made.current, expires_at=day(1)),))
    assert [item.kind for item in listed(expose(made))] == [Kind.EXPOSURE]
    assert listed(expose(made), day(1)) == []


@pytest.mark.parametrize(
    ("state", "retired", "found", "grace", "at"),
    [
        (VersionState.RETIRING, -3, -2, None, -2),  # found while it waits
        (VersionState.RETIRING, -3, -20, None, -3),  # rotated because it was found
        (VersionState.RETIRING, -3, -2, "9y", -2),
        (VersionState.RETIRING, -30, -2, None, -23),  # its grace was over before
        (VersionState.COMPROMISED, -3, -2, None, -3),
    ],
)
def test_an_old_version_that_was_found_waits_for_no_grace(
    state: VersionState, retired: float, found: float, grace: str | None, at: float
) -> None:
    old = make_version(40, state=state, retiring_at=day(retired), grace=grace)
    token = expose(make_token(old=(old,)), since=found, number=1)
    (item,) = listed(token)
    assert (item.kind, item.version, item.at) == (Kind.REVOCATION, 1, day(at))
    assert item.is_overdue(NOW)
    assert item.exposure is not None


@pytest.mark.parametrize(
    "changes",
    [{"fields": ()}, {"finding": DEAD}, {"expires_at": NOW}, {"state": VersionState.REVOKED}],
    ids=lambda changes: next(iter(changes)),
)
def test_when_it_is_dead_nothing_more_is_said(changes: dict[str, Any]) -> None:
    old = make_version(40, state=VersionState.RETIRING, retiring_at=day(-3))
    assert listed(expose(make_token(old=(old,)), number=1)) != []
    assert listed(expose(make_token(old=(replace(old, **changes),)), number=1)) == []
