"""Where in a repository's history an object stands: under which path, and which commits brought it.

Rule: asked only for what was found. One walk over the commits tells it for all objects at once.
"""

from __future__ import annotations

import io
import subprocess
import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO

from credman.watch.scan.git import Repository, end, pipe
from credman.watch.scan.known import Change, Step

_PIECE = 1024 * 1024
_MOST_KEPT = 16 * 1024 * 1024
_ZERO = {"0"}


@dataclass(slots=True)
class Trace:
    """Args:
    path: that the object had first; None: it has none, such as a commit's message.
    commits: that brought it, oldest first, each after its number in the order of all.
    is_reachable: a branch, a tag or the index leads to it.
    """

    path: bytes | None = None
    commits: list[tuple[int, str]] = field(default_factory=list)
    is_reachable: bool = False


class Walk:
    """The walk over the commits of all branches, begun while the objects are still being read.

    Args: repository: stays open until it has ended.
    """

    def __init__(self, repository: Repository) -> None:
        self._telling, self._walking = _start(repository, ["--all"])
        self._parts: list[bytes] = []
        self._is_whole = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def finish(self) -> IO[bytes] | None:
        """Returns: what git said; None: it was too much to be kept, or it failed."""
        self._thread.join()
        return io.BytesIO(b"".join(self._parts)) if self._is_whole else None

    def end(self) -> None:
        """Ends what still runs."""
        end(self._telling)
        end(self._walking)
        self._thread.join()

    def _read(self) -> None:
        size = 0
        try:
            while size <= _MOST_KEPT and (piece := pipe(self._telling.stdout).read(_PIECE)):
                self._parts.append(piece)
                size += len(piece)
            self._is_whole = size <= _MOST_KEPT and self._telling.wait() == 0
        except (OSError, ValueError):  # it was ended
            self._is_whole = False
        finally:
            end(self._telling)
            end(self._walking)


def trace(
    repository: Repository,
    names: Collection[str],
    revisions: Sequence[str] | None,
    walk: Walk | None = None,
) -> dict[str, Trace]:
    """Args:
        names: ids of objects, of any kind but trees.
        revisions: whose commits are asked; None: those of all branches, tags and working trees,
            and then those that only a reflog knows.
        walk: over all of them, if it was begun.

    Returns:
        What is known of each.

    Raises:
        Unavailable
    """
    found = {name: Trace() for name in names}
    if not found:
        return found
    tracer = _Tracer(repository, found)
    told = None if walk is None else walk.finish()
    if told is not None:
        tracer.read(told, is_reachable=True)
    else:
        tracer.follow(["--all"] if revisions is None else revisions, is_reachable=True)
    if tracer.open:  # such as what a tag, or the index, holds without a commit
        tracer.list_named(["--all", "--indexed-objects"] if revisions is None else revisions)
    if tracer.open and revisions is None:
        tracer.follow(["--reflog", "--not", "--all"], is_reachable=False)
    return found


def list_steps(
    repository: Repository, names: Collection[str], revisions: Sequence[str]
) -> list[Step]:
    """Args: names: ids of objects; revisions: whose commits are asked.

    Returns:
        Of each commit that brings one of them: what stood at the same path in its parents, and what
        it takes away. Oldest first. Nothing: git cannot follow it to its end.

    Raises:
        Unavailable
    """
    steps: list[Step] = []
    telling, walking = _start(repository, revisions)
    try:
        changes: list[Change] = []
        gone: list[str] = []
        for entry in _read_entries(pipe(telling.stdout)):
            if entry is None:  # the next commit
                if changes:
                    steps.append(Step(changes, gone))
                changes, gone = [], []
                continue
            *before, name = entry
            old = tuple(other for other in before if set(other) != _ZERO)
            if set(name) == _ZERO:
                gone += old[:1]
            elif name in names:
                changes.append(Change(name, old))
        if telling.wait() or walking.wait():
            return []  # a change that was not told may be the one that brings it
        return [*steps, Step(changes, gone)] if changes else steps
    finally:
        end(telling)
        end(walking)


