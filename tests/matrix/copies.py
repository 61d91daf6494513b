"""Processes to be traced that have imported everything already: their first call is of what is
tried, and a hundred of them cost what ten of others cost.

Rule: each runs the same ``run`` as ``python -m MODULE`` does, and is as real: it is killed, and its
system calls fail. It waits until strace has it.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from tempfile import TemporaryFile

from tests.requirements import require
from tests.stores.driver import environment
from tests.stores.places import REPOSITORY

_SECONDS = 120.0
_MOST = 1024
_idle: dict[str, list[Copier]] = {}
_known: dict[str, set[str]] = {}
_lock = threading.Lock()


class Copier:
    """The process that they are copies of; one of them runs at a time.

    Args: module: that they run, by its name."""

    def __init__(self, module: str) -> None:
        self._connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._connection.settimeout(_SECONDS)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.matrix.copier", module],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                cwd=REPOSITORY,
                env=environment(),
            )

    def start(self, request: Sequence[object], descriptors: Sequence[int]) -> int:
        """Returns: the number of the process."""
        socket.send_fds(self._connection, [json.dumps(request).encode()], descriptors)
        return int(self._connection.recv(_MOST))

    def wait(self) -> int:
        """Returns: the exit code; below 0: by a signal."""
        return os.waitstatus_to_exitcode(int(self._connection.recv(_MOST)))

    def end(self) -> None:
        self._connection.close()
        self._process.wait()


@contextmanager
def _borrow(module: str) -> Iterator[Copier]:
    with _lock:
        idle = _idle.setdefault(module, [])
        copier = idle.pop() if idle else Copier(module)
    try:
        yield copier
    except BaseException:  # what it would answer next belongs to nobody
        copier.end()
        raise
    with _lock:
        idle.append(copier)


@atexit.register
def _end_all() -> None:
    for copiers in _idle.values():
        for copier in copiers:
            copier.end()


def learn(module: str, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
    """Runs it once without strace, and has what it imported imported before each further one."""
    read, write = os.pipe()
    with _borrow(module) as copier, open(read, "rb") as learned, TemporaryFile() as printed:
        request = [arguments, environ, sorted(_known.get(module, ())), True]
        copier.start(request, [printed.fileno(), printed.fileno(), write])
        os.close(write)
        names = json.loads(learned.read() or "[]")
        printed.seek(0)
        assert copier.wait() == 0, printed.read()
    _known.setdefault(module, set()).update(names)


def run(
    module: str, arguments: Sequence[str], environ: Mapping[str, str], strace: Sequence[str]
) -> tuple[int, str]:
    """Returns: the exit code and what was printed. Args: strace: the program with its options."""
    gate, theirs = socket.socketpair()
    gate.settimeout(_SECONDS)
    with _borrow(module) as copier, gate, TemporaryFile() as given, TemporaryFile() as printed:
        request = [arguments, environ, sorted(_known.get(module, ())), False]
        with theirs:
            pid = copier.start(request, [given.fileno(), printed.fileno(), theirs.fileno()])
        gate.recv(1)
        command = [*strace, "-p", str(pid)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
            assert tracer.stderr is not None
            # It is said when the process can make no further call that is not traced.
            said = tracer.stderr.readline()
            if "attached" in said:
                gate.send(b"g")
            else:
                os.kill(pid, signal.SIGKILL)
            code = copier.wait()
        require("attached" in said, f"strace may not trace here: {said}")
        printed.seek(0)
        return code, printed.read().decode().strip()
