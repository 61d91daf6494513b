"""The store protocol: what every place where tokens rest can do, and how one is found.

Rule: the session and the command line never ask which store it is. A commit is all or nothing and
carries the revision it was made for; whoever comes second gets ``StoreConflict`` and tries again.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

from credman.core.errors import CredmanError, NotFound, Unavailable, UsageError
from credman.core.keyslots import KeySlot, Opening, SlotChange
from credman.core.model import Address, Contents, Environment, Token, TokenKey
from credman.core.paths import Paths
from credman.core.secret import Secret
from credman.oskeyring.client import OsKeyring
from credman.stores.changes import Change

SCHEMES: Mapping[str, str] = {
    "file": "credman.stores.file:FileStore",
    "keyring": "credman.stores.keyring:KeyringStore",
}
ENTRY_POINT_GROUP = "credman.stores"
_URL = re.compile(r"([a-z][a-z0-9+.-]{1,31}):(.*)", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Args:
    revision: opaque; equal revisions mean equal contents.
    warnings: what a person should know about the state of the store.
    obstacle: why a commit would be refused; None if nothing is known to stand in its way.
    """

    revision: str
    environments: tuple[Environment, ...]
    tokens: tuple[Token, ...]
    warnings: tuple[str, ...] = ()
    obstacle: CredmanError | None = None

    def find_token(self, key: TokenKey) -> Token | None:
        return Contents(self.environments, self.tokens).find_token(key)


@dataclass(frozen=True, slots=True)
class Committed:
    """Args: kept: where what was replaced is kept, if it is kept by itself."""

    revision: str
    warnings: tuple[str, ...] = ()
    kept: str | None = None


@dataclass(frozen=True, slots=True)
class Creation:
    """How a new store is opened later on.

    Args:
        passphrase: opens it; None: a key in the operating system's keyring does.
        recovery: an age secret key, 32 bytes, that opens it as well; None for no such slot.
    """

    passphrase: Secret | None
    recovery: bytes | None = None


class Unlocker(Protocol):
    """Whoever can be asked for what opens a store. Stores never prompt themselves."""

    def passphrases(self, of: str = "") -> Iterator[Secret]:
        """Yields what to try, one after the other, until the store stops asking.

        Args:
            of: what it opens, where that is not the store itself.

        Raises:
            Locked: there is nobody to ask.
        """

    def keyring(self, *, opening: bool = False) -> OsKeyring | None:
        """The operating system's keyring, or None: it is switched off, or ``opening`` a store and
        a passphrase was given outright. Opens nothing yet.

        Raises:
            KeyringUnavailable: it is plain that there is none.
        """

    def tell(self, text: str) -> None:
        """One line for the person, if there is one."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a store may know of its caller."""

    paths: Paths
    cwd: str
    environ: Mapping[str, str]
    unlocker: Unlocker


class Store(Protocol):
    def exists(self) -> bool:
        """Whether there is something to open. Never unlocks.

        Raises:
            VaultMissing: there was something, and it is gone.
        """

    def create(self, creation: Creation) -> None:
        """Makes an empty store.

        Raises:
            VaultExists: there is one already.
        """

    def snapshot(self) -> Snapshot:
        """All tokens' metadata, without a value.

        Raises:
            NoVault, Locked, VaultDamaged, Unavailable
        """

    def reveal(self, addresses: Iterable[Address]) -> dict[Address, Secret]:
        """The values, in one round trip, of the state that ``snapshot`` last showed.

        Raises:
            NotFound: one of them is not stored.
        """

    def commit(self, changes: Sequence[Change], *, expected_revision: str) -> Committed:
        """Makes all changes or none.

        Raises:
            StoreConflict: the store is not at ``expected_revision`` any more; nothing was changed.
            NotFound: a token to remove is not there.
        """

    def describe(self) -> dict[str, str]:
        """What a person wants to know of it: where it is, in what format. Never unlocks."""


@runtime_checkable
class SlotStore(Store, Protocol):
    """A store that is opened by secrets of its own, and whose ways to open it can be changed."""

    def slots(self) -> tuple[KeySlot, ...]:
        """Raises: as ``snapshot``."""

    def opening(self) -> Opening:
        """How it was opened, by whoever was asked. Raises: as ``snapshot``."""

    def fits(self, slot: str, secret: Secret | bytes) -> bool:
        """Whether the passphrase, or the key in the keyring, opens the slot of this id."""

    def find_keyring_key(self, slot: str) -> bytes | None:
        """Returns: what lies in the keyring for this slot, if anything. Raises: Unavailable"""

    def check_recovery(self, key: Secret) -> KeySlot:
        """Opens it with a recovery key, and nothing else.

        Raises:
            UsageError: that is no recovery key.
            NoMatch: it is another store's, or an old one.
        """

    def change_slots(self, change: SlotChange, *, expected_revision: str) -> Committed:
        """Args: change: whoever is not proven to be the owner has looked at it and said yes.

        Raises:
            StoreConflict, NotFound, Refused, WrongPassphrase
        """


