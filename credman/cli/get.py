from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from credman.cli.giving import prepare_token
from credman.cli.options import Invocation, Result, command
from credman.core.errors import NotFound, Refused, UsageError
from credman.core.model import Token
from credman.core.secret import Secret

if TYPE_CHECKING:
    import typer

    from credman.cli.parameters import NameArgument


@command()
def get(
    invocation: Invocation,
    name: NameArgument,
    field: Annotated[
        str | None, typer.Option("--field", metavar="VAR", help="Which part, of several")
    ] = None,
    reveal: Annotated[bool, typer.Option("--reveal", help="Print it even to a terminal")] = False,
    clip: Annotated[
        bool, typer.Option("--clip", help="To the clipboard, cleared after 30 s if unchanged")
    ] = False,
) -> Result:
    """Print one value, and nothing else.

    Piped, the value stands alone, without a line end.

    Example: curl -H "Authorization: Bearer $(credman get hf)" https://…
    """
    context = invocation.context
    if context.stdout.is_terminal and not (reveal or clip):
        raise Refused(
            "not printing a token to a terminal",
            hint=f"to see it: credman get {name} --reveal; to paste it: --clip",
        )
    session = invocation.open_session()
    token = prepare_token(invocation, session, session.token(name))
    values = session.hand_out(token)
    invocation.report(session)
    value = _choose(token, values, field)
    if clip:
        from credman.cli.clipboard import copy_for_a_while

        return copy_for_a_while(context, token.key.name, value)
    end = b"\n" if context.stdout.is_terminal else b""
    context.stdout.write(value.to_bytes() + end)
    return None


def _choose(token: Token, values: dict[str, Secret], wanted: str | None) -> Secret:
    listed = ", ".join(values)
    if wanted is not None:
        field = token.find_field(wanted)
        if field is None or field.name not in values:
            raise NotFound(f"{token.key.name} has no field of that name", hint=f"it has {listed}")
        return values[field.name]
    secret = [f.name for f in token.fields if f.secret and f.name in values] or list(values)
    if len(secret) > 1:
        raise UsageError(
            f"{token.key.name} has several secret fields", hint=f"--field {' or '.join(secret)}"
        )
    return values[secret[0]]
