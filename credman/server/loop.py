"""The agent: one process that answers whoever its owner is, one request a connection.

Rule: nothing that comes in may stop it, fill its memory or keep others waiting: a request has two
seconds to arrive and a size, and all that is on its way together has a size as well. Requests are
answered one after the other; writing, which may wait for a lock, has threads of its own.
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence

from credman.agent import client
from credman.agent.client import LISTENER
from credman.core import wire
from credman.core.errors import CredmanError
from credman.server.held import Declined, Held
from credman.server.memory import lock_all_memory, protect_process
from credman.server.requests import ARRIVE_SECONDS, Connection, Refused
from credman.server.rings import Rings
from credman.server.running import run_command, sees_the_same, warm_up
from credman.server.status import hold, render_state, render_status
from credman.server.storing import answer
from credman.server.succession import find_server

CHECK_SECONDS = 5.0
"""How often it looks whether its socket is still there and whether a time is over."""
_LAST_SECONDS = 1.5
"""For writing to come to its end. Whoever ended it waits a little longer before he kills it."""
_BUSY_SECONDS = 0.05
_MOST_CONNECTIONS = 512
_MOST_BUFFERED = 16 * 1024 * 1024
_MOST_THREADS = 16


def serve(folder: str) -> None:
    """Serves until it is told to end, a time is over, or its socket has gone.

    Args:
        folder: of the socket.
    """
    protect_process()
    sources = _stat_sources()
    warm_up()
    state, successor = find_server()
    lock_all_memory()  # locks are not inherited
    server = Server(folder, sources, successor)
    server.take(state)
    del state  # identities lie in locked memory from now on
    server.serve()


class Server:
    """Args:
    folder: of the socket.
    sources: of the package, as it was when it was imported.
    successor: where the one that takes this one's place is told the same.
    """

    def __init__(
        self, folder: str, sources: tuple[int, int] | None, successor: socket.socket
    ) -> None:
        self._folder, self._sources, self._successor = folder, sources, successor
        self._listener = socket.socket(fileno=LISTENER)
        self._listener.setblocking(False)
        self._identity = self._stat_socket()
        self._held = Held()
        self._rings = Rings(self._held)
        self._selector = selectors.DefaultSelector()
        self._connections: set[Connection] = set()
        self._threads = 0
        self._waiting: deque[tuple[Connection, Sequence[bytes]]] = deque()
        self._finished: list[tuple[Connection, list[bytes]]] = []
        self._waker, self._wake = socket.socketpair()
        self._checked = 0.0
        self._last_moment: float | None = None
        self._must_leave = False
        self._leaves_at: float | None = None

    def serve(self) -> None:
        """Does not return."""
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self._end_soon())
        for side in (self._waker, self._wake):
            side.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._waker, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select(self._patience()):
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is self._waker:
                    with contextlib.suppress(OSError):
                        self._waker.recv(4096)
                else:
                    self._advance(key.data)
            while self._finished:
                self._threads -= 1
                self._reply(*self._finished.pop())
                gc.collect(1)
            self._start_threads()
            self._look_after()

    def take(self, state: bytes) -> None:
        """Args: state: what to hold: a frame for each vault, as if it had been sent."""
        while size := int.from_bytes(state[:4], "big"):
            with contextlib.suppress(ValueError, MemoryError, CredmanError):
                hold(self._held, self._rings, wire.unpack(state[4 : size + 4])[3:])
            state = state[size + 4 :]

    def _accept(self) -> None:
        if self._leaves_at is not None:
            time.sleep(_BUSY_SECONDS)  # it is readable all the time
            return
        for _ in range(64):
            try:
                accepted, _ = self._listener.accept()
            except OSError:  # nobody else waits; or there are no more descriptors for now
                return
            peer = client.peer_of(accepted)
            # Without a number it is of another pid namespace: the socket was carried into one.
            is_foreign = sys.platform == "linux" and peer is not None and not peer[0]
            if peer is None or peer[1] != os.geteuid() or is_foreign:
                accepted.close()
                continue
            accepted.setblocking(False)
            connection = Connection(accepted, peer[0])
            self._connections.add(connection)
            self._selector.register(accepted, selectors.EVENT_READ, connection)
            if len(self._connections) > _MOST_CONNECTIONS:
                self._close(min(self._connections, key=lambda c: c.deadline))

    def _advance(self, connection: Connection) -> None:
        try:
            if connection.is_answering:
                if connection.send():
                    self._close(connection)
                return
            request = connection.receive()
            if sum(len(c.buffer) for c in self._connections) > _MOST_BUFFERED:
                largest = max(self._connections, key=lambda c: len(c.buffer))
                self._close(largest)
                if largest is connection:
                    return
        except (OSError, Refused):
            self._close(connection)
            return
        if request is not None:
            self._handle(connection, request)
            gc.collect(1)  # a command's context is a circle, and the values are in it

    def _handle(self, connection: Connection, parts: list[bytes]) -> None:
        operation, version = parts[1:3]
        if operation == wire.LOCK:
            self._reply(connection, [wire.DONE])
            self._end_soon()
            return
        if operation == wire.STATUS:
            self._reply(connection, [wire.DONE, render_status(self._held)])
            return
        if version != wire.VERSION or self._is_outdated():
            self._reply(connection, [wire.DECLINED, b"version"])
            if self._is_outdated():
                self._end_soon()
            return
        is_strange = operation != wire.HOLD and not sees_the_same(connection.pid)
        if is_strange or self._last_moment is not None:
            self._reply(connection, [wire.DECLINED])
            return
        if operation in (wire.READ, wire.WRITE):
            self._let_wait(connection, parts[3:])
            return
        try:
            if operation == wire.HOLD:
                reply = self._hold(parts[3:])
            elif operation == wire.RUN:
                reply = run_command(self._held, self._rings, parts[3:], connection.pid)
            else:
                reply = [wire.DECLINED]
        except (Declined, Exception):  # noqa: BLE001 - the caller does it, and tells it better
            reply = [wire.DECLINED]
        self._reply(connection, reply)

    def _hold(self, parts: Sequence[bytes]) -> list[bytes]:
        try:
            hold(self._held, self._rings, parts)
        except MemoryError:
            return [wire.FAILED, b"the agent holds too many vaults"]
        except CredmanError as error:
            return [wire.FAILED, error.message.encode()]
        return [wire.DONE]

    def _let_wait(self, connection: Connection, parts: Sequence[bytes]) -> None:
        self._selector.unregister(connection.socket)
        connection.is_busy = True
        self._waiting.append((connection, parts))
        self._start_threads()

    def _start_threads(self) -> None:
        while self._waiting and self._last_moment is not None:
            self._reply(self._waiting.popleft()[0], [wire.DECLINED])
        while self._waiting and self._threads < _MOST_THREADS:
            self._threads += 1
            threading.Thread(target=self._work, args=self._waiting.popleft(), daemon=True).start()

    def _work(self, connection: Connection, parts: Sequence[bytes]) -> None:
        try:
            reply = answer(self._held, self._rings, parts)
        except (Declined, Exception):  # noqa: BLE001 - as above
            reply = [wire.DECLINED]
        self._finished.append((connection, reply))
        self._wake_up()

    def _wake_up(self) -> None:
        with contextlib.suppress(OSError):
            self._wake.send(b"x")

    def _reply(self, connection: Connection, parts: list[bytes]) -> None:
        if connection not in self._connections:  # closed meanwhile, in favour of others
            return
        if connection.is_busy:
            connection.is_busy = False
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.answer(parts)
        try:
            if connection.send():
                self._close(connection)
                return
        except OSError:
            self._close(connection)
            return
        self._selector.modify(connection.socket, selectors.EVENT_WRITE, connection)

    def _close(self, connection: Connection) -> None:
        self._connections.discard(connection)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(connection.socket)
        connection.socket.close()
        connection.buffer = bytearray()  # other events of this round may hold the connection

    def _patience(self) -> float:
        if self._last_moment is not None or self._leaves_at is not None:
            return _BUSY_SECONDS
        waiting = [c.deadline for c in self._connections if not c.is_busy]
        nearest = min(waiting, default=time.monotonic() + CHECK_SECONDS) - time.monotonic()
        left = min(self._held.seconds_left(), CHECK_SECONDS)
        return max(_BUSY_SECONDS if self._threads else 0.0, min(nearest, left))

    def _look_after(self) -> None:
        at = time.monotonic()
        for connection in [c for c in self._connections if c.deadline <= at and not c.is_busy]:
            self._close(connection)
        if at - self._checked >= CHECK_SECONDS:
            self._checked = at
            self._rings.rest()
            if self._stat_socket() != self._identity:
                os._exit(0)  # nobody can reach it any more: the session is over
        if self._last_moment is not None and (not self._threads or at > self._last_moment):
            self._end()
        # What is on its way is answered first; what has expired is not used by then. Whoever comes
        # meanwhile waits in the queue.
        if self._held.drop_expired() or not self._held.entries:
            self._must_leave = True
        if self._must_leave and not self._threads:
            self._leaves_at = self._leaves_at or at + ARRIVE_SECONDS
            if not self._connections or self._leaves_at < at:
                self._leave_memory()

    def _leave_memory(self) -> None:
        """What was dropped has gone through this memory. Another process goes on with the rest, on
        the same socket; with nothing left, none."""
        if not self._held.entries or self._is_outdated():
            self._end()
        state = render_state(self._held, self._rings)
        self._rings.end()
        try:
            self._successor.sendall(state)
        except OSError:  # it was killed
            self._end()
        os._exit(0)  # the socket is the other one's

    def _is_outdated(self) -> bool:
        return _stat_sources() != self._sources

    def _stat_socket(self) -> tuple[int, int] | None:
        try:
            found = os.lstat(os.path.join(self._folder, client.SOCKET))
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _end_soon(self) -> None:
        """Lets those that write come to their end, and tell it."""
        if not self._threads:
            self._end()
        if self._last_moment is None:
            self._last_moment = time.monotonic() + _LAST_SECONDS
            self._wake_up()

    def _end(self) -> None:
        if self._stat_socket() == self._identity:
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(self._folder, client.SOCKET))
        os._exit(0)


def _stat_sources() -> tuple[int, int] | None:
    # An upgrade replaces the package beneath the agent.
    import credman

    try:
        found = os.stat(credman.__file__)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
