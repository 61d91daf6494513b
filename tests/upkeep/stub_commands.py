"""Commands that print the values of temporary tokens, and a clock that has gone on meanwhile."""

from __future__ import annotations

import importlib
import json
import shlex
import sys
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pytest

from tests.cli.harness import Outcome, credman

CLOCKS = (
    "credman.cli.add", "credman.cli.giving", "credman.cli.list", "credman.cli.show",
    "credman.session", "credman.view",
)  # fmt: skip

PARTS = ("--field", "AWS_ACCESS_KEY_ID", "--field", "AWS_SECRET_ACCESS_KEY")
PROCESS = """
ends = time.time() + (SHORT if n == 1 else 3600)
print(json.dumps({"Version": 1, "AccessKeyId": f"key-{n}", "SecretAccessKey": f"secret-{n}",
    "Expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends))}))
"""


def make_process(*, short: int) -> str:
    """Returns: Python that prints what a ``credential_process`` does.

    Args:
        short: seconds until the first of them ends; the others are good for an hour.
    """
    return PROCESS.replace("SHORT", str(short))


def make_command(tmp_path: Path, body: str) -> str:
    """Args: body: of a Python program. Returns: a command that runs it."""
    path = tmp_path / "command.py"
    path.write_text(f"import json, os, sys, time\n{body}\n")
    return f"{sys.executable} -I {shlex.quote(str(path))}"


def count_in(tmp_path: Path) -> str:
    """Returns: Python that sets ``n`` to how often it has run."""
    path = tmp_path / "runs"
    return f"open({str(path)!r}, 'a').write('x'); n = len(open({str(path)!r}).read())"


def runs(tmp_path: Path) -> int:
    return len((tmp_path / "runs").read_text())


def add(command: str, *options: str, ttl: str = "1h") -> Outcome:
    return credman("add", "brief", "--command", command, "--ttl", ttl, *options)


def get(*options: str) -> str:
    outcome = credman("get", "brief", *options, stdin=b"")
    assert outcome.exit_code == 0, outcome.stderr
    return outcome.text


def list_versions() -> list[tuple[int, str]]:
    found = json.loads(credman("history", "brief", "--json").text)["versions"]
    return [(v["number"], v["state"]) for v in found]


def go_on(patch: pytest.MonkeyPatch, **span: float) -> None:
    """It is so much later than it is, for what hands tokens out in this process."""

    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Later:
            moment = datetime.now(UTC) + timedelta(**span)
            return cls.fromtimestamp(moment.timestamp(), tz)

    for module in CLOCKS:
        patch.setattr(importlib.import_module(module), "datetime", Later)
