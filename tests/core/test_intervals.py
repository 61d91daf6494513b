"""Intervals and dates as people write them, and instants as they are stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credman.core.errors import UsageError
from credman.core.intervals import (
    Interval,
    find_interval,
    format_instant,
    parse_date,
    parse_instant,
    parse_interval,
    parse_intervals,
)


@pytest.mark.parametrize(
    ("text", "interval", "said"),
    [
        ("1d", Interval(days=1), "1d"),
        ("90d", Interval(days=90), "90d"),
        ("9999d", Interval(days=9999), "9999d"),
        ("1w", Interval(days=7), "7d"),
        ("12w", Interval(days=84), "84d"),
        ("1mo", Interval(months=1), "1mo"),
        ("18mo", Interval(months=18), "18mo"),
        ("12mo", Interval(months=12), "1y"),
        ("1y", Interval(months=12), "1y"),
        ("9999y", Interval(months=119_988), "9999y"),
    ],
)
def test_intervals(text: str, interval: Interval, said: str) -> None:
    assert parse_interval(text) == find_interval(text) == interval
    assert str(interval) == said
    assert parse_interval(said) == interval


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "0d",
            "-1d",
            "+1d",
            "90",
            "d",
            "mo",
            "0mo",
            "00d",
            "1 d",
            "1d ",
            "01d",
            "1.5d",
            "10000d",
            "1D",
        ),
        *("1d\n", "\u0661d", "1h", "90days", "1M", "1Mo", "1Y", "1yr", "1y6mo", "1mo1d", "P90D"),
    ],
    ids=ascii,
)
def test_what_is_no_interval(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_interval(text)
    assert caught.value.message == "this is not an interval"
    assert caught.value.hint == "days, weeks, months or years: 90d, 12w, 3mo, 1y"
    assert find_interval(text) is None


@pytest.mark.parametrize(("text", "hint"), [("3m", "3mo"), ("0m", "0mo"), ("12345m", "12345mo")])
def test_minutes_are_not_taken_for_months(text: str, hint: str) -> None:
    with pytest.raises(UsageError, match=r"\Athis is not an interval\Z") as caught:
        parse_interval(text)
    assert caught.value.hint == f"months are written {hint}"


def test_without_a_text_there_is_no_interval() -> None:
    assert find_interval(None) is None


@pytest.mark.parametrize(
    ("text", "intervals"),
    [
        ("3d", ["3d"]),
        ("3d,14d", ["14d", "3d"]),
        ("14d, 3d ,14d", ["14d", "3d"]),
        ("2w,14d", ["14d"]),
        ("1mo,30d,5w", ["35d", "1mo", "30d"]),  # a month that ends with December has 31 days
        ("12mo,365d,366d,1y", ["366d", "1y", "365d"]),
    ],
)
def test_several_are_kept_once_each_and_the_longest_first(text: str, intervals: list[str]) -> None:
    assert [str(interval) for interval in parse_intervals(text)] == intervals


@given(st.lists(st.builds("{}{}".format, st.integers(1, 9999), st.sampled_from("dw")), min_size=1))
def test_the_order_that_they_are_given_in_means_nothing(texts: list[str]) -> None:
    found = parse_intervals(",".join(texts))
    assert found == parse_intervals(",".join(reversed(texts)))
    days = [interval.days for interval in found]
    assert days == sorted({parse_interval(text).days for text in texts}, reverse=True)


@pytest.mark.parametrize(
    "text", ["", ",", "3d,", ",3d", "3d,,14d", "3d 14d", "3d;14d", "off", "3d,x"]
)
def test_one_that_is_none_spoils_them_all(text: str) -> None:
    with pytest.raises(UsageError, match="this is not an interval"):
        parse_intervals(text)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2027-03-31", "2027-03-31T23:59:59Z"),
        ("1970-01-01", "1970-01-01T23:59:59Z"),
        ("2038-01-19", "2038-01-19T23:59:59Z"),
        ("2024-02-29", "2024-02-29T23:59:59Z"),
        ("2000-02-29", "2000-02-29T23:59:59Z"),
        ("9999-12-31", "9999-12-31T23:59:59Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        ("2038-01-19T03:14:08Z", "2038-01-19T03:14:08Z"),
        ("2027-03-31T12:00:00+01:00", "2027-03-31T11:00:00Z"),
        ("2027-01-01T00:30:00+05:45", "2026-12-31T18:45:00Z"),
        ("2024-02-29T23:00:00-02:00", "2024-03-01T01:00:00Z"),
        ("2027-03-31 12:00:00+00:00", "2027-03-31T12:00:00Z"),
        ("2027-03-31T12:00:00.999999Z", "2027-03-31T12:00:00Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
    ],
)
def test_dates_are_kept_to_the_second_in_utc(text: str, instant: str) -> None:
    moment = parse_date(text)
    assert moment.tzinfo is UTC
    assert format_instant(moment) == instant
    # What is stored is what was understood: nothing is rounded on the way to the disk.
    assert parse_instant(format_instant(moment)) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2023-02-29",
        "1900-02-29",
        "2027-13-01",
        "2027-00-10",
        "2027-04-31",
        "27-03-31",
        "31.03.2027",
        "03/31/2027",
        "10000-01-01",
        "2027-03-31T12:00:00",  # without an offset it could mean any of 26 hours
        "2027-03-31T25:00:00Z",
        "2027-03-31T12:00:00+25:00",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "2027-03-31\n",
        " 2027-03-31",
        "\uff12\uff10\uff12\uff17-03-31",
    ],
    ids=ascii,
)
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_date(text)
    assert "2027-03-31" in caught.value.hint
    assert not text.strip() or text not in caught.value.message


@given(st.datetimes(timezones=st.just(UTC)))
def test_instants_come_back(moment: datetime) -> None:
    moment = moment.replace(microsecond=0)
    assert parse_instant(format_instant(moment)) == moment
    elsewhere = moment.astimezone(timezone(timedelta(0)))
    assert format_instant(elsewhere) == format_instant(moment)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "2027-03-31",
        "2027-03-31T00:00:00",
        "2027-03-31T00:00:00+00:00",
        "2027-03-31T00:00:00z",
        "2027-03-31 00:00:00Z",
        "2027-03-31T00:00:00.0Z",
        "2027-03-31T00:00Z",
        "20270331T000000Z",
        "2027-W13-3T00:00:00Z",
        "2027-3-31T00:00:00Z",
        "2027-03-31T0:00:00Z",
        "2027-03-31T24:00:00Z",
        "2027-03-31T00:00:00Z\n",
        " 2027-03-31T00:00:00Z",
        "\uff12\uff10\uff12\uff17-03-31T00:00:00Z",
    ],
    ids=ascii,
)
def test_instants_have_one_form(text: str) -> None:
    with pytest.raises(ValueError, match="match"):
        parse_instant(text)


@pytest.mark.parametrize(
    "text", ["2027-02-29T00:00:00Z", "2027-03-31T00:60:00Z", "0000-01-01T00:00:00Z"]
)
def test_an_instant_is_one_of_the_calendar(text: str) -> None:
    with pytest.raises(ValueError, match=r"range|must be"):
        parse_instant(text)
