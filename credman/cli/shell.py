"""Which shell will evaluate the text: looks at who called."""

from __future__ import annotations

import contextlib
import os

from credman.core.errors import UsageError
from credman.output.shells import Shell

_POSIX = frozenset(("sh", "bash", "dash", "ash", "zsh", "ksh", "ksh93", "mksh", "busybox"))


def guess_shell(parent: int) -> Shell:
    """Args: parent: process id of the caller.

    Returns:
        The caller's syntax; POSIX where no shell is among its ancestors.

    Raises:
        UsageError: the caller is a shell of another family. Its syntax is not guessed at.
    """
    name = _process_name(parent)
    if name not in _POSIX and name != "fish":
        import shellingham

        try:
            name = shellingham.detect_shell(parent)[0]
        except (shellingham.ShellDetectionFailure, OSError):
            return Shell.POSIX
    if name == "fish":
        return Shell.FISH
    if name in _POSIX:
        return Shell.POSIX
    raise UsageError(
        f"credman writes no {name} syntax",
        hint=f"credman exec -- COMMAND works in {name}; --shell posix or fish forces one",
    )


def _process_name(process: int) -> str:
    # shellingham does not know mksh and busybox, so the immediate parent is looked at first.
    with contextlib.suppress(OSError), open(f"/proc/{process}/comm") as file:
        return os.path.basename(file.read().strip())
    return ""
