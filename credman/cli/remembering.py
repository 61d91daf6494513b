"""Keeps the fingerprints of stored values fresh, for scans that cannot open the store."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from credman.cli.context import Context
from credman.cli.namecache import name_store
from credman.core.config import Config
from credman.core.errors import CredmanError
from credman.watch.scan import fingerprints
from credman.watch.scan.owners import list_owned

if TYPE_CHECKING:
    from credman.core.model import Address, Token
    from credman.core.secret import Secret
    from credman.stores.base import Store

_OFF = "off"


def remember_values(
    context: Context,
    config: Config,
    store_url: str,
    store: Store,
    list_tokens: Callable[[], Iterable[Token]],
) -> None:
    """Keeps the fingerprints of what is stored. Never fails: a scan that cannot open the store
    knows less then. Where the cache is off, those from before are taken away.

    Args:
        list_tokens: gives all that the store holds.
    """
    with contextlib.suppress(Exception):
        state = context.paths.state
        if config.cache == _OFF:
            fingerprints.forget(state)
            return
        name = os.fsencode(name_store(context, store_url))
        known = fingerprints.list_known(state, name)
        owned = list(list_owned(list_tokens()))
        missing = [item for item in owned if item[2].partition(b"\n")[0] not in known]
        values: Mapping[Address, Secret] = {}
        with contextlib.suppress(CredmanError):  # those that are gone leave all the same
            values = store.reveal([address for address, _, _ in missing]) if missing else {}
        found: Mapping[bytes, bytes | None] = {
            label: values[address].to_bytes() if address in values else None
            for address, _, label in owned
        }
        fingerprints.remember(state, name, found)
