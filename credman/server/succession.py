"""An agent leaves its memory: another process takes its place, on the same socket.

Rule: a new process can be looked into by every program of its user until it has protected itself.
It is told nothing before it says that it has.
"""

from __future__ import annotations

import os
import socket
import sys

from credman.agent.client import LISTENER, LOCK, READY

_SECONDS = 10.0


def succeed(package: str, folder: str, state: bytes) -> None:
    """Does not return if there is a successor.

    Args:
        package, folder: as ``serve``.
        state: what it is to hold, as frames.
    """
    here, there = socket.socketpair()
    here.settimeout(_SECONDS)
    for descriptor in (LISTENER, LOCK):
        os.set_inheritable(descriptor, True)
    start = os.path.join(os.path.dirname(os.path.abspath(__file__)), "start.py")
    arguments = [sys.executable, "-I", "-X", "utf8", start, package, folder, "renewed"]
    try:
        dup = (os.POSIX_SPAWN_DUP2, there.fileno(), 0)
        os.posix_spawn(sys.executable, arguments, {"LANG": "C.UTF-8"}, file_actions=[dup])
        there.close()
        if here.recv(1) == READY:
            here.sendall(state)
            os._exit(0)  # the socket is the other one's
    except OSError:
        return
