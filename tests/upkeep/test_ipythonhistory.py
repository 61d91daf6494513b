"""IPython's history without a token: no byte of it is left, and the rest is still there."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from credman.upkeep.ipythonhistory import clean_history, find_histories, is_history
from tests.cli.harness import make_value
from tests.requirements import require_program
from tests.upkeep.histories import (
    ALL,
    MARK,
    ask_ipython,
    count_value,
    drive,
    list_rows,
    make_edit,
    make_history,
    opened,
    type_into_ipython,
)


def test_no_byte_of_the_token_is_left_and_ipython_reads_the_rest(tmp_path: Path) -> None:
    value = make_value()
    for number in range(2):
        type_into_ipython(tmp_path, f"token = '{value}'", "token", f"{number} + 40")
    (path,) = find_histories({"IPYTHONDIR": str(tmp_path)})
    assert is_history(path) and count_value(path, value) >= 6
    assert clean_history(path, make_edit(value)) == 4
    assert count_value(path, value) == 0
    said = ask_ipython(tmp_path, "%history -g -o")
    assert said.count("token = '[credman:HF_TOKEN]'") == 2
    assert said.count("'[credman:HF_TOKEN]'\n") == 4  # as it was typed, and as it was answered
    assert "1 + 40" in said and "41" in said
    type_into_ipython(tmp_path, "'and goes on'")
    assert "/1: 'and goes on'" in ask_ipython(tmp_path, "%history -g")
    assert sorted(os.listdir(Path(path).parent)) == sorted(
        ["history.sqlite", "log", "pid", "security", "startup"]
    )


@pytest.mark.parametrize("mode", ["delete", "truncate", "persist", "wal"])
def test_what_was_deleted_before_goes_as_well(tmp_path: Path, mode: str) -> None:
    value = make_value()
    path = make_history(tmp_path, value, rows=200, mode=mode)
    with opened(path) as database:
        database.execute("PRAGMA secure_delete=OFF")
        for table, column in ALL:
            database.execute(f"DELETE FROM {table} WHERE instr({column}, ?)", (value,))
        database.commit()
    assert count_value(path, value) > 0
    assert clean_history(str(path), make_edit(value)) == 0
    assert count_value(path, value) == 0 and os.listdir(path.parent) == ["history.sqlite"]
    with opened(path) as database:
        assert database.execute("SELECT count(*) FROM history").fetchone() == (100,)
        (found,) = database.execute("PRAGMA journal_mode").fetchone()
        assert found == ("wal" if mode == "wal" else "delete")  # the others are no property of it


def test_what_a_dead_process_left_beside_it_goes_as_well(tmp_path: Path) -> None:
    value = make_value()
    path = make_history(tmp_path, value, mode="wal")
    # It ends without closing: what it wrote is in the log only.
    code = "import os,sqlite3,sys;d=sqlite3.connect(sys.argv[1]);" + (
        "d.execute(\"UPDATE sessions SET remark = remark || ' again'\");d.commit();os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, path], check=True)
    assert Path(f"{path}-wal").stat().st_size
    assert clean_history(str(path), make_edit(value)) == 401
    assert count_value(path, value) == 0
    assert list_rows(path, "sessions")[0][-1] == f"{MARK.decode()} again"


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_journal_that_was_only_emptied_at_its_head_goes_as_well(
    tmp_path: Path, mode: str
) -> None:
    value = make_value()
    path = make_history(tmp_path, value, mode=mode)
    journal = Path(f"{path}-journal")
    journal.write_bytes(bytes(512) + value.encode() * 1000)  # as PRAGMA journal_mode=PERSIST does
    clean_history(str(path), make_edit(value))
    assert count_value(path, value) == 0 and not journal.exists()


def test_every_text_and_all_bytes_are_edited_and_nothing_else(tmp_path: Path) -> None:
    value = make_value()
    path = make_history(tmp_path, value, rows=0)
    odd = b"\xff\x00" + value.encode() + b"\xfe"
    with opened(path) as database:
        insert = "INSERT INTO history VALUES (?, ?, {}, ?)"
        database.execute(insert.format("CAST(? AS TEXT)"), (9, 1, odd, b"\x07"))
        database.execute(insert.format("?"), (-(1 << 63), 1 << 62, odd, None))
        database.execute("INSERT INTO output_history VALUES (9, 1, ?)", (f"é{value}\0{value}",))
        database.execute("INSERT INTO history(rowid, source) VALUES (?, ?)", ((1 << 63) - 1, value))
        database.commit()
    assert clean_history(str(path), make_edit(value)) == 5  # with the remark of the session
    clean = b"\xff\x00" + MARK + b"\xfe"
    with opened(path) as database:
        database.text_factory = bytes
        found = database.execute("SELECT *, typeof(source) FROM history ORDER BY rowid").fetchall()
        outputs = database.execute("SELECT output FROM output_history").fetchall()
    assert found == [
        (9, 1, clean, b"\x07", b"text"),
        (-(1 << 63), 1 << 62, clean, None, b"blob"),
        (None, None, MARK, None, b"text"),
    ]
    assert outputs == [("é".encode() + MARK + b"\0" + MARK,)]


def test_an_old_history_without_outputs_is_one_too(tmp_path: Path) -> None:
    value = make_value()
    path = make_history(tmp_path, value, rows=3)
    with opened(path) as database:
        database.execute("DROP TABLE output_history")
    assert is_history(str(path))
    assert clean_history(str(path), make_edit(value)) == 2
    assert count_value(path, value) == 0


def test_an_ipython_that_only_has_it_open_goes_on(tmp_path: Path) -> None:
    value = make_value()
    path = make_history(tmp_path, value)
    with opened(path) as other:
        assert len(other.execute("SELECT * FROM history").fetchall()) == 400
        clean_history(str(path), make_edit(value))
        assert value not in str(other.execute("SELECT * FROM history").fetchall())
        other.execute("INSERT INTO history VALUES (8, 8, 'more', 'more')")
        other.commit()
    assert len(list_rows(path, "history")) == 401


def test_an_edit_that_fails_leaves_it_as_it_was(tmp_path: Path) -> None:
    value = make_value()
    path = make_history(tmp_path, value)
    before, left = list_rows(path, "history"), 300

    def fail(text: bytes) -> bytes:
        nonlocal left
        left -= 1
        if not left:
            raise ZeroDivisionError
        return make_edit(value)(text)

    with pytest.raises(ZeroDivisionError):
        clean_history(str(path), fail)
    assert list_rows(path, "history") == before and os.listdir(path.parent) == ["history.sqlite"]


def test_its_mode_and_owner_stay(tmp_path: Path) -> None:
    value = make_value()
    path = make_history(tmp_path, value)
    path.chmod(0o640)
    before = path.stat()
    clean_history(str(path), make_edit(value))
    after = path.stat()
    assert stat.S_IMODE(after.st_mode) == 0o640
    assert (after.st_uid, after.st_gid, after.st_ino) == (
        before.st_uid,
        before.st_gid,
        before.st_ino,
    )


def test_no_copy_is_written_anywhere_else(tmp_path: Path) -> None:
    strace = require_program("strace")
    value = make_value()
    path = make_history(tmp_path, value, rows=8000)  # more than SQLite keeps in memory by itself
    log = tmp_path / "log"
    prefix = [strace, "-f", "-qq", "-o", str(log), "-e", "trace=openat,open,creat,memfd_create"]
    assert drive(path, value, prefix=prefix).returncode == 0
    written = re.findall(r'"(.*?)", O_(?:WRONLY|RDWR)', log.read_text())
    assert {str(path), f"{path}-journal"} == {*written} - {os.devnull}
    assert "memfd" not in log.read_text()


def test_histories_are_found_where_ipython_keeps_them(tmp_path: Path) -> None:
    home, other = tmp_path / "home", tmp_path / "oth[e]r"
    for folder in (home / ".ipython/profile_b", home / ".ipython/profile_a", other / "profile_c"):
        folder.mkdir(parents=True)
        (folder / "history.sqlite").touch()
    (home / ".ipython/profile_link").mkdir()
    (home / ".ipython/profile_link/history.sqlite").symlink_to(other / "profile_c/history.sqlite")
    own = [f"{home}/.ipython/profile_{name}/history.sqlite" for name in "ab"]
    assert find_histories({"HOME": str(home)}) == own
    assert find_histories({"HOME": str(home), "IPYTHONDIR": ""}) == own
    assert find_histories({"HOME": str(home), "IPYTHONDIR": "~/.ipython/"}) == own
    assert find_histories({"HOME": str(home), "IPYTHONDIR": str(other)}) == [
        f"{other}/profile_c/history.sqlite"
    ]
    assert find_histories({}) == find_histories({"HOME": "", "IPYTHONDIR": "relative"}) == []


def test_a_copy_counts_and_other_databases_do_not(tmp_path: Path) -> None:
    path = make_history(tmp_path, "x", rows=1)
    data = path.read_bytes()
    assert is_history(str(path))
    copy = tmp_path / "history-corrupt.sqlite"  # as IPython calls one that it cannot read
    copy.write_bytes(data)
    assert is_history(str(copy))
    for name, content in {
        "other.sqlite": data,
        "history.sqlite": data.replace(b"source", b"sourze"),
        "history-1.sqlite": b"SQLite format 3\0",
        "history-2.sqlite": b"",
        "history-3.sqlite": b"no",
    }.items():
        (tmp_path / name).write_bytes(content)
        assert not is_history(str(tmp_path / name)), name


def test_one_in_use_is_still_known_to_be_one(tmp_path: Path) -> None:
    path = make_history(tmp_path, "x", rows=1)
    with opened(path) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert is_history(str(path))
