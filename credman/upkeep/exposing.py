"""Marking versions whose values were found where others may read them.

Rule: whoever calls this knows whose values they are; none is looked at here. A mark goes with its
version, and only what is dead is not said to be exposed any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from credman.core.model import Exposure, Token, TokenKey, Version
from credman.session import Session
from credman.stores.base import Snapshot
from credman.stores.changes import Change, PutToken

Found = Mapping[tuple[TokenKey, int], Sequence[str]]
"""The absolute paths of the files in which a version's value was found, by token and number."""


def expose(session: Session, found: Found, now: datetime) -> list[Token]:
    """Marks versions as exposed, all at once; what was known before is joined with it. A version
    that is gone, or has no value any more, is left out.

    Args:
        found: with every token that has the value, where several have the same.
        now: UTC.

    Returns:
        The tokens as stored, those that were marked.

    Raises:
        CredmanError: the store cannot be written to.
    """
    at = now.replace(microsecond=0)

    def changes(snapshot: Snapshot) -> list[Change]:
        marked: dict[TokenKey, Token] = {}
        for (key, number), paths in found.items():
            token = marked.get(key.folded()) or snapshot.find_token(key)
            version = None if token is None else token.find_version(number)
            if token is None or version is None or not version.fields or not paths:
                continue
            marked[key.folded()] = _mark(token, version, paths, at)
        return [PutToken(token) for token in marked.values()]

    if not changes(session.snapshot()):  # nothing to mark is nothing to write
        return []
    return [change.token for change in session.commit(changes) if isinstance(change, PutToken)]


def _mark(token: Token, version: Version, paths: Sequence[str], at: datetime) -> Token:
    places = tuple(dict.fromkeys(paths))
    new = Exposure(at, at, len(places), places)
    exposed = replace(version, exposure=(version.exposure or new).join(new))
    versions = tuple(exposed if v.number == version.number else v for v in token.versions)
    return replace(token, versions=versions)
