"""Notifications on a real desktop, and why one is not shown where there is none."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from credman.watch.notifications import (
    LONGEST_TEXT,
    LONGEST_TITLE,
    Notification,
    NotShown,
    find_bus,
    notify,
)
from tests.oskeyring.bus import wait_until
from tests.requirements import require
from tests.watch.desktops import Desktop, Shown, bus, desktop, find_running, service

NOBODY = 65534
LONG = 60.0  # for what ends at once, on a machine that is busy
DUE = Notification("rotate openai (prod)", "due in 3 days: credman rotate openai -e prod", False)
OVERDUE = Notification("openai (dev) is overdue", "since 2 days", True)


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desktop]:
    with desktop(tmp_path_factory.mktemp("desktop")) as found:
        yield found


def shown_by(screen: Desktop, *notifications: Notification) -> list[Shown]:
    before = screen.count()
    assert notify(notifications, screen.environ, seconds=LONG) == ""
    return screen.shown(before + len(notifications))[before:]


def said(environ: dict[str, str], *, seconds: float = LONG) -> str:
    return notify([DUE, OVERDUE], environ, seconds=seconds)


def need_root() -> None:
    require(os.geteuid() == 0, "only root can give a file away")


def test_each_is_shown_under_our_name_and_only_an_urgent_one_stays(screen: Desktop) -> None:
    due, overdue = shown_by(screen, DUE, OVERDUE)
    assert (due.app, due.title, due.text) == ("credman", DUE.title, DUE.text)
    assert (overdue.app, overdue.title, overdue.text) == ("credman", OVERDUE.title, OVERDUE.text)
    assert (due.urgency, overdue.urgency) == ("NORMAL", "CRITICAL")
    assert due.icon == overdue.icon == "dialog-password"
    assert due.lines == [DUE.title, DUE.text]


def test_what_looks_like_markup_is_read_as_it_is(screen: Desktop) -> None:
    text = "<b>a</b> & &lt; <a href='https://example.com'>c</a> \"d\""
    (shown,) = shown_by(screen, Notification("<i>title</i> & so on", text, False))
    assert shown.lines == ["<i>title</i> & so on", text]


def test_control_characters_are_replaced_and_lengths_bounded(screen: Desktop) -> None:
    title, text = "a\nb\x00c\x1b[1md\u202ee\ud800", "x" * (LONGEST_TEXT - 2) + "\ny"
    (shown,) = shown_by(screen, Notification(title, text, False))
    assert shown.title == "a\ufffdb\ufffdc\ufffd[1md\ufffde\ufffd"
    assert shown.text == "x" * (LONGEST_TEXT - 2) + "\ufffdy"
    (shown,) = shown_by(screen, Notification("t" * 101, "y" * 301, False))
    assert shown.title == "t" * (LONGEST_TITLE - 1) + "…"
    assert shown.text == "y" * (LONGEST_TEXT - 1) + "…"


def test_nothing_to_show_needs_no_bus() -> None:
    assert notify([], {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"}) == ""


def test_a_service_gets_what_the_specification_says(tmp_path: Path) -> None:
    with bus(tmp_path) as environ, service(environ) as found:
        assert notify([Notification("a", "1 < 2 & 3", True)], environ, seconds=LONG) == ""
    hints = {"urgency": ("y", 2)}
    call: tuple[object, ...] = (
        "Notify",
        "credman",
        0,
        "dialog-password",
        "a",
        "1 < 2 & 3",
        [],
        hints,
        -1,
    )
    assert found.calls == [("GetCapabilities",), call]


def test_a_bus_without_an_address_is_found_in_the_runtime_directory(tmp_path: Path) -> None:
    with bus(tmp_path) as environ, service(environ) as found:
        assert said({"XDG_RUNTIME_DIR": environ["XDG_RUNTIME_DIR"]}) == ""
        assert [call[0] for call in found.calls] == ["GetCapabilities", "Notify", "Notify"]


def test_without_both_variables_the_bus_is_where_systemd_puts_it(tmp_path: Path) -> None:
    folder = tmp_path / str(os.geteuid())
    folder.mkdir()
    with pytest.raises(NotShown, match=r"^no session bus$"):
        find_bus({}, str(tmp_path))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "bus"))
        assert find_bus({}, str(tmp_path)) == str(folder / "bus")


def test_a_bus_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert said({"XDG_RUNTIME_DIR": str(tmp_path)}) == "no session bus"
    gone = {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={tmp_path}/gone"}
    assert said(gone) == "no session bus"
    (tmp_path / "bus").write_text("")
    assert said({"XDG_RUNTIME_DIR": str(tmp_path)}) == "no session bus"


@pytest.mark.parametrize(
    "address", ["autolaunch:", "tcp:host=127.0.0.1,port=1", "unix:", "unix", "unix:abstract=gone"]
)
def test_an_address_that_leads_nowhere_is_told_and_nothing_is_started(address: str) -> None:
    assert said({"DBUS_SESSION_BUS_ADDRESS": address}) == "the session bus cannot be reached"


def test_a_bus_whose_process_has_ended_is_told(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "bus"))
    assert said({"XDG_RUNTIME_DIR": str(tmp_path)}) == "the session bus cannot be reached"


def test_a_bus_where_nobody_shows_notifications_is_told(tmp_path: Path) -> None:
    with bus(tmp_path) as environ:
        assert said(environ) == "no notification service answers"


def test_a_service_that_the_bus_can_start_is_started(tmp_path: Path, screen: Desktop) -> None:
    starts = f"/usr/bin/env dunst -config {screen.folder / 'dunstrc'}"
    with bus(tmp_path, environ={"DISPLAY": screen.environ["DISPLAY"]}, starts=starts) as environ:
        assert said(environ) == ""


@pytest.mark.parametrize("starts", ["/bin/false", "/nowhere/dunst"])
def test_a_service_that_cannot_be_started_is_told(tmp_path: Path, starts: str) -> None:
    with bus(tmp_path, starts=starts) as environ:
        assert said(environ) == "no notification service answers"


def test_a_service_that_starts_and_never_comes_is_not_waited_for(tmp_path: Path) -> None:
    with bus(tmp_path, starts="/bin/sleep 600") as environ:
        assert said(environ, seconds=0.3) == "it did not answer in 0.3 s"


def test_a_bus_that_never_answers_is_not_waited_for(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "bus"))
        server.listen()
        environ = {"XDG_RUNTIME_DIR": str(tmp_path)}
        assert said(environ, seconds=0.2) == "it did not answer in 0.2 s"


@pytest.mark.parametrize(
    ("sent", "then", "reason"),
    [
        ("OK 0123456789abcdef\r\n", "time.sleep(5)", "it did not answer in 0.5 s"),
        ("OK 0123456789abcdef\r\n", "chatter()", "it did not answer in 0.5 s"),
        ("OK 0123456789abcdef\r\n", "wait_for(b'Hello')", "the session bus cannot be reached"),
        ("REJECTED EXTERNAL\r\n", "time.sleep(600)", "the session bus cannot be reached"),
        ("x" * 9000, "time.sleep(600)", "the session bus cannot be reached"),
        ("", "pass", "the session bus cannot be reached"),
    ],
)
def test_whoever_is_no_bus_does_no_harm(tmp_path: Path, sent: str, then: str, reason: str) -> None:
    script = (
        "import socket, sys, time\n"
        "def wait_for(word):\n"
        "    while word not in peer.recv(1000): pass\n"
        "def chatter():\n"
        "    from jeepney import DBusAddress, new_signal\n"
        "    wait_for(b'Hello')\n"
        "    signal = new_signal(DBusAddress('/a', interface='a.b'), 'Changed')\n"
        "    for number in range(1, 400):\n"
        "        peer.sendall(signal.serialise(number)); time.sleep(0.05)\n"
        "server = socket.socket(socket.AF_UNIX); server.bind(sys.argv[1]); server.listen()\n"
        "print(flush=True)\n"
        "peer = server.accept()[0]; wait_for(b'AUTH'); peer.sendall(sys.argv[2].encode())\n"
        f"{then}\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "bus"), sent]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as running:
        try:
            assert running.stdout is not None and running.stdout.readline()
            seconds = 0.5 if "0.5 s" in reason else LONG
            assert said({"XDG_RUNTIME_DIR": str(tmp_path)}, seconds=seconds) == reason
        finally:
            running.kill()


def test_a_service_that_never_answers_is_not_waited_for(tmp_path: Path) -> None:
    with bus(tmp_path) as environ, service(environ, is_silent=True):
        assert said(environ, seconds=0.3) == "it did not answer in 0.3 s"


def test_what_a_service_refuses_is_told_with_its_reason(tmp_path: Path) -> None:
    error = "org.freedesktop.Notifications.Error.ExcessNotificationGeneration"
    with bus(tmp_path) as environ, service(environ, refuses=error) as found:
        told = "the notification service refused it: ExcessNotificationGeneration"
        assert said(environ) == told
    assert [call[0] for call in found.calls] == ["GetCapabilities", "Notify"]


def test_a_service_that_dies_meanwhile_is_told(tmp_path: Path) -> None:
    error = "org.freedesktop.DBus.Error.NoReply"
    with bus(tmp_path) as environ, service(environ, refuses=error):
        assert said(environ) == "no notification service answers"


def test_a_socket_of_another_user_gets_nothing(tmp_path: Path) -> None:
    need_root()
    with bus(tmp_path) as environ, service(environ) as found:
        path = Path(environ["XDG_RUNTIME_DIR"]) / "bus"
        os.chown(path, NOBODY, NOBODY)
        told = "the session bus belongs to another user"
        assert said(environ) == told
        assert said({"XDG_RUNTIME_DIR": environ["XDG_RUNTIME_DIR"]}) == told
        os.chown(path, os.geteuid(), os.getegid())
        assert found.calls == []


def test_an_abstract_address_of_another_user_gets_nothing(tmp_path: Path) -> None:
    need_root()
    name = f"credman-test-{os.getpid()}"
    script = (
        "import os, socket, sys\n"
        f"os.setresuid({NOBODY}, {NOBODY}, {NOBODY})\n"
        "server = socket.socket(socket.AF_UNIX); server.bind('\\0' + sys.argv[1])\n"
        "server.listen(); print(flush=True)\n"
        "print(server.accept()[0].recv(100))\n"
    )
    command = [sys.executable, "-c", script, name]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as running:
        try:
            assert running.stdout is not None and running.stdout.readline()
            environ = {"DBUS_SESSION_BUS_ADDRESS": f"unix:abstract={name}"}
            assert said(environ) == "the session bus belongs to another user"
            assert running.stdout.read() == b"b''\n"  # it was told nothing
        finally:
            running.kill()


def test_nothing_of_a_desktop_is_left_behind(tmp_path: Path) -> None:
    with desktop(tmp_path) as found:
        assert notify([DUE], found.environ, seconds=LONG) == ""
        assert len(found.processes()) == 2 and len(find_running(str(tmp_path))) == 3
    wait_until(lambda: not find_running(str(tmp_path)))
