"""A provider that is asked: a client that keeps what is sent, and answers as it is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from credman.core.model import Liveness
from credman.core.secret import Secret
from credman.providers.asking import Asker
from credman.providers.calls import read_verify
from credman.providers.catalogue import Provider
from credman.providers.client import Answer, Request
from credman.providers.judging import judge
from tests.providers.factories import CATALOGUE

TOKENS = {
    "databricks": "dapiTOKEN",
    "github": "ghp_TOKEN",
    "label-studio": "eyJTOKEN.eyJTOKEN.TOKEN",
}
"""Where only some kinds of values can be rotated or revoked: one of those."""

PLACES = ("host", "url", "endpoint", "api_url")
"""The fields that hold the URL of somebody's own server."""

TOLD = {
    "access": "ACCESS",
    "result": {"id": "RESULT-ID"},
    "scopes": ["mail.send", "api_keys.create"],
    "username": "USERNAME",
}
"""What every provider answers here."""

KEPT = {"token_id": "KEPT-ID", "api_key_id": "KEPT-ID"}


@dataclass
class Recorder:
    """Args: answer: to every request."""

    answer: Answer
    sent: list[Request] = field(default_factory=list)

    def send(self, request: Request) -> Answer:
        self.sent.append(request)
        return self.answer


def make_answer(status: int = 200, body: Any = TOLD, **headers: str) -> Answer:
    """Args: body: JSON, or the text that stands there. headers: with ``_`` for ``-``."""
    text = body if isinstance(body, str) else json.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, named, text.encode())


def make_asker(
    name: str, *, answer: Answer | None = None, environ: Mapping[str, str] | None = None
) -> tuple[Asker, Recorder]:
    client = Recorder(answer or make_answer())
    return Asker(CATALOGUE.get(name), client, environ or {}), client


def make_parts(provider: Provider, *, token: str = "") -> dict[str, Secret]:
    """Returns: a token whose parts are called what they are; those that it can do without are not
    there."""
    parts = {}
    for part in provider.fields:
        if part.key == "token":
            parts[part.key] = Secret(token or TOKENS.get(provider.name, "TOKEN"))
        elif part.key in PLACES and not part.optional:
            parts[part.key] = Secret("https://own.example")
        elif not part.optional:
            parts[part.key] = Secret(part.key.upper() if part.secret else "NAME")
    return parts


def judge_answer(name: str, status: int, body: Any = "") -> Liveness:
    """Returns: what the provider says with this."""
    provider = CATALOGUE.get(name)
    answer = make_answer(status, body)
    return judge(read_verify(provider.online), answer, make_parts(provider)).liveness
