"""Workers that are quick to start, for tests that need hundreds of them and are not about that.

Rule: it is the worker's own code in a process of its own, with the environment that it is given;
only its imports are made once, by the process that it is a copy of (``copier``).
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

import pytest

from credman.oskeyring import worker
from credman.oskeyring.client import OsKeyring

_COPIER = Path(__file__).with_name("copier.py")


class Copy:
    """What ``OsKeyring`` uses of a ``Popen``."""

    def __init__(self, copier: socket.socket) -> None:
        given, write = os.pipe()
        read, answers = os.pipe()
        life, lives = os.pipe()
        socket.send_fds(copier, [b"x"], [given, answers, lives])
        for descriptor in (given, answers, lives):
            os.close(descriptor)
        os.set_blocking(write, False)
        self.stdin: IO[bytes] = os.fdopen(write, "wb", buffering=0)
        self.stdout: IO[bytes] = os.fdopen(read, "rb", buffering=0)
        self._life: IO[bytes] = os.fdopen(life, "rb", buffering=0)
        self.pid = int(self._life.read(32))

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> None:
        """Until it has ended: then nobody has the other end."""
        self._life.read()
        self._life.close()


@pytest.fixture
def copied_workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Within it, whatever this process or a copy of it asks of a keyring is asked so."""
    copiers: dict[tuple[str, ...], socket.socket] = {}
    with ExitStack() as stack:

        def start(ring: OsKeyring) -> Copy:
            paths = [os.path.abspath(p) for p in sys.path if p]
            variables = [f"{name}={value}" for name, value in sorted(ring.environ.items())]
            key = (ring.backend, *paths, *variables)
            if key not in copiers:
                copiers[key] = _start_copier(ring, paths, stack)
            return Copy(copiers[key])

        monkeypatch.setattr(OsKeyring, "_start", start)
        yield


def _start_copier(ring: OsKeyring, paths: list[str], stack: ExitStack) -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-I", str(_COPIER), worker.__file__, ring.backend],
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=dict(ring.environ),
        )
    stack.callback(process.wait, 60)
    stack.enter_context(ours)  # it ends when this is closed
    ours.send(json.dumps(paths).encode())
    return ours
