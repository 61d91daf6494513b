"""What becomes of two states of a vault when one is restored over the other, or joined to it. Pure.

Rule: what comes out descends from both, and two tokens of an environment never give one variable.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from credman.core.errors import CredmanError, Refused
from credman.core.intervals import format_instant
from credman.core.model import Address, Contents, Token, TokenKey, Version
from credman.core.names import WELL_KNOWN_ENVIRONMENTS
from credman.core.secret import Secret
from credman.stores.capabilities import Difference
from credman.stores.opened import Key, Loaded
from credman.stores.seen import LastSeen
from credman.vault import slots
from credman.vault.document import Ancestor, Document, SlotLabel, extend_history, list_states
from credman.vault.rekeying import Keyed, fits_slot

_FURTHEST_AHEAD = 2**32


class Dated(Protocol):
    """A state of a store: a document, or an index."""

    @property
    def generation(self) -> int: ...
    @property
    def written_at(self) -> datetime: ...
    @property
    def contents(self) -> Contents: ...


def describe(state: Dated) -> str:
    """Returns: which state and as of when."""
    count = len(state.contents.tokens)
    return (
        f"generation {state.generation}, written {format_instant(state.written_at)}, "
        f"{count} token{'' if count == 1 else 's'}"
    )


def succeed(
    document: Document, former: tuple[Loaded | None, ...], seen: LastSeen | CredmanError | None
) -> Document:
    """Returns: the document as the next generation after all of these, which are its ancestors: of
    two forks both, so that whoever saw either of them goes on without a doubt."""
    known: list[Ancestor] = []
    for loaded in former:
        if loaded is not None and loaded.document.vault_id == document.vault_id:
            known += loaded.document.history
            known += list_states(loaded.document, loaded.sealed.file_hash)
    if isinstance(seen, LastSeen) and seen.vault_id == document.vault_id:
        known.append(Ancestor(seen.generation, seen.file_hash))
    history = extend_history(document.history, known)
    return replace(
        document,
        generation=history[-1].generation + 1,
        history=history,
        written_at=datetime.now(UTC).replace(microsecond=0),
        backup_of=None,
    )


def take_contents(keys_of: Loaded, contents: Contents) -> Keyed:
    """Returns: these contents in a vault that is opened by what opens ``keys_of``."""
    stanzas = tuple(slot.stanza for slot in keys_of.sealed.slots)
    return Keyed(replace(keys_of.document, contents=contents), stanzas)


def keep_way_in(keyed: Keyed, of: Loaded, key: Key) -> Keyed:
    """Args:
        of: whose slots ``keyed`` has.
        key: what opened it.

    Returns:
        The same, opened by that from now on. Today's passphrase opens a backup that has no slot for
        it, since both have one identity; what is restored would open to nobody who is there.
    """
    secret, document = key.secret, keyed.document
    if secret is None or fits_slot(of.sealed, key.slot, secret):
        return keyed
    vault_id = document.vault_id
    if isinstance(secret, Secret):
        number, label = document.next_slot, "passphrase"
        stanza = slots.wrap_passphrase(document.identity, secret, vault_id=vault_id, number=number)
    else:
        number, label = int(key.slot), "keyring"  # that is how the keyring knows it
        if any(slot.number == number for slot in document.slots):
            return keyed  # a backup's passphrase has it, and is a way in
        stanza = slots.wrap_key(document.identity, secret, vault_id=vault_id, number=number)
    more = SlotLabel(number, label, datetime.now(UTC).replace(microsecond=0))
    document = replace(
        document,
        slots=(*document.slots, more),
        next_slot=max(document.next_slot, number + 1),
    )
    wrapped = (*keyed.wrapped, (number, secret))
    return Keyed(document, (*keyed.stanzas, stanza), wrapped)


def mark_unsure(contents: Contents) -> Contents:
    """Returns: the contents, every token to be checked before it is relied upon."""
    tokens = tuple(replace(token, unsure=True) for token in contents.tokens)
    return replace(contents, tokens=tokens)


def merge_contents(ours: Contents, theirs: Contents) -> Contents:
    """Returns: ours, what only they have, and where either knows that a version was found."""
    # From an older copy they may have been taken away here on purpose, or revoked since.
    new = [replace(token, unsure=True) for token in find_missing(ours, theirs)]
    keys = {token.key for token in new}
    # One that has tokens here, or exists anyway, goes on inheriting as it does.
    here = {name.casefold() for name in WELL_KNOWN_ENVIRONMENTS}
    here |= {e.name.casefold() for e in ours.environments}
    here |= {t.key.environment.casefold() for t in ours.tokens}
    added = [e for e in theirs.environments if e.name.casefold() not in here]
    values = {address: value for address, value in theirs.values.items() if address.key in keys}
    tokens = (*keep_exposures(ours, theirs).tokens, *new)
    return Contents((*ours.environments, *added), tokens, {**ours.values, **values})


def keep_exposures(contents: Contents, known: Contents) -> Contents:
    """Returns: the contents with what ``known`` says of where their versions were found: no copy
    that is put back or joined makes secret again what is not."""

    def join(version: Version, other: Version | None) -> Version:
        # Not by its values, which a keyring does not show: two forks may share a number.
        if other is None or other.exposure is None or other.created_at != version.created_at:
            return version
        return replace(version, exposure=(version.exposure or other.exposure).join(other.exposure))

    def find(token: Token) -> Token:
        other = known.find_token(token.key)
        if other is None:
            return token
        versions = (join(version, other.find_version(version.number)) for version in token.versions)
        return replace(token, versions=tuple(versions))

    return replace(contents, tokens=tuple(map(find, contents.tokens)))


def find_missing(ours: Contents, theirs: Contents) -> list[Token]:
    """Returns: the tokens that only the other side has. One whose variable is taken here is left
    out: two tokens of an environment never give the same variable."""
    found: list[Token] = []
    for token in theirs.tokens:
        if ours.find_token(token.key) is None:
            wanted = {variable.casefold() for variable in token.variables}
            taken = {
                variable.casefold()
                for other in (*ours.tokens, *found)
                if other.key.folded()[:2] == token.key.folded()[:2]
                for variable in other.variables
            }
            if not wanted & taken:
                found.append(token)
    return found


def find_isolation_differences(ours: Contents, theirs: Contents) -> tuple[str, ...]:
    """Returns: the environments that inherit the base one's tokens on one side only."""
    sides = [
        {e.name.casefold() for e in side.environments if e.isolated} for side in (ours, theirs)
    ]
    return tuple(sorted(sides[0] ^ sides[1]))


