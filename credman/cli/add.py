from __future__ import annotations

from typing import Annotated

import typer

from credman.cli.create import create_store
from credman.cli.options import Invocation, NameArgument, command
from credman.cli.values import TokenSource, plan_fields, refuse_value_as_name
from credman.core.errors import UsageError
from credman.core.intervals import parse_date, parse_interval
from credman.core.model import Field, Schedule
from credman.core.names import check_name, is_proxy_variable
from credman.core.secret import Secret, mask
from credman.providers.catalogue import Provider, load_catalogue
from credman.session import NewToken


@command()
def add(
    invocation: Invocation,
    name: NameArgument,
    provider: Annotated[
        str | None, typer.Option("--provider", metavar="P", help="Who issued it; see `providers`")
    ] = None,
    var: Annotated[
        list[str] | None,
        typer.Option("--var", metavar="VAR", help="A variable that carries the value; repeatable"),
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option("--field", metavar="VAR", help="A part with a value of its own; repeatable"),
    ] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="DATE", help="Such as 2027-03-31")
    ] = None,
    rotate_every: Annotated[
        str | None, typer.Option("--rotate-every", metavar="90d", help="Days or weeks")
    ] = None,
    isolated: Annotated[
        bool, typer.Option("--isolated", help="Its environment inherits nothing from default")
    ] = False,
    note: Annotated[str, typer.Option("--note", metavar="T", help="A remark")] = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="Give an existing token a new version")
    ] = False,
    no_check: Annotated[
        bool, typer.Option("--no-check", help="Do not look whether the value looks right")
    ] = False,
) -> None:
    """Store a token.

    The value is asked for, hidden; or piped in: all of standard input less one line end. NAME may
    be a provider's name (hf, openai, aws, …): then its variables come from the catalogue.

    Example: credman add hf -e prod
    """
    catalogue = load_catalogue()
    refuse_value_as_name(catalogue, name)
    check_name("token", name)
    if var and field:
        raise UsageError("--var names one value, --field several: give one of them")
    known = catalogue.get(provider) if provider else catalogue.find(name)
    new = NewToken(
        name=name,
        fields=plan_fields(name, known, var or [], field or []),
        provider=None if known is None else known.name,
        note=note,
        schedule=_schedule(expires, rotate_every),
        isolated=isolated,
        replace=replace,
    )
    context, session = invocation.context, invocation.open_session()
    is_first = not session.store.exists()
    if is_first:
        create_store(invocation, session.store)
    session.check_new(new)
    invocation.report(session)
    environment = session.target_environment()
    context.note(_announce(new, known, environment))
    source = TokenSource(invocation, catalogue, known, check=not no_check)
    values = source.read(new.fields)
    for variable in (v for f in new.fields for v in f.variables if is_proxy_variable(v)):
        context.warn(f"{variable} redirects the network traffic of most programs")
    token = session.add(new, values)
    invocation.report(session)
    context.note(f"stored {token.key.name}{_masked(new.fields, values)}, not checked")
    if is_first:
        chosen = "" if environment == "default" else f" {environment}"
        context.note(
            f'use it:  eval "$(credman env{chosen})"   or   credman exec{chosen} -- COMMAND'
        )


def _announce(new: NewToken, provider: Provider | None, environment: str) -> str:
    variables = ", ".join(v for f in new.fields for v in f.variables)
    if provider is None:
        return f"{new.name} → {variables}, environment {environment}"
    return (
        f"{provider.title} → {variables}, environment {environment}"
        f"        create one: {provider.create_url}"
    )


def _masked(fields: tuple[Field, ...], values: dict[str, Secret]) -> str:
    shown = [mask(values[f.name]) for f in fields if f.secret and f.name in values]
    return f" ({', '.join(shown)})" if shown else ""


def _schedule(expires: str | None, rotate_every: str | None) -> Schedule:
    if rotate_every is not None:
        parse_interval(rotate_every)
    return Schedule(
        rotate_every=rotate_every, expires_at=None if expires is None else parse_date(expires)
    )
