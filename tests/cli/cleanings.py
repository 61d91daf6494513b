"""Runs of ``clean``, and what they leave."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from tests.cli.harness import Outcome, credman
from tests.cli.scans import OTHER, STRANGE, TOKEN

CHECKPOINT = ".ipynb_checkpoints/training_params-checkpoint.json"


def clean(*argv: str, cwd: Path, **options: Any) -> Outcome:
    """Runs the command, which never shows one of these tokens."""
    outcome = credman("clean", *argv, cwd=cwd, **options)
    for token in (TOKEN, OTHER, STRANGE):
        shown = outcome.text + outcome.stderr + "".join(outcome.shown)
        assert token[4:] not in shown
    return outcome


def read_tree(folder: Path) -> dict[str, bytes]:
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and ".git/" not in str(path):
            found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def begin_history(path: Path) -> sqlite3.Connection:
    """Returns: a history of IPython that is open, with a token in its journal alone."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.executescript(
        "CREATE TABLE sessions (session integer primary key, start, end, num_cmds, remark);"
        "CREATE TABLE history (session integer, line integer, source text, source_raw text);"
        "PRAGMA wal_checkpoint(TRUNCATE);"
    )
    database.execute("INSERT INTO history VALUES (1, 1, ?, ?)", [TOKEN, TOKEN])
    return database
