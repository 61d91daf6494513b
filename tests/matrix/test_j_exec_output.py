"""J01-J06, J08, J09: what a command says, hands on and runs."""

from __future__ import annotations

import base64
import binascii
import difflib
import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from credman.cli import COMMANDS
from credman.vault import hashing
from tests.cli.harness import PROGRAM
from tests.cli.person import person
from tests.cli.scans import keep_patterns
from tests.cli.test_canary import GOOD, LAYERS
from tests.cli.test_clipboard import copy, copy_for, display, paste, wait_for
from tests.matrix.common import (
    CANARY,
    PASSPHRASE,
    add,
    assert_hidden,
    call,
    make_home,
    start,
)
from tests.output.child import REPORTER, parse_report
from tests.requirements import require_program

CREDMAN = " ".join(PROGRAM)
UNLOCKED = {"CREDMAN_PASSPHRASE": PASSPHRASE}
BUSY = (["add", "canary", "--replace"], ["get", "canary"], ["show", "canary"], ["env"], ["list"],
        ["exec", "--", "true"], ["remove", "nosuch"])  # fmt: skip


def surroundings(**more: str) -> dict[str, str]:
    return {**os.environ, **UNLOCKED, **more}


EACH = """
import json, os, sys
from credman import __main__, caller, session
from credman.cli import parsing
from credman.stores import file
from credman.vault import container
value, lines = sys.argv[1], json.loads(sys.argv[2])
for name, _ in lines:
    parsing.load_parser(name)
for name, argv in lines:
    if not os.fork():
        os.dup2(os.open(value, os.O_RDONLY), 0)
        sys.argv[1:] = argv
        __main__.main()
    print(name, os.waitstatus_to_exitcode(os.wait()[1]), file=sys.stderr, flush=True)
"""
"""Runs every command as a process of its own, which need not import everything anew."""


def test_j01_no_process_has_a_value_in_its_arguments(tmp_path: Path) -> None:
    strace = require_program("strace")
    add("hf", CANARY.encode())
    keep_patterns()
    secret, value = Path.home() / "passphrase", Path.home() / "value"
    secret.write_text(PASSPHRASE)
    value.write_text(CANARY)
    trace = tmp_path / "trace"
    lines = [(name, [*name.split(), *GOOD[name][0]]) for name in COMMANDS]
    done = subprocess.run(
        [strace, "-f", "--seccomp-bpf", "-qq", "-v", "-s", "100000", "-e", "trace=execve",
         "-o", trace, sys.executable, "-c", EACH, value, json.dumps(lines)],
        env={**os.environ, "CREDMAN_PASSPHRASE_COMMAND": f"cat '{secret}'"},
        capture_output=True, check=False, cwd=Path.home(),
    )  # fmt: skip
    calls = [line for line in trace.read_text().splitlines() if "execve(" in line]
    for path in (secret, value, trace):
        path.unlink()
    assert_hidden(done.stderr)
    codes = dict(re.findall(r"^(.*) (\d+)$", done.stderr.decode(), re.MULTILINE))
    assert codes.keys() >= set(COMMANDS) and done.returncode == 0
    assert [codes[name] for name in ("add", "get", "env", "exec", "list")] == ["0"] * 5
    assert len([line for line in calls if '["cat"' in line]) > len(COMMANDS) / 2
    for line in calls:
        arguments, _, environment = line.partition("], [")
        assert_hidden(arguments)
        assert PASSPHRASE not in environment
        assert CANARY not in environment or '["true"' in line  # what exec runs


@pytest.mark.parametrize(
    "environ",
    [
        {"PYTHONDEVMODE": "1"},
        {"PYTHONVERBOSE": "1"},
        {"TYPER_STANDARD_TRACEBACK": "1", "RICH_TRACEBACKS": "1", "DEBUG": "1"},
        {"CREDMAN_DEBUG": "1", "PYTHONASYNCIODEBUG": "1", "PYTHONINSPECT": "1"},
    ],
    ids=lambda environ: next(iter(environ)),
)
def test_j02_no_switch_for_debugging_shows_a_value(environ: dict[str, str]) -> None:
    make_home()
    for argv in (["add", "canary", "--replace"], ["get", "canary"], ["get", "nosuch"]):
        done = start(*argv, stdin=CANARY.encode(), environ=environ, may_print=True)
        assert done.returncode == (3 if "nosuch" in argv else 0)
        assert CANARY.encode() not in done.stdout or argv == ["get", "canary"]
        if "PYTHONVERBOSE" not in environ:
            assert b"Warning" not in done.stderr and b"import" not in done.stderr
    for words in ("-v", "-v -v get canary", "get canary -v", "get --debug"):
        assert call(*words.split()).exit_code == 2


