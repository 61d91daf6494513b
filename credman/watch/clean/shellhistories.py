"""The histories of shells: which files they are, by their usual places.

A token in them is ASCII, and so is what takes its place: each shell's own form (time stamps, zsh's
shifted bytes, fish's escapes) stays what it was.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

_OF_HOME = (
    ".bash_history",
    ".zsh_history",
    ".zhistory",
    ".histfile",
    ".history",
    ".ksh_history",
    ".sh_history",
    ".mksh_history",
    ".tcsh_history",
    ".ash_history",
    ".python_history",
    ".node_repl_history",
    ".psql_history",
    ".mysql_history",
    ".sqlite_history",
    ".lesshst",
    ".local/share/fish/fish_history",
    ".config/nushell/history.txt",
    ".local/share/powershell/PSReadLine/ConsoleHost_history.txt",
)
_MOVED = ("HISTFILE", "PYTHON_HISTORY")


def list_histories(home: str, environ: Mapping[str, str]) -> list[str]:
    """Args: home: absolute. Returns: where histories lie as a rule; they need not exist."""
    data = environ.get("XDG_DATA_HOME") or f"{home}/.local/share"
    config = environ.get("XDG_CONFIG_HOME") or f"{home}/.config"
    found = [f"{home}/{name}" for name in _OF_HOME]
    found += [f"{data}/fish/fish_history", f"{config}/nushell/history.txt"]
    found += [environ[name] for name in _MOVED if os.path.isabs(environ.get(name, ""))]
    return list(dict.fromkeys(os.path.normpath(path) for path in found))
