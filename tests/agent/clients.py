"""What comes to an agent's socket: what a real client sends, and what nobody should."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

from credman.agent import client
from credman.core import wire
from tests.agent.agents import Agents, wait_until

SOON = 1.0
"""Seconds in which an honest caller has its answer, whoever else is there."""


def make_run(desk: Agents, *argv: str, streams: Sequence[bytes] = (b"other",) * 3) -> list[bytes]:
    """Returns: the parts of a request, as the program sends it."""
    words = wire.pack(map(os.fsencode, argv))
    caller = client.describe_caller(desk.environ, os.environ["HOME"])
    return [wire.RUN, wire.VERSION, words, *caller, wire.pack([*streams, b"80"])]


def make_request(desk: Agents, *argv: str) -> bytes:
    """Returns: the same as a whole frame."""
    return wire.frame([wire.PROTOCOL, *make_run(desk, *argv)])


def ask(desk: Agents, *argv: str, seconds: float = 20) -> tuple[int, bytes] | None:
    """Asks as the program does.

    Args:
        seconds: for the answer. One that has just been started imports first.

    Returns:
        Exit code and what it prints; None: it was declined, or nobody answered.
    """
    connection = client.connect(str(desk.folder), seconds)
    if connection is None:
        return None
    answer = client.exchange(connection, make_run(desk, *argv), seconds)
    if answer is None or answer[0] != wire.DONE:
        return None
    printed = b"".join(chunk[1:] for chunk in wire.unpack(answer[2]))
    return int(answer[1]), printed


def ask_soon(desk: Agents, *argv: str) -> tuple[int, bytes] | None:
    """As ``ask``, within a second."""
    return ask(desk, *argv, seconds=SOON)


def connect(desk: Agents) -> socket.socket:
    """Returns: a connection to the agent, by whoever: nothing is checked."""
    folder = os.open(desk.folder, os.O_PATH | os.O_CLOEXEC)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(60)
    try:
        wait_until(lambda: is_accepted(connection, f"/proc/self/fd/{folder}/agent"))
        return connection
    except BaseException:
        connection.close()
        raise
    finally:
        os.close(folder)


def is_accepted(connection: socket.socket, path: str) -> bool:
    try:
        connection.connect(path)
    except BlockingIOError:  # its queue is full for the moment
        return False
    return True


def answer_to(desk: Agents, data: bytes) -> bytes:
    """Sends bytes. Returns: all that comes back until the agent has closed the connection."""
    with connect(desk) as connection:
        try:
            connection.sendall(data)
            return read_all(connection)
        except (BrokenPipeError, ConnectionResetError):  # it was cut while it sent
            return b""


def read_all(connection: socket.socket) -> bytes:
    chunks = []
    try:
        while chunk := connection.recv(1 << 16):
            chunks.append(chunk)
    except ConnectionResetError:
        return b""
    return b"".join(chunks)


def is_declined(answer: bytes) -> bool:
    return answer == wire.frame([wire.DECLINED])
