from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from credman.cli.asking import PersonAtTerminal, own_token_held
from credman.cli.giving import renew_now
from credman.cli.options import Invocation, command
from credman.cli.values import TokenSource, refuse_value_as_argument
from credman.core.errors import UsageError
from credman.core.intervals import parse_interval
from credman.core.model import Token
from credman.core.secret import Secret
from credman.core.standing import name_with_place
from credman.session import Session
from credman.upkeep.rotating import Rotator

if TYPE_CHECKING:
    import typer

    from credman.cli.parameters import NameArgument, YesOption


@command()
def rotate(
    invocation: Invocation,
    name: NameArgument,
    auto: Annotated[
        bool, typer.Option("--auto", help="The token asks its provider for its successor")
    ] = False,
    manual: Annotated[bool, typer.Option("--manual", help="You make the new one")] = False,
    grace: Annotated[
        str | None,
        typer.Option("--grace", metavar="7d", help="How long the old one is to live"),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where it was broken off")] = False,
    abort: Annotated[bool, typer.Option("--abort", help="Give up one that was broken off")] = False,
    no_check: Annotated[
        bool, typer.Option("--no-check", help="Do not look whether the value looks right or works")
    ] = False,
    yes: YesOption = False,
) -> None:
    """Replace a token by a new one: it is checked, becomes current, and the old one retires.

    You make the new one on the page that is opened, and paste it; or it is piped in. With --auto
    the token itself asks its provider, where that is possible. Each step is stored before the next,
    so what is broken off can be taken up with --resume.

    Example: credman rotate hf
    """
    chosen = [option for option in (auto, manual, resume, abort) if option]
    if len(chosen) > 1:
        raise UsageError("--auto, --manual, --resume and --abort exclude each other")
    if grace is not None:
        _check_grace(grace)
    context = invocation.context
    refuse_value_as_argument(context.catalogue, (name, grace))
    session = invocation.open_session()
    person = PersonAtTerminal(invocation, is_sure=yes)
    with own_token_held(invocation, session, name) as token:
        if token.recipe is not None:
            if chosen or (not context.stdin.is_terminal and context.stdin.read(1)):
                raise UsageError(
                    f"the value of {token.key.name} comes from its command",
                    hint=f"credman rotate {name_with_place(token.key)} runs it now",
                )
            renew_now(invocation, session, token)
            context.note(f"{token.key.name} has a new value: its command printed it")
            return
        rotator = Rotator(
            session,
            invocation.providers,
            person,
            token,
            wait=time.sleep,
            show=person.show_on_terminal,
            reopen=invocation.open_session,
            rules=invocation.make_rules(session),
        )
        if abort:
            rotator.abort(is_sure=yes)
            context.note(f"the rotation of {token.key.name} is given up")
        elif resume:
            rotator.resume(check=not no_check)
        elif auto:
            rotator.automatic(grace=grace, lifetime=None)
        else:
            rotator.by_hand(
                lambda: _read(invocation, session, token, check=not no_check, is_sure=yes),
                grace=grace,
                check=not no_check,
                is_piped=not context.stdin.is_terminal,
            )
    invocation.report(session)


def _read(
    invocation: Invocation, session: Session, token: Token, *, check: bool, is_sure: bool
) -> Mapping[str, Secret]:
    catalogue = invocation.context.catalogue
    provider = None if token.provider is None else catalogue.find(token.provider)
    fields = token.present_fields
    former = session.values(token)
    kept = {f.name: former[f.name] for f in fields if not f.secret and f.name in former}
    source = TokenSource(invocation, catalogue, provider, check=check, former=kept, is_sure=is_sure)
    return {**kept, **source.read(fields)}


def _check_grace(grace: str) -> None:
    try:
        parse_interval(grace)
    except UsageError as error:
        raise UsageError(f"--grace: {error.message}", hint=error.hint) from None
