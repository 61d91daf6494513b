"""A Hub on this machine, which refuses files with live tokens in the words of the real one: over
HTTP for the real huggingface_hub, and as a git repository with a ``pre-receive`` hook.

``with run_hub(live) as hub:`` ends the server with the test.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.requirements import require, require_program

REPOSITORY = "alice/model"
REF = "refs/heads/main"
_LARGEST = 10 * 1024 * 1024
_RULE = "-" * 73
Answer = tuple[int, dict[str, Any]]
_WORDS = (
    "It appears that one or more of your files contain valid Hugging Face secrets, such as tokens"
    " or API keys.",
    "It is important to keep your secrets private and not expose them in code that is publicly"
    " accessible.",
    "Read more: https://huggingface.co/docs/hub/spaces-overview#managing-secrets",
)


def list_refusal(offences: Sequence[tuple[str, str]]) -> list[str]:
    """Args: offences: path and token. Returns: the lines in which the Hub says it."""
    named = [f"  - {path} (ref: {REF}, token: '{token}')" for path, token in offences]
    return [*_WORDS, "", "Offending files:", *named]


@dataclass
class Hub:
    """Args:
    live: tokens that it knows.
    is_flat: it says all in one line.
    asked: method, path and ``Authorization`` of every request.
    offered: paths that it was asked about, in that order.
    files: what it took.
    """

    url: str
    live: Collection[str]
    is_flat: bool = False
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    offered: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    refused: int = 0
    _objects: dict[str, bytes] = field(default_factory=dict)

    def answer(self, method: str, path: str, who: str | None, body: bytes) -> Answer:
        """Args: who: ``Authorization``. Returns: a status, and what is sent with it as JSON."""
        self.asked.append((method, path, who))
        if path == "/api/whoami-v2":
            is_known = who in [f"Bearer {token}" for token in self.live]
            return (200, {"name": "alice", "orgs": []}) if is_known else (401, {"error": "unknown"})
        if method == "PUT":
            self._objects[path.removeprefix("/objects/")] = body
            return 200, {}
        if path == f"/api/models/{REPOSITORY}/revision/main":  # asked when there is nothing to send
            return 200, {"id": REPOSITORY, "sha": "0" * 40, "siblings": []}
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}
        if path.startswith(f"/api/models/{REPOSITORY}/preupload/"):
            return 200, {"files": self._sort(json.loads(body))}
        if path == f"/{REPOSITORY}.git/info/lfs/objects/batch":
            return 200, {"transfer": "basic", "objects": self._place(json.loads(body)["objects"])}
        if path.startswith(f"/api/models/{REPOSITORY}/commit/"):
            return self._commit([json.loads(line) for line in body.splitlines()])
        return 404, {"error": f"nothing at {path}"}

    def _sort(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        paths = [file["path"] for file in asked["files"]]
        self.offered += paths
        ignored = _find_ignored(asked.get("gitIgnore", ""), paths)
        return [
            {
                "path": file["path"],
                "uploadMode": "lfs" if _is_large(file) else "regular",
                "shouldIgnore": file["path"] in ignored,
                "oid": None,
            }
            for file in asked["files"]
        ]

    def _place(self, objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            {**o, "actions": {"upload": {"href": f"{self.url}/objects/{o['oid']}"}}}
            for o in objects
        ]

    def _commit(self, lines: list[dict[str, Any]]) -> Answer:
        files: dict[str, bytes] = {}
        offences = []
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                content = base64.b64decode(value["content"])
                files[value["path"]] = content
                offences += [(value["path"], t) for t in self.live if t.encode() in content]
            elif line["key"] == "lfsFile":  # what lies elsewhere is not looked at
                content = self._objects[value["oid"]]
                assert hashlib.sha256(content).hexdigest() == value["oid"]
                files[value["path"]] = content
        if offences:
            self.refused += 1
            said = list_refusal(offences)
            text = " ".join(" ".join(said).split()) if self.is_flat else "\n".join(said)
            return 400, {"error": text}
        self.files |= files
        oid = hashlib.sha1(b"\n".join(sorted(p.encode() for p in files))).hexdigest()
        return 200, {"commitUrl": f"{self.url}/{REPOSITORY}/commit/{oid}", "commitOid": oid}


def _is_large(file: dict[str, Any]) -> bool:
    return b"\0" in base64.b64decode(file["sample"]) or file["size"] > _LARGEST


def _find_ignored(rules: str, paths: Sequence[str]) -> set[str]:
    """Git itself says which, so nothing of ours is compared with itself."""
    if not rules:
        return set()
    git = require_program("git")
    with tempfile.TemporaryDirectory() as place:
        subprocess.run([git, "init", "-q", place], check=True, capture_output=True)
        Path(place, ".gitignore").write_bytes(rules.encode())
        answer = subprocess.run(
            [git, "-C", place, "check-ignore", "--no-index", "-z", "--stdin"],
            input=b"".join(b"./" + path.encode() + b"\0" for path in paths),
            capture_output=True,
            check=False,
        )
    assert answer.returncode in (0, 1), answer.stderr
    return {path[2:].decode() for path in answer.stdout.split(b"\0") if path}


@contextmanager
def run_hub(live: Collection[str] = (), *, is_flat: bool = False) -> Iterator[Hub]:
    """Args: live: tokens that are; the set may change while it runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    hub = Hub(f"http://127.0.0.1:{server.server_port}", live, is_flat)
    server.hub = hub  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        hub: Hub = self.server.hub  # type: ignore[attr-defined]
        try:
            path, who = self.path.partition("?")[0], self.headers["Authorization"]
            status, answer = hub.answer(self.command, path, who, body)
        except Exception as error:  # noqa: BLE001 - without an answer it would be asked again
            status, answer = 422, {"error": f"this Hub is at fault: {error!r}"}
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Request-Id", "Root=1-66e41c5e-0a1b2c3d;5f6e7d8c")
        self.end_headers()
        self.wfile.write(data)

    do_PUT = do_GET = do_POST  # noqa: N815 - the names that http.server looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def upload(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sends a folder in this process, with the real library and what it does by default. Raises:
    what the library raises."""
    require(find_spec("huggingface_hub"), "huggingface_hub is not installed")
    from huggingface_hub import HfApi, constants

    # Its other way of sending would go to servers that are not the Hub.
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the library about its own parts
        HfApi(endpoint=hub.url, token=False).upload_folder(folder_path=folder, repo_id=REPOSITORY)


def upload_as_program(hub: Hub, folder: Path, token: str) -> subprocess.CompletedProcess[str]:
    """Sends a folder as a training script does at its end. Returns: what such a script says."""
    require(find_spec("huggingface_hub"), "huggingface_hub is not installed")
    script = (
        "import os\n"
        "from huggingface_hub import HfApi\n"
        "api = HfApi(token=os.environ['HF_TOKEN'])\n"
        f"api.upload_folder(folder_path='.', repo_id={REPOSITORY!r})\n"
        "print('uploaded')\n"
    )
    known = {"HF_TOKEN": token, "HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_XET": "1"}
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env={**os.environ, **known, "HF_HUB_DISABLE_PROGRESS_BARS": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


_HOOK = """#!{python}
import subprocess, sys
LIVE = open(__file__ + ".live").read().split()
def git(*words):
    return subprocess.run(["git", *words], capture_output=True, check=True).stdout
