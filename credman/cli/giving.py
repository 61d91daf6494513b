"""Before tokens are handed out: those that a command prints are renewed, others are warned of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime

from credman.cli.context import Context
from credman.cli.options import Invocation
from credman.core.environ import Environ
from credman.core.errors import CredmanError, Refused
from credman.core.model import Token
from credman.core.plan import PlanEntry
from credman.core.standing import is_due, is_expired
from credman.session import Session


def prepare_tokens(
    invocation: Invocation, session: Session, plan: list[PlanEntry], only: Collection[str]
) -> list[PlanEntry]:
    """Args:
        plan: what is to be handed out.
        only: as of ``Session.plan``, which made it.

    Returns:
        The plan as it is afterwards.

    Raises:
        Unavailable: a value has expired, and its command prints no other.
    """
    tokens = list({entry.token.key: entry.token for entry in plan}.values())
    if not any(token.recipe or token.expires_at for token in tokens):
        return plan
    has_renewed = [_renew(invocation, session, token) for token in tokens]
    _warn_of_end(invocation, tokens)
    return session.plan(only) if any(has_renewed) else plan


def prepare_token(invocation: Invocation, session: Session, token: Token) -> Token:
    """As ``prepare_tokens``, for one."""
    if _renew(invocation, session, token):
        return session.token(token.key.name)
    _warn_of_end(invocation, [token])
    return token


def _renew(invocation: Invocation, session: Session, token: Token) -> bool:
    if token.recipe is None:
        return False
    now = datetime.now(UTC).replace(microsecond=0)
    if not is_due(token, now):
        return False
    # Where nothing of the caller is known but his names, this ends what the agent does for him.
    environ = Environ(invocation.context.inherited)
    from credman.cli.asking import hold_token
    from credman.upkeep.renewing import COMMAND_SECONDS, refuse_recursion

    refuse_recursion(token.key, environ)
    try:
        with ExitStack() as stack:
            held = hold_token(invocation, token.key, seconds=COMMAND_SECONDS + 5)
            with invocation.apart():  # whoever has it may need the sessions to give it back
                stack.enter_context(held)
            session.refresh()
            found = session.token(token.key.name)
            if not is_due(found, now):
                return True  # somebody else did it a moment ago
            return _run(invocation, session, found, environ, now)
    except CredmanError as error:
        if is_expired(token, datetime.now(UTC)):
            raise
        invocation.context.warn(f"{error.message}; the value that is stored is still good")
        return False


def renew_now(invocation: Invocation, session: Session, token: Token) -> None:
    """Runs the command of a token whose lock is held, whether its value has ended or not.

    Raises:
        Unavailable: it prints no value.
    """
    from credman.upkeep.renewing import refuse_recursion

    environ = Environ(invocation.context.inherited)
    refuse_recursion(token.key, environ)
    now = datetime.now(UTC).replace(microsecond=0)
    _run(invocation, session, token, environ, now)


def _run(
    invocation: Invocation,
    session: Session,
    token: Token,
    environ: Mapping[str, str],
    now: datetime,
) -> bool:
    from credman.upkeep.renewing import renewed, run_recipe

    context = invocation.context
    recipe, name, fields = token.recipe, token.key.name, token.present_fields
    if recipe is None:
        return False
    with invocation.apart():
        values, ends_at = run_recipe(
            recipe,
            fields,
            key=token.key,
            environ=environ,
            cwd=context.cwd,
            now=now,
            optional=list_optional(context, token),
        )
    number = token.next_number

    def change(stored: Token) -> Token:
        if stored.recipe != recipe or stored.next_number != number:
            raise Refused(f"{name} was changed by another process", hint="try again")
        return renewed(stored, [*values], ends_at=ends_at, now=now)

    session.change_token(token.key, change, values, version=number)
    return True


def list_optional(context: Context, token: Token) -> list[str]:
    """Returns: the fields of a token that its provider does not always give."""
    provider = context.catalogue.find(token.provider) if token.provider else None
    return [f.name for f in provider.fields if f.optional] if provider else []


def _warn_of_end(invocation: Invocation, tokens: Iterable[Token]) -> None:
    now = datetime.now(UTC)
    for token in tokens:
        ends_at = token.expires_at
        if token.recipe or ends_at is None or ends_at <= now:
            continue
        left = ends_at - now
        if left <= invocation.config.warn_before:
            from credman.cli.render import render_seconds

            seconds = int(left.total_seconds())
            invocation.context.warn(f"{token.key.name} expires in {render_seconds(seconds)}")