def test_j02_no_layer_that_fails_shows_what_it_has_in_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    make_home()
    call("use", "-e", "default")
    reached = []
    for holder, attribute in LAYERS:

        def fail(*args: object, _layer: str = attribute, **kwargs: object) -> None:
            held = (CANARY, PASSPHRASE)  # in a local variable of the traceback
            reached.append(_layer)
            raise RuntimeError(f"cannot handle {CANARY} with {PASSPHRASE}") from ValueError(*held)

        for argv in (["add", "canary", "--replace"], ["get", "canary"], ["env"]):
            with monkeypatch.context() as patch:
                patch.setattr(holder, attribute, fail)
                seen = len(reached)
                outcome = call(*argv, stdin=CANARY.encode(), may_print=argv[0] != "add")
            if len(reached) > seen:
                assert outcome.exit_code == 1 and CANARY not in outcome.text
    assert len(set(reached)) > 10


LIBRARIES: list[tuple[object, str, Exception]] = [
    (json, "dumps", ValueError(CANARY)),
    (json, "loads", json.JSONDecodeError(CANARY, CANARY, 0)),
    (base64, "b64encode", binascii.Error(CANARY)),
    (base64, "b64decode", KeyError(CANARY)),
    (hashing, "Hash", TypeError(CANARY, PASSPHRASE)),
    (hashing, "HMAC", ValueError(PASSPHRASE)),
    (unicodedata, "normalize", UnicodeDecodeError("utf-8", CANARY.encode(), 0, 1, PASSPHRASE)),
    (os, "urandom", RuntimeError(CANARY)),
    (difflib, "get_close_matches", RuntimeError(CANARY)),
    (os, "fsencode", UnicodeEncodeError("utf-8", CANARY, 0, 1, CANARY)),
    (os, "rename", OSError(errno.EACCES, "Permission denied", CANARY)),
    (os, "link", OSError(errno.EIO, "Input/output error", CANARY, None, PASSPHRASE)),
    (os, "fsync", OSError(errno.EIO, "Input/output error", CANARY)),
    (os, "write", ValueError(CANARY)),
]


