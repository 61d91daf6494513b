"""Rows D: several processes at one vault. What was acknowledged stays; nobody sees a half."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from credman.core.config import Config
from credman.core.errors import CredmanError, RolledBack
from credman.core.model import Field
from credman.core.scope import Selection
from credman.core.secret import Secret
from credman.session import Session
from credman.stores.additions import NewToken
from tests.cli.harness import PROGRAM
from tests.matrix.common import CANARY, PASSPHRASE, call, get, home, make_home, start
from tests.matrix.faults import copy_home, driven, trace
from tests.matrix.rivals import Rival, orders
from tests.matrix.sweep import contents, find_leftovers
from tests.requirements import require_program
from tests.stores import driver
from tests.stores.driver import drive, read_line
from tests.stores.places import add, make_vault, names, open_vault, vault_file

WRITERS = 8


@contextmanager
def begun(*argv: str, stdin: bytes = b"value") -> Iterator[subprocess.Popen[bytes]]:
    """The real program, begun in this test's home."""
    with subprocess.Popen(
        [*PROGRAM, *argv],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "CREDMAN_PASSPHRASE": PASSPHRASE},
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(stdin)
        process.stdin.close()
        process.stdin = None
        yield process


@pytest.mark.parametrize("tokens", [8, pytest.param(25, marks=pytest.mark.deep)])
def test_d01_eight_processes_with_some_tokens_each_lose_none(tmp_path: Path, tokens: int) -> None:
    make_vault(tmp_path)
    with ExitStack() as stack:
        writers = [
            stack.enter_context(driver.start(tmp_path, "add-many", f"p{n}", str(tokens)))
            for n in range(WRITERS)
        ]
        assert [read_line(writer.stdout) for writer in writers] == ["ok"] * WRITERS
    expected = {f"p{n}-{k}" for n in range(WRITERS) for k in range(tokens)}
    assert contents(tmp_path) == {name: name for name in expected}
    assert len(expected) == WRITERS * tokens
    assert find_leftovers(tmp_path) == []


