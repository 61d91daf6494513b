from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from credman.cli.options import Invocation, command
from credman.cli.pending import forget_said, list_pending
from credman.cli.render import render_json
from credman.cli.timers import describe, facts_of, make_job, parse_scheduler, show_pieces
from credman.core.errors import Refused
from credman.core.intervals import format_instant
from credman.core.names import quote_untrusted
from credman.upkeep import scheduling
from credman.upkeep.calling import System

if TYPE_CHECKING:
    import typer

    from credman.cli.parameters import JsonOption, YesOption

_FINDINGS = 8


@command(selecting=False)
def remind_install(
    invocation: Invocation,
    at: Annotated[
        str | None, typer.Option("--at", metavar="HH:MM", help="When, in local time; else 09:00")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler",
            metavar="WHICH",
            help="One of systemd, launchd, cron, tasks",
        ),
    ] = None,
    hook: Annotated[
        str | None,
        typer.Option("--command", metavar="CMD", help="What is due goes to it as well, as JSON"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be written, and write nothing")
    ] = False,
    yes: YesOption = False,
) -> None:
    """Install a timer that tells once a day what is due.

    What will be written is shown first; what is not said stays as the present timer has it. It lies
    in your own folders or in your crontab, and needs no passphrase: the timer reads names and
    dates, never a value.

    Example: credman remind install --at 08:30
    """
    context = invocation.context
    system = System(context.inherited)
    timers = scheduling.list_timers(system)
    timer = scheduling.choose_timer(timers, parse_scheduler(scheduler))
    former = scheduling.find_job(timers)
    job, launcher = make_job(invocation, system, at, hook, former)
    pieces = timer.render(job)
    others = scheduling.list_others(timers, timer)
    title = timer.scheduler.title
    if not others and timer.is_as(job):
        context.note(f"{title} has this timer already: credman remind status")
        return
    show_pieces(context, pieces)
    for other in others:
        context.note(f"the timer of {other.scheduler.title} goes: there is one only")
    if launcher.warning:
        context.warn(launcher.warning)
    if dry_run:
        return
    if not yes:
        if not invocation.source.is_attended():
            raise Refused(f"installing a timer of {title} needs a yes", hint="--yes gives it")
        if not context.terminal.confirm(f"install this timer of {title}?"):
            raise Refused("nothing was installed")
    note = scheduling.install(timer, job, others)
    said = f"{title} calls credman daily at {job.at:%H:%M}"
    context.note(f"{said}{note and f'; {note}'}: credman remind status tells more")


@command(selecting=False, opening=False)
def remind_uninstall(invocation: Invocation) -> None:
    """Take the timer away, from every scheduler that has one.

    What was told and when is forgotten with it.

    Example: credman remind uninstall
    """
    context = invocation.context
    system = System(context.inherited)
    timers = scheduling.list_timers(system)
    gone, problem = scheduling.remove_all(timers, context.environ, context.cwd)
    for what in gone:
        context.note(f"removed {what}")
    if problem is not None:
        raise problem
    if not gone:
        context.note("no timer is installed, so there was nothing to remove")


@command(selecting=False, opening=False)
def remind_status(invocation: Invocation, json: JsonOption = False) -> int | None:
    """Tell whether a timer is installed, and when it runs next.

    Also what came of its last run, and what nobody could be shown.

    8 if it is not active, what it calls is gone, or its last run failed.

    Example: credman remind status
    """
    from credman.upkeep.reminding import load_record, reminders_file

    context = invocation.context
    system = System(context.inherited)
    standing = scheduling.list_standing(scheduling.list_timers(system), datetime.now())
    state = scheduling.find_state(standing, context.environ, context.cwd)
    record = load_record(reminders_file(state))
    last_at = record.last_run_at
    pending = list_pending(invocation) or []
    if json:
        facts = {
            "installed": bool(standing),
            "timers": [facts_of(one) for one in standing],
            "last_run_at": last_at and format_instant(last_at),
            "last_result": record.last_result,
            "last_run_well": record.is_well,
            "pending": pending,
        }
        context.stdout.print(render_json(facts))
    else:
        if not standing:
            context.stdout.print("no timer is installed: credman remind install makes one")
        lines = [line for one in standing for line in describe(one)]
        if last_at is not None:
            lines.append(
                ("last run", f"{last_at.astimezone():%Y-%m-%d %H:%M}, {record.last_result}")
            )
        lines += [("not shown", line) for line in pending]
        for what, text in lines:
            context.stdout.print(f"{what:<9}  {quote_untrusted(text)}")
        forget_said(invocation)
    is_well = record.is_well and all(one.is_well for one in standing)
    return None if is_well else _FINDINGS
