"""Rows C09 and C23 to C28: limits of a process, its streams, its death, and who holds the lock."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from credman.stores import disk
from tests.cli.harness import PROGRAM
from tests.matrix.common import (
    CANARY,
    PASSPHRASE,
    assert_hidden,
    call,
    get,
    home,
    make_home,
    start,
    vault_path,
)
from tests.matrix.elsewhere import shell
from tests.matrix.faults import trace, typed
from tests.matrix.sweep import age_leftovers, contents, find_leftovers
from tests.stores import driver
from tests.stores.driver import read_line
from tests.stores.places import add, make_vault, open_vault

CLOSING = ("<&-", ">&-", "2>&-")
COMBINATIONS = [[text for bit, text in enumerate(CLOSING) if n >> bit & 1] for n in range(1, 8)]


@pytest.mark.parametrize("kills", [10, pytest.param(100, marks=pytest.mark.deep)])
def test_c09_what_was_acknowledged_is_there_after_many_a_kill_9(tmp_path: Path, kills: int) -> None:
    make_vault(tmp_path)
    chance = random.Random(kills)
    acknowledged: set[str] = set()
    with ExitStack() as stack:
        names = (f"w{number}" for number in range(kills + 8))

        def begin() -> subprocess.Popen[str]:
            return stack.enter_context(driver.start(tmp_path, "add-telling", next(names)))

        writers = [begin() for _ in range(8)]
        for _ in range(kills):
            writer = writers.pop(chance.randrange(8))
            acknowledged |= {read_line(writer.stdout) for _ in range(chance.randrange(3))}
            time.sleep(chance.random() / 20)
            writer.kill()
            acknowledged |= set((writer.communicate()[0] or "").splitlines())
            writers.append(begin())
        for writer in writers:
            writer.kill()
            acknowledged |= set((writer.communicate()[0] or "").splitlines())
    assert len(acknowledged) > kills / 2
    found = contents(tmp_path)
    assert found is not None and acknowledged <= found.keys()
    assert all(name == value for name, value in found.items())
    age_leftovers(tmp_path)
    add(open_vault(tmp_path), "after")
    assert contents(tmp_path) == {**found, "after": "after"}
    assert find_leftovers(tmp_path) == []


def test_c23_without_free_descriptors_the_vault_stays_whole() -> None:
    make_home()
    kept = {"canary"}
    for limit in range(3, 12):  # with very few the interpreter does not begin
        name = f"n{limit}"
        done = subprocess.run(
            ["sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh", *PROGRAM, "add", name],
            env={**os.environ, "CREDMAN_PASSPHRASE": PASSPHRASE},
            input=b"value",
            capture_output=True,
            check=False,
        )
        if b"Fatal Python error" in done.stderr:  # its own start-up, and its own traceback
            continue
        assert_hidden(done.stdout, done.stderr)
        if done.returncode == 0:
            kept.add(name)
        elif done.stderr.startswith(b"credman: ") or b"credman: error: " in done.stderr:
            assert done.returncode == 6 and b"too many open files" in done.stderr
            assert b"unexpected" not in done.stderr
        assert {t.split()[0] for t in call("list").text.splitlines()} >= kept
        assert find_leftovers(home()) == []
    assert len(kept) > 2  # that each call may fail for want of a descriptor: row C02
    assert get() == CANARY.encode()


@pytest.mark.parametrize("command", ["init", "add new", "list"])
def test_c24_less_memory_than_the_passphrase_takes_is_a_sentence(command: str) -> None:
    def run(kilobytes: int) -> subprocess.CompletedProcess[bytes]:
        return shell(f'ulimit -v {kilobytes}; exec "$@"', *command.split(), stdin=b"value")

    if command != "init":
        assert start("init").returncode == 0  # the real cost: what a test makes itself is cheap
    before = vault_path().read_bytes() if vault_path().exists() else None
    done = run(100_000)
    assert done.returncode == 6, done.stderr
    said = b"credman: error: there is not enough memory: a passphrase takes 64 MiB"
    assert said in done.stderr.splitlines()
    assert (vault_path().read_bytes() if vault_path().exists() else None) == before
    assert find_leftovers(home()) == []
    assert run(400_000).returncode == 0


def test_c24_hardly_any_memory_harms_nothing() -> None:
    before = make_home().read_bytes()
    for kilobytes in (15_000, 20_000, 30_000, 40_000):  # with the least Python itself gives up
        # A library that gets no memory has been seen to abort, and to run on for ever.
        limits = f'ulimit -v {kilobytes}; ulimit -t 20; exec "$@"'
        done = subprocess.run(
            ["sh", "-c", limits, "sh", *PROGRAM, "add", "new"],
            env={**os.environ, "CREDMAN_PASSPHRASE": PASSPHRASE},
            input=CANARY.encode(),
            capture_output=True,
            check=False,
        )
        assert done.returncode
        assert CANARY.encode() not in done.stdout + done.stderr
        assert PASSPHRASE.encode() not in done.stdout + done.stderr
        assert vault_path().read_bytes() == before


@pytest.mark.parametrize("command", ["env", "get canary", "list", "show canary", "providers"])
@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        ('"$@" >&-', 1, b"standard output is closed"),
        ('"$@" >/dev/full', 1, b"cannot write the output: no space left on device"),
        ('( "$@"; echo $? >code ) | true; exit "$(cat code)"', 141, b""),
    ],
    ids=["closed", "full", "broken_pipe"],
)
def test_c25_output_that_is_lost_is_an_error(
    command: str, script: str, code: int, said: bytes
) -> None:
    make_home(seen=False)
    if code == 141:  # the reader must have gone before anything is written
        script = script.replace('"$@"', 'sleep 0.2; "$@"')
    done = shell(script, *command.split(), may_print=True)
    assert done.returncode == code, done.stderr
    assert said in done.stderr and b"unexpected" not in done.stderr
    assert bool(done.stderr) == bool(said)


@pytest.mark.parametrize("closed", COMBINATIONS, ids="".join)
def test_c26_no_file_gets_the_number_of_a_closed_stream(closed: list[str], tmp_path: Path) -> None:
    place = tmp_path / "place"
    make_vault(place, "old")
    action = typed("add", "new", "--replace", stdin=b"new")
    line = f'exec "$@" {" ".join(closed)}'  # an inner shell closes them: strace keeps its own
    inner = replace(action, argv=lambda home: ["sh", "-c", line, "sh", *action.argv(home)])
    traced = trace(place, inner, calls=("openat", "open"))
    opened = [c.result for c in traced.calls if c.target and c.result >= 0]
    assert opened and min(opened) > 2
    # Without an input there is no value; the other two are no reason not to store it.
    assert (traced.exit_code == 0) == ("<&-" not in closed)
    expected = {"old": "old"} if "<&-" in closed else {"old": "old", "new": "new"}
    assert contents(place) == expected


@pytest.mark.parametrize("closed", COMBINATIONS, ids="".join)
def test_c26_a_child_gets_closed_streams_and_no_file_of_ours(closed: list[str]) -> None:
    make_home(seen=False)
    report = Path.home() / "descriptors"
    script = f'exec "$@" {" ".join(closed)}'
    code = f"ls -l /proc/self/fd >{report} 2>/dev/null </dev/null"
    done = shell(script, "exec", "--", "sh", "-c", code)
    assert done.returncode == 0, done.stderr
    assert report.stat().st_size and str(home()) not in report.read_text()


def test_c27_a_lock_dies_with_its_holder() -> None:
    make_home()
    with driver.start(home(), "hold") as holder:
        assert read_line(holder.stdout) == "held"
        holder.kill()
        holder.wait()
        lock = vault_path().with_suffix(".lock")
        assert lock.read_text() == str(holder.pid)  # a number that is not there means nothing
        assert start("add", "new", stdin=b"value").returncode == 0
    lock.write_text("1")  # nor does one of a process that lives
    assert start("add", "another", stdin=b"value").returncode == 0


@pytest.mark.parametrize("command", ["add new", "remove canary --yes"])
def test_c28_a_stopped_holder_is_waited_for_so_long_and_named(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = make_home().read_bytes()
    monkeypatch.setattr(disk, "LOCK_WAIT_SECONDS", 0.3)
    with driver.start(home(), "hold") as holder:
        assert read_line(holder.stdout) == "held"
        os.kill(holder.pid, signal.SIGSTOP)
        outcome = call(*command.split(), stdin=b"value")
        assert outcome.exit_code == 6
        assert f"credman: error: the vault is locked by process {holder.pid}," in outcome.stderr
        assert "did not finish within 0.3 s" in outcome.stderr
        assert "credman: hint: nothing was changed; try again" in outcome.stderr
        assert vault_path().read_bytes() == before
        assert get() == CANARY.encode()  # reading waits for nobody
    assert call(*command.split(), stdin=b"value").exit_code == 0


@pytest.mark.deep
def test_c28_the_wait_of_the_program_itself_is_bounded() -> None:
    make_home()
    with driver.start(home(), "hold") as holder:
        assert read_line(holder.stdout) == "held"
        done = start("add", "new", stdin=b"value", passphrase=PASSPHRASE, timeout=60)
    assert done.returncode == 6
    assert b"which did not finish within 10 s" in done.stderr
