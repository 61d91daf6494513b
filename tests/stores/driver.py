"""A process that does one thing with a vault: for locks, crashes, races and injected failures.

    python -m tests.stores.driver HOME ACTION [ARGUMENT…]

It prints one line, ``ok`` or the kind and the message of the error, and ends with its exit code.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from credman.core.errors import CredmanError
from credman.stores import disk
from credman.stores.base import Creation
from credman.vault import slots
from tests.requirements import require
from tests.stores.places import PASSPHRASE, REPOSITORY, add, names, open_vault, vault_file

KILLED = -signal.SIGKILL


def command(home: Path, action: str, *arguments: str, python: str = sys.executable) -> list[str]:
    return [python, "-m", "tests.stores.driver", str(home), action, *arguments]


def environment() -> dict[str, str]:
    """Returns: the same few variables always, and no byte code written beside the modules."""
    paths = [str(REPOSITORY), *(p for p in sys.path if p.endswith("site-packages"))]
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
    }


def find_public_python(prefix: Sequence[str]) -> str:
    """Returns: an interpreter that another user, as whom ``prefix`` runs things, can start, and
    that finds credman."""
    for python in (sys.executable, "/usr/bin/python3"):
        done = subprocess.run(
            [*prefix, python, "-c", "import tests.stores.places"],
            cwd=REPOSITORY,
            env=environment(),
            capture_output=True,
            check=False,
        )
        if done.returncode == 0:
            return python
    require(False, "no interpreter and credman that another user may read")
    raise AssertionError


def drive(
    home: Path,
    action: str,
    *arguments: str,
    prefix: Sequence[str] = (),
    python: str = sys.executable,
    umask: int = -1,
    environ: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Returns: the exit code and what was printed."""
    done = subprocess.run(
        [*prefix, *command(home, action, *arguments, python=python)],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env={**environment(), **(environ or {})},
        umask=umask,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout.strip()


@contextmanager
def start(home: Path, action: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Starts one in the background, which is killed at the end at the latest."""
    process = subprocess.Popen(
        command(home, action, *arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env=environment(),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_line(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline().strip()


def main(home: Path, action: str, *arguments: str) -> str:
    slots.DEFAULT_PARAMETERS = slots.Argon2Parameters(memory=19 * 1024, passes=2, lanes=1)
    store = open_vault(home)
    match action:
        case "create":
            store.create(Creation(PASSPHRASE))
        case "add":
            add(store, *arguments)
        case "fill":
            add(store, arguments[0], note="n" * int(arguments[1]))
        case "add-many":
            prefix, count = arguments
            for number in range(int(count)):
                add(store, f"{prefix}-{number}")
        case "list":
            return ",".join(sorted(names(store)))
        case "hold":
            with disk.locked(str(vault_file(home).with_suffix(".lock"))):
                sys.stdout.write("held\n")
                sys.stdout.flush()
                sys.stdin.read()
        case _:
            raise AssertionError(action)
    return "ok"


if __name__ == "__main__":
    try:
        line, code = main(Path(sys.argv[1]), *sys.argv[2:]), 0
    except CredmanError as error:
        line, code = f"{error.kind}: {error.message}", error.exit_code
    sys.stdout.write(f"{line}\n")
    sys.exit(code)
