"""A session bus of a test's own with a real gnome-keyring on it, or with none, or a locked one.

Rule: every process that was started here, or by the bus, is ended afterwards; they are told by the
runtime directory in their environment.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from credman.oskeyring.backends import SECRET_SERVICE
from credman.oskeyring.client import OsKeyring
from tests.oskeyring.copier import NAME
from tests.requirements import require_program

MASTER = "EXAMPLE master"
_SECONDS = 60.0
_CONFIG = (
    '<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"'
    ' "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">'
    "<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><policy context='default'>"
    "<allow send_destination='*' eavesdrop='true'/><allow eavesdrop='true'/><allow own='*'/>{rule}"
    "</policy></busconfig>"
)


@dataclass
class Bus:
    """Args: environ: what a program needs to reach it."""

    environ: Mapping[str, str]

    def ring(self, *, is_attended: bool = False) -> OsKeyring:
        return OsKeyring(SECRET_SERVICE, self.environ, is_attended=is_attended)

    def call(self, *command: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Runs a program on this bus."""
        require_program(command[0])
        return subprocess.run(
            command,
            input=given,
            capture_output=True,
            text=True,
            env=self.environ,
            timeout=_SECONDS,
            check=False,
        )

    def lock(self) -> None:
        """Locks the login collection, as a person does in Seahorse."""
        path = "array:objpath:/org/freedesktop/secrets/collection/login"
        self._send("org.freedesktop.Secret.Service.Lock", path)

    def stop_daemon(self) -> None:
        """From now on it accepts every call and never answers."""
        for pid in self.find("gnome-keyring-d"):
            os.kill(pid, signal.SIGSTOP)

    def kill_daemon(self) -> None:
        """As a crash does. The bus would start another one, which is locked."""
        for pid in self.find("gnome-keyring-d"):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not self.find("gnome-keyring-d"))

    def has_service(self) -> bool:
        """Whether a keyring has its name on the bus. Starts none."""
        ask = "org.freedesktop.DBus.NameHasOwner"
        command = ["dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.DBus", "/"]
        return "true" in self.call(*command, ask, "string:org.freedesktop.secrets").stdout

    def reset(self) -> None:
        """Takes every item away, as a person does who resets the keyring."""
        self.call("secret-tool", "clear", "application", "Python keyring library")

    def users(self, service: str) -> set[str]:
        """Returns: the users of the items of a service, by another program than ours."""
        done = self.call("secret-tool", "search", "--all", "service", service)
        lines = (done.stdout + done.stderr).splitlines()
        mark = "attribute.username = "
        return {line.removeprefix(mark) for line in lines if line.startswith(mark)}

    def find(self, name: str = "") -> set[int]:
        """Returns: the processes of this bus with a name in their command."""
        mark = f"XDG_RUNTIME_DIR={self.environ['XDG_RUNTIME_DIR']}".encode()
        return {p for p in find_processes(mark) if name in _read(p, "comm").decode()}

    def workers(self) -> set[int]:
        """Returns: the processes that talk to the keyring for somebody."""
        started = {p for p in self.find() if b"oskeyring/worker.py" in _read(p, "cmdline")}
        return {p for p in started if b"copier.py" not in _read(p, "cmdline")} | self.find(NAME)

    @contextmanager
    def watch(self) -> Iterator[list[str]]:
        """Gives the names of the methods that are called on the keyring, complete afterwards."""
        rule = "type='method_call'"
        called: list[str] = []
        monitor = subprocess.Popen(
            [require_program("dbus-monitor"), "--session", rule],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self.environ,
            text=True,
        )
        assert monitor.stdout is not None
        try:
            monitor.stdout.readline()  # from now on it sees everything
            yield called
            self._send("org.example.Sentinel", "string:x", dest="org.freedesktop.DBus")
            for line in monitor.stdout:
                method = line.partition("member=")[2].strip()
                if method == "Sentinel":
                    break
                if method:
                    called.append(method)
        finally:
            monitor.kill()
            monitor.wait()
            monitor.stdout.close()

    def _send(self, method: str, *arguments: str, dest: str = "org.freedesktop.secrets") -> None:
        path = "/org/freedesktop/secrets" if "secrets" in dest else "/org/freedesktop/DBus"
        command = ["dbus-send", "--session", "--print-reply", f"--dest={dest}", path, method]
        done = self.call(*command, *arguments)
        assert done.returncode == 0 or "Sentinel" in method, done.stderr


