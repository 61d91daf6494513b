"""Trees that somebody made to stop a scan, or to lead it elsewhere."""

from __future__ import annotations

import base64
import os
import random
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from credman.watch.scan.content import WINDOW
from credman.watch.scan.findings import Report, Unread
from credman.watch.scan.jobs import Job, Opened, open_bytes, open_file
from credman.watch.scan.scanner import run
from credman.watch.scan.walking import walk
from tests.requirements import require
from tests.watch.scan.scanning import make_scanner, scan_elsewhere, scan_tree

ROOT = Path(__file__).parents[3]
_VALUE = base64.b32encode(os.urandom(25))[:32]


def _paths(report: Report) -> list[str]:
    return sorted(finding.path for finding in report.findings)


def test_f13_links_are_not_followed(tmp_path: Path) -> None:
    tree, outside = tmp_path / "tree", tmp_path / "outside"
    (tree / "a" / "b").mkdir(parents=True)
    outside.mkdir()
    (outside / "secret").write_bytes(_VALUE)
    (tree / "a" / "own").write_bytes(_VALUE)
    (tree / "a" / "b" / "up").symlink_to(tree)
    (tree / "self").symlink_to("self")
    (tree / "there").symlink_to(outside)
    (tree / "file").symlink_to(outside / "secret")
    (tree / "gone").symlink_to("nothing")
    report = scan_tree(tree, [_VALUE])
    assert _paths(report) == ["a/own"] and report.unread == []
    with pytest.raises(OSError, match="symbolic link"):  # it became one after it was listed
        open_file(os.fsencode(tree / "file"))


def test_a_path_that_is_named_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "x").write_bytes(_VALUE)
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "file").symlink_to("real/x")
    scanner = make_scanner([_VALUE])
    jobs = walk(["link", "file"], str(tmp_path), scanner.report.unread)
    assert _paths(run(scanner, jobs, threads=1, tick=lambda n: None)) == ["file", "link/x"]


