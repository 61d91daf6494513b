"""Providers on this machine: they issue, rotate, expire and revoke tokens, by the TOML of each.

``with stub() as provider:`` serves every provider of the catalogue, each under its own name:
``http://127.0.0.1:PORT/gitlab``. What was asked is counted; what goes wrong is switched on.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.upkeep.stub_answers import Issued, Said, tell_dead, tell_ended, tell_live, tell_new
from tests.upkeep.stub_templates import Template, list_templates, read_file
from tests.upkeep.stub_troubles import Trouble, write
from tests.upkeep.stub_values import make_values

MOVED = "/moved"


@dataclass(frozen=True)
class Seen:
    """A request. ``role``: what was asked for; empty if it fits nothing that the provider knows.

    Args:
        token: by whose right, or about which token.
        known: what stands for the names in braces.
    """

    provider: str
    role: str
    method: str
    path: str
    token: str
    known: dict[str, Any]
    headers: dict[str, str]
    body: bytes


@dataclass
class Stub:
    """Args:
    answering: called with a request before its answer is sent, and after what it does is done.
    answered: called after an answer was sent.
    says_dead_by_body: in place of a status, where a provider does so.
    """

    url: str
    seen: list[Seen] = field(default_factory=list)
    issued: list[Issued] = field(default_factory=list)
    answering: Callable[[Seen], None] = lambda seen: None
    answered: Callable[[Seen], None] = lambda seen: None
    says_dead_by_body: bool = False
    reused: list[str] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    _troubles: dict[tuple[str, str], list[Any]] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def place(self, name: str) -> str:
        """Returns: the URL in the place of a provider's own."""
        return f"{self.url}/{name}"

    def issue(self, name: str, *, account: str = "alice", days: float | None = 90) -> Issued:
        """Args: days: until it ends; None: never. Returns: a live token of a provider."""
        with self._lock:
            number = len(self.issued) + 1
            expires_at = None
            if days is not None:
                moment = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
                expires_at = moment
            values = make_values(name, number, self.place(name), expires_at)
            issued = Issued(name, values, account, _identify(name, values, number))
            issued.expires_at = expires_at
            self.issued.append(issued)
            return issued

    def revoke(self, issued: Issued) -> None:
        issued.ended = "revoked"

    def expire(self, issued: Issued) -> None:
        issued.ended = "expired"

    def trouble(self, name: str, role: str, trouble: Trouble, *, times: int | None = None) -> None:
        """Args:
        role: of the requests that it is about.
        times: for how many of them; None: until it is mended.
        """
        self._troubles[name, role] = [trouble, times]

    def mend(self) -> None:
        self._troubles.clear()

    def count(self, name: str, role: str, token: str | None = None) -> int:
        """Returns: how often a provider was asked for this; with this token if one is named."""
        return len(self.find(name, role, token))

    def find(self, name: str, role: str, token: str | None = None) -> list[Seen]:
        return [
            s
            for s in self.seen
            if (s.provider, s.role) == (name, role) and token in (None, s.token)
        ]

    @property
    def misfits(self) -> list[Seen]:
        """Requests that are not as the catalogue says."""
        return [s for s in self.seen if not s.role]

    def find_issued(self, name: str, value: object) -> Issued | None:
        """Args: value: of any of its secret parts, or its access."""
        for issued in self.issued:
            if issued.provider == name and value in (*issued.values.values(), issued.access):
                return issued
        return None

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        seen, template = self._read(handler)
        with self._lock:
            self.seen.append(seen)
            trouble = self._find_trouble(seen)
            said = Said(404, {"error": "no such path"})
            if template is not None and (trouble is None or trouble.obeys):
                said = self._act(seen, template)
        self.answering(seen)
        body = b"" if said.data is None else json.dumps(said.data).encode()
        if trouble is None:
            write(handler, said.status, dict(said.headers), body)
        else:
            trouble.send(handler, said.status, dict(said.headers), body, self.closing)
        self.answered(seen)

    def _read(self, handler: BaseHTTPRequestHandler) -> tuple[Seen, Template | None]:
        headers = {k.lower(): v for k, v in handler.headers.items()}
        body = handler.rfile.read(int(headers.get("content-length", 0)))
        parts = urlsplit(handler.path)
        _, name, *rest = parts.path.removeprefix(MOVED).split("/", 2)
        base = {}
        templates: tuple[Template, ...] = ()
        if "/" not in name and name:
            try:
                base = read_file(name).get("base", {})
                templates = list_templates(name)
            except FileNotFoundError:
                pass
        path = ("/" + "".join(rest)).removeprefix(base.get("suffix", ""))
        for template in templates:
            if not template.fits_place(handler.command, path):
                continue
            known = template.read(path, parts.query, headers, body)
            if known is not None:
                token = _find_token(template, known)
                seen = Seen(
                    name, template.role, handler.command, handler.path, token, known, headers, body
                )
                return seen, template
        return Seen(name, "", handler.command, handler.path, "", {}, headers, body), None

    def _find_trouble(self, seen: Seen) -> Trouble | None:
        entry = self._troubles.get((seen.provider, seen.role))
        if entry is None or seen.path.startswith(MOVED) or entry[1] == 0:
            return None
        if entry[1] is not None:
            entry[1] -= 1
        trouble: Trouble = entry[0]
        return trouble

    def _act(self, seen: Seen, template: Template) -> Said:
        issued = self.find_issued(seen.provider, seen.token)
        match template.role:
            case "rotate":
                return self._rotate(seen, issued)
            case "revoke":
                return self._revoke(seen, template, issued)
        if issued is None or not issued.is_live:
            return tell_dead(seen.provider, by_body=self.says_dead_by_body)
        return tell_live(issued)

    def _rotate(self, seen: Seen, old: Issued | None) -> Said:
        table = read_file(seen.provider)["rotate_api"]
        if old is None or not old.is_live:
            if old is not None and old.successor is not None:
                # As GitLab does: who comes again with a value that was replaced has stolen it.
                old.successor.ended = "reuse of its predecessor was noticed"
                self.reused.append(seen.provider)
            return Said(401, {"error": "this is no token that is known here"})
        days = _find_lifetime(seen)
        new = self.issue(seen.provider, account=old.account, days=days)
        new.values |= {k: v for k, v in old.values.items() if k not in table["new"]}
        if "expires_date" in seen.known:
            new.expires_at = datetime.fromisoformat(seen.known["expires_date"]).replace(tzinfo=UTC)
        new.label, new.predecessor, old.successor = seen.known.get("label", ""), old, new
        if table.get("ends_old"):
            old.ended = "rotated"
            if "token_id" in seen.known:
                new.id = old.id  # the value changes, the token stays
        return tell_new(new)

    def _revoke(self, seen: Seen, template: Template, asking: Issued | None) -> Said:
        known, provider = seen.known, seen.provider
        is_public = template.table["mode"] == "public"
        if not is_public and (asking is None or not asking.is_live):
            return Said(401, {"error": "this is no token that is known here"})
        own = [i for i in self.issued if i.provider == provider]
        ids = {known.get("token_id"), known.get("api_key_id")} - {None}
        if ids:
            ending = [i for i in own if i.id in ids and i.is_live]
        elif "token" in known:
            ending = [i for i in own if i.token == known["token"]]
        else:  # the successor takes the place of the one before it
            ending = [i for i in own if i.successor is asking]
        for issued in ending:
            issued.ended = "revoked"
        return tell_ended(provider) if ending or is_public else Said(404, {"error": "not found"})


def _find_token(template: Template, known: dict[str, Any]) -> str:
    # Whose right it is stands in a header; where none does, in the body.
    for places in (("headers", "basic"), ("body", "query")):
        names = template.names_in(*places)
        for name in ("successor", "access", "token", "refresh"):
            if name in names and name in known:
                return str(known[name])
    return ""


def _identify(name: str, values: dict[str, str], number: int) -> str:
    for pattern in read_file(name).get("revoke_api", {}).get("derive", {}).values():
        if match := re.fullmatch(pattern, values["token"]):
            return match[1]
    return f"id-{number}"


def _find_lifetime(seen: Seen) -> float | None:
    """Returns: the days that were asked for; else what a provider gives unasked."""
    if "lifetime_seconds" in seen.known:
        return float(seen.known["lifetime_seconds"]) / 86400
    return 7


@contextmanager
def stub() -> Iterator[Stub]:
    """All providers, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:  # whoever asked has gone
                self.close_connection = True

        def answer(self) -> None:
            found.handle(self)
            self.close_connection = True

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - names of the server's

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128
        daemon_threads = False

    server = Server(("127.0.0.1", 0), Handler)
    found = Stub(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
