"""Repositories whose commits hold tokens, and what the git hooks say of them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.cli.harness import PROGRAM
from tests.cli.scans import OTHER, TOKEN

FORM = "a9X" + TOKEN[3:]  # of no provider's form


def make_project(folder: Path) -> Path:
    """A repository with one commit, and a clean change that is staged."""
    made = folder / "project"
    made.mkdir()
    git(made, "init", "-q", "-b", "main")
    git(made, "config", "user.email", "a@example.org")
    git(made, "config", "user.name", "A")
    (made / "first.py").write_text("print('hello')\n")
    git(made, "add", "-A")
    git(made, "commit", "-qm", "before all")
    (made / "clean.py").write_text("print('hello')\n")
    git(made, "add", "-A")
    return made


def git(project: Path, *argv: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["git", "-C", str(project), *argv], capture_output=True, check=True, timeout=60
    )


def hook(project: Path, *argv: str, said: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        [*PROGRAM, "hook", "run", *(argv or ("pre-commit",))],
        cwd=project,
        input=said,
        capture_output=True,
        timeout=60,
        check=False,
        start_new_session=True,
    )
    for token in (TOKEN, OTHER, FORM):
        assert token.encode() not in done.stdout + done.stderr
    return done


def put(project: Path, name: str, data: bytes) -> None:
    (project / name).write_bytes(data)
    git(project, "add", "-A")
