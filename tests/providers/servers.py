"""Servers on this machine that behave as providers and proxies do on good days and on bad ones."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Asked:
    """A request as it arrived. Args: headers: by name in lower case; raw: all of it."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    raw: bytes
    at: float


Respond = Callable[["Talk"], None]


@dataclass
class Server:
    """Args: asked: what has arrived, in order."""

    host: str
    port: int
    scheme: str
    asked: list[Asked] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def count(self) -> int:
        return len(self.asked)


@dataclass
class Talk:
    """One connection, after its first request has arrived."""

    connection: socket.socket
    asked: Asked
    server: Server

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def wait(self) -> None:
        """Until the test is over."""
        self.server.is_over.wait(30)


def reply(status: int = 200, body: bytes = b"", **headers: str) -> Respond:
    """Args: headers: with ``_`` for ``-``. Returns: what answers so, and ends the connection."""
    return lambda talk: talk.send(render(status, body, None, **headers))


def render(status: int = 200, body: bytes = b"", length: int | None = None, **more: str) -> bytes:
    """Args: length: that is said; by default the body's."""
    headers = {"Connection": "close", **{k.replace("_", "-"): v for k, v in more.items()}}
    if "Transfer-Encoding" not in headers:
        headers["Content-Length"] = str(len(body) if length is None else length)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode() + body


def in_turn(*responses: Respond) -> Respond:
    """Each request gets the next answer, and the last one goes on."""

    def respond(talk: Talk) -> None:
        responses[min(talk.server.count, len(responses)) - 1](talk)

    return respond


def reset(talk: Talk) -> None:
    talk.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hang_up(talk: Talk) -> None:
    """Without a word."""


def hang(talk: Talk) -> None:
    talk.wait()


def trickle(start: bytes) -> Respond:
    """Begins so, and then sends a byte now and then."""

    def respond(talk: Talk) -> None:
        talk.send(start)
        while not talk.server.is_over.wait(0.02):
            talk.send(b"x")

    return respond


def endless(talk: Talk) -> None:
    talk.send(render(length=1 << 40))
    while not talk.server.is_over.is_set():
        talk.send(bytes(65536))


@contextmanager
def serve(
    respond: Respond, *, host: str = "127.0.0.1", certificate: Path | None = None
) -> Iterator[Server]:
    """Args: certificate: with its key, of a server that speaks TLS."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, 0), family=family, backlog=64)
    server = Server(host, listener.getsockname()[1], "https" if certificate else "http")
    tls: ssl.SSLContext | None = None
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)

    def talk(connection: socket.socket) -> None:
        # Whoever hangs up, or does not trust the certificate, is what is tried here.
        with contextlib.suppress(OSError), connection:
            connection.settimeout(30)
            if tls is not None:
                connection = tls.wrap_socket(connection, server_side=True)
            with connection:
                asked = read_request(connection)
                if asked is not None:
                    server.asked.append(asked)
                    respond(Talk(connection, asked, server))

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server
    finally:
        server.is_over.set()
        # Closing alone leaves who waits for a connection waiting, and the port open.
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def read_request(connection: socket.socket) -> Asked | None:
    raw = b""
    while b"\r\n\r\n" not in raw:
        data = connection.recv(65536)
        if not data:
            return None
        raw += data
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = [line.partition(":") for line in lines]
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    while len(body) < int(headers.get("content-length", 0)):
        data = connection.recv(65536)
        raw, body = raw + data, body + data
    method, target, _ = first.split(" ", 2)
    return Asked(method, target, headers, body, raw, time.monotonic())


def tunnel_to(server: Server) -> Respond:
    """A proxy that, whatever place it is asked for, connects to this server."""

    def respond(talk: Talk) -> None:
        if talk.asked.method != "CONNECT":
            talk.send(render(405))
            return
        with socket.create_connection((server.host, server.port)) as onward:
            talk.send(b"HTTP/1.1 200 Connected\r\n\r\n")
            back = threading.Thread(target=_pump, args=(onward, talk.connection), daemon=True)
            back.start()
            _pump(talk.connection, onward)
            back.join(5)

    return respond


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def find_closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


class Authority:
    """Makes certificates. Args: place: a directory for them."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "EXAMPLE authority")])
        own = self._sign(
            self._name, self._key, self._name, self._key, [], -1, 30, is_authority=True
        )
        self.path = place / "authority.pem"
        self.path.write_bytes(own.public_bytes(serialization.Encoding.PEM))

    def issue(
        self, *names: str, first_day: int = -1, last_day: int = 30, is_self_signed: bool = False
    ) -> Path:
        """Args: names: hosts and addresses; first_day, last_day: of its life, from now.

        Returns:
            A file with the certificate and its key.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        issuer = (subject, key) if is_self_signed else (self._name, self._key)
        made = self._sign(subject, key, *issuer, [*names], first_day, last_day, is_authority=False)
        path = self._place / f"{made.serial_number}.pem"
        path.write_bytes(
            made.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return path

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        issuer: x509.Name,
        issuer_key: ec.EllipticCurvePrivateKey,
        names: list[str],
        first_day: int,
        last_day: int,
        *,
        is_authority: bool,
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + datetime.timedelta(first_day))
            .not_valid_after(now + datetime.timedelta(last_day))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        )
        if names:
            others = x509.SubjectAlternativeName([_alternative(name) for name in names])
            builder = builder.add_extension(others, critical=False)
        return builder.sign(issuer_key, hashes.SHA256())


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
