"""Which shell will evaluate the text: looks at who called."""

from __future__ import annotations

import contextlib
import os
import re

from credman.core.errors import UsageError
from credman.output.shells import Shell

_POSIX = frozenset(("sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "lksh", "busybox", "yash"))


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
    # shellingham does not know mksh and busybox, so the immediate parent is looked at first. The
    # name of a process is no help: it is that of the script, if one is run.
    with contextlib.suppress(OSError):
        program = os.path.basename(os.readlink(f"/proc/{process}/exe"))
        known = re.match(r"[a-z]+", program)  # zsh-5.9, ksh93, bash-static
        return known[0] if known else ""
    return ""
