"""How often a provider's tokens should be rotated, read from its file alone.

Whoever lists tokens all day needs no more of the catalogue, and all of it takes ten times as long.
"""

from __future__ import annotations

import functools
import os
import re

from credman.core.errors import UsageError
from credman.core.names import check_name
from credman.providers.ownfiles import read_file

_KEY = "rotation_days"
_BUILT_IN = os.path.join(os.path.dirname(__file__), "data")


def find_rotation_days(name: str, folder: str | None = None) -> int | None:
    """Args:
        name: a provider's own name.
        folder: of files of one's own; one of that name takes the place of the built-in one.

    Returns:
        As the file says; None: it says nothing, or there is none that can be read. What is wrong
        with it is for those to tell who need more of it.
    """
    try:
        file = f"{check_name('provider', name).casefold()}.toml"
    except UsageError:
        return None
    own = None if folder is None else os.path.join(folder, file)
    if own is not None and os.path.exists(own):
        return _read(own)
    return _read_built_in(os.path.join(_BUILT_IN, file))


@functools.cache
def _read_built_in(path: str) -> int | None:
    # In these the key stands in one way only; a test keeps what is found equal to what is parsed.
    try:
        found = re.search(rf"^{_KEY} = ([0-9]+)$", read_file(path), re.MULTILINE)
    except UsageError:
        return None
    return None if found is None else int(found[1])


def _read(path: str) -> int | None:
    import tomllib

    try:
        days = tomllib.loads(read_file(path)).get(_KEY)
    except (UsageError, ValueError, RecursionError):
        return None
    return days if type(days) is int and 1 <= days <= 3650 else None
