"""The keyring store: each version of a token is an item of the operating system's keyring.

The index beside them says everything but the values. ``keyringwrite`` holds the rules by which both
are replaced, ``keyringplace`` who may write, ``keyringcopies`` how one gets back from a backup.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace

from credman.core.errors import (
    CredmanError,
    NotFound,
    StoreConflict,
    UsageError,
    VaultDamaged,
    VaultExists,
)
from credman.core.model import Address, Contents, TokenKey
from credman.core.secret import Secret
from credman.oskeyring.client import KeyringUnavailable
from credman.stores.backup import make_document, write_backup
from credman.stores.base import Committed, Creation, Snapshot, Surroundings
from credman.stores.capabilities import Copy, Difference, Fact
from credman.stores.changes import Change, apply_changes
from credman.stores.keyringcopies import KeyringCopies
from credman.stores.keyringindex import SLOTS, Place, read_head
from credman.stores.keyringplace import URL, KeyringPlace, make_index, revision_of, succeed
from credman.stores.keyringstate import State, examine_items, load_state, read_values
from credman.vault.document import Ancestor

_LOOKS = 5


class KeyringStore:
    """Args: rest: nothing; there is one such store for each user of the operating system."""

    def __init__(self, rest: str, surroundings: Surroundings) -> None:
        if rest:
            raise UsageError("there is one keyring, and its URL is keyring:")
        self._place = KeyringPlace(surroundings)
        self._copies = KeyringCopies(self._place, surroundings.unlocker)
        self._state: State | None = None

    def exists(self) -> bool:
        if self._place.find_last_seen() is not None:
            return True
        # Nothing is known here: a keyring that is locked has to be asked, and may ask.
        try:
            return any(read_head(self._place.ring, slot) is not None for slot in SLOTS)
        except KeyringUnavailable as error:
            error.hint = "an encrypted file keeps tokens as well: credman init --store file:PATH"
            raise
        except VaultDamaged:
            return True

    def create(self, creation: Creation) -> None:
        with self._place.locked():
            if self.exists():
                raise VaultExists("there is a store in the keyring already")
            index = make_index(secrets.token_hex(16), 1, Contents())
            self._state, _ = self._place.write(index, None)

    def snapshot(self) -> Snapshot:
        self._state = state = self._place.load()
        contents = state.index.contents
        obstacle = self._place.find_obstacle(state)
        return Snapshot(
            revision_of(state),
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
            if not _has(state, key, number, field):
                raise NotFound(f"{key.name} has no value for {field}")
            places[key, number] = None
        found = self._read(state, places)
        return {address: found[address] for address in wanted}

    def commit(self, changes: Sequence[Change], *, expected_revision: str) -> Committed:
        self._last_loaded()  # a locked keyring asks here, where nobody waits for us
        with self._place.locked():
            state = self._place.load()
            if revision_of(state) != expected_revision:
                raise StoreConflict("the keyring was changed by another process")
            obstacle = self._place.find_obstacle(state)
            if obstacle is not None:
                raise obstacle
            contents = apply_changes(state.index.contents, changes)
            self._state, committed = self._place.write(succeed(state, contents), state)
            return committed

    def describe(self) -> dict[str, str]:
        return {"kind": "keyring", "path": URL, "opened by": "keyring", **self._place.files}

    def examine(self) -> Sequence[Fact]:
        for _ in range(_LOOKS):
            state = self._last_loaded()
            facts = examine_items(self._place.ring, state)
            try:
                self._refuse_if_outdated(state, None)
            except StoreConflict:
                self._state = None
            else:
                return facts
        return [Fact("items", "not compared: others keep changing the store")]

    def has_recovery(self) -> bool:
        return False

    def backup(self, path: str, passphrase: Secret | None) -> str:
        state = self._last_loaded()
        index = state.index
        values = self._read(state, index.items)
        document = make_document(
            replace(index.contents, values=values),
            vault_id=index.store_id,
            generation=index.generation,
        )
        source = Ancestor(index.generation, state.head.sha256)
        return write_backup(path, replace(document, backup_of=source), passphrase)

    def current(self) -> Copy:
        return self._copies.current()

    def previous(self) -> str | None:
        return None

    def copies(self) -> tuple[Copy, ...]:
        return ()

    def read_copy(self, path: str) -> Copy:
        return self._copies.read(path)

    def compare(self, copy: Copy) -> Difference:
        return self._copies.compare(copy)

    def restore(self, copy: Copy, *, merge: bool = False) -> Committed:
        self._state, committed = self._copies.restore(copy, merge=merge)
        return committed

    def examine_previous(self) -> Copy | None:
        return None

    def accept(self) -> Committed:
        self._state, committed = self._copies.accept()
        return committed

    def forget(self) -> str | None:
        with self._place.locked():
            if load_state(self._place.ring) is not None:
                raise StoreConflict("the store is there again", hint="nothing was changed")
            self._place.forget()
        return None

    def _last_loaded(self) -> State:
        if self._state is None:
            self._state = self._place.load()
        return self._state

    def _read(self, state: State, places: Iterable[Place]) -> dict[Address, Secret]:
        try:
            return read_values(self._place.ring, state.index, places)
        except VaultDamaged as error:
            self._refuse_if_outdated(state, error)
            raise

    def _refuse_if_outdated(self, state: State, error: CredmanError | None) -> None:
        # What somebody else took away with a token is not damage.
        now = load_state(self._place.ring)
        if now is not None and now.head != state.head:
            raise StoreConflict(
                "the keyring was changed meanwhile", hint="run the command again"
            ) from error


def _has(state: State, key: TokenKey, number: int, field: str) -> bool:
    return any(
        token.key == key and version.number == number and field in version.fields
        for token in state.index.contents.tokens
        for version in token.versions
    )
