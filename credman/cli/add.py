from __future__ import annotations

import dataclasses
import os
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from credman.cli.adding import check_live
from credman.cli.context import Context
from credman.cli.create import create_store
from credman.cli.options import Invocation, command
from credman.cli.values import (
    TokenSource,
    find_former_fields,
    find_hints,
    find_provider,
    plan_fields,
    refuse_to_ask_for_file,
    refuse_value_as_argument,
)
from credman.core.errors import Interrupted, NotFound, UsageError, VaultExists
from credman.core.intervals import OFF, parse_date, parse_duration, parse_interval
from credman.core.model import Field, Recipe, Schedule, TokenKey
from credman.core.names import (
    BASE_ENVIRONMENT,
    check_name,
    is_proxy_variable,
    variable_from_name,
)
from credman.core.secret import Secret, mask
from credman.core.standing import is_expired
from credman.output.process import MAX_STRING_BYTES
from credman.providers.catalogue import Catalogue, Provider
from credman.session import Session
from credman.stores.additions import NewToken

if TYPE_CHECKING:
    import typer

    from credman.cli.parameters import NameArgument


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
    command: Annotated[
        str | None,
        typer.Option("--command", metavar="CMD", help="Prints the value, again when it ends"),
    ] = None,
    ttl: Annotated[
        str | None, typer.Option("--ttl", metavar="50m", help="How long a printed value is good")
    ] = None,
    shell: Annotated[
        bool, typer.Option("--shell", help="Run CMD by /bin/sh, not as a program")
    ] = False,
    isolated: Annotated[
        bool, typer.Option("--isolated", help="Its environment inherits nothing from default")
    ] = False,
    note: Annotated[str, typer.Option("--note", metavar="T", help="A remark")] = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="Give an existing token a new version")
    ] = False,
    no_check: Annotated[
        bool, typer.Option("--no-check", help="Do not look whether the value looks right or works")
    ] = False,
) -> None:
    """Store a token.

    The value is asked for, hidden; or piped in: all of standard input less one line end, or as it
    stands if it is a file (add gcp < key.json). With --command a program prints it, now and
    whenever it has ended. Its provider is asked whether it works. NAME may be a provider's name
    (hf, openai, aws, …): then its variables come from the catalogue.

    Example: credman add hf -e prod
    """
    catalogue = invocation.context.catalogue
    words = (*(var or ()), *(field or ()), *note.split())
    printed = re.split(r"[\s'\"=:;,@]+", command or "")
    given = (name, invocation.env, invocation.profile, provider, expires, ttl, *words, *printed)
    refuse_value_as_argument(catalogue, given)
    check_name("token", name)
    if var and field:
        raise UsageError("--var names one value, --field several: give one of them")
    if provider is not None:
        check_name("provider", provider)
    is_described = bool(provider or var or field)
    known = catalogue.get(provider) if provider else catalogue.find(name)
    if known is None and not field:
        var = var or [variable_from_name(name)]
        known = find_provider(catalogue, var)
    new = NewToken(
        name=name,
        fields=plan_fields(name, known, var or [], field or []),
        provider=None if known is None else known.name,
        note=_check_note(note),
        schedule=_schedule(expires, rotate_every),
        isolated=isolated,
        replace=replace,
        recipe=_recipe(command, ttl, uses_shell=shell),
    )
    context = invocation.context
    is_typed = context.stdin.is_terminal and new.recipe is None
    refuse_to_ask_for_file(new, is_terminal=is_typed)
    session = invocation.open_session()
    is_first = not session.store.exists()
    source = TokenSource(invocation, catalogue, known, check=not no_check)
    values: dict[str, Secret] | None = None
    if is_first:
        is_first, values = _begin(invocation, session, new, source, known)
    elif replace and not is_described:
        new, known = _as_before(new, session, catalogue)
        refuse_to_ask_for_file(new, is_terminal=is_typed)
        source = TokenSource(invocation, catalogue, known, check=not no_check)
    session.check_new(new)
    invocation.report(session)
    if values is None:
        _announce(context, new, known, session.target_environment())
        if new.recipe is None:
            values = _read(source, new, is_first=is_first)
        else:
            new, values = _run(context, new, new.recipe, known, session.target_key(new.name))
    said = "not checked"
    if not no_check:
        new, said = check_live(invocation, new, known, values)
    for variable in (v for f in new.fields for v in f.variables if is_proxy_variable(v)):
        context.warn(f"{variable} redirects the network traffic of most programs")
    files = {f.name for f in new.fields if f.is_file}
    for name, value in values.items():
        if name not in files and len(name) + len(value.to_bytes()) + 2 > MAX_STRING_BYTES:
            context.warn(f"{name} is too long for an environment variable; credman get prints it")
    token = session.add(new, values)
    invocation.report(session)
    masked = _masked(catalogue, new.fields, values)
    number = token.current.number
    named = token.key.name if number == 1 else f"{token.key.name} #{number}"
    context.note(f"stored {named}{masked}, {said}")
    if is_expired(token, datetime.now(UTC)):
        context.warn(f"{token.key.name} has expired already: it is not handed out")
    if known is None and number == 1 and not no_check:
        for hint in find_hints(catalogue, new.fields, values):
            context.note(hint)
    if number > 1:
        context.note("the version before it is retiring: it is still valid at its provider")
    if is_first:
        environment = token.key.environment
        chosen = "" if environment == BASE_ENVIRONMENT else f" {environment}"
        in_shell = "" if files else f'eval "$(credman env{chosen})"   or   '
        context.note(f"use it:  {in_shell}credman exec{chosen} -- COMMAND")


