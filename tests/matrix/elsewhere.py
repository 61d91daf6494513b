"""The command line as another user, or where the caller's surroundings are odd."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

from tests.cli.harness import PROGRAM
from tests.matrix.common import PASSPHRASE, assert_hidden
from tests.requirements import require, require_program
from tests.stores.driver import public_place

OTHER = 4242
AS_OTHER = ("setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups")


def shell(
    script: str,
    *argv: str,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: bytes = b"",
    may_print: bool = False,
) -> subprocess.CompletedProcess[bytes]:
    """Runs a line of ``sh``. Args: argv: of credman, which is ``"$@"`` in the line."""
    done = subprocess.run(
        ["sh", "-c", script, "sh", *PROGRAM, *argv],
        input=stdin,
        capture_output=True,
        env={**os.environ, "CREDMAN_PASSPHRASE": PASSPHRASE, **(environ or {})},
        cwd=cwd or Path.home(),
        timeout=60,
        start_new_session=True,
        check=False,
    )
    assert_hidden(done.stderr, *([] if may_print else [done.stdout]))
    return done


def as_other(
    *argv: str, environ: Mapping[str, str], cwd: Path | str = "/", prefix: Sequence[str] = ()
) -> subprocess.CompletedProcess[bytes]:
    """Runs credman as a user whom no database knows. Args: prefix: of the command, as that user."""
    done = subprocess.run(
        [*AS_OTHER, *prefix, _find_python(), "-P", "-m", "credman", *argv],
        input=b"EXAMPLE",
        capture_output=True,
        env={**_import_path(), "CREDMAN_PASSPHRASE": PASSPHRASE, **environ},
        cwd=cwd,
        timeout=60,
        start_new_session=True,
        check=False,
    )
    assert_hidden(done.stderr)
    return done


@functools.cache
def _find_python() -> str:
    require(os.geteuid() == 0, "only root can run something as another user")
    require_program("setpriv")
    _copy_dependencies(public_place())
    for python in (sys.executable, "/usr/bin/python3"):
        command = [*AS_OTHER, python, "-P", "-c", "import credman.cli.run, cryptography, typer"]
        if not subprocess.run(command, env=_import_path(), cwd="/", check=False).returncode:
            return python
    require(False, "no interpreter that another user may start")
    raise AssertionError


def _import_path() -> dict[str, str]:
    return {"PYTHONPATH": str(public_place()), "PYTHONDONTWRITEBYTECODE": "1"}


def _copy_dependencies(place: Path) -> None:
    wanted, copied = ["typer", "tomlkit", "platformdirs"], set[str]()
    while wanted:
        name = wanted.pop()
        if name in copied:
            continue
        copied.add(name)
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # it is for another platform
        requires = [r for r in distribution.requires or () if "extra ==" not in r]
        wanted += [match[0] for match in map(re.compile(r"[\w.-]+").match, requires) if match]
        for file in distribution.files or ():
            if ".." not in file.parts:
                target = place / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(distribution.locate_file(file)), target)
    for path in place.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
