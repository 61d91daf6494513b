"""What is packed is looked into, within bounds, whatever somebody made of it."""

from __future__ import annotations

import base64
import gzip
import io
import os
import random
import sqlite3
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credman.watch.scan import packed
from credman.watch.scan.content import Budget, Memory
from credman.watch.scan.findings import Report
from credman.watch.scan.packed import DEEPEST, MOST_BYTES, Unreadable, find_opener
from tests.watch.scan.scanning import scan, scan_tree

_VALUE = base64.b32encode(os.urandom(25))[:32]


def _zip(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def _scan(tmp_path: Path, data: bytes) -> Report:
    """Both as a file, and as a member of one that is packed itself."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file").write_bytes(data)
    report = scan_tree(tmp_path / "tree", [_VALUE])
    nested = scan(_zip({"file": data}, zipfile.ZIP_STORED), [_VALUE])
    assert {f.owner for f in report.findings} == {f.owner for f in nested.findings}
    return report


def _reasons(report: Report) -> list[str]:
    return [unread.reason for unread in report.unread]


def test_a_member_is_told_by_its_name_and_line(tmp_path: Path) -> None:
    report = _scan(tmp_path, _zip({"a/b.txt": b"x\n" + _VALUE, "c": b"clean"}))
    assert [(f.path, f.inside, f.line) for f in report.findings] == [("file", ("a/b.txt",), 2)]
    assert report.unread == []


def test_packing_in_packing_ends_somewhere() -> None:
    data = b"x " + _VALUE
    for _ in range(DEEPEST):
        data = gzip.compress(data)
    assert len(scan(data, [_VALUE]).findings) == 1
    report = scan(gzip.compress(data), [_VALUE])
    assert report.findings == [] and _reasons(report) == [
        "it is packed too often to be looked into"
    ]


def _make_quine() -> bytes:
    """A gzip member that unpacks to itself would be looked into for ever; this one unpacks to a
    gzip file that does again, a thousand times."""
    data = b"end"
    for _ in range(1000):
        data = gzip.compress(data, 0)
    return data


def test_a_gzip_file_of_gzip_files_is_left_after_a_few() -> None:
    report = scan(_make_quine(), [_VALUE])
    assert _reasons(report) == ["it is packed too often to be looked into"]


@pytest.mark.parametrize("kind", ["gzip", "zip", "nested"])
def test_a_bomb_is_left_before_it_takes_long(tmp_path: Path, kind: str) -> None:
    bomb = gzip.compress(bytes(MOST_BYTES + 1024 * 1024), 1)
    if kind == "zip":
        bomb = _make_zip_of(MOST_BYTES + 1024 * 1024)
    elif kind == "nested":
        bomb = _zip({str(n): gzip.compress(bytes(MOST_BYTES // 8), 1) for n in range(9)})
    report = scan(bomb, [_VALUE])
    assert {*_reasons(report)} == {"more than 512 MB came out of it: not looked at to its end"}


def _make_zip_of(size: int) -> bytes:
    out = io.BytesIO()
    archive = zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
    with archive, archive.open("a", "w") as member:
        for _ in range(size // (1024 * 1024)):
            member.write(bytes(1024 * 1024))
    return out.getvalue()


def _overlap() -> bytes:
    """A thousand names of one member."""
    one = _zip({"a": bytes(1_000_000)})
    place = one.rindex(b"PK\x01\x02")
    directory, end = one[place : one.rindex(b"PK\x05\x06")], one[one.rindex(b"PK\x05\x06") :]
    count = 1000
    counts = struct.pack("<HHI", count, count, len(directory) * count)
    return one[:place] + directory * count + end[:8] + counts + end[16:]


def test_members_that_overlap_do_not_multiply() -> None:
    report = scan(_overlap(), [_VALUE])
    assert report.findings == [] and report.unread


def _claim(count: int, entries: int) -> bytes:
    """A directory of many entries that says that it has few."""
    entry = b"PK\x01\x02" + bytes(42)
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, 46 * entries, 30, 0)
    return b"PK\x03\x04" + bytes(26) + entry * entries + end


@pytest.mark.parametrize(("count", "entries"), [(1, 300_000), (65_535, 300_000), (65_535, 10)])
def test_a_directory_does_not_lie_about_its_size(count: int, entries: int) -> None:
    report = scan(_claim(count, entries), [_VALUE])
    assert _reasons(report) == ["it has more than 100,000 members"] * (entries > 100_000)


def _damage() -> Iterator[tuple[str, bytes]]:
    whole = _zip({"a.txt": b"x" * 500, "b.txt": os.urandom(300)})
    local = whole.index(b"PK\x03\x04")
    yield "cut", whole[: len(whole) // 2]
    yield "head only", whole[:4]
    yield "no end", whole[: whole.rindex(b"PK\x05\x06")]
    yield "wrong sum", whole.replace(struct.pack("<I", zlib.crc32(b"x" * 500)), b"\1\2\3\4")
    place = whole.index(b"PK\x01\x02")
    yield "unknown method", whole[: place + 10] + b"\x63\0" + whole[place + 12 :]
    yield "far away", whole[: place + 42] + b"\xff\xff\xff\x7f" + whole[place + 46 :]
    yield "encrypted", whole[: place + 8] + b"\1\0" + whole[place + 10 :]
    yield "other name", whole[: local + 30] + b"z" + whole[local + 31 :]
    yield "gzip, cut", gzip.compress(os.urandom(5000))[:2000]
    yield "gzip, wrong sum", gzip.compress(b"x" * 100)[:-8] + b"12345678"
    yield "gzip, no more than a head", b"\x1f\x8b\x08\0"


@pytest.mark.parametrize(("name", "data"), [*_damage()], ids=[name for name, _ in _damage()])
def test_what_is_damaged_is_told_and_goes_on(tmp_path: Path, name: str, data: bytes) -> None:
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "damaged").write_bytes(data)
    (folder / "whole").write_bytes(b"x " + _VALUE)
    report = scan_tree(folder, [_VALUE])
    assert [f.path for f in report.findings] == ["whole"]
    assert report.unread and {unread.path for unread in report.unread} == {"damaged"}


_BEGINNINGS = {
    "zip": _zip({"a": b"x" * 50, "b": bytes(200)}),
    "gzip": gzip.compress(b"y" * 300),
}


def _make_database(*statements: str) -> bytes:
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        return connection.serialize()


_BEGINNINGS["sqlite"] = _make_database(
    "CREATE TABLE a (b TEXT, c INTEGER)",
    "INSERT INTO a VALUES ('text', 5)",
    "CREATE INDEX d ON a(b)",
)


@pytest.mark.parametrize("kind", _BEGINNINGS)
@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 6), cut=st.booleans())
def test_nothing_that_is_damaged_ends_the_scan(kind: str, seed: int, count: int, cut: bool) -> None:
    chance = random.Random(seed)
    data = bytearray(_BEGINNINGS[kind])
    for _ in range(count):
        data[chance.randrange(4, len(data))] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, 0x50])
    if cut:
        del data[chance.randrange(20, len(data)) :]
    assert scan(bytes(data), [_VALUE]).findings == []


def test_texts_and_blobs_of_a_database_are_read(tmp_path: Path) -> None:
    cell = f"CAST('p' || char(10) || '{_VALUE.decode()}' AS BLOB)"
    report = _scan(
        tmp_path,
        _make_database(
            'CREATE TABLE "a ""b"" ü" (x TEXT, "y z" BLOB) ',
            'INSERT INTO "a ""b"" ü" VALUES (\'one\', x\'00\')',
            f'INSERT INTO "a ""b"" ü" VALUES (NULL, {cell})',
        ),
    )
    assert [(f.inside, f.line) for f in report.findings] == [(('table a "b" ü, row 2',), 2)]


def test_nothing_of_a_database_is_executed(tmp_path: Path) -> None:
    endless = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n FROM r"
    data = _make_database(
        "CREATE TABLE a (x TEXT, y TEXT AS (hex(zeroblob(length(x) * 12000000))))",
        f"INSERT INTO a VALUES ('{_VALUE.decode()}')",
        f"CREATE VIEW v AS {endless}",
        "CREATE TRIGGER t INSERT ON a BEGIN SELECT RAISE(FAIL, 'executed'); END",
        "CREATE VIRTUAL TABLE f USING fts5(q)",
        f"INSERT INTO f VALUES ('{_VALUE.decode()}')",
    )
    report = _scan(tmp_path, data)
    tables = {f.inside[-1].split(",")[0] for f in report.findings if f.inside}
    assert "table a" in tables and "table f" not in tables
    assert report.unread == []


def test_a_view_that_calls_itself_a_table_is_not_asked() -> None:
    endless = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n FROM r"
    data = _make_database(
        "CREATE TABLE a (x TEXT)",
        "PRAGMA writable_schema = ON",
        f"UPDATE sqlite_master SET sql = 'CREATE VIEW a AS {endless} WHERE n < 0'",
    )
    assert _reasons(scan(data, [_VALUE])) == ["it is no whole sqlite database"]


def test_rows_that_hold_nothing_are_not_read_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r LIMIT 1000)"
    data = _make_database("CREATE TABLE a (x)", f"INSERT INTO a {numbers} SELECT NULL FROM r")
    assert scan(data, [_VALUE]).unread == []
    monkeypatch.setattr(packed, "_ROW_SECONDS", 0.0)
    assert _reasons(scan(data, [_VALUE])) == ["it takes too long to be read"]


def test_a_large_cell_is_not_taken_into_memory() -> None:
    data = _make_database("CREATE TABLE a (x BLOB)", "INSERT INTO a VALUES (zeroblob(30000000))")
    assert scan(data, [_VALUE]).findings == []


def test_a_database_that_another_process_holds_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    folder.mkdir()
    code = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode = " + sys.argv[2])
connection.execute("CREATE TABLE a (x TEXT)")
connection.execute("INSERT INTO a VALUES (?)", [sys.argv[3]])
connection.execute("BEGIN EXCLUSIVE")
connection.execute("INSERT INTO a VALUES ('not yet')")
print("ready", flush=True)
sys.stdin.read()
"""
    holders = []
    try:
        for mode in ("DELETE", "WAL"):
            run = [sys.executable, "-c", code, str(folder / f"{mode}.db"), mode, _VALUE.decode()]
            holder = subprocess.Popen(run, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            holders.append(holder)
            assert holder.stdout is not None and holder.stdout.readline() == b"ready\n"
        before = sorted(os.listdir(folder))
        report = scan_tree(folder, [_VALUE])
        assert {"DELETE.db", "WAL.db-wal"} <= {f.path for f in report.findings}
        assert report.unread == [] and sorted(os.listdir(folder)) == before
    finally:
        for holder in holders:
            holder.communicate(b"")


def test_what_is_held_in_memory_has_a_bound() -> None:
    large = gzip.compress(random.Random(1).randbytes(26 * 1024 * 1024), 0)
    report = scan(_zip({"a.gz": large}, zipfile.ZIP_STORED), [_VALUE])
    assert _reasons(report) == [
        "what is packed in it is packed again, and too large to be looked into"
    ]
    small = gzip.compress(_VALUE)
    budget = Budget(1 << 20, 1 << 20)
    opener = find_opener(small)
    assert opener is not None
    members = opener(Memory(small), budget)
    next(members)
    assert budget.held == (1 << 20) - len(small)
    assert [*members] == [] and budget.held == 1 << 20


def test_why_something_is_unreadable_is_said_in_words() -> None:
    assert str(Unreadable("it is closed by a password")) == "it is closed by a password"
    assert find_opener(b"") is None and find_opener(b"text") is None
