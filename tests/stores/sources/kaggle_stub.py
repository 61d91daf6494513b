"""What ``kaggle_secrets`` promises, and a server on loopback that it asks.

Written from its contract, with what is wrong in it: every status that is none of success, and a
network that is off, come out as one plain ``ConnectionError``. Its 40 seconds are a test's to
shorten.
"""

from __future__ import annotations

import json
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECONDS = "CREDMAN_TEST_KAGGLE_SECONDS"
_PATH = "/requests/GetUserSecretByLabelRequest"


class CredentialError(Exception):
    pass


class BackendError(Exception):
    pass


class ValidationError(Exception):
    pass


class UserSecretsClient:
    def __init__(self) -> None:
        self._token = os.environ.get("KAGGLE_USER_SECRETS_TOKEN")
        if self._token is None:
            raise CredentialError("a token is required in KAGGLE_USER_SECRETS_TOKEN")

    def get_secret(self, label: str) -> str:
        if not label:
            raise ValidationError("label must be non-empty")
        request = urllib.request.Request(
            os.environ.get("KAGGLE_URL_BASE", "https://www.kaggle.com") + _PATH,
            data=json.dumps({"Label": label}).encode(),
            headers={
                "Content-type": "application/json",
                "X-Kaggle-Authorization": f"Bearer {self._token}",
            },
        )
        try:
            seconds = float(os.environ.get(SECONDS, "40"))
            with urllib.request.urlopen(request, timeout=seconds) as response:
                reply = json.loads(response.read())
        except (urllib.error.URLError, TimeoutError) as error:  # HTTPError is one of them
            raise ConnectionError("no connection to the service") from error
        if not reply.get("wasSuccessful") or "secret" not in reply.get("result", {}):
            raise BackendError(f"unexpected response: {reply}")
        return str(reply["result"]["secret"])


@dataclass
class Server:
    """Args: secrets: values by label; a number is a status; None: never answers.

    asked: the labels that came, in order.
    """

    url: str
    token: str
    secrets: dict[str, str | int | None] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@contextmanager
def run_server(token: str) -> Iterator[Server]:
    """Args: token: the session's, without which the answer is 401."""
    done = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers["Content-Length"])
            label = json.loads(self.rfile.read(size))["Label"]
            server.asked.append(label)
            is_known = self.headers["X-Kaggle-Authorization"] == f"Bearer {server.token}"
            found = server.secrets.get(label, "") if is_known and self.path == _PATH else 401
            if found is None:
                done.wait(30)
            elif isinstance(found, int):
                self.send_error(found)
            elif label not in server.secrets:
                error = f"No user secrets exist for kernel id 1 and label {label}."
                self._send({"wasSuccessful": False, "errors": [error]})
            else:
                self._send({"wasSuccessful": True, "result": {"secret": found}})

        def _send(self, reply: object) -> None:
            body = json.dumps(reply).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    server = Server(f"http://127.0.0.1:{listening.server_port}", token)
    thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        done.set()
        listening.shutdown()
        thread.join()
        listening.server_close()
