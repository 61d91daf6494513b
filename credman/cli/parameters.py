"""What the options and arguments that many commands share look like to the parser.

With ``parsing`` the only module that imports typer: a command line that is parsed without it never
pays for it.
"""

from __future__ import annotations

from typing import Annotated

import typer

EnvironmentOption = Annotated[
    str | None,
    typer.Option("-e", "--env", metavar="ENV", help="Environment; CREDMAN_ENV, else default"),
]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        "-p", "--profile", metavar="PROFILE", help="Profile; CREDMAN_PROFILE, else default"
    ),
]
StoreOption = Annotated[
    str | None,
    typer.Option("--store", metavar="URL", help="Where tokens rest; CREDMAN_STORE, else file:"),
]
PassphraseOption = Annotated[
    str | None,
    typer.Option(
        "--passphrase-fd", metavar="N", help="Read the passphrase from this file descriptor"
    ),
]
NewPassphraseOption = Annotated[
    str | None,
    typer.Option(
        "--new-passphrase-fd", metavar="N", help="Read the new passphrase from this descriptor"
    ),
]
RecoveryFileOption = Annotated[
    str | None,
    typer.Option("--recovery-file", metavar="F", help="Write the recovery key to a new file"),
]
NoInputOption = Annotated[
    bool, typer.Option("--no-input", help="Never ask; CREDMAN_NO_INPUT=1 says the same")
]
EnvironmentArgument = Annotated[
    str | None, typer.Argument(metavar="ENV", help="Environment, as with -e", show_default=False)
]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The token's name")]
VersionOption = Annotated[
    str | None, typer.Option("--version", metavar="N", help="The number of the version")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON")]
PreCommitOption = Annotated[
    bool, typer.Option("--pre-commit", help="The hook for commits; else both")
]
PrePushOption = Annotated[bool, typer.Option("--pre-push", help="The hook for pushes; else both")]
YesOption = Annotated[bool, typer.Option("-y", "--yes", help="Do not ask")]
OnlyOption = Annotated[
    str | None,
    typer.Option(
        "--only", metavar="A,B", help="Only these tokens or variables", show_default=False
    ),
]

SHARED = {
    "env": EnvironmentOption,
    "profile": ProfileOption,
    "store": StoreOption,
    "passphrase_fd": PassphraseOption,
    "no_input": NoInputOption,
}
"""By the name of the parameter."""
