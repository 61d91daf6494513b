"""The agent's connections to keyrings: they stay open, and never bring up a window.

Of the keyring store the agent keeps the connection, not the values.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from credman.oskeyring.client import KeyringUnavailable, OsKeyring
from credman.server.held import Declined, Held

REST_SECONDS = 30.0
"""After which a connection that nobody uses is ended, and with its process what went through it."""
SECONDS = 2.0
"""For a call: whoever asked waits no longer, and then does it himself."""


class KeptKeyring(OsKeyring):
    """Stays open when a command closes it, and asks nobody."""

    used = 0.0
    """When it was asked last, on the monotonic clock."""

    def close(self) -> None:
        """Does nothing."""

    def _ask(self, request: Mapping[str, object]) -> object:
        self.used = time.monotonic()
        try:
            return super()._ask(request)
        except KeyringUnavailable:  # the caller may answer its window, or can tell it better
            raise Declined from None


class Rings:
    """Args: held: says for how long which of them is open."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._rings: dict[str, KeptKeyring] = {}

    def hold(self, backend: str, environ: Mapping[str, str]) -> str:
        """Args: environ: what leads to the service. Returns: the name under which it is held."""
        name = name_of(environ)
        ring = KeptKeyring(backend, environ, is_quiet=True, seconds=SECONDS)
        former, self._rings[name] = self._rings.get(name), ring
        if former is not None:
            former.end()
        return name

    def find(self, environ: Mapping[str, str]) -> KeptKeyring:
        """Raises: Declined: it is not held."""
        name = name_of(environ)
        self._held.use_keyring(name)
        if name not in self._rings:
            raise Declined
        return self._rings[name]

    def environ_of(self, name: str) -> Mapping[str, str] | None:
        """Returns: what leads to the service; None: there is no keyring of this name."""
        ring = self._rings.get(name)
        return None if ring is None else ring.environ

    def rest(self) -> None:
        """Ends connections that nobody has used for a while; they are made again when needed."""
        for ring in self._rings.values():
            if time.monotonic() - ring.used > REST_SECONDS:
                ring.end()

    def end(self) -> None:
        """Ends all of them."""
        for ring in self._rings.values():
            ring.end()


def name_of(environ: Mapping[str, str]) -> str:
    """Returns: the name of the keyring that this environment leads to."""
    return f"keyring:{environ.get('DBUS_SESSION_BUS_ADDRESS', '')}"
