"""System calls of a real process that fail, lie or are its last, one at a time.

strace makes them so. It counts the calls of one name over a whole process, so the numbers come
from a usual run of the same process (no byte code is written, hashes are not random), and every
injection is checked to have met a path or descriptor of the home. A process that is a copy of one
that has imported everything (``copies``) is counted from there on.
"""

from __future__ import annotations

import atexit
import functools
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from credman.stores.seen import state_path
from tests.matrix import copies
from tests.requirements import require, require_program
from tests.stores import driver
from tests.stores.driver import command, environment
from tests.stores.places import PASSPHRASE, REPOSITORY, vault_file

_LINE = re.compile(r"(?:\d+ +)?(\w+)\((.*?)(?:\) += (-?\d+|\?)(.*)| <unfinished \.\.\.>)$")
_DESCRIPTOR = re.compile(r"\d+<(.*?)>")
_NAMES_OF_CHANCE = re.compile(r"\b(?:[0-9a-f]{16}|[0-9a-f]{32})\b")
_CHANGES = (
    "chmod",
    "fchmod",
    "fdatasync",
    "flock",
    "fsync",
    "ftruncate",
    "link",
    "linkat",
    "mkdir",
    "mkdirat",
    "pwrite64",
    "rename",
    "renameat",
    "renameat2",
    "rmdir",
    "symlink",
    "unlink",
    "unlinkat",
    "write",
)


@dataclass(frozen=True)
class Call:
    """One system call, and the how-manieth of its name it was in its process.

    Args:
        target: what it touched of the home, with ``*`` for what chance named; empty: nothing.
        result: what it returned.
    """

    name: str
    arguments: str
    count: int
    target: str
    result: int = 0

    @property
    def changes(self) -> bool:
        """Whether it writes, or prepares to; the others only look."""
        return self.name in _CHANGES or "O_CREAT" in self.arguments


@dataclass(frozen=True)
class Action:
    """A process that does one thing with the vault of a home.

    Args:
        stdin: what is piped in.
        module: whose ``run`` it is with all of ``argv`` after the module: then, under strace, it is
            a copy of a process that has imported everything, and its calls are those of ``run``.
    """

    name: str
    argv: Callable[[Path], Sequence[str]]
    environ: Callable[[Path], Mapping[str, str]]
    stdin: bytes = b""
    module: str = ""

    def with_own_byte_code(self, home: Path) -> Action:
        """Returns: the same with byte code that nobody else writes or makes stale: reading it
        takes the same calls each time. Args: home: of a first run, which fills it."""
        if self.module:
            copies.learn(self.module, self._arguments(home), self.environ(home))
            return self
        given = {"PYTHONPYCACHEPREFIX": str(_byte_code())}
        if self.name not in _filled:
            _filled.add(self.name)
            writing = {**given, "PYTHONDONTWRITEBYTECODE": ""}
            replace(self, environ=lambda home: {**self.environ(home), **writing}).run(home)
        return replace(self, environ=lambda home: {**self.environ(home), **given})

    def run(self, home: Path, prefix: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*prefix, *self.argv(home)],
            input=self.stdin.decode(),
            capture_output=True,
            text=True,
            cwd=REPOSITORY,
            env=dict(self.environ(home)),
            timeout=120,
            start_new_session=True,
            check=False,
        )

    def run_traced(self, home: Path, strace: Sequence[str]) -> tuple[int, str]:
        """Returns: the exit code and what was printed. Args: strace: the program, its options."""
        if self.module:
            arguments = self._arguments(home)
            return copies.run(self.module, arguments, self.environ(home), strace)
        follow = () if any("signal=" in word for word in strace) else ("-f", "--seccomp-bpf")
        done = self.run(home, [*strace, "-qq", *follow])  # faster, but then no signal is delivered
        return done.returncode, f"{done.stdout}{done.stderr}".strip()

    def _arguments(self, home: Path) -> Sequence[str]:
        argv = list(self.argv(home))
        return argv[argv.index(self.module) + 1 :]


