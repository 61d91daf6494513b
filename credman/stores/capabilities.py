"""What some stores can do besides: keep copies, make backups, be looked at closer.

Rule: the command line asks for one of these, never for a kind of store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from credman.core.errors import CredmanError
from credman.core.model import Token, TokenKey
from credman.core.secret import Secret
from credman.stores.base import Committed, Store


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
