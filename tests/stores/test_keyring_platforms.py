"""The keyring store over macOS and Windows as their documentation describes them: short items, an
item that is taken away before it is written again, and processes that die in between."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from credman.core.errors import CredmanError
from credman.core.model import Address, TokenKey
from credman.stores import testing
from credman.stores.base import Store
from credman.stores.keyring import KeyringStore
from credman.stores.keyringindex import INDEX_SERVICE, SLOTS, read_head
from credman.stores.keyringitems import name_parts
from credman.stores.testing import StoreContract
from tests.oskeyring.natives import MAX_BLOB_BYTES
from tests.oskeyring.platforms import Platform, macos, windows
from tests.stores.model import open_session
from tests.stores.places import add, names
from tests.stores.rings import load_index, make_ring, open_ring

Open = Callable[[Path, pytest.MonkeyPatch], AbstractContextManager[Platform]]
Action = Callable[[KeyringStore], object]


class TestOnMacos(StoreContract):
    platform: Open = staticmethod(macos)

    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        # A value of a mebibyte is 800 of Windows' items: tried once, with gnome-keyring.
        shorter = (*testing.HARD_VALUES[:-1], b"m" * 20_000)
        monkeypatch.setattr(testing, "HARD_VALUES", shorter)
        self.home = tmp_path / "place"
        self.home.mkdir()
        with type(self).platform(tmp_path / "native", monkeypatch) as self.found:
            yield

    def make_store(self) -> Store:
        return open_ring(self.home, self.found)

    def reopen(self, store: Store) -> Store:
        return open_ring(self.home, self.found)


class TestOnWindows(TestOnMacos):
    platform: Open = staticmethod(windows)


def test_long_values_and_a_long_index_are_split_for_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = TokenKey("default", "default", "long")
    value = "EXAMPLE" * 1000
    with windows(tmp_path / "native", monkeypatch) as found:
        store = make_ring(tmp_path / "place", found, *(f"token{n}" for n in range(8)))
        add(store, "long", value)
        assert len(load_index(store).items[key, 1].names) == 6
        assert store.reveal([Address(key, 1, "LONG")]) == {Address(key, 1, "LONG"): value}
        assert len(names(open_ring(tmp_path / "place", found))) == 9
        blobs = [bytes.fromhex(c["CredentialBlob"]) for c in found.native.items.values()]
        assert max(map(len, blobs)) <= MAX_BLOB_BYTES
        assert {c["Persist"] for c in found.native.items.values()} == {2}  # it does not roam
        open_session(store, "default").remove("long")
        assert find_leftovers(store, found) == set()


def add_new(store: KeyringStore) -> None:
    add(store, "new")


def remove_old(store: KeyringStore) -> None:
    open_session(store, "default").remove("old")


AFTER_ADD, AFTER_REMOVE = {"old", "keep", "new"}, {"keep"}
DEEP = pytest.mark.deep


@pytest.mark.parametrize(
    ("platform", "action", "after", "is_done", "step"),
    [
        pytest.param(macos, add_new, AFTER_ADD, False, 1, id="macos-add"),
        pytest.param(macos, remove_old, AFTER_REMOVE, True, 1, id="macos-remove-done"),
        pytest.param(windows, add_new, AFTER_ADD, True, 4, id="windows-add-done"),
        pytest.param(macos, add_new, AFTER_ADD, True, 1, id="macos-add-done", marks=DEEP),
        pytest.param(macos, remove_old, AFTER_REMOVE, False, 1, id="macos-remove", marks=DEEP),
        pytest.param(windows, add_new, AFTER_ADD, False, 1, id="windows-add", marks=DEEP),
        pytest.param(windows, add_new, AFTER_ADD, True, 1, id="windows-add-each", marks=DEEP),
        pytest.param(windows, remove_old, AFTER_REMOVE, False, 1, id="windows-remove", marks=DEEP),
        pytest.param(
            windows, remove_old, AFTER_REMOVE, True, 1, id="windows-remove-done", marks=DEEP
        ),
    ],
)
def test_dying_within_any_call_of_the_system_leaves_the_old_or_the_new(
    platform: Open,
    action: Action,
    after: set[str],
    is_done: bool,
    step: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home = tmp_path / "place"
    before, states = {"old", "keep"}, set()
    with platform(tmp_path / "native", monkeypatch) as found:
        make_ring(home, found, "old", "keep")
        kept = (tmp_path / "native" / "state.json").read_bytes()
        seen = (home / ".local/state/credman/keyring-seen.json").read_bytes()
        for at in range(1, 200, step):
            (tmp_path / "native" / "state.json").write_bytes(kept)
            (home / ".local/state/credman/keyring-seen.json").write_bytes(seen)
            found.native.crash_at(at, is_done=is_done)
            former = len(found.native.calls)
            error = try_to(action, open_ring(home, found))
            is_over = len(found.native.calls) - former < at
            found.native.forget_orders()
            store = open_ring(home, found)
            state = names(store)
            assert state in (before, after), (at, error)
            assert error is not None or state == after
            states.add(state == after)
            add(store, "probe")
            assert names(store) == state | {"probe"} and store.snapshot().warnings == ()
            assert find_leftovers(store, found) == set(), at
            if is_over:
                break
    assert is_over and at > 15 and states == {True, False}


def try_to(action: Action, store: KeyringStore) -> CredmanError | None:
    try:
        action(store)
    except CredmanError as error:
        return error
    return None


def find_leftovers(store: KeyringStore, found: Platform) -> set[tuple[str, str]]:
    """Returns: items that no index names, and the journal."""
    known = {name for item in load_index(store).items.values() for name in item.names}
    known |= {(INDEX_SERVICE, slot) for slot in SLOTS}
    place = store._place.ring
    for slot in SLOTS:
        read = read_head(place, slot)
        parts = 0 if read is None else read[0].parts
        known |= set(name_parts(INDEX_SERVICE, slot, parts)) if parts else set()
    return {name_of(key, value) for key, value in found.native.items.items()} - known


def name_of(key: str, value: object) -> tuple[str, str]:
    if isinstance(value, dict):  # Windows' target may name the user as well
        user = str(value["UserName"])
        return str(value["TargetName"]).removeprefix(f"{user}@"), user
    service, user = json.loads(key)
    return service, user
