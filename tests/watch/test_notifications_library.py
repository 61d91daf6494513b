"""What is done on macOS and Windows, by desktop-notifier: run here, on a real desktop."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from credman.watch.notifications import Notification, notify
from tests.watch.desktops import bus, desktop, service

LONG = 60.0  # for what ends at once, on a machine that is busy
DUE = Notification("rotate openai (prod)", "due in 3 days: credman rotate openai -e prod", False)
OVERDUE = Notification("openai (dev) is overdue", "since 2 days", True)


def said_by_library(environ: Mapping[str, str], *, seconds: float = LONG, before: str = "") -> str:
    """Does in a process of its own what is done on macOS and Windows: desktop-notifier reads the
    environment of its process, and leaves a socket open. What it logs would be in the error."""
    script = (
        f"{before}from credman.watch.notifications import Notification, notify\n"
        f"print(notify({[DUE, OVERDUE]!r}, {{}}, seconds={seconds}, platform='darwin'))"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, env=environ, capture_output=True, text=True, check=False, timeout=seconds + 20
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.removesuffix("\n")


def test_each_is_shown_under_our_name_and_only_an_urgent_one_stays(tmp_path: Path) -> None:
    with desktop(tmp_path) as screen:
        assert said_by_library(screen.environ) == ""
        due, overdue = screen.shown(2)
    assert (due.app, due.title, due.text) == ("credman", DUE.title, DUE.text)
    assert (overdue.app, overdue.title, overdue.text) == ("credman", OVERDUE.title, OVERDUE.text)
    assert (due.urgency, overdue.urgency) == ("NORMAL", "CRITICAL")
    assert due.icon == overdue.icon == "dialog-password"


def test_without_desktop_notifier_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "desktop_notifier", None)
    for platform in ("darwin", "win32"):
        assert notify([DUE], {}, platform=platform) == "credman-cli[notify] is not installed"


def test_desktop_notifier_is_not_waited_for(tmp_path: Path) -> None:
    with bus(tmp_path) as environ, service(environ, is_silent=True):
        assert said_by_library(environ, seconds=0.5) == "it did not answer in 0.5 s"


def test_what_desktop_notifier_swallows_is_told(tmp_path: Path) -> None:
    error = "org.freedesktop.Notifications.Error.ExcessNotificationGeneration"
    with bus(tmp_path) as environ, service(environ, refuses=error) as found:
        assert said_by_library(environ) == "it was not accepted"
    assert [call[0] for call in found.calls].count("Notify") == 1


def test_what_desktop_notifier_raises_is_told(tmp_path: Path) -> None:
    with bus(tmp_path) as environ:
        assert said_by_library(environ) == "it failed: DBusError"


def test_a_python_that_may_show_nothing_is_told(tmp_path: Path) -> None:
    # Of an operating system that it does not know, desktop-notifier takes all and shows nothing.
    foreign = "import platform; platform.system = lambda: 'Other'; "
    told = "this Python may not show notifications"
    assert said_by_library({"PATH": os.environ["PATH"]}, before=foreign) == told
