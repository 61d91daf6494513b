from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from credman.cli.context import Context
from credman.cli.options import Invocation, command
from credman.cli.render import NOTHING, render_json
from credman.core.errors import UsageError
from credman.core.intervals import (
    OFF,
    format_instant,
    parse_date,
    parse_interval,
    parse_intervals,
)
from credman.core.model import Schedule, Token
from credman.core.names import quote_untrusted
from credman.watch.reminders import describe
from credman.watch.rules import Origin, Rules
from credman.watch.schedule import Due, Kind, list_ends

if TYPE_CHECKING:
    import typer

    from credman.cli.parameters import JsonOption, NameArgument

_DEFAULT = "default"


@command()
def schedule(
    invocation: Invocation,
    name: NameArgument,
    every: Annotated[
        str | None,
        typer.Option("--every", metavar="90d", help="Rotate it this often: 90d, 12w, 3mo, 1y"),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option("--expires", metavar="DATE", help="When it ends by itself: 2027-03-31"),
    ] = None,
    remind: Annotated[
        str | None,
        typer.Option("--remind", metavar="14d,3d", help="How long before to remind of it"),
    ] = None,
    grace: Annotated[
        str | None,
        typer.Option("--grace", metavar="7d", help="How long an old version is to live on"),
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="No rotation, and no date")] = False,
    json: JsonOption = False,
) -> None:
    """Say how often a token is to be rotated, when it expires, and when to remind of it.

    Without options it shows what counts. --every, --expires and --remind take off as well, and each
    option takes default, for what the configuration or its provider says.

    Example: credman schedule hf --every 90d --remind 14d,3d
    """
    session = invocation.open_session()
    given = {"--every": every, "--expires": expires, "--remind": remind, "--grace": grace}
    now = datetime.now(UTC)
    if off and any(value is not None for value in given.values()):
        raise UsageError("--off stands alone")
    if off or any(value is not None for value in given.values()):
        token = session.own_token(name)
        _parse(Schedule(), given, now)

        def apply(stored: Token) -> Token:
            kept = stored.schedule
            if off:
                kept = replace(kept, rotate_every=OFF, expires_at=None)
                return replace(stored, schedule=kept)
            return replace(stored, schedule=_parse(kept, given, now))

        session.change_token(token.key, apply)
    token = session.token(name)
    invocation.report(session)
    rules = invocation.make_rules(session)(token)
    dates = {item.kind: item for item in list_ends(token, rules)}
    if json:
        invocation.context.stdout.print(render_json({"schedule": _facts(token, rules, dates)}))
        return
    _print(invocation.context, token, rules, dates, now)


def _parse(kept: Schedule, given: dict[str, str | None], now: datetime) -> Schedule:
    every, expires, remind, grace = given.values()
    option = ""
    try:
        if every is not None:
            option = "--every"
            text = None if every == _DEFAULT else every
            if text not in (None, OFF):
                parse_interval(every)
            kept = replace(kept, rotate_every=text)
        if expires is not None:
            option = "--expires"
            at = None if expires in (OFF, _DEFAULT) else parse_date(expires)
            if at is not None and at <= now:
                raise UsageError("that has passed", hint="credman revoke ends a token")
            kept = replace(kept, expires_at=at)
        if remind is not None:
            option = "--remind"
            points: tuple[str, ...] = () if remind == _DEFAULT else (OFF,)
            if remind not in (OFF, _DEFAULT):
                points = tuple(str(interval) for interval in parse_intervals(remind))
            kept = replace(kept, remind_before=points)
        if grace is not None:
            option = "--grace"
            text = None if grace == _DEFAULT else grace
            if text is not None:
                parse_interval(text)
            kept = replace(kept, grace=text)
    except UsageError as error:
        raise UsageError(f"{option}: {error.message}", hint=error.hint) from None
    return kept


def _print(
    context: Context, token: Token, rules: Rules, dates: dict[Kind, Due], now: datetime
) -> None:
    rows = [
        ("rotate", _render_rotation(token, rules, dates, now)),
        ("expires", _render_date(dates.get(Kind.EXPIRY), now)),
        ("remind", _render_reminders(token, rules)),
        ("grace", f"{rules.find_grace(token, token.current)} for an old version"),
    ]
    environment, profile, name = token.key
    context.stdout.print(f"{name}   environment {environment}, profile {profile}")
    for label, text in rows:
        context.stdout.print(f"  {label:<9}{text}")
    every, own = rules.find_rotation(token), token.schedule.rotate_every
    if every is not None and every[1] is Origin.LIMIT and own not in (None, OFF):
        context.note(f"{own} is more than {every[1].value} allows, so {every[0]} counts")
    said = token.schedule.expires_at
    if said is not None and token.current.expires_at not in (None, said):
        context.note("its provider gave another date, and that counts")


def _render_rotation(token: Token, rules: Rules, dates: dict[Kind, Due], now: datetime) -> str:
    own = token.schedule.rotate_every
    every = rules.find_rotation(token)
    if token.recipe is not None:
        return "whenever its value is used up, by its command"
    if every is None:
        return NOTHING if own is None else OFF if own == OFF else quote_untrusted(own)
    interval, origin = every
    said = own if origin is Origin.OWN else f"{interval} ({origin.value})"
    item = dates.get(Kind.ROTATION)
    return f"every {said}" + ("" if item is None else f", {describe(item, now)}")


def _render_date(item: Due | None, now: datetime) -> str:
    return NOTHING if item is None else describe(item, now).removeprefix("expires ")


def _render_reminders(token: Token, rules: Rules) -> str:
    if rules.is_silent(token):
        return OFF
    points = [str(interval) for interval in rules.find_reminders(token)]
    return f"{' and '.join(points)} before, and on the day" if points else "on the day"


def _facts(token: Token, rules: Rules, dates: dict[Kind, Due]) -> dict[str, object]:
    every = rules.find_rotation(token)
    rotation, expiry = dates.get(Kind.ROTATION), dates.get(Kind.EXPIRY)
    return {
        "name": token.key.name,
        "environment": token.key.environment,
        "profile": token.key.profile,
        "rotate_every": None if every is None else str(every[0]),
        "origin": None if every is None else every[1].name.lower(),
        "rotate_at": rotation and format_instant(rotation.at),
        "expires_at": expiry and format_instant(expiry.at),
        "remind": [str(interval) for interval in rules.find_reminders(token)],
        "grace": str(rules.find_grace(token, token.current)),
    }
