"""A person at a real terminal: the real program under a pseudo-terminal of its own."""

from __future__ import annotations

import os
import signal
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pexpect

from tests.cli.harness import PROGRAM

ECHO_AND_KEYS = termios.ECHO | termios.ICANON | termios.ISIG | termios.IEXTEN
_SECONDS = 20


class Person:
    """What somebody sees and types. ``screen`` is all that the terminal has shown so far."""

    def __init__(self, child: pexpect.spawn) -> None:
        self.child = child
        self._seen = b""

    @property
    def screen(self) -> str:
        before = self.child.before if isinstance(self.child.before, bytes) else b""
        return (self._seen + before).decode("utf-8", "replace").replace("\r\n", "\n")

    def sees(self, text: str) -> None:
        self.child.expect_exact(text.encode())
        self._seen += self.child.before + self.child.after
        self.child.before = b""

    def is_asked(self, prompt: str) -> None:
        """Waits for a prompt. The echo is off before it is shown."""
        self.sees(prompt)
        assert not self.flags() & termios.ECHO

    def types(self, keys: str | bytes) -> None:
        self.child.send(keys)

    def answers(self, prompt: str, text: str) -> None:
        self.is_asked(prompt)
        self.types(f"{text}\r")

    def leaves(self) -> int:
        """Returns: the exit code, as a shell gives it."""
        self.child.expect(pexpect.EOF)
        self._seen += self.child.before
        self.child.before = b""
        while self.child.isalive():
            time.sleep(0.01)
        status: int | None = self.child.exitstatus
        return 128 + self.child.signalstatus if status is None else status

    def flags(self) -> int:
        """Returns: the terminal's local modes."""
        flags: int = termios.tcgetattr(self.child.child_fd)[3]
        return flags

    def types_until(self, text: str, holds: Callable[[], bool]) -> None:
        """Types it again after a while: a shell that takes the terminal over may drop it."""
        for _ in range(5):
            self.types(text)
            end = time.monotonic() + _SECONDS / 5
            while time.monotonic() < end:
                if holds():
                    return
                time.sleep(0.01)
        raise AssertionError(self.screen)

    def wait_until(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + _SECONDS
        while not holds():
            assert time.monotonic() < end, self.screen
            time.sleep(0.01)


def _reset_signals() -> None:
    # A program of "nohup make test" would inherit that a hang-up is ignored.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGTSTP):
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def person(
    *argv: str,
    shell: str | None = None,
    environ: Mapping[str, str] | None = None,
    columns: int = 100,
) -> Iterator[Person]:
    """Starts credman where somebody sits.

    Args:
        shell: a line for /bin/sh in its place; ``"$@"`` is the command.
    """
    command: Sequence[str] = (*PROGRAM, *argv)
    if shell is not None:
        command = ("/bin/sh", "-c", shell, "sh", *command)
    child = pexpect.spawn(
        command[0],
        list(command[1:]),
        env={**os.environ, "TERM": "xterm", **(environ or {})},
        cwd=str(Path.home()),
        timeout=_SECONDS,
        dimensions=(24, columns),
        preexec_fn=_reset_signals,
    )
    child.delaybeforesend = None  # pexpect's is for programs that switch the echo off too late
    try:
        before = termios.tcgetattr(child.child_fd)
        assert before[3] & ECHO_AND_KEYS == ECHO_AND_KEYS, sys.platform
        yield Person(child)
        if not child.closed and not child.isalive():
            assert termios.tcgetattr(child.child_fd) == before, "the terminal was not put right"
    finally:
        child.close(force=True)
