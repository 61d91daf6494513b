from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from credman.cli.context import Context
from credman.cli.options import Invocation, command
from credman.cli.passing import mention_overdue
from credman.cli.render import (
    days_overdue,
    exposure_facts,
    render_age,
    render_expiry,
    render_json,
    render_rotation,
    render_state,
    render_table,
    token_facts,
)
from credman.core.model import Token, Version, VersionState
from credman.core.names import BASE_ENVIRONMENT
from credman.core.standing import name_with_place
from credman.session import Session
from credman.watch.rules import find_rotation_date

if TYPE_CHECKING:
    import typer

    from credman.cli.parameters import JsonOption


@command()
def list_tokens(
    invocation: Invocation,
    all: Annotated[  # noqa: A002 - the option's name
        bool, typer.Option("--all", help="Those of every environment and profile")
    ] = False,
    json: JsonOption = False,
) -> None:
    """List the tokens of an environment: what `env` would give, and where each comes from.

    Example: credman list -e prod
    """
    context, session = invocation.context, invocation.open_session()
    environment, profile = session.environment().name, session.profile()
    tokens = session.visible()
    if all:
        tokens = sorted(session.snapshot().tokens, key=lambda t: t.key.folded())
    invocation.report(session)
    if json:
        mention_overdue(invocation, session)
        chosen = {} if all else {"environment": environment, "profile": profile}
        context.stdout.print(render_json({**chosen, "tokens": [_facts(t) for t in tokens]}))
        return
    if not tokens:
        context.note(f"nothing is stored in environment {environment}, profile {profile}")
        mention_overdue(invocation, session)
        _note_recovery(invocation, session)
        return
    now, rules = datetime.now(UTC), invocation.make_rules(session)
    dates = {t.key: find_rotation_date(t, rules(t)) for t in tokens}
    headers = ["NAME", "VARIABLE", "FROM", "AGE", "EXPIRES", "ROTATE", "STATE"]
    if all:
        headers.insert(3, "PROFILE")
    context.stdout.print(
        render_table(context, headers, [_row(context, t, dates[t.key], now, all) for t in tokens])
    )
    if not all:
        context.stdout.print(f"  {_summary(tokens, environment)} · profile {profile}")
    for token in tokens:
        _note_exposures(context, token, now)
        overdue = days_overdue(dates[token.key], now)
        if overdue is not None and overdue > 0 and token.find_exposure(now) is None:
            days = "1 day" if overdue == 1 else f"{overdue} days"
            place = name_with_place(token.key)
            context.note(f"{token.key.name} is {days} overdue: credman rotate {place}")
        current = token.current
        if current.state is not VersionState.CURRENT:
            context.note(f"{token.key.name} is {current.state.value}, and is not handed out")
        if token.rotation is not None:
            context.note(
                f"a rotation of {token.key.name} is not finished: credman rotate "
                f"{name_with_place(token.key)} --resume, or --abort"
            )
    mention_overdue(invocation, session, but=[t.key for t in tokens])
    _note_recovery(invocation, session)


def _facts(token: Token) -> dict[str, object]:
    return {**token_facts(token), "exposure": exposure_facts(token.current.exposure)}


def _note_exposures(context: Context, token: Token, now: datetime) -> None:
    place, exposure = name_with_place(token.key), token.find_exposure(now)
    if exposure is not None:
        resume = "" if token.rotation is None else " --resume"
        context.note(f"rotate {place}{resume}: it was {exposure.words}")
    alive = [v for v in token.versions if _is_old_and_alive(v, token, now)]
    for version in alive:
        number = "" if len(alive) == 1 else f" --version {version.number}"
        if version.exposure is not None:
            words = f"#{version.number} was {version.exposure.words} and is still alive"
            context.note(f"revoke {place}{number}: {words}")


def _is_old_and_alive(version: Version, token: Token, now: datetime) -> bool:
    if version.number == token.current.number or not version.fields or version.is_over(now):
        return False
    return version.state in (VersionState.RETIRING, VersionState.COMPROMISED)


def _row(
    context: Context, token: Token, due_at: datetime | None, now: datetime, with_profile: bool
) -> list[str]:
    is_exposed = token.find_exposure(now) is not None
    return [
        token.key.name,
        # A line each would tear a piped row apart.
        ("\n" if context.stdout.is_terminal else " ").join(token.variables),
        token.key.environment,
        *([token.key.profile] if with_profile else []),
        render_age(token.current.created_at, now),
        render_expiry(token, now),
        render_rotation(now if is_exposed else due_at, now),
        "exposed" if is_exposed else render_state(token, now),
    ]


def _summary(tokens: list[Token], environment: str) -> str:
    own = sum(t.key.environment.casefold() == environment.casefold() for t in tokens)
    inherited = len(tokens) - own
    text = f"{own} from {environment}"
    return f"{text}, {inherited} inherited from {BASE_ENVIRONMENT}" if inherited else text


def _note_recovery(invocation: Invocation, session: Session) -> None:
    if session.store.describe().get("recovery") == "no":
        invocation.context.note(
            "there is no recovery key for a lost passphrase: credman recovery new"
        )
