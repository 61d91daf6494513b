"""Files that programs make of other files, and make again when they need them.

Rule: only a copy whose original is there is one: else it may be all that is left of somebody's
work.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping

CHECKPOINTS = ".ipynb_checkpoints"
_FALLBACK = "jupyter_checkpoints"
_CHECKPOINT = re.compile(r"(?P<stem>.+)-checkpoint(?P<ending>\.[^./]*)?", re.DOTALL)
_COMPILED = re.compile(r"(?P<stem>[^/]+?)\.[a-z]+[a-z0-9.-]*\.pyc", re.DOTALL)


def find_fallback(environ: Mapping[str, str]) -> str:
    """Returns: where Jupyter makes checkpoints of files in directories that it may not write to;
    it need not exist, and may be somebody else's.

    Source: https://github.com/jupyter-server/jupyter_server, ``filecheckpoints.py``
    """
    for name in ("TMPDIR", "TEMP", "TMP"):  # as Python's tempfile looks for it
        if environ.get(name) and os.path.isdir(environ[name]):
            return os.path.join(environ[name], _FALLBACK)
    return os.path.join("/tmp", _FALLBACK)  # noqa: S108 - as Jupyter does


def describe_copy(
    path: str, exists: Callable[[str], bool], *, fallback: str | None = None
) -> str | None:
    """Args:
        path: absolute.
        exists: whether a file is there.
        fallback: as ``find_fallback`` gives it.

    Returns:
        Of what it is a copy, in words; None: it is none, or the only one.
    """
    folder, _, name = path.rpartition("/")
    parent, _, kind = folder.rpartition("/")
    if kind == CHECKPOINTS:
        match = _CHECKPOINT.fullmatch(name)
        if match is not None and fallback is not None and path.startswith(f"{fallback}/"):
            return "a copy that Jupyter made"  # of what, it does not say
        original = None if match is None else f"{match['stem']}{match['ending'] or ''}"
        if original is not None and exists(f"{parent}/{original}"):
            return f"a copy that Jupyter made of {original}"
    if kind == "__pycache__":
        match = _COMPILED.fullmatch(name)
        original = None if match is None else f"{match['stem']}.py"
        if original is not None and exists(f"{parent}/{original}"):
            return f"compiled from {original}"
    return None
