"""IPython's history in use, damaged, made to harm, or cleaned by a process that dies."""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from credman.core.errors import Unavailable
from credman.upkeep.ipythonhistory import clean_history, is_history
from tests.cli.harness import make_value
from tests.requirements import require, require_program
from tests.upkeep.histories import (
    DRIVER,
    MARK,
    SCHEMA,
    as_clean,
    check_refused,
    count_value,
    drive,
    list_rows,
    make_edit,
    make_history,
    opened,
)

CALLS = ("pwrite64", "fdatasync", "fsync", "ftruncate", "unlink")


@pytest.mark.parametrize("mode", ["delete", "wal"])
@pytest.mark.parametrize(
    "statement", ["BEGIN IMMEDIATE", "BEGIN; SELECT count(*) FROM history", "BEGIN EXCLUSIVE"]
)
def test_while_somebody_uses_it_nothing_is_changed(
    tmp_path: Path, mode: str, statement: str
) -> None:
    value = make_value()
    path = make_history(tmp_path, value, mode=mode)
    with opened(path) as other:
        for part in statement.split(";"):
            other.execute(part).fetchall()
        before = path.read_bytes()
        with pytest.raises(Unavailable, match="is in use") as caught:
            clean_history(str(path), make_edit(value))
        assert "close the notebooks" in caught.value.hint
        assert path.read_bytes() == before
    assert clean_history(str(path), make_edit(value)) == 401  # and then it can be
    assert count_value(path, value) == 0


FOREIGN = [
    "CREATE TRIGGER t AFTER UPDATE ON history BEGIN DELETE FROM sessions; END",
    "CREATE VIEW v AS SELECT 1",
    "CREATE VIRTUAL TABLE v USING fts5(x)",
    "DROP TABLE history; CREATE TABLE history (session, line, text)",
    "ALTER TABLE history RENAME TO chronicle; CREATE VIEW history AS SELECT * FROM chronicle",
    "ALTER TABLE sessions ADD COLUMN ROWID",
]


@pytest.mark.parametrize("statement", FOREIGN)
def test_what_ipython_does_not_make_is_left_alone(tmp_path: Path, statement: str) -> None:
    value = make_value()
    path = make_history(tmp_path, value)
    with opened(path) as database:
        database.executescript(statement)
    check_refused(path, value, "IPython does not make|as IPython makes it")


def test_other_encodings_are_left_alone(tmp_path: Path) -> None:
    path = make_history(tmp_path, "")
    path.unlink()
    with opened(path) as database:
        database.executescript(f"PRAGMA encoding='UTF-16le'; {SCHEMA}")
    check_refused(path, make_value(), "as IPython makes it")


