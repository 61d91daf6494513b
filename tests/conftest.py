"""Every test runs in an empty home of its own, with an empty environment and a cheap KDF."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import os
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest

from credman.vault import slots

pytest_plugins = ("tests.oskeyring.copies", "tests.cli.crontabs")
# The same key as computing it again: whatever it depends on is in its arguments.
_derive, _derive_once = slots._derive, functools.cache(slots._derive)
KEPT = ("PATH", "LANG", "TZ", "CREDMAN_TEST_REQUIRE", "COVERAGE_PROCESS_START")


def pytest_configure() -> None:
    # What "nohup make test &" ignores would be ignored by all that the tests start and stop.
    with contextlib.suppress(ValueError):  # only the main thread may have handlers
        for number, usual in (
            (signal.SIGINT, signal.default_int_handler),
            (signal.SIGHUP, signal.SIG_DFL),
            (signal.SIGTERM, signal.SIG_DFL),
        ):
            if signal.getsignal(number) is signal.SIG_IGN:
                signal.signal(number, usual)


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
    # Thousands of tests open a vault with one of a few passphrases, so keys are derived once, and
    # salts differ within a test only. A process that is started does all of it for itself.
    monkeypatch.setattr(slots, "_derive", _derive_once)
    numbers = itertools.count()

    def make_salt(size: int) -> bytes:
        return hashlib.sha256(b"salt %d" % next(numbers)).digest()[:size]

    monkeypatch.setattr(slots, "os", SimpleNamespace(urandom=make_salt))


@pytest.fixture
def derive_anew(_cheap_kdf: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of deriving itself."""
    monkeypatch.setattr(slots, "_derive", _derive)
    monkeypatch.setattr(slots, "os", os)
