"""All that a repository holds, or all that a push would bring.

Told is what is found, under which path, and in which commits.

Rule: what cannot be read, or not to its end, is told.
"""

from __future__ import annotations

import functools
import os
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from credman.core.errors import UsageError
from credman.watch.scan.findings import Cell, Finding, Report, Unread
from credman.watch.scan.git import Repository
from credman.watch.scan.jobs import Job
from credman.watch.scan.known import count_values, list_brought, note_known
from credman.watch.scan.notebooks import is_notebook
from credman.watch.scan.objects import COMMIT, MOST, Objects, Title, read_all, read_reachable
from credman.watch.scan.scanner import Scanner
from credman.watch.scan.tracing import Trace, Walk, list_steps, trace

_WHOLE = "history"
_MOST_TOLD = 100
_LAST = 1 << 62
_OPTION = re.compile(r"--(?:all|not|reflog|(?:branches|tags|remotes)(?:=.*)?)", re.DOTALL)
_NAME = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def scan_history(
    scanner: Scanner,
    repository: Repository,
    revisions: Sequence[str] | None = None,
    tick: Callable[[int], None] = lambda done: None,
) -> Report:
    """Args:
        scanner: others like it do the work; its own report stays as it is.
        revisions: as ``git rev-list`` takes them, such as ``NEW --not --remotes=origin``; None:
            all objects, also those that nothing leads to any more.
        tick: called now and then with the number of bytes that were looked through.

    Returns:
        One finding for each value in each path, with all commits that brought it there, and the
        line that it has in the newest of them. An object that has several paths has the first. Of
        a push only what one of its commits brings: a note counts what was in the files before.

    Raises:
        UsageError: a revision is an option.
        Unavailable: git cannot be started, or does not know the revisions.
    """
    began = time.monotonic()
    for revision in revisions or ():
        if revision.startswith("-") and not _OPTION.fullmatch(revision):
            raise UsageError("a revision cannot be an option of git")

    walks: list[Walk] = []
    made: list[Objects] = []

    def note(done: int) -> None:
        tick(done)
        # Where what was found comes from is asked while the rest is read.
        if revisions is None and not walks and made[-1].scanner.report.findings:
            walks.append(Walk(repository))

    def make() -> Objects:
        made.append(Objects(scanner.clone(), repository, note))
        return made[-1]

    try:
        if revisions is None:
            objects = read_all(make, repository)
        else:
            objects = read_reachable(make, repository, revisions)
        objects.look_at_large()
        return _tell(objects, repository, revisions, scanner, began, walks)
    finally:
        for walk in walks:
            walk.end()


def _tell(
    objects: Objects,
    repository: Repository,
    revisions: Sequence[str] | None,
    scanner: Scanner,
    began: float,
    walks: Sequence[Walk],
) -> Report:
    found = objects.scanner.report
    report = Report(files=objects.files, bytes=objects.bytes, ignored=found.ignored)
    report.notes += objects.list_notes()
    if repository.is_shallow:
        report.notes.append("this is a shallow clone: its older commits were not looked at")
    telling = _Telling(objects, repository, revisions, walks[0] if walks else None)
    telling.add_findings(report, scanner)
    telling.add_unread(report)
    report.merge([])
    scanner.mask_names(report)
    report.seconds = time.monotonic() - began
    return report


