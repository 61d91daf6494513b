"""Tokens in the names of files, directories and members."""

from __future__ import annotations

import io
import random
import string
import zipfile
from collections.abc import Iterator
from pathlib import Path

from credman.watch.scan.findings import Report, Unread
from credman.watch.scan.jobs import Job, Opened, open_bytes
from credman.watch.scan.scanner import run
from tests.watch.scan.scanning import make_scanner, scan_tree

_CHANCE = random.Random(11)
_TOKEN = "hf_" + "".join(_CHANCE.choices(string.ascii_letters, k=34))
_OWN = "".join(_CHANCE.choices(string.ascii_letters + string.digits, k=28))


def _run(jobs: Iterator[Job]) -> Report:
    return run(make_scanner([_OWN.encode()]), jobs, threads=2, tick=lambda n: None)


def _show(report: Report) -> str:
    findings = [(f.path, f.inside) for f in report.findings]
    return repr((findings, report.unread, report.notes))


def test_a_token_in_the_name_of_a_file_is_found_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / f"model-{_TOKEN}.txt").write_text("nothing")
    (tmp_path / f"{_OWN}.json").write_text("{}")
    report = scan_tree(tmp_path, [_OWN.encode()])
    assert [(f.path, f.line, f.column, f.owner is not None) for f in report.findings] == [
        (f"…{_OWN[-4:]}.json", 0, 0, True),
        (f"model-hf_…{_TOKEN[-4:]}.txt", 0, 0, False),
    ]
    assert [f.value for f in report.findings] == [_OWN.encode(), _TOKEN.encode()]


def test_a_token_in_the_name_of_a_directory_is_found_once(tmp_path: Path) -> None:
    for name in ("a", "b", "c/d"):
        file = tmp_path / "runs" / _TOKEN / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("nothing")
    report = scan_tree(tmp_path)
    assert [f.path for f in report.findings] == [f"runs/hf_…{_TOKEN[-4:]}"]


def test_a_token_in_the_name_of_a_member_is_found_and_not_shown(tmp_path: Path) -> None:
    inner, outer = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr(f"x/{_TOKEN}/y", f"key={_OWN}")
    with zipfile.ZipFile(outer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.zip", inner.getvalue())
    (tmp_path / "a.zip").write_bytes(outer.getvalue())
    report = scan_tree(tmp_path, [_OWN.encode()])
    masked = f"x/hf_…{_TOKEN[-4:]}"
    own = [f for f in report.findings if f.owner is not None]
    named = [f for f in report.findings if f.value == _TOKEN.encode() and not f.line]
    assert [(f.path, f.inside) for f in own] == [("a.zip", ("inner.zip", f"{masked}/y"))]
    assert ("a.zip", ("inner.zip", masked)) in [(f.path, f.inside) for f in named]
    assert _TOKEN not in _show(report)


def test_what_cannot_be_read_and_remarks_do_not_show_a_token_either() -> None:
    def refuse() -> Opened:
        raise PermissionError(13, "Permission denied")

    pointer = b"version https://git-lfs.github.com/spec/v1\n"
    jobs = [
        Job(f"a/{_TOKEN}/closed", refuse),
        Job(f"{_OWN}.bin", lambda: open_bytes(pointer)),
    ]
    report = _run(iter(jobs))
    assert report.unread == [Unread(f"a/hf_…{_TOKEN[-4:]}/closed", "permission denied")]
    assert report.notes and _TOKEN not in _show(report) and _OWN not in _show(report)


def test_names_that_hold_none_stay_as_they_are(tmp_path: Path) -> None:
    names = ["plain.txt", "0123456789abcdef" * 2 + "01234567", "a\nb", "x=y"]
    for name in names:
        (tmp_path / name).write_text(_OWN)
    report = scan_tree(tmp_path, [_OWN.encode()])
    assert sorted(f.path for f in report.findings) == sorted(names)


def test_many_names_are_looked_through_piece_by_piece() -> None:
    def list_jobs() -> Iterator[Job]:
        for number in range(30_000):
            name = _TOKEN if number in (7, 15_000, 29_999) else "x" * 60
            yield Job(f"{number}/{name}", lambda: None)

    assert [f.path for f in _run(list_jobs()).findings] == [
        f"{number}/hf_…{_TOKEN[-4:]}" for number in (15_000, 29_999, 7)
    ]
