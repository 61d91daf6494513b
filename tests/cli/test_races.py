"""Several people and scripts at once, through the real program: nothing is lost, nobody is told
something untrue."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.harness import PASSPHRASE, PROGRAM, credman, make_vault, program
from tests.cli.person import person
from tests.requirements import require_program

WRITERS = 8


def start(*argv: str, stdin: bytes) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [*PROGRAM, *argv],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "CREDMAN_PASSPHRASE": PASSPHRASE},
        start_new_session=True,
    )
    assert process.stdin is not None
    process.stdin.write(stdin)
    process.stdin.close()
    process.stdin = None
    return process


def names() -> set[str]:
    listed = json.loads(credman("list", "--json").text)
    return {token["name"] for token in listed["tokens"]}


def add_all_at_once() -> list[tuple[int, str]]:
    processes = [start("add", f"t{n}", stdin=b"value") for n in range(WRITERS)]
    errors = [process.communicate()[1].decode() for process in processes]
    return [(p.returncode, error) for p, error in zip(processes, errors, strict=True)]


def test_writers_at_once_lose_nothing_and_are_warned_of_nothing() -> None:
    make_vault()
    before = names()
    for code, error in add_all_at_once():
        assert code == 0 and "warning" not in error, error
    assert names() - before == {f"t{n}" for n in range(WRITERS)}


def test_of_first_adds_at_once_each_is_stored() -> None:
    outcomes = add_all_at_once()
    assert [code for code, _ in outcomes] == [0] * WRITERS, outcomes
    assert names() == {f"t{n}" for n in range(WRITERS)}
    assert sum("vault made" in error for _, error in outcomes) == 1


def test_a_reader_beside_writers_is_warned_of_nothing() -> None:
    make_vault()
    writers = [start("add", f"t{n}", stdin=b"value") for n in range(4)]
    while any(writer.poll() is None for writer in writers):
        seen = program("list")
        assert seen.returncode == 0 and b"warning" not in seen.stderr, seen.stderr
    assert [writer.communicate() and writer.returncode for writer in writers] == [0] * 4


def test_what_is_written_while_a_person_types_the_passphrase_counts() -> None:
    make_vault()
    with person("list") as who:
        who.is_asked("passphrase: ")
        assert program("add", "meanwhile", stdin=b"value").returncode == 0
        who.types(f"{PASSPHRASE}\r")
        assert who.leaves() == 0
    assert "meanwhile" in who.screen and "warning" not in who.screen


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_recovery_key_of_a_vault_that_was_made_stays(number: int, tmp_path: Path) -> None:
    require_program("strace")
    pgrep = require_program("pgrep")
    key = tmp_path / "recovery.key"
    vault = Path(os.environ["CREDMAN_HOME"]) / "data" / "vault.age"
    vault.parent.mkdir(mode=0o700, parents=True)
    delay = "inject=fsync:delay_enter=1000000:when=4"  # the directory's, after the rename
    command = ["strace", "-f", "-qq", "-o", os.devnull, "-e", "trace=fsync", "-e", delay]
    process = subprocess.Popen(
        [*command, *PROGRAM, "init", "--recovery-file", str(key)],
        env={**os.environ, "CREDMAN_PASSPHRASE": PASSPHRASE},
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    while not vault.exists():
        assert process.poll() is None
        time.sleep(0.01)
    children = subprocess.run([pgrep, "-P", str(process.pid)], capture_output=True, check=True)
    os.kill(int(children.stdout.split()[0]), number)
    process.communicate(timeout=30)
    recovery = key.read_text().splitlines()[-1]
    assert credman("list", answers=[recovery], passphrase=None).exit_code == 0
