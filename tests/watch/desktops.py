"""A desktop of a test's own: a screen, a session bus, and what shows notifications on it.

Rule: every process that was started here, or by the bus, is ended afterwards; they are told by the
runtime directory in their environment.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from jeepney import (
    DBusAddress,
    HeaderFields,
    Message,
    MessageType,
    new_error,
    new_method_return,
)
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import DBusConnection, Proxy, open_dbus_connection

from tests.oskeyring.bus import find_processes, wait_until
from tests.requirements import require_program

SERVICE = "org.freedesktop.Notifications"
_ARGUMENTS = ("s", "u", "s", "s", "s", "as", "a{sv}", "i")
_CONFIG = (
    '<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"'
    ' "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">'
    "<busconfig><type>session</type><listen>{address}</listen>"
    "<servicedir>{services}</servicedir><policy context='default'>"
    "<allow send_destination='*' eavesdrop='true'/><allow eavesdrop='true'/><allow own='*'/>"
    "</policy></busconfig>"
)
_MARKUP = "[global]\nmarkup = full\n"  # as the file has it that comes with dunst
_INTERFACE = (
    f"<node><interface name='{SERVICE}'><method name='Notify'>"
    + "".join(f"<arg direction='in' type='{kind}'/>" for kind in _ARGUMENTS)
    + "<arg direction='out' type='u'/></method>"
    "<method name='GetCapabilities'><arg direction='out' type='as'/></method>"
    "<method name='GetServerInformation'>" + "<arg direction='out' type='s'/>" * 4 + "</method>"
    "</interface></node>"
)


@dataclass(frozen=True, slots=True)
class Shown:
    """A notification as dunst has it. Args: lines: what a person reads."""

    app: str
    title: str
    text: str
    lines: list[str]
    icon: str
    urgency: str


@dataclass(frozen=True, slots=True)
class Desktop:
    """Args: environ: of a program on it; folder: where it has its files."""

    environ: Mapping[str, str]
    folder: Path

    def shown(self, number: int) -> list[Shown]:
        """Waits for the last notification. Args: number: how many there must be since the start."""
        log = self.folder / "dunst.log"
        wait_until(lambda: len(_read_log(log.read_text("utf-8"))) >= number)
        found = _read_log(log.read_text("utf-8"))
        assert len(found) == number
        return found

    def count(self) -> int:
        """Returns: how many it has shown."""
        return len(_read_log((self.folder / "dunst.log").read_text("utf-8")))

    def processes(self) -> set[int]:
        return _processes(self.environ)


@contextmanager
def desktop(folder: Path, *, config: str = _MARKUP, size: str = "640x480") -> Iterator[Desktop]:
    """With dunst, which shows what it is sent, and says so in a log.

    Args:
        folder: an empty directory.
        config: the text of a dunstrc.
        size: of the screen, in pixels. Its picture is in ``Xvfb_screen0``, as an X window dump.
    """
    program = require_program("dunst")
    settings = folder / "dunstrc"
    settings.write_text(config)
    with ExitStack() as stack:
        screen = stack.enter_context(_screen(folder, size))
        environ = stack.enter_context(bus(folder, environ=screen))
        log = stack.enter_context((folder / "dunst.log").open("wb"))
        command = [program, "-config", str(settings), "-print"]
        running = subprocess.Popen(command, stdout=log, stderr=log, env=environ)
        stack.callback(running.wait)
        stack.callback(running.terminate)
        wait_until(lambda: _has_service(environ))
        yield Desktop(environ, folder)


@contextmanager
def bus(
    folder: Path, *, environ: Mapping[str, str] | None = None, starts: str = ""
) -> Iterator[dict[str, str]]:
    """A session bus that starts no service by itself. Gives the environment of a session.

    Args:
        environ: over PATH, HOME and XDG_RUNTIME_DIR: a display.
        starts: a command that the bus runs for whoever wants to show a notification.
    """
    program = require_program("dbus-daemon")
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    services = folder / "services"
    services.mkdir()
    if starts:
        text = f"[D-BUS Service]\nName={SERVICE}\nExec={starts}\n"
        (services / f"{SERVICE}.service").write_text(text)
    address = f"unix:path={runtime / 'bus'}"
    config = folder / "session.conf"
    config.write_text(_CONFIG.format(address=address, services=services))
    given = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(runtime),
        **(environ or {}),
    }
    running = subprocess.Popen(
        [program, f"--config-file={config}", "--nofork", "--print-address"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=given,
    )
    assert running.stdout is not None
    given["DBUS_SESSION_BUS_ADDRESS"] = address
    try:
        assert running.stdout.readline()  # from now on it listens
        yield given
    finally:
        running.terminate()
        running.wait()
        running.stdout.close()
        for pid in _processes(given):  # what the bus has started
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not _processes(given))


@dataclass(slots=True)
class Service:
    """What a service of a test's own was called with: the method's name, then its arguments."""

    calls: list[tuple[Any, ...]] = field(default_factory=list)


@contextmanager
def service(
    environ: Mapping[str, str],
    *,
    capabilities: tuple[str, ...] = (),
    refuses: str = "",
    is_silent: bool = False,
) -> Iterator[Service]:
    """Has the name of the notification service on a bus, as a desktop's own has.

    Args:
        refuses: the name of the error that it answers ``Notify`` with.
        is_silent: it never answers.
    """
    found = Service()
    with closing(open_dbus_connection(environ["DBUS_SESSION_BUS_ADDRESS"])) as connection:
        Proxy(message_bus, connection).RequestName(SERVICE)

        def answer(message: Message) -> Message:
            method = message.header.fields[HeaderFields.member]
            found.calls.append((method, *message.body))
            if method == "GetCapabilities":
                return new_method_return(message, "as", (list(capabilities),))
            if method == "Introspect":
                return new_method_return(message, "s", (_INTERFACE,))
            if method == "GetServerInformation":
                return new_method_return(message, "ssss", ("test", "test", "1", "1.2"))
            if refuses:
                return new_error(message, refuses)
            return new_method_return(message, "u", (len(found.calls),))

        thread = threading.Thread(target=_serve, args=(connection, answer, is_silent))
        thread.start()
        try:
            yield found
        finally:
            _stop(environ)
            thread.join()


def _serve(connection: DBusConnection, answer: Any, is_silent: bool) -> None:
    while True:
        message = connection.receive()
        if message.header.message_type is not MessageType.method_call:
            continue
        if message.header.fields[HeaderFields.member] == "Stop":
            return
        if not is_silent:
            connection.send(answer(message))


def _stop(environ: Mapping[str, str]) -> None:
    from jeepney import MessageFlag, new_method_call

    with closing(open_dbus_connection(environ["DBUS_SESSION_BUS_ADDRESS"])) as connection:
        message = new_method_call(DBusAddress("/", SERVICE, "org.example.Test"), "Stop")
        message.header.flags = MessageFlag.no_reply_expected
        connection.send(message)
        Proxy(message_bus, connection).ListNames()  # it is under way when this is answered


@contextmanager
def _screen(folder: Path, size: str) -> Iterator[dict[str, str]]:
    """An X server of its own. Gives the environment that names it."""
    program = require_program("Xvfb")
    readable, writable = os.pipe()
    command = [program, "-displayfd", str(writable), "-nolisten", "tcp", "-noreset"]
    command += ["-screen", "0", f"{size}x24", "-fbdir", str(folder)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, pass_fds=[writable], stdout=quiet, stderr=quiet) as running:
        os.close(writable)
        try:
            with open(readable) as numbers:
                yield {"DISPLAY": f":{numbers.readline().strip()}"}
        finally:
            running.terminate()


def find_running(word: str) -> list[str]:
    """Returns: the command lines of the processes that have it in theirs."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if os.fsencode(word) in line:
            found.append(os.fsdecode(line))
    return found


