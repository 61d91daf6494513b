from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from credman.cli.context import Context
from credman.cli.options import Invocation, Result, command
from credman.cli.progress import is_shown, make_bar
from credman.cli.render import NOTHING, render_json, render_seconds, render_table, token_facts
from credman.core.errors import UsageError
from credman.core.intervals import format_instant
from credman.core.model import Liveness, Token
from credman.core.names import quote_untrusted
from credman.core.standing import name_with_place
from credman.session import Session
from credman.upkeep.checking import Checked, check_tokens, remember_if_possible

if TYPE_CHECKING:
    import typer

    from credman.cli.parameters import JsonOption

FINDINGS = 8


@command()
def check(
    invocation: Invocation,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="Which tokens; else all", show_default=False),
    ] = None,
    all: Annotated[  # noqa: A002 - the option's name
        bool, typer.Option("--all", help="Those of every environment and profile")
    ] = False,
    json: JsonOption = False,
) -> Result:
    """Ask providers whether tokens are live: who they are there, what they may do, until when.

    Without NAME all tokens of the environment, inherited ones included. What cannot be told is
    unknown, never dead. Ends with 8 if one is dead.

    Example: credman check --all
    """
    context = invocation.context
    if all and names:
        raise UsageError("--all and NAME exclude each other")
    session = invocation.open_session()
    tokens = _choose(session, names or [], all=all)
    providers = invocation.providers
    with _progress(context, len(tokens)) as tick:
        checked = check_tokens(session, providers, tokens, tick=tick)
    problem = remember_if_possible(session, checked)
    invocation.report(session)
    if problem:
        context.warn(f"what was found is not remembered: {problem}")
    if json:
        context.stdout.print(render_json({"tokens": [_facts(item) for item in checked]}))
    elif checked:
        _print(context, checked)
    else:
        context.note("there is nothing to check")
    return FINDINGS if any(c.verdict.liveness is Liveness.DEAD for c in checked) else None


def _choose(session: Session, names: Sequence[str], *, all: bool) -> list[Token]:  # noqa: A002
    if all:
        return sorted(session.snapshot().tokens, key=lambda t: t.key.folded())
    visible = session.visible()
    return list({t.key: t for t in map(session.token, names)}.values()) if names else visible


def _print(context: Context, checked: Sequence[Checked]) -> None:
    now = datetime.now(UTC)
    headers = ["NAME", "FROM", "STATE", "DETAIL"]
    has_profiles = len({c.token.key.profile.casefold() for c in checked}) > 1
    if has_profiles:
        headers.insert(2, "PROFILE")
    rows = [
        [
            item.token.key.name,
            item.token.key.environment,
            *([item.token.key.profile] if has_profiles else []),
            item.verdict.liveness.value,
            quote_untrusted(_detail(item, now)),
        ]
        for item in checked
    ]
    context.stdout.print(render_table(context, headers, rows))
    for item in checked:
        if item.verdict.liveness is Liveness.DEAD and item.token.recipe is None:
            context.note(
                f"{item.token.key.name} is dead: credman rotate {name_with_place(item.token.key)}"
            )


def _detail(item: Checked, now: datetime) -> str:
    verdict = item.verdict
    parts = [verdict.identity, verdict.scopes, verdict.reason]
    if verdict.expires_at is not None:
        left = int((verdict.expires_at - now).total_seconds())
        ends = f"in {render_seconds(left)}" if left > 0 else "expired"
        parts.append(f"expires {verdict.expires_at.date().isoformat()} ({ends})")
    return ", ".join(filter(None, parts)) or NOTHING


def _facts(item: Checked) -> dict[str, object]:
    verdict = item.verdict
    facts = token_facts(item.token)
    chosen = {key: facts[key] for key in ("name", "environment", "profile", "provider", "version")}
    return {
        **chosen,
        "state": verdict.liveness.value,
        "reason": verdict.reason,
        "identity": verdict.identity or None,
        "scopes": verdict.scopes or None,
        "expires_at": verdict.expires_at and format_instant(verdict.expires_at),
    }


@contextmanager
def _progress(context: Context, count: int) -> Iterator[Callable[[], None]]:
    """A bar on a terminal, for as long as it takes; nothing elsewhere."""
    if count < 2 or not is_shown(context):
        yield lambda: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn

    with make_bar(context, BarColumn(), MofNCompleteColumn()) as progress:
        task = progress.add_task("", total=count)

        def tick() -> None:
            progress.start()  # not before: what is said first would stand in the bar
            progress.advance(task)

        yield tick
