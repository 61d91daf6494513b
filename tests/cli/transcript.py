"""Transcripts: what a person types and what comes back, in one small text format.

A line begins with a mark and a blank:

    #   a remark
    @   the clock from here on, an ISO date and time, UTC; the real one before that
    $   a command; ``{hf}`` stands for a synthetic token
    <   a line that is piped into it; without one, standard input is a terminal
    ?   what a person types at its next prompt; without one, there is no terminal
    *   what the terminal device then shows: prompts, the recovery key
    !   a line on stderr
    >   a line on stdout
    =   the exit code; left out, it is 0

``play`` runs the commands and writes down what came back in the same format, so a transcript is
right if it comes back unchanged. ``{home}`` stands for CREDMAN_HOME, ``{recovery}`` for a recovery
key.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tests.cli.harness import make_value

MARKS = "#@$<?*!>="
_TYPED, _SHOWN = "#@$<?", "*!>="
VALUES = {"{hf}": make_value()}
_RECOVERY = re.compile(r"AGE-SECRET-KEY-1[A-Z0-9]{58}")


@dataclass(frozen=True)
class Answer:
    """What came of one command."""

    shown: str
    stderr: str
    stdout: str
    exit_code: int | None


@dataclass
class Step:
    """One command with what is piped in and typed."""

    command: str
    piped: list[str] = field(default_factory=list)
    typed: list[str] = field(default_factory=list)

    @property
    def argv(self) -> list[str]:
        words = shlex.split(_fill(self.command))
        assert words[0] == "credman", self.command
        return words[1:]

    @property
    def stdin(self) -> bytes | None:
        return "".join(f"{_fill(line)}\n" for line in self.piped).encode() if self.piped else None

    @property
    def answers(self) -> list[str] | None:
        return [_fill(line) for line in self.typed] or None


Run = Callable[[Step], Answer]


def play(text: str, run: Run, *, set_clock: Callable[[datetime], None]) -> str:
    """Returns: the transcript as it went."""
    out: list[str] = []
    lines = [line for line in text.splitlines() if line[:1] not in tuple(_SHOWN)]
    for group in _split(lines):
        step: Step | None = None
        for line in group:
            out.append(line)
            mark, rest = line[:1], line[2:]
            assert not line or (mark in _TYPED and line[1:2] in ("", " ")), f"what is {line!r}?"
            if mark == "@":
                set_clock(datetime.fromisoformat(rest + "+00:00"))
            elif mark == "$":
                step = Step(rest)
            elif mark in ("<", "?"):
                assert step is not None, f"no command before {line!r}"
                (step.piped if mark == "<" else step.typed).append(rest)
        if step is not None:
            blanks = _take_blanks(out)
            out.extend(_write_down(run(step)))
            out.extend(blanks)
    return "\n".join(out) + "\n"


def _split(lines: Sequence[str]) -> Iterator[list[str]]:
    group: list[str] = []
    for line in lines:
        if line.startswith("$") and any(known.startswith("$") for known in group):
            tail = _take_remarks(group)
            yield group
            group = tail
        group.append(line)
    yield group


def _take_remarks(group: list[str]) -> list[str]:
    tail: list[str] = []
    while group[-1][:1] in ("", "#", "@"):
        tail.insert(0, group.pop())
    return tail


def _take_blanks(out: list[str]) -> list[str]:
    blanks: list[str] = []
    while out and not out[-1]:
        blanks.append(out.pop())
    return blanks


def _write_down(answer: Answer) -> list[str]:
    lines: list[str] = []
    for mark, text in (("*", answer.shown), ("!", answer.stderr), (">", answer.stdout)):
        lines.extend(f"{mark} {line}".rstrip() for line in _blank_out(text).splitlines())
    if answer.exit_code != 0:
        lines.append(f"= {answer.exit_code}")
    return lines


def _fill(text: str) -> str:
    for name, value in VALUES.items():
        text = text.replace(name, value)
    return text


def _blank_out(text: str) -> str:
    for name, value in VALUES.items():
        text = text.replace(value, name)
    home = os.environ["CREDMAN_HOME"]
    return _RECOVERY.sub("{recovery}", text.replace(home, "{home}"))
