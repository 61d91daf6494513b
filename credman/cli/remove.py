from __future__ import annotations

from typing import TYPE_CHECKING

from credman.cli.options import Invocation, command
from credman.core.errors import Refused, UsageError
from credman.core.standing import refuse_unfinished

if TYPE_CHECKING:
    from credman.cli.parameters import NameArgument, YesOption


@command()
def remove(invocation: Invocation, name: NameArgument, yes: YesOption = False) -> None:
    """Remove a token, with all of its versions.

    The token stays valid at its provider: only credman forgets it.

    Example: credman remove hf -e dev
    """
    session = invocation.open_session()
    token = session.own_token(name)
    where = f"{token.key.name} from environment {token.key.environment}"
    refuse_unfinished(token)  # its new value may be nowhere else
    if not yes:
        if not invocation.source.is_attended():
            raise UsageError(f"removing {where} needs a yes", hint="--yes gives it")
        if not invocation.context.terminal.confirm(f"remove {where}?"):
            raise Refused("nothing was removed")
    session.remove(name)
    invocation.report(session)
    invocation.context.note(f"removed {where}; it is still valid at its provider")
