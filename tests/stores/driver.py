"""A process that does one thing with a vault: for locks, crashes, races and injected failures.

    python -m tests.stores.driver HOME ACTION [ARGUMENT…]

It prints one line, ``ok`` or the kind and the message of the error, and ends with its exit code.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import cryptography

from credman.core.config import Config
from credman.core.errors import CredmanError
from credman.core.scope import Selection
from credman.session import Session
from credman.stores import disk
from credman.stores.base import Creation
from credman.vault import slots
from tests.stores.places import PASSPHRASE, REPOSITORY, add, names, open_vault, vault_file

KILLED = -signal.SIGKILL


def command(home: Path, action: str, *arguments: str, python: str = sys.executable) -> list[str]:
    return [python, "-m", "tests.stores.driver", str(home), action, *arguments]


def environment(place: Path | None = None) -> dict[str, str]:
    """Returns: the same few variables always, and no byte code written beside the modules."""
    paths = [str(place or REPOSITORY)]
    if place is None:
        paths += [p for p in sys.path if p.endswith("site-packages")]
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
    }


def find_public_python(prefix: Sequence[str]) -> str:
    """Returns: an interpreter that another user, as whom ``prefix`` runs things, can start, and
    that finds credman in the public place."""
    for python in (sys.executable, "/usr/bin/python3"):
        done = subprocess.run(
            [*prefix, python, "-c", "import tests.stores.places"],
            cwd=public_place(),
            env=environment(public_place()),
            capture_output=True,
            check=False,
        )
        if done.returncode == 0:
            return python
    from tests.requirements import require  # pytest is not there as another user

    require(False, "no interpreter and credman that another user may read")
    raise AssertionError


@functools.cache
def public_place() -> Path:
    """Returns: a copy of credman, the tests and what they import, that every user may read: the
    checkout may lie in a home that others cannot enter."""
    place = Path(tempfile.mkdtemp(dir="/tmp"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    place.chmod(0o755)
    for package in ("credman", "tests"):
        shutil.copytree(REPOSITORY / package, place / package)
    installed = Path(cryptography.__file__).parents[1]
    for pattern in ("cryptography", "cffi", "_cffi_backend*"):
        for found in installed.glob(pattern):
            target = place / found.name
            shutil.copytree(found, target) if found.is_dir() else shutil.copy(found, target)
    for path in place.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return place


def drive(
    home: Path,
    action: str,
    *arguments: str,
    prefix: Sequence[str] = (),
    python: str | None = None,
    umask: int = -1,
    environ: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Args: python: of ``find_public_python``, which runs in the public place.

    Returns:
        The exit code and what was printed.
    """
    place = None if python is None else public_place()
    done = subprocess.run(
        [*prefix, *command(home, action, *arguments, python=python or sys.executable)],
        capture_output=True,
        text=True,
        cwd=place or REPOSITORY,
        env={**environment(place), **(environ or {})},
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
        case "replace":
            add(store, *arguments)  # the same method: the name is there already
        case "remove":
            Session(store, Config(), Selection()).remove(*arguments)
        case "fill":
            add(store, arguments[0], note="n" * int(arguments[1]))
        case "add-many":
            prefix, count = arguments
            for number in range(int(count)):
                add(store, f"{prefix}-{number}")
        case "add-telling":
            for number in itertools.count():
                name = f"{arguments[0]}-{number}"
                add(store, name)
                sys.stdout.write(f"{name}\n")
                sys.stdout.flush()
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


def run(home: str, action: str, *arguments: str) -> int:
    """Returns: the exit code, after the line was printed."""
    try:
        line, code = main(Path(home), action, *arguments), 0
    except CredmanError as error:
        line, code = f"{error.kind}: {error.message}", error.exit_code
    with contextlib.suppress(OSError):  # what cannot be said does not change the exit code
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    return code


if __name__ == "__main__":
    os._exit(run(*sys.argv[1:]))
