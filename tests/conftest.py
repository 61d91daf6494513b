"""Every test runs in an empty home of its own, with an empty environment and a cheap KDF."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from credman.vault import slots

pytest_plugins = ("tests.oskeyring.copies", "tests.cli.crontabs")
KEPT = ("PATH", "LANG", "TZ", "CREDMAN_TEST_REQUIRE", "COVERAGE_PROCESS_START")


@pytest.fixture(scope="session")
def _no_crontab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # A crontab does not lie in the home: without this a test could read, or change, the real one.
    folder = tmp_path_factory.mktemp("programs")
    program = folder / "crontab"
    program.write_text("#!/bin/sh\necho no crontab for a test >&2\nexit 1\n")
    program.chmod(0o755)
    folder.chmod(0o755)
    return folder


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, _no_crontab: Path) -> None:
    for variable in list(os.environ):
        if variable not in KEPT:
            monkeypatch.delenv(variable)
    for variable in ("DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY"):
        assert variable not in os.environ  # a test never reaches the real keyring
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{_no_crontab}:{os.environ['PATH']}")
    monkeypatch.setenv("CREDMAN_HOME", str(tmp_path / "credman"))
    monkeypatch.setenv("CREDMAN_OFFLINE", "1")  # no provider is asked but by tests that run one
    monkeypatch.setenv("CREDMAN_AGENT", "off")  # none is started but by tests that end it


@pytest.fixture(autouse=True)
def _cheap_kdf(monkeypatch: pytest.MonkeyPatch) -> None:
    # The weakest parameters that a reader accepts; the real ones are tried in tests/vault.
    weak = slots.Argon2Parameters(memory=19 * 1024, passes=2, lanes=1)
    monkeypatch.setattr(slots, "DEFAULT_PARAMETERS", weak)