offences = []
for line in sys.stdin:
    old, new, ref = line.split()
    for entry in filter(None, git("ls-tree", "-r", "-z", new).split(b"\\0")):
        about, _, path = entry.partition(b"\\t")
        content = git("cat-file", "blob", about.split()[2].decode())
        offences += [(path.decode(), ref, t) for t in LIVE if t.encode() in content]
if offences:
    lines = {words!r}
    lines += ["  - %s (ref: %s, token: '%s')" % offence for offence in offences]
    print("\\n".join(["\\033[31m" + {rule!r}, *lines, {rule!r} + "\\033[0m"]), file=sys.stderr)
    sys.exit(1)
"""


def make_refusing_repository(place: Path, live: Collection[str]) -> Path:
    """Returns: a bare repository that takes a push as the Hub does."""
    git = require_program("git")
    subprocess.run([git, "init", "-q", "--bare", "--initial-branch=main", str(place)], check=True)
    hook = place / "hooks" / "pre-receive"
    words = [*_WORDS, "", "Offending files:"]
    hook.write_text(_HOOK.format(python=sys.executable, words=words, rule=_RULE))
    hook.chmod(0o755)
    hook.with_name("pre-receive.live").write_text("\n".join(live))
    return place


def push(folder: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """Commits all that lies in a folder, and pushes it."""
    git = require_program("git")
    alice = ("-c", "user.name=alice", "-c", "user.email=alice@example.org")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [git, "-C", str(folder), *alice, *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    for words in (("init", "-q", "--initial-branch=main"), ("add", "-A"), ("commit", "-qm", "all")):
        done = run(*words)
        assert done.returncode == 0, done.stderr
    return run("push", str(target), "main")


def make_params(folder: Path, token: str | None) -> Path:
    """Returns: AutoTrain's ``training_params.json``, in the form that it writes."""
    params: dict[str, Any] = {
        "model": "openai-community/gpt2",
        "project_name": folder.name,
        "data_path": "data",
        "train_split": "train",
        "text_column": "text",
        "lr": 3e-05,
        "epochs": 1,
        "trainer": "sft",
        "push_to_hub": True,
        "username": "alice",
    }
    if token is not None:
        params["token"] = token
    path = folder / "training_params.json"
    path.write_text(json.dumps(params, indent=4))
    return path
