"""A timer in words: what would be written, what is there; and what its installer has chosen."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from credman.cli.context import Context
from credman.cli.options import Invocation
from credman.core.errors import Refused, UsageError
from credman.core.names import looks_like_value, quote_untrusted
from credman.stores.base import SCHEMES
from credman.upkeep.scheduling import Standing, choose_variables, lasting_url
from credman.watch.timers import Job, Scheduler, parse_time

if TYPE_CHECKING:
    from credman.upkeep.calling import System
    from credman.upkeep.launcher import Launcher
    from credman.upkeep.timers import Piece

_SEPARATORS = re.compile(r"[\s:/@?&=#'\"]+")
_SHORTEST_TOKEN = 16


def parse_scheduler(text: str | None) -> Scheduler | None:
    """Raises: UsageError: it is none."""
    if text is None:
        return None
    try:
        return Scheduler(text)
    except ValueError:
        known = ", ".join(scheduler.value for scheduler in Scheduler)
        raise UsageError("there is no scheduler of that name", hint=f"one of {known}") from None


_USUAL_TIME = "09:00"


def make_job(
    invocation: Invocation, system: System, at: str | None, hook: str | None, former: Job | None
) -> tuple[Job, Launcher]:
    """Args:
        at: as it was typed.
        hook: a command of the user's own.
        former: what the present timer does: it says what was not given.

    Returns:
        What the timer is to do, and by which program.

    Raises:
        UsageError: a part of it cannot stand in the file of a scheduler.
        Refused: it may hold a secret.
        Unavailable: there is no program to call.
    """
    from credman.upkeep.launcher import find_launcher

    context = invocation.context
    if at is None:
        at = _USUAL_TIME if former is None else f"{former.at:%H:%M}"
    moment = parse_time(at)
    words = () if former is None else former.command
    store = invocation.store or find_option(words, "--store")
    hook = hook if hook is not None else find_option(words, "--command")
    environ = choose_variables(context.environ, context.paths, context.cwd)
    words = ("remind", "run")
    if store:
        words += ("--store", lasting_url(store, context.cwd))
    invocation.open_store()  # a URL that is none is refused now, not every day
    for url in (store, environ.get("CREDMAN_STORE")):
        _check_url(context, url or "")
    if hook is not None:
        _check_hook(context, system, hook)
        words += ("--command", hook)
    import __main__

    # The name is another one where it was started as a script, and where it is a library.
    is_module = getattr(__main__.__spec__, "name", None) == "credman.__main__"
    launcher = find_launcher(system, python=sys.executable or "", is_module=is_module)
    return Job((*launcher.argv, *words), environ, moment), launcher


def find_option(words: Sequence[str], option: str) -> str | None:
    """Returns: what follows it."""
    return next((value for name, value in pairwise(words) if name == option), None)


def _check_hook(context: Context, system: System, hook: str) -> None:
    from credman.upkeep.calling import split_command

    program, *_ = split_command(hook)  # what is no command is refused now, not every day
    if not os.path.isabs(program):
        place = system.find(program) or "it is not found"
        context.warn(f"--command is looked up along the timer's PATH, which is short: {place}")
    elif not os.access(program, os.X_OK):
        context.warn(f"--command cannot be executed: {program}")
    if _may_hold_token(context, hook):
        raise Refused(
            "the command may hold a token, and a timer's file is no place for one",
            hint="a script of your own may hold it: --command /path/to/script",
        )


def _check_url(context: Context, url: str) -> None:
    # Of a plug-in nobody knows what its URL holds; built-in ones are paths.
    if url.partition(":")[0] not in SCHEMES and _may_hold_token(context, url):
        raise Refused(
            "the URL of the store may hold a secret, and a timer's file is no place for one",
            hint="a script of your own may set CREDMAN_STORE and call credman remind run",
        )


def _may_hold_token(context: Context, text: str) -> bool:
    if looks_like_value(text):
        return True
    parts = (part for part in _SEPARATORS.split(text) if len(part) >= _SHORTEST_TOKEN)
    return any(context.catalogue.identify(part) is not None for part in parts)


def show_pieces(context: Context, pieces: Sequence[Piece]) -> None:
    """Prints what would be written, each place with what it holds then."""
    for number, piece in enumerate(pieces):
        if number:
            context.stdout.print("")
        context.stdout.print(quote_untrusted(piece.place))
        for line in piece.text.splitlines():
            context.stdout.print(f"    {quote_untrusted(line)}".rstrip())


def describe(one: Standing) -> Iterator[tuple[str, str]]:
    """Gives: what it is about, and what is to be said of it."""
    title, job = one.scheduler.title, one.found.job
    if job is None:
        text = "changed by somebody: credman remind install writes it anew"
        yield "timer", f"{title}, {text}"
        return
    often = f"hourly from {job.at:%H:%M}" if one.scheduler is Scheduler.CRON else f"{job.at:%H:%M}"
    state = {True: "", False: ", not active: credman remind install", None: ", from the next login"}
    yield "timer", f"{title}, daily, {often}{state[one.found.is_active]}"
    gone = "" if one.is_program_there else ", which is gone: credman remind install"
    yield "calls", f"{' '.join(map(_quote, job.command))}{gone}"
    if one.next_at is not None:
        yield "next run", f"{one.next_at:%Y-%m-%d %H:%M}"


def facts_of(one: Standing) -> dict[str, object]:
    """Returns: what JSON says of a timer."""
    job = one.found.job
    return {
        "scheduler": one.scheduler.value,
        "at": job and f"{job.at:%H:%M}",
        "command": job and list(job.command),
        "program_exists": one.is_program_there,
        "active": one.found.is_active,
        "next_run_at": one.next_at and one.next_at.astimezone().isoformat(),
    }


def _quote(word: str) -> str:
    from shlex import quote

    return quote(word)
