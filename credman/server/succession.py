"""An agent leaves its memory: another process takes its place, on the same socket.

Rule: it is one that was forked before anything was held, and it waits until then. A process that is
executed anew can be looked into by every program of its user until it has protected itself, and
whoever has opened its memory by then goes on reading it. A fork of a protected one never can.
"""

from __future__ import annotations

import os
import select
from _socket import socket as plain_socket
from typing import TYPE_CHECKING

from credman.agent.client import LISTENER

if TYPE_CHECKING:
    import socket

_QUEUE = 128


def find_server() -> tuple[bytes, socket.socket]:
    """Forks a successor, which waits. Returns in the process that is to serve now.

    Returns:
        What it is to hold, as frames, and where its successor is told the same; that one ends when
        this is closed.
    """
    import socket  # not above: what starts the agent waits for this module

    source = 0
    while True:
        here, there = socket.socketpair()
        if os.fork():
            there.close()
            state = _read_all(source)
            os.close(source)
            if source == 0:
                os.open(os.devnull, os.O_RDWR)  # takes the number 0
            return state, here
        here.close()
        os.close(source)
        if source == 0:
            os.open(os.devnull, os.O_RDWR)
        select.select([there], [], [])
        if not there.recv(1, socket.MSG_PEEK):
            os._exit(0)  # the other one has ended, and leaves nothing
        os.setsid()
        listen_as_this_process()
        source = there.detach()


def listen_as_this_process() -> None:
    """Whoever connects is told the process that listened last, and ends that one on ``lock``."""
    listener = plain_socket(fileno=LISTENER)
    listener.listen(_QUEUE)
    listener.detach()


def _read_all(descriptor: int) -> bytes:
    chunks: list[bytes] = []
    while chunk := os.read(descriptor, 65536):
        chunks.append(chunk)
    return b"".join(chunks)
