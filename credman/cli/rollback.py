from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from credman.cli.asking import PersonAtTerminal, own_token_held
from credman.cli.options import Invocation, command
from credman.cli.revoke import parse_version
from credman.core.errors import Refused
from credman.core.model import Liveness, Token, VersionState
from credman.core.standing import name_with_place
from credman.providers.verdicts import utc_now
from credman.upkeep.common import describe, find_values, make_finding
from credman.watch import rotation

if TYPE_CHECKING:
    import typer

    from credman.cli.parameters import NameArgument, YesOption


@command()
def rollback(
    invocation: Invocation,
    name: NameArgument,
    to: Annotated[
        str | None, typer.Option("--to", metavar="N", help="To this version; else the last one")
    ] = None,
    yes: YesOption = False,
) -> None:
    """Make a former version the current one again.

    One that is dead is refused: its provider is asked, where that is possible. The version that was
    current retires.

    Example: credman rollback hf --to 3
    """
    number = parse_version(to)
    session = invocation.open_session()
    providers, context = invocation.providers, invocation.context
    person = PersonAtTerminal(invocation, is_sure=yes)
    with own_token_held(invocation, session, name) as token:
        if token.recipe is not None:
            raise Refused(
                f"the values of {token.key.name} come from a command: there is no history"
            )
        chosen = _choose(token) if number is None else number
        rotation.roll_back(token, chosen, now=utc_now())  # what is wrong is said before asking
        version = rotation.find_version(token, chosen)
        verdict = providers.ask(
            providers.find(token),
            token.fields,
            find_values(session, token, version),
            version.finding,
        )
        finding = make_finding(verdict)
        if verdict.liveness is Liveness.DEAD:
            session.change_token(
                token.key, lambda t: rotation.note_finding(t, chosen, finding, None)
            )
            raise Refused(
                f"{token.key.name} #{chosen} is dead ({verdict.reason})", hint="nothing was changed"
            )
        if verdict.liveness is Liveness.UNKNOWN:
            context.note(f"not checked: {verdict.reason}")
            if not verdict.is_final and not person.confirm("go back to it without a check?"):
                raise Refused("nothing was changed")

        def back(stored: Token) -> Token:
            noted = rotation.note_finding(stored, chosen, finding, verdict.expires_at)
            return rotation.roll_back(noted, chosen, now=utc_now())

        token = session.change_token(token.key, back)
    invocation.report(session)
    said = f", {describe(verdict)}" if finding is not None else ""
    context.note(f"{token.key.name} #{chosen} is current again{said}")
    retired = [v for v in token.versions if v.state is VersionState.RETIRING and v.number > chosen]
    if retired:
        place = name_with_place(token.key)
        context.note(f"#{retired[-1].number} is retiring: credman revoke {place} ends it")


def _choose(token: Token) -> int:
    former = [v for v in rotation.list_alive(token) if v.state is VersionState.RETIRING]
    if not former:
        raise Refused(f"no former version of {token.key.name} is left to go back to")
    return max(former, key=lambda v: v.number).number
