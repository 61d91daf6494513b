"""Where the file of a ``file:`` URL lies."""

from __future__ import annotations

import os
from collections.abc import Mapping

from credman.core.errors import UsageError
from credman.core.paths import find_home


def resolve(rest: str, *, cwd: str, environ: Mapping[str, str]) -> str:
    """Args:
        rest: the path behind ``file:``; ``~`` is home, and it may be relative to ``cwd``.

    Returns:
        The absolute path, links followed.

    Raises:
        UsageError: it names no file of this machine.
    """
    if rest.startswith("//"):
        if not rest.startswith("///"):
            raise UsageError(
                "a file: URL names no other machine", hint="such as file:/srv/team.age"
            )
        rest = rest[2:]
    if not rest or "\0" in rest or rest.endswith("/"):
        raise UsageError("a file: URL needs the path of a file", hint="such as file:~/team.age")
    if rest == "~" or rest.startswith("~/"):
        rest = os.path.join(find_home(environ), rest[2:])
    return os.path.realpath(os.path.join(cwd, rest))


def lock_of(path: str) -> str:
    """Returns: the lock file of the vault at ``path``.

    Raises:
        UsageError: the vault's own name is that of a lock file.
    """
    stem = os.path.splitext(path)[0]
    lock = f"{stem if stem != path else path}.lock"
    if lock == path:
        raise UsageError("a vault's name cannot end in .lock")
    return lock
