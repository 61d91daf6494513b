"""F13 to F16: scans of hostile trees and inputs, what they leave behind, hooks that were there."""

from __future__ import annotations

import base64
import os
import socket
import subprocess
from pathlib import Path

import pytest

from tests.cli.harness import PROGRAM, program
from tests.cli.scans import keep_patterns, make_token, store

SECONDS = 60
TOKEN = make_token("the stored one")
OTHER_USER = 65534


@pytest.fixture(autouse=True)
def _compiled() -> None:
    keep_patterns()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "work"
    made.mkdir()
    return made


def scan(
    folder: Path, *argv: str, before: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        [*before, *PROGRAM, "scan", "--no-input", *argv],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    said = done.stdout + done.stderr
    assert TOKEN.encode() not in said and b"\x1b" not in said and b"Traceback" not in said
    return done


def test_f13_a_hostile_tree_ends_and_shows_no_value(folder: Path) -> None:
    (folder / "loop").symlink_to(".")
    (folder / "endless").symlink_to("endless")
    os.mkfifo(folder / "fifo")
    (folder / "zero").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket"))
        with open(folder / "sparse", "wb") as file:
            file.truncate(10 * 1024**3)
        (folder / "binary").write_bytes(os.urandom(1024 * 1024))
        with open(os.path.join(os.fsencode(folder), b"new\nline \x1b[31m \xff"), "w") as named:
            named.write(TOKEN)
        deep = folder
        for _ in range(200):
            deep = deep / "d"
            deep.mkdir()
        (deep / "x").write_text(TOKEN)
        subprocess.run(["git", "-C", folder, "init", "-q"], check=True)
        done = scan(folder)
    assert done.returncode == 8 and done.stdout.count(b"hf_\xe2\x80\xa6") == 2
    assert b"new\\u{a}line \\u{1b}[31m \\xff:1:1" in done.stdout


_LOOK = """
import sys
sys.path.insert(0, sys.argv[1])
from credman.watch.scan import patterns, scanner, searching, walking
found = []
searcher = searching.Searcher(patterns.open_patterns("/nonexistent", None, engine="re"))
jobs = walking.walk(["."], sys.argv[2], found)
report = scanner.run(scanner.Scanner(searcher), jobs, threads=2, tick=lambda done: None)
print(len(report.findings), sorted((u.path, u.reason, u.matters) for u in report.unread + found))
"""


def test_f13_what_cannot_be_read_is_told(folder: Path) -> None:
    (folder / "closed").mkdir(mode=0o700)
    (folder / "closed.txt").write_text(TOKEN)
    (folder / "closed.txt").chmod(0o600)
    (folder / "open.txt").write_text(TOKEN)
    for parent in (folder, *folder.parents):
        if str(parent).startswith("/tmp/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    # As somebody else, for root may read everything; with what Debian's Python has.
    other = ("setpriv", f"--reuid={OTHER_USER}", f"--regid={OTHER_USER}", "--clear-groups")
    root = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(
        [*other, "/usr/bin/python3", "-B", "-c", _LOOK, root, str(folder)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    refused = [(name, "permission denied", True) for name in ("closed", "closed.txt")]
    assert done.stdout == f"1 {refused}\n"


def test_f13_proc_ends(folder: Path) -> None:
    assert scan(folder, "/proc/self").returncode in (0, 1)


@pytest.mark.parametrize(
    "piece", ["a", "sk-", "ghs_1_", "sk-ant-a-", "eyJ", "AKIA", "1:", "\\u0068", "xoxb-1-"]
)
def test_f14_catastrophic_input_takes_no_longer(folder: Path, piece: str) -> None:
    (folder / "x").write_text(piece * (10_000_000 // len(piece)))
    done = scan(folder)  # within the time that a test has
    assert done.returncode in (0, 1, 8) and b"(1 file, " in done.stdout


def test_f15_a_scan_keeps_no_value(folder: Path) -> None:
    store(TOKEN)
    (folder / "x").write_text(f"{TOKEN}\n{base64.b64encode(TOKEN.encode()).decode()}\n")
    before = {p for p in Path(os.environ["CREDMAN_HOME"]).rglob("*") if p.is_file()}
    done = program("scan", cwd=folder)
    assert done.returncode == 8 and done.stdout.count(b"your hf") == 2
    home = Path(os.environ["CREDMAN_HOME"])
    kept = {p for p in home.rglob("*") if p.is_file()}
    assert {p.name for p in kept - before} <= {"fingerprints", "fingerprints.key"}
    forms = [TOKEN.encode(), TOKEN.encode().hex().encode(), TOKEN.encode("utf-16-le")]
    forms += [base64.b64encode(b"x" * n + TOKEN.encode())[4:40] for n in range(3)]
    for path in kept:
        assert not any(form in path.read_bytes() for form in forms), path


def test_f16_a_hook_that_was_there_is_kept(folder: Path) -> None:
    run = ["git", "-C", str(folder), "-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run([*run, "init", "-q"], check=True)
    own = folder / ".git" / "hooks" / "pre-commit"
    own.parent.mkdir(exist_ok=True)
    own.write_text(f"#!/bin/sh\necho called >>{folder}/called\n")
    own.chmod(0o755)
    before = own.read_bytes()
    assert program("hook", "install", "--pre-commit", cwd=folder).returncode == 0
    (folder / "a").write_text("clean")
    subprocess.run([*run, "add", "a"], check=True)
    subprocess.run([*run, "commit", "-qm", "clean"], check=True, timeout=SECONDS)
    (folder / "b").write_text(TOKEN)
    subprocess.run([*run, "add", "b"], check=True)
    done = subprocess.run([*run, "commit", "-qm", "not"], capture_output=True, timeout=SECONDS)
    assert done.returncode == 1 and b"b:1:1" in done.stderr and TOKEN.encode() not in done.stderr
    assert (folder / "called").read_text() == "called\n" * 2
    assert program("hook", "uninstall", cwd=folder).returncode == 0
    assert own.read_bytes() == before
