"""The calendar: read by a strict reader and by another, and an event for each date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import MAXYEAR, UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credman.core.intervals import OFF, find_day, parse_date
from credman.core.model import Rotation, Stage, Token, VersionState
from credman.watch.calendars import render_calendar
from credman.watch.schedule import due
from tests.watch.dates import (
    DEAD,
    NOW,
    ON_THE_DAY,
    ZONES,
    day,
    expose,
    make_token,
    make_version,
    tokens,
    zone,
)
from tests.watch.strict import check_strictly, read_calendar, read_events

LONG = "n" * 64


def render(found: Sequence[Token], now: datetime = NOW, owner: str = "a store") -> str:
    """Returns: the calendar; it was read by a strict reader, and each line has its right length."""
    data = render_calendar(due(found, now), now, owner=owner)
    assert data.endswith(b"\r\n") and data.count(b"\n") == data.count(b"\r\n")
    assert all(len(line) <= 75 for line in data.split(b"\r\n"))
    text = data.decode("utf-8")
    if "BEGIN:VEVENT" in text:
        check_strictly(text)
    return text


def events(found: Sequence[Token], now: datetime = NOW) -> list[Any]:
    return read_events(render(found, now))


def start(event: Any) -> date:
    found = event.decoded("dtstart")
    assert isinstance(found, date) and not isinstance(found, datetime)  # the whole day
    return found


def alarms(event: Any) -> list[timedelta]:
    """Returns: how long after the beginning of its day each comes."""
    return [alarm.decoded("trigger") for alarm in event.walk("VALARM")]


MORNING = timedelta(hours=9)
BEFORE = [timedelta(days=-14), timedelta(days=-3)]


def test_an_event_a_date_with_an_alarm_a_reminder_and_one_on_the_day() -> None:
    with zone("UTC"):
        (event,) = events([make_token("hf", every="90d", place=("prod", "default"))])
        assert start(event) == date(2027, 2, 20)
        assert event["summary"] == "rotate hf (prod)"
        assert event["description"] == "credman rotate hf -e prod"
        assert event.decoded("dtstamp") == NOW
        assert event["transp"] == "TRANSPARENT"
        assert alarms(event) == [*BEFORE, MORNING]
        assert {alarm["action"] for alarm in event.walk("VALARM")} == {"DISPLAY"}
        said = {alarm["description"] for alarm in event.walk("VALARM")}
        assert said == {"rotate hf (prod): credman rotate hf -e prod"}


def test_the_calendar_says_who_made_it_and_how_often_to_look() -> None:
    calendar = read_calendar(render([make_token(every="90d")]))
    assert (calendar["version"], calendar["x-wr-calname"]) == ("2.0", "credman")
    assert "credman" in str(calendar["prodid"])
    assert calendar.decoded("refresh-interval") == timedelta(days=1)


def busy() -> Token:
    old = (
        make_version(40, state=VersionState.RETIRING, retiring_at=day(-10)),
        make_version(30, number=2, state=VersionState.COMPROMISED, retiring_at=day(-10)),
    )
    begun = Rotation(4, Stage.STAGED, True, day(-1))
    token = make_token(LONG, every="90d", ends=20, old=old, rotation=begun)
    return replace(token, versions=(*old, replace(token.current, finding=DEAD)))


def test_everything_that_may_be_due_is_an_event_of_its_own() -> None:
    places = [replace(busy(), key=busy().key._replace(environment=e)) for e in ("dev", "e" * 64)]
    found = events(places)
    assert len(found) == 12 and len({event["uid"] for event in found}) == 12
    for event in found:
        assert event["uid"].endswith("@credman") and LONG in event["summary"]
        assert MORNING in alarms(event)  # whatever it is, one is told on the day


def test_uids_stay_over_runs_and_over_a_rotation_which_moves_the_date() -> None:
    token = make_token(every="90d", ends=100)
    first, again = events([token]), events([token], day(5))
    assert [event["uid"] for event in first] == [event["uid"] for event in again]
    ended = replace(token.current, state=VersionState.REVOKED, fields=())
    rotated = replace(token, versions=(ended, make_version(-80, number=2)))
    later = {event["uid"]: start(event) for event in events([rotated], day(80))}
    before = {event["uid"]: start(event) for event in first}
    assert later.keys() == before.keys()
    assert sorted((later[uid] - at).days for uid, at in before.items()) == [0, 80]
    # However its name is written, it is the same token.
    upper = replace(token, key=token.key._replace(name="API"))
    assert [event["uid"] for event in events([upper])] == [event["uid"] for event in first]


def test_what_was_found_takes_the_place_of_the_date_and_says_where_to_nobody() -> None:
    token = make_token("hf", every="90d", ends=100)
    before = {event["uid"] for event in events([token])}
    with zone("UTC"):
        text = render([expose(token)])
        (event,) = read_events(text)
    assert event["uid"] not in before and "/home/alice" not in text
    assert (event["summary"], event["description"]) == ("rotate hf", "credman rotate hf")
    assert start(event) == date(2026, 11, 20) and alarms(event) == [MORNING]
    (again,) = events([expose(token, 12, since=-5)], day(3))
    assert again["uid"] == event["uid"]


def test_the_day_is_the_local_one_and_so_are_the_alarms() -> None:
    token = replace(
        make_token(), versions=(make_version(expires_at=datetime(2027, 1, 1, 23, 30, tzinfo=UTC)),)
    )
    with zone("Europe/Berlin"):
        (event,) = events([token])
        assert start(event) == date(2027, 1, 2)
        assert alarms(event) == [*BEFORE, MORNING]
    with zone("America/New_York"):
        (event,) = events([token])
        assert start(event) == date(2027, 1, 1)


def test_of_what_nobody_is_to_be_reminded_the_calendar_says_the_day_and_rings_no_bell() -> None:
    old = (make_version(40, state=VersionState.RETIRING, retiring_at=day(-10)),)
    quiet = make_token("a", every="90d", ends=20, remind=(OFF,), old=old)
    found = events([quiet, make_token("b", every="90d", remind=ON_THE_DAY)])
    rings = {str(event["summary"]): alarms(event) for event in found}
    assert rings == {"revoke the old a": [], "replace a": [], "rotate a": [], "rotate b": [MORNING]}


@pytest.mark.parametrize("name", ZONES)
def test_what_was_given_as_a_date_is_that_day_everywhere(name: str) -> None:
    at = parse_date("2027-03-31")
    token = replace(make_token(), versions=(make_version(expires_at=at),))
    with zone(name):
        (event,) = events([token])
    assert start(event) == date(2027, 3, 31) and alarms(event) == [*BEFORE, MORNING]


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize(
    "at", [datetime(1, 1, 1), datetime(1970, 1, 1), datetime(9999, 12, 31, 23, 59, 59)], ids=str
)
def test_both_ends_of_the_calendar_are_days_of_it(name: str, at: datetime) -> None:
    token = replace(make_token(), versions=(make_version(expires_at=at.replace(tzinfo=UTC)),))
    with zone(name):
        for event in events([token]):
            assert abs(start(event) - at.date()) <= timedelta(days=1)


@given(st.lists(tokens(), max_size=3))
def test_whatever_is_due_is_a_calendar(found: list[Token]) -> None:
    with zone("Europe/Berlin"):
        text = render(found)
        shown = [item for item in due(found, NOW) if find_day(item.at).year < MAXYEAR]
    assert text.startswith("BEGIN:VCALENDAR") and text.count("BEGIN:VEVENT") == len(shown)


def test_two_stores_in_one_calendar_are_two_and_so_are_two_tokens_of_one_name() -> None:
    token = make_token(every="90d")

    def uid(token: Token, owner: str = "a store") -> str:
        (event,) = read_events(render([token], NOW, owner))
        return str(event["uid"])

    # One that was removed, and stored anew, is another.
    anew = replace(token, versions=(make_version(1),))
    assert len({uid(token), uid(token, "another"), uid(anew)}) == 3
    assert uid(token) == uid(token)


def test_what_ends_in_the_last_year_of_the_calendar_has_no_event() -> None:
    # A reader computes the day after: there is none.
    with zone("UTC"):
        assert events([make_token(every="9999y")]) == []
        last = datetime(9998, 12, 31, 12, tzinfo=UTC)
        token = replace(make_token(), versions=(make_version(expires_at=last),))
        assert start(events([token])[0]) == date(9998, 12, 31)


def test_with_nothing_due_it_is_an_empty_calendar() -> None:
    assert read_events(render([])) == []
