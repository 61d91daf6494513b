"""Tar files, zip files behind a program, packed blobs, and what a file that is packed is called."""

from __future__ import annotations

import base64
import gzip
import io
import os
import sqlite3
import tarfile
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from credman.watch.scan.content import guess_wide
from tests.watch.scan.scanning import scan, scan_tree

_VALUE = base64.b32encode(os.urandom(25))[:32]


def _tar(members: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def _zip(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_members_of_a_tar_file_are_told_by_name_and_line(form: int) -> None:
    long = "d" * 90 + "/" + "ü" * 20 + "/x.txt"
    inner = gzip.compress(b"one\ntwo\n" + _VALUE)
    members = {"a": b"x" * 700, long: b"first\n " + _VALUE, "run.log.gz": inner, "z": b""}
    for data, name, before in (
        (_tar(members, form), "a.tar", ()),
        (gzip.compress(_tar(members, form)), "a.tgz", ("a.tar",)),
    ):
        report = scan(data, [_VALUE], name=name)
        assert [(f.inside, f.line, f.column) for f in report.findings] == [
            ((*before, long), 2, 2),
            ((*before, "run.log.gz", "run.log"), 3, 1),
        ]
        assert report.unread == []


def test_nothing_in_a_tar_file_is_extracted_or_followed(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        outside = tarfile.TarInfo("../outside")
        outside.size = len(_VALUE)
        archive.addfile(outside, io.BytesIO(_VALUE))
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a.tar").write_bytes(out.getvalue())
    report = scan_tree(tmp_path / "tree", [_VALUE])
    assert [f.inside for f in report.findings] == [("../outside",)]
    assert os.listdir(tmp_path / "tree") == ["a.tar"] and report.unread == []
    assert not (tmp_path / "outside").exists()


def test_a_damaged_tar_file_is_told() -> None:
    data = bytearray(_tar({"a": b"x" * 512, "b": b"y"}))
    header = data.index(b"ustar", 600)
    data[header - 100] ^= 1
    report = scan(bytes(data) + _VALUE, [_VALUE])
    assert len(report.findings) == 1 and len(report.unread) == 1


@pytest.mark.parametrize(
    ("name", "program"),
    [("a.pyz", b"#!/usr/bin/env python3\n"), ("tool", b"\x7fELF" + bytes(9000)), ("x.exe", b"MZ")],
)
def test_a_zip_file_behind_a_program_is_looked_into(name: str, program: bytes) -> None:
    report = scan(program + _zip({"settings.txt": b"a\n" + _VALUE}), [_VALUE], name=name)
    assert [(f.inside, f.line) for f in report.findings] == [(("settings.txt",), 2)]


def test_a_program_that_writes_zip_files_is_none() -> None:
    for tail in (b"PK\5\6" + bytes(400), b"PK\5\6", b"PK\5\6" + bytes(18)):
        report = scan(b"\x7fELF" + b"x" * 500 + tail)
        assert report.unread == []


def test_a_blob_of_a_database_may_be_packed() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE a (x TEXT, y BLOB, z BLOB)")
        blobs = gzip.compress(b"1\n" + _VALUE), _zip({"b": _VALUE})
        connection.execute("INSERT INTO a VALUES ('text', ?, ?)", blobs)
        connection.commit()
        data = connection.serialize()
    row = "table a, row 1"
    found = {f.inside for f in scan(data, [_VALUE]).findings}
    assert found == {(row, "b"), (row, "contents")}


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_text_of_other_letters_is_told_by_its_blanks(codec: str) -> None:
    text = "模型的訓練參數和說明文字在這裡沒有任何拉丁字母的長句子一直寫下去" * 2
    text += "\n參數 說明\r\n" * 20 + f"key = {_VALUE.decode()}\n"
    assert guess_wide(text.encode(codec)[:4096]) == codec
    assert [f.line for f in scan(text.encode(codec), [_VALUE]).findings] == [41]


def test_other_bytes_are_not_taken_for_wide_text() -> None:
    for seed in range(50):
        data = b"".join(os.urandom(3) + b"\0" for _ in range(1000))
        assert guess_wide(data) is None, seed
    assert guess_wide(bytes(range(256)) * 16) is None


def test_settings_of_submodules_and_other_working_trees_are_read(tmp_path: Path) -> None:
    git = tmp_path / "repo" / ".git"
    read = [
        "config",
        "modules/a/config",
        "modules/a/modules/b/config",
        "worktrees/w/config.worktree",
        "config.worktree",
    ]
    for name in [*read, "objects/config", "hooks/config", "modules/a/objects/config", "modules/x"]:
        (git / name).parent.mkdir(parents=True, exist_ok=True)
        (git / name).write_bytes(_VALUE)
    found = {f.path for f in scan_tree(tmp_path, [_VALUE]).findings}
    assert found == {f"repo/.git/{name}" for name in read}
