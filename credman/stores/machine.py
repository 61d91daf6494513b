"""Which machine this is, as far as one can be told from another."""

from __future__ import annotations

import hashlib
import os
import secrets

from credman.core.errors import NotAVault
from credman.stores import disk

_SYSTEM_FILES = ("/etc/machine-id", "/var/lib/dbus/machine-id")
_PURPOSE = b"credman machine"


def find_machine(state_directory: str) -> str:
    """Returns: a name that says nothing to others: derived from the system's own, or else made at
    random and kept in the state directory, which must exist.

    Raises:
        Unavailable: it cannot be kept.
    """
    for path in _SYSTEM_FILES:
        try:
            with open(path, "rb") as file:
                system = file.read(256).strip()
        except OSError:
            continue
        if system:
            # machine-id(5): it should not be shown as it is, hashed with a key of one's own it may.
            return hashlib.sha256(_PURPOSE + b"\0" + system).hexdigest()[:32]
    path = os.path.join(state_directory, "machine")
    try:
        kept = disk.read_own_file(path, limit=256)
    except NotAVault:
        kept = None
    if kept:
        return kept.decode("ascii", "replace").strip()
    made = secrets.token_hex(16)
    disk.replace_file(path, made.encode("ascii"), check=lambda _: None)
    return made
