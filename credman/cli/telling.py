"""What the timer calls."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from credman.cli.options import Invocation, Result, command
from credman.cli.render import render_json
from credman.core.errors import CredmanError, LockTimeout, Unavailable
from credman.upkeep.calling import split_command
from credman.upkeep.hooks import run_hook
from credman.upkeep.reminding import Outcome, note_failure, reminders_file, run_reminders
from credman.watch.reminders import Reminder
from credman.watch.schedule import Due

if TYPE_CHECKING:
    import typer

_OFF = "off"
_MOST_SHOWN = 8


@command(selecting=False)
def remind_run(
    invocation: Invocation,
    command: Annotated[
        str | None,
        typer.Option("--command", metavar="CMD", help="Also give them to it, as JSON on stdin"),
    ] = None,
) -> Result:
    """Tell what is due, each stage once: by a notification on the desktop.

    It never asks and never unlocks: it reads the names and dates that the last command has noted.
    What cannot be shown is said by the next credman command.

    Example: credman remind run --command 'mail-me --subject tokens'
    """
    context, now = invocation.context, datetime.now(UTC)
    if command is not None:
        split_command(command)
    path = reminders_file(context.paths.state)
    try:
        dues = _list(invocation, now)
        record, reminders = run_reminders(
            path,
            invocation.store_key,
            dues,
            now,
            lambda new, again: _tell(invocation, new, again, command),
            sends=command is not None,
        )
    except LockTimeout:
        context.note("another run is telling what is due")
        return None
    except CredmanError as error:
        note_failure(path, now, error.message)
        raise
    if context.stderr.is_terminal:  # cron mails whatever is said
        for reminder in reminders:
            context.note(reminder.line)
        context.note(record.last_result)
    elif not record.is_well:
        context.note(record.last_result)
    return None if record.is_well else CredmanError.exit_code


def _list(invocation: Invocation, now: datetime) -> list[Due]:
    if invocation.config.cache == _OFF:
        raise Unavailable(
            "the cache is off, and reminders know tokens from nowhere else",
            hint='cache = "on" in the configuration; it holds names and dates, never a value',
        )
    dues = invocation.list_noted(now)
    if dues is None:
        raise Unavailable(
            "nothing is known of the tokens yet", hint="credman list notes their names and dates"
        )
    return dues


def _tell(
    invocation: Invocation,
    reminders: Sequence[Reminder],
    again: Sequence[Reminder],
    command: str | None,
) -> Outcome:
    from credman.watch.notifications import Notification, notify

    context = invocation.context
    shown = [Notification(r.title, r.text, r.is_urgent) for r in reminders]
    if len(shown) > _MOST_SHOWN:  # hundreds, each to be closed by hand, are as good as none
        rest = f"and {len(shown) - _MOST_SHOWN + 1} more tokens are due"
        shown[_MOST_SHOWN - 1 :] = [Notification(rest, "credman due", is_urgent=True)]
    problem = notify(shown, context.inherited)
    said = [f"not shown on the desktop: {problem}" if problem else "shown on the desktop"]
    said, failure = said if reminders else [], ""
    if command is not None:
        given = [r.to_json() for r in (*again, *reminders)]
        text = render_json({"reminders": given}).encode()
        failure = run_hook(command, text, environ=context.inherited, cwd=context.cwd)
        said.append(failure or "given to the command")
    # Whoever names a command wants it told there; before a desktop there may be nobody. Without
    # one that no desktop is there is no failure: the next command tells it.
    has_reached = context.stderr.is_terminal or not (problem if command is None else failure)
    return Outcome(has_reached, not failure, "; ".join(said))