@dataclass(frozen=True, slots=True)
class Copy:
    """A state of a store: the one that counts, or a file beside it.

    Args:
        path: where it lies.
        relation: what it is to the one that counts, in words.
        title: which store and as of when, in words.
        tokens: without values.
        problem: why it cannot be opened; None if it could.
        is_whole: it is a state of this very store, and could be restored.
        is_current: it is the state that counts, byte for byte or as a backup of it.
    """

    path: str
    relation: str
    title: str = ""
    tokens: tuple[Token, ...] = ()
    problem: CredmanError | None = None
    is_whole: bool = True
    is_current: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """Between two states, by the tokens' keys.

    Args:
        clashing: of those only there, the ones whose variable another token gives here.
        isolation: environments that inherit the base one's tokens on one side only.
    """

    only_here: tuple[TokenKey, ...]
    only_there: tuple[TokenKey, ...]
    differing: tuple[TokenKey, ...]
    clashing: tuple[TokenKey, ...] = ()
    isolation: tuple[str, ...] = ()


@runtime_checkable
class CopyStore(Store, Protocol):
    """A store of which there are copies: kept ones, older ones, those of a synced folder."""

    def current(self) -> Copy:
        """The state that counts. A damaged one is a copy with a problem; it does not raise."""

    def previous(self) -> str | None:
        """Where the state before the last write is kept; None: it is not."""

    def copies(self) -> tuple[Copy, ...]:
        """Other states of this store that lie beside it."""

    def read_copy(self, path: str) -> Copy:
        """Raises: NotFound, VaultDamaged, Locked, Unavailable"""

    def compare(self, copy: Copy) -> Difference:
        """Raises: as ``snapshot``."""

    def restore(self, copy: Copy, *, merge: bool = False) -> Committed:
        """Makes ``copy`` the state that counts, as the next generation.

        Args:
            copy: of ``read_copy``.
            merge: only take the tokens that are missing here.

        Raises:
            StoreConflict: the store was changed since ``current`` was asked for.
        """

    def examine_previous(self) -> Copy | None:
        """The state before the last write, as far as it opens without asking; None if there is
        none."""

    def accept(self) -> Committed:
        """Goes on with what lies there, although something else was seen there last.

        Raises:
            StoreConflict: it was changed since ``current`` was asked for.
            VaultMissing: there is nothing to go on with.
        """

    def forget(self) -> str | None:
        """Forgets a store that is gone, so that a new one can be made in its place.

        Returns:
            Where its last copy is kept.

        Raises:
            StoreConflict: it is there again.
        """


@runtime_checkable
class BackupStore(Store, Protocol):
    """A store of which a backup can be made: one file that opens without this machine's keyring."""

    def has_recovery(self) -> bool:
        """Whether a recovery key opens its backups; else each needs a passphrase of its own.

        Raises: as ``snapshot``.
        """

    def backup(self, path: str, passphrase: Secret | None) -> str:
        """Writes the state that ``snapshot`` last showed to a new file, and reads it back.

        Args:
            path: absolute.
            passphrase: opens the backup as well.

        Returns:
            What opens it, in words: ``the recovery key``.

        Raises:
            Refused: something lies there already.
            Unavailable: it cannot be written; nothing is left there.
        """


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that was looked at.

    Args:
        label: what it is about, a word or two; empty: as the fact before.
        text: what there is to say, one line.
        is_wrong: something should be done about it.
        hint: what; empty where there is nothing to do.
    """

    label: str
    text: str
    is_wrong: bool = False
    hint: str = ""


@runtime_checkable
class ExaminedStore(Store, Protocol):
    """A store that can be looked at closer than by using it."""

    def examine(self) -> Sequence[Fact]:
        """Looks at everything and changes nothing. Raises: as ``snapshot``."""


def open_store(url: str, surroundings: Surroundings) -> Store:
    """Finds the store that a URL names; opens nothing yet.

    Args:
        url: ``file:PATH``, ``keyring:`` or the scheme of an installed plug-in.

    Raises:
        UsageError: it is not a URL of a store. A URL that holds a password is not repeated.
        Unavailable: the plug-in for its scheme is broken.
    """
    match = _URL.fullmatch(url)
    if match is None:
        raise UsageError("this is not the URL of a store", hint="such as file:~/team.age")
    scheme, rest = match.groups()
    if re.match(r"//[^/]*@", rest):
        raise UsageError("the URL of a store holds no user and no password")
    target = SCHEMES.get(scheme) or _find_plugin(scheme)
    if target is None:
        raise UsageError(
            f"there is no store of the kind {scheme}:",
            hint=f"kinds: {', '.join(f'{known}:' for known in SCHEMES)}",
        )
    module, _, name = target.partition(":")
    try:
        factory = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise Unavailable(
            f"the store {scheme}: cannot be loaded from {target}",
            hint=f"whoever made that plug-in can tell why ({type(error).__name__})",
        ) from error
    return cast("Store", factory(rest, surroundings))


def _find_plugin(scheme: str) -> str | None:
    from importlib.metadata import entry_points

    found = entry_points(group=ENTRY_POINT_GROUP, name=scheme)
    return next((entry.value.partition("[")[0].strip() for entry in found), None)


def pick(values: Mapping[Address, Secret], addresses: Iterable[Address]) -> dict[Address, Secret]:
    """Returns: the values at these addresses.

    Raises:
        NotFound: one is missing.
    """
    try:
        return {address: values[address] for address in addresses}
    except KeyError as error:
        missing: Address = error.args[0]
        raise NotFound(f"{missing.key.name} has no value for {missing.field}") from None
