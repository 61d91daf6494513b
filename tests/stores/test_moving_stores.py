"""Moving between real stores: what arrives, what stays, and what others do meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from credman.core.errors import CredmanError, Refused, StoreConflict, Unavailable
from credman.core.model import Address, Contents, Token
from credman.core.secret import Secret
from credman.stores.base import Committed, Creation, Store
from credman.stores.changes import Change, PutEnvironment, PutToken, RemoveToken
from credman.stores.file import FileStore
from credman.stores.memory import MemoryStore
from credman.stores.moving import Move, values_of
from credman.stores.testing import HARD_VALUES, find_address, make_token, put, renew
from tests.stores.places import PASSPHRASE, make_vault, open_vault, vault_file
from tests.stores.test_moving import FULL, hold


def fill(store: Store, contents: Contents) -> Store:
    """Returns: the store, made and with all of this."""
    store.create(Creation(PASSPHRASE))
    changes: list[Change] = [PutEnvironment(e) for e in contents.environments]
    changes += [PutToken(token, values_of(token, contents)) for token in contents.tokens]
    commit(store, *changes)
    return store


def commit(store: Store, *changes: Change) -> Committed:
    return store.commit(changes, expected_revision=store.snapshot().revision)


def read(store: Store) -> Contents:
    snapshot = store.snapshot()
    addresses = [
        Address(token.key, version.number, name)
        for token in snapshot.tokens
        for version in token.versions
        for name in version.fields
    ]
    return Contents(snapshot.environments, snapshot.tokens, store.reveal(addresses))


def move(source: Store, target: Store) -> Move:
    return Move(source, target, lambda: target)


def carry(source: Store, target: Store) -> None:
    mover = move(source, target)
    mover.remove(mover.copy())


class TestMove:
    def test_everything_moves_between_stores_of_any_kind(self, tmp_path: Path) -> None:
        stores: list[Store] = [
            MemoryStore(),
            open_vault(tmp_path / "a"),
            open_vault(tmp_path / "b"),
        ]
        fill(stores[0], FULL)
        for source, target in zip(stores, [*stores[1:], MemoryStore()], strict=True):
            before = read(source)
            assert before == FULL
            target.create(Creation(PASSPHRASE))
            carry(source, target)
            assert read(target) == before
            assert source.snapshot().tokens == ()

    def test_values_arrive_to_the_byte(self, tmp_path: Path) -> None:
        token = make_token()
        source, target = open_vault(tmp_path / "a"), open_vault(tmp_path / "b")
        source.create(Creation(PASSPHRASE))
        target.create(Creation(PASSPHRASE))
        for value in HARD_VALUES:
            commit(source, put(token, value))
            carry(source, target)
            address = find_address(token)
            assert target.reveal([address])[address].to_bytes() == value
            commit(target, RemoveToken(token.key))

    def test_it_comes_back_as_it_was(self, tmp_path: Path) -> None:
        one, other = open_vault(tmp_path / "a"), open_vault(tmp_path / "b")
        fill(one, FULL)
        other.create(Creation(PASSPHRASE))
        carry(one, other)
        carry(other, one)
        assert read(one) == FULL

    def test_neither_the_vault_nor_its_backup_holds_them_afterwards(self, tmp_path: Path) -> None:
        source, target = make_vault(tmp_path / "a", "first", "second"), MemoryStore()
        target.create(Creation(PASSPHRASE))
        carry(source, target)
        backup = vault_file(tmp_path / "a").with_name("vault.age.bak")
        for path in (vault_file(tmp_path / "a"), backup):
            assert open_vault(tmp_path / "a", str(path)).snapshot().tokens == ()

    def test_a_refusal_changes_nothing(self) -> None:
        source, target = fill(MemoryStore(), hold(make_token())), MemoryStore()
        fill(target, hold(make_token(), value="another"))
        before = [store.snapshot() for store in (source, target)]
        with pytest.raises(Refused):
            move(source, target).prepare()
        with pytest.raises(Refused):
            move(source, target).copy()
        assert [store.snapshot() for store in (source, target)] == before

    @pytest.mark.parametrize("loses", ["value", "version", "token", "environment", "unsure"])
    def test_a_store_that_keeps_something_else_is_found_out(self, loses: str) -> None:
        unsure = replace(renew(make_token("api", environment="prod")), unsure=True)
        contents = hold(unsure, make_token("other"), environments=("prod",))
        source = fill(MemoryStore(), contents)
        target = LosingStore(loses)
        target.create(Creation(PASSPHRASE))
        with pytest.raises(Unavailable, match="what was read back differs: ") as caught:
            carry(source, target)
        assert caught.value.hint == "nothing was removed"
        assert read(source) == contents

    def test_what_is_added_meanwhile_is_not_removed(self) -> None:
        source, target = fill(MemoryStore(), hold(make_token("old"))), MemoryStore()
        target.create(Creation(PASSPHRASE))
        mover = move(source, target)
        moved = mover.copy()
        commit(source, put(make_token("new")))
        with pytest.raises(StoreConflict):
            mover.remove(moved)
        assert {t.key.name for t in source.snapshot().tokens} == {"old", "new"}
        mover.remove(mover.copy())
        assert {t.key.name for t in target.snapshot().tokens} == {"old", "new"}
        assert source.snapshot().tokens == ()

    def test_others_may_write_to_the_target_at_the_same_time(self) -> None:
        source, target = fill(MemoryStore(), hold(make_token("mine"))), BusyStore(times=3)
        target.create(Creation(PASSPHRASE))
        carry(source, target)
        assert {t.key.name for t in target.snapshot().tokens} == {"mine", "x1", "x2", "x3"}
        fill(source := MemoryStore(), hold(make_token("mine")))
        target = BusyStore(times=1000)
        target.create(Creation(PASSPHRASE))
        with pytest.raises(CredmanError, match="others keep changing"):
            carry(source, target)
        assert len(source.snapshot().tokens) == 1

    def test_values_that_are_gone_when_they_are_read_are_looked_for_again(self) -> None:
        source, target = TornStore(times=3), MemoryStore()
        fill(source, hold(make_token()))
        target.create(Creation(PASSPHRASE))
        carry(source, target)
        assert [t.key.name for t in target.snapshot().tokens] == ["api"]
        fill(source := TornStore(times=1000), hold(make_token()))
        with pytest.raises(CredmanError, match="others keep changing"):
            carry(source, target)

    @pytest.mark.parametrize("order", ["abAB", "abBA", "aAbB", "abBaAB", "baBA"])
    def test_two_that_move_in_opposite_directions_lose_nothing(
        self, tmp_path: Path, order: str
    ) -> None:
        one = make_vault(tmp_path / "one", "mine")
        other = make_vault(tmp_path / "other", "theirs")
        there, back = move(one, other), move(other, one)
        movers = {"a": there, "b": back}
        copied = {}
        for step in order:  # a small letter copies, a capital removes
            mover = movers[step.lower()]
            try:
                if step.islower():
                    copied[step] = mover.copy()
                else:
                    mover.remove(copied[step.lower()])
            except CredmanError:
                continue
        found = {t.key.name for home in ("one", "other") for t in stored(tmp_path / home)}
        assert found == {"mine", "theirs"}

    def test_one_vault_under_two_names_is_never_emptied(self, tmp_path: Path) -> None:
        make_vault(tmp_path, "only")
        mover = move(open_vault(tmp_path), open_vault(tmp_path))
        for _ in range(3):
            moved = mover.copy()
            with pytest.raises(StoreConflict):
                mover.remove(moved)
        assert [t.key.name for t in stored(tmp_path)] == ["only"]

    def test_a_vault_that_is_not_written_to_is_not_moved_from(self, tmp_path: Path) -> None:
        source = make_vault(tmp_path / "a", "first")
        older = vault_file(tmp_path / "a").read_bytes()
        commit(source)
        vault_file(tmp_path / "a").write_bytes(older)
        target = MemoryStore()
        target.create(Creation(PASSPHRASE))
        with pytest.raises(CredmanError, match="older copy"):
            move(open_vault(tmp_path / "a"), target).copy()
        assert target.snapshot().tokens == ()

    def test_what_still_holds_them_is_said(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source, target = make_vault(tmp_path / "a", "first"), MemoryStore()
        target.create(Creation(PASSPHRASE))
        mover = move(source, target)
        moved = mover.copy()
        real = FileStore.commit

        def fail_empty(
            store: FileStore, changes: Sequence[Change], *, expected_revision: str
        ) -> Committed:
            if not changes:
                raise Unavailable("cannot write it: no space left on device")
            return real(store, changes, expected_revision=expected_revision)

        monkeypatch.setattr(FileStore, "commit", fail_empty)
        mover.remove(moved)
        backup = f"{vault_file(tmp_path / 'a')}.bak"
        assert f"{backup} still holds them: cannot write it: no space left on device" in (
            mover.warnings
        )


def stored(home: Path) -> tuple[Token, ...]:
    return open_vault(home).snapshot().tokens


class LosingStore(MemoryStore):
    """Keeps something else than it was given."""

    def __init__(self, loses: str) -> None:
        super().__init__()
        self._loses = loses

    def commit(self, changes: Sequence[Change], *, expected_revision: str) -> Committed:
        return super().commit(
            [kept for change in changes for kept in self._spoil(change)],
            expected_revision=expected_revision,
        )

    def _spoil(self, change: Change) -> Sequence[Change]:
        match self._loses, change:
            case "environment", PutEnvironment():
                return [PutEnvironment(replace(change.environment, isolated=False))]
            case "token", PutToken() if change.token.key.name == "other":
                return []
            case "value", PutToken():
                values = {a: Secret(f"{v}\n") for a, v in change.values.items()}
                return [PutToken(change.token, values)]
            case "version", PutToken():
                token = change.token
                return [PutToken(replace(token, versions=token.versions[-1:]), change.values)]
            case "unsure", PutToken():
                return [PutToken(replace(change.token, unsure=False), change.values)]
        return [change]


class TornStore(MemoryStore):
    """Keeps values apart, and so often somebody changes them between two looks."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self._left = times

    def reveal(self, addresses: Iterable[Address]) -> dict[Address, Secret]:
        self._left -= 1
        if self._left >= 0:
            raise StoreConflict("the store was changed meanwhile")
        return super().reveal(addresses)


class BusyStore(MemoryStore):
    """Somebody else is faster, so often."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self._times, self._others = times, 0

    def commit(self, changes: Sequence[Change], *, expected_revision: str) -> Committed:
        if self._others < self._times:
            self._others += 1
            super().commit(
                [put(make_token(f"x{self._others}"))], expected_revision=expected_revision
            )
        return super().commit(changes, expected_revision=expected_revision)
