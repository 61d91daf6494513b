"""The process dies at one of its calls to the keyring, before it or while it is on its way: the old
state or the new one is left, and the next write cleans up. A real gnome-keyring.

Some of the calls are tried here, in turn before and behind them, and every one of them by
``make test-deep``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from credman.core.errors import CredmanError
from credman.core.model import Token
from credman.oskeyring.client import KeyringUnavailable, OsKeyring, Situation
from credman.session import Session
from credman.stores.keyring import KeyringStore
from credman.stores.testing import find_address
from tests.oskeyring.bus import Bus, bus, wait_until
from tests.stores.crashes import DIED, run_child
from tests.stores.model import open_session as open_anywhere
from tests.stores.places import add, names
from tests.stores.rings import CREATION, find_leftovers, make_ring, open_ring

MOST_CALLS = 40
DEEP = pytest.mark.deep
Action = Callable[[KeyringStore], None]


def open_session(store: KeyringStore) -> Session:
    return open_anywhere(store, "default")


def run_dying(bus: Bus, action: Callable[[], object], *, at: int, is_sent: bool) -> int:
    """Runs an action in a process of its own that dies at its ``at``-th call to the keyring.

    Args:
        is_sent: the call is on its way by then, and nobody waits for the answer.

    Returns:
        ``DIED``, or the exit code of what was raised; 0 if there are fewer calls.
    """
    others = bus.workers()
    code = run_child(lambda: _arm(at, is_sent=is_sent), action)
    wait_until(lambda: not bus.workers() - others)  # it sees that nobody is there, and ends
    return code


def _arm(at: int, *, is_sent: bool) -> None:
    ask, calls = OsKeyring._ask, iter(range(1, 1000))

    def dying(ring: OsKeyring, request: dict[str, object]) -> object:
        if next(calls) == at:
            if is_sent and ring._process is not None and ring._process.stdin is not None:
                os.write(ring._process.stdin.fileno(), f"{json.dumps(request)}\n".encode())
            os._exit(DIED)
        return ask(ring, request)

    OsKeyring._ask = dying  # type: ignore[method-assign,assignment]


def check_whole(home: Path, bus: Bus, *states: set[str]) -> set[str]:
    """It is in one of these states, every value is there, and the next write leaves nothing over.

    Returns:
        Which of them it is in.
    """
    store = open_ring(home, bus)
    snapshot = store.snapshot()
    found = {token.key.name for token in snapshot.tokens}
    assert found in states and snapshot.warnings == (), (found, states)
    check_values(store, snapshot.tokens)
    add(store, "probe")
    again = open_ring(home, bus)
    assert names(again) == found | {"probe"}
    assert find_leftovers(again, bus) == set()
    open_session(store).remove("probe")
    return found


def check_values(store: KeyringStore, tokens: Iterable[Token]) -> None:
    values = store.reveal(find_address(t) for t in tokens)
    for token in tokens:
        value = str(values[find_address(token)])
        assert value.rstrip("'") in (token.key.name, "old"), (token.key, value)


def add_new(store: KeyringStore) -> None:
    add(store, "new")


def replace_old(store: KeyringStore) -> None:
    add(store, "old", "old'")


def remove_old(store: KeyringStore) -> None:
    open_session(store).remove("old")


def rename_old(store: KeyringStore) -> None:
    open_session(store).rename("old", "new")


@pytest.mark.parametrize(
    ("action", "after", "is_sent", "step"),
    [
        pytest.param(add_new, {"old", "keep", "new"}, True, 3, id="add"),
        pytest.param(replace_old, {"old", "keep"}, False, 4, id="replace"),
        pytest.param(remove_old, {"keep"}, True, 4, id="remove"),
        pytest.param(rename_old, {"new", "keep"}, False, 4, id="rename"),
        pytest.param(add_new, {"old", "keep", "new"}, False, 1, id="add-before", marks=DEEP),
        pytest.param(add_new, {"old", "keep", "new"}, True, 1, id="add-on-its-way", marks=DEEP),
        pytest.param(replace_old, {"old", "keep"}, False, 1, id="replace-before", marks=DEEP),
        pytest.param(replace_old, {"old", "keep"}, True, 1, id="replace-on-its-way", marks=DEEP),
        pytest.param(remove_old, {"keep"}, False, 1, id="remove-before", marks=DEEP),
        pytest.param(remove_old, {"keep"}, True, 1, id="remove-on-its-way", marks=DEEP),
        pytest.param(rename_old, {"new", "keep"}, False, 1, id="rename-before", marks=DEEP),
        pytest.param(rename_old, {"new", "keep"}, True, 1, id="rename-on-its-way", marks=DEEP),
    ],
)
def test_a_write_that_dies_at_any_call_leaves_the_old_or_the_new(
    action: Action, after: set[str], is_sent: bool, step: int, tmp_path: Path
) -> None:
    home = tmp_path / "place"
    before, ended = {"old", "keep"}, set()
    with bus(tmp_path) as found:
        make_ring(home, found, "old", "keep")
        for at in range(1, MOST_CALLS, step):
            store = open_ring(home, found)
            code = run_dying(found, lambda: action(store), at=at, is_sent=is_sent)  # noqa: B023
            state = check_whole(home, found, before, after)
            ended.add((code, state == after and state != before))
            if code != DIED:
                break
            if state != before:
                put_back(home, found)
        assert code == 0 and at > 10
        assert before == after or ended == {(DIED, False), (DIED, True), (0, True)}


def put_back(home: Path, bus: Bus) -> None:
    store = open_ring(home, bus)
    if "new" in names(store):
        open_session(store).remove("new")
    if "old" not in names(store):
        add(store, "old")


@pytest.mark.parametrize("is_sent", [pytest.param(False, marks=DEEP), True])
def test_making_one_that_dies_at_any_call_can_be_done_again(is_sent: bool, tmp_path: Path) -> None:
    with bus(tmp_path) as found:
        for at in range(1, MOST_CALLS):
            home = tmp_path / f"place{at}"
            store = open_ring(home, found)
            code = run_dying(found, lambda: store.create(CREATION), at=at, is_sent=is_sent)  # noqa: B023
            again = open_ring(home, found)
            if not again.exists():
                assert code == DIED
                again.create(CREATION)
            assert names(again) == set() and again.snapshot().warnings == ()
            add(again, "first")
            assert find_leftovers(again, found) == set()
            found.reset()
            if code != DIED:
                break
        assert code == 0 and at > 3


@pytest.mark.parametrize(
    ("situation", "is_done", "step"),
    [
        (Situation.SILENT, True, 4),
        (Situation.FAILED, False, 3),
        pytest.param(Situation.SILENT, False, 1, marks=DEEP),
        pytest.param(Situation.SILENT, True, 1, marks=DEEP),
        pytest.param(Situation.FAILED, False, 1, marks=DEEP),
        pytest.param(Situation.FAILED, True, 1, marks=DEEP),
    ],
)
def test_a_keyring_that_fails_once_at_any_call_loses_nothing(
    situation: Situation, is_done: bool, step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "place"
    said: set[tuple[bool, bool]] = set()
    with bus(tmp_path) as found:
        make_ring(home, found, "old", "keep")
        for at in range(1, MOST_CALLS, step):
            store = open_ring(home, found)
            with monkeypatch.context() as patch:
                calls = fail(patch, range(at, at + 1), situation, is_done=is_done)
                error = try_to_add(store)
            state = check_whole(home, found, {"old", "keep"}, {"old", "keep", "new"})
            said.add((error is None, "new" in state))
            put_back(home, found)
            if calls() < at:
                break
        assert calls() > 10
    # What is said to be saved is; what is said to have failed is not.
    assert said == {(True, True), (False, False)}


@pytest.mark.parametrize(
    ("situation", "step"),
    [
        (Situation.SILENT, 2),
        (Situation.FAILED, 2),
        pytest.param(Situation.SILENT, 1, marks=DEEP),
        pytest.param(Situation.FAILED, 1, marks=DEEP),
    ],
)
def test_what_is_not_known_to_be_saved_is_whole_anyway(
    situation: Situation, step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "place"
    unknown = 0
    with bus(tmp_path) as found:
        make_ring(home, found, "old", "keep")
        for at in range(8, MOST_CALLS, step):
            store = open_ring(home, found)
            with monkeypatch.context() as patch:
                calls = fail(patch, range(at, at + 2), situation, is_done=True)
                error = try_to_add(store)
            state = check_whole(home, found, {"old", "keep"}, {"old", "keep", "new"})
            if error is not None and "it is not known whether this was saved" in error.message:
                unknown += 1
                assert "credman list" in error.hint
            else:
                assert (error is None) == ("new" in state)
            put_back(home, found)
            if calls() < at:
                break
    assert unknown


def fail(
    patch: pytest.MonkeyPatch, at: range, situation: Situation, *, is_done: bool
) -> Callable[[], int]:
    """Args: at: which calls; is_done: they do what they shall before they fail.

    Returns:
        How many there were.
    """
    ask, made = OsKeyring._ask, [0]

    def failing(ring: OsKeyring, request: dict[str, object]) -> object:
        made[0] += 1
        if made[0] not in at:
            return ask(ring, request)
        if is_done:
            ask(ring, request)
        ring.close()  # as it is after any failure
        raise KeyringUnavailable(situation)

    patch.setattr(OsKeyring, "_ask", failing)
    return lambda: made[0]


def try_to_add(store: KeyringStore) -> CredmanError | None:
    try:
        add(store, "new")
    except CredmanError as error:
        return error
    return None
