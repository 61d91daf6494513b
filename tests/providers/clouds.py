"""AWS on this machine: moto as a server, which checks the keys that it made."""

from __future__ import annotations

import base64
import http.client
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from credman.core.config import Config
from credman.core.model import Address, Token
from credman.core.scope import Selection
from credman.core.secret import Secret
from credman.session import Session
from tests.cli.harness import PASSPHRASE, Outcome, credman
from tests.providers.servers import Server, Talk, render, serve
from tests.stores.places import open_vault

USER = "ana"
ACCOUNT = "123456789012"
"""That moto has."""
ALLOWED = ("iam:ListAccessKeys", "iam:UpdateAccessKey", "iam:DeleteAccessKey", "sts:*")


@dataclass(frozen=True)
class Key:
    id: str
    secret: str
    session: str = ""

    @property
    def lines(self) -> bytes:
        """As it is piped into ``add``."""
        parts = {"ACCESS_KEY_ID": self.id, "SECRET_ACCESS_KEY": self.secret}
        if self.session:
            parts["SESSION_TOKEN"] = self.session
        return "".join(f"AWS_{name}={value}\n" for name, value in parts.items()).encode()


@dataclass
class Cloud:
    """Args:
    moto: its URL.
    server: stands before it, and counts.
    called: the actions that were asked for, in order.
    bad: what goes wrong with an action: ``500``, ``lost`` or ``cut``.
    """

    moto: str
    server: Server
    called: list[str] = field(default_factory=list)
    bad: dict[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        return {"AWS_ENDPOINT_URL": self.server.url, "CREDMAN_OFFLINE": ""}

    def credman(self, *argv: str, stdin: bytes = b"") -> Outcome:
        return credman(*argv, stdin=stdin, environ=self.environ)

    def run(self, *argv: str, stdin: bytes = b"") -> Outcome:
        outcome = self.credman(*argv, stdin=stdin)
        assert outcome.exit_code == 0, outcome.stderr
        return outcome

    def add(self, key: Key) -> Outcome:
        return self.run("add", "aws", stdin=key.lines)

    def count(self, action: str) -> int:
        return self.called.count(action)

    def list_keys(self) -> dict[str, str]:
        """Returns: the states of the user's keys by their ids."""
        from moto.iam.models import iam_backends

        keys = iam_backends[ACCOUNT]["aws"].users[USER].access_keys
        return {key.access_key_id: key.status for key in keys}


@contextmanager
def cloud(*, may_create: bool = True) -> Iterator[tuple[Cloud, Key]]:
    """A user with one key, who may do with keys of his own what is needed.

    Args:
        may_create: that is, make another one as well.
    """
    import boto3
    from moto.server import ThreadedMotoServer

    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    try:
        host, port = moto.get_host_and_port()
        url = f"http://{host}:{port}"
        call(url, "/moto-api/reset")
        call(url, "/moto-api/reset-auth", b"1000")
        iam = boto3.client(
            "iam", "us-east-1", endpoint_url=url,
            aws_access_key_id="setup", aws_secret_access_key="setup",
        )  # fmt: skip
        iam.create_user(UserName=USER)
        allowed = [*ALLOWED, *(["iam:CreateAccessKey"] if may_create else [])]
        statement = {"Effect": "Allow", "Action": allowed, "Resource": "*"}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        iam.put_user_policy(UserName=USER, PolicyName="own", PolicyDocument=json.dumps(policy))
        made = iam.create_access_key(UserName=USER)["AccessKey"]
        call(url, "/moto-api/reset-auth", b"0")  # from here on keys are checked
        with serve(lambda talk: forward(talk, found)) as server:
            found = Cloud(url, server)
            yield found, Key(made["AccessKeyId"], made["SecretAccessKey"])
    finally:
        call(url, "/moto-api/reset-auth", b"1000")
        moto.stop()


def call(url: str, path: str, body: bytes = b"") -> None:
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    connection.request("POST", path, body)
    connection.getresponse().read()
    connection.close()


def forward(talk: Talk, found: Cloud) -> None:
    """Passes a request on to moto, and counts it; or something goes wrong."""
    asked = talk.asked
    action = parse_qs(asked.body.decode()).get("Action", [""])[0]
    found.called.append(action)
    what = found.bad.get(action, "")
    if what == "500":
        talk.send(render(500, b"<html>later</html>"))
        return
    connection = http.client.HTTPConnection(urlsplit(found.moto).netloc)
    connection.request(asked.method, asked.target, asked.body, dict(asked.headers))
    answer = connection.getresponse()
    status, body = answer.status, answer.read()
    connection.close()
    if what == "lost":
        return
    if what == "cut":
        body = body[: body.index(b"</SecretAccessKey>")]
    talk.send(render(status, body, Content_Type="text/xml"))


def read_token() -> tuple[Token, dict[str, str]]:
    """Returns: the token as it is stored, and all its values, by number and field."""
    store = open_vault(Path(os.environ["CREDMAN_HOME"]), None, Secret(PASSPHRASE))
    (token,) = Session(store, Config(), Selection()).snapshot().tokens
    places = [Address(token.key, v.number, name) for v in token.versions for name in v.fields]
    values = store.reveal(places)
    return token, {f"{a.version} {a.field}": str(value) for a, value in values.items()}


def decode(value: str) -> str:
    """Returns: a raw answer as it came; other values as they are."""
    if not value.startswith("{"):
        return value
    return base64.b64decode(json.loads(value)["body"]).decode()
