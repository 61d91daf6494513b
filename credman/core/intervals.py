"""Intervals as people write them (``90d``, ``12w``, ``3mo``) and dates. UTC inside.

Rule: what lies beyond the calendar is its end, never an error: a date that somebody typed must not
stop a listing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from credman.core.errors import UsageError

OFF = "off"
"""In place of an interval: there is to be none."""
# Compiled when they are used: most commands use none of them.
_INTERVAL = r"([1-9][0-9]{0,3})(d|w|mo|y)"
_MINUTES = r"[0-9]+m"
_DURATION = r"([1-9][0-9]{0,3})(s|m|min|h|d)"
_LONGEST = timedelta(days=30)
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}Z", re.ASCII
)


_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_LAST_SECOND = time(23, 59, 59)
_BEGINNING, _END = (moment.replace(tzinfo=UTC) for moment in (datetime.min, datetime.max))


@dataclass(frozen=True, slots=True)
class Interval:
    """A count of days, or of months of the calendar: three months from 30 November end on the last
    of February."""

    days: int = 0
    months: int = 0

    def __str__(self) -> str:
        """As it is read back."""
        if self.months:
            is_year = self.months % 12 == 0
            return f"{self.months // 12}y" if is_year else f"{self.months}mo"
        return f"{self.days}d"

    def after(self, moment: datetime) -> datetime:
        """Args: moment: UTC. Returns: the moment that lies this much later."""
        return self._move(moment, 1)

    def before(self, moment: datetime) -> datetime:
        """Args: moment: UTC. Returns: the moment that lies this much earlier."""
        return self._move(moment, -1)

    def _move(self, moment: datetime, sign: int) -> datetime:
        from calendar import monthrange  # nothing that runs all day needs it

        try:
            months = moment.year * 12 + moment.month - 1 + sign * self.months
            year, month = months // 12, months % 12 + 1
            day = min(moment.day, monthrange(year, month)[1])
            moved = moment.replace(year=year, month=month, day=day)
            return moved + sign * timedelta(days=self.days)
        except (OverflowError, ValueError):
            return _END if sign > 0 else _BEGINNING


def parse_interval(text: str) -> Interval:
    """Args: text: a count of days, weeks, months or years: ``90d``, ``12w``, ``3mo``, ``1y``.

    Raises:
        UsageError: it is not one.
    """
    match = re.fullmatch(_INTERVAL, text, re.ASCII)
    if match is None:
        if re.fullmatch(_MINUTES, text, re.ASCII):
            raise UsageError("this is not an interval", hint=f"months are written {text}o")
        raise UsageError(
            "this is not an interval", hint="days, weeks, months or years: 90d, 12w, 3mo, 1y"
        )
    count, unit = int(match[1]), match[2]
    if unit in ("mo", "y"):
        return Interval(months=count * (12 if unit == "y" else 1))
    return Interval(days=count * (7 if unit == "w" else 1))


def find_interval(text: str | None) -> Interval | None:
    """Returns: the interval; None: there is none, or it is one that only a newer credman knows."""
    try:
        return None if text is None else parse_interval(text)
    except UsageError:
        return None


def parse_intervals(text: str) -> tuple[Interval, ...]:
    """Args: text: intervals with commas between them, ``14d,3d``.

    Returns:
        Each once, the longest first.

    Raises:
        UsageError: one of them is none, or there is none.
    """
    found = {parse_interval(part.strip()) for part in text.split(",")}
    return tuple(sorted(found, key=lambda interval: interval.before(_END)))


def parse_duration(text: str) -> timedelta:
    """Args: text: a count of seconds, minutes, hours or days, such as ``30m`` or ``8h``; at most 30
        days.

    Raises:
        UsageError: it is not one.
    """
    match = re.fullmatch(_DURATION, text, re.ASCII)
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


def to_local(moment: datetime) -> datetime:
    """Args: moment: UTC. Returns: the same, as clocks show it here."""
    try:
        return moment.astimezone()
    except (OverflowError, ValueError, OSError):  # the first and the last hours of the calendar
        return moment


def find_day(moment: datetime) -> date:
    """Returns: the local day; of what was given as a date, that date, wherever it is read."""
    if moment.time() == _LAST_SECOND and moment.utcoffset() == timedelta():
        return moment.date()
    return to_local(moment).date()


def render_day(moment: datetime, now: datetime) -> str:
    """Returns: the day: ``24 Nov``, with its year if it is not this one."""
    day, today = find_day(moment), to_local(now)
    year = "" if day.year == today.year else f" {day.year:04}"
    return f"{day.day} {_MONTHS[day.month - 1]}{year}"
