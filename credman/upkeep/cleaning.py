"""What is to be done about tokens that were found in files: a plan, and carrying it out.

Rule: a plan changes nothing, and whoever decides has seen it. What is carried out replaces files
whole; what cannot be done is told, and stays as it was.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from credman.core.errors import CredmanError
from credman.upkeep import ipythonhistory, replacing
from credman.upkeep.replacing import Kept, Read
from credman.watch.clean import editing
from credman.watch.clean.copies import CHECKPOINTS, describe_copy
from credman.watch.clean.editing import Left, Rewrite, edit_file
from credman.watch.clean.logins import find_login
from credman.watch.scan.findings import Finding

_MASK = "…"
"""In a path that is shown, it stands for a token."""
JOURNALS = ("-wal", "-journal")
"""What sqlite puts beside a database: it belongs to it, and may hold what the database does not
hold yet."""

Look = Callable[[str, bytes], Sequence[Finding]]
"""Gives what a scan finds in these bytes, as the file of that path."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Args:
    cwd: what the findings' paths are relative to.
    environ: of the caller.
    home: absolute.
    histories: files of shells, absolute.
    may_edit_histories: somebody asked for it.
    fallback: where Jupyter makes checkpoints that have no place of their own.
    """

    cwd: str
    environ: Mapping[str, str]
    home: str
    histories: frozenset[str]
    may_edit_histories: bool
    fallback: str


@dataclass(frozen=True, slots=True)
class Change:
    """Args:
    path: as the findings name it.
    rewrite: what becomes of it; None: it is deleted, or a database whose rows change.
    reason: why it may be deleted, in words; empty: it is not.
    left: what stays in it all the same.
    """

    path: str
    findings: tuple[Finding, ...]
    found: Read = field(repr=False)
    rewrite: Rewrite | None = None
    reason: str = ""
    left: Left | None = None

    @property
    def full(self) -> str:
        """Its absolute path."""
        return os.fsdecode(self.found.path)


@dataclass(frozen=True, slots=True)
class Remainder:
    """What stays. Args: path: empty: as the finding says; reason, advice: in words."""

    path: str
    reason: str
    advice: str = ""
    findings: tuple[Finding, ...] = ()


@dataclass(slots=True)
class Plan:
    changes: list[Change] = field(default_factory=list)
    left: list[Remainder] = field(default_factory=list)

    @property
    def findings(self) -> list[Finding]:
        """All that it is about."""
        parts: list[Change | Remainder] = [*self.changes, *self.left]
        return [finding for part in parts for finding in part.findings]


def make_plan(
    findings: Iterable[Finding],
    look: Look,
    find_value: Callable[[Finding], bytes | None],
    surroundings: Surroundings,
) -> Plan:
    """Returns: what is to be done, by path. Reads the files again, and changes nothing."""
    plan = Plan()
    by_path: dict[str, list[Finding]] = {}
    for finding in findings:
        by_path.setdefault(finding.path, []).append(finding)
    by_file: dict[str, Change] = {}
    for path, own in sorted(by_path.items()):
        made = _plan_file(path, tuple(own), look, find_value, surroundings)
        if isinstance(made, Change):
            former = by_file.get(made.full)
            if former is None:
                by_file[made.full] = made
            elif former.rewrite is None and made.rewrite is None:  # a history, and its journal
                both = (*former.findings, *made.findings)
                by_file[made.full] = replace(former, findings=both)
        elif made is not None:
            plan.left.append(made)
    plan.changes += by_file.values()
    plan.left += (
        Remainder(change.path, change.left.reason, change.left.advice)
        for change in plan.changes
        if change.left is not None
    )
    plan.left += _list_other_names(plan.changes)
    return plan


def _list_other_names(changes: Sequence[Change]) -> Iterator[Remainder]:
    """Yields: those of which the same file has a name elsewhere: that one keeps the token."""
    known = Counter((c.found.status.st_dev, c.found.status.st_ino) for c in changes)
    for change in changes:
        status = change.found.status
        others = status.st_nlink - known[status.st_dev, status.st_ino]
        if others > 0 and change.found.data:
            where = "one other name" if others == 1 else f"{others} other names"
            reason = f"it has {where} (hard links) outside of what was looked at"
            advice = f"find / -xdev -inum {status.st_ino} tells where"
            yield Remainder(change.path, reason, advice)


def _plan_file(
    path: str,
    findings: tuple[Finding, ...],
    look: Look,
    find_value: Callable[[Finding], bytes | None],
    surroundings: Surroundings,
) -> Change | Remainder | None:
    full = os.path.join(surroundings.cwd, path)
    # What was named by its link was looked at where it leads; no other link was followed.
    is_there = os.path.lexists(full)
    if any(f.span is None for f in findings) or (not is_there and _MASK in path):
        return Remainder(path, "a token stands in its name", "rename it", findings)
    if not is_there:
        return None  # somebody has deleted it meanwhile
    full = os.path.realpath(full)
    if not os.access(os.path.dirname(full), os.W_OK | os.X_OK):
        return Remainder(path, "its directory cannot be written to", "", findings)
    history = _find_history(full)
    if history is not None:
        found = Read(os.fsencode(history), b"", os.lstat(history))
        return Change(
            os.path.join(os.path.dirname(path), os.path.basename(history)), findings, found
        )
    left = _find_obstacle(full, surroundings)
    if left is not None:
        return Remainder(path, *left, findings)
    try:
        found = replacing.read(os.fsencode(full), limit=editing.LARGEST)
    except Kept as error:
        return Remainder(path, error.message, findings=findings)
    copy = describe_copy(full, os.path.isfile, fallback=surroundings.fallback)
    if copy is not None:
        return Change(path, findings, found, reason=copy)
    now = look(path, found.data)
    if not now:
        return None  # somebody has taken it out meanwhile
    rewrite = edit_file(path, found.data, now, lambda data: look(path, data), find_value)
    if isinstance(rewrite, Rewrite):
        return Change(path, tuple(now), found, rewrite, left=rewrite.left)
    return Remainder(path, rewrite.reason, rewrite.advice, tuple(now))


def _find_history(full: str) -> str | None:
    """Returns: the history of IPython that it is, or that it is the journal of."""
    for ending in ("", *JOURNALS):
        path = full.removesuffix(ending)
        if full.endswith(ending) and ipythonhistory.is_history(path):
            return path
    return None


def _find_obstacle(full: str, surroundings: Surroundings) -> tuple[str, str] | None:
    way = find_login(full, surroundings.home, surroundings.environ)
    if way is not None:
        return "a program stays logged in by it", way
    if full in surroundings.histories and not surroundings.may_edit_histories:
        return (
            "it is the history of a shell",
            "close the others, then credman clean --shell-history",
        )
    base = next((full.removesuffix(e) for e in JOURNALS if full.endswith(e)), full)
    if base != full and os.path.lexists(base):
        return "it is the journal of a database", "use the program whose database it is"
    if ".git" in full.split("/"):
        return "it belongs to git", "git remote set-url, without the token"
    return None


def carry_out(
    plan: Plan, edit: Callable[[str, bytes], bytes], note: Callable[[Change], None]
) -> list[Remainder]:
    """Args:
        edit: takes tokens out of a text of no known syntax: the path, and the text.
        note: told of each change that was made.

    Returns:
        What could not be done, and why.
    """
    failed: list[Remainder] = []
    for folder in {os.path.dirname(change.found.path) for change in plan.changes}:
        replacing.sweep(folder)
    for change in plan.changes:
        try:
            _change(change, edit)
        except CredmanError as error:
            if not os.path.lexists(change.full):
                continue  # somebody has deleted it meanwhile
            failed.append(Remainder(change.path, error.message, error.hint, change.findings))
        else:
            note(change)
    return failed


def _change(change: Change, edit: Callable[[str, bytes], bytes]) -> None:
    if change.rewrite is not None:
        replacing.replace(change.found, change.rewrite.after)
    elif change.reason:
        replacing.delete(change.found)
        folder = os.path.dirname(change.found.path)
        if os.path.basename(folder) == os.fsencode(CHECKPOINTS):
            with contextlib.suppress(OSError):
                os.rmdir(folder)  # only if nothing else is in it
    else:
        ipythonhistory.clean_history(change.full, lambda text: edit(change.path, text))