@pytest.mark.usefixtures("derive_anew")
@pytest.mark.parametrize(("library", "function", "failure"), LIBRARIES, ids=lambda x: str(x)[:20])
def test_j03_the_text_of_foreign_exceptions_is_not_shown(
    library: object, function: str, failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_home()
    reached = []

    def fail(*args: object, **kwargs: object) -> None:
        reached.append(function)
        raise failure

    for argv in BUSY:
        before = path.read_bytes()
        with monkeypatch.context() as patch:
            patch.setattr(library, function, fail)
            outcome = call(*argv, stdin=CANARY.encode(), may_print=argv[0] in ("get", "env"))
        if outcome.exit_code:
            assert "credman: error: " in outcome.stderr
            assert path.read_bytes() == before
    assert reached


CHILDREN = ("true", "false", "sh -c 'exit 3'", "sh -c 'exit 125'", "sh -c 'kill -TERM $$'",
            "sh -c 'kill -SEGV $$'", "sh -c 'kill -PIPE $$'", "nosuch-command", "./nosuch", "/etc",
            "/etc/passwd")  # fmt: skip


def test_j04_exit_codes_are_the_shells() -> None:
    make_home()

    def codes(prefix: str) -> list[bytes]:
        script = "".join(f"{prefix} {child}; echo $?\n" for child in CHILDREN)
        done = subprocess.run(
            ["sh", "-c", script], env=surroundings(), capture_output=True, check=True
        )
        assert_hidden(done.stderr)
        return done.stdout.split()

    assert codes(f"{CREDMAN} exec --") == codes("")
    assert codes("") == b"0 1 3 125 143 139 141 127 127 126 126".split()


def test_j04_a_child_that_stops_can_go_on() -> None:
    make_home()
    command = [*PROGRAM, "exec", "--", "sh", "-c", "kill -STOP $$; exit 5"]
    with subprocess.Popen(command, env=surroundings()) as child:
        _, status = os.waitpid(child.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status) and os.WSTOPSIG(status) == signal.SIGSTOP
        child.send_signal(signal.SIGCONT)
        assert child.wait(20) == 5


@pytest.mark.parametrize("way", ["variable", "command", "descriptor"])
def test_j05_what_opens_the_vault_is_not_handed_on(way: str) -> None:
    make_home()
    readable, writable = os.pipe()
    os.write(writable, PASSPHRASE.encode())
    os.close(writable)
    environ, options = dict(os.environ), list[str]()
    if way == "variable":
        environ |= UNLOCKED
    elif way == "command":
        environ["CREDMAN_PASSPHRASE_COMMAND"] = f"printf {PASSPHRASE}"
    else:
        options = ["--passphrase-fd", str(readable)]
    inherited = [readable] if way == "descriptor" else []
    command = [*PROGRAM, "exec", *options, "--", *REPORTER]
    done = subprocess.run(
        command, env=environ, pass_fds=inherited, capture_output=True, check=True, timeout=20
    )
    os.close(readable)
    seen = parse_report(done.stdout)
    assert seen.environ["CANARY"] == CANARY.encode()
    assert not [name for name in seen.environ if name.startswith("CREDMAN_PASSPHRASE")]
    assert PASSPHRASE.encode() not in b"".join(seen.environ.values())
    direct = subprocess.run(REPORTER, capture_output=True, check=True)
    assert seen.descriptors == parse_report(direct.stdout).descriptors


def test_j06_commands_are_found_as_by_a_shell(tmp_path: Path) -> None:
    make_home()
    require_program("bash")
    for folder, mode in (("first", 0o600), ("second", 0o700)):
        tool = tmp_path / folder / "tool"
        tool.parent.mkdir()
        tool.write_text(f"#!/bin/sh\necho {folder}\n")
        tool.chmod(mode)
    first, second = tmp_path / "first", tmp_path / "second"
    found = {}
    for path in (
        f"{first}:{second}",
        f"{first}:/bin",
        ":",
        "/bin:",
        f"{second}",
        "/bin",
        "/nosuch",
    ):
        done = start("exec", "--", "tool", environ={"PATH": path}, cwd=second)
        shell = subprocess.run(
            ["/bin/bash", "-c", "tool"], env={"PATH": path}, cwd=second, capture_output=True
        )
        assert (done.stdout, done.returncode) == (shell.stdout, shell.returncode), path
        found[path] = done.stdout
    assert found[":"] == found["/bin:"] == b"second\n" and found["/bin"] == b""


@pytest.mark.parametrize("argv", [["env"], ["get", "canary"]], ids=lambda argv: argv[0])
def test_j08_a_terminal_is_refused_without_reveal(argv: list[str]) -> None:
    make_home()
    with person(*argv, environ=UNLOCKED) as somebody:
        assert somebody.leaves() == 7
        assert_hidden(somebody.screen)
        assert "--reveal" in somebody.screen
    with person(*argv, "--reveal", environ=UNLOCKED) as somebody:
        assert somebody.leaves() == 0
        assert CANARY in somebody.screen


def test_j09_the_clipboard_is_cleared_only_if_unchanged(tmp_path: Path) -> None:
    strace = [require_program("strace"), "-f", "-qq", "-e", "trace=execve", "-s", "10000", "-o"]
    log = tmp_path / "trace"
    with display() as screen, ThreadPoolExecutor() as pool:
        traced_copy = pool.submit(copy_for, 0.5, CANARY.encode(), screen, [*strace, str(log)])
        wait_for(screen, CANARY.encode())
        wait_for(screen, b"")
        copy(screen, b"of the user")  # the last xclip ends, and strace with it
        traced_copy.result()
        copy_for(0.5, CANARY.encode(), screen)
        copy(screen, b"of the user")
        time.sleep(1.2)
        assert paste(screen) == b"of the user"
        make_home()
        done = start("get", "canary", "--clip", environ=screen)
        assert (done.returncode, paste(screen)) == (0, CANARY.encode())
    traced = log.read_text()
    assert '"xclip"' in traced
    assert_hidden(traced)
