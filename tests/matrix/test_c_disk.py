"""Rows C05 to C07, C10 and C19: disks that are full or read-only, and signals while saving."""

from __future__ import annotations

import functools
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.cli.harness import PROGRAM, program
from tests.matrix.common import CANARY, PASSPHRASE, call, get, home, make_home, start, vault_path
from tests.matrix.elsewhere import shell
from tests.matrix.faults import Call, find_points, trace, typed
from tests.matrix.sweep import contents, find_leftovers, go_on
from tests.requirements import require_program
from tests.stores.places import make_vault, vault_file
from tests.stores.test_filesystems import in_a_small_world

ADD = typed("add", "new", stdin=b"new")


@functools.cache
def find_usual_points() -> list[Call]:
    """Found once: the same command makes the same calls in each home."""
    with tempfile.TemporaryDirectory() as place:
        home = Path(place) / "usual"
        make_vault(home, "old")
        return find_points(trace(home, ADD))


def fail_at(tmp_path: Path, name: str, target: str, error: str) -> str:
    """``credman add`` with one call failing; the vault stays as it was, and works.

    Returns:
        The error.
    """
    point = next(p for p in find_usual_points() if p.name == name and target in p.target)
    place = tmp_path / "place"
    make_vault(place, "old")
    before = vault_file(place).read_bytes()
    failed = trace(place, ADD, inject=f"{name}:error={error}:when={point.count}")
    assert (failed.exit_code, len(failed.injected)) == (6, 1)
    assert failed.injected[0].target == point.target
    assert vault_file(place).read_bytes() == before
    assert find_leftovers(place) == []
    go_on(place)
    lines = failed.printed.replace(str(vault_file(place).parent), "DATA").splitlines()
    return next(line for line in lines if line.startswith("credman: error: "))


@pytest.mark.parametrize(
    ("error", "reason"),
    [("ENOSPC", "no space left on device"), ("EDQUOT", "disk quota exceeded")],
)
@pytest.mark.parametrize("name", ["openat", "write", "fsync", "linkat", "rename"])
def test_c05_a_full_disk_or_quota_leaves_the_old_vault(
    tmp_path: Path, name: str, error: str, reason: str
) -> None:
    said = fail_at(tmp_path, name, "/data/.vault.age.", error)
    written = "vault.age.bak" if name in ("linkat", "rename") else "vault.age"
    assert said == f"credman: error: cannot write DATA/{written}: {reason}"


def test_c06_where_nothing_can_be_written_the_lock_is_refused_first(tmp_path: Path) -> None:
    said = fail_at(tmp_path, "openat", "/data/vault.lock", "EROFS")
    assert said == "credman: error: cannot lock DATA/vault.lock: read-only file system"


def line(place: Path, *argv: str, stdin: str = "value") -> str:
    environ = f"CREDMAN_HOME={place} CREDMAN_PASSPHRASE={shlex.quote(PASSPHRASE)}"
    command = shlex.join([sys.executable, "-m", "credman", *argv])
    return f"printf %s {shlex.quote(stdin)} | {environ} {command} 2>&1; echo code=$?"


def test_c05_a_disk_that_is_really_full(tmp_path: Path) -> None:
    place = tmp_path / "place"
    printed = in_a_small_world(
        "96k",
        place,
        line(place, "add", "old"),
        f"sum=$(md5sum < {vault_file(place)})",
        line(place, "add", "huge", stdin="x" * 90_000),
        f'test "$sum" = "$(md5sum < {vault_file(place)})" && echo same',
        line(place, "get", "old"),
        f"ls -A {place}/data",
        line(place, "add", "small"),
    )
    assert f"credman: error: cannot write {vault_file(place)}: no space left on device" in printed
    assert "code=6" in printed and "same" in printed and "valuecode=0" in printed
    assert not [name for name in printed if name.endswith(".tmp")]
    assert printed[-1] == "code=0"


def test_c06_a_disk_that_is_really_read_only_can_be_read(tmp_path: Path) -> None:
    place = tmp_path / "place"
    reading = ("get old", "list", "show old", "env --shell posix", "exec -- printenv OLD")
    printed = in_a_small_world(
        "1m",
        place,
        line(place, "add", "old"),
        f"mount -o remount,ro {place}",
        "echo from here",
        *(line(place, *argv.split()) for argv in reading),
        line(place, "add", "new"),
        line(place, "remove", "old", "--yes"),
        line(place, "get", "old"),
    )
    printed = printed[printed.index("from here") + 1 :]
    codes = [text.rpartition("code=")[2] for text in printed if "code=" in text]
    assert codes == ["0"] * len(reading) + ["6", "6", "0"], printed
    refused = f"credman: error: cannot lock {place}/data/vault.lock: read-only file system"
    assert printed.count(refused) == 2


