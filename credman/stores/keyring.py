"""The keyring store: each version of a token is an item of the operating system's keyring.

The index beside them says everything but the values. ``keyringwrite`` holds the rules by which both
are replaced; here is what a store promises on top: one writer at a time, and nothing older than
what was seen last is written to.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from credman.core.errors import (
    CredmanError,
    NotFound,
    NoVault,
    RolledBack,
    StoreConflict,
    UsageError,
    VaultDamaged,
    VaultExists,
    VaultMissing,
)
from credman.core.model import Address, Contents
from credman.core.paths import find_home, find_paths, make_private_directory
from credman.core.secret import Secret
from credman.oskeyring.client import KeyringUnavailable
from credman.stores import disk
from credman.stores.base import Committed, Creation, Snapshot, Surroundings
from credman.stores.changes import Change, apply_changes
from credman.stores.keyringindex import SLOTS, Index, Place, read_head
from credman.stores.keyringitems import Ring
from credman.stores.keyringwrite import State, Writer, load_state, read_values
from credman.stores.machine import find_machine
from credman.stores.seen import LastSeen, load_last_seen, save_last_seen

URL = "keyring:"
_LOCK_WAIT_SECONDS = 60.0


class KeyringStore:
    """Args: rest: nothing; there is one such store for each user of the operating system."""

    def __init__(self, rest: str, surroundings: Surroundings) -> None:
        if rest:
            raise UsageError("there is one keyring, and its URL is keyring:")
        self._ring = Ring(surroundings.unlocker)
        # Of the user, whatever CREDMAN_HOME and XDG_STATE_HOME say: all of them share a keyring.
        home = {"HOME": find_home(surroundings.environ)}
        self._folder = find_paths(home, surroundings.cwd).state
        self._seen_path = os.path.join(self._folder, "keyring-seen.json")
        self._state: State | None = None

    def exists(self) -> bool:
        if self._find_seen() is not None:
            return True
        # Nothing is known here: a keyring that is locked has to be asked, and may ask.
        try:
            return any(read_head(self._ring, slot) is not None for slot in SLOTS)
        except KeyringUnavailable as error:
            error.hint = "an encrypted file keeps tokens as well: credman init --store file:PATH"
            raise
        except VaultDamaged:
            return True

    def create(self, creation: Creation) -> None:
        with self._locked():
            if self.exists():
                raise VaultExists("there is a store in the keyring already")
            self._write(Index(secrets.token_hex(16), 1, _now(), find_machine(self._folder)), None)

    def snapshot(self) -> Snapshot:
        self._state = state = self._load()
        contents = state.index.contents
        obstacle = self._find_obstacle(state)
        return Snapshot(
            _revision(state),
            contents.environments,
            contents.tokens,
            () if obstacle is None else (obstacle.message,),
            obstacle,
        )

    def reveal(self, addresses: Iterable[Address]) -> dict[Address, Secret]:
        wanted = list(addresses)
        state = self._last_loaded()
        places: dict[Place, None] = {}
        for key, number, field in wanted:
            if (key, number) not in state.index.items or not _has(state, key, number, field):
                raise NotFound(f"{key.name} has no value for {field}")
            places[key, number] = None
        try:
            found = read_values(self._ring, state.index, places)
        except CredmanError as error:
            self._refuse_if_outdated(state, error)
            raise
        return {address: found[address] for address in wanted}

    def commit(self, changes: Sequence[Change], *, expected_revision: str) -> Committed:
        self._last_loaded()  # a locked keyring asks here, where nobody waits for us
        with self._locked():
            state = self._load()
            if _revision(state) != expected_revision:
                raise StoreConflict("the keyring was changed by another process")
            obstacle = self._find_obstacle(state)
            if obstacle is not None:
                raise obstacle
            contents = apply_changes(state.index.contents, changes)
            return self._write(self._next(state, contents), state)

    def describe(self) -> dict[str, str]:
        return {"kind": "keyring", "path": URL, "opened by": "keyring"}

    def _next(self, state: State, contents: Contents) -> Index:
        return replace(
            state.index,
            generation=state.index.generation + 1,
            written_at=_now(),
            machine=find_machine(self._folder),
            contents=contents,
        )

    def _write(self, index: Index, state: State | None) -> Committed:
        self._state, warnings = Writer(self._ring, state).write(index)
        seen = LastSeen(index.store_id, index.generation, self._state.head.sha256)
        try:
            told = save_last_seen(self._seen_path, seen, vault_path=URL)
        except CredmanError as error:  # it is written: this must not look like a failure
            told = f"saved, but not noted as last seen: {error.message}"
        return Committed(_revision(self._state), (*warnings, *((told,) if told else ())))

    def _load(self) -> State:
        # In this order: who writes notes it after the keyring has it.
        seen = self._find_seen()
        state = load_state(self._ring)
        if state is not None:
            return state
        if seen is not None:
            raise VaultMissing(
                "there was a store in the keyring, and it is gone",
                hint="if it was removed on purpose: credman doctor --accept --store keyring:",
            )
        raise NoVault(
            "nothing is stored here yet", hint="credman add NAME, such as: credman add hf"
        )

    def _last_loaded(self) -> State:
        if self._state is None:
            self._state = self._load()
        return self._state

    def _refuse_if_outdated(self, state: State, error: CredmanError) -> None:
        now = load_state(self._ring)
        if now is not None and now.head != state.head:
            raise StoreConflict(
                "the keyring was changed meanwhile", hint="run the command again"
            ) from error

    def _find_seen(self) -> LastSeen | CredmanError | None:
        try:
            return load_last_seen(self._seen_path)
        except CredmanError as error:
            return error  # reading goes on with a warning; writing is refused

    def _find_obstacle(self, state: State) -> CredmanError | None:
        """Returns: why it must not be written to as it is."""
        seen = self._find_seen()
        if state.problem is not None or isinstance(seen, CredmanError):
            return state.problem or (seen if isinstance(seen, CredmanError) else None)
        wrong = self._describe_doubt(state, seen)
        if wrong is None:
            return None
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

    @contextmanager
    def _locked(self) -> Iterator[None]:
        make_private_directory(self._folder)
        path = os.path.join(self._folder, "keyring.lock")
        with disk.locked(path, what="the keyring store", seconds=_LOCK_WAIT_SECONDS):
            yield


def _has(state: State, key: object, number: int, field: str) -> bool:
    return any(
        token.key == key and version.number == number and field in version.fields
        for token in state.index.contents.tokens
        for version in token.versions
    )


def _revision(state: State) -> str:
    return f"{state.index.store_id}:{state.index.generation}:{state.head.sha256}"


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
