"""What a commit, or a push, brings is told apart from what was there before.

Rule: a value is known in a file if the file had it no less often before. What cannot be read, or
is too much to be compared, was not there.
"""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from credman.watch.scan.findings import Finding
from credman.watch.scan.git import Repository
from credman.watch.scan.jobs import Job
from credman.watch.scan.scanner import Scanner

_MOST = 20_000
"""Objects that are looked at for what was there before."""


class Change(NamedTuple):
    """Args: file: what is looked at, a path or an object; before: the objects that it takes the
    place of, one of each parent that has the path; nothing: the path is new."""

    file: str
    before: tuple[str, ...] = ()


class Step(NamedTuple):
    """Args: changes: of one commit; gone: the objects of the paths that it takes away."""

    changes: Sequence[Change]
    gone: Sequence[str] = ()


def list_brought(
    steps: Sequence[Step],
    now: Mapping[str, Counter[bytes]],
    repository: Repository,
    scanner: Scanner,
) -> set[tuple[str, bytes]]:
    """Args: now: how often each file has each value; scanner: that found them; one like it looks at
    what was there before.

    Returns:
        Files and values that at least one of the steps brings.
    """
    earlier = _Earlier(steps, repository, scanner)
    brought: set[tuple[str, bytes]] = set()
    for changes, gone in steps:
        # What was moved has left the files that are gone; each value of theirs counts once.
        left: Counter[bytes] | None = None
        for file, before in changes:
            for value, count in now[file].items():
                if before:
                    there = max(earlier.count(name)[value] for name in before)
                else:
                    if left is None:
                        left = Counter()
                        for name in gone:
                            left.update(earlier.count(name))
                    there = left[value]
                    left[value] -= min(count, there)
                if count > there:
                    brought.add((file, value))
    return brought


def count_values(findings: Iterable[Finding]) -> dict[str, Counter[bytes]]:
    """Returns: how often each path has each value."""
    found: dict[str, Counter[bytes]] = {}
    for finding in findings:
        found.setdefault(finding.path, Counter())[finding.value] += 1
    return found


def note_known(known: Sequence[Finding], act: str = "commit") -> str:
    """Args: act: ``commit`` or ``push``. Returns: what a person is told of findings that it does
    not bring."""
    count = len(known)
    what = "finding" if count == 1 else "findings"
    verb = "was" if count == 1 else "were"
    return f"{count:,} {what} in files of this {act} {verb} there before: credman scan --history"


class _Earlier:
    """How often each object has each value; each is looked at once."""

    def __init__(self, steps: Sequence[Step], repository: Repository, scanner: Scanner) -> None:
        self._repository, self._scanner = repository, scanner
        names: list[str] = []
        for changes, gone in steps:
            names += itertools.chain.from_iterable(change.before for change in changes)
            if not all(change.before for change in changes):
                names += gone
        # Of a submodule the object is a commit, which is none of this repository's files.
        shapes = repository.measure([*dict.fromkeys(names)][:_MOST])
        self._shapes = {name: shape for name, shape in shapes.items() if shape.kind == "blob"}
        self._counts: dict[str, Counter[bytes]] = {}

    def count(self, name: str) -> Counter[bytes]:
        if name not in self._counts:
            other = self._scanner.clone()
            if name in self._shapes:
                shape = self._shapes[name]
                other.scan(Job(name, functools.partial(self._repository.open_object, name, shape)))
            self._counts[name] = Counter(finding.value for finding in other.report.findings)
        return self._counts[name]
