"""Lets a real shell evaluate the text, and reads back what a program started by it is given."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from credman.core.secret import Secret
from credman.output.shells import Shell, render_set
from tests.output.corpus import CANARY, ShellProgram

SECONDS = 30


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Args: environment: of a program that the shell ran afterwards; status: the shell's own."""

    environment: dict[bytes, bytes]
    status: int
    stderr: bytes


def name_values(values: Sequence[bytes]) -> dict[str, bytes]:
    """Returns: the values under variables V0, V1, …"""
    return {f"V{number}": value for number, value in enumerate(values)}


def render(shell: Shell, values: dict[str, bytes]) -> bytes:
    return render_set(shell, {name: Secret.from_bytes(value) for name, value in values.items()})


def run_shell(
    shell: ShellProgram,
    script: str,
    folder: Path,
    *,
    locale: str = "C.UTF-8",
    environ: dict[str, str] | None = None,
    before: Sequence[str] = (),
) -> subprocess.CompletedProcess[bytes]:
    """Args: before: a program and its options to run the shell under."""
    surroundings = {"PATH": os.environ["PATH"], "LC_ALL": locale, "HOME": str(folder)}
    return subprocess.run(
        [*before, *shell.argv, "-c", script],
        cwd=folder,
        env={**surroundings, **(environ or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )


def evaluate(
    shell: ShellProgram,
    evaluation: str,
    text: bytes,
    folder: Path,
    *,
    prelude: str = "",
    locale: str = "C.UTF-8",
    before: Sequence[str] = (),
) -> Evaluated:
    """Args:
    evaluation: a command that evaluates the file ``.text``.
    prelude: commands before it.
    """
    (folder / ".text").write_bytes(text)
    script = "\n".join((prelude, evaluation, "command env -0"))
    done = run_shell(shell, script, folder, locale=locale, before=before)
    return Evaluated(parse_environment(done.stdout), done.returncode, done.stderr)


def parse_environment(data: bytes) -> dict[bytes, bytes]:
    """Args: data: what ``env -0`` printed."""
    pairs = (entry.partition(b"=") for entry in data.split(b"\0") if entry)
    return {name: value for name, _, value in pairs}


def wrong_values(values: dict[str, bytes], evaluated: Evaluated) -> dict[bytes, bytes | None]:
    """Returns: the values that did not arrive, each with what arrived in its place."""
    return {
        value[:80]: (evaluated.environment.get(name.encode()) or b"")[:80]
        for name, value in values.items()
        if evaluated.environment.get(name.encode()) != value
    }


def assert_exact(values: dict[str, bytes], evaluated: Evaluated, folder: Path) -> None:
    """Every value arrived, nothing was said, and nothing of a value was run."""
    assert values, "an empty corpus proves nothing"
    assert not (folder / CANARY).exists(), "a value was run as a command"
    assert wrong_values(values, evaluated) == {}
    assert (evaluated.status, evaluated.stderr) == (0, b"")
