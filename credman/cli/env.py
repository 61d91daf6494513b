from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from credman.cli.giving import prepare_tokens
from credman.cli.options import Invocation, command, parse_only
from credman.cli.passing import mention_overdue
from credman.cli.shell import guess_shell
from credman.core.errors import Refused, UsageError
from credman.core.plan import refuse_files
from credman.output.shells import Shell, render_set, render_unset

if TYPE_CHECKING:
    import typer

    from credman.cli.parameters import EnvironmentArgument, OnlyOption


class ShellChoice(StrEnum):
    AUTO = "auto"
    POSIX = "posix"
    BASH = "bash"
    ZSH = "zsh"
    SH = "sh"
    FISH = "fish"


_CHOICES = "|".join(ShellChoice)
_SYNTAX = dict.fromkeys(ShellChoice, Shell.POSIX) | {ShellChoice.FISH: Shell.FISH}


@command()
def env(
    invocation: Invocation,
    environment: EnvironmentArgument = None,
    shell: Annotated[
        str,
        typer.Option(
            "--shell", metavar=_CHOICES, help="Whose syntax; auto looks at who is calling"
        ),
    ] = "auto",
    only: OnlyOption = None,
    unset: Annotated[bool, typer.Option("--unset", help="Take the variables out again")] = False,
    reveal: Annotated[bool, typer.Option("--reveal", help="Print it even to a terminal")] = False,
) -> None:
    """Print text for eval that sets an environment's variables.

    When it fails, the text is `false;`, so that `set -e` stops there.

    Example: eval "$(credman env prod)"      in fish: credman env prod | source
    """
    context = invocation.context
    invocation.choose_environment(environment)
    if context.stdout.is_terminal and not (reveal or unset):
        chosen = f" {invocation.env}" if invocation.env else ""
        raise Refused(
            "not printing tokens to a terminal",
            hint=f'eval "$(credman env{chosen})"; to see them: credman env{chosen} --reveal',
        )
    syntax = _choose_syntax(shell, context.parent)
    session = invocation.open_session()
    plan = session.plan(parse_only(only))
    if not unset:
        plan = prepare_tokens(invocation, session, plan, parse_only(only))
    if unset:
        text = render_unset(syntax, (entry.variable for entry in plan))
    else:
        refuse_files(plan)
        text = render_set(syntax, session.reveal(plan))
    invocation.report(session)
    mention_overdue(invocation, session)
    if not plan:
        context.note(f"nothing is stored in environment {session.environment().name}")
    context.stdout.write(text)


def _choose_syntax(shell: str, parent: int) -> Shell:
    if shell not in _CHOICES.split("|"):
        raise UsageError("--shell cannot be that", hint=f"one of {', '.join(ShellChoice)}")
    choice = ShellChoice(shell)
    return guess_shell(parent) if choice is ShellChoice.AUTO else _SYNTAX[choice]
