"""Several processes at one vault: nothing that was acknowledged is lost, nothing is half read."""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack
from pathlib import Path

from credman.stores.testing import find_address
from tests.stores.driver import drive, read_line, start
from tests.stores.places import add, leftovers, make_vault, names, open_vault

WRITERS, TOKENS = 8, 10


def test_eight_writers_lose_nothing_and_readers_never_see_damage(home: Path) -> None:
    reader = make_vault(home)
    seen: set[str] = set()
    with ExitStack() as stack:
        writers = [
            stack.enter_context(start(home, "add-many", f"p{n}", str(TOKENS)))
            for n in range(WRITERS)
        ]
        while any(writer.poll() is None for writer in writers):
            found = names(reader)  # raises if it is anything but whole
            assert found >= seen, "a token that was there is gone"
            seen = found
            time.sleep(0.01)
        assert [read_line(writer.stdout) for writer in writers] == ["ok"] * WRITERS
    expected = {f"p{n}-{k}" for n in range(WRITERS) for k in range(TOKENS)}
    assert names(open_vault(home)) == expected
    assert open_vault(home).snapshot().warnings == ()
    assert leftovers(home / "data") == []


def test_what_was_acknowledged_survives_kill_9(home: Path) -> None:
    make_vault(home)
    acknowledged: set[str] = set()
    for attempt in range(5):
        with start(home, "add-many", f"k{attempt}", "1000") as writer:
            before = len(names(open_vault(home)))
            while len(names(open_vault(home))) < before + 1 + attempt % 3:
                assert writer.poll() is None
            acknowledged |= names(open_vault(home))
            os.kill(writer.pid, signal.SIGKILL)
        assert names(open_vault(home)) >= acknowledged
    add(open_vault(home), "after")
    assert open_vault(home).snapshot().warnings == ()


def test_of_two_that_make_a_vault_one_wins(home: Path) -> None:
    with ExitStack() as stack:
        makers = [stack.enter_context(start(home, "create")) for _ in range(4)]
        printed = sorted(read_line(maker.stdout) for maker in makers)
    assert printed.pop(0) == "ok"
    assert all(line.startswith("vault_exists: there is a vault already") for line in printed)
    assert names(open_vault(home)) == set()


def test_a_lock_is_freed_by_the_death_of_its_holder(home: Path) -> None:
    make_vault(home)
    with start(home, "hold") as holder:
        assert read_line(holder.stdout) == "held"
        with start(home, "add", "waiting") as waiting:
            assert names(open_vault(home)) == set()  # reading waits for nobody
            assert waiting.poll() is None
            holder.kill()
            assert read_line(waiting.stdout) == "ok"
    assert names(open_vault(home)) == {"waiting"}
    assert (home / "data" / "vault.lock").exists()


def test_a_reader_keeps_what_it_saw(home: Path) -> None:
    make_vault(home, "one")
    reader = open_vault(home)
    (token,) = reader.snapshot().tokens
    assert drive(home, "add", "one", "changed") == (0, "ok")
    address = find_address(token)
    assert reader.reveal([address]) == {address: "one"}  # of the state the snapshot showed
    (renewed,) = reader.snapshot().tokens
    assert reader.reveal([find_address(renewed)]) == {find_address(renewed): "changed"}
