"""Running a command with variables set: which program, with what environment.

Bytes go from the store to ``execve`` as they are, through no text format. The process is replaced,
so signals, exit codes and the terminal are the command's own. A value that is a file goes into one
in memory, and its path into the variable.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from credman.core.errors import UsageError
from credman.core.names import check_variable
from credman.core.secret import Secret
from credman.output.memfile import check_memory_files

MAX_STRING_BYTES = 131_072
"""Linux: MAX_ARG_STRLEN, for one ``NAME=value`` and its NUL."""


@dataclass(frozen=True, slots=True)
class Execution:
    """A command that is ready to replace this process.

    Args:
        variables: set over the environment of whoever runs it.
        files: by variable, what it finds in the file whose path the variable holds.
    """

    argv: tuple[str, ...]
    variables: Mapping[str, str] = field(repr=False)
    files: Mapping[str, Secret] = field(default_factory=dict, repr=False)


def check_lengths(variables: Mapping[str, Secret]) -> None:
    """Raises: UsageError: a value is too long for the system: no program could be started with it,
    and a shell that exports it can start none at all."""
    for name, value in variables.items():
        if len(name) + len(value.to_bytes()) + 2 > MAX_STRING_BYTES:
            raise UsageError(
                f"the value of {name} is too long for an environment variable",
                hint=f"the system takes {MAX_STRING_BYTES - 2} bytes, the name included; "
                "--only with the others leaves it out, credman get prints it",
            )


def prepare_execution(
    argv: Sequence[str], variables: Mapping[str, Secret], *, files: Collection[str] = ()
) -> Execution:
    """Args:
        argv: the command and its arguments.
        variables: set over the caller's environment.
        files: those of them that hold the path of a file with the value, not the value.

    Raises:
        UsageError: a value is too long for the system.
        DeniedVariable: a name changes how programs start.
        Unavailable: the system has no files in memory.
    """
    for name in variables:
        check_variable(name)
    if files:
        check_memory_files()
    plain = {name: value for name, value in variables.items() if name not in files}
    check_lengths(plain)
    # As in os.environ: bytes that are not text of the locale travel as surrogates.
    added = {name: os.fsdecode(value.to_bytes()) for name, value in plain.items()}
    held = {name: value for name, value in variables.items() if name in files}
    return Execution(tuple(argv), added, held)
