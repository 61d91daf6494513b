"""The store protocol: what every place where tokens rest can do, and how one is found.

Rule: the session and the command line never ask which store it is. A commit is all or nothing and
carries the revision it was made for; whoever comes second gets ``StoreConflict`` and tries again.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

from credman.core.errors import CredmanError, NotFound, Unavailable, UsageError
from credman.core.model import Contents

if TYPE_CHECKING:
    from credman.core.keyslots import KeySlot, Opening, SlotChange
    from credman.core.model import Address, Environment, Token, TokenKey
    from credman.core.paths import Paths
    from credman.core.secret import Secret
    from credman.oskeyring.client import OsKeyring
    from credman.stores.changes import Change
    from credman.vault.container import SealedVault
    from credman.vault.document import Document

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

    def passphrases(self, of: str = "", *, because: str = "") -> Iterator[Secret]:
        """Yields what to try, one after the other, until the store stops asking.

        Args:
            of: what it opens, where that is not the store itself.
            because: why a passphrase is needed, for whoever is asked.

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


class Keeper(Protocol):
    """Keeps vaults open between commands, or notes what could be kept."""

    def find_identity(self, vault_id: str) -> bytes | None:
        """Returns: the identity of a vault that is kept open, or None."""

    def opened(self, vault_id: str, identity: bytes, path: str) -> None:
        """A vault was opened by its owner, at this path."""

    def opened_keyring(self, backend: str) -> None:
        """A store in the keyring was opened; with this class."""

    def outdated(self, vault_id: str, path: str) -> None:
        """The identity that is kept does not open the vault at this path."""

    def recall(self, sealed: SealedVault) -> Document | None:
        """Returns: what was read from these very bytes before."""

    def remember(self, sealed: SealedVault, document: Document) -> None:
        """Keeps it for ``recall``."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a store may know of its caller. Args: keeper: None: nothing is kept."""

    paths: Paths
    cwd: str
    environ: Mapping[str, str]
    unlocker: Unlocker
    keeper: Keeper | None = None


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
