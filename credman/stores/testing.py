"""The contract of a store, as tests. Every store inherits it, those of plug-ins too.

    from credman.stores.testing import StoreContract

    class TestMyStore(StoreContract):
        def make_store(self) -> Store: ...
        def reopen(self, store: Store) -> Store: ...

Rule: it needs nothing but the protocol, so that whatever holds here holds for every front door.
``assert`` is meant: pytest runs this, no program does. docs/stores.md tells how to use it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ParamSpec, TypeVar

from credman.core.errors import CredmanError, NotFound, NoVault, Refused, StoreConflict, UsageError
from credman.core.model import (
    MAX_VALUE_BYTES,
    Address,
    Environment,
    Exposure,
    Field,
    Finding,
    Liveness,
    Recipe,
    Rotation,
    Schedule,
    Stage,
    Token,
    TokenKey,
    Version,
    VersionState,
)
from credman.core.secret import Secret
from credman.stores.base import Committed, Creation, Snapshot, Store
from credman.stores.changes import Change, PutEnvironment, PutToken, RemoveToken, RenameToken

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NEWER: Mapping[str, object] = {"newer": ["kept", 1, None, {"as": True}]}
HARD_VALUES = (
    b"\xff\xfe not UTF-8 \x80",
    b" blanks, a line end and a quote: ' \r\n",
    "a snowman ☃ and é, and an escape: \\u0000".encode(),
    bytes(range(1, 256)) * 8,
    b"m" * MAX_VALUE_BYTES,
)
_E = TypeVar("_E", bound=CredmanError)
_P = ParamSpec("_P")


def make_token(
    name: str = "api", *, environment: str = "default", profile: str = "default"
) -> Token:
    """Returns: a token with one field and one version."""
    variable = name.upper().replace("-", "_").replace(".", "_")
    version = Version(1, VersionState.CURRENT, MOMENT, (variable,))
    key = TokenKey(environment, profile, name)
    return Token(key, (Field(variable, (variable,)),), (version,))


def renew(token: Token) -> Token:
    """Returns: the token with one more version, the current one."""
    former = token.current
    return token.with_version(replace(former, number=former.number + 1))


def find_address(token: Token) -> Address:
    """Returns: where the current value of the token's only field rests."""
    return Address(token.key, token.current.number, token.fields[0].name)


def put(token: Token, value: bytes = b"value") -> PutToken:
    """Returns: the change that stores ``token`` with this value of its current version."""
    return PutToken(token, {find_address(token): Secret.from_bytes(value)})


