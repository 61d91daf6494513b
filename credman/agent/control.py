"""Starting the agent, handing it what it is to hold, asking how it is, ending it."""

from __future__ import annotations

import _socket
import contextlib
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from credman.agent import client
from credman.core import wire
from credman.core.errors import Unavailable
from credman.core.paths import make_private_directory
from credman.core.secret import SecretBytes

IDLE_SECONDS = 15 * 60.0
"""Without a request that returned values."""
HARD_SECONDS = 12 * 3600.0
"""However busy it is."""
_END_SECONDS = 2.0
_READ_SECONDS = 5.0
_MALLOC = {"MALLOC_MMAP_THRESHOLD_": "131072"}
"""glibc gives what is larger back to the system as soon as it is free (mallopt(3)); else it raises
the bound after the first large request, and keeps some of those that follow."""
_PASSED_ON = ("LANG", "LC_ALL", "TZ")


@dataclass(frozen=True, slots=True)
class Opened:
    """What an agent may hold.

    Args:
        vault_id: or ``client.KEYRING``, whose path is the class that opens it.
        environ: what leads to the keyring.
    """

    vault_id: str
    identity: bytes
    path: str
    environ: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return f"Opened({self.vault_id!r})"


def hand_over(
    environ: Mapping[str, str], cwd: str, opened: Opened, *, idle: float | None, seconds: float
) -> None:
    """Gives it to the agent, which is started if there is none. One of another version is ended.

    Args:
        environ, cwd: of the caller: they say where the agent is.
        idle: seconds without use after which it is dropped; None: it is not.
        seconds: after which it is dropped in any case.

    Raises:
        Unavailable: there is no agent to be had; says why.
    """
    told = wire.pack([os.fsencode(f"{name}={value}") for name, value in opened.environ])
    request = [
        wire.HOLD,
        wire.VERSION,
        opened.vault_id.encode("ascii"),
        opened.identity,
        os.fsencode(opened.path),
        b"" if idle is None else repr(idle).encode(),
        repr(seconds).encode(),
        b"0",
        told,
    ]
    for _ in range(2):
        answer = client.ask(environ, cwd, request)
        if answer == [wire.DONE]:
            return
        if answer is not None and answer[0] == wire.FAILED:
            raise Unavailable(answer[1].decode(), hint="credman lock ends the agent")
        if answer is not None:
            end(environ, cwd)  # of another version, or of what was here before an upgrade
        if _start(environ, cwd, SecretBytes(wire.frame([wire.PROTOCOL, *request]))):
            return
    raise Unavailable("the agent does not answer", hint="credman lock ends it")


def _start(environ: Mapping[str, str], cwd: str, first: bytes) -> bool:
    """Returns: False: there is one already. Raises: Unavailable"""
    folder = client.find_folder(environ, cwd)
    if folder is None:
        raise Unavailable(
            "no place for the agent's socket is known", hint="set HOME, or CREDMAN_HOME"
        )
    if len(first) > wire.MAX_REQUEST:
        raise Unavailable("what leads to the keyring is longer than any request")
    make_private_directory(folder)
    _check_folder(folder)
    import credman

    package = os.path.dirname(os.path.dirname(os.path.abspath(credman.__file__)))
    script = os.path.join(package, "credman", "server", "start.py")
    # The user's own packages are invisible to Python in isolated mode.
    own = [path for path in (_find_user_packages(),) if path not in (None, package)]
    places = os.pathsep.join([package, *(path for path in own if path)])
    arguments = [sys.executable, "-I", "-X", "utf8", script, places, folder]
    here, there = socket.socketpair()  # unlike a pipe, nobody opens it through /proc
    try:
        process = os.posix_spawn(
            sys.executable,
            arguments,
            {**{name: environ[name] for name in _PASSED_ON if name in environ}, **_MALLOC},
            file_actions=[(os.POSIX_SPAWN_DUP2, there.fileno(), 0)],
            setsigmask=[],
            setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE],
        )
        there.close()
        # It lets go as soon as it listens; what is held is read by the process that stays, and that
        # has protected itself by then.
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        if code == 0:
            here.settimeout(_READ_SECONDS)
            here.sendall(first)
            return True
    except OSError as error:
        reason = (error.strerror or "failed").lower()
        raise Unavailable(f"the agent cannot be started: {reason}") from None
    finally:
        here.close()
    if code == client.NOT_PROTECTED:
        raise Unavailable(
            "the system does not let the agent lock its memory",
            hint="ulimit -l tells how much it may lock: 8 kB are enough",
        )
    if code != client.ALREADY_THERE:
        raise Unavailable("the agent cannot be started")
    return False


def _find_user_packages() -> str | None:
    import site

    own = site.getusersitepackages() if site.ENABLE_USER_SITE else ""
    return own if own in sys.path else None


def find_status(
    environ: Mapping[str, str], cwd: str, *, seconds: float = client.SECONDS
) -> Mapping[str, Any] | None:
    """Args: seconds: to wait for the answer.

    Returns:
        What ``render_status`` of the agent told; None: there is no agent.

    Raises:
        Unavailable: there is one, and it does not answer; or there may be one that is not asked.
    """
    connection = _connect(environ, cwd)
    if connection is None:
        return None
    answer = client.exchange(connection, [wire.STATUS, wire.VERSION], seconds)
    if answer is None or answer[0] != wire.DONE:
        raise Unavailable(
            "there is an agent, and it does not answer: what it holds is still open",
            hint="credman lock ends it",
        )
    import json

    found: Mapping[str, Any] = json.loads(answer[1])
    return found


def end(environ: Mapping[str, str], cwd: str) -> bool:
    """Ends the agent, and waits until its process has gone: its memory with it.

    Returns:
        Whether there was one.

    Raises:
        Unavailable: it is still there, or there may be one that is not asked.
    """
    connection = _connect(environ, cwd)
    if connection is None:
        return False
    peer = client.peer_of(connection)
    answer = client.exchange(connection, [wire.LOCK, wire.VERSION], _END_SECONDS)
    if peer is None or not peer[0]:
        if answer is None:
            raise Unavailable("the agent does not answer, and its process is not known")
        return True
    if not _wait_for_end(peer[0], _END_SECONDS):
        with contextlib.suppress(OSError):  # it is stopped, or hangs
            os.kill(peer[0], signal.SIGKILL)
        if not _wait_for_end(peer[0], _END_SECONDS):
            raise Unavailable(f"the agent, process {peer[0]}, does not end")
    return True


def _connect(environ: Mapping[str, str], cwd: str) -> _socket.socket | None:
    folder = client.find_folder(environ, cwd)
    if folder is None:
        return None
    if os.path.lexists(folder):  # what may be behind it is not to be passed over in silence
        _check_folder(folder)
    return client.connect(folder)


def _check_folder(folder: str) -> None:
    if not client.is_private(folder):
        raise Unavailable(
            f"{folder} is not a directory of your own that nobody else can look into",
            hint="the agent's socket lies there: chmod 700, or remove it",
        )


def _wait_for_end(pid: int, seconds: float) -> bool:
    if hasattr(os, "pidfd_open"):
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return True
        except OSError:
            pass
        else:
            try:
                return bool(select.select([descriptor], [], [], seconds)[0])
            finally:
                os.close(descriptor)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False