@pytest.mark.parametrize("what", ["head", "pages", "short", "count", "no database"])
def test_a_damaged_one_is_left_alone(tmp_path: Path, what: str) -> None:
    value = make_value()
    path = make_history(tmp_path, value)
    data = path.read_bytes()
    damaged = {
        "head": b"SQLite format 3\0" + bytes(84) + data[100:],
        "pages": data[:20480] + bytes(8192) + data[28672:],
        "short": data[: len(data) // 2],
        "count": data[:36] + b"\0\0\0\7" + data[40:],  # of free pages: its rows can be read
        "no database": value.encode() * 100,
    }
    path.write_bytes(damaged[what])
    check_refused(path, value, "is damaged")


def test_a_link_a_folder_and_a_pipe_are_not_followed_or_opened(tmp_path: Path) -> None:
    value = make_value()
    path = make_history(tmp_path / "real", value)
    before = path.read_bytes()
    link, folder, pipe = (tmp_path / name / "history.sqlite" for name in ("a", "b", "c"))
    for place in (link, folder, pipe):
        place.parent.mkdir()
    link.symlink_to(path)
    folder.mkdir()
    os.mkfifo(pipe)
    reasons = {
        link: "is a symbolic link, which is not followed",
        folder: "is not a regular file",
        pipe: "is not a regular file",
        tmp_path / "history.sqlite": "no such file",
    }
    for place, reason in reasons.items():
        assert not is_history(str(place))
        with pytest.raises(Unavailable, match=reason):
            clean_history(str(place), make_edit(value))
    assert path.read_bytes() == before
    assert not (tmp_path / "history.sqlite").exists()


def test_links_beside_it_are_not_followed(tmp_path: Path) -> None:
    value = make_value()
    path = make_history(tmp_path / "real", value)
    target = tmp_path / "target"
    target.write_bytes(b"mine")
    for ending in ("-journal", "-wal"):
        Path(f"{path}{ending}").symlink_to(target)
    with contextlib.suppress(Unavailable):
        clean_history(str(path), make_edit(value))
    assert target.read_bytes() == b"mine"


def test_that_of_another_user_is_left_alone(tmp_path: Path) -> None:
    value = make_value()
    path = make_history(tmp_path, value)
    require(os.geteuid() == 0, "needs root, to give a file away")
    os.chown(path, 12345, 12345)
    check_refused(path, value, "belongs to another user")


def test_one_that_may_not_be_written_is_left_alone(tmp_path: Path) -> None:
    value = make_value()
    path = make_history(tmp_path, value)
    require(os.geteuid() == 0, "needs root, to become another user")
    os.chown(path, 12345, 12345)
    path.chmod(0o400)
    for folder in path.parents:
        if not folder.stat().st_mode & 0o001:  # also those that pytest has made for itself
            folder.chmod(0o755)
    before = path.read_bytes()
    # Modules are imported first: that user need not be allowed to read them.
    modules = "credman.stores.disk, os, pathlib, sqlite3, urllib.parse"
    become = f"import {modules}\nos.setresuid(*[12345] * 3)\n"
    first, _, rest = DRIVER.partition("value =")
    done = drive(path, value, code=f"{first}{become}value ={rest}")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("it cannot be written")
    assert path.read_bytes() == before


def test_no_error_holds_the_token_or_what_the_database_says(tmp_path: Path) -> None:
    value = make_value()
    path = make_history(tmp_path, value)
    with opened(path) as database:
        database.execute("CREATE UNIQUE INDEX u ON sessions (remark)")
        database.execute("INSERT INTO sessions (remark) VALUES (?)", (MARK.decode(),))
        database.commit()
    before = list_rows(path, "history")
    with pytest.raises(Unavailable) as caught:
        clean_history(str(path), make_edit(value))
    assert str(caught.value) == f"cannot change {path}: SQLite cannot work with it"
    assert caught.value.__cause__ is None and caught.value.__suppress_context__
    assert list_rows(path, "history") == before


def test_a_conflict_never_deletes_another_row(tmp_path: Path) -> None:
    value = make_value()
    path = tmp_path / "history.sqlite"
    with opened(path) as database:
        database.executescript(SCHEMA.replace("remark text", "remark UNIQUE ON CONFLICT REPLACE"))
        database.execute("INSERT INTO sessions (remark) VALUES (?)", (MARK.decode(),))
        database.execute("INSERT INTO sessions (remark) VALUES (?)", (value,))
        database.commit()
    with pytest.raises(Unavailable):
        clean_history(str(path), make_edit(value))
    assert len(list_rows(path, "sessions")) == 2


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_journal_that_cannot_be_deleted_is_empty_or_told(tmp_path: Path, mode: str) -> None:
    strace = require_program("strace")
    value = make_value()
    path = make_history(tmp_path, value, mode=mode)
    failing = [strace, "-f", "-qq", "-o", os.devnull, "-e", "inject=unlink:error=EPERM"]
    done = drive(path, value, prefix=failing)
    left = {file.name: file.stat().st_size for file in path.parent.glob("*-*")}
    assert count_value(path, value) == 0
    if mode == "wal":
        assert done.returncode == 1 and left["history.sqlite-wal"]
        assert done.stderr.endswith("was cleaned, but history.sqlite-wal is still there\n")
    else:
        assert (done.returncode, left) == (0, {"history.sqlite-journal": 0})


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_killed_anywhere_the_old_or_the_new_one_is_there(tmp_path: Path, mode: str) -> None:
    check_kills(tmp_path, mode, most=2)


@pytest.mark.deep
@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_killed_at_each_call_the_old_or_the_new_one_is_there(tmp_path: Path, mode: str) -> None:
    check_kills(tmp_path, mode, most=10_000)


def check_kills(place: Path, mode: str, *, most: int) -> None:
    """Args: most: deaths at one kind of call."""
    strace = require_program("strace")
    value = make_value()
    template = make_history(place / "template", value, rows=60, mode=mode)
    old = list_rows(template, "history")
    new = [tuple(as_clean(field, value) for field in row) for row in old]
    seen: set[bool] = set()
    for number, (call, nth) in enumerate(choose_calls(strace, template, value, most)):
        path = place / str(number) / "history.sqlite"
        path.parent.mkdir()
        path.write_bytes(template.read_bytes())
        inject = [strace, "-f", "-qq", "-o", os.devnull, "-e", f"trace={call}"]
        inject += ["-e", f"inject={call}:signal=KILL:when={nth}"]
        done = drive(path, value, prefix=inject)
        assert done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), (call, nth, done.stderr)
        with opened(path) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        found = list_rows(path, "history")
        assert found in (old, new), (call, nth)
        seen.add(found == new)
        clean_history(str(path), make_edit(value))  # the next time it comes to its end
        assert list_rows(path, "history") == new and count_value(path, value) == 0
    assert seen == {True, False}


def choose_calls(strace: str, template: Path, value: str, most: int) -> Iterator[tuple[str, int]]:
    """Yields: system calls by their names and numbers, spread over all that there are."""
    path = template.parent.with_name("counted") / "history.sqlite"
    path.parent.mkdir()
    path.write_bytes(template.read_bytes())
    log = path.parent / "log"
    prefix = [strace, "-f", "-qq", "-o", str(log), "-e", f"trace={','.join(CALLS)}"]
    assert drive(path, value, prefix=prefix).returncode == 0
    names = re.findall(r"^\d+ +(\w+)\(", log.read_text(), re.MULTILINE)
    for call in CALLS:
        total = names.count(call)
        chosen = {1 + total * part // most for part in range(most)} if total > most else None
        yield from ((call, nth) for nth in sorted(chosen or range(1, total + 1)))
