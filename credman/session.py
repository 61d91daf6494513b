"""The one use-case object: everything a front door may do with tokens is a method here.

It composes configuration, plan and store, and knows no terminal. Writers go through ``commit``:
what they want is a function of what is stored, so it is simply asked again when somebody else was
first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from credman.core.errors import (
    CredmanError,
    NotFound,
    Refused,
    StoreConflict,
    Unavailable,
    UsageError,
    VaultDamaged,
)
from credman.core.model import Token, TokenKey
from credman.core.names import check_name
from credman.core.scope import find_folded
from credman.core.secret import Secret
from credman.core.standing import refuse_unfinished
from credman.stores.base import Committed, SlotStore, Snapshot
from credman.view import View

if TYPE_CHECKING:
    from credman.core.keyslots import SlotChange
    from credman.stores.additions import NewToken
    from credman.stores.capabilities import BackupStore, Copy, CopyStore
    from credman.stores.changes import Change

_ATTEMPTS = 50


class Session(View):
    """What may be done with a store, besides looking at it."""

    def check_writable(self) -> None:
        """Raises: CredmanError: the store cannot be written to."""
        obstacle = self.snapshot().obstacle
        if obstacle is not None:
            raise obstacle

    def check_new(self, new: NewToken) -> None:
        """Whether it could be stored, to be known before its value is asked for.

        Raises:
            NameTaken, UsageError
            CredmanError: the store cannot be written to.
        """
        self.check_writable()
        self._changes_for(new, {}, self.snapshot())

    def check_first(self, new: NewToken) -> str:
        """As ``check_new``, for a store that is still to be made.

        Returns:
            The name of the environment it would go to.
        """
        self._changes_for(new, {}, Snapshot("", (), ()))
        environment = self.target_environment()
        self._snapshot = None
        return environment

    def add(self, new: NewToken, values: Mapping[str, Secret]) -> Token:
        """Args: values: by field name; fields without one are not part of the token.

        Returns:
            The token as stored.

        Raises:
            NameTaken: the name, or one of its variables, is taken in this environment.
            UsageError: a value cannot be stored, or there is none.
        """
        from credman.stores.additions import check_value
        from credman.stores.changes import PutToken

        if not values or not values.keys() <= {f.name for f in new.fields}:
            raise UsageError("a token needs a value, and a field for each value")
        for name, value in values.items():
            check_value(name, value)
        # The one spelling that reading gives: escaped bytes may be a character together.
        stored = {name: Secret.from_bytes(value.to_bytes()) for name, value in values.items()}
        changes = self.commit(lambda snapshot: self._changes_for(new, stored, snapshot))
        return next(change.token for change in changes if isinstance(change, PutToken))

    def remove(self, name: str) -> Token:
        """Removes a token of the chosen environment itself, never an inherited one.

        Returns:
            What was removed.
        """
        from credman.stores.changes import RemoveToken

        token = self.own_token(name)
        values = self._find_values(token)

        def changes(snapshot: Snapshot) -> list[Change]:
            found = snapshot.find_token(token.key)
            # Values as well: another token of the name may have been stored within a second.
            if found is not None and (found != token or self._find_values(found) != values):
                raise Refused(
                    f"{token.key.name} was changed by another process",
                    hint="nothing was removed; look at it again",
                )
            if found is not None:
                refuse_unfinished(found)
            return [RemoveToken(token.key)]

        self.commit(changes)
        return token

    def rename(self, name: str, new_name: str) -> Token:
        """Gives a token of the chosen environment itself another name; all else stays.

        Returns:
            The token under its new name.

        Raises:
            NotFound
            NameTaken: another token there has the new name.
        """
        from credman.stores.additions import plan_renaming

        token = self.own_token(name)
        check_name("token", new_name)
        self.commit(lambda snapshot: plan_renaming(token.key, new_name, snapshot))
        return replace(token, key=token.key._replace(name=new_name))

    def copy(self, name: str, environment: str) -> tuple[Token, Token]:
        """Copies the current version of the token that counts here into another environment of the
        same profile; it need not exist.

        Returns:
            What was copied, and its copy.

        Raises:
            NotFound
            NameTaken: the name, or one of its variables, is taken there.
        """
        from credman.stores.additions import plan_copying
        from credman.stores.changes import PutToken

        check_name("environment", environment)
        token = self.token(name)
        target = find_folded(environment, self.environments()) or environment
        key = token.key._replace(environment=target)
        changes = self.commit(
            lambda stored: plan_copying(token.key, key, stored, self.values, now=datetime.now(UTC))
        )
        return token, next(change.token for change in changes if isinstance(change, PutToken))

    def change_token(
        self,
        key: TokenKey,
        make: Callable[[Token], Token],
        values: Mapping[str, Secret] | None = None,
        *,
        version: int = 0,
    ) -> Token:
        """Args:
            key: the token's.
            make: gives the token as it shall be for the one that is stored; pure.
            values: by field name, of the version of that number.

        Returns:
            The token as stored.

        Raises:
            NotFound: it has gone.
        """
        from credman.core.model import Address
        from credman.stores.changes import PutToken

        def changes(snapshot: Snapshot) -> list[Change]:
            found = snapshot.find_token(key)
            if found is None:
                raise NotFound(f"{key.name} is gone: another process removed it")
            placed = {Address(found.key, version, n): v for n, v in (values or {}).items()}
            return [PutToken(make(found), placed)]

        done = self.commit(changes)
        return next(change.token for change in done if isinstance(change, PutToken))

    def slot_store(self) -> SlotStore:
        """Raises: Unavailable: this store has no slots of its own."""
        if not isinstance(self.store, SlotStore):
            raise Unavailable("this store is not opened by a passphrase or a recovery key")
        return self.store

    def copy_store(self) -> CopyStore:
        """Raises: Unavailable: of this store there are no copies."""
        from credman.stores.capabilities import CopyStore

        if not isinstance(self.store, CopyStore):
            raise Unavailable("of this store there are no copies")
        return self.store

    def backup_store(self) -> BackupStore:
        """Raises: Unavailable: of this store no backup can be made."""
        from credman.stores.capabilities import BackupStore

        if not isinstance(self.store, BackupStore):
            raise Unavailable("of this store no backup can be made yet")
        return self.store

    def change_slots(self, change: SlotChange) -> None:
        """Args: change: made for the slots as they are now.

        Raises:
            Refused: another process changed the slots meanwhile, or nothing would open the store.
            NotFound, WrongPassphrase
        """
        store = self.slot_store()
        snapshot = self.store.snapshot()
        slots = store.slots()
        for _ in range(_ATTEMPTS):
            try:
                committed = store.change_slots(change, expected_revision=snapshot.revision)
            except StoreConflict:
                snapshot = self.store.snapshot()
                if store.slots() != slots:
                    raise Refused(
                        "another process changed what opens the vault",
                        hint="nothing was changed here; look at credman slot list",
                    ) from None
                continue
            self._finish(committed)
            return
        raise _busy()

    def restore(self, copy: Copy, *, merge: bool) -> str | None:
        """Makes a copy of the store the one that counts. Args: as ``CopyStore.restore``.

        Returns:
            Where what was replaced is kept.
        """
        return self._finish(self.copy_store().restore(copy, merge=merge))

    def accept(self) -> str | None:
        """Goes on with what lies there, although something else was seen there last.

        Returns:
            As ``restore``.
        """
        return self._finish(self.copy_store().accept())

    def forget(self) -> str | None:
        """Forgets a store that is gone. Returns: where its last copy is kept."""
        self._snapshot = None
        return self.copy_store().forget()

    def _finish(self, committed: Committed) -> str | None:
        self._warn(committed.warnings)
        self._snapshot = None
        self._has_written = True
        return committed.kept

    def _changes_for(
        self, new: NewToken, values: Mapping[str, Secret], snapshot: Snapshot
    ) -> list[Change]:
        from credman.stores.additions import plan_addition

        self._snapshot = snapshot
        key = self.target_key(check_name("token", new.name))
        return plan_addition(new, values, key, snapshot, now=datetime.now(UTC))

    def _find_values(self, token: Token) -> Mapping[str, Secret] | None:
        # What is damaged can be removed, and is the same before and after.
        try:
            return self.values(token)
        except VaultDamaged:
            return None

    def target_key(self, name: str) -> TokenKey:
        """Returns: where a token of this name is written to; it need not be there."""
        # Writing makes environments and profiles; one that exists keeps its spelling.
        environment = self.target_environment()
        profiles = self._scope.profiles(self.snapshot().tokens)
        profile = find_folded(self._scope.profile, profiles) or self._scope.profile
        key = TokenKey(environment, profile, name)
        former = self.snapshot().find_token(key)
        return key if former is None else former.key

    def commit(self, make_changes: Callable[[Snapshot], list[Change]]) -> list[Change]:
        """Args: make_changes: what to change of what is stored; asked again when somebody else was
            first.

        Returns:
            What was changed.
        """
        snapshot = self.snapshot()
        for _ in range(_ATTEMPTS):
            changes = make_changes(snapshot)
            try:
                committed = self.store.commit(changes, expected_revision=snapshot.revision)
            except StoreConflict:
                snapshot = self.store.snapshot()
                continue
            self._finish(committed)
            return changes
        raise _busy()


def _busy() -> CredmanError:
    return CredmanError(
        "others keep changing the store", hint="nothing was changed; try again in a moment"
    )