@contextmanager
def bus(
    home: Path,
    *,
    keyring: str = "unlocked",
    environ: Mapping[str, str] | None = None,
    denied: str = "",
) -> Iterator[Bus]:
    """Args:
    home: an empty directory, for the keyring's files.
    keyring: ``unlocked``; ``never``: it has never been; ``absent``: no service on the bus.
    environ: over PATH, HOME and XDG_RUNTIME_DIR: a display.
    denied: a name that the bus gives to nobody.
    """
    require_program("gnome-keyring-daemon")
    command = [require_program("dbus-run-session")]
    runtime = home / "run"
    runtime.mkdir(mode=0o700)
    given = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(runtime),
        **(environ or {}),
    }
    if keyring == "absent" or denied:
        rule = f"<deny own='{denied}'/>" if denied else ""
        (home / "session.conf").write_text(_CONFIG.format(rule=rule))
        command += ["--config-file", str(home / "session.conf")]
    start = f"printf '%s' '{MASTER}' | gnome-keyring-daemon --unlock --components=secrets; "
    script = f'{start if keyring == "unlocked" else ""}echo "$DBUS_SESSION_BUS_ADDRESS"; cat'
    session = subprocess.Popen(
        [*command, "--", "sh", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=given,
        text=True,
        start_new_session=True,
    )
    assert session.stdin is not None and session.stdout is not None
    found = Bus(given)
    try:
        lines = iter(session.stdout.readline, "")
        address = next(line.strip() for line in lines if line.startswith("unix:"))
        found = Bus({**given, "DBUS_SESSION_BUS_ADDRESS": address})
        if keyring == "unlocked":
            # Whoever calls before it has its name makes the bus start another one, a locked one.
            wait_until(found.has_service)
        yield found
    finally:
        session.stdin.close()
        session.wait(_SECONDS)
        session.stdout.close()
        for pid in found.find():  # a prompter, or a daemon that was told nothing
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not found.find())


@contextmanager
def silent_bus(home: Path) -> Iterator[Bus]:
    """An address where every connection is accepted, and nothing is ever answered."""
    path = home / "silent"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        accepted: list[socket.socket] = []

        def accept() -> None:
            with suppress(OSError):
                while True:
                    accepted.append(server.accept()[0])

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield Bus(
                {
                    "PATH": os.environ["PATH"],
                    "HOME": str(home),
                    "XDG_RUNTIME_DIR": str(home),
                    "DBUS_SESSION_BUS_ADDRESS": f"unix:path={path}",
                }
            )
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in accepted:
                connection.close()


@contextmanager
def display() -> Iterator[dict[str, str]]:
    """An X server of its own. Gives the environment that names it."""
    server = require_program("Xvfb")
    readable, writable = os.pipe()
    command = [server, "-displayfd", str(writable), "-nolisten", "tcp", "-noreset"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, pass_fds=[writable], stdout=quiet, stderr=quiet) as running:
        os.close(writable)
        try:
            with open(readable) as numbers:
                yield {"DISPLAY": f":{numbers.readline().strip()}"}
        finally:
            running.terminate()


def find_processes(mark: bytes) -> set[int]:
    """Returns: the running processes with this ``NAME=value`` in their environment."""
    pids = (int(name) for name in os.listdir("/proc") if name.isdigit())
    return {p for p in pids if mark in _read(p, "environ").split(b"\0") and is_alive(p)}


def is_alive(pid: int) -> bool:
    """Whether a process runs: one that has ended and was not waited for does not."""
    return _read(pid, "stat").rpartition(b")")[2].split()[:1] not in ([], [b"Z"])


def wait_until(holds: Callable[[], bool], seconds: float = _SECONDS) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it does not come true"
        time.sleep(0.01)


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
