"""Reminders: each stage is told once, whatever the clock does, and in words that are true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credman.core.model import Rotation, Stage, Token, VersionState
from credman.watch.reminders import (
    Told,
    choose_reminders,
    command_for,
    describe,
    facts,
    id_of,
    name_in_words,
    remember,
    summarize,
)
from credman.watch.schedule import Due, Kind, due
from tests.watch.dates import (
    DEAD,
    NOW,
    ON_THE_DAY,
    day,
    expose,
    make_token,
    make_version,
    tokens,
    zone,
)

YEARS = 3 * 365.0
ROTATION = make_token("api", every="90d")
"""Told of on the days 76, 87 and 90 after ``NOW``."""
SEVERAL = (
    ROTATION,
    make_token("edge", every="90d", remind=ON_THE_DAY, place=("dev", "work")),
    make_token("hf", ends=60, remind=("30d", "1d"), place=("prod", "default")),
    make_token("quick", every="2d", ends=100),
    make_token("old", old=(make_version(9, state=VersionState.RETIRING, retiring_at=day(5)),)),
)


def tell(days: Iterable[float], found: Sequence[Token] = SEVERAL) -> list[tuple[float, str, float]]:
    """Runs at these days after ``NOW``, by the clock.

    Returns:
        Day of the run, name of the token, and day of the stage, of each that was told.
    """
    told: dict[str, tuple[Told, ...]] = {}
    said = []
    dues = due(found, NOW)
    with zone("UTC"):
        for number in days:
            now = day(number)
            reminders = choose_reminders(dues, now, told)
            told = remember(told, reminders, dues, now)
            moments = [(r.due.key.name, (r.stage - NOW) / timedelta(days=1)) for r in reminders]
            said += [(number, *stage) for stage in moments]
    return said


def stages(days: Iterable[float], found: Sequence[Token] = SEVERAL) -> Counter[tuple[str, float]]:
    return Counter((name, stage) for _, name, stage in tell(days, found))


DAILY = [float(number) for number in range(130)]
ALL = {
    ("api", 76), ("api", 87), ("api", 90), ("edge", 90), ("hf", 30), ("hf", 59), ("hf", 60),
    ("quick", 2), ("quick", 86), ("quick", 97), ("quick", 100), ("old", 12),
}  # fmt: skip
"""Every stage there is, by name and day."""


def test_in_a_year_of_days_each_stage_is_told_once_and_on_its_day() -> None:
    said = tell(float(number) for number in range(366))
    assert {(name, stage) for _, name, stage in said} == ALL
    assert len(said) == len(ALL) and all(number == stage for number, _, stage in said)


def test_hourly_runs_tell_no_more_than_daily_ones() -> None:
    assert stages(number / 24 for number in range(24 * 130)) == dict.fromkeys(ALL, 1)


@given(st.lists(st.floats(0, 500), min_size=1, max_size=40))
def test_forward_in_any_steps_each_stage_is_told_at_most_once(days: list[float]) -> None:
    assert set(stages(sorted(days)).values()) <= {1}


BACK = st.tuples(st.integers(0, 129), st.floats(0.0, 2 * YEARS))


@given(st.lists(BACK, max_size=8))
def test_a_clock_that_is_set_back_for_some_runs_makes_nothing_come_twice(
    excursions: list[tuple[int, float]],
) -> None:
    days: list[float] = []
    for number in DAILY:
        days.append(number)
        days += [number - step for at, step in excursions if at == number]
    assert stages(days) == dict.fromkeys(ALL, 1)


def test_a_clock_that_is_set_back_by_days_makes_nothing_come_twice() -> None:
    days = (76.0, 87.0, 77.0, 88.0, 91.0)
    assert tell(days, [ROTATION]) == [(76, "api", 76), (87, "api", 87), (91, "api", 90)]


def test_a_clock_that_is_set_back_by_hours_tells_nothing_that_was_passed_over() -> None:
    assert tell((0, 87.2, 86.9, 87.3), [ROTATION]) == [(87.2, "api", 87)]


def test_three_years_back_nothing_is_sent() -> None:
    assert [number for number, _, _ in tell([*DAILY[:80], 80 - YEARS]) if number < 0] == []
    assert stages([*DAILY[:80], 80 - YEARS, 81 - YEARS, *DAILY[80:]]) == dict.fromkeys(ALL, 1)


@pytest.mark.parametrize("first", [0.0, 10.0, 76.5])
def test_a_clock_that_was_years_ahead_does_not_swallow_what_is_to_be_told(first: float) -> None:
    said = tell([first, first + YEARS, first + 1, *(n for n in DAILY if n > first + 1)], [ROTATION])
    assert said[-2:] == [(87, "api", 87), (90, "api", 90)]
    assert (76, "api", 76) in said or first == 76.5
    without_points = tell(
        [0, YEARS, *DAILY[1:]], [make_token("api", every="90d", remind=ON_THE_DAY)]
    )
    assert without_points == [(YEARS, "api", 90), (90, "api", 90)]


def test_two_runs_in_one_second_tell_once() -> None:
    moment = 76 + 0.25 / 86400
    assert tell([moment, moment, moment + 0.5 / 86400], [ROTATION]) == [(moment, "api", 76)]


def test_what_was_written_down_to_the_second_counts_for_stages_between_seconds() -> None:
    token = make_token(every="90d")
    odd = replace(token.current, created_at=NOW + timedelta(microseconds=999_999))
    dues = due([replace(token, versions=(odd,))], day(77))
    first = choose_reminders(dues, day(77), {})
    told = remember({}, first, dues, day(77))
    assert [item.stage.microsecond for (item,) in told.values()] == [0]
    assert choose_reminders(dues, day(78), told) == []


@pytest.mark.parametrize(("slept_until", "told"), [(77.0, 76), (88.0, 87), (90.0, 90), (400.0, 90)])
def test_of_what_passed_while_it_slept_the_latest_is_told(slept_until: float, told: float) -> None:
    assert tell([0.0, slept_until, slept_until + 0.1], [ROTATION]) == [(slept_until, "api", told)]


def test_a_new_date_is_another_thing_to_be_told_of() -> None:
    (before,) = due([ROTATION], NOW)
    told = {id_of(before): (Told(day(90), day(95)),)}
    assert choose_reminders([before], day(96), told) == []
    rotated = replace(ROTATION, versions=(make_version(-95, number=2),))
    (after,) = due([rotated], day(96))
    (later,) = choose_reminders([after], day(95 + 76), told)
    assert later.stage == day(95 + 76) and later.id != id_of(before)
    (changed,) = due([make_token("api", every="80d")], day(96))
    assert id_of(changed) != id_of(before)


def test_ids_do_not_depend_on_case_and_tell_all_things_apart() -> None:
    old = (
        make_version(9, state=VersionState.RETIRING, retiring_at=NOW),
        make_version(8, number=2, state=VersionState.COMPROMISED, retiring_at=NOW),
    )
    busy = make_token(every="90d", ends=90, old=old, rotation=Rotation(3, Stage.STAGED, True, NOW))
    places = [busy, replace(busy, key=busy.key._replace(profile="work"))]
    found = due(places, NOW)
    assert len(found) == 10 and len({id_of(item) for item in found}) == 10
    upper = replace(busy, key=busy.key._replace(name="API", environment="Default"))
    assert {id_of(item) for item in due([upper], NOW)} == {id_of(i) for i in due([busy], NOW)}


def test_what_was_done_long_ago_is_forgotten() -> None:
    dues = due([ROTATION], NOW)
    first = (Told(day(0), day(0)),)
    told = {"gone": first, id_of(dues[0]): first}
    assert remember(told, [], dues, day(399)) == told
    assert list(remember(told, [], dues, day(401))) == [id_of(dues[0])]


def test_what_was_told_is_kept_beside_what_is_told_next() -> None:
    dues = due([ROTATION], NOW)
    told: dict[str, tuple[Told, ...]] = {}
    for number in (76, 87, 90):
        told = remember(told, choose_reminders(dues, day(number), told), dues, day(number))
    assert told == {id_of(dues[0]): tuple(Told(day(n), day(n)) for n in (76, 87, 90))}


def only(token: Token, now: datetime = NOW) -> Due:
    (item,) = due([token], now)
    return item


def retiring(state: VersionState = VersionState.RETIRING, *more: VersionState) -> Token:
    old = [make_version(40, number=n, state=s) for n, s in enumerate((state, *more), 1)]
    old = [replace(version, retiring_at=day(-10)) for version in old]
    return make_token("other", old=tuple(old))


PROD: dict[str, Any] = {"place": ("prod", "work")}
WORDS: list[tuple[Token, float, str, str]] = [
    (make_token(every="90d"), 0, "due in 90 days, on 20 Feb 2027", "credman rotate api"),
    (
        make_token(every="9d", **PROD), 0,
        "due in 9 days, on 1 Dec", "credman rotate api -e prod -p work",
    ),
    (make_token(every="9d"), 7.49, "due in 2 days, on 1 Dec", "credman rotate api"),
    (make_token(every="9d"), 7.5, "due tomorrow, on 1 Dec", "credman rotate api"),
    (make_token(every="9d"), 8, "due tomorrow, on 1 Dec", "credman rotate api"),
    (make_token(every="9d"), 8.5, "due today", "credman rotate api"),
    (make_token(every="9d"), 8.99, "due today", "credman rotate api"),
    (make_token(every="9d"), 9, "overdue since today", "credman rotate api"),
    (make_token(every="9d"), 9.5, "overdue since yesterday", "credman rotate api"),
    (make_token(every="9d"), 10.5, "overdue for 2 days", "credman rotate api"),
    (make_token(every="9d"), -YEARS, "due in 1104 days, on 1 Dec 2026", "credman rotate api"),
    (make_token(ends=9), 0, "expires in 9 days, on 1 Dec", "credman rotate api"),
    (make_token(ends=9), 8, "expires tomorrow, on 1 Dec", "credman rotate api"),
    (make_token(ends=9), 8.5, "expires today", "credman rotate api"),
    (make_token(ends=9), 9, "expired on 1 Dec", "credman rotate api"),
    (make_token(ends=9), 99, "expired on 1 Dec 2026", "credman rotate api"),
    (retiring(), 0, "#1 is still alive, its successor came 10 days ago", "credman revoke other"),
    (retiring(), -9, "#1 is still alive, its successor came yesterday", "credman revoke other"),
    (retiring(), -10, "#1 is still alive, its successor came today", "credman revoke other"),
    (
        retiring(VersionState.COMPROMISED), 0,
        "#1 is compromised and still alive", "credman revoke other",
    ),
    (
        make_token(rotation=Rotation(2, Stage.ASKING, True, day(-3)), **PROD), 0,
        "begun on 19 Nov and not finished", "credman rotate api -e prod -p work --resume",
    ),
    (
        replace(make_token(), versions=(make_version(3, finding=DEAD),)), 0,
        "the current value is dead", "credman rotate api",
    ),
    (
        expose(make_token(every="90d", **PROD)), 0,
        "it was found in 3 files", "credman rotate api -e prod -p work",
    ),
    (expose(make_token(ends=9), 1), 99, "it was found in a file", "credman rotate api"),
    (
        expose(make_token(rotation=Rotation(2, Stage.ASKING, True, day(-1)))), 0,
        "it was found in 3 files, and its rotation, begun on 21 Nov, is not finished",
        "credman rotate api --resume",
    ),
    (
        expose(retiring(), 1, number=1), 0,
        "#1 was found in a file and is still alive", "credman revoke other",
    ),
    (
        expose(retiring(VersionState.COMPROMISED), number=1), 0,
        "#1 is compromised and still alive", "credman revoke other",
    ),
    *(
        (
            replace(make_token(), versions=(make_version(3, state=state),)), 0,
            f"the current value is {state.value}", "credman rotate api",
        )
        for state in (VersionState.REVOKED, VersionState.COMPROMISED)
    ),
]  # fmt: skip


@pytest.mark.parametrize(("token", "number", "words", "command"), WORDS)
def test_it_says_what_is_the_matter_and_what_to_type(
    token: Token, number: float, words: str, command: str
) -> None:
    with zone("UTC"):
        item = only(token)
        assert describe(item, day(number)) == words
        assert command_for(item) == command


def test_of_several_old_versions_the_command_names_one() -> None:
    found = due([retiring(VersionState.RETIRING, VersionState.COMPROMISED)], NOW)
    assert [command_for(item) for item in found] == [
        "credman revoke other --version 2", "credman revoke other --version 1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (("default", "default"), "hf"),
        (("prod", "default"), "hf (prod)"),
        (("default", "work"), "hf (profile work)"),
        (("prod", "work"), "hf (prod, profile work)"),
    ],
)
def test_a_token_is_named_with_its_place(place: tuple[str, str], words: str) -> None:
    item = only(make_token("hf", every="90d", place=place))
    assert name_in_words(item) == words and summarize(item) == f"rotate {words}"


def test_a_reminder_in_one_line_and_for_a_program() -> None:
    with zone("UTC"):
        token = make_token("hf", every="9d", place=("prod", "default"), provider="huggingface")
        (reminder,) = choose_reminders(due([token], day(8)), day(8), {})
        said = "rotate hf (prod): due tomorrow, on 1 Dec: credman rotate hf -e prod"
        assert reminder.line == said and not reminder.is_urgent
        assert reminder.to_json() == {
            "kind": "rotation", "name": "hf", "environment": "prod", "profile": "default",
            "provider": "huggingface", "version": 1, "since": "2026-11-22T12:00:00Z",
            "at": "2026-12-01T12:00:00Z", "overdue": False, "command": "credman rotate hf -e prod",
            "title": reminder.title, "text": reminder.text,
        }  # fmt: skip
        told = remember({}, [reminder], [reminder.due], day(8))
        (late,) = choose_reminders(due([token], day(9)), day(9), told)
        assert late.is_urgent and facts(late.due, day(9))["overdue"] is True


def test_what_was_found_is_told_once_and_again_when_there_is_something_new_to_say() -> None:
    token = make_token("hf", every="90d", ends=60)
    assert tell([0, 1, 2, 85, 90], [expose(token)]) == [(0, "hf", -2)]  # and none of its dates
    (item,) = due([expose(token)], NOW)
    assert id_of(item) == id_of(only(expose(token, 9, since=-4)))  # found in more, or earlier
    second = replace(token, versions=(replace(token.current, number=2),))
    begun = replace(token, rotation=Rotation(2, Stage.STAGED, False, day(-1)))
    others = [only(expose(second)), only(expose(begun)), only(expose(replace(begun, rotation=(
        Rotation(2, Stage.STAGED, False, day(-3))))))]  # fmt: skip
    assert len({id_of(item), *map(id_of, others)}) == 4


def test_an_old_version_of_which_was_told_is_told_of_again_when_it_is_found() -> None:
    before = only(retiring())
    told = {id_of(before): (Told(before.at, day(0)),)}
    assert choose_reminders([before], NOW, told) == []
    (reminder,) = choose_reminders([only(expose(retiring(), number=1))], NOW, told)
    assert reminder.line == (
        "revoke the old other: #1 was found in 3 files and is still alive: credman revoke other"
    )
    assert reminder.is_urgent


def test_programs_are_told_in_how_many_files_and_not_in_which() -> None:
    (found,) = due([expose(make_token("hf"))], NOW)
    said = facts(found, NOW)
    assert (said["kind"], said["files"], said["overdue"]) == ("exposure", 3, True)
    assert facts(only(expose(retiring(), 12, number=1)), NOW)["files"] == 12
    assert "files" not in facts(only(retiring()), NOW) | facts(only(ROTATION), NOW)
    assert "/home/alice" not in str(said)


@given(tokens(), st.floats(-800_000, 2_900_000))
def test_there_are_words_for_whatever_is_due_at_any_time(token: Token, number: float) -> None:
    now = NOW + max(min(timedelta(days=number), day(2_900_000) - NOW), timedelta(days=-700_000))
    for item in due([token], now):
        words = (describe(item, now), command_for(item), summarize(item), id_of(item))
        assert all(words) and "-1 day" not in " ".join(words)
        assert facts(item, now)["kind"] in {kind.value for kind in Kind}
