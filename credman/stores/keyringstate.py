"""Reading the state of the keyring store: which of its two indexes counts, and the items.

Rule: the highest whole index counts. A higher one that is not whole is told, never passed over in
silence.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from credman.core.errors import CredmanError, PayloadDamaged
from credman.core.model import Address, TokenKey
from credman.core.names import DEFAULT_PROFILE
from credman.core.secret import Secret
from credman.stores.capabilities import Fact
from credman.stores.keyringindex import (
    INDEX_SERVICE,
    JOURNAL,
    SLOTS,
    Head,
    Index,
    Place,
    parse_index,
    read_body,
    read_head,
)
from credman.stores.keyringitems import (
    Ring,
    decode,
    read_item,
)

_READS = 5
_READ_AGAIN_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class State:
    """What lies in the keyring.

    Args:
        slot: which of the two indexes counts.
        head: its head.
        heads: of both, as far as they can be read.
        problem: what speaks against going on from here.
    """

    index: Index
    slot: str
    head: Head
    heads: Mapping[str, Head] = field(default_factory=dict)
    problem: CredmanError | None = None


def load_state(ring: Ring) -> State | None:
    """Returns: None if there is no index at all.

    Raises:
        PayloadDamaged: there is one, and none is whole.
        VaultNewer, KeyringUnavailable
    """
    for attempt in range(_READS):
        state, is_torn = look(ring)
        if not is_torn:
            return state
        if attempt < _READS - 1:
            time.sleep(_READ_AGAIN_SECONDS)  # somebody may be writing
    if state is None:
        raise PayloadDamaged(
            "the index in the keyring is damaged",
            hint="nothing was changed; credman restore FILE --store keyring: takes a backup; "
            "without one, docs/stores.md says how to begin anew",
        )
    problem = PayloadDamaged(
        "one of the two indexes in the keyring is damaged, the other is older",
        hint="credman doctor --accept --store keyring: goes on with the older one; "
        "credman restore FILE --store keyring: with a backup",
    )
    return replace(state, problem=problem)


def look(ring: Ring) -> tuple[State | None, bool]:
    """Returns: the highest whole state, and whether there is a higher one that is not whole."""
    found: dict[str, tuple[Head, str]] = {}
    is_torn = False
    for slot in SLOTS:
        try:
            read = read_head(ring, slot)
        except PayloadDamaged:
            is_torn = True
            continue
        if read is not None:
            found[slot] = read
    heads = {slot: head for slot, (head, _) in found.items()}
    for slot in sorted(found, key=lambda slot: found[slot][0].generation, reverse=True):
        head, rest = found[slot]
        text = read_body(ring, slot, head, rest)
        if text is not None:
            index = parse_index(text)
            if index.generation != head.generation:
                raise PayloadDamaged("the index in the keyring is damaged")
            return State(index, slot, head, heads), is_torn
        is_torn = True
    return None, is_torn


def read_values(ring: Ring, index: Index, places: Iterable[Place]) -> dict[Address, Secret]:
    """Returns: the values of these versions.

    Raises:
        PayloadDamaged: an item is gone, or is not what was stored.
        KeyringUnavailable
    """
    tokens = {token.key: token for token in index.contents.tokens}
    found: dict[Address, Secret] = {}
    for key, number in places:
        item = index.items[key, number]
        text = read_item(ring, item)
        if text is None:
            raise PayloadDamaged(
                f"the item {item.user} of {item.service} is gone from the keyring",
                hint=_hint_for(key),
            )
        fields = next(v.fields for v in tokens[key].versions if v.number == number)
        values = decode(item, text, fields, _hint_for(key))
        found.update({Address(key, number, name): value for name, value in values.items()})
    return found


def _hint_for(key: TokenKey) -> str:
    profile = "" if key.profile == DEFAULT_PROFILE else f" -p {key.profile}"
    return (
        f"another program removed or changed it: credman remove {key.name} -e {key.environment}"
        f"{profile} --store keyring: and add it again, or credman restore a backup"
    )


def examine_items(ring: Ring, state: State) -> list[Fact]:
    """Compares the index with the items, reading every value once.

    Raises:
        KeyringUnavailable
    """
    wrong: list[Fact] = []
    for key, number in state.index.items:
        try:
            read_values(ring, state.index, [(key, number)])
        except PayloadDamaged as error:
            wrong.append(Fact("" if wrong else "items", error.message, True, error.hint))
    count = len(state.index.items)
    found = f"{count - len(wrong)} of {count} are in the keyring as they were stored"
    facts = [Fact("" if wrong else "items", found)]
    if ring.get((INDEX_SERVICE, JOURNAL)) is not None:
        text = "a write did not come to its end; the next one cleans up what it left"
        facts.append(Fact("journal", text))
    return [*wrong, *facts]
