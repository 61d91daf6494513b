from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Annotated

from credman.cli.options import Invocation, command
from credman.core.errors import UsageError

if TYPE_CHECKING:
    import typer

_SCRIPTS = {
    "bash": "credman.bash",
    "zsh": "credman.zsh",
    "fish": "credman.fish",
    "powershell": "credman.ps1",
    "pwsh": "credman.ps1",
}
_CHOICES = "bash|zsh|fish|powershell"


@command(selecting=False, opening=False)
def completions(
    invocation: Invocation,
    shell: Annotated[str, typer.Argument(metavar=_CHOICES, help="Whose script; pwsh as well")],
) -> None:
    """Print the completion script of a shell.

    \b
    bash:  credman completions bash > ~/.credman.bash
           and in ~/.bashrc: source ~/.credman.bash
    zsh:   credman completions zsh > DIR/_credman
           where DIR is in fpath before compinit runs
    fish:  credman completions fish > ~/.config/fish/completions/credman.fish
    pwsh:  in $PROFILE: credman completions pwsh | Out-String | Invoke-Expression

    After an upgrade it is to be written anew. Names come from the agent, or from a cache without
    values; nothing is ever unlocked for them.

    Example: credman completions zsh > ~/.zfunc/_credman
    """
    if shell not in _SCRIPTS:
        raise UsageError(
            "there is no completion for that shell",
            hint=f"one of {_CHOICES.replace('|', ', ')}",
        )
    script = files("credman").joinpath("completions", _SCRIPTS[shell])
    invocation.context.stdout.write(script.read_bytes())
