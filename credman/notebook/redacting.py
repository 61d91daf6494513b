"""No loaded value in what a kernel sends, and so in what a front end saves.

Every message of a kernel goes through its session's ``send``: streams, displays, results, errors,
replies and the state of widgets. That one function is wrapped. Streams come in pieces; what may be
the beginning of a value waits for the next piece, for 0.2 seconds at most, and goes out before any
other message of its cell.

Limits, as they were measured (``tests/notebook/leaks.py``):

- A value that a program transforms is another text: reversed, a list of its characters, ``\\x68``
  each, in capitals, base85, a dump (``xxd``), compressed. Base64, base32, hexadecimal (also with
  colons), URL-encoding and the quoting of Python, JSON, HTML and shells are known; so is a URL's
  password, but for a simple one. Of a piece of a value its first 12 to 20 characters and any 31 in
  a row are taken out, if they are not made of words; of values of fewer than 8 characters nothing.
- Of a value whose characters come more than 0.2 seconds one after the other, the first 11 to 20 are
  saved (of one that is encoded, or begins with words, up to 200), the others not. In a forked child
  nothing waits, so there this holds for any value that is written in several pieces.
- What a front end holds by itself: the source of cells, and what somebody types into a widget.
- Files, and the console where Jupyter was started, which shows what subprocesses print.
- A program that hands a value to the page on purpose, such as a map's key to its widget, hands on
  the mark: for this, redaction is switched off.

Rule: if a message cannot be checked, its text is not sent; a line says so in its place.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

from credman.notebook.redactor import Redactor
from credman.notebook.streams import Stream
from credman.notebook.unchecked import UNCHECKED, make_blank

__all__ = ["UNCHECKED", "Redactor", "install", "uninstall"]

_HOLD = 0.2  # seconds
_MOST_STREAMS = 64  # of older cells, whose threads may print still
_LEFT_ALONE = frozenset({"colab_request", "kernel_info_reply", "status"})

_guards: dict[int, _Guard] = {}  # by the session, which each keeps alive
_lock = threading.Lock()


def install(ip: Any, redactor: Redactor) -> bool:
    """Takes values out of all that this kernel sends from now on; or, if that is so already, the
    values of this redactor in place of those before.

    Args:
        ip: the shell, as IPython hands it to an extension.

    Returns:
        Whether there is a kernel. Without one, in a terminal, nothing is saved, so there is
        nothing to do.
    """
    session = _find_session(ip)
    if session is None:
        return False
    with _lock:
        guard = _guards.get(id(session))
        if guard is None:
            guard = _guards[id(session)] = _Guard(session)
            guard.begin()
        guard.redactor = redactor
    return True


def uninstall(ip: Any) -> bool:
    """Leaves the session as it was before ``install``; what was held back goes out first.

    Returns:
        Whether anything was installed.
    """
    session = _find_session(ip)
    with _lock:
        guard = _guards.pop(id(session), None)
        if guard is None:
            return False
        guard.end()
    return True


def _find_session(ip: Any) -> Any:
    session = getattr(getattr(ip, "kernel", None), "session", None)
    return session if callable(getattr(session, "send", None)) else None


class _Sent:
    """A stream of a cell, and what a message of it is made of."""

    def __init__(self, socket: Any, message: dict[str, Any], ident: Any) -> None:
        self.stream, self.fed_at = Stream(), 0.0
        self.socket, self.ident = socket, ident
        self.parent = message["parent_header"]
        self.content = {**message["content"], "text": ""}  # which may be of any size


class _Guard:
    """Stands in the place of a session's ``send``.

    Streams are fed, and released, in the thread of the kernel that sends, so that an interrupt of
    a cell never comes in between; what other threads have to say goes through its queue. The lock
    is not held while anything is sent: whoever sends may have to wait for that thread.
    """

    def __init__(self, session: Any) -> None:
        self.redactor = Redactor({})
        self._session = session
        self._before = session.__dict__.get("send")
        self._original: Callable[..., Any] = session.send
        self._streams: OrderedDict[tuple[str, str], _Sent] = OrderedDict()
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._is_on, self._waits, self._is_timed = True, True, False

    def begin(self) -> None:
        self._session.__dict__["send"] = self.send
        # Runs before the kernel stops its sending thread, which began earlier.
        atexit.register(self._finish)

    def end(self) -> None:
        self._finish()
        atexit.unregister(self._finish)
        self._is_on = False  # somebody may have wrapped this one, and call it still
        if self._session.__dict__.get("send") == self.send:
            del self._session.__dict__["send"]
            if self._before is not None:
                self._session.__dict__["send"] = self._before

    def send(
        self,
        stream: Any,
        msg_or_type: Any,
        content: Any = None,
        parent: Any = None,
        ident: Any = None,
        buffers: Any = None,
        track: bool = False,
        header: Any = None,
        metadata: Any = None,
    ) -> Any:
        """As the session's own, whose message it returns."""
        if isinstance(msg_or_type, str) or msg_or_type is None:
            message = self._session.msg(
                msg_or_type, content=content, parent=parent, header=header, metadata=metadata
            )
        else:
            message = msg_or_type
            buffers = buffers or message.get("buffers", [])
        if os.getpid() != self._pid:
            self._begin_in_child()
        pass_on = partial(self._original, ident=ident, buffers=buffers, track=track)
        if not self._is_on:
            return pass_on(stream, message)
        kind = message["header"]["msg_type"]
        if kind == "stream" and isinstance(message["content"], dict):
            return self._send_stream(getattr(stream, "io_thread", stream), message, ident)
        self._release_before(message)
        if kind in _LEFT_ALONE or not self.redactor:
            return pass_on(stream, message)
        try:
            safe, parts = self._check(message, buffers or [])
        except Exception:  # noqa: BLE001 - whatever it is, nothing goes out unchecked
            safe, parts = {**message, "content": make_blank(kind, message), "metadata": {}}, []
        done = self._original(stream, safe, ident=ident, buffers=parts, track=track)
        is_packed = done is not None and isinstance(done["content"], bytes)
        return {**done, "content": message["content"]} if is_packed else done

    def _check(self, message: dict[str, Any], buffers: Any) -> tuple[dict[str, Any], list[Any]]:
        redactor, pack, unpack = self.redactor, self._session.pack, self._session.unpack
        safe = {**message}
        for part in ("content", "metadata"):
            if not message[part]:
                continue
            packed = message[part]
            if not isinstance(packed, bytes):
                packed = pack(packed)
            if redactor.may_hold(packed):
                safe[part] = redactor.redact_tree(unpack(packed))
            elif part == "content" and not getattr(self._session, "adapt_version", 0):
                safe[part] = packed  # so that it is packed once
        return safe, [redactor.blot(bytes(each)) for each in buffers]

    def _send_stream(self, socket: Any, message: dict[str, Any], ident: Any) -> dict[str, Any]:
        key = (str(message["content"].get("name")), _parent_of(message))
        for other in self._list_held(key[1]):
            if other != key:
                self._release(other)
        with self._lock:
            sent = self._streams.get(key)
            if sent is None:
                sent = self._streams[key] = _Sent(socket, message, ident)
                self._forget()
            self._streams.move_to_end(key)
            sent.fed_at = time.monotonic()
            out = self._take(sent, str(message["content"].get("text", "")))
            if not self._may_wait(socket):
                out += self._take(sent)
            is_holding = sent.stream.is_holding
        if out:
            content = {**message["content"], "text": out}
            self._original(socket, {**message, "content": content}, ident=ident)
        if is_holding:
            self._set_timer(socket)
        return message

    def _take(self, sent: _Sent, chunk: str | None = None) -> str:
        """Returns: what may go out, of what was held back and a chunk."""
        try:
            if chunk is None:
                return sent.stream.release(self.redactor)
            return sent.stream.feed(self.redactor, chunk)
        except Exception:  # noqa: BLE001 - as above
            return UNCHECKED + "\n" if sent.stream.drop() or chunk else ""

    def _begin_in_child(self) -> None:
        # It has no thread that would send later, and may end at any moment, so nothing waits. What
        # the parent holds back is the parent's; its lock may have been held.
        self._pid, self._waits = os.getpid(), False
        self._lock, self._streams = threading.RLock(), OrderedDict()

    def _may_wait(self, socket: Any) -> bool:
        thread = getattr(socket, "thread", None)
        return self._waits and thread is not None and thread.is_alive()

    def _release_before(self, message: dict[str, Any]) -> None:
        for key in self._list_held(_parent_of(message)):
            # Through the queue of the thread that sends, where this message comes after it.
            self._schedule_release(key)

    def _list_held(self, parent: str) -> list[tuple[str, str]]:
        with self._lock:
            return [k for k, s in self._streams.items() if k[1] == parent and s.stream.is_holding]

    def _release(self, key: tuple[str, str], way: Callable[[Any], Any] = lambda s: s) -> None:
        with self._lock:
            sent = self._streams.get(key)
            out = self._take(sent) if sent and sent.stream.is_holding else ""
        if sent and out:
            content = {**sent.content, "text": out}
            message = self._session.msg("stream", content, parent=sent.parent)
            self._original(way(sent.socket), message, ident=sent.ident)

    def _set_timer(self, socket: Any) -> None:
        if self._is_timed or not hasattr(socket, "io_loop"):
            return
        self._is_timed = True
        _schedule(socket, lambda: socket.io_loop.call_later(_HOLD, self._on_time, socket))

    def _on_time(self, socket: Any) -> None:
        self._is_timed = False
        now = time.monotonic()
        with self._lock:
            held = [
                (key, sent.fed_at) for key, sent in self._streams.items() if sent.stream.is_holding
            ]
        for key, fed_at in held:
            if now - fed_at >= _HOLD:
                self._release(key)
        if any(now - fed_at < _HOLD for _, fed_at in held):
            self._set_timer(socket)

    def _forget(self) -> None:
        for key in [key for key, sent in self._streams.items() if not sent.stream.is_holding]:
            if len(self._streams) <= _MOST_STREAMS:
                return
            del self._streams[key]

    def _finish(self) -> None:
        """The kernel ends, or this one: from now on nothing waits."""
        self._waits = False
        for key in [*self._streams]:
            self._schedule_release(key)

    def _schedule_release(self, key: tuple[str, str]) -> None:
        sent = self._streams.get(key)
        if sent is not None and sent.stream.is_holding:
            _schedule(sent.socket, partial(self._release, key, _AtOnce))


class _AtOnce:
    """What the thread that sends would put into its own queue, behind what came later."""

    def __init__(self, thread: Any) -> None:
        self.send_multipart = getattr(thread, "_really_send", thread.send_multipart)


def _schedule(socket: Any, function: Callable[[], object]) -> None:
    getattr(socket, "schedule", lambda call: call())(function)


def _parent_of(message: dict[str, Any]) -> str:
    return str((message.get("parent_header") or {}).get("msg_id", ""))