def _has_service(environ: Mapping[str, str]) -> bool:
    with closing(open_dbus_connection(environ["DBUS_SESSION_BUS_ADDRESS"])) as connection:
        return bool(Proxy(message_bus, connection).NameHasOwner(SERVICE)[0])


def _processes(environ: Mapping[str, str]) -> set[int]:
    return find_processes(f"XDG_RUNTIME_DIR={environ['XDG_RUNTIME_DIR']}".encode())


def _read_log(log: str) -> list[Shown]:
    return [_read_entry(entry) for entry in re.findall(r"^\{\n(.*?)^\}\n", log, re.M | re.S)]


def _read_entry(entry: str) -> Shown:
    def value(name: str) -> str:
        found = re.search(rf"^\t{name}: '?(.*?)'?$", entry, re.M)
        assert found, name
        return found[1]

    formatted = re.search(r"^\tformatted: '(.*?)'$", entry, re.M | re.S)
    assert formatted
    # Pango's markup is XML: what is between its tags is what a person reads.
    read = "".join(ElementTree.fromstring(f"<all>{formatted[1]}</all>").itertext())
    return Shown(
        app=value("appname"),
        title=value("summary"),
        text=value("body"),
        lines=read.split("\n"),
        icon=value("icon"),
        urgency=value("urgency"),
    )