def _read_entries(told: IO[bytes]) -> Iterator[list[str] | None]:
    """Yields: of each changed path the objects of the parents and the new one; None: a commit."""
    is_path, rest = False, b""
    while piece := told.read(_PIECE):
        *words, rest = (rest + piece).split(b"\0")
        for word in words:
            if is_path:
                is_path = False
            elif word.startswith(b":"):
                is_path = True
                # As many colons as parents; then a mode and an object of each, and of the result.
                fields = word.decode("ascii").lstrip(":").split(" ")
                yield fields[len(fields) // 2 : -1]
            else:
                yield None


class _Tracer:
    def __init__(self, repository: Repository, found: dict[str, Trace]) -> None:
        self._repository, self._found = repository, found
        self.open = {name.encode("ascii") for name in found}
        self._before = 0

    def follow(self, revisions: Sequence[str], *, is_reachable: bool) -> None:
        """Looks which commits brought what is open."""
        telling, walking = _start(self._repository, revisions)
        try:
            self.read(pipe(telling.stdout), is_reachable=is_reachable)
        finally:
            end(telling)
            end(walking)

    def read(self, told: IO[bytes], *, is_reachable: bool) -> None:
        """As ``follow``. Args: told: what git says."""
        done: set[bytes] = set()
        wanted, last = frozenset(self.open), 0
        for number, commit, name, path in _read_changes(told, wanted):
            traced = self._found[name.decode("ascii")]
            traced.is_reachable = is_reachable
            traced.path = traced.path or path or None
            place = (self._before + number, commit)
            if traced.commits[-1:] != [place]:
                traced.commits.append(place)
            done.add(name)
            last = number
        self._before += last
        self.open -= done

    def list_named(self, revisions: Sequence[str]) -> None:
        """Looks for what is open among all that is reachable."""
        listing = self._repository.start("rev-list", "--objects", *revisions, "--")
        done: set[bytes] = set()
        try:
            for line in pipe(listing.stdout):
                name, _, path = line.rstrip(b"\n").partition(b" ")
                if name in self.open:
                    traced = self._found[name.decode("ascii")]
                    traced.is_reachable, traced.path = True, path or None
                    done.add(name)
        finally:
            end(listing)
        self.open -= done


def _start(
    repository: Repository, revisions: Sequence[str]
) -> tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]]:
    """Returns: what tells the changes of commits, and what lists these to it."""
    walking = repository.start("rev-list", "--topo-order", "--reverse", *revisions, "--")
    # With -c a merge brings what none of its parents has.
    telling = repository.start(
        *("diff-tree", "--stdin", "-r", "-c", "--root", "--always", "--raw", "-z"),
        *("--no-abbrev", "--no-renames", "--no-relative", "--no-ext-diff", "--no-textconv"),
        stdin=pipe(walking.stdout),
    )
    pipe(walking.stdout).close()
    return telling, walking


def _read_changes(
    told: IO[bytes], wanted: frozenset[bytes]
) -> Iterator[tuple[int, str, bytes, bytes]]:
    """Yields: the number of a commit, the commit, one of the objects that it brings, and its path;
    and a commit that is wanted itself, without a path."""
    number, commit, entry, rest = 0, b"", b"", b""
    while piece := told.read(_PIECE):
        *words, rest = (rest + piece).split(b"\0")
        for word in words:
            if entry:
                # The new one stands before the letters, of a merge as of a single change.
                name = entry.rsplit(b" ", 2)[-2]
                if name in wanted:
                    yield number, commit.decode("ascii"), name, word
                entry = b""
            elif word.startswith(b":"):
                entry = word
            else:
                commit = word
                number += 1
                if commit in wanted:
                    yield number, commit.decode("ascii"), commit, b""
