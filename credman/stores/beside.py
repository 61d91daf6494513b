"""Finding the copies of a vault that lie beside it: conflict copies of synced folders, say.

Rule: what a file is, is told by what is in it, never by its name.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from credman.core.errors import CredmanError, NoMatch
from credman.stores import disk, looking
from credman.stores.lineage import Relation, relate
from credman.stores.opened import Loaded
from credman.vault.container import MAX_VAULT_BYTES, SealedVault, parse_vault

if TYPE_CHECKING:
    from credman.stores.capabilities import Copy

MOST_COPIES = 16
_AGE_HEADER = b"age-encryption.org/"
_NO_COPY = re.compile(r"\.(damaged-[0-9a-f]{8}|forgotten-[0-9a-f]{8}|tmp|part|lock)$")


def find_beside(ours: Loaded, path: str, backup: str) -> tuple[Copy, ...]:
    """Args:
        path, backup: of the vault and of the copy before its last write, which are none.

    Returns:
        Up to ``MOST_COPIES`` files that are states of this vault and no ancestors of ``ours``.
    """
    known = {ours.sealed.file_hash, *(a.file_hash for a in ours.document.history)}
    found: list[Copy] = []
    for candidate in _candidates(path, backup):
        try:
            sealed = parse_vault(disk.read_own_file(candidate, limit=MAX_VAULT_BYTES) or b"")
        except CredmanError:
            continue
        is_foreign = all(slot.vault_id != ours.document.vault_id for slot in sealed.slots)
        if sealed.slots and is_foreign:
            continue
        copy = _look_at(candidate, sealed, ours)
        if copy is not None and sealed.file_hash not in known:
            found.append(copy)
        if len(found) == MOST_COPIES:
            break
    return tuple(found)


def _candidates(path: str, backup: str) -> list[str]:
    directory, name = os.path.split(path)
    stem = os.path.splitext(name)[0].casefold()
    try:
        names = [
            entry.name
            for entry in os.scandir(directory)
            # Hidden ones and those on their way are of whoever writes just now.
            if stem in entry.name.casefold() and not entry.name.startswith((".", "~"))
        ]
    except OSError:
        return []
    paths = (os.path.join(directory, n) for n in sorted(names) if not _NO_COPY.search(n))
    return [p for p in paths if p not in (path, backup) and looking.starts_with(p, _AGE_HEADER)]


def _look_at(path: str, sealed: SealedVault, ours: Loaded) -> Copy | None:
    from credman.stores.capabilities import Copy
    from credman.stores.merging import describe

    try:
        document = sealed.open(ours.document.identity)
    except NoMatch as error:
        if not sealed.slots:  # to a recovery key alone, or not a vault at all: that cannot be told
            return None
        return Copy(path, "a copy of this vault with another key", problem=error)
    except CredmanError as error:
        return Copy(path, "a damaged copy of this vault", problem=error, is_whole=False)
    relation = relate(ours.document, ours.sealed.file_hash, document, sealed.file_hash)
    if relation in (Relation.SAME, Relation.OLDER):
        return None
    return Copy(path, relation.value, describe(document), document.contents.tokens)
