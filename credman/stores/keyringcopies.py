"""Getting back to a backup of the keyring store, and going on with what lies there.

A backup is a vault file of its own. Rule: what is restored or accepted is what was shown; the
generation only goes up.
"""

from __future__ import annotations

import os
from dataclasses import replace

from credman.core.errors import (
    CredmanError,
    NotFound,
    NoVault,
    PayloadDamaged,
    Refused,
    StoreConflict,
    VaultDamaged,
    VaultMissing,
)
from credman.core.model import Address, Contents
from credman.core.secret import Secret
from credman.stores import disk
from credman.stores.base import Committed, Unlocker
from credman.stores.capabilities import Copy, Difference
from credman.stores.copies import open_sealed
from credman.stores.keyringplace import URL, KeyringPlace, make_index, succeed
from credman.stores.keyringstate import State, read_values
from credman.stores.lineage import Relation
from credman.stores.merging import (
    check_generation,
    compare,
    describe,
    keep_exposures,
    mark_unsure,
    merge_contents,
)
from credman.stores.seen import LastSeen
from credman.vault.container import MAX_VAULT_BYTES, parse_vault
from credman.vault.document import Ancestor, Document


class KeyringCopies:
    """Args: unlocker: whoever may know what opens a backup."""

    def __init__(self, place: KeyringPlace, unlocker: Unlocker) -> None:
        self._place = place
        self._unlocker = unlocker
        self._opened: dict[str, Document] = {}
        self._shown: State | None = None
        self._values: dict[Address, Secret] = {}

    def current(self) -> Copy:
        self._shown, self._values = None, {}
        try:
            self._shown = state = self._place.load()
        except (VaultMissing, NoVault) as error:
            return Copy(URL, "missing", problem=error, is_whole=False)
        except VaultDamaged as error:
            return Copy(URL, "damaged", problem=error, is_whole=False)
        except CredmanError as error:
            return Copy(URL, "not to be read", problem=error, is_whole=False)
        return Copy(URL, "the store", describe(state.index), state.index.contents.tokens)

    def read(self, path: str) -> Copy:
        file = disk.read_own_file(os.path.realpath(path), limit=MAX_VAULT_BYTES)
        if file is None:
            raise NotFound(f"there is no file {path}")
        sealed = parse_vault(file)
        document = sealed.open(open_sealed(sealed, path, self._unlocker).identity)
        self._opened[path] = document
        relation = self._relate(document)
        return Copy(
            path,
            relation.value.replace("vault", "store"),
            describe(document),
            document.contents.tokens,
            is_whole=relation is not Relation.UNRELATED,
            is_current=relation is Relation.SAME,
        )

    def compare(self, copy: Copy) -> Difference:
        return compare(self._read_ours(), self._opened[copy.path].contents)

    def restore(self, copy: Copy, *, merge: bool) -> tuple[State, Committed]:
        theirs = self._opened[copy.path]
        ours = self._read_ours()
        with self._place.locked():
            state = self._load_as_shown()
            if self._relate(theirs) is Relation.UNRELATED:
                raise Refused("that is no backup of this store, and does not replace it")
            generation = self._next_generation(state, theirs.generation)
            if state is None:
                if merge:
                    raise Refused("there is no store that could be merged with")
                contents = mark_unsure(theirs.contents)
                index = make_index(theirs.vault_id, generation, contents)
                return self._place.write(index, None)
            if merge:
                contents = merge_contents(state.index.contents, theirs.contents)
            else:
                kept = keep_exposures(theirs.contents, state.index.contents)
                contents = mark_unsure(_reuse(kept, ours, state.index.contents))
            return self._place.write(
                replace(succeed(state, contents), generation=generation), state
            )

    def accept(self) -> tuple[State, Committed]:
        if self._shown is None:
            problem = self.current().problem
            if problem is not None:
                raise problem
        with self._place.locked():
            state = self._load_as_shown()
            if state is None:
                raise VaultMissing("there is no store to go on with")
            index = succeed(state, mark_unsure(state.index.contents))
            index = replace(index, generation=self._next_generation(state, 0))
            return self._place.write(index, state)

    def _load_as_shown(self) -> State | None:
        try:
            state: State | None = self._place.load()
        except (NoVault, VaultMissing, VaultDamaged):
            state = None
        if (state and state.head) != (self._shown and self._shown.head):
            raise StoreConflict(
                "the keyring was changed meanwhile", hint="nothing was changed; look at it again"
            )
        return state

    def _next_generation(self, state: State | None, theirs: int) -> int:
        seen = self._place.find_last_seen()
        highest = seen.generation if isinstance(seen, LastSeen) else 0
        if state is not None:
            # An index that is damaged may be the higher one: it must not count again.
            highest = max(highest, *(head.generation for head in state.heads.values()))
        check_generation(theirs, highest)
        return max(highest, theirs) + 1

    def _read_ours(self) -> Contents:
        """Returns: what was shown, with the values that can be read: an item that another program
        took away differs from any."""
        if self._shown is None:
            return Contents()
        index = self._shown.index
        if not self._values:
            for place in index.items:
                try:
                    self._values.update(read_values(self._place.ring, index, [place]))
                except PayloadDamaged:
                    continue
        nothing = dict.fromkeys(index.contents.values, Secret(""))
        return replace(index.contents, values={**nothing, **self._values})

    def _relate(self, document: Document) -> Relation:
        state, seen = self._shown, self._place.find_last_seen()
        known = seen.vault_id if isinstance(seen, LastSeen) else None
        if state is not None:
            known = state.index.store_id
        if known not in (None, document.vault_id):
            return Relation.UNRELATED
        if state is None:
            return Relation.OLDER
        if document.backup_of == Ancestor(state.index.generation, state.head.sha256):
            return Relation.SAME
        is_newer = document.generation > state.index.generation
        return Relation.NEWER if is_newer else Relation.OLDER


def _reuse(theirs: Contents, ours: Contents, stored: Contents) -> Contents:
    """Returns: theirs, but where a value is the same as ours, with what stands for that: its item
    stays as it is."""
    values = {
        address: stored.values[address] if ours.values.get(address) == value else value
        for address, value in theirs.values.items()
    }
    return replace(theirs, values=values)
