"""Holding vaults on request, and telling what is held."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from credman.agent.client import KEYRING
from credman.core import wire
from credman.server.held import Held, now
from credman.server.rings import Rings

_MOST_SECONDS = 30 * 86400.0


def hold(held: Held, rings: Rings, parts: Sequence[bytes]) -> None:
    """Args: parts: vault id and identity; path; seconds without use (empty: no such limit), seconds
    in all; seconds since the last use. For the keyring the path is its class, and what leads to it
    comes last.

    Raises:
        ValueError: that is no such request.
        MemoryError: too many are held.
    """
    name, identity, path, idle, seconds, since, variables = parts
    limit = min(float(seconds), _MOST_SECONDS)
    pause = float(idle) if idle else None
    if not limit > 0 or (pause is not None and not 0 < pause <= _MOST_SECONDS):
        raise ValueError
    at = now()
    vault_id, shown = name.decode("ascii"), os.fsdecode(path)
    if vault_id == KEYRING:
        pairs = (os.fsdecode(pair).partition("=") for pair in wire.unpack(variables))
        vault_id = rings.hold(shown, {key: value for key, _, value in pairs})
    elif len(identity) != 32:
        raise ValueError
    held.hold(
        vault_id, identity, shown, idle=pause, until=at + limit, used=at - max(0.0, float(since))
    )


def render_state(held: Held, rings: Rings) -> bytes:
    """Returns: frames that make another process hold the same."""
    at, frames = now(), []
    for vault_id, entry in held.entries.items():
        environ = rings.environ_of(vault_id)
        name = vault_id.encode("ascii") if environ is None else KEYRING.encode()
        told = [f"{key}={value}" for key, value in (environ or {}).items()]
        parts = [
            name,
            held.identity_of(vault_id),
            os.fsencode(entry.path),
            b"" if entry.idle is None else repr(entry.idle).encode(),
            repr(entry.until - at).encode(),
            repr(at - entry.used).encode(),
            wire.pack([os.fsencode(text) for text in told]),
        ]
        frames.append(wire.frame([wire.PROTOCOL, wire.HOLD, wire.VERSION, *parts]))
    return b"".join(frames)


def render_status(held: Held) -> bytes:
    """Returns: JSON; no value and no identity."""
    at = now()
    vaults = [
        {
            "id": vault_id,
            "path": entry.path,
            "seconds_left": round(max(0.0, entry.seconds_left(at))),
            "ends_when_idle": entry.idle is not None,
        }
        for vault_id, entry in held.entries.items()
    ]
    found = {"pid": os.getpid(), "version": wire.VERSION.decode(), "vaults": vaults}
    return json.dumps(found).encode("ascii")
