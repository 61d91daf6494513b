"""A real agent for a test: started by the real program, ended with the test whatever happens."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.cli.harness import PASSPHRASE, PROGRAM

SECONDS = 60


class Agents:
    """A home whose commands may use an agent. Args: environ: over the test's own."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        kept = {k: v for k, v in os.environ.items() if k != "CREDMAN_AGENT"}
        self.environ = {**kept, **(environ or {})}
        self.folder = Path(self.environ["CREDMAN_HOME"]) / "run"

    def run(
        self,
        *argv: str,
        stdin: bytes = b"",
        environ: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        """Runs the program without a terminal and without a passphrase."""
        return subprocess.run(
            [*PROGRAM, *argv],
            input=stdin,
            capture_output=True,
            env={**self.environ, **(environ or {})},
            cwd=cwd or Path.home(),
            timeout=60,
            check=False,
            start_new_session=True,
        )

    def unlock(self, *options: str, passphrase: str = PASSPHRASE) -> None:
        """As a person does; the agent holds the default store from now on."""
        argv = ["unlock", "--passphrase-fd", "0", *options]
        done = self.run(*argv, stdin=passphrase.encode())
        assert done.returncode == 0, done.stderr

    def status(self) -> Mapping[str, object] | None:
        """What the agent says of itself; None: there is none."""
        told = self.run("status", "--json").stdout
        found: Mapping[str, object] | None = json.loads(told)["agent"]
        return found

    @property
    def pid(self) -> int:
        """Raises: AssertionError: there is not exactly one."""
        found = self.pids()
        assert len(found) == 1, found
        return found[0]

    def pids(self) -> list[int]:
        """The agents of this home: those that were started for its folder, less successors that
        wait."""
        found = self.processes()
        return [pid for pid in found if _parent_of(pid) not in found]

    def processes(self) -> list[int]:
        """All processes of these agents but those that talk to keyrings."""
        wanted = os.fsencode(self.folder)
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and _is_agent(entry, wanted):
                    found.append(int(entry.name))
        return found

    def ends(self) -> None:
        """Waits until there is none any more."""
        wait_until(lambda: not self.processes())


def _parent_of(pid: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return 0
    return int(stat.rpartition(b")")[2].split()[1])


def _is_agent(process: Path, folder: bytes) -> bool:
    words = (process / "cmdline").read_bytes().split(b"\0")
    is_dead = (process / "stat").read_bytes().rpartition(b")")[2].split()[0] == b"Z"
    return not is_dead and folder in words and any(w.endswith(b"server/start.py") for w in words)


@contextmanager
def agents(environ: Mapping[str, str] | None = None) -> Iterator[Agents]:
    """No agent outlives it."""
    made = Agents(environ)
    try:
        yield made
    finally:
        for pid in made.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        made.ends()


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)
