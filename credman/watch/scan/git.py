"""Git: finding a repository, asking it, and reading its objects.

Rule: a repository may be anybody's. Git is asked through its plumbing; nothing that the
repository's own configuration names is run (hooks, filters, pagers, monitors, external diffs,
checks of signatures), and nothing is fetched.
"""

from __future__ import annotations

import errno
import functools
import os
import shutil
import subprocess
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, NamedTuple

from credman.core.environ import Environ
from credman.core.errors import Unavailable
from credman.watch.scan.content import Budget, Memory, Stream
from credman.watch.scan.jobs import Opened

SECONDS = 300.0
"""That git may take for an answer that is read as a whole: a repository may name a FIFO."""
HELD = 16 * 1024 * 1024
"""Bytes of an object that is read at once; a larger one is a stream."""
EMPTY_TREES = {
    "sha1": "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "sha256": "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}
_SETTINGS = (
    "core.fsmonitor=false",
    f"core.hooksPath={os.devnull}",
    f"core.bigFileThreshold={HELD}",  # git reads what is larger in pieces as well
)
_ENVIRONMENT = {
    # No transport at all, whatever the configuration allows: a partial clone would fetch what it
    # misses, by a command that the repository names.
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": os.devnull,
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "LC_ALL": "C",  # what git says about a repository that it refuses is read
    "LANGUAGE": "",
}
_DROPPED = ("GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS")


class Answer(NamedTuple):
    """Args: code: git's exit code; out, error: what it wrote."""

    code: int
    out: bytes
    error: bytes


class Shape(NamedTuple):
    """Args: kind: ``blob``, ``commit``, ``tag``, ``tree``; size: in bytes."""

    kind: str
    size: int


