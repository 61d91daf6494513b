"""``get``: one value and nothing else; and the clipboard, with a real X server."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.harness import PASSPHRASE, PROGRAM, credman, make_value, make_vault, program
from tests.cli.person import person
from tests.requirements import require_program

HF = make_value()
UNLOCKED = {"CREDMAN_PASSPHRASE": PASSPHRASE}


def make_account() -> dict[str, str]:
    """A token of three parts, one of which is no secret. Returns: its values."""
    values = {
        "AWS_ACCESS_KEY_ID": make_value("EXAMPLE", 13),
        "AWS_SECRET_ACCESS_KEY": make_value("", 40),
        "AWS_SESSION_TOKEN": make_value("", 60),
    }
    lines = "".join(f"{name}={value}\n" for name, value in values.items())
    outcome = credman("add", "aws", "--no-check", stdin=lines.encode())
    assert outcome.exit_code == 0, outcome.stderr
    return values


@pytest.mark.parametrize("value", [b"EXAMPLE", b"ends\n", b"\r\n\n", b" ", bytes(range(1, 256))])
def test_piped_value_stands_alone(value: bytes) -> None:
    credman("add", "x", "--var", "X", stdin=value + b"\n")
    done = program("get", "x")
    assert (done.stdout, done.stderr, done.returncode) == (value, b"", 0)


def test_value_of_an_environment_and_of_the_base() -> None:
    credman("add", "x", "--var", "X", stdin=b"of the base")
    credman("add", "x", "--var", "X", "-e", "prod", stdin=b"of prod")
    assert credman("get", "x").stdout == b"of the base"
    assert credman("get", "x", "-e", "dev").stdout == b"of the base"
    assert credman("get", "X", "-e", "PROD").stdout == b"of prod"


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (["hff"], 3, "did you mean hf?"),
        (["hf", "--field", "NOSUCH"], 3, "it has HF_TOKEN"),
        (["hf", "-e", "prdo"], 3, "did you mean prod?"),
        (["hf", "more"], 2, "more arguments"),
        ([], 2, "NAME is missing"),
        (["a b"], 2, "not a name for a token"),
    ],
)
def test_failures_print_nothing(argv: list[str], code: int, message: str) -> None:
    make_vault()
    outcome = credman("get", *argv)
    assert (outcome.exit_code, outcome.stdout) == (code, b"")
    assert message in outcome.stderr
    assert HF not in outcome.stderr


def test_several_secret_fields_are_listed() -> None:
    values = make_account()
    outcome = credman("get", "aws")
    assert (outcome.exit_code, outcome.stdout) == (2, b"")
    assert "AWS_SECRET_ACCESS_KEY or AWS_SESSION_TOKEN" in outcome.stderr
    assert not any(value in outcome.stderr for value in values.values())


def test_field_is_chosen_by_any_of_its_variables_in_any_case() -> None:
    values = make_account()
    for name, value in values.items():
        assert credman("get", "aws", "--field", name).text == value
    assert credman("get", "aws", "--field", "aws_session_token").exit_code in (0, 3)


def test_terminal_is_refused() -> None:
    make_vault()
    with person("get", "hf", environ=UNLOCKED) as somebody:
        assert somebody.leaves() == 7
        assert "not printing a token to a terminal" in somebody.screen
        assert "credman get hf --reveal" in somebody.screen
        assert HF not in somebody.screen


def test_terminal_is_obeyed_with_reveal() -> None:
    make_vault()
    with person("get", "hf", "--reveal", environ=UNLOCKED) as somebody:
        assert somebody.leaves() == 0
        assert somebody.screen == f"{HF}\n"


# The clipboard.


@contextmanager
def display() -> Iterator[dict[str, str]]:
    """An X server of its own. Gives the environment that names it."""
    server = require_program("Xvfb")
    require_program("xclip")
    readable, writable = os.pipe()
    command = [
        server,
        "-displayfd",
        str(writable),
        "-nolisten",
        "tcp",
        "-noreset",
        "-screen",
        "0",
        "64x64x8",
    ]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, pass_fds=[writable], stdout=quiet, stderr=quiet) as running:
        os.close(writable)
        try:
            with open(readable) as numbers:
                yield {"DISPLAY": f":{numbers.readline().strip()}"}
        finally:
            running.terminate()


def paste(screen: dict[str, str]) -> bytes:
    done = subprocess.run(
        ["xclip", "-selection", "clipboard", "-o"],
        capture_output=True,
        env={**os.environ, **screen},
        check=False,
    )
    return done.stdout


def copy(screen: dict[str, str], value: bytes) -> None:
    subprocess.run(
        ["xclip", "-selection", "clipboard"],
        input=value,
        stdout=subprocess.DEVNULL,
        env={**os.environ, **screen},
        check=True,
    )


COPY = """
import sys
from credman.__main__ import _make_context
from credman.cli.clipboard import copy_for_a_while
from credman.core.secret import Secret
value = Secret.from_bytes(sys.stdin.buffer.read())
copy_for_a_while(_make_context(set()), "hf", value, seconds=float(sys.argv[1]))
"""


def copy_for(
    seconds: float, value: bytes, screen: dict[str, str], before: Sequence[str] = ()
) -> None:
    """Puts a value on the clipboard as ``get --clip`` does, for a shorter time.

    Args:
        before: a program to run that under.
    """
    subprocess.run(
        [*before, sys.executable, "-c", COPY, str(seconds)],
        input=value,
        env={**os.environ, **screen},
        capture_output=True,
        check=True,
        timeout=20,
    )


def wait_for(screen: dict[str, str], value: bytes) -> None:
    end = time.monotonic() + 10
    while paste(screen) != value:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_clip_puts_the_value_there_shows_it_nowhere_and_keeps_nobody_waiting() -> None:
    make_vault()
    with display() as screen:
        # Its output is a pipe, which neither xclip nor what clears the clipboard may keep open.
        done = program("get", "hf", "--clip", environ=screen, timeout=10)
        assert (done.returncode, done.stdout) == (0, b"")
        assert done.stderr == b"hf is on the clipboard for 30 s\n"
        assert paste(screen) == HF.encode()


def test_what_clears_the_clipboard_keeps_no_descriptor_of_the_caller() -> None:
    make_vault()
    readable, writable = os.pipe()
    with display() as screen, open(readable, "rb") as reader:
        subprocess.run(
            [*PROGRAM, "get", "hf", "--clip"],
            env={**os.environ, **UNLOCKED, **screen},
            pass_fds=[writable],
            check=True,
            timeout=20,
        )
        os.close(writable)
        assert select.select([reader], [], [], 5)[0], "the pipe is still open somewhere"
        assert reader.read() == b""


@pytest.mark.parametrize("value", [HF.encode(), "é☃ *".encode(), b"two\nlines\n", b" "])
def test_clipboard_is_cleared_if_unchanged(value: bytes) -> None:
    with display() as screen:
        copy_for(1.0, value, screen)
        assert paste(screen) == value
        wait_for(screen, b"")


def test_clipboard_is_left_if_changed() -> None:
    with display() as screen:
        copy_for(0.5, HF.encode(), screen)
        copy(screen, b"of the user")
        wait_for(screen, b"of the user")
        time.sleep(1.2)
        assert paste(screen) == b"of the user"


def test_value_goes_to_xclip_on_its_standard_input(tmp_path: Path) -> None:
    log = tmp_path / "strace.log"
    strace = [require_program("strace"), "-f", "-e", "trace=execve", "-s", "10000", "-o", str(log)]
    with display() as screen, ThreadPoolExecutor() as pool:
        traced = pool.submit(copy_for, 1.5, HF.encode(), screen, strace)
        wait_for(screen, HF.encode())
        wait_for(screen, b"")
        copy(screen, b"of the user")  # the last xclip ends, and strace with it
        traced.result()
    programs = log.read_text()
    assert "xclip" in programs and HF not in programs


@pytest.mark.parametrize("display_variable", ["", ":99999"])
def test_no_clipboard_is_said(display_variable: str) -> None:
    make_vault()
    done = program("get", "hf", "--clip", environ={"DISPLAY": display_variable})
    assert (done.returncode, done.stdout) == (6, b"")
    assert done.stderr == (
        b"credman: error: there is no clipboard here that takes the value\n"
        b"credman: hint: on Linux it takes xclip, xsel or wl-clipboard, and a graphical session\n"
    )


def test_no_tool_for_the_clipboard_is_said(tmp_path: Path) -> None:
    make_vault()
    (tmp_path / "which").symlink_to(shutil.which("which") or "/usr/bin/which")
    with display() as screen:
        done = program("get", "hf", "--clip", environ={**screen, "PATH": str(tmp_path)})
    assert (done.returncode, done.stdout) == (6, b"")
    assert b"there is no clipboard here" in done.stderr


def test_value_that_is_no_text_cannot_be_on_the_clipboard() -> None:
    credman("add", "x", "--var", "X", stdin=b"\xff\xfe")
    with display() as screen:
        done = program("get", "x", "--clip", environ=screen)
        assert paste(screen) == b""
    assert done.returncode == 2
    assert b"is not text" in done.stderr
