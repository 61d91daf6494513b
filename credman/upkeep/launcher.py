"""Which program a timer or a hook calls: one that is still there after an upgrade.

A path inside of an environment goes when the environment is made anew, and ``uvx`` and ``pipx run``
keep theirs in a cache. The links that ``pipx`` and ``uv tool`` put beside other programs last, so
their own path is called, not what they lead to.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from credman.core.errors import CredmanError, Unavailable
from credman.core.paths import find_home
from credman.upkeep.calling import System

PROGRAM = "credman"
_MARKS = {"pyvenv.cfg": "virtual environment", "conda-meta": "conda environment"}
_KEPT = ("pipx_metadata.json", "uv-receipt.toml")
_PROBE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Launcher:
    """Args: argv: how credman is called; warning: why that may end; empty: it lasts."""

    argv: tuple[str, ...]
    warning: str = ""


def find_launcher(
    system: System, *, python: str, is_module: bool, caller: str = "timer", command: str = "remind"
) -> Launcher:
    """Args:
        python: the interpreter that runs now, as it was called.
        is_module: credman was started as ``python -m credman``.
        caller: who is to call it, in a word.
        command: of credman, that the program has to know: another project has the same name, and
            an old credman knows less.

    Raises:
        Unavailable: nobody knows where the interpreter is.
    """
    for path in system.find_all(PROGRAM, _own_folders(system)):
        if find_environment(path) is None and _is_ours(system, path, command):
            return Launcher((path,))
    if not os.path.isabs(python):
        raise Unavailable(
            f"nobody knows which program a {caller} could call",
            hint="install credman so that it is found on PATH: pipx install credman-cli",
        )
    beside = os.path.join(os.path.dirname(python), PROGRAM)
    if not is_module and os.access(beside, os.X_OK):
        argv: tuple[str, ...] = (beside,)
    else:
        argv = (python, "-m", PROGRAM)
    kind = find_environment(argv[0])
    if kind is None:
        return Launcher(argv)
    return Launcher(
        argv,
        f"the {caller} calls {argv[0]}, which goes away with that {kind}; "
        "pipx install credman-cli gives it a lasting place",
    )


def find_environment(path: str) -> str | None:
    """Returns: what kind of environment a program lies in that may go away; None: it lasts. A link
    lasts as long as what it leads to: those of ``pipx`` and ``uv tool`` are made anew with it."""

    def find_kind(root: str) -> str | None:
        return next((k for m, k in _MARKS.items() if os.path.exists(os.path.join(root, m))), None)

    roots = [os.path.dirname(os.path.dirname(p)) for p in (path, os.path.realpath(path))]
    here, there = map(find_kind, roots)
    is_kept = any(os.path.exists(os.path.join(roots[1], mark)) for mark in _KEPT)
    return here or (None if is_kept else there)


def _own_folders(system: System) -> tuple[str, ...]:
    # Where pipx, uv and pip --user put programs; PATH need not name it.
    try:
        return (os.path.join(find_home(system.environ), ".local", "bin"),)
    except CredmanError:
        return ()


def _is_ours(system: System, path: str, command: str) -> bool:
    try:
        done = system.call([path, command, "--help"], seconds=_PROBE_SECONDS)
    except CredmanError:
        return False
    return done.code == 0 and done.out.startswith(f"Usage: credman {command}".encode())
