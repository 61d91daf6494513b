"""A timer that calls credman once a day, as the system's scheduler wants it told. Pure.

Rule: what a file cannot hold exactly is refused; nothing is left out and nothing is put in its
place. The text of each kind of scheduler is in a module of its own: ``timer_files``, ``timer_cron``
and ``timer_tasks``.
"""

from __future__ import annotations

import ntpath
import posixpath
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import Enum

from credman.core.errors import UsageError

UNIT = "credman-remind"
"""The name of the systemd units, without ``.service`` and ``.timer``."""

LABEL = "dev.credman.remind"
"""What launchd knows it by."""

TASK = "credman remind"
"""What Task Scheduler knows it by."""

SUMMARY = "credman: tell of tokens that are due"
NOTE = "written by credman remind install; credman remind uninstall takes it away"

_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*", re.ASCII)
_NOT_IN_XML = "\ufffe\uffff\u2028\u2029"


class Scheduler(Enum):
    """Programs that start others at a time of the day."""

    SYSTEMD = "systemd"
    LAUNCHD = "launchd"
    CRON = "cron"
    TASKS = "tasks"

    @property
    def title(self) -> str:
        """What people call it."""
        return "Task Scheduler" if self is Scheduler.TASKS else self.value


@dataclass(frozen=True, slots=True)
class Job:
    """What is called, and when.

    Args:
        command: the program by its absolute path, and its arguments.
        environ: variables to set for it.
        at: local time of the day; hours and minutes count.

    Raises:
        UsageError: a part of it cannot stand in the file of a scheduler.
    """

    command: tuple[str, ...]
    environ: Mapping[str, str]
    at: time

    def __post_init__(self) -> None:
        program = self.command[0] if self.command else ""
        if not (posixpath.isabs(program) or ntpath.splitdrive(program)[0]):
            raise UsageError("a timer calls a program by its absolute path")
        for word in self.command:
            _check_text("the command of the timer", word)
        for name, value in self.environ.items():
            if not _VARIABLE.fullmatch(name):
                raise UsageError("this is not a name for a variable of a timer")
            _check_text(name, value)


def _check_text(what: str, text: str) -> None:
    # Line ends would begin a new entry; the others are lost or refused by one scheduler or another.
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs") or character in _NOT_IN_XML:
            raise UsageError(
                f"{what} holds a character that no timer can be given",
                hint="line ends, control characters, and bytes that are not UTF-8 are refused; "
                "a script of your own may hold what is to be run",
            )


def parse_time(text: str) -> time:
    """Args: text: ``9:00`` or ``09:00``.

    Raises:
        UsageError: it is no time of the day.
    """
    found = _TIME.fullmatch(text)
    if found is None:
        raise UsageError("--at takes a time of the day", hint="--at 09:00, in local time")
    return time(int(found[1]), int(found[2]))


def next_run(scheduler: Scheduler, at: time, now: datetime) -> datetime | None:
    """Args:
        at: of the job.
        now: local time; what comes back is of the same zone.

    Returns:
        When the job is called next; None: the calendar ends before.
    """
    hours = range(at.hour, 24) if scheduler is Scheduler.CRON else (at.hour,)
    today = [now.replace(hour=h, minute=at.minute, second=0, microsecond=0) for h in hours]
    later = [moment for moment in today if moment > now]
    if later:
        return later[0]
    try:
        return today[0] + timedelta(days=1)
    except OverflowError:
        return None
