"""One connection to the agent: a request arrives in pieces, an answer leaves in pieces."""

from __future__ import annotations

import socket
import time

from credman.core import wire

ARRIVE_SECONDS = 2.0
"""For a whole request, however slowly it comes."""
LEAVE_SECONDS = 10.0
"""For a whole answer."""

_LIMITS = {
    wire.RUN: wire.MAX_REQUEST,
    wire.HOLD: wire.MAX_REQUEST,
    wire.STATUS: wire.MAX_REQUEST,
    wire.LOCK: wire.MAX_REQUEST,
    wire.READ: wire.MAX_WRITE,
    wire.WRITE: wire.MAX_WRITE,
}
_CHUNK = 64 * 1024
_HEAD = 64
"""Bytes that tell what a request is: its length, the protocol, the operation."""


class Refused(Exception):
    """It is no request, or too large."""


class Connection:
    """Args: accepted: not blocking; pid: of the process at the other end."""

    def __init__(self, accepted: socket.socket, pid: int) -> None:
        self.socket, self.pid = accepted, pid
        self.buffer = bytearray()
        self.deadline = time.monotonic() + ARRIVE_SECONDS
        self.is_answering = False
        self.is_busy = False

    def receive(self) -> list[bytes] | None:
        """Returns: the parts of the request, at least three; None: it is not whole yet.

        Raises:
            Refused, OSError
        """
        try:
            data = self.socket.recv(_CHUNK)
        except BlockingIOError:
            return None
        if not data:
            raise Refused
        self.buffer += data
        if len(self.buffer) < 4:
            return None
        size = int.from_bytes(self.buffer[:4], "big")
        if size > self._limit() or len(self.buffer) > size + 4:
            raise Refused
        if len(self.buffer) < size + 4:
            return None
        try:
            parts = wire.unpack(bytes(self.buffer[4:]))
        except ValueError:
            raise Refused from None
        if len(parts) < 3 or parts[0] != wire.PROTOCOL:
            raise Refused
        self.buffer = bytearray()
        return parts

    def _limit(self) -> int:
        # What is larger than a command line has to be something that may be.
        head = bytes(self.buffer[4:_HEAD])
        for operation, limit in _LIMITS.items():
            if head.startswith(wire.pack([wire.PROTOCOL, operation])):
                return limit
        return wire.MAX_REQUEST

    def answer(self, parts: list[bytes]) -> None:
        """Args: parts: to be sent from now on."""
        self.buffer = bytearray(wire.frame(parts))
        self.deadline = time.monotonic() + LEAVE_SECONDS
        self.is_answering = True

    def send(self) -> bool:
        """Returns: whether all of it has left. Raises: OSError"""
        try:
            while self.buffer:
                del self.buffer[: self.socket.send(self.buffer)]
        except BlockingIOError:
            return False
        return True
