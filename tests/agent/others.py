"""An agent of another user, and what others try at its socket."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.agent.agents import Agents
from tests.cli.harness import make_vault
from tests.matrix import elsewhere
from tests.matrix.elsewhere import AS_OTHER, OTHER
from tests.requirements import require, require_program

CONNECT = """
import socket, sys
with socket.socket(socket.AF_UNIX) as connection:
    connection.settimeout(60)
    try:
        connection.connect(sys.argv[1])
        connection.sendall(bytes.fromhex(sys.argv[2]))
        print("answered" if connection.recv(100) else "cut")
    except PermissionError:
        print("denied")
    except (BrokenPipeError, ConnectionResetError):
        print("cut")
"""


@contextmanager
def public_home() -> Iterator[Path]:
    """A home that everybody can walk to; it has the vault of ``make_vault``."""
    require(os.geteuid() == 0, "only root can run something as another user")
    place = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        place.chmod(0o755)
        make_vault()
        shutil.copytree(os.environ["CREDMAN_HOME"], place / "credman")
        yield place / "credman"
    finally:
        shutil.rmtree(place)


@functools.cache
def find_python() -> str:
    """Returns: an interpreter that another user may start, and start again, with credman."""
    elsewhere._find_python()  # copies to where everybody may read what credman imports
    code = (
        "import subprocess as s, sys; s.run([sys.executable, '-c', 'import credman'], check=True)"
    )
    for python in (sys.executable, "/usr/bin/python3"):
        command = [*AS_OTHER, python, "-P", "-c", code]
        environ = elsewhere._import_path()
        if not subprocess.run(
            command, env=environ, cwd="/", capture_output=True, check=False
        ).returncode:
            return python
    require(False, "no interpreter that another user may start")
    raise AssertionError


def run_python(script: str, *arguments: str) -> str:
    """Runs a script as another user. Returns: what it prints."""
    require_program("setpriv")
    done = subprocess.run(
        [*AS_OTHER, find_python(), "-I", "-c", script, *arguments],
        cwd="/", capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class OthersAgents(Agents):
    """As ``Agents``, of another user."""

    def run(
        self,
        *argv: str,
        stdin: bytes = b"",
        environ: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        place = {k: v for k, v in self.environ.items() if k in ("CREDMAN_HOME", "HOME", "PATH")}
        return subprocess.run(
            [*AS_OTHER, find_python(), "-P", "-m", "credman", *argv],
            input=stdin,
            capture_output=True,
            env={**place, **elsewhere._import_path(), **(environ or {})},
            cwd=cwd or "/",
            timeout=60,
            check=False,
            start_new_session=True,
        )


@contextmanager
def agents_of_other() -> Iterator[OthersAgents]:
    """An agent of another user; it holds that user's vault."""
    with public_home() as home:
        for path in (home.parent, home, *home.rglob("*")):
            os.chown(path, OTHER, OTHER)
        made = OthersAgents({"CREDMAN_HOME": str(home), "HOME": str(home.parent)})
        try:
            made.unlock()
            yield made
        finally:
            for pid in made.pids():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            made.ends()
