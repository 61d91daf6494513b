from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from credman.cli.options import Invocation, command
from credman.cli.values import refuse_value_as_argument
from credman.core.names import check_name

if TYPE_CHECKING:
    import typer

    from credman.cli.parameters import NameArgument


@command()
def rename(
    invocation: Invocation,
    name: NameArgument,
    new_name: Annotated[str, typer.Argument(metavar="NEW", help="Its name from now on")],
) -> None:
    """Give a token another name.

    Its versions, dates and variables stay as they are.

    Example: credman rename hf hf-write -e prod
    """
    refuse_value_as_argument(invocation.context.catalogue, (name, new_name))
    check_name("token", new_name)
    session = invocation.open_session()
    former = session.own_token(name)
    token = session.rename(name, new_name)
    invocation.report(session)
    invocation.context.note(
        f"renamed {former.key.name} to {token.key.name} in environment {token.key.environment}; "
        f"it still sets {', '.join(token.variables)}"
    )
