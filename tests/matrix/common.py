"""What the rows of the fault matrix share: a home whose vault holds a canary, and ways to run.

The rule of every row: the canary is in no file outside the vault, in nothing that is said, in no
argument. ``call`` and ``start`` assert the last two; ``conftest.py`` the first, after each test.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from tests.cli import harness
from tests.cli.harness import Outcome, make_value

CANARY = make_value("CANARY-", 24)
"""The value of the token ``canary``, which is the variable ``CANARY``."""
PASSPHRASE = "canary-" + make_value("", 20)
CANARIES = (CANARY, PASSPHRASE)

_made: list[bytes] = []


def home() -> Path:
    return Path(os.environ["CREDMAN_HOME"])


def vault_path() -> Path:
    return home() / "data" / "vault.age"


def make_home(*, seen: bool = True) -> Path:
    """A vault in this test's home with one token, ``canary``.

    Args:
        seen: it was written here, so what was last seen is noted. Otherwise it is a copy: quicker.

    Returns:
        The vault's path.
    """
    path = vault_path()
    if seen or not _made:
        assert add("canary", CANARY.encode()).exit_code == 0
        _made[:] = [path.read_bytes()]
        if seen:
            return path
        for lying in (home() / "state" / "seen").iterdir():
            lying.unlink()
    return plant(_made[0])


def plant(file: bytes) -> Path:
    """Puts any bytes where this test's vault is. Returns: the path."""
    path = vault_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_bytes(file)
    path.chmod(0o600)
    return path


def call(*argv: str, may_print: bool = False, **options: Any) -> Outcome:
    """Runs credman in this process (``harness.credman``), and holds it to the rule.

    Args:
        may_print: values on standard output are the command's purpose.
    """
    outcome = harness.credman(*argv, **{"passphrase": PASSPHRASE, "stdin": b"", **options})
    said = [outcome.stderr, *outcome.shown, *argv]
    if outcome.execution is not None:
        said += outcome.execution.argv
    assert_hidden(*said, *([] if may_print else [outcome.stdout]))
    return outcome


def start(
    *argv: str, may_print: bool = False, **options: Any
) -> subprocess.CompletedProcess[bytes]:
    """Runs credman as a real process (``harness.program``), and holds it to the rule."""
    done = harness.program(*argv, **{"passphrase": PASSPHRASE, **options})
    assert_hidden(done.stderr, *argv, *([] if may_print else [done.stdout]))
    return done


def add(name: str, value: bytes, *options: str) -> Outcome:
    return call("add", name, *options, stdin=value + b"\n")


def get(name: str = "canary") -> bytes:
    outcome = call("get", name, may_print=True)
    assert outcome.exit_code == 0, outcome.stderr
    return outcome.stdout


def assert_hidden(*texts: str | bytes) -> None:
    """Nothing that was said holds a canary or is a traceback."""
    for text in texts:
        data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
        assert not [canary for canary in CANARIES if canary.encode() in data]
        assert b"Traceback" not in data


def assert_not_on_disk(folder: Path) -> None:
    """No file below ``folder`` holds a canary in clear; the vault holds it only encrypted."""
    for path in folder.rglob("*"):
        assert not [canary for canary in CANARIES if canary in path.name]
        if path.is_file() and not path.is_symlink() and path.stat().st_size < 1 << 28:
            data = path.read_bytes()
            assert not [canary for canary in CANARIES if canary.encode() in data], path


def assert_as_before(before: bytes | None) -> None:
    """The vault is what it was, nothing half written lies beside it, and no other is there.

    Args:
        before: its bytes; None: there was none.
    """
    path = vault_path()
    assert (path.read_bytes() if path.exists() else None) == before
    if path.parent.exists():
        assert [name for name in os.listdir(path.parent) if name.endswith(".tmp")] == []
