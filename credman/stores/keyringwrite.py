"""Replacing the state of the keyring store: killed anywhere, the old or the new one is left.

Writing: the journal names the items that are about to be made or to go; values are written to names
that nothing has; the index is written to the place that does not count, and counts from the moment
its head is there; then what is in no index any more goes, and the journal. Only what a journal
names and the index does not is ever cleaned up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from credman.core.errors import CredmanError, PayloadDamaged, StoreConflict, Unavailable
from credman.core.model import Address
from credman.core.secret import Secret
from credman.oskeyring.client import KeyringUnavailable, Situation
from credman.stores.keyringindex import (
    INDEX_SERVICE,
    JOURNAL,
    SLOTS,
    Head,
    Index,
    Place,
    Stored,
    fold,
    fold_names,
    parse_index,
    read_body,
    read_head,
    render_index,
    write_blob,
)
from credman.stores.keyringitems import (
    Item,
    Name,
    Ring,
    digest,
    encode,
    is_value,
    name_parts,
    service_of,
    split,
)
from credman.stores.keyringstate import State, look, read_values
from credman.vault.records import load_strict


class Writer:
    """One write. To be used under the lock. Args: state: as it was read there; None: there is none
    yet."""

    def __init__(self, ring: Ring, state: State | None) -> None:
        self._ring = ring
        self._state = self._former = state
        self._limit = ring.max_characters
        self._journal = ""
        self._pieces: list[tuple[Name, str]] = []
        self._read: dict[Place, dict[Address, Secret]] = {}

    def write(self, index: Index) -> tuple[State, tuple[str, ...]]:
        """Args: index: its values are new ones or ``Stored``; its items are found here.

        Returns:
            What counts from now on, and what to tell of it.

        Raises:
            StoreConflict: somebody wrote without our lock; nothing was changed.
            KeyringUnavailable: nothing was changed, or the next write cleans up.
            Unavailable: it is not known whether it was written.
        """
        self.clean()
        index = replace(index, items=self._plan(index))
        slot = next(s for s in SLOTS if self._state is None or s != self._state.slot)
        text = render_index(index)
        try:
            self._prepare(index)
        except CredmanError as error:
            self._withdraw_after(error)
            raise
        head = self._publish(slot, index.generation, text)
        former = {} if self._state is None else self._state.heads
        state = State(parse_index(text), slot, head, {**former, slot: head})
        return state, self._tidy(slot, state)

    def clean(self) -> None:
        """Takes away what a write that did not come to its end has left.

        Raises:
            KeyringUnavailable
        """
        try:
            read = read_head(self._ring, JOURNAL)
            text = read and read_body(self._ring, JOURNAL, *read)
            names = [] if not text else _parse_journal(text)
        except PayloadDamaged:
            return  # what it named stays: rather an item too many than one too few
        used = set() if self._state is None else fold_names(self._state.index.items)
        for name in names:
            if fold(name) not in used:
                self._ring.delete(name)
        if read is None:
            self._sweep(JOURNAL, 0)
        else:
            self._erase(JOURNAL)

    def _withdraw_after(self, error: CredmanError) -> None:
        # A keyring that does not answer is not asked again: the journal is for the next write.
        if not isinstance(error, KeyringUnavailable) or error.situation is Situation.FAILED:
            with suppress(CredmanError):
                self._withdraw()

    def _withdraw(self) -> None:
        # Only what is ours: without a common lock the journal may be another's by now.
        for name, _ in self._pieces:
            self._ring.delete(name)
        read = read_head(self._ring, JOURNAL)
        if read is not None and read_body(self._ring, JOURNAL, *read) == self._journal:
            self._erase(JOURNAL)

    def _plan(self, index: Index) -> dict[Place, Item]:
        items: dict[Place, Item] = {}
        used = set() if self._state is None else fold_names(self._state.index.items)
        values = index.contents.values
        for token in index.contents.tokens:
            for version in token.versions:
                if not version.fields:
                    continue
                place = (token.key, version.number)
                wanted = {f: values[Address(token.key, version.number, f)] for f in version.fields}
                item = _find_reusable(place, wanted)
                if item is None:
                    item = self._place(place, wanted, used)
                    used.update(fold(name) for name in item.names)
                items[place] = item
        return items

    def _place(self, place: Place, wanted: Mapping[str, Secret], used: set[Name]) -> Item:
        values = {name: self._materialize(value) for name, value in wanted.items()}
        form, text = encode(values, self._limit)
        pieces = split(text, self._limit) if text.isascii() else (text,)
        parts = len(pieces) if len(pieces) > 1 else 0
        key, number = place
        service, plain = service_of(key), f"{key.name}#{number}"
        copy = 1
        while True:
            user = plain if copy == 1 else f"{plain}~{copy}"
            names = name_parts(service, user, parts)
            # What is there and in no index of ours is somebody else's, or all that is left.
            if all(fold(n) not in used and self._ring.get(n) is None for n in names):
                break
            copy += 1
        self._pieces += zip(names, pieces, strict=True)
        return Item(service, user, form, parts, digest(text))

    def _materialize(self, value: Secret) -> Secret:
        if not isinstance(value, Stored) or self._state is None:
            return value
        place = value.place
        if place not in self._read:
            self._read[place] = read_values(self._ring, self._state.index, [place])
        return self._read[place][Address(*place, value.name)]

    def _prepare(self, index: Index) -> None:
        former = {} if self._state is None else self._state.index.items
        new = fold_names(index.items)
        gone = [n for item in former.values() for n in item.names if fold(n) not in new]
        named = [*(name for name, _ in self._pieces), *gone]
        if named:
            self._journal = json.dumps(named, separators=(",", ":"))
            write_blob(self._ring, JOURNAL, index.generation, self._journal)
        for name, piece in self._pieces:
            self._ring.set(name, Secret(piece))
        # Where the keyring has no lock of its own, another home is noticed here, not kept out.
        now, _ = look(self._ring)
        if (now and now.head) != (self._state and self._state.head):
            raise StoreConflict("the keyring was changed by another process")

    def _publish(self, slot: str, generation: int, text: str) -> Head:
        try:
            return write_blob(self._ring, slot, generation, text)
        except KeyringUnavailable as error:
            head = self._find_published(slot, error)
            if head is None or (head.generation, head.sha256) != (generation, digest(text)):
                self._withdraw_after(error)
                raise
            return head

    def _find_published(self, slot: str, error: KeyringUnavailable) -> Head | None:
        # The answer may have got lost, not the write. As long as that is not known, nothing that
        # the index may name is taken away.
        try:
            read = read_head(self._ring, slot)
        except CredmanError:
            raise Unavailable(
                f"it is not known whether this was saved: {error.message}",
                hint="credman list shows it, once the keyring answers again",
            ) from None
        return None if read is None else read[0]

    def _tidy(self, slot: str, state: State) -> tuple[str, ...]:
        self._state = state
        try:
            self._sweep(slot, state.head.parts)
            if self._former is None:  # a damaged one must not count against it
                self._erase(next(s for s in SLOTS if s != slot))
            self.clean()
        except CredmanError as error:
            return (f"saved; what it replaces stays until the next write: {error.message}",)
        return ()

    def _erase(self, user: str) -> None:
        self._ring.delete((INDEX_SERVICE, user))
        self._sweep(user, 0)

    def _sweep(self, user: str, parts: int) -> None:
        """Takes away what lies behind so many parts: of a longer text, or of one that was never
        finished. From the last one on, so that killed in between no gap hides the rest."""
        last = parts
        while self._ring.get(_part(user, last + 1)) is not None:
            last += 1
        for number in range(last, parts, -1):
            self._ring.delete(_part(user, number))


def _part(user: str, number: int) -> Name:
    return INDEX_SERVICE, f"{user}.{number}"


def _find_reusable(place: Place, wanted: Mapping[str, Secret]) -> Item | None:
    """Returns: the item in which just these values lie already, under this very name."""
    stored = [value for value in wanted.values() if isinstance(value, Stored)]
    if len(stored) != len(wanted) or len({value.place for value in stored}) != 1:
        return None
    key, number = stored[0].place
    if (key.folded(), number) != (place[0].folded(), place[1]):
        return None
    if any(value.name != name for value, name in zip(stored, wanted, strict=True)):
        return None
    item = stored[0].item
    return item if stored[0].fields == tuple(wanted) else None


def _parse_journal(text: str) -> list[Name]:
    try:
        listed = load_strict(text.encode("ascii"))
        if not isinstance(listed, list):
            raise TypeError
        names = [(service, user) for service, user in listed]
    except (ValueError, TypeError, RecursionError):
        raise PayloadDamaged("the journal in the keyring is damaged") from None
    # Whoever changed it does not make credman remove what is not its own.
    return [n for n in names if all(isinstance(part, str) for part in n) and is_value(n)]
