"""How two states of a vault relate: the same, older, newer, forked, or none of its own.

Each file names the generations before it and the hashes of their files. Rule: a state is an
ancestor only if it stands in that list; one of a generation that the list skips is none. Only what
lies further back than the list reaches cannot be told, and counts as an ancestor. A backup names
the file it was made of, and is that very state.
"""

from __future__ import annotations

from enum import Enum

from credman.stores.seen import LastSeen
from credman.vault.document import MAX_HISTORY, Ancestor, Document, list_states


class Relation(Enum):
    """What another copy is to ours."""

    SAME = "the same as the vault"
    OLDER = "an older copy of this vault"
    NEWER = "a newer copy of this vault"
    FORKED = "a copy of this vault that went its own way"
    UNRELATED = "another vault"


def describe_rollback(document: Document, file_hash: str, seen: LastSeen) -> str | None:
    """Args:
        document, file_hash: what lies there now.
        seen: what was last seen there.

    Returns:
        None if the one descends from the other, else what is wrong.
    """
    if seen.vault_id != document.vault_id:
        return "this is another vault than the one last seen here"
    if document.generation < seen.generation:
        return (
            f"this is an older copy of the vault (generation {document.generation}; "
            f"{seen.generation} was seen here)"
        )
    if not descends(document, file_hash, Ancestor(seen.generation, seen.file_hash)):
        return "this vault does not descend from the one last seen here"
    return None


def relate(ours: Document, our_hash: str, theirs: Document, their_hash: str) -> Relation:
    """Returns: what ``theirs`` is to ``ours``."""
    if theirs.vault_id != ours.vault_id:
        return Relation.UNRELATED
    our_states, their_states = list_states(ours, our_hash), list_states(theirs, their_hash)
    if {*our_states} & {*their_states}:
        return Relation.SAME
    if any(descends(ours, our_hash, state) for state in their_states):
        return Relation.OLDER
    if any(descends(theirs, their_hash, state) for state in our_states):
        return Relation.NEWER
    return Relation.FORKED


def descends(document: Document, file_hash: str, ancestor: Ancestor) -> bool:
    """Whether a file is ``ancestor`` or comes after it, as far as its history reaches."""
    known = {*document.history, *list_states(document, file_hash)}
    if ancestor in known:
        return True
    # A list that was never cut reaches back to the beginning.
    is_cut = len(document.history) >= MAX_HISTORY
    return is_cut and ancestor.generation < min(a.generation for a in known)


def find_common_generation(ours: Document, theirs: Document) -> int | None:
    """Returns: the last generation that two forks have in common; None if their lists do not reach
    so far back."""
    common = {*ours.history} & {*theirs.history}
    return max((a.generation for a in common), default=None)
