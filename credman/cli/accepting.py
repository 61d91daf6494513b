"""Findings that were accepted before: the baseline beside what is scanned.

Rules: a stored value is never accepted; a file that somebody else has put there makes nobody wait.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from credman.cli.context import Context
from credman.cli.scanreport import show_path
from credman.core.errors import UsageError
from credman.stores import disk
from credman.watch.scan import baseline as baselines
from credman.watch.scan.findings import Finding, Report


def _find_baseline(context: Context, root: str, given: str | None) -> str | None:
    if given is not None:
        return os.path.join(context.cwd, given)
    usual = os.path.join(root, baselines.FILE)
    return usual if os.path.lexists(usual) else None


def _read_baseline(file: str) -> bytes:
    """Raises: UsageError: it cannot be read, or is none."""
    shown = show_path(file)
    try:
        # A project chooses what lies there: a pipe would never end, and a link may lead to one.
        descriptor = os.open(file, disk.READ_FLAGS)
    except OSError as error:
        is_link = error.errno == errno.ELOOP
        reason = "it is a link, which is not followed" if is_link else _reason(error)
        raise UsageError(f"{shown}: {reason}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UsageError(f"{shown}: it is no file, so no baseline")
    with open(descriptor, "rb") as opened:
        try:
            data = opened.read(baselines.LARGEST + 1)
        except OSError as error:
            raise UsageError(f"{shown}: {_reason(error)}") from None
    if len(data) > baselines.LARGEST:
        raise UsageError(f"{shown}: it is no baseline")
    return data


def _reason(error: OSError) -> str:
    return (error.strerror or "failed").lower()


def _place(finding: Finding, root: str, file: str) -> Finding:
    # A baseline names files from where it lies, wherever the scan was begun.
    full = os.path.normpath(os.path.join(root, finding.path))
    return replace(finding, path=os.path.relpath(full, os.path.dirname(file)))


def leave_accepted(context: Context, root: str, given: str | None, report: Report) -> Report:
    """Args:
        root: what the findings' paths are relative to.
        given: the baseline; None: the usual one, if it is there.

    Returns:
        The report without what was accepted before.
    """
    file = _find_baseline(context, root, given)
    if file is None:
        return report
    accepted = baselines.parse_baseline(_read_baseline(file), show_path(file))
    left = [
        finding
        for finding in report.findings
        if finding.owner is not None or not accepted.accepts(_place(finding, root, file))
    ]
    return replace(report, findings=left, accepted=len(report.findings) - len(left))


def accept_all(
    context: Context, root: str, given: str | None, report: Report, paths: Sequence[str]
) -> None:
    """Writes a baseline that accepts what was found, and what it accepted elsewhere before.

    Args: as ``leave_accepted``, and
        paths: files and directories, relative to ``root``, of which all was looked at: what was
            accepted in them before, and is there no more, is left out.

    Raises:
        Refused: one of them is a stored value, or so simple that its digest would give it away.
    """
    file = _find_baseline(context, root, given) or os.path.join(root, baselines.FILE)
    data = _read_baseline(file) if os.path.lexists(file) else None
    former = (
        baselines.new_baseline()
        if data is None
        else baselines.parse_baseline(data, show_path(file))
    )
    placed = [_place(finding, root, file) for finding in report.findings]
    accepted = baselines.accept(former, placed)
    text = baselines.render_baseline(accepted, placed)
    if data is not None:
        folder = os.path.dirname(file)
        within = [os.path.relpath(os.path.join(root, path), folder) for path in paths]
        text = _join(json.loads(data), json.loads(text), within)
    baselines.write_baseline(file, text)
    count = "one finding" if len(placed) == 1 else f"{len(placed)} findings"
    context.note(f"accepted {count} in {show_path(os.path.relpath(file, context.cwd))}")


def _join(former: dict[str, Any], new: dict[str, Any], within: Sequence[str]) -> str:
    """Args: within: of what was looked at, relative to the baseline. Returns: the file's text."""
    kept = [item for item in former["accepted"] if not _is_within(_path_of(item), within)]
    by_digest = {item["digest"]: item for item in (*kept, *new["accepted"])}
    joined = sorted(by_digest.values(), key=lambda item: (_path_of(item), item["digest"]))
    return json.dumps({**new, "accepted": joined}, indent=2, ensure_ascii=False) + "\n"


def _path_of(item: dict[str, Any]) -> str:
    return str(item.get("path", ""))


def _is_within(path: str, folders: Sequence[str]) -> bool:
    below = [folder for folder in folders if folder != "."]
    is_all = len(below) < len(folders) and path != ".." and not path.startswith("../")
    return is_all or any(path == folder or path.startswith(f"{folder}/") for folder in below)