def test_d01_eight_commands_at_once_are_all_stored() -> None:
    make_home()
    with ExitStack() as stack:
        writers = [stack.enter_context(begun("add", f"w{n}")) for n in range(WRITERS)]
        said = [writer.communicate(timeout=60)[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * WRITERS, said
    listed = call("list").text
    assert all(f"w{n}" in listed for n in range(WRITERS)) and "canary" in listed


@settings(max_examples=14, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    is_there=st.booleans(),
    actions=st.lists(st.sampled_from(["add", "replace", "remove"]), min_size=2, max_size=4),
)
def test_d03_some_order_explains_what_came_of_adding_replacing_and_removing(
    tmp_path_factory: pytest.TempPathFactory, is_there: bool, actions: list[str]
) -> None:
    place = tmp_path_factory.mktemp("place")
    make_vault(place, *(["name"] if is_there else []))
    rivals = [Rival(place, action, f"value-{n}") for n, action in enumerate(actions)]
    ready = threading.Barrier(len(rivals))

    def act(rival: Rival) -> str:
        ready.wait()
        return rival.act()

    with ThreadPoolExecutor(len(rivals)) as pool:
        outcomes = list(pool.map(act, rivals))
    found = contents(place)
    assert found is not None
    said = [(r.action, r.value, o) for r, o in zip(rivals, outcomes, strict=True)]
    possible = {value for _, value in orders("name" if is_there else None, said)}
    assert found.get("name") in possible, (said, found)


def test_d03_the_order_that_explains_is_really_looked_for() -> None:
    both_added = [("add", "a", "done"), ("add", "b", "done")]
    assert not list(orders(None, both_added))
    assert {v for _, v in orders(None, [("add", "a", "done"), ("add", "b", "taken")])} == {"a"}


def test_d04_readers_beside_writers_see_nothing_half(tmp_path: Path) -> None:
    reader = make_vault(tmp_path, "constant")
    rounds = 0
    with ExitStack() as stack:
        writers = [
            stack.enter_context(driver.start(tmp_path, "add-many", f"p{n}", "15")) for n in range(3)
        ]
        seen = {"constant"}
        while any(writer.poll() is None for writer in writers):
            found = names(reader)
            assert found >= seen
            state = contents(tmp_path)  # opened anew, with every value; raises if it is not whole
            assert state is not None and all(name == value for name, value in state.items())
            seen, rounds = found, rounds + 1
        assert [read_line(writer.stdout) for writer in writers] == ["ok"] * 3
    assert rounds > 3
    assert len(names(reader)) == 46


def test_d04_commands_that_read_beside_one_that_writes() -> None:
    make_home()
    with ExitStack() as stack:
        writers = [stack.enter_context(begun("add", f"w{n}")) for n in range(4)]
        rounds = 0
        while any(writer.poll() is None for writer in writers) or not rounds:
            done = start("get", "canary", may_print=True)
            assert (done.returncode, done.stdout, done.stderr) == (0, CANARY.encode(), b"")
            rounds += 1
        assert [writer.wait() for writer in writers] == [0] * 4


@pytest.mark.parametrize("fsync", [1, 2, 3, 4])
def test_d05_a_slow_writer_and_a_quick_one_lose_nothing(tmp_path: Path, fsync: int) -> None:
    require_program("strace")
    make_vault(tmp_path / "place", "old")
    slow = f"fsync:delay_enter=500000:when={fsync}"
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(trace, tmp_path / "place", driven("add", "slow"), inject=slow)
        lock = vault_file(tmp_path / "place").with_suffix(".lock")
        former = lock.read_bytes()
        while lock.read_bytes() in (former, b""):  # who has it notes its process id in it
            time.sleep(0.005)
        assert drive(tmp_path / "place", "add", "quick") == (0, "ok")
        assert first.result().printed == "ok"
    expected = {"old", "slow", "quick"}
    assert contents(tmp_path / "place") == {name: name for name in expected}


def test_d06_of_two_init_at_once_one_wins_and_the_others_are_told() -> None:
    with ExitStack() as stack:
        makers = [stack.enter_context(begun("init")) for _ in range(4)]
        said = [maker.communicate(timeout=60)[1].decode() for maker in makers]
    codes = [maker.returncode for maker in makers]
    assert sorted(codes) == [0, 7, 7, 7], said
    for code, text in zip(codes, said, strict=True):
        assert ("credman: error: there is a vault already: " in text) == (code == 7)
    assert call("list").exit_code == 0
    assert find_leftovers(home()) == []


def make_copies(tmp_path: Path) -> tuple[Path, Path]:
    """Returns: a home at its third generation, and a copy of it."""
    make_vault(tmp_path / "place", "one", "two")
    return tmp_path / "place", copy_home(tmp_path / "place", tmp_path / "copy")


def test_d08_a_newer_vault_put_there_between_reading_and_saving_is_read_again(
    tmp_path: Path,
) -> None:
    place, copy = make_copies(tmp_path)
    add(open_vault(copy), "meanwhile")
    session = Session(open_vault(place), Config(), Selection())
    session.snapshot()
    os.replace(vault_file(copy), vault_file(place))
    session.add(NewToken("new", (Field("NEW", ("NEW",)),)), {"NEW": Secret("new")})
    assert contents(place) == {name: name for name in ("one", "two", "meanwhile", "new")}


def put_older(place: Path) -> None:
    shutil.copy(vault_file(place).with_name("vault.age.bak"), vault_file(place))


def put_foreign(place: Path) -> None:
    make_vault(place.with_name("foreign"), "foreign")
    shutil.copy(vault_file(place.with_name("foreign")), vault_file(place))


def put_garbage(place: Path) -> None:
    vault_file(place).write_bytes(b"garbage")


def put_nothing(place: Path) -> None:
    vault_file(place).unlink()


@pytest.mark.parametrize("put", [put_older, put_foreign, put_garbage, put_nothing])
def test_d08_anything_else_put_there_between_reading_and_saving_is_refused(
    tmp_path: Path, put: Callable[[Path], object]
) -> None:
    place, _ = make_copies(tmp_path)
    session = Session(open_vault(place), Config(), Selection())
    session.snapshot()
    put(place)
    before = vault_file(place).read_bytes() if vault_file(place).exists() else None
    with pytest.raises(CredmanError) as caught:
        session.add(NewToken("new", (Field("NEW", ("NEW",)),)), {"NEW": Secret("new")})
    assert isinstance(caught.value, RolledBack) or put is not put_older
    assert (vault_file(place).read_bytes() if vault_file(place).exists() else None) == before
    assert find_leftovers(place) == []


def test_d10_a_command_gets_values_of_one_version_while_another_replaces_them() -> None:
    make_home()

    def pair(number: int) -> bytes:
        return f"PAIR_ID=id-{number:04}\nPAIR_KEY=key-{number:04}\n".encode()

    fields = ("pair", "--field", "PAIR_ID", "--field", "PAIR_KEY")
    assert start("add", *fields, stdin=pair(0)).returncode == 0
    stop = threading.Event()
    replaced: list[int] = []

    def go_on_replacing() -> None:
        for number in itertools.count(1):
            if stop.is_set():
                return
            outcome = start("add", *fields, "--replace", stdin=pair(number))
            assert outcome.returncode == 0, outcome.stderr
            replaced.append(number)

    seen: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        replacing = pool.submit(go_on_replacing)
        try:
            while len(seen) < 8 or len(replaced) < 4:
                assert not replacing.done(), replacing.result()
                done = start("exec", "--", "sh", "-c", 'printf %s "$PAIR_ID $PAIR_KEY"')
                assert done.returncode == 0, done.stderr
                seen.append(done.stdout.decode())
        finally:
            stop.set()
        replacing.result()
    for both in seen:
        identity, key = both.split()
        assert identity.removeprefix("id-") == key.removeprefix("key-")
    assert len(set(seen)) > 1
    assert get() == CANARY.encode()
