"""Running a command with variables set: which program, with what environment.

Bytes go from the store to ``execve`` as they are, through no text format. The process is replaced,
so signals, exit codes and the terminal are the command's own. A value that is a file goes into one
in memory, and its path into the variable.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from credman.core.errors import UsageError
from credman.core.names import check_variable
from credman.core.secret import Secret
from credman.output.memfile import check_memory_files, hold_in_memory

CANNOT_EXECUTE = 126
NOT_FOUND = 127
FAILED_BEFORE = 125
MAX_STRING_BYTES = 131_072
"""Linux: MAX_ARG_STRLEN, for one ``NAME=value`` and its NUL."""
PRIVATE_VARIABLES = ("CREDMAN_PASSPHRASE", "CREDMAN_PASSPHRASE_COMMAND")
"""What opens the vault is never handed on."""


@dataclass(frozen=True, slots=True)
class Execution:
    """A command that is ready to replace this process.

    Args:
        files: by variable, what it finds in the file whose path the variable holds.
    """

    argv: tuple[str, ...]
    environ: Mapping[str, str] = field(repr=False)
    files: Mapping[str, Secret] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ExecutionFailed:
    """Args: exit_code: as a shell would give it; message: without a value."""

    exit_code: int
    message: str


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
    argv: Sequence[str],
    environ: Mapping[str, str],
    variables: Mapping[str, Secret],
    *,
    files: Collection[str] = (),
) -> Execution:
    """Args:
        argv: the command and its arguments.
        environ: the caller's environment; what opens the vault is taken out of it.
        variables: set over it.
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
    # An entry without a name (env -- =x=y …) can be inherited, but Python passes none on.
    kept = {k: v for k, v in environ.items() if k and k not in PRIVATE_VARIABLES}
    # As in os.environ: bytes that are not text of the locale travel as surrogates.
    added = {name: os.fsdecode(value.to_bytes()) for name, value in plain.items()}
    held = {name: value for name, value in variables.items() if name in files}
    return Execution(tuple(argv), {**kept, **added}, held)


def replace_process(execution: Execution) -> ExecutionFailed:
    """Becomes the command. Looks it up along the ``PATH`` of its environment, unless its name holds
    a slash; an empty entry of PATH is the current directory, as in a shell. A script without ``#!``
    is not handed to a shell: it cannot be executed.

    Returns:
        Only if it could not be run.
    """
    import signal

    # Python ignores these two, and an ignored signal stays ignored in the command.
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored, signal.SIG_DFL)
    name = execution.argv[0]
    try:
        paths = {variable: hold_in_memory(value) for variable, value in execution.files.items()}
    except OSError as error:
        reason = (error.strerror or "failed").lower()
        return ExecutionFailed(FAILED_BEFORE, f"cannot make a file in memory: {reason}")
    environ = {**execution.environ, **paths}
    try:
        os.execvpe(name, list(execution.argv), environ)  # noqa: S606 - no shell
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return ExecutionFailed(NOT_FOUND, f"command not found: {name}")
        if error.errno == errno.E2BIG:
            return ExecutionFailed(CANNOT_EXECUTE, "the environment is too large for the system")
        reason = (error.strerror or "failed").lower()
        return ExecutionFailed(CANNOT_EXECUTE, f"cannot execute {name}: {reason}")
    except ValueError:  # an empty name, or a NUL in an argument
        return ExecutionFailed(NOT_FOUND, "command not found: its name is empty or holds NUL")
