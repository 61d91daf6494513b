"""Intervals on the calendar: months that end early, leap days, and both ends of time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credman.core.intervals import (
    Interval,
    find_day,
    format_instant,
    parse_date,
    parse_instant,
    parse_interval,
    render_day,
    to_local,
)
from tests.watch.dates import ZONES, zone

FIRST, LAST = (moment.replace(tzinfo=UTC) for moment in (datetime.min, datetime.max))
MOMENTS = st.datetimes(timezones=st.just(UTC))
INTERVALS = st.one_of(
    st.builds(Interval, days=st.integers(1, 69_993)),
    st.builds(Interval, months=st.integers(1, 119_988)),
)


@pytest.mark.parametrize(
    ("start", "text", "end"),
    [
        ("2026-01-31T12:00:00Z", "1mo", "2026-02-28T12:00:00Z"),
        ("2024-01-31T12:00:00Z", "1mo", "2024-02-29T12:00:00Z"),
        ("2026-11-30T12:00:00Z", "3mo", "2027-02-28T12:00:00Z"),
        ("2026-03-31T23:59:59Z", "1mo", "2026-04-30T23:59:59Z"),
        ("2026-12-31T00:00:00Z", "2mo", "2027-02-28T00:00:00Z"),
        ("2026-12-01T00:00:00Z", "1mo", "2027-01-01T00:00:00Z"),
        ("2026-12-31T00:00:00Z", "12mo", "2027-12-31T00:00:00Z"),
        ("2024-02-29T12:00:00Z", "1y", "2025-02-28T12:00:00Z"),
        ("2024-02-29T12:00:00Z", "4y", "2028-02-29T12:00:00Z"),
        ("2096-02-29T12:00:00Z", "4y", "2100-02-28T12:00:00Z"),  # no leap year
        ("2023-03-01T12:00:00Z", "1y", "2024-03-01T12:00:00Z"),
        ("2024-02-28T12:00:00Z", "1d", "2024-02-29T12:00:00Z"),
        ("2023-02-28T12:00:00Z", "1w", "2023-03-07T12:00:00Z"),
        ("2024-02-29T12:00:00Z", "365d", "2025-02-28T12:00:00Z"),
        ("1970-01-01T00:00:00Z", "90d", "1970-04-01T00:00:00Z"),
        ("1969-12-31T23:59:59Z", "1mo", "1970-01-31T23:59:59Z"),
        ("2038-01-19T03:14:07Z", "1d", "2038-01-20T03:14:07Z"),
        ("9998-12-31T00:00:00Z", "1y", "9999-12-31T00:00:00Z"),
        ("0001-01-01T00:00:00Z", "9998y", "9999-01-01T00:00:00Z"),
    ],
)
def test_what_comes_after(start: str, text: str, end: str) -> None:
    assert format_instant(parse_interval(text).after(parse_instant(start))) == end


@pytest.mark.parametrize(
    ("end", "text", "start"),
    [
        ("2026-03-31T12:00:00Z", "1mo", "2026-02-28T12:00:00Z"),
        ("2024-03-31T12:00:00Z", "1mo", "2024-02-29T12:00:00Z"),
        ("2027-01-15T12:00:00Z", "2mo", "2026-11-15T12:00:00Z"),
        ("2026-01-31T12:00:00Z", "1mo", "2025-12-31T12:00:00Z"),
        ("2024-02-29T12:00:00Z", "1y", "2023-02-28T12:00:00Z"),
        ("2024-03-01T00:00:00Z", "1d", "2024-02-29T00:00:00Z"),
        ("1970-01-01T00:00:00Z", "14d", "1969-12-18T00:00:00Z"),
        ("9999-12-31T23:59:59Z", "9998y", "0001-12-31T23:59:59Z"),
    ],
)
def test_what_comes_before(end: str, text: str, start: str) -> None:
    assert format_instant(parse_interval(text).before(parse_instant(end))) == start


@pytest.mark.parametrize("text", ["1d", "9999d", "9999w", "1mo", "9999mo", "1y", "9999y"])
def test_beyond_the_calendar_is_its_end(text: str) -> None:
    interval = parse_interval(text)
    assert interval.after(LAST) == LAST
    assert interval.before(FIRST) == FIRST
    assert interval.after(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)) == LAST


@given(MOMENTS, MOMENTS, INTERVALS)
def test_what_comes_later_ends_later(one: datetime, other: datetime, interval: Interval) -> None:
    earlier, later = sorted((one, other))
    assert interval.after(earlier) <= interval.after(later)
    assert interval.before(earlier) <= interval.before(later)


@given(MOMENTS, INTERVALS)
def test_an_interval_leads_away_and_not_further_than_its_days(
    moment: datetime, interval: Interval
) -> None:
    after, before = interval.after(moment), interval.before(moment)
    assert before <= moment <= after and before < after
    # In a leap year's favour: no month has more than 31 days, and two in a row have 59 at least.
    longest = timedelta(days=interval.days + 31 * interval.months)
    assert after - moment <= longest and moment - before <= longest
    assert (after.tzinfo, before.tzinfo) == (UTC, UTC)


@given(MOMENTS, st.integers(1, 5000))
def test_days_are_days_wherever_there_is_room(moment: datetime, days: int) -> None:
    interval, span = Interval(days=days), timedelta(days=days)
    if moment <= LAST - span:
        assert interval.after(moment) == moment + span
        assert interval.before(moment + span) == moment


@pytest.mark.parametrize("name", ZONES)
def test_a_local_clock_shows_every_moment_of_the_calendar(name: str) -> None:
    with zone(name):
        for moment in (FIRST, LAST, parse_instant("1970-01-01T00:00:00Z")):
            assert to_local(moment) == moment
            assert render_day(moment, FIRST) and render_day(moment, LAST)


@pytest.mark.parametrize(
    ("name", "instant", "day"),
    [
        ("UTC", "2026-11-24T23:30:00Z", "24 Nov"),
        ("Europe/Berlin", "2026-11-24T23:30:00Z", "25 Nov"),
        ("America/New_York", "2026-11-24T04:30:00Z", "23 Nov"),
        ("Pacific/Kiritimati", "2026-12-31T10:00:00Z", "1 Jan 2027"),
        ("Europe/Berlin", "2026-03-29T00:59:59Z", "29 Mar"),  # the clock jumps from 2 to 3
        ("UTC", "2027-01-01T00:00:00Z", "1 Jan 2027"),
        ("UTC", "0001-01-01T00:00:00Z", "1 Jan 0001"),
        (":bad", "2026-11-24T23:30:00Z", "24 Nov"),
    ],
)
def test_a_day_is_the_local_one_and_has_its_year_if_it_is_another(
    name: str, instant: str, day: str
) -> None:
    with zone(name):
        assert render_day(parse_instant(instant), parse_instant("2026-06-01T00:00:00Z")) == day


@pytest.mark.parametrize("name", ZONES)
@given(st.dates())
def test_what_was_given_as_a_date_is_that_date_in_every_zone(name: str, given_as: date) -> None:
    moment = parse_date(given_as.isoformat())
    with zone(name):
        assert find_day(moment) == given_as
        said = render_day(moment, datetime(given_as.year, 6, 15, tzinfo=UTC))
    assert said.split()[0] == str(given_as.day)
    if 1 < given_as.year < 9999:
        assert len(said.split()) == 2  # of the year that it was given in


@pytest.mark.parametrize(
    ("name", "instant", "day"),
    [
        ("Europe/Berlin", "2027-03-31T23:59:59Z", date(2027, 3, 31)),
        ("Europe/Berlin", "2027-03-31T23:59:58Z", date(2027, 4, 1)),
        ("Europe/Berlin", "2027-04-01T00:00:00Z", date(2027, 4, 1)),
        ("America/New_York", "2027-04-01T00:00:00Z", date(2027, 3, 31)),
        ("Pacific/Kiritimati", "2027-03-31T23:59:59Z", date(2027, 3, 31)),
        ("Pacific/Pago_Pago", "2027-03-31T23:59:59Z", date(2027, 3, 31)),
        (":bad", "2027-03-31T23:59:58Z", date(2027, 3, 31)),
    ],
)
def test_a_time_of_day_is_of_the_local_day_but_the_last_second(
    name: str, instant: str, day: date
) -> None:
    with zone(name):
        assert find_day(parse_instant(instant)) == day


def test_what_ends_as_a_date_elsewhere_is_of_the_local_day() -> None:
    # The last second of a day in another zone was not given as a date.
    with zone("Pacific/Kiritimati"):
        assert find_day(parse_date("2027-03-31T23:59:59-05:00")) == date(2027, 4, 1)
        berlin = timezone(timedelta(hours=2))
        assert find_day(datetime(2027, 3, 31, 23, 59, 59, tzinfo=berlin)) == date(2027, 4, 1)
