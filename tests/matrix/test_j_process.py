"""J10-J15: what the shell, the interpreter, a crash and odd surroundings make of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pexpect
import pytest

from tests.cli.harness import PROGRAM
from tests.matrix.common import (
    CANARY,
    PASSPHRASE,
    assert_as_before,
    assert_hidden,
    call,
    get,
    make_home,
    start,
)
from tests.requirements import require, require_program

CREDMAN = " ".join(PROGRAM)
UNLOCKED = {"CREDMAN_PASSPHRASE": PASSPHRASE}


def surroundings(**more: str) -> dict[str, str]:
    return {**os.environ, **UNLOCKED, **more}


def test_j10_nothing_that_is_pasted_at_a_prompt_gets_into_the_history(tmp_path: Path) -> None:
    before = make_home().read_bytes()
    history = tmp_path / "history"
    environ = surroundings(HISTFILE=str(history), PS1="ready> ", TERM="dumb")
    shell = pexpect.spawn(
        require_program("bash"), ["--norc", "-i"], env=environ, cwd=tmp_path, timeout=20
    )
    shell.expect_exact("ready> ")
    for pasted in (f"{CANARY}\n{CANARY}\n", f"{CANARY}\n" * 300, f"{CANARY}\x03"):
        shell.sendline(f"{CREDMAN} add second")
        shell.expect_exact("hidden): ")
        shell.send(pasted)
        shell.expect_exact("ready> ")
        assert_hidden(shell.before)
        time.sleep(0.1)
    shell.sendline("exit")
    shell.expect(pexpect.EOF)
    assert_hidden(shell.before)
    shell.close()
    assert f"{CREDMAN} add second" in history.read_text()
    assert_hidden(history.read_bytes())
    assert_as_before(before)


def test_j11_a_value_that_is_a_file_lies_on_no_disk(tmp_path: Path) -> None:
    strace, log, temporary = require_program("strace"), tmp_path / "trace", tmp_path / "tmp"
    key = json.dumps({"type": "service_account", "private_key": CANARY}, indent=1).encode()
    assert call("add", "gcp", "--no-check", stdin=key).exit_code == 0
    temporary.mkdir(mode=0o700)
    call("exec", "--", "true")  # what is noted once a day is noted now
    places = dict.fromkeys(("TMPDIR", "XDG_RUNTIME_DIR"), str(temporary))
    script = 'cat "$GOOGLE_APPLICATION_CREDENTIALS"; kill -9 $$'
    options = ("-f", "--seccomp-bpf", "-qq", "-e", "trace=open,openat,creat,memfd_create")
    done = subprocess.run(
        [strace, *options, "-o", log, *PROGRAM, "exec", "--", "sh", "-c", script],
        env=surroundings(PYTHONDONTWRITEBYTECODE="1", **places), capture_output=True, check=False,
    )  # fmt: skip
    assert done.stdout == key, done.stderr
    calls = log.read_text().splitlines()
    assert any('memfd_create("credman"' in line for line in calls)
    assert [line for line in calls if "O_CREAT" in line or "creat(" in line] == []
    assert list(temporary.iterdir()) == []  # nothing to sweep, though it was killed


def find_core_limit() -> bytes:
    """Returns: what credman has made of an unlimited size of core files."""
    crash = (
        f"grep 'core file' /proc/$PPID/limits >&2; printf {PASSPHRASE}; kill -ABRT $PPID; sleep 1"
    )
    done = subprocess.run(
        ["sh", "-c", f"ulimit -c unlimited 2>/dev/null; {CREDMAN} get canary"],
        env={**os.environ, "CREDMAN_PASSPHRASE_COMMAND": crash},
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode in (-6, 134)
    found = re.search(rb"Max core file size +([0-9]+) ", done.stderr)
    assert found, done.stderr
    return found[1]


def test_j12_a_crash_leaves_no_core_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_home()
    monkeypatch.chdir(tmp_path)
    assert int(find_core_limit()) < 4096
    assert [path for path in tmp_path.rglob("*core*") if path.is_file()] == []


def test_j13_a_crash_with_the_fault_handler_on_shows_no_value() -> None:
    make_home()
    crash = f"printf {PASSPHRASE}; kill -ABRT $PPID; sleep 1"
    environ = {"CREDMAN_PASSPHRASE_COMMAND": crash, "PYTHONFAULTHANDLER": "1"}
    done = start("add", "x", stdin=CANARY.encode(), environ=environ, passphrase=None)
    assert done.returncode == -6
    assert b"Fatal Python error: Aborted" in done.stderr  # names of functions, no locals
    assert b"core dumped" not in done.stderr


def test_j13_a_crash_reporter_is_given_no_core() -> None:
    # Where core_pattern is a pipe (apport, abrt, systemd-coredump) the kernel ignores the limit,
    # but for one value: 1 (fs/coredump.c, do_coredump).
    make_home()
    assert find_core_limit() == b"1"


HIJACKED = ("json", "typer", "re", "cryptography", "platformdirs", "credman", "sitecustomize",
            "usercustomize", "rich", "secrets")  # fmt: skip


def test_j14_no_module_in_the_current_directory_is_imported(tmp_path: Path) -> None:
    make_home()
    script = Path(sys.executable).parent / "credman"
    require(script.exists(), "credman is not installed as a program")
    trap = f"open({str(tmp_path / 'PWNED')!r}, 'w').close()\n"
    for name in HIJACKED:
        (tmp_path / f"{name}.py").write_text(trap)
    control = subprocess.run([sys.executable, "-c", "import secrets"], cwd=tmp_path, check=True)
    assert control.returncode == 0 and (tmp_path / "PWNED").exists()  # the trap works
    (tmp_path / "PWNED").unlink()
    for argv in (["list"], ["get", "canary"], ["env"], ["exec", "--", "true"], ["use"]):
        done = subprocess.run(
            [script, *argv], env=surroundings(), cwd=tmp_path, capture_output=True, check=False
        )
        assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr
    assert not (tmp_path / "PWNED").exists()


ODD = {
    "plain": {"TERM": "dumb", "NO_COLOR": "1", "FORCE_COLOR": "1", "COLUMNS": "1", "LINES": "1"},
    "nonsense": {"COLUMNS": "-5", "TERM": "\x1b", "LANG": "xx_YY.nosuch"},
    "ASCII": {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0",
              "PYTHONIOENCODING": "ascii"},
}  # fmt: skip
COMMANDS = (["env"], ["get", "snow"], ["list"], ["show", "snow"])


@pytest.mark.parametrize("kind", ODD)
def test_j15_odd_surroundings_change_no_byte_of_the_output(kind: str) -> None:
    make_home()
    value = "☃ é\x1b[2J".encode() + b"\xff"
    call("add", "snow", "--note", "☃ é", stdin=value)
    for argv in COMMANDS:
        usual = call(*argv, may_print=True)
        done = start(*argv, environ=ODD[kind], may_print=True)
        assert (done.returncode, done.stdout) == (0, usual.stdout), argv
        assert done.stderr.decode() == usual.stderr
    done = start("add", "é", stdin=b"EXAMPLE", environ=ODD[kind])
    assert done.returncode == 2 and done.stderr.startswith(b"credman: error: ")
    assert get("snow") == value
