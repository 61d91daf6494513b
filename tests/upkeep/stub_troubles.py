"""What a provider, or the network before it, may do instead of answering."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler

Send = Callable[[BaseHTTPRequestHandler, int, dict[str, str], bytes, threading.Event], None]


@dataclass(frozen=True)
class Trouble:
    """Args:
    send: puts something on the wire, given what would have been said, and what ends every wait.
    obeys: what was asked for is done nevertheless.
    """

    send: Send
    obeys: bool = True


def status(
    number: int, *, text: str = "{}", obeys: bool = False, retry_after: object = None
) -> Trouble:
    """An answer with this status, and nothing done."""
    more = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Trouble(lambda h, s, m, b, e: write(h, number, more, text.encode()), obeys)


def say(text: str, *, obeys: bool = False) -> Trouble:
    """200, and a body that is not what is expected."""
    return Trouble(lambda h, s, m, b, e: write(h, 200, {}, text.encode()), obeys)


def hang(*, obeys: bool = True) -> Trouble:
    """No answer, and the connection stays open."""
    return Trouble(lambda h, s, m, b, closing: _wait(closing, 120), obeys)


def hang_up(*, obeys: bool = True) -> Trouble:
    """The connection is closed without an answer."""
    return Trouble(lambda h, s, m, b, e: None, obeys)


def half(share: float = 0.5, *, obeys: bool = True) -> Trouble:
    """The answer ends before its Content-Length does.

    Args:
        share: how much of the body comes.
    """

    def send(h: BaseHTTPRequestHandler, s: int, m: dict[str, str], b: bytes, _: object) -> None:
        write(h, s, m, b[: int(len(b) * share)], length=len(b) + 10)

    return Trouble(send, obeys)


def trickle(*, seconds: float = 1.0) -> Trouble:
    """A byte of the body, and a wait after it; and so on."""

    def send(
        h: BaseHTTPRequestHandler, s: int, m: dict[str, str], b: bytes, closing: threading.Event
    ) -> None:
        write(h, s, m, b"", length=len(b))
        for byte in b:
            if closing.wait(seconds):
                return
            h.wfile.write(bytes([byte]))
            h.wfile.flush()

    return Trouble(send)


def slow(seconds: float = 0.1) -> Trouble:
    """The answer, late."""

    def send(
        h: BaseHTTPRequestHandler, s: int, m: dict[str, str], b: bytes, closing: threading.Event
    ) -> None:
        _wait(closing, seconds)
        write(h, s, m, b)

    return Trouble(send)


def redirect(url: str, *, number: int = 302) -> Trouble:
    return Trouble(lambda h, s, m, b, e: write(h, number, {"Location": url}, b""), obeys=False)


def big() -> Trouble:
    """The answer, and 2 MiB of blanks before it."""
    return Trouble(lambda h, s, m, b, e: write(h, s, m, b" " * (2 << 20) + b))


def zipped() -> Trouble:
    """The answer, compressed though nobody asked for it."""
    return Trouble(
        lambda h, s, m, b, e: write(h, s, {**m, "Content-Encoding": "gzip"}, gzip.compress(b))
    )


def write(
    handler: BaseHTTPRequestHandler,
    number: int,
    headers: dict[str, str],
    body: bytes,
    *,
    length: int | None = None,
) -> None:
    """Args: length: what is said of it; None: as it is."""
    handler.send_response(number)
    for name, value in headers.items():
        handler.send_header(name, value)
    if number != 204:
        handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(body)
    handler.wfile.flush()


def _wait(closing: threading.Event, seconds: float) -> None:
    closing.wait(seconds)


def linger() -> Trouble:
    """All of the answer, with a longer Content-Length, and the connection stays open."""

    def send(
        h: BaseHTTPRequestHandler, s: int, m: dict[str, str], b: bytes, closing: threading.Event
    ) -> None:
        write(h, s, m, b, length=len(b) + 10)
        _wait(closing, 120)

    return Trouble(send)
