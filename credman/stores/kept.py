"""A store that an agent holds open: it reads and writes there, and nobody is asked for anything.

Where the agent does not hold it, or has gone meanwhile, the store itself does the work, as if
nothing had been asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from credman.core import wire
from credman.core.errors import CredmanError, StoreConflict, Unavailable, VaultDamaged
from credman.core.model import Address
from credman.core.secret import Secret, SecretBytes
from credman.stores import transfer
from credman.stores.base import Committed, Creation, Snapshot, Store
from credman.stores.changes import Change

Ask = Callable[[bytes, bytes], list[bytes] | None]
"""Sends an operation and what belongs to it to the agent; nothing comes back if it did not answer,
None if there is no agent."""


class KeptStore:
    """Args: store: the same one, in this process; ask: the agent."""

    def __init__(self, store: Store, ask: Ask) -> None:
        self._store = store
        self._ask = ask
        self._is_kept = True
        self._revision = ""  # of what the agent showed; nothing: the store itself knows

    def exists(self) -> bool:
        return self._store.exists()

    def create(self, creation: Creation) -> None:
        self._is_kept = False
        self._store.create(creation)

    def snapshot(self) -> Snapshot:
        found = self._call(wire.READ, ["snapshot"])
        if found is None:
            self._revision = ""
            return self._store.snapshot()
        snapshot = transfer.read_snapshot(found)
        self._revision = snapshot.revision
        return snapshot

    def reveal(self, addresses: Iterable[Address]) -> dict[Address, Secret]:
        wanted = list(addresses)
        request = ["reveal", self._revision, transfer.addresses_to_json(wanted)]
        found = self._call(wire.READ, request)
        if found is not None:
            return transfer.read_values(found)
        # The values of what was shown, not of what came after it.
        if self._revision and self._store.snapshot().revision != self._revision:
            raise StoreConflict("the vault was changed by another process")
        self._revision = ""
        return self._store.reveal(wanted)

    def commit(self, changes: Sequence[Change], *, expected_revision: str) -> Committed:
        request = ["commit", expected_revision, transfer.changes_to_json(changes)]
        found = self._call(wire.WRITE, request)
        if found is None:
            self._revision = ""
            return self._store.commit(changes, expected_revision=expected_revision)
        committed = transfer.read_committed(found)
        self._revision = committed.revision
        return committed

    def describe(self) -> dict[str, str]:
        return self._store.describe()

    def _call(self, operation: bytes, request: Sequence[object]) -> Any:
        """Returns: None: the agent does not do it; from then on the store itself does."""
        found = self._ask(operation, transfer.dump(request)) if self._is_kept else None
        answer = None if found is None else [SecretBytes(part) for part in found]
        del found
        error: CredmanError = VaultDamaged("the agent's answer cannot be read")
        try:
            match answer:
                case [wire.DONE, data]:
                    return transfer.load(data)
                case [wire.FAILED, data]:
                    error = transfer.read_error(transfer.load(data))
                    if operation == wire.WRITE and type(error) is Unavailable:
                        # It cannot write, for reasons that may be its own; nothing is changed.
                        self._is_kept = False
                        return None
                case _:
                    self._is_kept = False
                    if answer == [] and operation == wire.WRITE:
                        error = _unknown()
                    else:
                        return None
        except ValueError:
            pass  # raised out here: what could not be read may hold values
        raise error


def _unknown() -> Unavailable:
    return Unavailable(
        "the agent ended before it said whether this was stored",
        hint="credman list and credman show tell what there is",
    )
