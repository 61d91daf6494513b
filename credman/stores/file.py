"""The file store: one encrypted vault file.

Writing: lock, read again, compare the revision, write beside it, read back and decrypt, keep the
old one as ``.bak``, rename, then note what was last seen. A damaged, cut or empty vault is an error
that names the copy before it; it is never a new one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from credman.core.errors import (
    CredmanError,
    HeaderDamaged,
    NoMatch,
    NotAVault,
    NoVault,
    Refused,
    RolledBack,
    StoreConflict,
    Unavailable,
    UsageError,
    VaultDamaged,
    VaultExists,
    VaultMissing,
    WrongPassphrase,
)
from credman.core.model import Address, Contents
from credman.core.paths import find_home, make_private_directory
from credman.core.secret import Secret
from credman.stores import disk
from credman.stores.base import Committed, Creation, Snapshot, Surroundings, pick
from credman.stores.changes import Change, apply_changes
from credman.stores.seen import LastSeen, load_last_seen, save_last_seen, state_path
from credman.vault import age, keys, slots
from credman.vault.container import (
    MAX_VAULT_BYTES,
    SealedVault,
    next_document,
    parse_vault,
    seal_vault,
)
from credman.vault.document import Document, Recipient, SlotLabel


@dataclass(frozen=True, slots=True)
class _Loaded:
    """Args: seen: what was last seen here, looked at before the vault was; or why it is unknown."""

    sealed: SealedVault
    document: Document
    seen: LastSeen | CredmanError | None = None

    @property
    def revision(self) -> str:
        return f"{self.document.vault_id}:{self.document.generation}:{self.sealed.file_hash}"


class FileStore:
    """Args:
    rest: the path behind ``file:``; ``~`` is the home directory. Links are followed once, here.
    """

    def __init__(self, rest: str, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._path = os.path.realpath(_resolve(rest, surroundings))
        self._backup = f"{self._path}.bak"
        stem = os.path.splitext(self._path)[0]
        self._lock = f"{stem if stem != self._path else self._path}.lock"
        if self._lock == self._path:
            raise UsageError("a vault's name cannot end in .lock")
        self._seen = state_path(surroundings.paths.state, self._path)
        self._identity: bytes | None = None
        self._opened_by_recovery = False
        self._loaded: _Loaded | None = None

    @property
    def path(self) -> str:
        return self._path

    def exists(self) -> bool:
        if disk.is_there(self._path):
            return True
        # An unmounted disk or a folder that is not synced yet is no new user.
        if load_last_seen(self._seen) is not None or disk.is_there(self._backup):
            raise VaultMissing(
                f"there was a vault at {self._path}, and it is gone", hint=self._way_back()
            )
        return False

    def create(self, creation: Creation) -> None:
        make_private_directory(os.path.dirname(self._path))
        with disk.locked(self._lock):
            if self.exists():
                raise VaultExists(f"there is a vault already: {self._path}")
            document, stanzas = _new_vault(creation)
            self._identity = document.identity
            self._write(document, stanzas, former=None)

    def snapshot(self) -> Snapshot:
        self._loaded = loaded = self._load()
        contents = loaded.document.contents
        obstacle = self._find_obstacle(loaded)
        known = None if obstacle is None else obstacle.message
        warnings = (known, disk.find_exposure(self._path))
        return Snapshot(
            loaded.revision,
            contents.environments,
            contents.tokens,
            tuple(warning for warning in warnings if warning is not None),
            obstacle,
        )

    def reveal(self, addresses: Iterable[Address]) -> dict[Address, Secret]:
        if self._loaded is None:
            self._loaded = self._load()
        return pick(self._loaded.document.contents.values, addresses)

    def commit(self, changes: Sequence[Change], *, expected_revision: str) -> Committed:
        if self._identity is None:
            self._loaded = self._load()  # whoever has to type a passphrase does not hold the lock
        with disk.locked(self._lock):
            loaded = self._load()
            if loaded.revision != expected_revision:
                raise StoreConflict("the vault was changed by another process")
            obstacle = self._find_obstacle(loaded)
            if obstacle is not None:
                raise obstacle
            document = next_document(loaded.sealed, loaded.document)
            document = replace(
                document,
                written_at=datetime.now(UTC).replace(microsecond=0),
                contents=apply_changes(document.contents, changes),
            )
            stanzas = [slot.stanza for slot in loaded.sealed.slots]
            return self._write(document, stanzas, former=loaded)

    def describe(self) -> dict[str, str]:
        known = {"kind": "file", "path": self._path, "format": "age v1, credman 1"}
        if self._loaded is not None:
            known["recovery"] = "yes" if self._loaded.document.recipients else "no"
        return known

    def _write(
        self, document: Document, stanzas: Sequence[age.Stanza], *, former: _Loaded | None
    ) -> Committed:
        file = seal_vault(document, stanzas)
        if len(file) > MAX_VAULT_BYTES:
            raise Refused(f"the vault would grow over {MAX_VAULT_BYTES >> 20} MiB")

        def check(written: bytes) -> None:
            if parse_vault(written).open(document.identity) != document:
                raise Unavailable(f"cannot write {self._path}: it does not decrypt again")

        warning = disk.replace_file(
            self._path, file, check=check, backup=None if former is None else self._backup
        )
        warnings = [] if warning is None else [warning]
        self._loaded = loaded = _Loaded(parse_vault(file), document)
        seen = LastSeen(document.vault_id, document.generation, loaded.sealed.file_hash)
        try:
            save_last_seen(self._seen, seen, vault_path=self._path)
        except CredmanError as error:  # the vault is written: this must not look like a failure
            warnings.append(f"saved, but not noted as last seen: {error.message}")
        return Committed(loaded.revision, tuple(warnings))

    def _load(self) -> _Loaded:
        try:
            if self._identity is None:
                # A person may take a minute to type, and others write meanwhile: read again after.
                self._identity = self._unlock(self._read())
            # In this order: who writes renames the vault first and notes it after. The other way
            # round, a write in between would look like an older copy.
            seen = self._find_last_seen()
            sealed = self._read()
            return _Loaded(sealed, sealed.open(self._identity), seen)
        except VaultDamaged as error:
            error.hint = error.hint or f"nothing was changed; {self._earlier_copy()}"
            raise

    def _read(self) -> SealedVault:
        file = disk.read_own_file(self._path, limit=MAX_VAULT_BYTES)
        if file is None:
            self.exists()
            raise NoVault(
                "nothing is stored here yet", hint="credman add NAME, such as: credman add hf"
            )
        return parse_vault(file)

    def _find_last_seen(self) -> LastSeen | CredmanError | None:
        try:
            return load_last_seen(self._seen)
        except CredmanError as error:
            return error  # reading goes on with a warning; writing is refused

    def _unlock(self, sealed: SealedVault) -> bytes:
        if not sealed.slots:
            raise NotAVault("this is an age file, but not a credman vault: no passphrase opens it")
        for passphrase in self._surroundings.unlocker.passphrases():
            if keys.is_identity(passphrase):
                document = sealed.open_with_recovery(keys.parse_identity(passphrase))
                self._opened_by_recovery = True
                return document.identity
            identity = sealed.unlock_with_passphrase(passphrase)
            if identity is not None:
                try:
                    sealed.open(identity)
                except NoMatch:  # the slot is whole, so it is the rest that was changed
                    raise HeaderDamaged(
                        "the vault is damaged: its own identity does not open it"
                    ) from None
                return identity
        raise WrongPassphrase("wrong passphrase")

    def _find_obstacle(self, loaded: _Loaded) -> CredmanError | None:
        if isinstance(loaded.seen, CredmanError):
            return loaded.seen
        rolled_back = _compare(loaded, loaded.seen)
        if rolled_back is not None:
            hint = f"put the newer copy back; to go on with this one remove {self._seen}"
            return RolledBack(rolled_back, hint=hint)
        if self._opened_by_recovery:
            # Whoever knows its public key could have made this vault: a person should compare.
            document = loaded.document
            return Refused(
                f"opened with the recovery key, so it can only be read: vault "
                f"{document.vault_id}, generation {document.generation}"
            )
        return None

    def _earlier_copy(self) -> str:
        if os.path.lexists(self._backup):
            return f"the copy before the last write is {self._backup}"
        return "there is no earlier copy beside it"

    def _way_back(self) -> str:
        if os.path.lexists(self._backup):
            return self._earlier_copy()
        return f"if you removed it on purpose, remove {self._seen} as well"


def _compare(loaded: _Loaded, seen: LastSeen | None) -> str | None:
    if seen is None:
        return None
    document = loaded.document
    if seen.vault_id != document.vault_id:
        return "this is another vault than the one last seen here"
    if document.generation < seen.generation:
        return (
            f"this is an older copy of the vault (generation {document.generation}; "
            f"{seen.generation} was seen here)"
        )
    history = {a.generation: a.file_hash for a in document.history}
    history[document.generation] = loaded.sealed.file_hash
    if history.get(seen.generation, seen.file_hash) != seen.file_hash:
        return "this vault does not descend from the one last seen here"
    return None


def _resolve(rest: str, surroundings: Surroundings) -> str:
    if rest.startswith("//"):
        if not rest.startswith("///"):
            raise UsageError(
                "a file: URL names no other machine", hint="such as file:/srv/team.age"
            )
        rest = rest[2:]
    if not rest or "\0" in rest or rest.endswith("/"):
        raise UsageError("a file: URL needs the path of a file", hint="such as file:~/team.age")
    if rest == "~" or rest.startswith("~/"):
        rest = os.path.join(find_home(surroundings.environ), rest[2:])
    return os.path.join(surroundings.cwd, rest)


def _new_vault(creation: Creation) -> tuple[Document, list[age.Stanza]]:
    now = datetime.now(UTC).replace(microsecond=0)
    identity = os.urandom(age.KEY_BYTES)
    vault_id = os.urandom(slots.VAULT_ID_BYTES).hex()
    stanza = slots.wrap_passphrase(identity, creation.passphrase, vault_id=vault_id, number=0)
    recipients: tuple[Recipient, ...] = ()
    if creation.recovery is not None:
        public = keys.render_recipient(age.public_key(creation.recovery))
        recipients = (Recipient(public, "recovery", now),)
    document = Document(
        identity=identity,
        vault_id=vault_id,
        generation=1,
        written_at=now,
        contents=Contents(),
        next_slot=1,
        recipients=recipients,
        slots=(SlotLabel(0, "passphrase", now),),
    )
    return document, [stanza]
