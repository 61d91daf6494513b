"""The objects of a repository as git writes them into a pipe: each is looked at once.

Rule: the engine runs over many objects at once, and only where it says that something is there are
they looked at one by one. Memory has a bound, whatever an object's size.
"""

from __future__ import annotations

import functools
import os
import queue
import subprocess
import threading
from collections.abc import Callable, Sequence
from typing import IO, NamedTuple

from credman.core.errors import Unavailable
from credman.watch.scan.content import OVERLAP, guess_wide
from credman.watch.scan.git import Repository, Shape, end, pipe
from credman.watch.scan.jobs import Job, open_bytes
from credman.watch.scan.packed import find_opener
from credman.watch.scan.scanner import Scanner

_PIECE = 2 * 1024 * 1024
"""Bytes that are read at once; an object that is larger is looked through in pieces."""
_AHEAD = 4  # pieces that are read while one is looked through
_HEAD = 512
_HEADS = (b"PK", b"\x1f\x8b", b"\xff\xfe", b"\xfe\xff", b"ve")  # and whatever holds a NUL
_POINTER = b"version https://git-lfs.github.com/spec/"
MOST = 20_000
"""Findings; whoever has more has been told enough."""
COMMIT = "commit message"
_MOST_DAMAGED = 50
"""Objects at which git ends, and is started again behind them."""


class Title(NamedTuple):
    """Args: text: stands for a path, where there is none; lines: before what somebody wrote."""

    text: str
    lines: int


class Objects:
    """Takes what ``git cat-file --batch`` writes, in pieces of any size."""

    def __init__(
        self, scanner: Scanner, repository: Repository, tick: Callable[[int], None]
    ) -> None:
        self.scanner, self._repository, self._tick = scanner, repository, tick
        self.files = self.bytes = self.pointers = 0
        self.missing: list[str] = []
        self.damaged: list[str] = []
        self.is_incomplete = False
        self.titles: dict[str, Title] = {}
        self._large: list[tuple[str, Shape]] = []
        self._began: tuple[str, Shape] | None = None
        self._left = 0
        self._tail = b""
        self._is_clean = True
        self._carry = b""

    @property
    def cut(self) -> str | None:
        """The object whose end did not come."""
        if self._began is not None:
            return self._began[0]
        return self._carry.split(b" ", 1)[0].decode("ascii", "replace") or None

    def forget_cut(self) -> None:
        """What comes next begins with an object."""
        self._began, self._carry = None, b""

    def take(self, piece: bytes) -> None:
        """Args: piece: what comes next."""
        if self._began is not None:
            piece = self._go_on(piece)
        data = self._carry + piece if self._carry else piece
        self._carry = b""
        is_clean = self.scanner.is_clean(data)
        place, size_of_all = 0, len(data)
        while (start := data.find(b"\n", place) + 1) > 0:
            fields = data[place : start - 1].split(b" ")
            if len(fields) != 3:
                self.note_missing(fields[0])
                place = start
                continue
            name, kind, size = fields[0], fields[1], int(fields[2])
            stop = start + size
            if stop >= size_of_all:
                if size > _PIECE:
                    self._begin(name, kind, size, data[start:])
                    return
                break
            if kind != b"tree":
                self.bytes += size
                self.files += kind == b"blob"
                head = data[start : start + _HEAD]
                is_special = (b"\0" in head or head[:2] in _HEADS) and self._is_special(head)
                if is_special or not (is_clean or self.scanner.is_clean(data[start:stop])):
                    self._look(name.decode("ascii"), kind, data[start:stop])
            place = stop + 1
        self._carry = data[place:]
        self._tick(self.bytes)

    def _is_special(self, head: bytes) -> bool:
        if head.startswith(_POINTER):
            self.pointers += 1
        return find_opener(head) is not None or guess_wide(head) is not None

    def note_missing(self, name: bytes) -> None:
        """Args: name: of an object, as git writes it."""
        if len(self.missing) < MOST:
            self.missing.append(name.lstrip(b"?").decode("ascii", "replace"))

    def _begin(self, name: bytes, kind: bytes, size: int, data: bytes) -> None:
        self._began = name.decode("ascii"), Shape(kind.decode("ascii"), size)
        self._left, self._tail = size, b""
        self._is_clean = kind == b"tree" or not self._is_special(data[:_HEAD])
        self._go_on(data)

    def _go_on(self, piece: bytes) -> bytes:
        """Returns: what comes after the large object."""
        own = piece[: self._left]
        self._left -= len(own)
        name, shape = self._began or ("", Shape("tree", 0))
        if self._is_clean and shape.kind != "tree":
            window = self._tail + own
            self._is_clean = self.scanner.is_clean(window)
            self._tail = window[-OVERLAP:]
        if len(piece) == len(own):
            return b""  # its line end is still to come
        if shape.kind != "tree":
            self.bytes += shape.size
            self.files += shape.kind == "blob"
            if not self._is_clean:
                self._large.append((name, shape))
        self._began = None
        return piece[len(own) + 1 :]

    def _look(self, name: str, kind: bytes, data: bytes) -> None:
        report = self.scanner.report
        before = len(report.findings) + len(report.unread)
        if before < MOST:
            self.scanner.scan(Job(name, lambda: open_bytes(data)))
        if kind != b"blob" and len(report.findings) + len(report.unread) > before:
            self.titles[name] = _read_title(kind, data)

    def look_at_large(self) -> None:
        """Looks once more at those in which something is, from their beginning."""
        for name, shape in self._large:
            if shape.kind != "blob":
                self.titles[name] = Title(COMMIT if shape.kind == "commit" else "tag", 0)
            if len(self.scanner.report.findings) < MOST:
                opener = functools.partial(self._repository.open_object, name, shape)
                self.scanner.scan(Job(name, opener))

    def list_notes(self) -> list[str]:
        """Returns: what a person should know besides."""
        if not self.pointers:
            return []
        what = "1 object points" if self.pointers == 1 else f"{self.pointers:,} objects point"
        return [f"{what} to contents in Git LFS, which were not looked at"]


