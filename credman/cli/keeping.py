"""What a command hands over to the agent, and what it has done there.

Rule: an agent is started only where somebody typed a passphrase, or a keyring opened the vault, and
never for whoever gives a passphrase outright or works unattended.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from credman.agent import client
from credman.cli.context import Context
from credman.cli.unlock import PassphraseSource
from credman.core import wire
from credman.core.config import Config
from credman.core.errors import CredmanError
from credman.stores.base import Store

Environ = tuple[tuple[str, str], ...]

if TYPE_CHECKING:
    from credman.vault.container import SealedVault
    from credman.vault.document import Document

_SECONDS = {wire.READ: 10.0, wire.WRITE: 30.0}
"""Otherwise somebody is asked; and another process may have the lock of the vault."""
_QUIET_RINGS = "keyring.backends.SecretService."
"""Only of these is it known how to use them without a window."""


class Handover:
    """Notes what was opened. Args: context: of the command; source: that opens vaults for it."""

    def __init__(self, context: Context, source: PassphraseSource) -> None:
        self._context = context
        self._source = source
        self._opened: dict[str, tuple[str, bytes, str, Environ]] = {}
        self._is_unanswered = False

    def ask(self, operation: bytes, url: str, what: bytes) -> list[bytes] | None:
        """Asks the agent about a store that it may hold.

        Returns:
            The answer; nothing in it: none came, and nobody is asked again; None: there is no
            agent.
        """
        context = self._context
        folder = client.find_folder(context.environ, context.cwd)
        connection = None if folder is None else client.connect(folder)
        if connection is None:
            return None
        caller = client.describe_caller(context.environ, context.cwd)
        request = [operation, wire.VERSION, *caller, os.fsencode(url), what]
        answer = client.exchange(connection, request, _SECONDS[operation])
        self._is_unanswered = self._is_unanswered or answer is None
        return answer or []

    def find_identity(self, vault_id: str) -> bytes | None:
        return None

    def opened(self, vault_id: str, identity: bytes, path: str) -> None:
        self._opened[vault_id] = vault_id, identity, path, ()

    def opened_keyring(self, backend: str) -> None:
        if backend.startswith(_QUIET_RINGS):
            environ = tuple(self._source.keyring_environ().items())
            self._opened[client.KEYRING] = client.KEYRING, b"", backend, environ

    def outdated(self, vault_id: str, path: str) -> None:
        """Nothing: no identity was kept."""

    def recall(self, sealed: SealedVault) -> Document | None:
        return None

    def remember(self, sealed: SealedVault, document: Document) -> None:
        """Nothing: this process ends soon."""

    def hand_over(self, *, idle: float | None, seconds: float) -> list[str]:
        """Gives all of it to the agent. Args: as ``control.hand_over``.

        Returns:
            The ids of what that was.

        Raises:
            Unavailable
        """
        from credman.agent import control

        opened = [control.Opened(*one) for one in self._opened.values()]
        self._opened.clear()
        for one in opened:
            context = self._context
            control.hand_over(context.environ, context.cwd, one, idle=idle, seconds=seconds)
        return [one.vault_id for one in opened]

    def hand_over_quietly(self) -> None:
        """As ``hand_over``, with the usual limits; without an agent all works the same, slower."""
        if self._is_unanswered:
            return
        from credman.agent import control

        try:
            self.hand_over(idle=control.IDLE_SECONDS, seconds=control.HARD_SECONDS)
        except CredmanError:
            return


def may_use_agent(context: Context, config: Config, source: PassphraseSource) -> bool:
    """Whether one may be asked: nobody switched it off or gave a passphrase outright."""
    return (
        context.may_use_agent
        and config.agent is None
        and not client.is_off(context.environ)
        and not source.is_given()
    )


def keep(store: Store, url: str, handover: Handover) -> Store:
    """Returns: the store as the agent holds it open, where it does."""
    if not url.startswith("file:"):  # a keyring needs no agent to be open
        return store
    from credman.stores.kept import KeptStore

    return KeptStore(store, lambda operation, what: handover.ask(operation, url, what))
