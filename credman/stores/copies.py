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

from credman.core.errors import (
    CredmanError,
    NoMatch,
    NotFound,
    NoVault,
    Refused,
    StoreConflict,
    Unavailable,
    VaultDamaged,
    VaultMissing,
    WrongPassphrase,
)
from credman.core.model import Contents
from credman.stores import disk, looking
from credman.stores.base import Committed, Copy, Difference, Unlocker
from credman.stores.lineage import Relation, find_common_generation, relate
from credman.stores.merging import (
    describe,
    find_missing,
    is_equal,
    mark_unsure,
    merge_contents,
    succeed,
    take_contents,
)
from credman.stores.opened import Key, Loaded, find_key
from credman.stores.vaultfile import VaultFile
from credman.vault.container import MAX_VAULT_BYTES, SealedVault, parse_vault
from credman.vault.rekeying import Keyed

_MOST_COPIES = 16
_AGE_HEADER = b"age-encryption.org/"
_NO_COPY = re.compile(r"\.(damaged-[0-9a-f]{8}|forgotten-[0-9a-f]{8}|tmp|part|lock)$")


class Copies:
    """Args: unlocker: whoever may know what opens a copy that has another key."""

    def __init__(self, vault: VaultFile, unlocker: Unlocker) -> None:
        self._vault = vault
        self._unlocker = unlocker
        self._opened: dict[str, tuple[Loaded, Key]] = {}
        self._shown: str | None = None
        self._ours: Loaded | None = None
        self._obstacle: CredmanError | None = None

    def current(self) -> Copy:
        path = self._vault.path
        self._shown = self._ours = self._obstacle = None
        try:
            self._shown = self._hash()
            self._ours = loaded = self._vault.load()
        except (VaultMissing, NoVault) as error:
            return Copy(path, "missing", problem=error, is_whole=False)
        except VaultDamaged as error:
            return Copy(path, "damaged", problem=error, is_whole=False)
        except Unavailable as error:  # of a newer credman, of another user, on a broken disk
            self._obstacle = error
            return Copy(path, "not to be read", problem=error, is_whole=False)
        return Copy(path, "the vault", describe(loaded.document), loaded.document.contents.tokens)

    def read(self, path: str) -> Copy:
        resolved = os.path.realpath(path)
        file = disk.read_own_file(resolved, limit=MAX_VAULT_BYTES)
        if file is None:
            raise NotFound(f"there is no file {path}")
        sealed = parse_vault(file)
        key = self._find_key(sealed, path)
        document = sealed.open(key.identity)
        self._opened[path] = Loaded(sealed, document), key
        relation, found = "a vault", None
        if self._ours is not None:
            found = relate(
                self._ours.document, self._ours.sealed.file_hash, document, sealed.file_hash
            )
            relation = found.value
            common = find_common_generation(self._ours.document, document)
            if found is Relation.FORKED and common is not None:
                relation = f"{relation} after generation {common}"
        return Copy(
            path,
            relation,
            describe(document),
            document.contents.tokens,
            is_whole=found is not Relation.UNRELATED,
            is_current=found is Relation.SAME,
        )

    def beside(self, ours: Loaded) -> tuple[Copy, ...]:
        """Returns: files beside the vault that are states of it and no ancestors of ``ours``."""
        known = {ours.sealed.file_hash, *(a.file_hash for a in ours.document.history)}
        found: list[Copy] = []
        for path in self._candidates():
            try:
                file = disk.read_own_file(path, limit=MAX_VAULT_BYTES) or b""
                sealed = parse_vault(file)
            except CredmanError:
                continue
            if sealed.file_hash not in known and any(
                slot.vault_id == ours.document.vault_id for slot in sealed.slots
            ):
                copy = self._look_at(path, sealed, ours)
                found += [] if copy is None else [copy]
            if len(found) == _MOST_COPIES:
                break
        return tuple(found)

    def compare(self, copy: Copy) -> Difference:
        theirs = self._opened[copy.path][0].document.contents
        ours = Contents() if self._ours is None else self._ours.document.contents
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
        )

    def restore(self, copy: Copy, *, merge: bool) -> tuple[Loaded, Committed]:
        theirs, key = self._opened[copy.path]
        with self._vault.locked():
            if self._hash() != self._shown:
                raise StoreConflict(
                    "the vault was changed meanwhile", hint="nothing was changed; look at it again"
                )
            if self._obstacle is not None:
                raise self._obstacle
            ours, contents = self._ours, theirs.document.contents
            if ours is None:
                if merge:
                    raise Refused("there is no vault that could be merged with")
                self._vault.key = key
                return self._write(take_contents(theirs, mark_unsure(contents)), None, theirs)
            if not self._vault.is_proven(ours):
                raise self._vault.refuse_unproven(ours)
            if ours.document.vault_id != theirs.document.vault_id:
                raise Refused(
                    "that is another vault, and does not replace this one",
                    hint=f"--store file:{copy.path} opens it where it lies",
                )
            mine = ours.document.contents
            chosen = merge_contents(mine, contents) if merge else mark_unsure(contents)
            return self._write(take_contents(ours, chosen), ours, theirs)

    def accept(self) -> tuple[Loaded, Committed]:
        self._vault.load()  # whoever has to type does not hold the lock
        with self._vault.locked():
            ours = self._vault.load()
            if not self._vault.is_proven(ours):
                raise self._vault.refuse_unproven(ours)
            contents = mark_unsure(ours.document.contents)
            return self._write(take_contents(ours, contents), ours, ours)

    def _write(self, keyed: Keyed, ours: Loaded | None, theirs: Loaded) -> tuple[Loaded, Committed]:
        document = succeed(keyed.document, (theirs, ours), self._vault.find_last_seen())
        # A damaged vault is kept aside: it may still hold something for whoever knows more.
        damaged = f"{self._vault.path}.damaged-{self._shown[:8]}" if self._shown else None
        keep = damaged if ours is None else self._vault.backup
        # What a recovery key opened is not proven by having been put back: it is not noted, so
        # that it stays read-only until somebody has looked at it and set a passphrase.
        is_seen = ours is not None or self._vault.require_key().recipient is None
        return self._vault.write(replace(keyed, document=document), keep=keep, is_seen=is_seen)

    def _candidates(self) -> list[str]:
        directory, name = os.path.split(self._vault.path)
        stem = os.path.splitext(name)[0].casefold()
        own = {self._vault.path, self._vault.backup}
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
        return [p for p in paths if p not in own and looking.starts_with(p, _AGE_HEADER)]

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

    def _find_key(self, sealed: SealedVault, path: str) -> Key:
        key = self._vault.key
        if key is not None:
            try:
                sealed.open(key.identity)
            except NoMatch:
                pass
            else:
                return key
            # A copy from before a change of keys may still have the passphrase of today.
            found = None if key.passphrase is None else find_key(sealed, key.passphrase)
            if found is not None:
                return found
        for passphrase in self._unlocker.passphrases(of=os.path.basename(path)):
            found = find_key(sealed, passphrase)
            if found is not None:
                return found
        raise WrongPassphrase(f"wrong passphrase for {path}")

    def _hash(self) -> str:
        file = disk.read_own_file(self._vault.path, limit=MAX_VAULT_BYTES)
        return "" if file is None else hashlib.sha256(file).hexdigest()
