"""Which machine this is, as far as one can be told from another."""

from __future__ import annotations

import hashlib
import os
import secrets

from credman.core.errors import CredmanError
from credman.stores import disk

_SYSTEM_FILES = ("/etc/machine-id", "/var/lib/dbus/machine-id")
_PURPOSE = b"credman machine"
_FILE = "machine"


def find_machine(state_directory: str) -> str | None:
    """Returns: a name that says nothing to others: derived from the system's own, or else the one
    that ``make_machine`` kept. None: there is none."""
    for path in _SYSTEM_FILES:
        try:
            with open(path, "rb") as file:
                system = file.read(256).strip()
        except OSError:
            continue
        if system:
            # machine-id(5): it should not be shown as it is, hashed with a key of one's own it may.
            return hashlib.sha256(_PURPOSE + b"\0" + system).hexdigest()[:32]
    try:
        kept = disk.read_own_file(os.path.join(state_directory, _FILE), limit=256)
    except CredmanError:
        return None
    return kept.decode("ascii", "replace").strip() if kept else None


def make_machine(state_directory: str) -> str:
    """As ``find_machine``, but a name is made at random where there is none. To be called under the
    lock. Raises: Unavailable: it cannot be kept in the state directory, which must exist."""
    known = find_machine(state_directory)
    if known is not None:
        return known
    made = secrets.token_hex(16)
    path = os.path.join(state_directory, _FILE)
    disk.replace_file(path, made.encode("ascii"), check=lambda _: None)
    return made
