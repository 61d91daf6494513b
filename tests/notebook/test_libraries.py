"""Libraries as they are, which take from the environment what ``credman.load`` set there. Each is
run by a program of its own, against a server on this machine that answers nobody else.

Those that would make the development set-up much larger are installed for their test alone.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
import threading
import venv
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.cli.harness import PASSPHRASE, credman, make_value
from tests.notebook.kernels import ROOT
from tests.requirements import require


@dataclass(frozen=True)
class Library:
    """A library, and what it does when it finds a value. ``{url}`` stands for the server's, and
    ``{value}`` for the value.

    Args:
        name: of the package; its provider has the same.
        stored: what is piped to ``credman add``.
        loaded: the variables that ``load`` sets.
        source: Python that uses it without naming a value.
        fails: what is said where there is no value.
        says: what is printed where there is one, as the server answers it.
        header: by which it sends the value, and what stands there.
        path: where the answer is.
        environ: for the library.
        needs: packages that it uses without saying so.
    """

    name: str
    stored: str
    loaded: tuple[str, ...]
    source: str
    fails: str
    says: str
    header: tuple[str, str]
    path: str
    answer: dict[str, Any]
    environ: dict[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()


OPENAI = Library(
    name="openai",
    stored="{value}",
    loaded=("OPENAI_API_KEY",),
    source="import openai; print([model.id for model in openai.OpenAI().models.list()])",
    fails="OpenAIError",
    says="['own-model']",
    header=("Authorization", "Bearer {value}"),
    path="/v1/models",
    answer={"object": "list", "data": [{"id": "own-model", "object": "model"}]},
    environ={"OPENAI_BASE_URL": "{url}/v1"},
)
WANDB = Library(
    name="wandb",
    stored="{value}",
    loaded=("WANDB_API_KEY",),
    source="import wandb; print(wandb.login())",
    fails="No API key configured",
    says="True",
    header=("Authorization", "Basic {basic}"),
    path="/graphql",
    answer={"data": {"viewer": {"id": "1", "username": "alice", "teams": {"edges": []}}}},
    # Errors of its own would be sent to another server.
    environ={"WANDB_BASE_URL": "{url}", "WANDB_ERROR_REPORTING": "false"},
)
ARGILLA = Library(
    name="argilla",
    stored="ARGILLA_API_URL={url}\nARGILLA_API_KEY={value}\n",
    loaded=("ARGILLA_API_URL", "ARGILLA_API_KEY"),
    # It reads both variables as it is imported, and never again.
    source="import argilla; print(argilla.Argilla().me.username)",
    fails="Missing api_key",
    says="alice",
    header=("X-Argilla-Api-Key", "{value}"),
    path="/api/v1/me",
    answer={"id": "00000000-0000-4000-8000-000000000001", "username": "alice", "role": "owner"},
    needs=("requests",),  # which huggingface_hub used to bring
)


@pytest.mark.parametrize(
    ("library", "installs"),
    [
        pytest.param(OPENAI, False, id="openai"),
        pytest.param(WANDB, True, id="wandb", marks=pytest.mark.deep),
        pytest.param(ARGILLA, True, id="argilla", marks=pytest.mark.deep),
    ],
)
def test_a_library_sends_what_was_loaded(library: Library, installs: bool, tmp_path: Path) -> None:
    value = make_value("", 86)
    basic = base64.b64encode(f"api:{value}".encode()).decode()
    name, content = library.header[0], library.header[1].format(value=value, basic=basic)
    with (
        run_server(library.path, library.answer, (name, content)) as (url, asked),
        install(library, tmp_path) if installs else find_here(library) as python,
    ):
        stored = library.stored.format(url=url, value=value)
        done = credman("add", library.name, "-e", "prod", "--no-check", stdin=stored.encode())
        assert done.exit_code == 0, done.stderr
        environ = {name: text.format(url=url) for name, text in library.environ.items()}

        without = run_program(python, library.source, environ)
        assert without.returncode != 0 and library.fails in without.stderr and asked == []
        load = f"import credman; print(*credman.load({library.name!r}, env='prod'))\n"
        told = run_program(python, load + library.source, environ)
        assert told.stdout.splitlines() == [" ".join(library.loaded), library.says], told.stderr
    assert set(asked) == {content}
    assert value not in told.stdout + told.stderr


def run_program(
    python: str, source: str, environ: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-c", source],
        env={**os.environ, "CREDMAN_PASSPHRASE": PASSPHRASE, **environ},
        cwd=Path.home(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def find_here(library: Library) -> nullcontext[str]:
    """Gives: this Python, which has it."""
    require(find_spec(library.name), f"{library.name} is not installed")
    return nullcontext(sys.executable)


@contextmanager
def install(library: Library, place: Path) -> Iterator[str]:
    """Gives: a Python with it and credman, both as anybody would install them."""
    with tempfile.TemporaryDirectory(dir=place) as folder:  # some hundred megabytes
        venv.create(folder, with_pip=True)
        python = str(Path(folder, "bin", "python"))
        wanted = [str(ROOT), library.name, *library.needs]
        done = subprocess.run(
            [python, "-m", "pip", "install", "-q", "--no-cache-dir", *wanted],
            capture_output=True,
            text=True,
            check=False,
        )
        require(done.returncode == 0, f"{library.name} cannot be installed: {done.stderr[-200:]}")
        yield python


@contextmanager
def run_server(
    path: str, answer: dict[str, Any], header: tuple[str, str]
) -> Iterator[tuple[str, list[str | None]]]:
    """Args: header: without which the answer is 401.

    Gives: its URL, and what stood in that header each time that it was asked for ``path``.
    """
    asked: list[str | None] = []
    name, content = header

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path != path:
                self._send(404, {"error": "nothing is here"})
                return
            asked.append(self.headers[name])
            is_known = self.headers[name] == content
            self._send(*((200, answer) if is_known else (401, {"error": "unknown"})))

        do_POST = do_GET  # noqa: N815 - the names that http.server looks for

        def _send(self, status: int, answer: dict[str, Any]) -> None:
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
