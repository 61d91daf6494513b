"""One vault file at its place: opening it, and writing it so that old or new is left, never other.

Writing: lock, read again, compare the revision, write beside it, read back and decrypt, keep the
old one as ``.bak``, rename, then note what was last seen. A damaged, cut or empty vault is an error
that names the copy before it; it is never a new one.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from credman.core.errors import (
    CredmanError,
    HeaderDamaged,
    Locked,
    NoMatch,
    NoVault,
    Refused,
    RolledBack,
    Unavailable,
    VaultDamaged,
    VaultMissing,
    WrongPassphrase,
)
from credman.oskeyring.client import KeyringUnavailable
from credman.stores import disk, looking
from credman.stores.base import Committed, Surroundings
from credman.stores.keyringslots import open_with_keyring
from credman.stores.lineage import describe_rollback
from credman.stores.location import lock_of, resolve
from credman.stores.opened import (
    Key,
    Loaded,
    check_has_way_in,
    find_key,
    has_passphrase,
    name_other_ways,
)
from credman.stores.seen import (
    LastSeen,
    forget_last_seen,
    load_last_seen,
    save_last_seen,
    state_path,
)
from credman.vault.container import MAX_VAULT_BYTES, SealedVault, parse_vault, seal_vault
from credman.vault.document import Document

if TYPE_CHECKING:
    from credman.vault.rekeying import Keyed


class VaultFile:
    """Args: rest: the path behind ``file:``; ``~`` is home. Links are followed once, here."""

    def __init__(self, rest: str, surroundings: Surroundings) -> None:
        self._unlocker = surroundings.unlocker
        self._keeper = surroundings.keeper
        self._latest: tuple[str, Document] | None = None
        self.path = resolve(rest, cwd=surroundings.cwd, environ=surroundings.environ)
        self.backup = f"{self.path}.bak"
        self._lock = lock_of(self.path)
        is_default = self.path == os.path.realpath(surroundings.paths.vault)
        self._where = "" if is_default else f" --store {shlex.quote(f'file:{self.path}')}"
        self.seen_path = state_path(surroundings.paths.state, self.path)
        self.key: Key | None = None
        self._folder: tuple[int, int] | None = None

    def exists(self) -> bool:
        """Raises: VaultMissing: there was a vault, and it is gone."""
        if disk.is_there(self.path):
            return True
        # An unmounted disk or a folder that is not synced yet is no new user.
        if self.find_last_seen() is not None or disk.is_there(self.backup):
            raise VaultMissing(
                f"there was a vault at {self.path}, and it is gone", hint=self._way_back()
            )
        return False

    def forget(self) -> str | None:
        """Takes away what says that a vault was here; to be called where it is gone.

        Returns:
            Where the copy before its last write is kept from now on, if there is one.

        Raises:
            Unavailable: that cannot be done.
        """
        kept = None
        if disk.is_there(self.backup):
            kept = f"{self.path}.forgotten-{os.urandom(4).hex()}"
            disk.move(self.backup, kept)
        forget_last_seen(self.seen_path)
        return kept

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the lock of the vault. Raises: LockTimeout, Unavailable"""
        with disk.locked(self._lock):
            self._folder = looking.identify(os.path.dirname(self.path))
            yield

    def require_key(self) -> Key:
        """Raises: Locked: nobody has opened it yet."""
        if self.key is None:
            raise Locked("the vault is locked")
        return self.key

    def load(self) -> Loaded:
        """Reads and opens the vault; asks for what opens it if nobody has yet."""
        try:
            # In this order: who writes renames the vault first and notes it after. The other way
            # round, a write in between would look like an older copy.
            seen = self.find_last_seen()
            sealed = self.read(self.path)
            if self.key is None and not self._find_kept(sealed):
                self._unlock(sealed)
                # A person may have taken a minute to type, and others write meanwhile.
                seen = self.find_last_seen()
                sealed = self.read(self.path)
            return Loaded(sealed, self._open(sealed), seen)
        except VaultDamaged as error:
            error.hint = error.hint or f"nothing was changed; {self._earlier_copy()}"
            raise

    def read(self, path: str) -> SealedVault:
        """Raises: NoVault, VaultMissing, VaultDamaged, Unavailable"""
        file = disk.read_own_file(path, limit=MAX_VAULT_BYTES)
        if file is None:
            self.exists()
            raise NoVault(
                "nothing is stored here yet", hint="credman add NAME, such as: credman add hf"
            )
        return parse_vault(file)

    def find_last_seen(self) -> LastSeen | CredmanError | None:
        """Returns: what was last seen here, or why it is not known."""
        try:
            return load_last_seen(self.seen_path)
        except CredmanError as error:
            error.hint = (
                f"credman doctor --accept{self._where} goes on with the vault that is there"
            )
            return error  # reading goes on with a warning; writing is refused

    def find_obstacle(self, loaded: Loaded) -> CredmanError | None:
        """Returns: why this vault must not be written to as it is."""
        if self.is_proven(loaded):
            return self.find_rollback(loaded)
        return self.refuse_unproven(loaded)

    def refuse_unproven(self, loaded: Loaded) -> Refused:
        document = loaded.document
        way = "passwd" if has_passphrase(loaded.sealed) else "slot add passphrase"
        return Refused(
            f"opened with the recovery key, so it can only be read: vault "
            f"{document.vault_id}, generation {document.generation}",
            hint=f"credman {way} sets a new passphrase, and then it can be written to",
        )

    def find_rollback(self, loaded: Loaded) -> CredmanError | None:
        """Returns: what speaks against this being the vault that was last seen here."""
        if loaded.seen is None or isinstance(loaded.seen, CredmanError):
            return loaded.seen
        wrong = describe_rollback(loaded.document, loaded.sealed.file_hash, loaded.seen)
        if wrong is None:
            return None
        return RolledBack(
            wrong,
            hint=f"credman doctor{self._where} compares what there is, and --accept goes on with "
            "this one",
        )

    def is_proven(self, loaded: Loaded) -> bool:
        """Whether an owner made this very file. Whoever knows the public key of a recovery key
        could have made a vault that it opens, but neither one that a passphrase of ours opens, nor
        the one that was written here last."""
        return self.key is None or self.key.recipient is None or loaded.seen == loaded.state

    def is_own(self, path: str) -> bool:
        """Whether it is one of the files of this vault, there already or not."""
        return os.path.realpath(path) in (self.path, self.backup, self._lock)

    def write(
        self,
        keyed: Keyed,
        *,
        keep: str | None,
        replaces_backup: bool = False,
        is_seen: bool = True,
    ) -> tuple[Loaded, Committed]:
        """To be called under the lock.

        Args:
            keep: where the file that is replaced is kept; None for a new vault.
            replaces_backup: the copy before must not stay: it opens with what was taken away.
            is_seen: whether it is noted as last seen.

        Returns:
            What was written, and what to tell of it.

        Raises:
            Refused, Unavailable: nothing was changed.
        """
        document = keyed.document
        file = seal_vault(document, keyed.stanzas)

        def check(written: bytes) -> None:
            if looking.identify(os.path.dirname(self.path)) != self._folder:
                raise Unavailable(f"the folder of {self.path} was replaced by another one")
            sealed = parse_vault(written)
            if sealed.open(document.identity) != document or not keyed.opens(sealed):
                raise Unavailable(f"cannot write {self.path}: it does not open again")

        warnings = [disk.replace_file(self.path, file, check=check, backup=keep)]
        if replaces_backup:
            warnings.append(self._replace_backup(file))
            # Also what a killed process left a moment ago may be the vault with its former key.
            disk.sweep(self.path, older_than=-1.0)
        loaded = Loaded(parse_vault(file), document)
        if is_seen:
            warnings.append(self._note_seen(loaded))
        told = tuple(warning for warning in warnings if warning is not None)
        return loaded, Committed(loaded.revision, told, keep)

    def _note_seen(self, loaded: Loaded) -> str | None:
        try:
            save_last_seen(self.seen_path, loaded.state, vault_path=self.path)
        except CredmanError as error:  # the vault is written: this must not look like a failure
            return f"saved, but not noted as last seen: {error.message}"
        return None

    def _replace_backup(self, file: bytes) -> str | None:
        # A copy, not a link: it is there for the day when the vault's own blocks are damaged.
        try:
            return disk.replace_file(self.backup, file, check=lambda _: None)
        except CredmanError as error:
            return (
                f"saved, but {self.backup} still opens with what opened the vault before: "
                f"{error.message}"
            )

    def _open(self, sealed: SealedVault) -> Document:
        keeper = self._keeper
        if self._latest is not None and self._latest[0] == sealed.file_hash:
            return self._latest[1]  # the very bytes that were unlocked a moment ago
        known = None if keeper is None else keeper.recall(sealed)
        if known is not None:
            return known
        try:
            document = sealed.open(self.require_key().identity)
        except NoMatch as error:
            if keeper is not None and sealed.slots:
                keeper.outdated(sealed.slots[0].vault_id, self.path)
            error.hint = "another process gave it a new key: run the command again"
            raise
        if keeper is not None:
            keeper.remember(sealed, document)
        return document

    def announce(self, document: Document) -> None:
        """To be called where its owner has opened or made the vault."""
        if self._keeper is not None:
            self._keeper.opened(document.vault_id, document.identity, self.path)

    def _find_kept(self, sealed: SealedVault) -> bool:
        if self._keeper is None or not sealed.slots:
            return False
        kept = self._keeper.find_identity(sealed.slots[0].vault_id)
        self.key = None if kept is None else Key(kept, "")
        return kept is not None

    def _unlock(self, sealed: SealedVault) -> None:
        check_has_way_in(sealed, self._unlocker)
        problem: CredmanError | None = None
        try:
            found = open_with_keyring(self._unlocker, sealed)
        except (KeyringUnavailable, Locked) as error:
            found, problem = None, error
        if found is not None:
            self._take_key(sealed, found)
            return
        if problem is not None and not name_other_ways(sealed):
            problem.hint = "nothing else opens this vault: it has no passphrase and no recovery key"
            raise problem
        try:
            because = "" if problem is None else problem.message
            for passphrase in self._unlocker.passphrases(because=because):
                found = find_key(sealed, passphrase)
                if found is not None:
                    self._take_key(sealed, found)
                    return
        except WrongPassphrase:
            raise
        except Locked as locked:
            if problem is None:
                raise
            # With nobody to ask, that is what should be looked at.
            if isinstance(problem, KeyringUnavailable) and has_passphrase(sealed):
                problem.offer(locked.hint)
            raise problem from None
        raise WrongPassphrase("wrong passphrase")

    def open_as_last_resort(self) -> bool:
        """Tries the keyring where a passphrase that was given outright did not open it: that may
        have been meant for a copy.

        Returns:
            Whether it is open now.

        Raises:
            KeyringUnavailable: the keyring does not answer, so nothing can be said of the vault.
        """
        try:
            sealed = self.read(self.path)
            found = open_with_keyring(self._unlocker, sealed, is_last_resort=True)
        except Locked:  # the keyring was reset, or is another machine's
            return False
        if found is not None:
            self._take_key(sealed, found)
        return found is not None

    def _take_key(self, sealed: SealedVault, found: Key) -> None:
        try:
            document = sealed.open(found.identity)
        except NoMatch:  # the slot is whole, so it is the rest that was changed
            raise HeaderDamaged("the vault is damaged: its own identity does not open it") from None
        finally:
            self.key = found
        self._latest = sealed.file_hash, document
        if found.recipient is None:
            self.announce(document)

    def _earlier_copy(self) -> str:
        if os.path.lexists(self.backup):
            return (
                f"the copy before the last write is {self.backup}: "
                f"credman restore --previous{self._where}"
            )
        return "there is no earlier copy beside it"

    def _way_back(self) -> str:
        if os.path.lexists(self.backup):
            return self._earlier_copy()
        return f"if you removed it on purpose: credman doctor --accept{self._where}"
