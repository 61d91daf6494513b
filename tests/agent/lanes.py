"""What hot command lines find, and the two lanes that they go through: an agent that holds the
vault, and a passphrase with no agent.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import socket
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

from tests.agent import standings
from tests.agent.agents import agents
from tests.agent.lines import Line
from tests.cli.harness import PASSPHRASE, credman, make_value
from tests.cli.test_file_fields import make_key

DRIVER = Path(__file__).with_name("lane.py")
HARD = b"\xff 'a' \"b\" $(id) `x` \\ \n\t; \xc3\xa9\n\n"
_COLUMNS_OF_STDERR = 90
_SECONDS = 60

Streams = tuple[int, int, int]
Start = Callable[[Sequence[str], Sequence[str], Mapping[str, str], str, Streams], int]


class Outcome(NamedTuple):
    code: int
    stdout: bytes
    stderr: bytes


class World:
    """Args: root: an empty directory; nothing of it is there before ``make``."""

    def __init__(self, root: Path, stack: ExitStack) -> None:
        self._root, self._stack = root, stack
        self.place = root / "place"
        self._notes = root / "notes"
        self._is_made = False
        self._environ = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(root / "home"),
            **{f"XDG_{n.upper()}_HOME": str(root / n) for n in ("data", "config", "state")},
            "XDG_RUNTIME_DIR": str(root / "run"),
        }

    def make(self) -> None:
        """The vaults, and an agent that holds one of them; a second agent of another home."""
        if self._is_made:
            return
        self._is_made = True
        for name in ("home", "run", "place/folder", "place/beside", "place/sub", "empty"):
            (self._root / name).mkdir(mode=0o700, parents=True)
        self._store_tokens()
        self._place_vaults()
        self._place_programs()
        self._configure()
        self._start_agent(self._environ, self._root / "run" / "credman")
        portable = {**self._environ, "CREDMAN_HOME": str(self._root / "portable")}
        self._start_agent(portable, self._root / "portable" / "run")
        for environ in (self._environ, portable):  # completion has names without an agent as well
            self._credman("list", environ=environ)
        self._credman("list", "--store", "file:open.age")
        self._start_copier()

    def _credman(
        self, *argv: str, stdin: bytes = b"", environ: Mapping[str, str] | None = None
    ) -> None:
        given = {"CREDMAN_HOME": "", **(environ or self._environ)}
        outcome = credman(*argv, stdin=stdin, environ=given, cwd=self.place)
        assert outcome.exit_code == 0, outcome.stderr

    def _store_tokens(self) -> None:
        for argv, value in (
            (["hf"], make_value().encode()),
            (["hf", "-e", "prod"], make_value(length=36).encode()),
            (["hf", "-p", "work"], make_value(length=38).encode()),
            (["hf", "-e", "island", "--isolated"], make_value(length=40).encode()),
            (["api", "-e", "prod", "--field", "API_ID", "--field", "API_KEY"],
             b"API_ID=an id\nAPI_KEY=a key\n"),
            (["hard", "-e", "test", "--rotate-every", "90d", "--note", "a\nnote"], HARD),
            (["gcp", "-e", "cloud"], make_key()),
        ):  # fmt: skip
            self._credman("add", *argv, "--no-check", stdin=value)
        standings.store_tokens(self._environ, self.place, self._credman)

    def _place_vaults(self) -> None:
        (vault,) = (self._root / "data").rglob("vault.age")
        whole = vault.read_bytes()
        for name, data in {
            "open.age": whole,
            "beside/vault.age": whole,
            "header.age": whole.replace(b"\n--- ", b"\n--- A", 1),
            "damaged.age": whole[:80] + b"x" + whole[81:],
            "payload.age": whole[:-40] + bytes(40),
            "cut.age": whole[:-1],
            "empty.age": b"",
            "text.age": b"[default]\nkey = x\n",
            "rolled.age": whole,
            "gone.age": whole,
            "../home/at-home.age": whole,
            "../portable/data/vault.age": whole,
        }.items():
            path = self.place / name
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_bytes(data)
            path.chmod(0o644 if name == "open.age" else 0o600)
        (self.place / "linked.age").symlink_to("open.age")
        for name in ("rolled", "gone", "other"):  # as this machine has seen them
            url = f"file:{name}.age"
            self._credman("add", "later", "--var", "LATER", "--store", url, stdin=b"EXAMPLE")
        copy = (self.place / "rolled.age").read_bytes()
        (self.place / "beside" / "vault copy.age").write_bytes(copy)
        (self.place / "rolled.age").write_bytes(whole)
        (self.place / "gone.age").unlink()
        somebody = self._root / "somebody" / "credman"
        somebody.mkdir(mode=0o700, parents=True)
        (somebody / "vault.age").write_bytes((self.place / "other.age").read_bytes())

    def _place_programs(self) -> None:
        for name, text, mode in (
            ("plain-file", "no program", 0o644),
            ("no-interpreter", "echo one", 0o755),
            ("own-script", "#!/bin/sh\necho here; exit 5", 0o755),
        ):
            (self.place / name).write_text(text)
            (self.place / name).chmod(mode)

    def _configure(self) -> None:
        for name, text in {
            "configured": 'environment = "prod"\n[environments.stage]\nisolated = true\n',
            "unknown-key": 'environmnet = "prod"\n',
            "no-toml": "environment = \n",
            "no-agent": 'agent = "off"\n',
        }.items():
            path = self._root / name / "credman" / "config.toml"
            path.parent.mkdir(mode=0o700, parents=True)
            path.write_text(text)
        for name, text in (("own-provider", standings.PROVIDER), ("bad-provider", "title = 1\n")):
            path = self._root / name / "credman" / "providers" / "mine.toml"
            path.parent.mkdir(mode=0o700, parents=True)
            path.write_text(text)

        (self._root / "no-file" / "credman" / "config.toml").mkdir(parents=True)

    def _start_agent(self, environ: Mapping[str, str], folder: Path) -> None:
        desk = self._stack.enter_context(agents())
        desk.environ, desk.folder = dict(environ), folder
        desk.unlock()
        assert desk.pid

    def warm(self, line: Line) -> tuple[Outcome, bytes]:
        """Returns: what comes of it, and the agent's word; nothing if it was not asked."""
        outcome = self._run(line, {}, self._choose(line))
        word = self._notes.read_bytes() if self._notes.exists() else b""
        self._notes.unlink(missing_ok=True)
        return outcome, word.removesuffix(b"\n")

    def cold(self, line: Line) -> Outcome:
        """Without an agent. What the agent alone can open is opened by a passphrase."""
        given = {"CREDMAN_PASSPHRASE": PASSPHRASE} if line.opens else {}
        outcome = self._run(line, {"CREDMAN_AGENT": "off", **given}, self._choose(line))
        assert not self._notes.exists()
        return outcome

    def _choose(self, line: Line) -> Start:
        # A process of its own where it matters who calls, or how Python begins.
        needs_own = line.through or {"LANG", "LC_ALL"} & line.environ.keys()
        return self._start if needs_own else self._copy

    def _run(self, line: Line, lane: Mapping[str, str], start: Start) -> Outcome:
        for note in self._root.rglob("mentioned"):  # each lane says what is overdue
            note.unlink()
        told = {k: v and v.replace("ROOT", str(self._root)) for k, v in line.environ.items()}
        environ = {k: v for k, v in {**self._environ, **told, **lane}.items() if v is not None}
        argv = [word.replace("ROOT", str(self._root)) for word in line.argv]
        with (
            TemporaryFile() as stdin,
            _stream(line.stdout) as (stdout, shown),
            _stream(line.stderr) as (stderr, remarks),
        ):
            stdin.write(line.stdin)
            stdin.seek(0)
            streams = (stdin.fileno(), stdout, stderr)
            code = start(line.through, argv, environ, str(self.place / line.cwd), streams)
        return Outcome(code, bytes(shown), bytes(remarks))

    def _start(
        self,
        through: Sequence[str],
        argv: Sequence[str],
        environ: Mapping[str, str],
        cwd: str,
        streams: Streams,
    ) -> int:
        stdin, stdout, stderr = streams
        command = [*through, sys.executable, str(DRIVER), str(self._notes), *argv]
        return subprocess.run(
            command,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=environ,
            cwd=cwd,
            start_new_session=True,
            timeout=_SECONDS,
            check=False,
        ).returncode

    def _copy(
        self,
        through: Sequence[str],
        argv: Sequence[str],
        environ: Mapping[str, str],
        cwd: str,
        streams: Streams,
    ) -> int:
        notes = "" if environ.get("CREDMAN_AGENT") == "off" else str(self._notes)
        request = json.dumps([argv, environ, cwd, notes]).encode()
        socket.send_fds(self._copier, [request], streams)
        return os.waitstatus_to_exitcode(int.from_bytes(self._copier.recv(4), "big"))

    def _start_copier(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, str(DRIVER.with_name("cold.py"))]
        with theirs:
            process = subprocess.Popen(
                command, stdin=theirs.fileno(), env=self._environ, cwd=self.place
            )
        self._stack.callback(process.wait, _SECONDS)
        self._copier = self._stack.enter_context(ours)  # it ends when this is closed
        ours.settimeout(_SECONDS)


@contextmanager
def world(root: Path) -> Iterator[World]:
    """Its agents end with it."""
    with ExitStack() as stack:
        yield World(root, stack)


@contextmanager
def _stream(kind: str | int) -> Iterator[tuple[int, bytearray]]:
    """Args: kind: as of ``Line``. Gives what a process gets; afterwards, what it wrote there."""
    shown = bytearray()
    match kind:
        case "file":
            with TemporaryFile() as file:
                yield file.fileno(), shown
                file.seek(0)
                shown += file.read()
        case "full":
            with open("/dev/full", "wb") as full:
                yield full.fileno(), shown
        case "gone":
            reading, writing = os.pipe()
            os.close(reading)
            yield writing, shown
            os.close(writing)
        case _:
            columns = kind if isinstance(kind, int) else _COLUMNS_OF_STDERR
            ours, theirs = pty.openpty()
            fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
            reader = threading.Thread(target=_read, args=(ours, shown))
            reader.start()
            yield theirs, shown
            os.close(theirs)
            reader.join()
            os.close(ours)


def _read(descriptor: int, shown: bytearray) -> None:
    with contextlib.suppress(OSError):  # nobody has the terminal open any more
        while data := os.read(descriptor, 65536):
            shown += data