class _Telling:
    """From objects to paths and commits."""

    def __init__(
        self,
        objects: Objects,
        repository: Repository,
        revisions: Sequence[str] | None,
        walk: Walk | None,
    ) -> None:
        self._objects, self._repository, self._revisions = objects, repository, revisions
        self._is_all = revisions is None
        self._found = objects.scanner.report
        names = {finding.path for finding in self._found.findings}
        names.update(unread.path for unread in self._found.unread)
        names.update(objects.missing[:_MOST_TOLD], objects.damaged)
        wanted = [name for name in names if _NAME.fullmatch(name)]
        self._traces = trace(repository, wanted, revisions, walk)
        self._noted = _find_noted(repository, self._traces.values())

    def add_findings(self, report: Report, scanner: Scanner) -> None:
        """Args: scanner: one like it looks for the cells of notebooks."""
        groups: dict[tuple[str, bytes], list[Finding]] = {}
        for finding in self._found.findings:
            key = self._name(finding.path), finding.value
            groups.setdefault(key, []).append(finding)
        cells = _Cells(self._repository, scanner)
        brought = self._list_brought(scanner)
        known: list[Finding] = []
        for (path, value), group in groups.items():
            if brought is not None and not any((f.path, value) in brought for f in group):
                known.append(group[0])
                continue
            newest = max(group, key=lambda f: self._order(f.path)[-1:])
            own = {place for f in group for place in self._order(f.path)}
            commits = tuple(dict.fromkeys(name for _, name in sorted(own)))
            cell = cells.find(path, newest.path, value) if is_notebook(path) else newest.cell
            line = max(newest.line - self._title(newest.path).lines, 0)
            column = newest.column if line else 0  # else it is in the header, such as a name
            report.findings.append(
                replace(newest, path=path, line=line, column=column, commits=commits, cell=cell)
            )
        if known:
            report.notes.append(note_known(known, "push"))
        lost = sum(not self._trace(f.path).is_reachable for f in self._found.findings)
        if lost and self._is_all:
            report.notes.append(
                "what no branch or tag leads to is still in the repository until git gc --prune=now"
                " (and git reflog expire --expire=now --all)"
            )

    def _list_brought(self, scanner: Scanner) -> set[tuple[str, bytes]] | None:
        """Returns: objects and values that a push brings; None: all of them."""
        if self._revisions is None:
            return None
        now = count_values(self._found.findings)
        steps = list_steps(self._repository, now, self._revisions) if now else []
        brought = list_brought(steps, now, self._repository, scanner)
        compared = {change.file for step in steps for change in step.changes}
        # A message, or what a tag holds without a commit, takes no other's place.
        brought.update((f.path, f.value) for f in self._found.findings if f.path not in compared)
        return brought

    def _title(self, name: str) -> Title:
        return self._objects.titles.get(name) or Title("", 0)

    def _trace(self, name: str) -> Trace:
        return self._traces.get(name) or Trace()

    def _order(self, name: str) -> list[tuple[int, str]]:
        commits = self._trace(name).commits
        if not commits and self._title(name).text == COMMIT:
            return [(_LAST, name)]  # it is one itself, which nothing leads to
        return commits

    def _name(self, name: str) -> str:
        traced = self._trace(name)
        path = self._title(name).text
        if not path:
            path = f"object {name[:12]}" if traced.path is None else os.fsdecode(traced.path)
            noted = path.replace("/", "")
            path = f"object {noted[:12]} (git note)" if noted in self._noted else path
        return path if traced.is_reachable or not self._is_all else f"{path} (unreachable)"

    def add_unread(self, report: Report) -> None:
        """What could not be read; the same of many versions of a file once."""
        told = dict.fromkeys(self._list_unread())
        report.unread += [*told][:_MOST_TOLD]
        if len(told) > _MOST_TOLD:
            report.unread.append(Unread(_WHOLE, f"{len(told) - _MOST_TOLD:,} more like these"))

    def _list_unread(self) -> Iterator[Unread]:
        objects = self._objects
        if len(self._found.findings) >= MOST:
            yield Unread(_WHOLE, "it has too much that looks like tokens to tell all of it")
        if objects.is_incomplete:
            yield Unread(_WHOLE, "git cannot follow it to its end: the repository is damaged")
        missing = [*dict.fromkeys(objects.missing)]
        if missing and self._repository.is_partial:
            count = f"{len(missing):,} objects were" if len(missing) > 1 else "1 object was"
            yield Unread(_WHOLE, f"{count} not fetched yet: this is a partial clone")
        elif missing:
            yield from self._name_all(missing, "git does not have it: the object is missing")
        yield from self._name_all(objects.damaged, "git cannot read it: the object is damaged")
        for unread in self._found.unread:
            yield replace(unread, path=self._name(unread.path))

    def _name_all(self, names: Iterable[str], reason: str) -> Iterator[Unread]:
        for name in names:
            yield Unread(self._name(name), reason)


def _find_noted(repository: Repository, traces: Iterable[Trace]) -> Collection[str]:
    """Returns: objects that a path may be the name of, as those of ``git notes`` are."""
    paths = (os.fsdecode(traced.path or b"").replace("/", "") for traced in traces)
    # A file may have such a name as well; then there is hardly an object of that name.
    return repository.measure(path for path in paths if _NAME.fullmatch(path))


class _Cells:
    """Which cells of notebooks; that a file is one, only its path tells."""

    def __init__(self, repository: Repository, scanner: Scanner) -> None:
        self._repository, self._scanner = repository, scanner
        self._known: dict[str, list[Finding]] = {}

    def find(self, path: str, name: str, value: bytes) -> Cell | None:
        """Args: name: of the object."""
        if name not in self._known:
            shape = self._repository.measure([name]).get(name)
            other = self._scanner.clone()
            other.scan(Job(path, functools.partial(self._repository.open_object, name, shape)))
            self._known[name] = other.report.findings
        return next((f.cell for f in self._known[name] if f.value == value), None)
