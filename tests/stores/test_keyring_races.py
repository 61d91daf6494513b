"""Several processes at one keyring store: nothing that was acknowledged is lost."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from credman.core.errors import StoreConflict
from credman.oskeyring.client import KeyringUnavailable
from credman.stores import keyringwrite
from credman.stores.keyringindex import Head, write_blob
from credman.stores.keyringitems import Ring
from tests.oskeyring.bus import bus, wait_until
from tests.oskeyring.platforms import macos
from tests.stores.driver import read_line
from tests.stores.model import open_session
from tests.stores.places import add, names
from tests.stores.ring_driver import start
from tests.stores.rings import find_leftovers, make_ring, open_ring

WRITERS, TOKENS = 8, 5


def test_eight_writers_lose_nothing_and_readers_never_see_damage(tmp_path: Path) -> None:
    home = tmp_path / "place"
    with bus(tmp_path) as found, ExitStack() as stack:
        reader = make_ring(home, found)
        seen: set[str] = set()
        writers = [
            stack.enter_context(start(home, found, "add-many", f"p{n}", str(TOKENS)))
            for n in range(WRITERS)
        ]
        while any(writer.poll() is None for writer in writers):
            now = names(reader)  # raises if it is anything but whole
            assert now >= seen, "a token that was there is gone"
            seen = now
            time.sleep(0.01)
        assert [read_line(writer.stdout) for writer in writers] == ["ok"] * WRITERS
        store = open_ring(home, found)
        assert names(store) == {f"p{n}-{k}" for n in range(WRITERS) for k in range(TOKENS)}
        assert store.snapshot().warnings == ()
        assert find_leftovers(store, found) == set()


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    home = tmp_path / "place"
    acknowledged: set[str] = set()
    with bus(tmp_path) as found:
        make_ring(home, found)
        for attempt in range(6):
            with start(home, found, "add-telling", f"k{attempt}") as writer:
                for _ in range(1 + attempt % 3):
                    acknowledged.add(read_line(writer.stdout))
                time.sleep(0.007 * attempt)
                os.kill(writer.pid, signal.SIGKILL)
            assert names(open_ring(home, found)) >= acknowledged
        store = open_ring(home, found)
        add(store, "after")
        assert store.snapshot().warnings == () and find_leftovers(store, found) == set()


def test_of_four_that_make_it_one_wins(tmp_path: Path) -> None:
    home = tmp_path / "place"
    with bus(tmp_path) as found, ExitStack() as stack:
        makers = [stack.enter_context(start(home, found, "create")) for _ in range(4)]
        printed = sorted(read_line(maker.stdout) for maker in makers)
        assert printed.pop(0) == "ok"
        said = "vault_exists: there is a store in the keyring already"
        assert printed == [said] * 3
        assert names(open_ring(home, found)) == set()


def test_whoever_has_another_home_has_the_same_lock(tmp_path: Path) -> None:
    with bus(tmp_path) as found, ExitStack() as stack:
        homes = [tmp_path / name for name in ("one", "two", "three")]
        make_ring(homes[0], found)
        writers = [
            stack.enter_context(start(home, found, "add-many", home.name, "5")) for home in homes
        ]
        assert [read_line(writer.stdout) for writer in writers] == ["ok"] * 3
        store = open_ring(homes[0], found)
        assert names(store) == {f"{home.name}-{n}" for home in homes for n in range(5)}
        assert find_leftovers(store, found) == set()


def test_where_the_keyring_has_no_lock_another_writer_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = iter(("other",))

    def interfere(ring: Ring, user: str, generation: int, text: str) -> Head:
        head = write_blob(ring, user, generation, text)
        for name in others if user == "journal" else ():
            add(other, name)
        return head

    with macos(tmp_path / "native", monkeypatch) as found:
        store = make_ring(tmp_path / "one", found, "first")
        other = open_ring(tmp_path / "two", found)
        monkeypatch.setattr(keyringwrite, "write_blob", interfere)
        add(store, "second")
        assert names(store) == names(other) == {"first", "second", "other"}
        assert {json.loads(name)[1] for name in found.native.items} == {
            *("A", "B", "first#1", "second#1", "other#1")
        }


def test_a_lock_that_was_lost_with_its_process_is_taken_again_or_nothing_goes_on(
    tmp_path: Path,
) -> None:
    with bus(tmp_path) as found, found.ring() as ring, found.ring() as other:
        assert ring.take("dev.credman.Example") is True
        assert other.take("dev.credman.Example") is False
        ring.close()  # as when a deadline ends it
        assert ring.get("service", "user") is None
        assert other.take("dev.credman.Example") is False
        ring.close()
        wait_until(
            lambda: other.take("dev.credman.Example") is True
        )  # the bus notices when it does
        with pytest.raises(KeyringUnavailable, match="another process was quicker"):
            ring.get("service", "user")
        ring.give("dev.credman.Example")
        assert ring.get("service", "user") is None


def test_a_state_that_changes_between_two_looks_is_looked_at_again(tmp_path: Path) -> None:
    home = tmp_path / "place"
    with bus(tmp_path) as found:
        make_ring(home, found, "one", "two")
        session = open_session(open_ring(home, found), "default")
        plan, token = session.plan(), session.token("one")
        open_session(open_ring(home, found), "default").rename("one", "other")
        with pytest.raises(StoreConflict):
            session.values(token)
        plan = session.plan()
        writer = open_session(open_ring(home, found), "default")
        writer.remove("other")
        add(writer.store, "other", "new", variable="ONE")
        assert session.reveal(plan) == {"ONE": "new", "TWO": "two"}
        token = session.token("other")
        writer.remove("other")
        add(writer.store, "other", "newer", variable="ONE")
        assert session.values(token) == {"ONE": "newer"}
        writer.remove("other")
        with pytest.raises(StoreConflict, match="changed meanwhile"):
            session.reveal(plan)
