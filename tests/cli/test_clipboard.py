"""``get --clip``, with a real X server."""

from __future__ import annotations

import base64
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.harness import PASSPHRASE, PROGRAM, credman, make_value, make_vault, program
from tests.requirements import require_program

HF = make_value()
UNLOCKED = {"CREDMAN_PASSPHRASE": PASSPHRASE}


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


def only(folder: Path, *programs: str) -> dict[str, str]:
    """A PATH that holds nothing else."""
    folder.mkdir()
    for name in programs:
        (folder / name).symlink_to(require_program(name))
    return {"PATH": str(folder)}


def fake(folder: Path, name: str, script: str = "") -> None:
    """A program that logs its arguments; for what cannot run here, or must not be run."""
    path = folder / name
    path.write_text(f"""#!/bin/sh\necho "$0 $*" >>'{folder}/log'\n{script}\n""")
    path.chmod(0o700)


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
from credman.caller import make_context
from credman.cli.clipboard import copy_for_a_while
from credman.core.secret import Secret
value = Secret.from_bytes(sys.stdin.buffer.read())
copy_for_a_while(make_context(set(), 80), "hf", value, seconds=float(sys.argv[1]))
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


@pytest.mark.parametrize(
    ("tool", "value"),
    [
        ("xclip", HF.encode()),
        ("xclip", b"two\nlines\n"),
        ("xsel", "é☃ *".encode()),
        ("xsel", b" "),
        pytest.param("xclip", "é☃ *".encode(), marks=pytest.mark.deep),
        pytest.param("xclip", b" ", marks=pytest.mark.deep),
        pytest.param("xsel", HF.encode(), marks=pytest.mark.deep),
        pytest.param("xsel", b"two\nlines\n", marks=pytest.mark.deep),
    ],
)
def test_clipboard_is_cleared_if_unchanged(tool: str, value: bytes, tmp_path: Path) -> None:
    with display() as screen:
        copy_for(1.0, value, {**screen, **only(tmp_path / "bin", tool)})
        assert paste(screen) == value
        wait_for(screen, b"")


def test_clipboard_is_left_if_changed() -> None:
    with display() as screen:
        copy_for(0.5, HF.encode(), screen)
        copy(screen, b"of the user")
        wait_for(screen, b"of the user")
        time.sleep(1.2)
        assert paste(screen) == b"of the user"


@pytest.mark.parametrize("tool", ["xclip", "xsel"])
def test_value_goes_to_the_tool_on_its_standard_input(tool: str, tmp_path: Path) -> None:
    log = tmp_path / "strace.log"
    strace = [require_program("strace"), "-f", "-e", "trace=execve", "-s", "10000", "-o", str(log)]
    with display() as screen, ThreadPoolExecutor() as pool:
        surroundings = {**screen, **only(tmp_path / "bin", tool)}
        traced = pool.submit(copy_for, 1.5, HF.encode(), surroundings, strace)
        wait_for(screen, HF.encode())
        wait_for(screen, b"")
        copy(screen, b"of the user")  # the last tool ends, and strace with it
        traced.result()
    programs = log.read_text()
    assert f"/{tool}" in programs and HF not in programs


@pytest.mark.parametrize("display_variable", ["", ":99999"])
def test_no_clipboard_is_said(display_variable: str) -> None:
    make_vault()
    done = program("get", "hf", "--clip", environ={"DISPLAY": display_variable})
    assert (done.returncode, done.stdout) == (6, b"")
    assert done.stderr == (
        b"credman: error: there is no clipboard here that takes the value\n"
        b"credman: hint: on Linux it takes xclip, xsel or wl-clipboard, and a graphical session\n"
    )


def test_tool_that_takes_the_value_as_an_argument_is_not_run(tmp_path: Path) -> None:
    make_vault()
    for name in ("klipper", "qdbus"):
        fake(tmp_path, name)
    with display() as screen:
        done = program("get", "hf", "--clip", environ={**screen, "PATH": str(tmp_path)})
    assert (done.returncode, done.stdout) == (6, b"")
    assert b"there is no clipboard here" in done.stderr
    assert b"it takes xclip, xsel or wl-clipboard" in done.stderr
    assert not (tmp_path / "log").exists()


def test_known_tool_is_preferred_to_one_that_comes_first_in_path(tmp_path: Path) -> None:
    make_vault()
    for name in ("klipper", "qdbus"):
        fake(tmp_path, name)
    path = f"{tmp_path}:{os.environ['PATH']}"
    with display() as screen:
        done = program("get", "hf", "--clip", environ={**screen, "PATH": path})
        assert paste(screen) == HF.encode()
    assert done.returncode == 0
    assert not (tmp_path / "log").exists()


def test_wayland_without_its_programs_is_served_by_x(tmp_path: Path) -> None:
    make_vault()
    with display() as screen:
        environ = {**screen, "WAYLAND_DISPLAY": "wayland-99", **only(tmp_path / "bin", "xsel")}
        assert program("get", "hf", "--clip", environ=environ).returncode == 0
        assert paste(screen) == HF.encode()


def test_windows_programs_take_the_value_on_standard_input(tmp_path: Path) -> None:
    # Only WSL has them; here they are stand-ins that keep what they are given.
    make_vault()
    told = base64.b64encode(HF.encode()).decode()
    fake(tmp_path, "clip.exe", f"/bin/cat >'{tmp_path}/kept'")
    fake(tmp_path, "powershell.exe", f"echo {told}")
    environ = {"WSL_DISTRO_NAME": "Debian", "PATH": str(tmp_path)}
    assert program("get", "hf", "--clip", environ=environ).returncode == 0
    assert (tmp_path / "kept").read_bytes() == HF.encode("utf-16le")
    log = (tmp_path / "log").read_text()
    assert "clip.exe" in log and HF not in log


@pytest.mark.parametrize("session", ["DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"])
def test_no_tool_for_the_clipboard_is_said(session: str, tmp_path: Path) -> None:
    make_vault()
    with display() as screen:
        environ = {session: screen["DISPLAY"], **only(tmp_path / "bin")}
        done = program("get", "hf", "--clip", environ=environ)
    assert (done.returncode, done.stdout) == (6, b"")
    assert b"there is no clipboard here" in done.stderr


def test_value_that_is_no_text_cannot_be_on_the_clipboard() -> None:
    credman("add", "x", "--var", "X", stdin=b"\xff\xfe")
    with display() as screen:
        done = program("get", "x", "--clip", environ=screen)
        assert paste(screen) == b""
    assert done.returncode == 2
    assert b"is not text" in done.stderr