def test_what_is_no_file_is_left(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(os.path.relpath(tmp_path / "socket"))
    if os.geteuid() == 0:
        os.mknod(tmp_path / "zero", 0o20666, os.makedev(1, 5))
    (tmp_path / "file").write_bytes(_VALUE)
    with listening:
        assert (_paths(report := scan_tree(tmp_path, [_VALUE])), report.unread) == (["file"], [])
        named = make_scanner([_VALUE])
        jobs = walk(["fifo", "zero", "socket"], str(tmp_path), [])
        assert run(named, jobs, threads=1, tick=lambda n: None).findings == []


def test_f13_names_may_hold_anything(tmp_path: Path) -> None:
    names = [b"a\nb", b"\x1b[2Jx", b"\xff\xfe", "ü".encode(), b" ", b"-rf", b"a'\"b", b"x" * 255]
    for name in names:
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
            file.write(_VALUE)
    report = scan_tree(tmp_path, [_VALUE])
    assert _paths(report) == sorted(map(os.fsdecode, names)) and report.unread == []


def test_a_path_that_is_not_there_is_told(tmp_path: Path) -> None:
    problems: list[Unread] = []
    assert [*walk(["missing"], str(tmp_path), problems)] == []
    assert [(u.path, u.reason) for u in problems] == [("missing", "no such file or directory")]


def test_what_may_not_be_read_is_told(tmp_path: Path) -> None:
    require(os.geteuid() == 0, "only root can be somebody else")
    tree = Path("/var/tmp") / f"credman-{os.getpid()}-{random.randrange(10**9)}"
    try:
        (tree / "closed").mkdir(parents=True)
        (tree / "closed" / "x").write_bytes(_VALUE)
        (tree / "file").write_bytes(_VALUE)
        (tree / "open").write_bytes(_VALUE)
        (tree / "closed").chmod(0)
        (tree / "file").chmod(0)
        lines = scan_elsewhere(_VALUE, str(tree), user=12345)
        assert lines[0] == "1"
        assert sorted(lines[1:-1]) == [
            f"{tree}/closed: permission denied", f"{tree}/file: permission denied",
        ]  # fmt: skip
    finally:
        shutil.rmtree(tree, ignore_errors=True)


def test_holes_take_no_time(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with open(path, "wb") as file:
        file.truncate(10 * 2**30)
        for place in (0, 5 * 2**30 + 4090, 10 * 2**30 - len(_VALUE)):
            file.seek(place)
            file.write(_VALUE)
    require(path.stat().st_blocks < 2**20, "the file system knows no holes")
    begun = time.monotonic()
    report = scan_tree(tmp_path, [_VALUE])
    assert len(report.findings) == 3 and report.unread == []
    assert time.monotonic() - begun < 60  # a guard: to read it all takes longer


def test_a_file_may_become_shorter_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "shrinking"
    path.write_bytes(b"x" * (3 * WINDOW))

    opened = open_file(os.fsencode(path))
    assert opened is not None
    windows = opened.content.windows()
    next(windows)
    path.write_bytes(b"short")
    assert sum(len(window.data) for window in windows) == 0
    opened.close()
    path.write_bytes(_VALUE)
    opened = open_file(os.fsencode(path))
    assert opened is not None
    path.write_bytes(b"")
    assert [window.data for window in opened.content.windows()] == [b""]
    opened.close()


def test_files_that_come_and_go_are_no_failure(tmp_path: Path) -> None:
    ends = threading.Event()

    def change() -> None:
        chance = random.Random(1)
        while not ends.is_set():
            path = tmp_path / str(chance.randrange(40))
            match chance.randrange(4):
                case 0:
                    path.unlink(missing_ok=True)
                case 1 if not path.exists():
                    path.symlink_to("/etc/hostname")
                case 2 if not path.exists():
                    os.mkfifo(path)
                case _ if path.is_file() and not path.is_symlink():
                    path.write_bytes(b"y" * chance.randrange(5_000))
                case _:
                    path.unlink(missing_ok=True)
                    path.write_bytes(b"z" * 3_000_000)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(15):
            report = scan_tree(tmp_path, [_VALUE])
            assert report.findings == []
            assert {u.reason for u in report.unread} <= {
                "too many levels of symbolic links",  # it became a link after it was listed
            }
    finally:
        ends.set()
        thread.join()


def test_a_tree_may_be_deep(tmp_path: Path) -> None:
    depth = 900  # deeper ones have paths that are longer than the system takes
    before = os.open(tmp_path, os.O_RDONLY)
    folder = before
    for _ in range(depth):
        os.mkdir("d", dir_fd=folder)
        inner = os.open("d", os.O_RDONLY, dir_fd=folder)
        if folder != before:
            os.close(folder)
        folder = inner
    with os.fdopen(os.open("x", os.O_CREAT | os.O_WRONLY, dir_fd=folder), "wb") as file:
        file.write(_VALUE)
    os.close(folder)
    os.close(before)
    report = scan_tree(tmp_path, [_VALUE])
    assert len(report.findings) == 1 and report.unread == []


def test_a_tree_that_is_too_deep_is_told(tmp_path: Path) -> None:
    begin = os.open(tmp_path, os.O_RDONLY)
    folder = begin
    for _ in range(300):
        os.mkdir("d" * 50, dir_fd=folder)
        inner = os.open("d" * 50, os.O_RDONLY, dir_fd=folder)
        if folder != begin:
            os.close(folder)
        folder = inner
    os.close(folder)
    os.close(begin)
    report = scan_tree(tmp_path, [_VALUE])
    assert [u.reason for u in report.unread] == ["file name too long"]
    subprocess.run(["rm", "-rf", str(tmp_path / ("d" * 50))], check=True)


_SYSTEM = [
    p for p in ("/proc/self", "/proc/kcore", "/sys/kernel", "/dev/zero") if os.path.exists(p)
]


@pytest.mark.parametrize("path", _SYSTEM)
def test_the_system_s_own_files_are_left(path: str) -> None:
    scanner = make_scanner([_VALUE])
    jobs = walk([path], "/", scanner.report.unread)
    report = run(scanner, jobs, threads=1, tick=lambda n: None)
    assert (report.findings, report.files) == ([], 0)


def test_of_git_only_the_configuration_is_read(tmp_path: Path) -> None:
    for place in ("a/.git/config", "a/.git/objects/12/34", "a/.git/HEAD", "a/sub/.git"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(_VALUE)
    assert _paths(scan_tree(tmp_path, [_VALUE])) == ["a/.git/config", "a/sub/.git"]


def test_a_failure_of_one_thread_ends_the_scan(tmp_path: Path) -> None:
    def fail() -> Opened | None:
        raise ZeroDivisionError

    def jobs() -> Iterator[Job]:
        for n in range(500):
            yield Job(str(n), fail if n == 200 else lambda: open_bytes(b"x"))

    with pytest.raises(ZeroDivisionError):
        run(make_scanner(), jobs(), threads=2, tick=lambda n: None)
    assert threading.active_count() == 1