def _begin(
    invocation: Invocation,
    session: Session,
    new: NewToken,
    source: TokenSource,
    provider: Provider | None,
) -> tuple[bool, dict[str, Secret] | None]:
    """Makes the vault. What can be refused is refused before; what has to be asked for comes after,
    so that a person chooses the passphrase first.

    Returns:
        Whether the vault is ours, and the values if they were piped in.
    """
    environment = session.check_first(new)
    values: dict[str, Secret] | None = None
    if not invocation.context.stdin.is_terminal and new.recipe is None:
        _announce(invocation.context, new, provider, environment)
        values = source.read(new.fields)
    try:
        create_store(invocation, session.store)
    except VaultExists:  # somebody else was first, a moment ago
        return False, values
    return True, values


def _read(source: TokenSource, new: NewToken, *, is_first: bool) -> dict[str, Secret]:
    try:
        return source.read(new.fields)
    except Interrupted:
        if not is_first:
            raise
        raise Interrupted("stopped; the vault is made, no token is stored") from None


def _announce(context: Context, new: NewToken, provider: Provider | None, environment: str) -> None:
    variables = ", ".join(v for f in new.fields for v in f.variables)
    title = new.name if provider is None else provider.title
    context.note(f"{title} → {variables}, environment {environment}")
    asks = context.stdin.is_terminal and new.recipe is None
    if asks and provider is not None and "{" not in provider.create_url:
        context.note(f"create one: {provider.create_url}")


def _recipe(command: str | None, ttl: str | None, *, uses_shell: bool) -> Recipe | None:
    if command is None:
        if ttl is not None or uses_shell:
            raise UsageError("--ttl and --shell belong to --command")
        return None
    from credman.upkeep.calling import split_command

    if ttl is None:
        raise UsageError("--ttl is missing", hint="--ttl 50m: how long a printed value is good")
    try:
        seconds = int(parse_duration(ttl).total_seconds())
    except UsageError as error:
        raise UsageError(f"--ttl: {error.message}", hint=error.hint) from None
    split_command(command, uses_shell=uses_shell)
    return Recipe(command, seconds, uses_shell)


def _run(
    context: Context, new: NewToken, recipe: Recipe, provider: Provider | None, key: TokenKey
) -> tuple[NewToken, dict[str, Secret]]:
    from credman.upkeep.renewing import run_recipe

    now = datetime.now(UTC).replace(microsecond=0)
    values, ends_at = run_recipe(
        recipe,
        new.fields,
        key=key,
        environ=context.inherited,
        cwd=context.cwd,
        now=now,
        optional=[f.name for f in provider.fields if f.optional] if provider else (),
    )
    return dataclasses.replace(new, ends_at=ends_at), values


def _masked(catalogue: Catalogue, fields: tuple[Field, ...], values: dict[str, Secret]) -> str:
    secret = [values[f.name] for f in fields if f.secret and f.name in values]
    shown = [mask(value, head=catalogue.public_head(value)) for value in secret]
    return f" ({', '.join(shown)})" if shown else ""


def _as_before(
    new: NewToken, session: Session, catalogue: Catalogue
) -> tuple[NewToken, Provider | None]:
    # A new version of hf-write carries HF_TOKEN as the old one did, not HF_WRITE.
    try:
        former = session.own_token(new.name)
    except NotFound:
        known = None if new.provider is None else catalogue.find(new.provider)
        return new, known
    known = None if former.provider is None else catalogue.find(former.provider)
    fields = find_former_fields(former, known)
    return dataclasses.replace(new, fields=fields, provider=former.provider), known


def _check_note(note: str) -> str:
    try:
        return os.fsencode(note).decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError("the note is not UTF-8 text") from None


def _schedule(expires: str | None, rotate_every: str | None) -> Schedule:
    try:
        option = "--rotate-every"
        if rotate_every not in (None, OFF):
            parse_interval(rotate_every)
        option = "--expires"
        expires_at = None if expires is None else parse_date(expires)
    except UsageError as error:
        raise UsageError(f"{option}: {error.message}", hint=error.hint) from None
    return Schedule(rotate_every=rotate_every, expires_at=expires_at)
