from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from credman.cli.giving import prepare_tokens
from credman.cli.options import Invocation, command, parse_only
from credman.core.errors import Refused, UsageError
from credman.core.names import BASE_ENVIRONMENT
from credman.core.plan import PlanEntry, refuse_files
from credman.output.files import refuse_existing, write_new_file
from credman.output.formats import Format, render_file

if TYPE_CHECKING:
    import typer

    from credman.cli.parameters import EnvironmentArgument, OnlyOption


@command(asks_again=True)
def export(
    invocation: Invocation,
    environment: EnvironmentArgument = None,
    form: Annotated[
        str | None,
        typer.Option("--format", metavar="FORMAT", help=f"One of {', '.join(Format)}"),
    ] = None,
    output: Annotated[
        Path | None,  # not a str: a path may hold what looks like a token
        typer.Option("-o", "--output", metavar="FILE", help="Write to this new file, mode 0600"),
    ] = None,
    only: OnlyOption = None,
    reveal: Annotated[bool, typer.Option("--reveal", help="Print it even to a terminal")] = False,
) -> None:
    """Write an environment's values in clear, for other programs to read.

    They lie there for everyone who can read the file: `credman exec` needs none. What a format
    cannot hold is refused, and then nothing is written. docker is for --env-file, github for
    $GITHUB_ENV, k8s the manifest of a Secret.

    Example: credman export prod --format dotenv -o .env
    """
    context = invocation.context
    invocation.choose_environment(environment)
    chosen = _choose_format(form)
    path = None if output is None else str(output)
    if path is not None:
        refuse_existing(path, directory=context.cwd)
    elif context.stdout.is_terminal and not reveal:
        raise Refused(
            "not printing tokens to a terminal",
            hint="-o FILE writes them to a new file; to see them: --reveal",
        )
    session = invocation.open_session()
    wanted = parse_only(only)
    plan = prepare_tokens(invocation, session, session.plan(wanted), wanted)
    refuse_files(plan)
    name = session.environment().name
    data = render_file(chosen, session.reveal(plan), environment=name, profile=session.profile())
    invocation.report(session)
    if path is None:
        context.stdout.write(data)
    else:
        write_new_file(path, data, directory=context.cwd)
    if not plan:
        context.note(f"nothing is stored in environment {name}")
        return
    where = "on standard output" if path is None else f"in {path}"
    context.warn(f"{_count(plan)} in clear {where}: {_origins(plan, name)}")


def _choose_format(form: str | None) -> Format:
    known = f"one of {', '.join(Format)}"
    if form is None:
        raise UsageError("--format is missing", hint=known)
    if form not in set(Format):
        raise UsageError("--format cannot be that", hint=known)
    return Format(form)


def _count(plan: Sequence[PlanEntry]) -> str:
    return "1 value" if len(plan) == 1 else f"{len(plan)} values"


def _origins(plan: Sequence[PlanEntry], environment: str) -> str:
    own = sum(e.token.key.environment.casefold() == environment.casefold() for e in plan)
    inherited = len(plan) - own
    parts = [f"{own} from {environment}"]
    if inherited:
        parts.append(f"{inherited} inherited from {BASE_ENVIRONMENT}")
    return ", ".join(parts)
