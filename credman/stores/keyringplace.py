"""The keyring of one user as the place of a store: its lock, and what was seen there last.

Rule: both are of the user of the operating system, whatever CREDMAN_HOME says, since all of them
share one keyring.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from credman.core.errors import CredmanError, NoVault, RolledBack, VaultMissing
from credman.core.model import Contents
from credman.core.paths import find_home, find_paths, make_private_directory
from credman.stores import disk
from credman.stores.base import Committed, Surroundings
from credman.stores.keyringindex import Index
from credman.stores.keyringitems import Ring
from credman.stores.keyringstate import State, load_state
from credman.stores.keyringwrite import Writer
from credman.stores.machine import find_machine, make_machine
from credman.stores.seen import LastSeen, forget_last_seen, load_last_seen, save_last_seen

URL = "keyring:"
_BUS_NAME = "dev.credman.KeyringStore"
_LOCK_WAIT_SECONDS = 60.0


class KeyringPlace:
    """Args: surroundings: of the caller; of its variables only HOME counts."""

    def __init__(self, surroundings: Surroundings) -> None:
        self.ring = Ring(surroundings.unlocker)
        self._keeper = surroundings.keeper
        home = {"HOME": find_home(surroundings.environ)}
        self._folder = find_paths(home, surroundings.cwd).state
        self._seen_path = os.path.join(self._folder, "keyring-seen.json")
        self._lock_path = os.path.join(self._folder, "keyring.lock")

    @property
    def files(self) -> dict[str, str]:
        """Its own ones, by what they are for; they need not exist, and hold no secret."""
        return {"lock": self._lock_path, "seen": self._seen_path}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the lock. Raises: LockTimeout, Unavailable"""
        make_private_directory(self._folder)
        # The file is quick, and names who has it. Whoever has another HOME has another file, but
        # the same bus.
        seconds = _LOCK_WAIT_SECONDS
        with (
            disk.locked(self._lock_path, what="the keyring store", seconds=seconds),
            self.ring.taken(_BUS_NAME, seconds=seconds),
        ):
            yield

    def load(self) -> State:
        """Raises: NoVault, VaultMissing, PayloadDamaged, VaultNewer, KeyringUnavailable"""
        # In this order: who writes notes it after the keyring has it.
        seen = self.find_last_seen()
        state = load_state(self.ring)
        if state is not None:
            if self._keeper is not None:
                self._keeper.opened_keyring(self.ring.backend)
            return state
        if seen is not None:
            raise VaultMissing(
                "there was a store in the keyring, and it is gone",
                hint="if it was removed on purpose: credman doctor --accept --store keyring:",
            )
        raise NoVault(
            "nothing is stored here yet", hint="credman add NAME, such as: credman add hf"
        )

    def write(self, index: Index, state: State | None) -> tuple[State, Committed]:
        """To be called under the lock. Args: state: that it replaces.

        Raises:
            as ``Writer.write``.
        """
        written, warnings = Writer(self.ring, state).write(
            replace(index, written_at=now(), machine=make_machine(self._folder))
        )
        seen = LastSeen(index.store_id, index.generation, written.head.sha256)
        try:
            told = save_last_seen(self._seen_path, seen, vault_path=URL)
        except CredmanError as error:  # it is written: this must not look like a failure
            told = f"saved, but not noted as last seen: {error.message}"
        return written, Committed(revision_of(written), (*warnings, *((told,) if told else ())))

    def find_last_seen(self) -> LastSeen | CredmanError | None:
        """Returns: what was last seen here, or why it is not known."""
        try:
            return load_last_seen(self._seen_path)
        except CredmanError as error:
            error.hint = "credman doctor --accept --store keyring: goes on with what is there"
            return error  # reading goes on with a warning; writing is refused

    def forget(self) -> None:
        """Raises: Unavailable: the record of what was last seen cannot be removed."""
        forget_last_seen(self._seen_path)

    def find_obstacle(self, state: State) -> CredmanError | None:
        """Returns: why it must not be written to as it is."""
        seen = self.find_last_seen()
        if isinstance(seen, CredmanError):
            return state.problem or seen
        wrong = self._describe_doubt(state, seen)
        if state.problem is not None or wrong is None:
            return state.problem
        hint = "credman doctor --accept --store keyring: goes on with it"
        return RolledBack(wrong, hint=hint)

    def _describe_doubt(self, state: State, seen: LastSeen | None) -> str | None:
        index = state.index
        if seen is not None and seen.vault_id != index.store_id:
            return "this is another store in the keyring than the one last seen here"
        if seen is not None and (
            index.generation < seen.generation
            or (index.generation == seen.generation and state.head.sha256 != seen.file_hash)
        ):
            return (
                f"the index in the keyring is an older one (generation {index.generation}; "
                f"{seen.generation} was seen here)"
            )
        if index.machine != find_machine(self._folder):
            return "the index in the keyring was written last by another machine"
        return None


def make_index(store_id: str, generation: int, contents: Contents) -> Index:
    """Returns: an index without items, to be written."""
    return Index(store_id, generation, now(), "", contents)


def succeed(state: State, contents: Contents) -> Index:
    """Returns: the index after this one."""
    return replace(state.index, generation=state.index.generation + 1, contents=contents)


def revision_of(state: State) -> str:
    """Returns: equal revisions mean equal contents."""
    return f"{state.index.store_id}:{state.index.generation}:{state.head.sha256}"


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
