"""Runs commands as a caller would: in this process with a context of its own, or as a program.

In this process streams are buffers and the terminal answers from a script; what only a real
terminal shows is tried with pexpect.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from credman.cli.context import Context, Input, Output, visible
from credman.cli.run import run
from credman.cli.terminal import Terminal
from credman.core.errors import Interrupted
from credman.core.secret import Secret
from credman.output.process import Execution

PASSPHRASE = "correct horse battery staple"


class ScriptedTerminal(Terminal):
    """Answers from a list; an empty list means that the person presses Ctrl-C."""

    def __init__(self, answers: Sequence[str]) -> None:
        super().__init__(None)
        self.answers = list(answers)
        self.shown: list[str] = []

    def is_available(self) -> bool:
        return True

    def write(self, text: str) -> None:
        self.shown.append(text)

    def read_hidden(self, prompt: str) -> Secret:
        self.shown.append(prompt)
        if not self.answers:
            raise Interrupted("stopped; nothing was changed")
        return Secret(self.answers.pop(0))

    def read_line(self, prompt: str) -> str:
        return str(self.read_hidden(prompt))


@dataclass
class Outcome:
    """What came of a command. ``exit_code`` is None where a command was to be executed."""

    exit_code: int | None
    stdout: bytes
    stderr: str
    shown: list[str] = field(default_factory=list)
    execution: Execution | None = None

    @property
    def text(self) -> str:
        return self.stdout.decode()


def credman(
    *argv: str,
    stdin: bytes | None = None,
    answers: Sequence[str] | None = None,
    stdout_is_terminal: bool = False,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    passphrase: str | None = PASSPHRASE,
    descriptors: Mapping[int, bytes] | None = None,
    width: int = 80,
) -> Outcome:
    """Runs a command in this process.

    Args:
        stdin: piped in; None: standard input is a terminal.
        answers: what a person types at prompts; None: there is no terminal.
        environ: over the test's own environment.
        passphrase: set as CREDMAN_PASSPHRASE; None: not set.
        descriptors: what an inherited descriptor holds, by number.
        width: columns of standard output.
    """
    out, err = bytearray(), bytearray()
    surroundings = {**os.environ, **(environ or {})}
    if passphrase is not None:
        surroundings.setdefault("CREDMAN_PASSPHRASE", passphrase)
    terminal = Terminal(None) if answers is None else ScriptedTerminal(answers)
    context = Context(
        stdin=Input(lambda limit: stdin or b"", is_terminal=stdin is None),
        stdout=Output(out.extend, is_terminal=stdout_is_terminal, width=width),
        stderr=Output(err.extend),
        environ=visible(surroundings),
        inherited=surroundings,
        cwd=str(cwd or Path.home()),
        terminal=terminal,
        read_descriptor=lambda descriptor: (descriptors or {}).get(descriptor, b""),
        parent=os.getpid(),
    )
    result = run(argv, context)
    shown = terminal.shown if isinstance(terminal, ScriptedTerminal) else []
    if isinstance(result, Execution):
        return Outcome(None, bytes(out), err.decode(), shown, result)
    return Outcome(result, bytes(out), err.decode(), shown)


def program(
    *argv: str,
    stdin: bytes = b"",
    environ: Mapping[str, str] | None = None,
    passphrase: str | None = PASSPHRASE,
    cwd: Path | None = None,
    timeout: float = 60,
) -> subprocess.CompletedProcess[bytes]:
    """Runs a command as a process of its own, without a terminal (a new session has none)."""
    surroundings = {**os.environ, **(environ or {})}
    if passphrase is not None:
        surroundings.setdefault("CREDMAN_PASSPHRASE", passphrase)
    return subprocess.run(
        [*PROGRAM, *argv],
        input=stdin,
        capture_output=True,
        env=surroundings,
        cwd=cwd or Path.home(),  # not the checkout: what is installed is what runs
        timeout=timeout,
        check=False,
        start_new_session=True,
    )


PROGRAM = (sys.executable, "-m", "credman")


def make_value(prefix: str = "hf_", length: int = 34) -> str:
    """A synthetic value, made at run time: no look-alike stands in the repository."""
    import random
    import string

    return prefix + "".join(random.Random(length).choices(string.ascii_letters, k=length))


_made: dict[str, bytes] = {}


def make_vault(passphrase: str = PASSPHRASE) -> None:
    """A vault in this test's home with one token, ``hf``. Sealed once and copied from then on."""
    path = Path(os.environ["CREDMAN_HOME"]) / "data" / "vault.age"
    if passphrase in _made:
        path.parent.mkdir(mode=0o700, parents=True)
        path.write_bytes(_made[passphrase])
        path.chmod(0o600)
        return
    outcome = credman("add", "hf", stdin=make_value().encode(), passphrase=passphrase)
    assert outcome.exit_code == 0, outcome.stderr
    _made[passphrase] = path.read_bytes()