def test_c07_a_limit_on_the_size_of_files_is_an_error_not_a_death() -> None:
    make_home()
    before = vault_path().read_bytes()
    codes = []
    for blocks in (0, 1, 4, 8, 9, 20):  # of 512 bytes; the file stops where the limit is
        done = shell(f'ulimit -f {blocks}; exec "$@"', "add", f"new-{blocks}", stdin=b"value")
        codes.append(done.returncode)
        if done.returncode:
            assert vault_path().read_bytes() == before
            said = f"credman: error: cannot write {vault_path()}: file too large"
            assert said in done.stderr.decode().splitlines()
        assert find_leftovers(home()) == []
        assert get() == CANARY.encode()
    assert codes == [6] * 4 + [0] * 2


@pytest.mark.parametrize(
    ("number", "fsync"),
    [
        (signal.SIGTERM, 1),
        (signal.SIGINT, 1),
        (signal.SIGHUP, 2),
        pytest.param(signal.SIGHUP, 1, marks=pytest.mark.deep),
        pytest.param(signal.SIGTERM, 2, marks=pytest.mark.deep),
        pytest.param(signal.SIGINT, 2, marks=pytest.mark.deep),
    ],
)
def test_c10_a_signal_while_saving_leaves_no_half(number: signal.Signals, fsync: int) -> None:
    """Args: fsync: in which one: 1 is before the rename, 2 is after it."""
    pgrep = require_program("pgrep")
    before = make_home().read_bytes()
    delay = f"inject=fsync:delay_enter=800000:when={fsync}"
    command = [require_program("strace"), "-f", "-qq", "-o", os.devnull, "-e", "trace=fsync"]
    with subprocess.Popen(
        [*command, "-e", delay, *PROGRAM, "add", "new"],
        env={**os.environ, "CREDMAN_PASSPHRASE": PASSPHRASE},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(b"value")
        process.stdin.close()
        process.stdin = None
        while not find_leftovers(home()) if fsync == 1 else vault_path().read_bytes() == before:
            assert process.poll() is None
            time.sleep(0.005)
        children = subprocess.run([pgrep, "-P", str(process.pid)], capture_output=True, check=True)
        os.kill(int(children.stdout.split()[0]), number)
        _, said = process.communicate(timeout=30)
    assert process.returncode in (128 + number, -number), said
    assert b"Traceback" not in said
    assert (vault_path().read_bytes() == before) == (fsync == 1)
    assert find_leftovers(home()) == []
    assert start("add", "next", stdin=b"value").returncode == 0
    assert ("new" in call("list").text) == (fsync == 2)


def test_c19_temporary_files_are_beside_the_vault_not_elsewhere(tmp_path: Path) -> None:
    place, elsewhere = tmp_path / "place", tmp_path / "elsewhere"
    make_vault(place, "old")
    elsewhere.mkdir()
    action = typed("add", "new", stdin=b"new")
    given = {name: str(elsewhere) for name in ("TMPDIR", "TMP", "TEMP")}
    moved = type(action)(
        action.name, action.argv, lambda h: {**action.environ(h), **given}, action.stdin
    )
    traced = trace(place, moved)
    assert traced.exit_code == 0
    assert not [call for call in traced.calls[1:] if str(elsewhere) in call.arguments]
    renamed = [call.target.split() for call in traced.calls if call.name.startswith("rename")]
    assert len(renamed) == 4  # the copy before, the vault, what was last seen, the names
    assert all(os.path.dirname(a) == os.path.dirname(b) for a, b in renamed)
    assert contents(place) == {"old": "old", "new": "new"}


def test_c19_a_home_on_another_file_system_than_the_temporary_one(tmp_path: Path) -> None:
    other = "/dev/shm"
    environ = {"TMPDIR": other if os.path.isdir(other) else "/nowhere"}
    make_home()
    assert program("add", "new", stdin=b"value", environ=environ, passphrase=PASSPHRASE
                   ).returncode == 0  # fmt: skip
    assert start("get", "new", environ={"TMPDIR": "/nowhere"}, may_print=True).stdout == b"value"