class Repository:
    """The repository that a directory belongs to. To be closed, or used in a ``with``.

    Args:
        cwd: a directory in it, or of it.
        environ: of the caller; variables such as ``GIT_DIR`` and ``GIT_INDEX_FILE`` count.

    Raises:
        Unavailable: there is no git, no repository, or git refuses to read it.
    """

    def __init__(self, cwd: str, environ: Mapping[str, str]) -> None:
        self._cwd = cwd
        self._git = _find_git(environ)
        passed = (name for name in environ if not name.startswith("CREDMAN_PASSPHRASE"))
        own = Environ((name, environ[name]) for name in passed if name not in _DROPPED)
        self._environ = own | _ENVIRONMENT
        self._lock = threading.Lock()
        self._batch: subprocess.Popen[bytes] | None = None
        asked = ("--is-bare-repository", "--show-object-format")
        answer = self.ask("rev-parse", *asked, seconds=30)
        if answer.code:
            raise _refused(answer.error)
        is_bare, name, *_ = (*answer.out.decode("ascii", "replace").split(), "", "")
        self.is_bare = is_bare == "true"
        self.object_format = name if name in EMPTY_TREES else "sha1"

    def __enter__(self) -> Repository:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends what still runs."""
        with self._lock:
            if self._batch is not None:
                end(self._batch)
                self._batch = None

    def start(
        self, *arguments: str, stdin: int | IO[bytes] | None = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        """Returns: git, whose output is to be read; what it says besides is dropped.

        Raises:
            Unavailable
        """
        return self._open(arguments, stdin, subprocess.DEVNULL)

    def ask(self, *arguments: str, data: bytes = b"", seconds: float = SECONDS) -> Answer:
        """Args: data: for its standard input.

        Raises:
            Unavailable: it could not be started, or does not answer.
        """
        stdin = subprocess.PIPE if data else subprocess.DEVNULL
        process = self._open(arguments, stdin, subprocess.PIPE)
        try:
            out, error = process.communicate(data or None, timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Unavailable(f"git did not answer within {seconds:g} s") from None
        finally:
            end(process)
        return Answer(process.returncode, out, error)

    def measure(self, names: Iterable[str]) -> dict[str, Shape]:
        """Args: names: ids of objects. Returns: of those that are there what they are."""
        wanted = list(dict.fromkeys(names))
        if wanted and self.is_partial:
            # Git would try to fetch the first that is missing, and end with that.
            listed = self.ask("cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
            here = frozenset(wanted).intersection(listed.out.decode("ascii").split("\n"))
            wanted = [name for name in wanted if name in here]
        if not wanted:
            return {}
        data = "\n".join([*wanted, ""]).encode("ascii")
        lines = self.ask("cat-file", "--batch-check", data=data).out.decode("ascii", "replace")
        found = [line.split(" ") for line in lines.split("\n")]
        return {f[0]: Shape(f[1], int(f[2])) for f in found if len(f) == 3}

    @functools.cached_property
    def is_partial(self) -> bool:
        """Whether objects may be missing that git would fetch when they are asked for."""
        pattern = r"^(extensions\.partialclone|remote\..*\.promisor)$"
        return self.ask("config", "--get-regexp", "-z", pattern).code == 0

    @property
    def is_shallow(self) -> bool:
        """Whether older commits are missing."""
        return self.ask("rev-parse", "--is-shallow-repository").out.strip() == b"true"

    def list_remote_urls(self, name: str) -> tuple[str, ...]:
        """Args: name: of a remote.

        Returns:
            Where git would fetch from it, which is what its tracking refs tell of; nothing: there
            is no such remote. They may hold passwords.
        """
        answer = self.ask("remote", "get-url", "--all", "--", name)
        lines = answer.out.split(b"\n") if answer.code == 0 else []
        return tuple(os.fsdecode(line) for line in lines if line)

    def find_ref(self, name: str) -> str | None:
        """Args: name: in full, such as ``refs/remotes/origin/main``; nothing else is understood.

        Returns:
            The id of its object; None: there is no such ref.
        """
        if "\0" in name:
            return None
        answer = self.ask("show-ref", "--verify", "--hash", "--", name)
        found = answer.out.decode("ascii", "replace").strip()
        return found if answer.code == 0 and found else None

    def open_object(self, name: str, shape: Shape | None) -> Opened:
        """Args: name: its id; shape: as ``measure`` gives it.

        Raises:
            OSError: it is missing, or damaged.
        """
        if shape is None:
            raise OSError(errno.EIO, "git does not have it: the object is missing")
        if shape.size <= HELD:
            return Opened(Memory(self._read(name)), shape.size)
        opener = functools.partial(_Piped, self, name, shape)
        return Opened(Stream(opener, Budget(shape.size)), shape.size)

    def _read(self, name: str) -> bytes:
        # One git for all of them: to start it takes longer than to read a small object.
        with self._lock:
            if self._batch is None:
                self._batch = self.start("cat-file", "--batch", stdin=subprocess.PIPE)
            stdin, stdout = pipe(self._batch.stdin), pipe(self._batch.stdout)
            try:
                stdin.write(name.encode("ascii") + b"\n")
                stdin.flush()
                header = stdout.readline().split()
                size = int(header[2]) if len(header) == 3 else 0
                data = stdout.read(size + 1) if len(header) == 3 else b""
            except BrokenPipeError:
                header, size, data = [], 0, b""
            if len(data) == size + 1:
                return data[:size]
            if len(header) != 2:  # else: it has said that the object is missing, and goes on
                end(self._batch)
                self._batch = None
        raise OSError(errno.EIO, "git cannot read it: the object is missing or damaged")

    def _open(
        self, arguments: Sequence[str], stdin: int | IO[bytes] | None, error: int
    ) -> subprocess.Popen[bytes]:
        settings = [word for setting in _SETTINGS for word in ("-c", setting)]
        problem = ""
        try:
            return subprocess.Popen(
                [self._git, "--no-pager", *settings, *arguments],
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=error,
                cwd=self._cwd,
                env=self._environ,
            )
        except (OSError, ValueError) as failure:
            problem = (getattr(failure, "strerror", None) or "failed").lower()
        # Raised out here: the library's frames hold the environment.
        raise Unavailable(f"cannot start git: {problem}")


class _Piped:
    """A large object, as a file that is read once."""

    def __init__(self, repository: Repository, name: str, shape: Shape) -> None:
        self._process = repository.start("cat-file", shape.kind, name)
        self._left = shape.size

    def __enter__(self) -> _Piped:
        return self

    def __exit__(self, *args: object) -> None:
        end(self._process)

    def read(self, size: int) -> bytes:
        """Raises: OSError: it ends too early."""
        data = pipe(self._process.stdout).read(size)
        self._left -= len(data)
        if len(data) < size and self._left:
            raise OSError(errno.EIO, "git cannot read it to its end: the object is damaged")
        return data


def pipe(stream: IO[bytes] | None) -> IO[bytes]:
    """Returns: what was asked for when the process was started."""
    if stream is None:
        raise AssertionError
    return stream


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends it, and closes what leads to it."""
    if process.poll() is None:
        process.kill()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            try:
                stream.close()
            except OSError:
                continue  # what was still to be written to it is of no use
    process.wait()


def _find_git(environ: Mapping[str, str]) -> str:
    # Not by a relative entry of PATH: that would be a program of the repository.
    for folder in environ.get("PATH", os.defpath).split(os.pathsep):
        path = shutil.which("git", path=folder) if os.path.isabs(folder) else None
        if path is not None:
            return path
    raise Unavailable("git is not installed", hint="without it: credman scan looks at the files")


def _refused(said: bytes) -> Unavailable:
    if b"dubious ownership" in said or b"unsafe repository" in said:
        return Unavailable(
            "git refuses this repository: it belongs to another user",
            hint="if you trust it: git config --global --add safe.directory PATH",
        )
    if b"not a git repository" in said:
        return Unavailable("there is no git repository here", hint="begin inside of one")
    return Unavailable("git cannot read this repository", hint="git status says why")
