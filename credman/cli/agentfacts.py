"""What ``doctor`` says of the agent. Starts none, and changes nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from credman import __version__
from credman.agent import client, control
from credman.cli.context import Context
from credman.core.config import Config
from credman.core.errors import CredmanError
from credman.core.names import quote_untrusted
from credman.stores.capabilities import Fact


def examine_agent(context: Context, config: Config | None) -> list[Fact]:
    """Args: config: None: it cannot be read."""
    if client.is_off(context.environ):
        return [Fact("agent", "switched off by CREDMAN_AGENT")]
    if config is not None and config.agent is not None:
        return [Fact("agent", "switched off by the configuration")]
    if client.find_folder(context.environ, context.cwd) is None:
        return [Fact("agent", "there is none: no place for its socket is known")]
    try:
        found = control.find_status(context.environ, context.cwd)
    except CredmanError as error:
        return [Fact("agent", quote_untrusted(error.message), True, error.hint)]
    if found is None:
        return [Fact("agent", "not running")]
    if found["version"] != __version__:
        text = f"it is of version {found['version']}, and answers none of this one"
        return [Fact("agent", text, True, "credman lock ends it")]
    return [Fact("agent", f"running, process {found['pid']}, {_count(found['vaults'])}")]


def describe(vault: Mapping[str, Any]) -> str:
    """Returns: what is open, for people."""
    if str(vault["id"]).startswith(client.KEYRING):
        return "the keyring"
    return quote_untrusted(os.path.normpath(str(vault["path"])))


def _count(vaults: list[Mapping[str, Any]]) -> str:
    return f"holds open: {', '.join(describe(vault) for vault in vaults) or 'nothing'}"
