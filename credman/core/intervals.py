"""Intervals as people write them (``90d``, ``12w``) and dates. UTC inside."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from credman.core.errors import UsageError

_INTERVAL = re.compile(r"([1-9][0-9]{0,3})([dw])", re.ASCII)
_DURATION = re.compile(r"([1-9][0-9]{0,3})(s|m|min|h|d)", re.ASCII)
_LONGEST = timedelta(days=30)
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}Z", re.ASCII
)


def parse_interval(text: str) -> timedelta:
    """Args: text: a count of days or weeks, ``90d`` or ``12w``.

    Raises:
        UsageError: it is not one.
    """
    match = _INTERVAL.fullmatch(text)
    if match is None:
        raise UsageError("this is not an interval", hint="days or weeks, such as 90d or 12w")
    return timedelta(days=int(match[1]) * (7 if match[2] == "w" else 1))


def parse_duration(text: str) -> timedelta:
    """Args: text: a count of seconds, minutes, hours or days, such as ``30m`` or ``8h``; at most 30
        days.

    Raises:
        UsageError: it is not one.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise UsageError("this is not a length of time", hint="such as 30m, 8h or 2d")
    unit = {"s": "seconds", "h": "hours", "d": "days"}.get(match[2], "minutes")
    duration = timedelta(**{unit: int(match[1])})
    if duration > _LONGEST:
        raise UsageError("this is longer than 30 days", hint="such as 30m, 8h or 2d")
    return duration


def parse_date(text: str) -> datetime:
    """Args: text: an ISO 8601 date (its last second, UTC: the whole day still counts) or a date and
        time with its offset from UTC; parts of a second are dropped.

    Raises:
        UsageError: it is neither, or a time without an offset.
    """
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text), time.max, UTC).replace(microsecond=0)
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC).replace(microsecond=0)  # what is stored has none
    except (ValueError, OverflowError):
        pass
    raise UsageError("this is not a date", hint="such as 2027-03-31 or 2027-03-31T12:00:00+01:00")


def format_instant(moment: datetime) -> str:
    """Returns: ``2026-11-21T20:00:00Z``, to the second."""
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def parse_instant(text: str) -> datetime:
    """The reverse of ``format_instant``.

    Raises:
        ValueError: it is in another form.
    """
    # fromisoformat alone reads many forms; strptime takes ten times as long, and more to import.
    if not _INSTANT.fullmatch(text):
        raise ValueError("this does not match the form of an instant")
    return datetime.fromisoformat(text)
