"""How long a value may be for the system, and what an execution shows of its values."""

from __future__ import annotations

import os
import subprocess

from credman.output.process import MAX_STRING_BYTES
from tests.cli.harness import PASSPHRASE, PROGRAM, credman, make_value, make_vault, program

HF = make_value()


def add(name: str, variable: str, value: bytes) -> None:
    outcome = credman("add", name, "--var", variable, stdin=value + b"\n")
    assert outcome.exit_code == 0, outcome.stderr


def test_longest_value_that_the_system_takes_arrives() -> None:
    size = MAX_STRING_BYTES - len("BIG=") - 1
    add("big", "BIG", b"x" * size)
    done = program("exec", "--", "sh", "-c", "printf %s ${#BIG}")
    assert (done.stdout, done.returncode) == (str(size).encode(), 0)


def test_longer_value_is_an_error_that_names_the_variable() -> None:
    add("big", "BIG", b"x" * (MAX_STRING_BYTES - len("BIG=")))
    done = program("exec", "--", "true")
    assert done.returncode == 125
    assert b"the value of BIG is too long" in done.stderr
    assert b"--only with the others leaves it out, credman get prints it" in done.stderr
    assert b"xxxx" not in done.stderr
    assert program("exec", "--only", "nothing", "--", "true").returncode == 125


def test_values_that_are_too_much_together_are_an_error() -> None:
    # Linux takes a quarter of the stack limit for arguments and environment.
    for number in range(3):
        add(f"big-{number}", f"BIG_{number}", b"x" * 100_000)
    script = f"ulimit -s 1024; exec {' '.join(PROGRAM)} exec -- true"
    environ = {**os.environ, "CREDMAN_PASSPHRASE": PASSPHRASE}
    done = subprocess.run(["sh", "-c", script], env=environ, capture_output=True, check=False)
    assert done.returncode == 126
    assert done.stderr == b"credman: error: the environment is too large for the system\n"


def test_inherited_entry_without_a_name_is_left_out() -> None:
    make_vault()
    environ = {**os.environ, "CREDMAN_PASSPHRASE": PASSPHRASE}
    command = ["env", "--", "=x=y", *PROGRAM, "exec", "--", "env", "-0"]
    done = subprocess.run(command, env=environ, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    entries = done.stdout.split(b"\0")
    assert f"HF_TOKEN={HF}".encode() in entries
    assert not any(entry.startswith(b"=") for entry in entries)


def test_execution_does_not_show_its_values() -> None:
    make_vault()
    execution = credman("exec", "--", "true").execution
    assert execution is not None
    assert execution.variables["HF_TOKEN"] == HF
    assert HF not in repr(execution)
