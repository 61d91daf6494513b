"""What scans of a repository share: the command, and the hooks."""

from __future__ import annotations

import os
from collections.abc import Callable

from credman.watch.scan.findings import Report
from credman.watch.scan.git import Repository
from credman.watch.scan.known import note_known
from credman.watch.scan.scanner import Scanner, run
from credman.watch.scan.worktree import list_staged, split_known


def find_root(repository: Repository) -> str | None:
    """Returns: the top of its working tree; None: it has none."""
    answer = repository.ask("rev-parse", "--show-toplevel")
    found = answer.out.removesuffix(b"\n")
    return os.fsdecode(found) if answer.code == 0 and found else None


def scan_staged(
    scanner: Scanner, repository: Repository, tick: Callable[[int], None] = lambda done: None
) -> Report:
    """Returns: what the next commit would bring; of what HEAD has already a note tells.

    Raises:
        Unavailable
    """
    staged = list_staged(repository)
    # One thread: git hands the objects out one after the other.
    report = run(scanner, staged.jobs, threads=1, tick=tick)
    report.notes += staged.notes
    report.findings, known = split_known(report.findings, staged, repository, scanner)
    if known:
        report.notes.append(note_known(known))
    return report
