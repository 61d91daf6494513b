"""``exec``: the command is given its values and everything of its caller's but what opens the
vault, and its exit code is the one that a shell would see."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.cli.harness import PASSPHRASE, PROGRAM, credman, make_value, make_vault, program
from tests.cli.person import person
from tests.output.child import REPORTER, Seen, parse_report
from tests.requirements import require_program

HF = make_value()
CREDMAN = " ".join(PROGRAM)


def add(name: str, variable: str, value: bytes) -> None:
    outcome = credman("add", name, "--var", variable, stdin=value + b"\n")
    assert outcome.exit_code == 0, outcome.stderr


def look(
    *argv: bytes,
    options: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    descriptors: Sequence[int] = (),
) -> Seen:
    """Returns: what a command run by ``credman exec`` sees. Args: argv: its arguments."""
    done = subprocess.run(
        [*PROGRAM, "exec", *options, "--", *REPORTER, *argv],
        capture_output=True,
        check=True,
        timeout=60,
        env=surroundings(environ),
        pass_fds=descriptors,
    )
    return parse_report(done.stdout)


def surroundings(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    return {**os.environ, "CREDMAN_PASSPHRASE": PASSPHRASE, **(environ or {})}


def status_in_shell(script: str, environ: Mapping[str, str] | None = None) -> tuple[int, bytes]:
    """Returns: ``$?`` after the last command of a script, and what was said."""
    done = subprocess.run(
        ["sh", "-c", f"{script}; echo $?"],
        capture_output=True,
        env=surroundings(environ),
        timeout=60,
        check=True,
    )
    return int(done.stdout.split()[-1]), done.stderr


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("true", 0),
        ("sh -c 'exit 3'", 3),
        ("sh -c 'exit 125'", 125),
        ("sh -c 'kill -TERM $$'", 128 + signal.SIGTERM),
        ("sh -c 'kill -KILL $$'", 128 + signal.SIGKILL),
        ("sh -c 'kill -PIPE $$'", 128 + signal.SIGPIPE),
        ("nosuch-command", 127),
        ("./nosuch", 127),
        ("/etc/passwd/x", 127),
        ("''", 127),
        ("/etc/passwd", 126),
        ("/etc", 126),
        ("./script", 126),
    ],
)
def test_exit_code_is_what_a_shell_would_see(command: str, code: int, tmp_path: Path) -> None:
    make_vault()
    script = tmp_path / "script"
    script.write_text("exit 0\n")  # no "#!": a shell would read it itself, execve does not
    script.chmod(0o700)
    got, said = status_in_shell(f"cd {tmp_path}; {CREDMAN} exec -- {command}")
    assert got == code, said
    assert HF.encode() not in said
    if code in (126, 127):
        assert said.startswith(b"credman: error: ") and said.count(b"\n") == 1


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [
        ("-- true", {"CREDMAN_PASSPHRASE": "another one entirely"}),
        ("-- true", {"CREDMAN_PASSPHRASE": ""}),
        ("-- true", {"CREDMAN_STORE": "nosuch:x"}),
        ("-- true", {"CREDMAN_ENV": "nosuch"}),
        ("prdo -- true", {}),
        ("prod -e dev -- true", {}),
        ("--only nosuch -- true", {}),
        ("--nosuch -- true", {}),
        ("prod", {}),
        ("prod true", {}),
        ("prod --", {}),
        ("-e -- true", {}),
        ("--passphrase-fd 77 -- true", {}),
    ],
)
def test_failure_of_credmans_own_is_125(arguments: str, environ: dict[str, str]) -> None:
    make_vault()
    code, said = status_in_shell(f"{CREDMAN} exec {arguments}", environ)
    assert code == 125
    assert said.startswith(b"credman: error: ")


def test_no_vault_and_a_damaged_one_are_125() -> None:
    assert status_in_shell(f"{CREDMAN} exec elsewhere -- true")[0] == 125
    make_vault()
    vault = Path(os.environ["CREDMAN_HOME"]) / "data" / "vault.age"
    vault.write_bytes(vault.read_bytes()[:-20])
    assert status_in_shell(f"{CREDMAN} exec -- true")[0] == 125


def test_help_is_shown_only_before_the_dashes() -> None:
    make_vault()
    assert b"Usage: credman exec" in program("exec", "--help").stdout
    done = program("exec", "--", "sh", "-c", 'echo "$1"', "sh", "--help")
    assert done.stdout == b"--help\n"


def test_arguments_after_the_first_dashes_arrive_as_they_are() -> None:
    make_vault()
    arguments = [b"--", b"--help", b"", b"-e", b"prod", b"--", b"\xff\xfe", b"a\nb", b"*", b"'"]
    assert look(*arguments).argv == arguments


def test_values_arrive_byte_for_byte() -> None:
    values = {"BINARY": bytes(range(1, 256)), "ENDS": b"\n x \n\n", "TEXT": "é☃".encode()}
    for name, value in values.items():
        add(name.lower(), name, value)
    poor = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for locale in ({}, poor):
        environ = look(environ=locale).environ
        assert {name: environ[name] for name in values} == values


def test_value_of_the_store_counts_over_the_callers() -> None:
    make_vault()
    environ = look(environ={"HF_TOKEN": "of the caller", "OTHER": "kept"}).environ
    assert environ["HF_TOKEN"] == HF.encode()
    assert environ["OTHER"] == b"kept"


def test_only_some_are_given() -> None:
    make_vault()
    add("more", "MORE", b"EXAMPLE")
    environ = look(options=["--only", "more"]).environ
    assert "MORE" in environ and "HF_TOKEN" not in environ


def test_what_opens_the_vault_is_not_handed_on(tmp_path: Path) -> None:
    make_vault()
    unset = {"CREDMAN_PASSPHRASE": ""}
    by_command = look(environ={**unset, "CREDMAN_PASSPHRASE_COMMAND": f"echo '{PASSPHRASE}'"})
    readable, writable = os.pipe()
    os.write(writable, PASSPHRASE.encode())
    os.close(writable)
    options = ["--passphrase-fd", str(readable)]
    by_descriptor = look(options=options, descriptors=[readable], environ=unset)
    os.close(readable)
    for seen in (look(), by_command, by_descriptor):
        assert not {"CREDMAN_PASSPHRASE", "CREDMAN_PASSPHRASE_COMMAND"} & seen.environ.keys()
        assert not any(PASSPHRASE.encode() in value for value in seen.environ.values())
        assert "CREDMAN_HOME" in seen.environ
        assert seen.descriptors == [0, 1, 2]


def test_other_descriptors_of_the_caller_are_handed_on(tmp_path: Path) -> None:
    make_vault()
    with (tmp_path / "kept").open("w") as kept:
        assert look(descriptors=[kept.fileno()]).descriptors == [0, 1, 2, kept.fileno()]


def test_closed_streams_stay_closed() -> None:
    make_vault()
    look_for = "for n in 0 1 2; do test -e /proc/self/fd/$n && echo $n; done; true"
    done = subprocess.run(
        ["sh", "-c", f"{CREDMAN} exec -- sh -c '{look_for}' <&- 2>&-"],
        capture_output=True,
        check=True,
        env=surroundings(),
    )
    # The shell opens /proc itself, and is given the lowest free number for it only while it looks.
    assert done.stdout == b"1\n"


def test_signals_and_limits_are_as_they_were() -> None:
    # Python ignores SIGPIPE, and credman forbids itself core dumps; neither is handed on.
    make_vault()
    command = "sh -c 'grep SigIgn /proc/self/status; ulimit -c'"
    seen = [
        subprocess.run(
            ["sh", "-c", f"ulimit -S -c 8; {prefix} {command}"],
            capture_output=True,
            check=True,
            env=surroundings(),
        ).stdout
        for prefix in (f"{CREDMAN} exec --", "exec")
    ]
    assert seen[0] == seen[1]
    ignored = int(seen[0].split()[1], 16)
    assert not ignored & (1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1)


def test_ignored_hangup_stays_ignored() -> None:
    make_vault()
    require_program("nohup")
    script = f"nohup {CREDMAN} exec -- grep SigIgn /proc/self/status"
    done = subprocess.run(["sh", "-c", script], capture_output=True, check=True, env=surroundings())
    assert int(done.stdout.split()[-1], 16) & 1 << signal.SIGHUP - 1


def test_standard_input_is_the_commands() -> None:
    make_vault()
    assert program("exec", "--", "cat", stdin=b"\0piped\xff").stdout == b"\0piped\xff"


def test_terminal_is_the_commands() -> None:
    make_vault()
    environ = {"CREDMAN_PASSPHRASE": PASSPHRASE}
    command = "test -t 0 && test -t 1 && test -t 2 && tty"
    with person("exec", "--", "sh", "-c", command, environ=environ) as somebody:
        assert somebody.leaves() == 0
        assert "/dev/pts/" in somebody.screen


def test_interrupt_goes_to_the_command() -> None:
    make_vault()
    command = "trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.05; done"
    environ = {"CREDMAN_PASSPHRASE": PASSPHRASE}
    with person("exec", "--", "sh", "-c", command, environ=environ) as somebody:
        somebody.sees("ready")
        somebody.types("\x03")
        somebody.sees("caught")
        assert somebody.leaves() == 9


def test_value_is_in_no_argument(tmp_path: Path) -> None:
    make_vault()
    log = tmp_path / "strace.log"
    strace = [require_program("strace"), "-f", "-e", "trace=execve", "-s", "10000", "-o", str(log)]
    subprocess.run(
        [*strace, *PROGRAM, "exec", "--", "true"],
        check=True,
        env=surroundings(),
        timeout=60,
    )
    programs = log.read_text()
    assert "/true" in programs
    assert HF not in programs and PASSPHRASE not in programs


def test_path_is_the_callers_with_the_rules_of_a_shell(tmp_path: Path) -> None:
    make_vault()
    for folder, text in (("first", "no"), ("second", "yes")):
        (tmp_path / folder).mkdir()
        tool = tmp_path / folder / "tool"
        tool.write_text(f"#!/bin/sh\necho {text}\n")
        tool.chmod(0o600 if folder == "first" else 0o700)
    first, second = tmp_path / "first", tmp_path / "second"

    def found(path: str, cwd: Path) -> bytes:
        return program("exec", "--", "tool", environ={"PATH": path}, cwd=cwd).stdout

    assert found(f"{first}:{second}", tmp_path) == b"yes\n"  # what cannot be run is passed over
    assert found(f"/nosuch::{first}", second) == b"yes\n"  # an empty entry is the current directory
    assert found("/usr/bin:/bin", second) == b""  # which is not looked in otherwise
    refused = program("exec", "--", "tool", environ={"PATH": str(first)})
    assert refused.returncode == 126
