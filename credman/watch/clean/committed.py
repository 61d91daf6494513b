"""What git still holds of files that were cleaned: told, and never rewritten.

Rules: those of ``watch/scan/git.py``, as the repository may be anybody's; what could not be looked
at is told, and a number is never given as whole where it is not.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from credman.watch.clean.ignoring import find_rule
from credman.watch.scan.git import Repository, end, pipe
from credman.watch.scan.jobs import Job
from credman.watch.scan.scanner import Scanner

MOST = 2000
"""Versions of files that are looked at, newest first."""
_MOST_CHANGES = 100_000
_MOST_NAMED = 100 * 1024
"""Bytes of paths that are given to git; for more of them all of history is listed."""
_SHOWN = 3
_MOST_SHOWN = 20
_PIECE = 1024 * 1024
_FILES = (b"100", b"120")  # files and links; else: a commit of a submodule


@dataclass(frozen=True, slots=True)
class Committed:
    """Args:
    tracked: paths that are in the index.
    staged: those of which the index still has a token.
    commits: which a branch, a tag, a stash or a reflog leads to, and that brought a token into one
        of the paths; newest first.
    is_cut: there may be more than these.
    unread: how many versions of files could not be looked at.
    is_shallow: older commits are not here.
    """

    tracked: tuple[bytes, ...] = ()
    staged: tuple[bytes, ...] = ()
    commits: tuple[str, ...] = ()
    is_cut: bool = False
    unread: int = 0
    is_shallow: bool = False


def find_committed(
    repository: Repository,
    scanner: Scanner,
    paths: Sequence[bytes],
    values: Collection[bytes] = (),
) -> Committed:
    """Args:
        scanner: one like it does the work; its own report stays as it is.
        paths: of files, relative to the top of the working tree, with ``/``.
        values: only these count, as findings have them; none: whatever is found.

    Raises:
        Unavailable: git cannot be started, or does not answer.
    """
    wanted = frozenset(paths)
    if not wanted:
        return Committed()
    asked = _make_pathspecs(repository, wanted)
    index, is_listed = _list_index(repository, asked, wanted)
    looking = _Looking(repository, scanner, frozenset(values))
    looking.look_at([(name, path) for path, names in index.items() for name in names])
    changes, is_whole = _list_changes(repository, asked, wanted)
    looking.look_at([(name, path) for _, name, path in changes])
    commits = dict.fromkeys(commit for commit, name, _ in changes if looking.has(name))
    return Committed(
        tracked=tuple(sorted(index)),
        staged=tuple(sorted(path for path in index if any(map(looking.has, index[path])))),
        commits=tuple(commits),
        is_cut=looking.is_cut or not is_whole or not is_listed,
        unread=looking.unread,
        is_shallow=repository.is_shallow,
    )


def describe(committed: Committed) -> list[str]:
    """Returns: lines for a person; nothing: git holds nothing of it. Paths are as they are named,
    so whatever shows them escapes what is no text."""
    lines = []
    for path in committed.tracked:
        name = os.fsdecode(path)
        if find_rule(name) is not None:
            lines.append(f"{name} is tracked, and no rule ignores it then: git rm --cached it")
        elif path in committed.staged:
            lines.append(f"{name} is tracked: git add it again")
    if len(lines) > _MOST_SHOWN:
        more = len(lines) - _MOST_SHOWN
        lines = [*lines[:_MOST_SHOWN], f"{more:,} more are tracked: git status names them"]
    if committed.commits:
        lines.append(_describe_commits(committed))
    elif committed.is_cut:
        lines.append("not all of history was looked at: credman scan --history does")
    if committed.unread:
        count = committed.unread
        versions = "1 version of a file" if count == 1 else f"{count:,} versions of files"
        lines.append(f"{versions} could not be read from git: they may hold it too")
    if committed.is_shallow:
        lines.append("this is a shallow clone: its older commits were not looked at")
    return lines


def _describe_commits(committed: Committed) -> str:
    count = len(committed.commits)
    shown = ", ".join(commit[:7] for commit in committed.commits[:_SHOWN])
    more = ", …" if count > _SHOWN or committed.is_cut else ""
    least = "at least " if committed.is_cut else ""
    holding = "1 commit holds" if count == 1 and not least else f"{count:,} commits hold"
    return (
        f"{least}{holding} it ({shown}{more}): "
        "rotate first, then rewrite history (git filter-repo) and push with force"
    )


class _Looking:
    """Looks at each object once."""

    def __init__(self, repository: Repository, scanner: Scanner, values: frozenset[bytes]) -> None:
        self._repository, self._scanner, self._values = repository, scanner.clone(), values
        self._known: dict[str, bool] = {}
        self.is_cut = False
        self.unread = 0

    def has(self, name: str) -> bool:
        """Args: name: of an object."""
        return self._known.get(name, False)

    def look_at(self, objects: Sequence[tuple[str, bytes]]) -> None:
        """Args: objects: by name and path, those first that matter most."""
        new: dict[str, bytes] = {}
        for name, path in objects:
            if name not in self._known:
                new.setdefault(name, path)
        left = MOST - len(self._known)
        self.is_cut |= len(new) > left
        names = [*new][:left]
        shapes = self._repository.measure(names)
        for name in names:
            opener = functools.partial(self._repository.open_object, name, shapes.get(name))
            self._known[name] = self._look(Job(os.fsdecode(new[name]), opener))

    def _look(self, job: Job) -> bool:
        self._scanner.scan(job)
        report = self._scanner.report
        found = any(not self._values or f.value in self._values for f in report.findings)
        self.unread += any(unread.matters for unread in report.unread)
        report.findings.clear()
        report.unread.clear()
        report.notes.clear()
        return found


def _make_pathspecs(repository: Repository, paths: Collection[bytes]) -> list[str]:
    """Returns: the paths as git takes them, from wherever the repository was opened; nothing: they
    are too many to be told, and all of history has to be listed."""
    prefix = repository.ask("rev-parse", "--show-prefix").out.removesuffix(b"\n")
    asked = [os.path.relpath(b"/" + path, b"/" + prefix) for path in sorted(paths)]
    return [*map(os.fsdecode, asked)] if sum(map(len, asked)) <= _MOST_NAMED else []


def _list_index(
    repository: Repository, asked: Sequence[str], wanted: Collection[bytes]
) -> tuple[dict[bytes, list[str]], bool]:
    """Returns: of each path in the index its objects, of which a file in conflict has several; and
    whether git could read it."""
    # Without paths only what lies below the current folder would be listed.
    words = asked or [repository.ask("rev-parse", "--show-cdup").out.decode().strip() or "."]
    answer = repository.ask("ls-files", "--stage", "-z", "--full-name", "--", *words)
    found: dict[bytes, list[str]] = {}
    for entry in answer.out.split(b"\0"):
        fields, _, path = entry.partition(b"\t")
        mode, name, *_ = (*fields.split(b" "), b"")
        if path in wanted and mode.startswith(_FILES):
            found.setdefault(path, []).append(name.decode("ascii"))
    return found, answer.code == 0


def _list_changes(
    repository: Repository, asked: Sequence[str], wanted: Collection[bytes]
) -> tuple[list[tuple[str, str, bytes]], bool]:
    """Returns: commits, newest first, with the objects that they bring and their paths; and whether
    these are all."""
    # Also what a merge has left behind, which git passes over where it is not told otherwise.
    walking = repository.start("rev-list", "--full-history", "--all", "--reflog", "--", *asked)
    # With -c a merge brings what none of its parents has.
    telling = repository.start(
        *("diff-tree", "--stdin", "-r", "-c", "--root", "--raw", "-z", "--no-abbrev"),
        *("--no-renames", "--no-relative", "--no-ext-diff", "--no-textconv", "--", *asked),
        stdin=pipe(walking.stdout),
    )
    pipe(walking.stdout).close()
    changes: list[tuple[str, str, bytes]] = []
    try:
        for commit, name, path in _read_changes(pipe(telling.stdout)):
            if path not in wanted:
                continue  # such as what lies in a folder that had the name of the file
            if len(changes) == _MOST_CHANGES:
                return changes, False
            changes.append((commit, name, path))
        is_whole = not telling.wait() and not walking.wait()
    finally:
        end(telling)
        end(walking)
    return changes, is_whole


def _read_changes(told: IO[bytes]) -> Iterator[tuple[str, str, bytes]]:
    """Yields: a commit, the object of a file that it brings, and its path."""
    commit, entry, rest = "", b"", b""
    while piece := told.read(_PIECE):
        *words, rest = (rest + piece).split(b"\0")
        for word in words:
            if entry:
                # As many colons as parents; then a mode and an object of each, and of the result.
                fields = entry.lstrip(b":").split(b" ")
                if fields[len(fields) // 2 - 1].startswith(_FILES):
                    yield commit, fields[-2].decode("ascii"), word
                entry = b""
            elif word.startswith(b":"):
                entry = word
            else:
                commit = word.decode("ascii")
