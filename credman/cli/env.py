from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from credman.cli.options import (
    EnvironmentArgument,
    Invocation,
    OnlyOption,
    command,
    parse_only,
)
from credman.cli.shell import guess_shell
from credman.core.errors import Refused
from credman.output.shells import Shell, render_set, render_unset


class ShellChoice(StrEnum):
    AUTO = "auto"
    POSIX = "posix"
    BASH = "bash"
    ZSH = "zsh"
    SH = "sh"
    FISH = "fish"


@command()
def env(
    invocation: Invocation,
    environment: EnvironmentArgument = None,
    shell: Annotated[
        ShellChoice, typer.Option("--shell", help="Whose syntax; auto looks at who is calling")
    ] = ShellChoice.AUTO,
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
    syntax = guess_shell(context.parent) if shell is ShellChoice.AUTO else _SYNTAX[shell]
    session = invocation.open_session()
    plan = session.plan(parse_only(only))
    if unset:
        text = render_unset(syntax, (entry.variable for entry in plan))
    else:
        text = render_set(syntax, session.reveal(plan))
    invocation.report(session)
    if not plan:
        context.note(f"nothing is stored in environment {session.environment().name}")
    context.stdout.write(text)


_SYNTAX = dict.fromkeys(ShellChoice, Shell.POSIX) | {ShellChoice.FISH: Shell.FISH}
