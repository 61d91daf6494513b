"""Other states of a vault: kept copies, older ones, those that a synced folder left beside it.

Rules: a copy is told by what is in it, never by its name; nothing is picked silently; whoever was
shut out of the vault does not come back with an old copy, so its keys stay those of today wherever
today's vault can be opened.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
from dataclasses import replace

from credman.core.errors import (
    CredmanError,
    Locked,
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
from credman.core.secret import Secret
from credman.oskeyring.client import KeyringUnavailable
from credman.stores import disk
from credman.stores.base import Committed, Unlocker
from credman.stores.capabilities import Copy, Difference
from credman.stores.keyringslots import open_with_keyring
from credman.stores.lineage import Relation, find_common_generation, relate
from credman.stores.merging import (
    check_generation,
    compare,
    describe,
    keep_exposures,
    keep_way_in,
    mark_unsure,
    merge_contents,
    succeed,
    take_contents,
)
from credman.stores.opened import Key, Loaded, check_has_way_in, find_key
from credman.stores.seen import LastSeen
from credman.stores.vaultfile import VaultFile
from credman.vault.container import MAX_VAULT_BYTES, SealedVault, parse_vault
from credman.vault.document import Document
from credman.vault.rekeying import Keyed


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
            self._ours = loaded = self._load()
        except (VaultMissing, NoVault) as error:
            return Copy(path, "missing", problem=error, is_whole=False)
        except VaultDamaged as error:
            return Copy(path, "damaged", problem=error, is_whole=False)
        except (WrongPassphrase, NoMatch) as error:
            # Another vault, or damage in what a passphrase is tried against: that looks alike.
            return Copy(path, "does not open", problem=error, is_whole=False)
        except Unavailable as error:  # of a newer credman, of another user, on a broken disk
            self._obstacle = error
            return Copy(path, "not to be read", problem=error, is_whole=False)
        return Copy(path, "the vault", describe(loaded.document), loaded.document.contents.tokens)

    def _load(self) -> Loaded:
        try:
            return self._vault.load()
        except WrongPassphrase:
            # What is not looked at would pass for damaged, and be replaced.
            if not self._vault.open_as_last_resort():
                raise
            return self._vault.load()

    def read(self, path: str) -> Copy:
        resolved = os.path.realpath(path)
        file = disk.read_own_file(resolved, limit=MAX_VAULT_BYTES)
        if file is None:
            raise NotFound(f"there is no file {path}")
        sealed = parse_vault(file)
        key = self._find_key(sealed, path)
        document = sealed.open(key.identity)
        self._opened[path] = Loaded(sealed, document), key
        found = self._relate(document, sealed.file_hash)
        relation = "a copy of the vault" if found is None else found.value
        if found is Relation.FORKED and self._ours is not None:
            common = find_common_generation(self._ours.document, document)
            relation += "" if common is None else f" after generation {common}"
        return Copy(
            path,
            relation,
            describe(document),
            document.contents.tokens,
            is_whole=found is not Relation.UNRELATED,
            is_current=found is Relation.SAME,
        )

    def examine_previous(self) -> Copy | None:
        """What the copy before the last write is, without asking for anything. Returns: None if
        there is none."""
        path = self._vault.backup
        try:
            file = disk.read_own_file(path, limit=MAX_VAULT_BYTES)
            if file is None:
                return None
            sealed = parse_vault(file)
            document = sealed.open(self._vault.require_key().identity)
        except NoMatch as error:
            known = {a.file_hash for a in self._ours.document.history} if self._ours else set()
            if sealed.file_hash in known:
                error.message = "it still opens with what was taken away; the next write ends that"
            return Copy(path, "has another key", problem=error, is_whole=False)
        except CredmanError as error:
            return Copy(path, "cannot be opened", problem=error, is_whole=False)
        found = self._relate(document, sealed.file_hash)
        is_expected = found in (None, Relation.SAME, Relation.OLDER)
        title, tokens = describe(document), document.contents.tokens
        relation = "a copy of the vault" if found is None else found.value
        return Copy(path, relation, title, tokens, is_whole=is_expected)

    def compare(self, copy: Copy) -> Difference:
        theirs = self._opened[copy.path][0].document.contents
        ours = Contents() if self._ours is None else self._ours.document.contents
        return compare(ours, theirs)

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
            if self._relate(theirs.document, theirs.sealed.file_hash) is Relation.UNRELATED:
                raise Refused(
                    "that is another vault, and does not replace this one",
                    hint=f"--store {shlex.quote(f'file:{copy.path}')} opens it where it lies",
                )
            self._refuse_impossible(theirs)
            if ours is None:
                if merge:
                    raise Refused("there is no vault that could be merged with")
                self._refuse_if_it_opens(key)
                self._vault.key = key
                keyed = keep_way_in(take_contents(theirs, mark_unsure(contents)), theirs, key)
                return self._write(keyed, None, theirs)
            if not self._vault.is_proven(ours):
                raise self._vault.refuse_unproven(ours)
            self._refuse_forgery(ours, theirs, key)
            mine = ours.document.contents
            kept = mark_unsure(keep_exposures(contents, mine))
            chosen = merge_contents(mine, contents) if merge else kept
            return self._write(take_contents(ours, chosen), ours, theirs)

    def accept(self) -> tuple[Loaded, Committed]:
        if self._ours is None:  # whoever has to type does not hold the lock
            problem = self.current().problem
            if problem is not None:
                raise problem
        with self._vault.locked():
            if self._hash() != self._shown:
                raise StoreConflict(
                    "the vault was changed meanwhile", hint="nothing was changed; look at it again"
                )
            ours = self._vault.load()
            if not self._vault.is_proven(ours):
                raise self._vault.refuse_unproven(ours)
            contents = mark_unsure(ours.document.contents)
            return self._write(take_contents(ours, contents), ours, ours)

    def _relate(self, document: Document, file_hash: str) -> Relation | None:
        """Returns: what another state is to today's; None where that cannot be opened and nothing
        speaks against it."""
        if self._ours is not None:
            return relate(self._ours.document, self._ours.sealed.file_hash, document, file_hash)
        known = self._known_vault_id()
        return None if known in (None, document.vault_id) else Relation.UNRELATED

    def _known_vault_id(self) -> str | None:
        seen = self._vault.find_last_seen()
        if isinstance(seen, LastSeen):
            return seen.vault_id
        for path in (self._vault.path, self._vault.backup):
            with contextlib.suppress(CredmanError):
                found = parse_vault(disk.read_own_file(path, limit=MAX_VAULT_BYTES) or b"")
                return found.slots[0].vault_id if found.slots else None
        return None

    def _refuse_impossible(self, theirs: Loaded) -> None:
        seen = self._vault.find_last_seen()
        highest = seen.generation if isinstance(seen, LastSeen) else 0
        if self._ours is not None:
            highest = max(highest, self._ours.document.generation)
        check_generation(theirs.document.generation, highest)

    def _refuse_forgery(self, ours: Loaded, theirs: Loaded, key: Key) -> None:
        # Anybody who knows the public key could have made what a recovery key opens; what stands in
        # our own history was made by an owner.
        known = {a.file_hash for a in ours.document.history}
        if key.recipient is not None and theirs.sealed.file_hash not in known:
            raise Refused(
                "only a recovery key opens that copy, so anybody could have made it",
                hint="with the passphrase it was written under it can be taken",
            )

    def _refuse_if_it_opens(self, key: Key) -> None:
        # Whoever mistyped the passphrase of today's vault does not go back to an older one.
        if not isinstance(key.secret, Secret):
            return
        with contextlib.suppress(VaultDamaged, VaultMissing, NoVault, NoMatch):
            sealed = self._vault.read(self._vault.path)
            found = find_key(sealed, key.secret)
            if found is not None and sealed.open(found.identity):
                raise Refused(
                    "that passphrase opens the vault itself", hint="nothing was changed; try again"
                )

    def _write(self, keyed: Keyed, ours: Loaded | None, theirs: Loaded) -> tuple[Loaded, Committed]:
        document = succeed(keyed.document, (theirs, ours), self._vault.find_last_seen())
        # A damaged vault is kept aside: it may still hold something for whoever knows more.
        damaged = f"{self._vault.path}.damaged-{self._shown[:8]}" if self._shown else None
        keep = damaged if ours is None else self._vault.backup
        # What a recovery key opened is not proven by having been put back: it is not noted, so
        # that it stays read-only until somebody has looked at it and set a passphrase.
        is_seen = ours is not None or self._vault.require_key().recipient is None
        return self._vault.write(replace(keyed, document=document), keep=keep, is_seen=is_seen)

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
            found = find_key(sealed, key.secret) if isinstance(key.secret, Secret) else None
            if found is not None:
                return found
        return open_sealed(sealed, path, self._unlocker)

    def _hash(self) -> str:
        file = disk.read_own_file(self._vault.path, limit=MAX_VAULT_BYTES)
        return "" if file is None else hashlib.sha256(file).hexdigest()


def open_sealed(sealed: SealedVault, path: str, unlocker: Unlocker) -> Key:
    """Returns: what opens a vault of which nothing is known yet, asking whoever may know.

    Raises:
        NotAVault, Locked, WrongPassphrase, NoMatch, VaultDamaged
    """
    check_has_way_in(sealed, unlocker)
    because = ""
    try:
        found = open_with_keyring(unlocker, sealed)
    except (KeyringUnavailable, Locked) as error:
        found, because = None, error.message
    if found is not None:
        return found
    for passphrase in unlocker.passphrases(of=os.path.basename(path), because=because):
        found = find_key(sealed, passphrase)
        if found is not None:
            return found
    raise WrongPassphrase(f"wrong passphrase for {path}")
