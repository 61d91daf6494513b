"""Other states of a vault: kept copies, older ones, those that a synced folder left beside it.

Rules: a copy is told by what is in it, never by its name; nothing is picked silently; whoever was
shut out of the vault does not come back with an old copy, so its keys stay those of today wherever
today's vault can be opened.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import replace
from datetime import UTC, datetime

from credman.core.errors import (
    CredmanError,
    NoMatch,
    NotFound,
    NoVault,
    Refused,
    StoreConflict,
    VaultDamaged,
    VaultMissing,
    WrongPassphrase,
)
from credman.core.intervals import format_instant
from credman.core.model import Address, Contents, TokenKey
from credman.stores import disk
from credman.stores.base import Committed, Copy, Difference, Unlocker
from credman.stores.lineage import Relation, find_common_generation, relate
from credman.stores.seen import LastSeen
from credman.stores.vaultfile import Loaded, VaultFile, find_key
from credman.vault.container import MAX_VAULT_BYTES, SealedVault, parse_vault
from credman.vault.document import MAX_HISTORY, Ancestor, Document
from credman.vault.rekeying import Keyed

_MOST_COPIES = 16
_AGE_HEADER = b"age-encryption.org/"
_PUT_ASIDE = re.compile(r"\.damaged-[0-9a-f]{8}$")


class Copies:
    """Args: unlocker: whoever may know what opens a copy that has another key."""

    def __init__(self, vault: VaultFile, unlocker: Unlocker) -> None:
        self._vault = vault
        self._unlocker = unlocker
        self._opened: dict[str, Loaded] = {}
        self._shown: str | None = None
        self._ours: Loaded | None = None

    def current(self) -> Copy:
        path = self._vault.path
        self._shown, self._ours = self._hash(), None
        try:
            self._ours = loaded = self._vault.load()
        except (VaultMissing, NoVault) as error:
            return Copy(path, "missing", problem=error, is_whole=False)
        except VaultDamaged as error:
            return Copy(path, "damaged", problem=error, is_whole=False)
        return Copy(path, "the vault", describe(loaded.document), loaded.document.contents.tokens)

    def read(self, path: str) -> Copy:
        resolved = os.path.realpath(path)
        file = disk.read_own_file(resolved, limit=MAX_VAULT_BYTES)
        if file is None:
            raise NotFound(f"there is no file {path}")
        sealed = parse_vault(file)
        loaded = Loaded(sealed, self._open(sealed, path))
        self._opened[path] = loaded
        document = loaded.document
        relation, is_ours = "a vault", True
        if self._ours is not None:
            found = relate(
                self._ours.document, self._ours.sealed.file_hash, document, sealed.file_hash
            )
            relation, is_ours = found.value, found is not Relation.UNRELATED
            common = find_common_generation(self._ours.document, document)
            if found is Relation.FORKED and common is not None:
                relation = f"{relation} after generation {common}"
        return Copy(path, relation, describe(document), document.contents.tokens, is_whole=is_ours)

    def beside(self, ours: Loaded) -> tuple[Copy, ...]:
        """Returns: files beside the vault that are states of it and no ancestors of ``ours``."""
        found = []
        for path in self._candidates():
            try:
                file = disk.read_own_file(path, limit=MAX_VAULT_BYTES) or b""
                sealed = parse_vault(file)
            except CredmanError:
                continue
            if not any(slot.vault_id == ours.document.vault_id for slot in sealed.slots):
                continue
            copy = self._look_at(path, sealed, ours)
            if copy is not None:
                found.append(copy)
        return tuple(found)

    def compare(self, copy: Copy) -> Difference:
        theirs = self._opened[copy.path].document.contents
        ours = Contents() if self._ours is None else self._ours.document.contents
        return Difference(
            only_here=tuple(t.key for t in ours.tokens if theirs.find_token(t.key) is None),
            only_there=tuple(t.key for t in theirs.tokens if ours.find_token(t.key) is None),
            differing=tuple(
                t.key
                for t in ours.tokens
                if theirs.find_token(t.key) is not None and not _is_equal(ours, theirs, t.key)
            ),
        )

    def restore(self, copy: Copy, *, merge: bool) -> tuple[Loaded, Committed]:
        theirs = self._opened[copy.path]
        with self._vault.locked():
            if self._hash() != self._shown:
                raise StoreConflict(
                    "the vault was changed meanwhile", hint="nothing was changed; look at it again"
                )
            ours = self._ours
            if ours is None:
                if merge:
                    raise Refused("there is no vault that could be merged with")
                keyed = _keyed(theirs, theirs.document.contents)
            else:
                if (
                    relate(
                        ours.document,
                        ours.sealed.file_hash,
                        theirs.document,
                        theirs.sealed.file_hash,
                    )
                    is Relation.UNRELATED
                ):
                    raise Refused(
                        "that is another vault, and does not replace this one",
                        hint=f"--store file:{copy.path} opens it where it lies",
                    )
                contents = theirs.document.contents
                keyed = _keyed(ours, _merge(ours, contents) if merge else contents)
            if not merge:
                keyed = _mark_unsure(keyed)
            return self._write(keyed, ours, theirs)

    def accept(self) -> tuple[Loaded, Committed]:
        with self._vault.locked():
            ours = self._vault.load()
            if not self._vault.is_proven(ours):
                raise self._vault.refuse_unproven(ours)
            return self._write(_mark_unsure(_keyed(ours, ours.document.contents)), ours, ours)

    def _write(self, keyed: Keyed, ours: Loaded | None, theirs: Loaded) -> tuple[Loaded, Committed]:
        document = succeed(keyed.document, (theirs, ours), self._vault.find_last_seen())
        # A damaged vault is kept aside: it may still hold something for whoever knows more.
        damaged = f"{self._vault.path}.damaged-{self._shown[:8]}" if self._shown else None
        keep = damaged if ours is None else self._vault.backup
        return self._vault.write(replace(keyed, document=document), keep=keep)

    def _candidates(self) -> list[str]:
        directory, name = os.path.split(self._vault.path)
        stem = os.path.splitext(name)[0]
        own = {self._vault.path, self._vault.backup}
        try:
            names = sorted(
                entry.name for entry in os.scandir(directory) if entry.name.startswith(stem)
            )
        except OSError:
            return []
        paths = [os.path.join(directory, n) for n in names if not _PUT_ASIDE.search(n)]
        found = [p for p in paths if p not in own and disk.starts_with(p, _AGE_HEADER)]
        return found[:_MOST_COPIES]

    def _look_at(self, path: str, sealed: SealedVault, ours: Loaded) -> Copy | None:
        try:
            document = sealed.open(ours.document.identity)
        except NoMatch as error:
            return Copy(path, "a copy of this vault with another key", problem=error)
        except CredmanError as error:
            return Copy(path, "a damaged copy of this vault", problem=error, is_whole=False)
        relation = relate(ours.document, ours.sealed.file_hash, document, sealed.file_hash)
        if relation in (Relation.SAME, Relation.OLDER):
            return None
        return Copy(path, relation.value, describe(document), document.contents.tokens)

    def _open(self, sealed: SealedVault, path: str) -> Document:
        key = self._vault.key
        if key is not None:
            try:
                return sealed.open(key.identity)
            except NoMatch:
                pass
            # A copy from before a change of keys may still have the passphrase of today.
            found = None if key.passphrase is None else find_key(sealed, key.passphrase)
            if found is not None:
                return sealed.open(found.identity)
        for passphrase in self._unlocker.passphrases(of=os.path.basename(path)):
            found = find_key(sealed, passphrase)
            if found is not None:
                return sealed.open(found.identity)
        raise WrongPassphrase(f"wrong passphrase for {path}")

    def _hash(self) -> str:
        file = disk.read_own_file(self._vault.path, limit=MAX_VAULT_BYTES)
        return "" if file is None else hashlib.sha256(file).hexdigest()


def describe(document: Document) -> str:
    """Returns: which vault and as of when."""
    count = len(document.contents.tokens)
    return (
        f"generation {document.generation}, written {format_instant(document.written_at)}, "
        f"{count} token{'' if count == 1 else 's'}"
    )


def succeed(
    document: Document, former: tuple[Loaded | None, ...], seen: LastSeen | CredmanError | None
) -> Document:
    """Returns: the document as the next generation after all of these, which are its ancestors: of
    two forks both, so that whoever saw either of them goes on without a doubt."""
    known = set(document.history)
    for loaded in former:
        if loaded is not None and loaded.document.vault_id == document.vault_id:
            known.update(loaded.document.history)
            known.add(Ancestor(loaded.document.generation, loaded.sealed.file_hash))
    if isinstance(seen, LastSeen) and seen.vault_id == document.vault_id:
        known.add(Ancestor(seen.generation, seen.file_hash))
    history = sorted(known, key=lambda a: (a.generation, a.file_hash))[-MAX_HISTORY:]
    return replace(
        document,
        generation=history[-1].generation + 1,
        history=tuple(history),
        written_at=datetime.now(UTC).replace(microsecond=0),
    )


def _keyed(keys_of: Loaded, contents: Contents) -> Keyed:
    stanzas = tuple(slot.stanza for slot in keys_of.sealed.slots)
    return Keyed(replace(keys_of.document, contents=contents), stanzas)


def _mark_unsure(keyed: Keyed) -> Keyed:
    contents = keyed.document.contents
    tokens = tuple(replace(token, unsure=True) for token in contents.tokens)
    contents = replace(contents, tokens=tokens)
    return replace(keyed, document=replace(keyed.document, contents=contents))


def _merge(ours: Loaded, theirs: Contents) -> Contents:
    mine = ours.document.contents
    new = [token for token in theirs.tokens if mine.find_token(token.key) is None]
    keys = {token.key for token in new}
    return Contents(
        (
            *mine.environments,
            *(e for e in theirs.environments if mine.find_environment(e.name) is None),
        ),
        (*mine.tokens, *new),
        {**mine.values, **{a: v for a, v in theirs.values.items() if a.key in keys}},
    )


def _is_equal(ours: Contents, theirs: Contents, key: TokenKey) -> bool:
    mine, other = ours.find_token(key), theirs.find_token(key)
    if mine is None or other is None or replace(mine, unsure=other.unsure) != other:
        return False
    return all(
        ours.values[address] == theirs.values[address]
        for version in mine.versions
        for address in (Address(mine.key, version.number, name) for name in version.fields)
    )
