"""The store that an agent holds open keeps the contract of every store; and where the agent goes,
or cannot do it, the store itself does, as if nobody had been asked."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from credman.core import wire
from credman.core.config import Config
from credman.core.errors import (
    CredmanError,
    Locked,
    LockTimeout,
    NotFound,
    RolledBack,
    StoreConflict,
    VaultDamaged,
    VaultMissing,
)
from credman.core.model import MAX_VALUE_BYTES
from credman.core.scope import Selection
from credman.session import Session
from credman.stores.base import Creation, Store
from credman.stores.changes import RemoveToken
from credman.stores.testing import StoreContract, find_address, make_token, put, renew
from tests.agent.agents import Agents
from tests.agent.keeping import PASSPHRASE, Asked, Keeping, keeping
from tests.stores.places import add


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agents]:
    """One for all of these: each test has a vault of its own."""
    with keeping(tmp_path_factory.mktemp("kept") / "run") as found:
        yield found


class TestKeptStore(StoreContract):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path, agent: Agents) -> Iterator[None]:
        self.home, self.runtime = tmp_path / "place", agent.folder.parent
        self.opened: list[Keeping] = []
        yield
        # The contract was kept by the agent: nothing else had the passphrase.
        assert [len(store.operations) for store in self.opened].count(0) < len(self.opened)

    def make_store(self) -> Store:
        self.opened.append(Keeping(self.home, self.runtime))
        return self.opened[-1]

    def reopen(self, store: Store) -> Store:
        return self.make_store()

    def creation(self) -> Creation:
        return Creation(PASSPHRASE)


def make_store(home: Path, agent: Agents, *names: str) -> Keeping:
    """Returns: a store that the agent holds, with tokens; it knows no passphrase itself."""
    store = Keeping(home / "place", agent.folder.parent)
    store.create(Creation(PASSPHRASE))
    for name in names:
        add(store, name)
    store.operations.clear()
    return store


def vault_of(store: Keeping) -> Path:
    return Path(store.describe()["path"])


def test_every_call_is_the_agents(tmp_path: Path, agent: Agents) -> None:
    store = make_store(tmp_path, agent, "one")
    (token,) = store.snapshot().tokens
    assert store.reveal([find_address(token)]) == {find_address(token): "one"}
    store.commit([RemoveToken(token.key)], expected_revision=store.snapshot().revision)
    assert store.operations == [wire.READ, wire.READ, wire.READ, wire.WRITE]
    assert store.asked.times == 0
    with pytest.raises(Locked):  # by itself it would have had to ask
        store.open_alone(Asked()).snapshot()


@pytest.mark.parametrize("data", [b"m", b"\xff", b"\xc3\xa9", b"\x01"])
def test_the_largest_values_go_through_it(data: bytes, tmp_path: Path, agent: Agents) -> None:
    store, token = make_store(tmp_path, agent), make_token()
    value = data * (MAX_VALUE_BYTES // len(data))
    store.commit([put(token, value)], expected_revision=store.snapshot().revision)
    (found,) = store.again().reveal([find_address(token)]).values()
    assert found.to_bytes() == value


def test_every_byte_but_nul_goes_through_it(tmp_path: Path, agent: Agents) -> None:
    store = make_store(tmp_path, agent)
    tokens = [make_token(f"t{n}") for n in range(1, 256)]
    changes = [put(token, bytes([n])) for n, token in enumerate(tokens, start=1)]
    store.commit(changes, expected_revision=store.snapshot().revision)
    found = store.again().reveal(map(find_address, tokens))
    assert [value.to_bytes() for value in found.values()] == [bytes([n]) for n in range(1, 256)]


def test_a_large_store_goes_through_it(tmp_path: Path, agent: Agents) -> None:
    store = make_store(tmp_path, agent)
    tokens = [replace(make_token(f"t{n}"), note="n" * 1000) for n in range(500)]
    store.commit(list(map(put, tokens)), expected_revision=store.snapshot().revision)
    snapshot = store.again().snapshot()
    assert {t.key: t for t in snapshot.tokens} == {t.key: t for t in tokens}
    assert store.asked.times == 0


def test_a_snapshot_says_the_same_as_without_an_agent(tmp_path: Path, agent: Agents) -> None:
    store = make_store(tmp_path, agent, "one", "two")
    path = vault_of(store)
    path.chmod(0o644)
    path.with_name("vault copy.age").write_bytes(path.read_bytes()[:-1])
    found = store.snapshot()
    assert found == store.open_alone(Asked(PASSPHRASE)).snapshot() and len(found.warnings) == 2


def test_an_older_copy_in_its_place_is_no_place_to_write(tmp_path: Path, agent: Agents) -> None:
    store = make_store(tmp_path, agent, "one")
    path = vault_of(store)
    older = path.read_bytes()
    add(store, "two")
    path.write_bytes(older)
    snapshot = store.snapshot()
    alone = store.open_alone(Asked(PASSPHRASE)).snapshot()
    assert isinstance(snapshot.obstacle, RolledBack) and isinstance(alone.obstacle, RolledBack)
    told = (snapshot.obstacle.message, snapshot.obstacle.hint, snapshot.warnings)
    assert told == (alone.obstacle.message, alone.obstacle.hint, alone.warnings)
    with pytest.raises(RolledBack):
        add(store, "three")
    with pytest.raises(RolledBack):
        store.commit([put(make_token())], expected_revision=snapshot.revision)
    assert path.read_bytes() == older and store.asked.times == 0


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), VaultDamaged),
        (lambda path: path.write_bytes(b""), VaultDamaged),
        (lambda path: path.unlink(), VaultMissing),
    ],
    ids=["cut", "empty", "gone"],
)
def test_what_the_agent_finds_wrong_is_told(
    harm: object, expected: type[CredmanError], tmp_path: Path, agent: Agents
) -> None:
    assert callable(harm)
    store = make_store(tmp_path, agent, "one")
    revision = store.snapshot().revision
    harm(vault_of(store))
    with pytest.raises(expected) as alone:
        store.open_alone(Asked(PASSPHRASE)).snapshot()
    with pytest.raises(expected) as read:
        store.snapshot()
    with pytest.raises(expected) as written:
        store.commit([put(make_token())], expected_revision=revision)
    for found in (read.value, written.value):
        assert type(found) is type(alone.value)
        assert (found.message, found.hint) == (alone.value.message, alone.value.hint)
    assert store.operations == [wire.READ, wire.READ, wire.WRITE]


def test_what_was_shown_is_what_is_revealed(tmp_path: Path, agent: Agents) -> None:
    store = make_store(tmp_path, agent, "one")
    (token,) = store.snapshot().tokens
    add(store.again(), "two")
    with pytest.raises(StoreConflict):
        store.reveal([find_address(token)])
    store.snapshot()
    assert list(store.reveal([find_address(token)]).values()) == ["one"]
    with pytest.raises(NotFound):
        store.reveal([find_address(renew(token))])
    assert store.asked.times == 0


def test_a_session_tries_again_where_another_process_was_first(
    tmp_path: Path, agent: Agents
) -> None:
    store = make_store(tmp_path, agent, "one")
    session = Session(store, Config(), Selection())
    session.snapshot()
    add(store.open_alone(Asked(PASSPHRASE)), "direct")
    add(store.again(), "kept")
    session.remove("one")
    left = {token.key.name for token in store.again().snapshot().tokens}
    assert left == {"direct", "kept"} and store.asked.times == 0


@pytest.mark.deep  # it waits for as long as a writer does
def test_a_lock_that_is_held_is_told(tmp_path: Path, agent: Agents) -> None:
    store = make_store(tmp_path, agent)
    revision = store.snapshot().revision
    with open(vault_of(store).with_suffix(".lock"), "rb+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(LockTimeout, match="is locked by process"):
            store.commit([put(make_token())], expected_revision=revision)
    assert store.operations == [wire.READ, wire.WRITE]
    store.commit([put(make_token())], expected_revision=revision)


def test_without_its_agent_the_store_asks_itself(tmp_path: Path) -> None:
    with keeping(tmp_path / "run") as agent:
        alone = make_store(tmp_path, agent, "one")
        store = alone.again(PASSPHRASE)
        revision = store.snapshot().revision
        assert alone.snapshot().revision == revision
        os.kill(agent.pid, signal.SIGKILL)
        agent.ends()
        with pytest.raises(Locked):
            alone.commit([put(make_token("two"))], expected_revision=revision)
        store.commit([put(make_token("two"))], expected_revision=revision)
        assert {t.key.name for t in store.snapshot().tokens} == {"one", "two"}
        assert store.asked.times == 1 and store.operations == [wire.READ]


def test_between_snapshot_and_reveal_it_may_go_as_well(tmp_path: Path) -> None:
    with keeping(tmp_path / "run") as agent:
        store = make_store(tmp_path, agent, "one").again(PASSPHRASE)
        stale = store.again(PASSPHRASE)
        (token,) = store.snapshot().tokens
        stale.snapshot()
        os.kill(agent.pid, signal.SIGKILL)
        agent.ends()
        assert list(store.reveal([find_address(token)]).values()) == ["one"]
        add(store, "two")
        with pytest.raises(StoreConflict):  # not the values of what came after
            stale.reveal([find_address(token)])
        assert len(stale.snapshot().tokens) == 2
        assert list(stale.reveal([find_address(token)]).values()) == ["one"]
