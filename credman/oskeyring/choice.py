"""Which backend this user's keyring is: probed once, then remembered by its name."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Mapping

from credman.core.errors import CredmanError
from credman.core.secret import Secret
from credman.oskeyring.backends import candidates, check_backend
from credman.oskeyring.client import KeyringUnavailable, OsKeyring, Situation

OFF = "off"
_PROBE_SERVICE = "credman probe"


def is_out_of_reach(environ: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Whether it is plain without asking that there is no keyring: on Linux, no session bus."""
    return platform.startswith("linux") and not environ.get("DBUS_SESSION_BUS_ADDRESS")


def load_choice(path: str) -> str | None:
    """Returns: the remembered backend, or None. What is not on the list is not remembered."""
    try:
        with open(path, "rb") as file:
            backend = json.loads(file.read(4096))["backend"]
        return check_backend(backend) if isinstance(backend, str) else None
    except (OSError, ValueError, KeyError, TypeError, CredmanError):
        return None


def render_choice(backend: str) -> bytes:
    """Returns: what ``load_choice`` reads."""
    return json.dumps({"version": 1, "backend": backend}).encode("ascii")


def choose_backend(wanted: str | None, remembered: str | None) -> tuple[str, ...]:
    """Args: wanted: of the configuration; remembered: of an earlier probe.

    Returns:
        The backends to try, in this order.

    Raises:
        Refused: the wanted one is not used.
    """
    if wanted is not None:
        return (check_backend(wanted),)
    return (remembered,) if remembered is not None else candidates(sys.platform)


def probe(ring: OsKeyring) -> None:
    """Writes an item, reads it back and deletes it.

    Raises:
        KeyringUnavailable: the keyring does not work; says why.
    """
    import secrets

    user = secrets.token_hex(8)
    try:
        ring.set(_PROBE_SERVICE, user, Secret(secrets.token_hex(16)))
        is_deleted = ring.delete(_PROBE_SERVICE, user)
    except KeyboardInterrupt:
        with contextlib.suppress(KeyringUnavailable):
            ring.delete(_PROBE_SERVICE, user)
        raise
    if not is_deleted:
        raise KeyringUnavailable(Situation.FAILED, "to delete what it was given")


def state_file(state_directory: str) -> str:
    """Returns: where the choice is remembered."""
    return os.path.join(state_directory, "keyring.json")
