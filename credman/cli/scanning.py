"""What scans of files share: where to look, and how long it takes.

Rule: what cannot be looked at is told, and never passes for clean.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from credman.cli.context import Context
from credman.cli.progress import is_shown, make_bar
from credman.core.errors import NotFound, UsageError
from credman.watch.scan import patterns
from credman.watch.scan.findings import Report, Unread
from credman.watch.scan.scanner import Scanner, run

if TYPE_CHECKING:
    from credman.watch.scan.jobs import Job

_THREADS = 2
_BAR_SECONDS = 2.0
_PIPED = "what comes through a pipe: credman scan --stdin"


def check_paths(context: Context, paths: Iterable[str]) -> None:
    """Args: paths: as they were given.

    Raises:
        NotFound; UsageError: one is neither a file nor a directory.
    """
    if context.is_cwd_gone:  # else all of the machine would be looked at instead of it
        raise NotFound("the current directory is gone", hint="cd to one that is there")
    for path in paths:
        _check_path(context, path)


def _check_path(context: Context, path: str) -> None:
    if not path:  # a variable that is not set, as a rule
        raise UsageError("a PATH is empty", hint="this directory is .")
    full = os.path.join(context.cwd, path)
    if not os.path.lexists(full):
        hint = _PIPED if path == "-" else ""
        raise NotFound(f"there is no file or directory {path}", hint=hint)
    try:
        mode = os.stat(full).st_mode
    except OSError:
        return  # the scan says why it cannot be read
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UsageError(f"{path} is neither a file nor a directory", hint=_PIPED)


def scan_paths(
    context: Context,
    scanner: Scanner,
    paths: list[str],
    tick: Callable[[int], None],
    *,
    respects: bool = False,
) -> Report:
    """Args:
    paths: files and directories; none is named in it that cannot be looked at.
    tick: as ``run`` takes it.
    respects: what git ignores is left out.
    """
    problems: list[Unread] = []
    if respects:
        from credman.watch.scan.worktree import list_unignored

        jobs: Iterable[Job] = list_unignored(paths, context.cwd, context.inherited, problems)
    else:
        from credman.watch.scan.walking import walk

        jobs = walk(paths, context.cwd, problems)
    return run_jobs(scanner, _leave_own(context, jobs), problems, tick)


def _leave_own(context: Context, jobs: Iterable[Job]) -> Iterator[Job]:
    # The compiled patterns look like what they find.
    own = os.path.join(context.paths.state, patterns.FILE)
    for job in jobs:
        if job.path.endswith(patterns.FILE):
            with contextlib.suppress(OSError):
                if os.path.samefile(os.path.join(context.cwd, job.path), own):
                    continue
        yield job


def run_jobs(
    scanner: Scanner, jobs: Iterable[Job], problems: list[Unread], tick: Callable[[int], None]
) -> Report:
    """Returns: what was found, with the problems of whoever lists the jobs."""
    report = run(scanner, jobs, threads=_THREADS, tick=tick)
    report.unread += problems
    scanner.mask_names(report)  # what could not be read has a name as well
    return report


@contextmanager
def show_progress(context: Context) -> Iterator[Callable[[int], None]]:
    """What was looked through so far, on a terminal, once it takes longer than people like."""
    if not is_shown(context):
        yield lambda count: None
        return
    import time

    from rich.progress import SpinnerColumn, TextColumn

    began = time.monotonic()
    with make_bar(context, SpinnerColumn(), TextColumn("{task.description}")) as progress:
        task = progress.add_task("")

        def tick(count: int) -> None:
            if time.monotonic() - began > _BAR_SECONDS:
                progress.start()
                progress.update(task, description=f"{count / 1e6:,.0f} MB")

        yield tick
