"""Other people's readers of calendars. They are imported when they are used: not everybody who
collects the tests has them."""

from __future__ import annotations

from typing import Any


def check_strictly(text: str) -> None:
    """Raises what a reader says that misses something."""
    import vobject

    vobject.readOne(text).validate(raiseException=True)


def read_events(text: str) -> list[Any]:
    """Returns: the VEVENTs, as ``icalendar`` reads them."""
    return list(read_calendar(text).walk("VEVENT"))


def read_calendar(text: str) -> Any:
    from icalendar import Calendar

    return Calendar.from_ical(text)
