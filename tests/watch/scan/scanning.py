"""A scan of a few bytes, as the command does it."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from credman.core.model import VersionState
from credman.watch.scan import patterns
from credman.watch.scan.findings import Owner, Report
from credman.watch.scan.jobs import Job, open_bytes
from credman.watch.scan.needles import compile_needles, make_needles
from credman.watch.scan.patterns import Patterns, open_patterns
from credman.watch.scan.scanner import Scanner, run
from credman.watch.scan.searching import Searcher
from credman.watch.scan.walking import walk
from tests.requirements import require

ROOT = Path(__file__).parents[3]
NOWHERE = "/nonexistent"


@functools.cache
def open_engine(name: str) -> Patterns:
    """Args: name: one of ``ENGINES``; skips if it is not installed."""
    try:
        return open_patterns(NOWHERE, None, engine=name, may_keep=False)
    except ImportError:
        require(False, f"{name} is not installed")
        raise


def make_scanner(values: Sequence[bytes] = (), *, engine: str = "") -> Scanner:
    """Args: values: of tokens called ``token0``, ``token1``, …"""
    engine = engine or patterns.find_engine()
    needles = make_needles(values)
    owners = [
        Owner(f"token{n}", "default", "default", 1, VersionState.CURRENT)
        for n in range(len(values))
    ]
    matcher = compile_needles(needles, engine=engine)
    return Scanner(Searcher(open_engine(engine), needles, matcher), owners)


def scan(
    data: bytes, values: Sequence[bytes] = (), *, name: str = "a.txt", engine: str = ""
) -> Report:
    """Returns: what is found in one file."""
    scanner = make_scanner(values, engine=engine)
    scanner.scan(Job(name, lambda: open_bytes(data)))
    return scanner.report


def scan_tree(root: Path | str, values: Sequence[bytes] = (), *, threads: int = 2) -> Report:
    """Returns: what is found in a directory."""
    scanner = make_scanner(values)
    problems = scanner.report.unread
    return run(scanner, walk(["."], str(root), problems), threads=threads, tick=lambda done: None)


def scan_elsewhere(value: bytes, *arguments: str, user: int = 0, seconds: float = 120) -> list[str]:
    """Scans in a process of its own.

    Args:
        arguments: absolute paths.
        user: whose rights it has; 0: the same.

    Returns:
        The number of findings, what could not be read, and how much memory it took at most.
    """
    code = """
import os, sys
from credman.watch.scan.scanner import run
from credman.watch.scan.walking import walk
from tests.watch.scan.scanning import make_scanner
scanner = make_scanner([sys.argv[1].encode()])
user = int(sys.argv.pop(2))
if user:
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
jobs = walk(sys.argv[2:], "/", scanner.report.unread)
report = run(scanner, jobs, threads=2, tick=lambda n: None)
print(len(report.findings))
for unread in report.unread:
    print(os.fsencode(unread.path).decode("ascii", "replace"), unread.reason, sep=": ")
with open("/proc/self/status") as status:  # getrusage tells of the parent as well
    print(next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM")), "MB")
"""
    command = [sys.executable, "-c", code, value.decode(), str(user), *arguments]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
