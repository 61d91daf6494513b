"""Changing the configuration file, which belongs to its user: comments, order and links stay."""

from __future__ import annotations

import os
from collections.abc import Mapping

from credman.core.config import parse_config
from credman.core.paths import make_private_directory
from credman.stores import disk


def change_config(path: str, changes: Mapping[str, str | None]) -> None:
    """Args:
        path: of the file; made if there is none.
        changes: keys and their new values; None takes a key out.

    Raises:
        UsageError: what would be written is no configuration; nothing was changed.
        Unavailable: it cannot be written.
    """
    import tomlkit

    path = os.path.realpath(path)  # people keep their configuration elsewhere and link to it
    make_private_directory(os.path.dirname(path))
    with disk.locked(f"{path}.lock", what="the configuration"):
        data = disk.read_own_file(path, limit=1024 * 1024) or b""
        document = tomlkit.parse(data.decode("utf-8"))
        for key, value in changes.items():
            if value is not None:
                document[key] = value
            elif key in document:
                del document[key]

        def check(written: bytes) -> None:
            parse_config(written.decode("utf-8"), source=path)

        disk.replace_file(path, tomlkit.dumps(document).encode("utf-8"), check=check)