@functools.cache
def _byte_code() -> Path:
    place = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return place


_filled: set[str] = set()


def driven(action: str, *arguments: str) -> Action:
    """The method of the session, in the least process that there can be."""
    return Action(
        action,
        lambda home: command(home, action, *arguments),
        lambda _: environment(),
        module=driver.__name__,
    )


def typed(*argv: str, stdin: bytes = b"") -> Action:
    """The same through the command line, as a person or a script has it."""

    def environ(home: Path) -> dict[str, str]:
        opened = {"CREDMAN_PASSPHRASE": str(PASSPHRASE), "CREDMAN_HOME": str(home)}
        return {**environment(), **opened, "HOME": str(home)}

    name = f"credman {argv[0]}"
    return Action(name, lambda _: [sys.executable, "-m", "credman", *argv], environ, stdin)


@dataclass(frozen=True)
class Traced:
    exit_code: int
    printed: str
    calls: tuple[Call, ...]
    injected: tuple[Call, ...]

    def index(self, name: str, what: str) -> int:
        """Returns: the place of the first call of this kind whose arguments match ``what``."""
        return next(
            i
            for i, call in enumerate(self.calls)
            if call.name.startswith(name) and re.search(what, call.arguments)
        )


def trace(home: Path, action: Action, *, inject: str = "", calls: Sequence[str] = ()) -> Traced:
    """Runs an action under strace.

    Args:
        inject: for strace, ``fsync:error=EIO:when=1``; then only that call is in the result.
        calls: the names of those to trace without one; none: all.
    """
    log = home.parent / f"{home.name}.strace"
    wanted = inject.partition(":")[0] or ",".join(f"?{call}" for call in calls) or "all"
    strace = [require_program("strace"), "-y", "-o", str(log), "-e", f"trace={wanted}"]
    if inject:
        strace += ["-e", f"inject={inject}"]
    exit_code, printed = action.run_traced(home, strace)
    text = log.read_text(errors="replace") if log.exists() else ""
    require("(" in text, "strace may not trace here")
    found: list[Call] = []
    injected: list[Call] = []
    counts: dict[str, int] = {}
    for match in filter(None, map(_LINE.match, text.splitlines())):
        name, arguments, result, rest = match.groups("")
        counts[name] = counts.get(name, 0) + 1
        returned = int(result) if result.lstrip("-").isdigit() else 0
        call = Call(name, arguments, counts[name], _find_target(arguments, home), returned)
        found.append(call)
        if "(INJECTED)" in rest:
            injected.append(call)
    return Traced(exit_code, printed, tuple(found), tuple(injected))


def _find_target(arguments: str, home: Path) -> str:
    # A descriptor's path counts, or paths that are arguments; never what is read or written.
    match = _DESCRIPTOR.match(arguments)
    paths = [match[1]] if match and match[1].startswith("/") else []
    if match is None:
        paths = re.findall(r'"([^"]*)"', arguments)
    ours = [path for path in paths if f"{path}/".startswith(f"{home}/")]
    return " ".join(_NAMES_OF_CHANCE.sub("*", path[len(str(home)) :]) or "/" for path in ours)


def find_points(traced: Traced) -> list[Call]:
    """Returns: each call that touches the home, from the lock onward, and before it each one that
    changes something."""
    ours = [c for c in traced.calls if c.target and c.name != "execve"]
    lock = next(i for i, c in enumerate(ours) if "O_CREAT" in c.arguments and ".lock" in c.target)
    return [c for i, c in enumerate(ours) if i >= lock or c.changes]


def copy_home(template: Path, home: Path) -> Path:
    """Returns: a home with the same vault, whose record of what was seen goes with it."""
    shutil.copytree(template, home, symlinks=True)
    states = [Path(state_path(str(h / "state"), str(vault_file(h)))) for h in (template, home)]
    moved = home / "state" / "seen" / states[0].name
    if moved.exists():
        moved.rename(states[1])
    return home