def compare(ours: Contents, theirs: Contents) -> Difference:
    """Returns: what is on one side only, or differs."""
    new = find_missing(ours, theirs)
    return Difference(
        only_here=tuple(t.key for t in ours.tokens if theirs.find_token(t.key) is None),
        only_there=tuple(t.key for t in theirs.tokens if ours.find_token(t.key) is None),
        clashing=tuple(
            t.key for t in theirs.tokens if ours.find_token(t.key) is None and t not in new
        ),
        differing=tuple(
            t.key
            for t in ours.tokens
            if theirs.find_token(t.key) is not None and not is_equal(ours, theirs, t.key)
        ),
        isolation=find_isolation_differences(ours, theirs),
    )


def check_generation(theirs: int, highest: int) -> None:
    """Args: theirs: of a copy; highest: that is known here.

    Raises:
        Refused: taken over, a made-up one would leave none for the next write.
    """
    if theirs > highest + _FURTHEST_AHEAD:
        raise Refused("that copy claims a generation that no vault reaches")


def is_equal(ours: Contents, theirs: Contents, key: TokenKey) -> bool:
    """Whether both sides have this token with the same metadata and values."""
    mine, other = ours.find_token(key), theirs.find_token(key)
    if mine is None or other is None or replace(mine, unsure=other.unsure) != other:
        return False
    return all(
        ours.values[address] == theirs.values[address]
        for version in mine.versions
        for address in (Address(mine.key, version.number, name) for name in version.fields)
    )
