from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from credman.cli.options import Invocation, command
from credman.cli.values import refuse_value_as_argument
from credman.core.errors import UsageError
from credman.core.names import check_name

if TYPE_CHECKING:
    import typer

    from credman.cli.parameters import NameArgument


@command()
def copy(
    invocation: Invocation,
    name: NameArgument,
    to_env: Annotated[
        str | None,
        typer.Option("--to-env", metavar="ENV", help="Where the copy goes; made if it is new"),
    ] = None,
) -> None:
    """Copy a token into another environment.

    The copy has the current value, and its age; later changes of one do not reach the other. A
    token that is inherited can be copied as well.

    Example: credman copy hf --to-env staging
    """
    if to_env is None:
        raise UsageError("--to-env is missing", hint=f"credman copy {name} --to-env ENV")
    refuse_value_as_argument(invocation.context.catalogue, (name, to_env))
    check_name("environment", to_env)
    session = invocation.open_session()
    token, copied = session.copy(name, to_env)
    invocation.report(session)
    context = invocation.context
    context.note(
        f"copied {token.key.name} from environment {token.key.environment} to "
        f"{copied.key.environment}, where it sets {', '.join(copied.variables)}"
    )
    context.note("both are one token at its provider: revoking it there ends both")
