"""Intervals as people write them (``90d``, ``12w``) and dates. UTC inside."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from credman.core.errors import UsageError

_INTERVAL = re.compile(r"([1-9][0-9]{0,3})([dw])", re.ASCII)


def parse_interval(text: str) -> timedelta:
    """Args: text: a count of days or weeks, ``90d`` or ``12w``.

    Raises:
        UsageError: it is not one.
    """
    match = _INTERVAL.fullmatch(text)
    if match is None:
        raise UsageError("this is not an interval", hint="days or weeks, such as 90d or 12w")
    return timedelta(days=int(match[1]) * (7 if match[2] == "w" else 1))


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
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
