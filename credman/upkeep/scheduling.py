"""The timer that calls ``credman remind run``: which scheduler, installing, removing, its state.

Rule: never two timers. Whoever installs one takes away what another scheduler had, once the new one
stands.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from credman.core.environ import mask_environ
from credman.core.errors import CredmanError, Unavailable
from credman.core.paths import Paths, find_paths
from credman.upkeep.calling import System
from credman.upkeep.reminding import forget_reminders, reminders_file
from credman.upkeep.timers import CronTimer, Found, SystemdTimer, Timer
from credman.upkeep.timers_elsewhere import LaunchdTimer, TasksTimer
from credman.watch.timers import Job, Scheduler, next_run

PLACES = ("CREDMAN_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")
"""Variables with a directory, which the timer gets of its installer so that it looks there too."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A timer that is there.

    Args:
        found: as its scheduler knows it.
        is_program_there: what it calls exists; None: nobody knows what it calls.
        next_at: local time; None: never, or nobody knows.
    """

    scheduler: Scheduler
    found: Found
    is_program_there: bool | None
    next_at: datetime | None

    @property
    def is_well(self) -> bool:
        return bool(self.is_program_there) and self.found.is_active is not False


def list_timers(system: System) -> list[Timer]:
    """Returns: of every scheduler that such a system can have, the first choice first."""
    if system.platform == "darwin":
        return [LaunchdTimer(system), CronTimer(system)]
    if system.platform == "win32":
        return [TasksTimer(system)]
    return [SystemdTimer(system), CronTimer(system)]


def choose_timer(timers: Sequence[Timer], wanted: Scheduler | None) -> Timer:
    """Args: wanted: the one that was named; None: what the system has.

    Raises:
        Unavailable: it has none, or not that one.
    """
    if wanted is not None:
        timer = next((timer for timer in timers if timer.scheduler is wanted), None)
        reason = timer.why_not() if timer else "it is of another system"
        if timer is None or reason:
            raise Unavailable(
                f"{wanted.title} cannot be used here: {reason}",
                hint="without --scheduler the one that this system has is chosen",
            )
        return timer
    for timer in timers:
        # systemd without a manager of the user's own starts nothing: containers, WSL, su.
        if not timer.why_not() and (not isinstance(timer, SystemdTimer) or timer.answers()):
            return timer
    raise Unavailable(
        "this system has no scheduler that credman knows: no user manager of systemd, no crontab",
        hint="install cron, or let whatever starts programs here call credman remind run daily",
    )


def choose_variables(environ: Mapping[str, str], paths: Paths, cwd: str) -> dict[str, str]:
    """Args: environ: the installer's variables; cwd: of the installer, for relative ones.

    Returns:
        Those that say where credman looks, for the timer: nothing else of them goes into a file.
    """
    chosen = {name: environ[name] for name in PLACES if os.path.isabs(environ.get(name, ""))}
    home = environ.get("CREDMAN_HOME")
    if home:
        chosen["CREDMAN_HOME"] = os.path.abspath(os.path.join(cwd, home))
    store = environ.get("CREDMAN_STORE")
    if store:
        chosen["CREDMAN_STORE"] = lasting_url(store, cwd)
    return chosen


def lasting_url(url: str, cwd: str) -> str:
    """Returns: the URL of the same store, whatever directory is the current one."""
    scheme, _, rest = url.partition(":")
    if scheme != "file" or not rest or rest[0] == "/" or rest == "~" or rest.startswith("~/"):
        return url
    return f"file:{os.path.join(cwd, rest)}"


def find_job(timers: Sequence[Timer]) -> Job | None:
    """Returns: what the timer does that is there; None: there is none that is understood.

    Raises:
        Unavailable: it cannot be told.
    """
    found = (timer.find() for timer in timers)
    return next((one.job for one in found if one is not None and one.job is not None), None)


def list_others(timers: Sequence[Timer], chosen: Timer) -> list[Timer]:
    """Returns: the other ones that are installed.

    Raises:
        Unavailable: it cannot be told.
    """
    return [timer for timer in timers if timer is not chosen and timer.find() is not None]


def install(timer: Timer, job: Job, others: Sequence[Timer]) -> str:
    """Args: others: to be taken away, once this one stands.

    Returns:
        What there is to say of it; mostly nothing.

    Raises:
        Unavailable: it did not work.
    """
    note = timer.install(job)
    for other in others:
        other.remove()
    return note


def uninstall(timers: Sequence[Timer]) -> tuple[list[str], CredmanError | None]:
    """Returns: what was taken away, in words; and why something was not."""
    gone: list[str] = []
    problem: CredmanError | None = None
    for timer in timers:
        try:
            gone += timer.remove()
        except CredmanError as error:
            problem = problem or error
    return gone, problem


def remove_all(
    timers: Sequence[Timer], environ: Mapping[str, str], cwd: str
) -> tuple[list[str], CredmanError | None]:
    """As ``uninstall``; the record of the reminders goes with the last timer."""
    try:
        standing = list_standing(timers, datetime.now())
    except CredmanError:
        standing = []  # what is wrong comes up again
    path = reminders_file(find_state(standing, environ, cwd))
    gone, problem = uninstall(timers)
    if problem is None:
        gone += forget_reminders(path)
    return gone, problem


def list_standing(timers: Sequence[Timer], now: datetime) -> list[Standing]:
    """Args: now: local time.

    Raises:
        Unavailable: it cannot be told.
    """
    return [
        _judge(timer.scheduler, found, now)
        for timer in timers
        if (found := timer.find()) is not None
    ]


def _judge(scheduler: Scheduler, found: Found, now: datetime) -> Standing:
    if found.job is None:
        return Standing(scheduler, found, None, None)
    is_there = os.access(found.job.command[0], os.X_OK)
    at = None if found.is_active is False else next_run(scheduler, found.job.at, now)
    return Standing(scheduler, found, is_there, at)


def find_state(standing: Sequence[Standing], environ: Mapping[str, str], cwd: str) -> str:
    """Returns: the directory where the timer's record lies: what it sets counts more than what the
    caller has set."""
    job = next((one.found.job for one in standing if one.found.job is not None), None)
    if job is None:
        return find_paths(environ, cwd).state
    theirs = mask_environ(environ).without(PLACES)
    return find_paths(theirs | job.environ, "/").state
