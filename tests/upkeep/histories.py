"""Histories as IPython keeps them, made without it and with it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from credman.core.errors import Unavailable
from credman.upkeep.ipythonhistory import clean_history
from tests.requirements import require

ROOT = Path(__file__).parents[2]
MARK = b"[credman:HF_TOKEN]"
SCHEMA = """
CREATE TABLE sessions (session integer primary key autoincrement, start timestamp,
    end timestamp, num_cmds integer, remark text);
CREATE TABLE history (session integer, line integer, source text, source_raw text,
    PRIMARY KEY (session, line));
CREATE TABLE output_history (session integer, line integer, output text,
    PRIMARY KEY (session, line));
"""
ALL = (("history", "source"), ("output_history", "output"), ("sessions", "remark"))
DRIVER = """
import sys
from credman.upkeep.ipythonhistory import clean_history
value = sys.stdin.buffer.read()
print(clean_history(sys.argv[1], lambda text: text.replace(value, b"[credman:HF_TOKEN]")))
"""


def drive(
    path: Path, value: str, *, prefix: list[str] | None = None, code: str = DRIVER
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*(prefix or []), sys.executable, "-B", "-c", code, str(path)],
        input=value,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )


def make_history(folder: Path, value: str, *, rows: int = 400, mode: str = "delete") -> Path:
    """Returns: a history whose every second row has the value, as one session's remark has."""
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder / "profile_default"
    folder.mkdir()
    path = folder / "history.sqlite"
    with opened(path) as database:
        database.executescript(f"PRAGMA journal_mode={mode}; {SCHEMA}")
        database.execute("INSERT INTO sessions (remark) VALUES (?)", (value,))
        for number in range(rows):
            text = f"x = '{value}' {'#' * 90}" if number % 2 else f"y = {number} {'#' * 90}"
            database.execute("INSERT INTO history VALUES (1, ?, ?, ?)", (number, text, text))
            database.execute("INSERT INTO output_history VALUES (1, ?, ?)", (number, text))
        database.commit()
    return path


@contextlib.contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(path)) as database:
        yield database


def list_rows(path: Path, table: str) -> list[tuple[object, ...]]:
    with opened(path) as database:
        return database.execute(f"SELECT * FROM {table} ORDER BY rowid").fetchall()


def count_value(path: Path | str, value: str) -> int:
    """Returns: how often it is in the bytes of the database, and of all files beside it."""
    files = [file for file in Path(path).parent.rglob("*") if file.is_file()]
    assert Path(path) in files
    return sum(file.read_bytes().count(value.encode()) for file in files)


def make_edit(value: str) -> Callable[[bytes], bytes]:
    return lambda text: text.replace(value.encode(), MARK)


def as_clean(field: object, value: str) -> object:
    return field.replace(value, MARK.decode()) if isinstance(field, str) else field


def check_refused(path: Path, value: str, why: str) -> None:
    before = path.read_bytes()
    with pytest.raises(Unavailable, match=why) as caught:
        clean_history(str(path), make_edit(value))
    assert value not in f"{caught.value.message} {caught.value.hint}"
    assert path.read_bytes() == before and os.listdir(path.parent) == ["history.sqlite"]


def run_ipython(place: Path, *options: str, lines: str = "") -> str:
    require(find_spec("IPython"), "IPython is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--simple-prompt", *options],
        input=lines,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "IPYTHONDIR": str(place), "HOME": str(place)},
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def type_into_ipython(place: Path, *lines: str) -> None:
    text = "".join(f"{line}\n" for line in lines)
    run_ipython(place, "--HistoryManager.db_log_output=True", lines=text)


def ask_ipython(place: Path, line: str) -> str:
    return run_ipython(place, "-c", line)
