"""Which shell will evaluate the text: looks at who called."""

from __future__ import annotations

import contextlib
import os
import re

from credman.core.errors import UsageError
from credman.output.shells import Shell

_BOURNE = ("sh", "bash", "dash", "ash", "hush", "zsh", "yash", "posh")
_KORN = ("ksh", "mksh", "lksh", "loksh", "oksh", "pdksh")
_POSIX = frozenset((*_BOURNE, *_KORN))
_OTHERS = frozenset(("csh", "tcsh", "cmd", "powershell", "pwsh", "elvish", "nu", "xonsh"))
_KNOWN = _POSIX | _OTHERS | {"fish"}
_RUNNERS = frozenset(("busybox", "toybox", "python", "qemu", "rosetta"))
"""One program that is many; its command line says which one it is."""
_GENERATIONS = 20


def guess_shell(parent: int) -> Shell:
    """Args: parent: process id of the caller.

    Returns:
        The syntax of the nearest shell among the caller and its ancestors; POSIX where none is.

    Raises:
        UsageError: that is a shell of another family. Its syntax is not guessed at.
    """
    # shellingham does not know every shell and would walk on to one that evaluates nothing.
    name = _find_shell(parent) if os.path.exists("/proc/self/stat") else _ask_shellingham(parent)
    if name == "fish":
        return Shell.FISH
    if name is None or name in _POSIX:
        return Shell.POSIX
    raise UsageError(
        f"credman writes no {name} syntax",
        hint=f"credman exec -- COMMAND works in {name}; --shell posix or fish forces one",
    )


def _ask_shellingham(process: int) -> str | None:
    import shellingham

    with contextlib.suppress(shellingham.ShellDetectionFailure, OSError):
        return str(shellingham.detect_shell(process)[0])
    return None


def _find_shell(process: int) -> str | None:
    for _ in range(_GENERATIONS):
        try:
            with open(f"/proc/{process}/stat", "rb") as file:
                stat = file.read()
        except OSError:
            return None
        # PID (COMM) STATE PPID …, and COMM itself may hold blanks and parentheses.
        start, _, rest = stat.rpartition(b")")
        name = _program_of(process, os.fsdecode(start.partition(b"(")[2]))
        if name in _KNOWN:
            return name
        process = int(rest.split()[1])
    return None


def _program_of(process: int, comm: str) -> str:
    # COMM is no help where a script is run: it is the script's name.
    program = comm
    with contextlib.suppress(OSError):  # a process of somebody else
        program = os.readlink(f"/proc/{process}/exe")
    name = _short_name(program)
    if name not in _RUNNERS:
        return name
    with contextlib.suppress(OSError), open(f"/proc/{process}/cmdline", "rb") as file:
        words = os.fsdecode(file.read()).split("\0")
        called = _short_name(words[0])
        if called == name:
            called = _short_name(words[1]) if len(words) > 1 else ""
        if name != "python" or called == "xonsh":  # a script in Python may have any name
            return called
    return name


def _short_name(path: str) -> str:
    # zsh-5.9, ksh93, bash-static, bsd-csh, -sh for a login
    found = re.match(r"(?:-|bsd-)?([a-z]+)", os.path.basename(path))
    return found[1] if found else ""