class StoreContract:
    """Inherit it, say where a store comes from, and pytest runs what follows.

    Every test calls ``make_store`` once.
    """

    def make_store(self) -> Store:
        """Returns: a store at a place where nothing has been stored yet."""
        raise NotImplementedError

    def reopen(self, store: Store) -> Store:
        """Returns: another object for the same place, as another process would have it. A store
        that lives in memory returns itself."""
        raise NotImplementedError

    def creation(self) -> Creation:
        """What the store is made with; it must open again after ``reopen``."""
        return Creation(Secret("EXAMPLE passphrase"))

    def _made(self, *changes: Change) -> Store:
        store = self.make_store()
        store.create(self.creation())
        if changes:
            _commit(store, *changes)
        return store

    def test_a_new_place_is_empty_until_it_is_made(self) -> None:
        store = self.make_store()
        token = make_token()
        assert not store.exists() and store.describe()["kind"]
        _fails(NoVault, store.snapshot)
        _fails(NoVault, store.reveal, [find_address(token)])
        _fails(NoVault, store.commit, [put(token)], expected_revision="0")
        assert not store.exists()
        store.create(self.creation())
        assert store.exists() and self.reopen(store).exists()
        snapshot = self.reopen(store).snapshot()
        assert (snapshot.tokens, snapshot.environments, snapshot.warnings) == ((), (), ())

    def test_what_exists_is_not_made_again(self) -> None:
        store = self._made(put(make_token()))
        before = store.snapshot()
        for candidate in (store, self.reopen(store)):
            _fails(Refused, candidate.create, self.creation())
        assert self.reopen(store).snapshot() == before

    def test_a_snapshot_holds_what_was_put_and_no_value(self) -> None:
        token = replace(make_token(profile="work"), note="a note\nof two lines")
        store = self._made(put(token, b"EXAMPLE-CANARY"), put(make_token("other")))
        for candidate in (store, self.reopen(store)):
            assert candidate.snapshot().find_token(token.key) == token
            shown = repr(candidate.snapshot()) + repr(candidate.describe())
            assert "EXAMPLE-CANARY" not in shown and "EXAMPLE passphrase" not in shown
        assert self.reopen(store).snapshot() == store.snapshot()

    def test_values_come_back_to_the_byte_and_only_those_asked_for(self) -> None:
        tokens = [make_token(f"v{n}") for n in range(len(HARD_VALUES))]
        store = self._made(*map(put, tokens, HARD_VALUES))
        for candidate in (store, self.reopen(store)):
            found = candidate.reveal(find_address(token) for token in tokens)
            assert [value.to_bytes() for value in found.values()] == list(HARD_VALUES)
            first = find_address(tokens[0])
            assert candidate.reveal([first]) == {first: found[first]}
            assert candidate.reveal([]) == {}

    def test_an_unknown_address_is_not_found(self) -> None:
        token = make_token()
        store = self._made(put(token, b"EXAMPLE-CANARY"))
        known = find_address(token)
        for unknown in (
            known._replace(version=2),
            known._replace(field="OTHER"),
            known._replace(key=known.key._replace(name="other")),
            known._replace(key=known.key._replace(profile="other")),
        ):
            error = _fails(NotFound, store.reveal, [known, unknown])
            assert "EXAMPLE-CANARY" not in repr(error) + error.message + error.hint

    def test_putting_again_replaces_metadata_and_keeps_the_value(self) -> None:
        token = make_token()
        store = self._made(put(token, b"kept"))
        changed = replace(token, note="changed", schedule=Schedule(rotate_every="90d"))
        _commit(store, PutToken(changed))
        assert self.reopen(store).snapshot().tokens == (changed,)
        assert self.reopen(store).reveal([find_address(changed)]) == {find_address(token): "kept"}

    def test_every_version_keeps_its_value_until_it_is_dropped(self) -> None:
        first = make_token()
        second = renew(first)
        third = renew(second)
        store = self._made(put(first, b"1"))
        _commit(store, put(second, b"2"))
        _commit(store, put(third, b"3"))
        found = self.reopen(store).reveal(find_address(t) for t in (first, second, third))
        assert [str(value) for value in found.values()] == ["1", "2", "3"]
        _commit(store, PutToken(replace(third, versions=third.versions[1:])))
        _fails(NotFound, self.reopen(store).reveal, [find_address(first)])
        assert self.reopen(store).reveal([find_address(second)]) == {find_address(second): "2"}

    def test_a_removed_token_is_gone_with_its_values(self) -> None:
        gone, kept = make_token("gone"), make_token("kept")
        store = self._made(put(gone, b"old"), put(kept, b"kept"))
        _commit(store, RemoveToken(gone.key))
        assert store.snapshot().tokens == self.reopen(store).snapshot().tokens == (kept,)
        _fails(NotFound, self.reopen(store).reveal, [find_address(gone)])
        _fails(NotFound, _commit, store, RemoveToken(gone.key))
        _fails(NotFound, _commit, store, PutToken(gone))  # its value did not stay behind
        _commit(store, put(gone, b"new"))
        assert self.reopen(store).reveal([find_address(gone)]) == {find_address(gone): "new"}

    def test_names_are_unique_regardless_of_case(self) -> None:
        token = make_token("api", environment="prod", profile="work")
        store = self._made(put(token, b"kept"))
        shouted = replace(token, key=TokenKey("PROD", "Work", "API"))
        _commit(store, PutToken(shouted))
        snapshot = self.reopen(store).snapshot()
        assert [t.key for t in snapshot.tokens] == [shouted.key]
        assert snapshot.find_token(token.key) == shouted
        assert self.reopen(store).reveal([find_address(shouted)]) == {find_address(shouted): "kept"}
        _commit(store, RemoveToken(token.key))
        assert self.reopen(store).snapshot().tokens == ()

    def test_a_renamed_token_keeps_all_but_its_name(self) -> None:
        first = replace(make_token("old"), note="kept", extra=NEWER)
        second, other = renew(first), make_token("other")
        store = self._made(put(first, b"1"), put(other, b"other"))
        _commit(store, put(second, b"2"))
        key = first.key
        for name in ("new", "NEW"):
            _commit(store, RenameToken(key, name))
            key = key._replace(name=name)
            kept = [replace(first, key=key), replace(second, key=key), other]
            snapshot = self.reopen(store).snapshot()
            assert snapshot.find_token(key) == kept[1] and len(snapshot.tokens) == 2
            found = self.reopen(store).reveal(map(find_address, kept))
            assert list(found.values()) == ["1", "2", "other"]
            _fails(NotFound, self.reopen(store).reveal, [find_address(first)])
        before = store.snapshot()
        _fails(Refused, _commit, store, RenameToken(key, "Other"))
        _fails(NotFound, _commit, store, RenameToken(first.key, "any"))
        _fails(UsageError, _commit, store, RenameToken(key, "../x"))
        assert self.reopen(store).snapshot() == before

    def test_the_same_name_elsewhere_is_another_token(self) -> None:
        places = (("default", "default"), ("prod", "default"), ("default", "work"))
        tokens = [make_token("api", environment=e, profile=p) for e, p in places]
        store = self._made(*(put(t, str(t.key).encode()) for t in tokens))
        _commit(store, RemoveToken(tokens[0].key))
        found = self.reopen(store).reveal(find_address(t) for t in tokens[1:])
        assert found == {find_address(t): str(t.key) for t in tokens[1:]}

    def test_environments_are_replaced_regardless_of_case(self) -> None:
        before = (Environment("prod", False, NEWER), Environment("dev", True, NEWER))
        store = self._made(*map(PutEnvironment, before))
        _commit(store, PutEnvironment(Environment("PROD", True)))
        found = {e.name: e for e in self.reopen(store).snapshot().environments}
        assert found == {"dev": before[1], "PROD": Environment("PROD", True)}

    def test_names_outside_the_grammar_are_refused(self) -> None:
        store = self._made()
        before = store.snapshot()
        token = make_token()
        changes: list[Change] = []
        for bad in ("", "-rf", "../x", "a b", "$(id)", "ü", "a" * 65):
            keys = (TokenKey(bad, "p", "n"), TokenKey("e", bad, "n"), TokenKey("e", "p", bad))
            changes += [put(replace(token, key=key)) for key in keys]
            changes.append(PutEnvironment(Environment(bad)))
        for bad in ("", "1A", "A B", "LD_PRELOAD", "path"):
            fields = (replace(token.fields[0], variables=(bad,)),)
            changes.append(put(replace(token, fields=fields)))
        for change in changes:
            _fails(UsageError, _commit, store, change)
        assert self.reopen(store).snapshot() == before

    def test_a_commit_is_all_or_nothing(self) -> None:
        kept = make_token("kept")
        store = self._made(put(kept, b"kept"))
        before = store.snapshot()
        done = (PutEnvironment(Environment("new")), put(make_token("new")), put(kept, b"changed"))
        for impossible in (RemoveToken(make_token("nowhere").key), PutToken(renew(kept))):
            _fails(NotFound, _commit, store, *done, impossible)
            assert store.snapshot() == self.reopen(store).snapshot() == before
        assert self.reopen(store).reveal([find_address(kept)]) == {find_address(kept): "kept"}

    def test_whoever_comes_second_is_told_and_changes_nothing(self) -> None:
        first, second, third = (make_token(name) for name in ("first", "second", "third"))
        store = self._made(put(first))
        stale = store.snapshot().revision
        _commit(self.reopen(store), put(second))
        for candidate in (store, self.reopen(store)):
            changes = [RemoveToken(first.key)]
            _fails(StoreConflict, candidate.commit, changes, expected_revision=stale)
            _fails(StoreConflict, candidate.commit, [], expected_revision="of another store")
        assert {t.key for t in self.reopen(store).snapshot().tokens} == {first.key, second.key}
        _commit(store, put(third))  # after another look it works
        assert len(self.reopen(store).snapshot().tokens) == 3

    def test_equal_revisions_mean_equal_contents(self) -> None:
        token = make_token()
        store = self._made()
        seen: dict[str, Snapshot] = {}
        for changes in ([], [put(token, b"1")], [put(token, b"2")], [RemoveToken(token.key)]):
            committed = _commit(store, *changes)
            snapshot = store.snapshot()
            assert committed.revision == snapshot.revision
            assert self.reopen(store).snapshot() == snapshot
            assert seen.setdefault(snapshot.revision, snapshot) == snapshot
        assert len(seen) >= 3
        revision = _commit(store).revision  # of nothing
        assert self.reopen(store).snapshot() == replace(snapshot, revision=revision)

    def test_all_that_is_known_of_a_token_comes_back(self) -> None:
        token = make_token()
        later = MOMENT + timedelta(hours=1)
        finding = Finding(Liveness.DEAD, MOMENT, "alice", "user-7", "read, write", NEWER)
        retiring = replace(
            token.versions[0],
            state=VersionState.RETIRING,
            expires_at=later,
            retiring_at=MOMENT,
            grace="7d",
            ids={"id": "17", "name": "credman ☃"},
            finding=finding,
            exposure=Exposure(
                MOMENT, later, 12, ("/home/alice/a.json", "/home/alice/☃ \udcff"), NEWER
            ),
        )
        revoked = Version(
            2, VersionState.REVOKED, MOMENT, (), ended_at=later, ended_by="alice, at its page"
        )
        live = Finding(Liveness.LIVE, later)
        current = replace(token.versions[0], number=3, expires_at=later, finding=live)
        recipe = Recipe("printenv 'EXAMPLE ☃'", 3000, uses_shell=True, extra=NEWER)
        full = replace(token, versions=(retiring, revoked, current), recipe=recipe, unsure=True)
        store = self._made(put(token, b"1"))
        _commit(store, put(full, b"3"))
        assert self.reopen(store).snapshot() == store.snapshot()
        assert self.reopen(store).snapshot().tokens == (full,)
        old = find_address(token)
        values = self.reopen(store).reveal([old, find_address(full)])
        assert [str(value) for value in values.values()] == ["1", "3"]
        _commit(store, PutToken(token))  # what is known of it is forgotten as well
        assert self.reopen(store).snapshot().tokens == (token,)

    def test_every_stage_of_a_rotation_rests_until_it_is_over(self) -> None:
        token = make_token()
        answer = "credman:answer"  # no variable: what a provider said, as it said it
        store = self._made(put(token, b"old"))
        begun = replace(token, rotation=Rotation(2, Stage.ASKING, True, MOMENT, "7d", NEWER))
        staged = Version(2, VersionState.STAGED, MOMENT, ())
        steps: list[tuple[Stage, tuple[str, ...], dict[str, bytes]]] = [
            (Stage.ASKING, (), {}),
            (Stage.ANSWERED, (answer,), {answer: b'{"token": "new"}\xff'}),
            (Stage.STAGED, ("API",), {"API": b"new"}),
            (Stage.VERIFIED, ("API",), {}),
        ]
        for stage, names, values in steps:
            assert begun.rotation is not None
            made = replace(
                begun,
                versions=(*token.versions, replace(staged, fields=names)),
                rotation=replace(begun.rotation, stage=stage),
            )
            placed = {Address(token.key, 2, n): Secret.from_bytes(v) for n, v in values.items()}
            _commit(store, PutToken(made, placed))
            snapshot = self.reopen(store).snapshot()
            assert snapshot.tokens == (made,) and snapshot.tokens[0].current == token.current
            assert self.reopen(store).reveal(placed) == placed
            assert self.reopen(store).reveal([find_address(token)])[find_address(token)] == "old"
        _fails(NotFound, self.reopen(store).reveal, [Address(token.key, 2, answer)])
        _commit(store, PutToken(token))  # given up
        assert self.reopen(store).snapshot().tokens == (token,)
        _fails(NotFound, self.reopen(store).reveal, [Address(token.key, 2, "API")])

    def test_a_token_may_have_no_version_that_is_handed_out(self) -> None:
        token = make_token()
        store = self._made(put(token, b"stolen"), put(make_token("other")))
        stolen = replace(token.versions[0], state=VersionState.COMPROMISED)
        ended = Version(1, VersionState.REVOKED, MOMENT, (), ended_at=MOMENT, ended_by="alice")
        for version in (stolen, ended):
            without = replace(token, versions=(version,))
            _commit(store, PutToken(without))
            assert self.reopen(store).snapshot().find_token(token.key) == without
            if version.fields:
                found = self.reopen(store).reveal([find_address(without)])
                assert found == {find_address(without): "stolen"}
        _fails(NotFound, self.reopen(store).reveal, [find_address(token)])
        renewed = without.with_version(replace(token.versions[0], number=2))
        _commit(store, put(renewed, b"fresh"), put(make_token("unrelated")))
        assert self.reopen(store).snapshot().find_token(token.key) == renewed
        assert self.reopen(store).reveal([find_address(renewed)]) == {
            find_address(renewed): "fresh"
        }

    def test_what_a_newer_credman_wrote_is_kept(self) -> None:
        token = make_token()
        full = replace(
            token,
            fields=(replace(token.fields[0], secret=False, extra=NEWER),),
            versions=(replace(token.versions[0], extra=NEWER),),
            provider="example",
            schedule=Schedule("90d", MOMENT, ("14d", "3d"), "7d", NEWER),
            extra=NEWER,
        )
        store = self._made(PutEnvironment(Environment("prod", True, NEWER)), put(full))
        _commit(store, put(make_token("unrelated")))
        snapshot = self.reopen(store).snapshot()
        assert snapshot.find_token(token.key) == full
        assert snapshot.environments == (Environment("prod", True, NEWER),)


def _commit(store: Store, *changes: Change) -> Committed:
    return store.commit(changes, expected_revision=store.snapshot().revision)


def _fails(kind: type[_E], action: Callable[_P, object], *args: _P.args, **kwargs: _P.kwargs) -> _E:
    try:
        action(*args, **kwargs)
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was not raised")
