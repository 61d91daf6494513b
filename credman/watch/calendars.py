"""What is due, as a calendar to subscribe to (RFC 5545).

Rule: an event has the same UID as long as the token has its name, so that a new date moves it and
leaves none behind; and no event holds anything but names, dates and what to type.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import MAXYEAR, datetime, timedelta
from uuid import UUID, uuid5

from credman.core.errors import MissingExtra
from credman.core.intervals import find_day, format_instant
from credman.watch.reminders import command_for, summarize
from credman.watch.schedule import Due, Kind

_NAMESPACE = UUID("6b3d6f0a-6b1e-5c0e-9d43-0d6a3c6ff7a1")
_ON_THE_DAY = timedelta(hours=9)
_PRODUCT = "-//credman//credman due//EN"


def render_calendar(found: Sequence[Due], now: datetime, *, owner: str) -> bytes:
    """Args:
        found: what is due.
        owner: tells this store from others that are in the same calendar.
        now: UTC.

    Returns:
        A VCALENDAR: an event on the local day of each, with an alarm for each reminder.

    Raises:
        MissingExtra: the library for calendars is not installed.
    """
    try:
        from icalendar import Alarm, Calendar, Event, vDuration
    except ImportError:
        raise MissingExtra("what writes calendars", "calendar") from None
    calendar = Calendar()
    calendar.add("prodid", _PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", "credman")
    calendar.add("refresh-interval", vDuration(timedelta(days=1)), parameters={"VALUE": "DURATION"})
    for item in found:
        day = find_day(item.at)
        if day.year == MAXYEAR:  # no calendar has a day after its last one
            continue
        event = Event()
        event.add("uid", f"{_make_uid(item, owner)}@credman")
        event.add("dtstamp", now.replace(microsecond=0))
        event.add("dtstart", day)
        event.add("summary", summarize(item))
        event.add("description", command_for(item))
        event.add("transp", "TRANSPARENT")  # nobody is busy on that day
        before = [find_day(interval.before(item.at)) - day for _, interval in item.reminders]
        for trigger in () if item.is_silent else (*before, _ON_THE_DAY):
            alarm = Alarm()
            alarm.add("action", "DISPLAY")
            alarm.add("description", f"{summarize(item)}: {command_for(item)}")
            alarm.add("trigger", trigger)
            event.add_component(alarm)
        calendar.add_component(event)
    return bytes(calendar.to_ical())


def _make_uid(item: Due, owner: str) -> UUID:
    first = min(version.created_at for version in item.token.versions)
    what = [owner, *item.key.folded(), format_instant(first), item.kind.value]
    if item.kind is Kind.REVOCATION:  # of these a token may have several
        what.append(str(item.version))
    return uuid5(_NAMESPACE, "/".join(what))
