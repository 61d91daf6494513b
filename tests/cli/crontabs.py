"""A crontab of nobody's and a systemctl that reaches no manager: all that PATH holds."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from credman.watch.timer_cron import parse_block
from tests.cli.harness import Outcome, credman
from tests.upkeep.schedulers import (
    own_crontab,
    read_crontab,
    system_program,
    write_program,
)

CREDMAN = str(Path(sys.executable).with_name("credman"))
MINE = b"# mine\n0 1 * * * true\n"


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """All of PATH: a crontab of nobody's, and systemctl, which reaches no manager."""
    folder = tmp_path / "tools"
    write_program(folder, "systemctl", f'exec {system_program("systemctl")} "$@"')
    with own_crontab(folder):
        monkeypatch.setenv("PATH", str(folder))
        yield folder


def remind(*argv: str, **given: object) -> Outcome:
    return credman("remind", *argv, passphrase=None, **given)  # type: ignore[arg-type]


def installed(tools: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    """What cron calls now, and the variables that it sets."""
    text = (read_crontab(tools) or b"").decode()
    job = parse_block(text[text.index("# credman remind: begin") :])
    assert job is not None
    return job.command, dict(job.environ)


def units() -> Path:
    return Path(os.environ["HOME"], ".config", "systemd", "user")
