"""The agent's side of a store that it holds open for another process.

It tells what is there, gives values, and writes. The identity never leaves it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from credman.core import wire
from credman.core.errors import CredmanError, StoreConflict
from credman.server.held import Declined, Held
from credman.server.rings import Rings
from credman.server.running import make_context, names_a_process, read_caller
from credman.stores import transfer
from credman.stores.base import Store, Surroundings, open_store

_SCHEME = "file:"
"""What lies in a keyring is to be had without an agent, and a plug-in may ask somebody."""


def answer(held: Held, rings: Rings, parts: Sequence[bytes]) -> list[bytes]:
    """Args: parts: of the request: directory, variables, URL of the store, what to do.

    Returns:
        The answer.

    Raises:
        Declined
        ValueError, KeyError, TypeError: it is no request.
    """
    cwd_bytes, variables, url, what = parts
    cwd, environ = read_caller(cwd_bytes, variables)
    if names_a_process([os.fsdecode(url)], cwd, environ):
        raise Declined
    context = make_context(held, rings, cwd=cwd, environ=environ, chunks=[])
    if context.source is None or not url.startswith(_SCHEME.encode()):
        raise Declined
    held.begin()
    surroundings = Surroundings(context.paths, cwd, environ, context.source, held)
    try:
        store = open_store(os.fsdecode(url), surroundings)
        request = transfer.load(what)
        done = _do(store, request)
        held.end(gave_values=request[0] == "reveal")
        return [wire.DONE, transfer.dump(done)]
    except CredmanError as error:
        return [wire.FAILED, transfer.dump(transfer.error_to_json(error))]


def _do(store: Store, request: Sequence[object]) -> object:
    match request:
        case ["snapshot"]:
            return transfer.snapshot_to_json(store.snapshot())
        case ["reveal", str() as revision, list() as addresses]:
            # The values of what the other side was shown, not of what came after it. It may have
            # been shown nothing.
            if revision and store.snapshot().revision != revision:
                raise StoreConflict("the vault was changed by another process")
            values = store.reveal(transfer.read_addresses(addresses))
            return transfer.values_to_json(values)
        case ["commit", str() as revision, list() as changes]:
            read = transfer.read_changes(changes)
            return transfer.committed_to_json(store.commit(read, expected_revision=revision))
    raise ValueError
