from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

from credman.cli.asking import PersonAtTerminal, name_user, own_token_held
from credman.cli.options import Invocation, command
from credman.core.errors import Interrupted, UsageError
from credman.upkeep.revoking import Revoker

if TYPE_CHECKING:
    import typer

    from credman.cli.parameters import NameArgument, VersionOption, YesOption


@command()
def revoke(
    invocation: Invocation,
    name: NameArgument,
    version: VersionOption = None,
    compromised: Annotated[
        bool,
        typer.Option("--compromised", help="Somebody may know it: never hand it out again"),
    ] = False,
    yes: YesOption = False,
) -> None:
    """End an old version of a token at its provider, prove it dead, and drop its value.

    The version that a rotation left behind, or the one that is named. It needs a successor that is
    known to be live, or a yes. Where the provider cannot be asked, its page is opened.

    Example: credman revoke hf
    """
    number = parse_version(version)
    session = invocation.open_session()
    person = PersonAtTerminal(invocation, is_sure=yes)
    with own_token_held(invocation, session, name) as token:
        revoker = Revoker(
            session, invocation.providers, person, token, who=name_user(), wait=time.sleep
        )
        chosen = revoker.choose(number, is_compromised=compromised)
        if compromised:
            revoker.compromise(chosen)
        try:
            revoker.revoke(chosen, is_sure=yes)
        except Interrupted:
            if not revoker.done:
                raise
            raise Interrupted(f"stopped; {', '.join(revoker.done)}") from None
    invocation.report(session)


def parse_version(text: str | None) -> int | None:
    """Raises: UsageError: it is no number of a version."""
    if text is None:
        return None
    digits = text.removeprefix("#")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise UsageError("the number of a version is a number", hint="credman history shows them")
    return int(digits)
