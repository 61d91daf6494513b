"""Whom a command may ask about tokens, over the network."""

from __future__ import annotations

import threading

from credman.cli.context import Context
from credman.core.config import Config
from credman.upkeep.common import Providers

_OFF = "off"


def make_providers(context: Context, config: Config) -> Providers:
    """Returns: whom to ask about tokens; nobody, where the network is switched off."""
    environ = context.inherited
    why_not = ""
    if config.network == _OFF:
        why_not = "the configuration says network = off"
    elif environ.get("CREDMAN_OFFLINE"):
        why_not = "CREDMAN_OFFLINE is set"
    client = None
    if not why_not:
        from credman.providers.client import HttpClient

        client = HttpClient(environ, timeout=config.timeout)
    told: set[str] = set()
    lock = threading.Lock()

    def tell(text: str) -> None:
        with lock:
            if text not in told:
                told.add(text)
                context.note(text)

    return Providers(context.catalogue, client, environ, why_not, tell)
