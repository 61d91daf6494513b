from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from credman.cli.accepting import accept_all, leave_accepted
from credman.cli.context import Context, Output
from credman.cli.knowing import Known, learn, make_scanner
from credman.cli.options import Invocation, Result, command
from credman.cli.scanning import check_paths, run_jobs, scan_paths, show_progress
from credman.cli.scanreport import (
    advise,
    describe,
    list_advice,
    list_unread,
    render_findings,
    render_json_report,
    show_path,
)
from credman.core.errors import NotFound, UsageError
from credman.watch.scan.findings import Report, Unread
from credman.watch.scan.scanner import Scanner

if TYPE_CHECKING:
    import typer


FINDINGS, FAILED = 8, 1
FORMATS = ("text", "json", "sarif")
_LARGEST_INPUT = 64 * 1024 * 1024
_MOST_UNREAD = 20


@command(selecting=False)
def scan(
    invocation: Invocation,
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH", help="Files and directories; else .", show_default=False),
    ] = None,
    staged: Annotated[
        bool, typer.Option("--staged", help="What the next commit would hold")
    ] = False,
    history: Annotated[
        bool, typer.Option("--history", help="All that this git repository has ever held")
    ] = False,
    upload: Annotated[
        str | None,
        typer.Option("--upload", metavar="DIR", help="What upload_folder(DIR) would send"),
    ] = None,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="A pasted text, such as an error of the Hub")
    ] = False,
    respect_gitignore: Annotated[
        bool, typer.Option("--respect-gitignore", help="Leave out what git ignores")
    ] = False,
    format: Annotated[  # noqa: A002 - the option's name
        str | None, typer.Option("--format", metavar="FORMAT", help="One of text, json, sarif")
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option("--baseline", metavar="FILE", help="Findings that were accepted before"),
    ] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Accept all that is found, in the baseline")
    ] = False,
    no_store: Annotated[
        bool, typer.Option("--no-store", help="Do not open the store for its values")
    ] = False,
) -> Result:
    """Find leaked tokens: your stored values in every encoding, and what looks like a token.

    Files that git ignores are looked at as well, and members of archives, cells and outputs of
    notebooks, rows of sqlite databases. Ends with 8 if something was found, with 1 if a file could
    not be read.

    Example: credman scan --staged
    """
    context = invocation.context
    check_paths(context, paths or ())
    chosen = format or "text"
    if chosen not in FORMATS:
        raise UsageError("--format takes text, json or sarif")
    ways = [
        name
        for name, is_given in (
            ("--staged", staged),
            ("--history", history),
            ("--upload", upload is not None),
            ("--stdin", stdin),
            ("PATH", bool(paths)),
        )
        if is_given
    ]
    if len(ways) > 1:
        raise UsageError(f"{ways[0]} and {ways[1]} exclude each other")
    if respect_gitignore and ways and ways != ["PATH"]:
        raise UsageError(f"--respect-gitignore and {ways[0]} exclude each other")
    if upload is not None:
        _check_folder(context, upload)
    text = _read_input(context) if stdin else b""
    known = learn(invocation, opens=not no_store)
    scanner = make_scanner(invocation, known)
    chosen_paths = paths or ["."]
    with show_progress(context) as tick:
        root = context.cwd
        if staged or history:
            report, root = _scan_git(context, scanner, tick, staged=staged)
        elif upload is not None:
            report = _scan_upload(context, scanner, upload, tick)
        elif stdin:
            from credman.cli.scanhub import scan_text

            report = scan_text(scanner, text)
        else:
            report = scan_paths(context, scanner, chosen_paths, tick, respects=respect_gitignore)
    if accept:
        looked_at = chosen_paths if ways in ([], ["PATH"]) else []
        accept_all(context, root, baseline, report, looked_at)
        return None
    report = leave_accepted(context, root, baseline, report)
    if chosen == "text":
        print_report(context, report, known, context.stdout)
        if stdin:
            from credman.cli.scanhub import explain_text

            explain_text(context, scanner, text, report)
        if upload is not None:
            from credman.cli.scanhub import tell_refusal

            tell_refusal(context, report)
        if report.findings and not (stdin or history):
            words = shlex.join([upload] if upload is not None else paths or [])
            context.note(f"take them out: credman clean --dry-run {words}".rstrip())
    else:
        _print_for_programs(context, report, known, chosen)
    if report.findings:
        return FINDINGS
    return FAILED if any(unread.matters for unread in report.unread) else None


def _check_folder(context: Context, folder: str) -> None:
    full = os.path.join(context.cwd, folder)
    if not os.path.lexists(full):
        raise NotFound(f"there is no directory {folder}")
    if not os.path.isdir(full):
        hint = "the one that is given to upload_folder"
        raise UsageError("--upload takes a directory", hint=hint)


def _scan_upload(
    context: Context, scanner: Scanner, folder: str, tick: Callable[[int], None]
) -> Report:
    from credman.watch.scan.hub import walk_upload

    problems: list[Unread] = []
    return run_jobs(scanner, walk_upload(folder, context.cwd, problems), problems, tick)


def _scan_git(
    context: Context, scanner: Scanner, tick: Callable[[int], None], *, staged: bool
) -> tuple[Report, str]:
    """Returns: what was found, and what its paths are relative to."""
    from credman.cli.scangit import find_root, scan_staged
    from credman.watch.scan.git import Repository

    with Repository(context.cwd, context.inherited) as repository:
        root = find_root(repository) or context.cwd
        if staged:
            return scan_staged(scanner, repository, tick), root
        from credman.watch.scan.history import scan_history

        return scan_history(scanner, repository, tick=tick), root


def _read_input(context: Context) -> bytes:
    if context.stdin.is_terminal:
        context.note("paste the text, then Ctrl-D on a line of its own")
    text = context.stdin.read(_LARGEST_INPUT)
    if len(text) > _LARGEST_INPUT:
        raise UsageError(f"standard input holds more than {_LARGEST_INPUT // 2**20} MB")
    return text


def _print_for_programs(context: Context, report: Report, known: Known, chosen: str) -> None:
    catalogue = context.catalogue
    if chosen == "json":
        knows = {"values": known.count, "remark": known.remark or None}
        context.stdout.print(render_json_report(report, catalogue, knows=knows))
        return
    from credman.watch.scan.sarif import render_sarif

    context.stdout.print(render_sarif(report, lambda f: (describe(f), advise(f, catalogue))))


def print_report(context: Context, report: Report, known: Known, output: Output) -> None:
    """Prints what was found, for people. Args: output: where the findings go."""
    catalogue = context.catalogue
    output.print(render_findings(context, report, output))
    unread = list_unread(report)
    for line in unread[:_MOST_UNREAD]:
        context.warn(f"not read: {line}")
    if len(unread) > _MOST_UNREAD:
        context.warn(f"not read: {len(unread) - _MOST_UNREAD} more")
    for note in report.notes:
        context.note(show_path(note))
    if known.remark:
        context.note(known.remark)
    for advice in list_advice(report.findings, catalogue):
        context.note(advice)