def _read_title(kind: bytes, data: bytes) -> Title:
    header = data.split(b"\n\n", 1)[0].split(b"\n")
    title = COMMIT
    if kind == b"tag":
        title = next((os.fsdecode(line) for line in header if line.startswith(b"tag ")), "tag")
    return Title(title, len(header) + 1)


def read_all(make: Callable[[], Objects], repository: Repository) -> Objects:
    """Args: make: gives one that has seen nothing.

    Returns:
        What has seen all objects, also those that nothing leads to.

    Raises:
        Unavailable
    """
    # Beside it, whether all is there that branches and tags lead to: the pipe would not tell.
    checking = repository.start(
        "rev-list", "--objects", "--all", "--quiet", "--missing=print", "--"
    )
    try:
        listing = ("cat-file", "--batch-all-objects", "--unordered", "--batch", "--buffer")
        objects = make()
        if not _read(objects, repository.start(*listing)):
            names = repository.ask("cat-file", *listing[1:2], "--batch-check=%(objectname)")
            objects = _read_named(make(), repository, names.out)
        for line in pipe(checking.stdout):
            objects.note_missing(line.rstrip(b"\n"))
        objects.is_incomplete |= checking.wait() != 0
    finally:
        end(checking)
    return objects


def read_reachable(
    make: Callable[[], Objects], repository: Repository, revisions: Sequence[str]
) -> Objects:
    """Args: make: gives one that has seen nothing; revisions: as ``git rev-list`` takes them.

    Returns:
        What has seen all objects that they lead to.

    Raises:
        Unavailable: git does not know the revisions.
    """
    asked = ("rev-list", "--objects", "--no-object-names", "--missing=print", *revisions, "--")
    objects = make()
    walking = repository.start(*asked)
    try:
        process = repository.start("cat-file", "--batch", "--buffer", stdin=walking.stdout)
        pipe(walking.stdout).close()
        is_whole = _read(objects, process)
        code = walking.wait()
    finally:
        end(walking)
    if not is_whole:
        answer = repository.ask(*asked)
        code = answer.code
        objects = _read_named(make(), repository, answer.out)
    if code and not objects.bytes:
        raise Unavailable(
            "git does not know these commits", hint="git fetch brings what is missing"
        )
    objects.is_incomplete |= code != 0
    return objects


def _read_named(objects: Objects, repository: Repository, names: bytes) -> Objects:
    """Looks at one after the other; git ends at one that is damaged, and begins again behind it."""
    for _ in range(_MOST_DAMAGED):
        process = repository.start("cat-file", "--batch", "--buffer", stdin=subprocess.PIPE)
        feeder = threading.Thread(target=_feed, args=(pipe(process.stdin), names), daemon=True)
        feeder.start()
        is_whole = _read(objects, process)
        feeder.join()
        if is_whole:
            return objects
        bad = objects.cut
        if bad is None or (place := names.find(bad.encode("ascii") + b"\n")) < 0:
            break
        objects.damaged.append(bad)
        objects.forget_cut()
        names = names[place + len(bad) + 1 :]
    objects.is_incomplete = True
    return objects


def _widen(stream: IO[bytes]) -> None:
    """Gives a pipe more room, so that git seldom waits."""
    try:
        import fcntl

        fcntl.fcntl(stream.fileno(), fcntl.F_SETPIPE_SZ, 1024 * 1024)
    except (ImportError, AttributeError, OSError):
        return


def _feed(stream: IO[bytes], names: bytes) -> None:
    try:
        stream.write(names)
        stream.close()
    except (OSError, ValueError):
        return  # git has ended, which the one that reads sees


def _read(objects: Objects, process: subprocess.Popen[bytes]) -> bool:
    """Returns: whether git came to its end. Reading and looking overlap: neither holds the lock of
    the interpreter."""
    stream = pipe(process.stdout)
    _widen(stream)
    ready: queue.Queue[bytes] = queue.Queue(_AHEAD)

    def fill() -> None:
        try:
            while piece := stream.read(_PIECE):
                ready.put(piece)
        finally:
            ready.put(b"")

    thread = threading.Thread(target=fill, daemon=True)
    thread.start()
    is_done = False
    try:
        while piece := ready.get():
            objects.take(piece)
        is_done = True
        return process.wait() == 0 and objects.cut is None
    finally:
        if not is_done:
            process.kill()
            while ready.get():  # what waits for room goes on
                continue
        thread.join()
        end(process)
