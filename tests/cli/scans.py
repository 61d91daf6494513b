"""Projects with tokens in them, for the commands that look for tokens."""

from __future__ import annotations

import functools
import json
import os
import random
import string
import tempfile
from pathlib import Path
from typing import Any

from credman.watch.scan.patterns import FILE, open_patterns
from tests.cli.harness import Outcome, credman


def make_token(seed: str = "") -> str:
    """A token of Hugging Face that nobody has; with a seed always the same."""
    choose = random.Random(seed) if seed else random.SystemRandom()
    return "hf_" + "".join(choose.choices(string.ascii_letters, k=34))


TOKEN, OTHER = make_token("the stored one"), make_token("of somebody else")
STRANGE = make_token("of a stranger")


@functools.cache
def _compiled() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        open_patterns(folder, None, engine="hyperscan")
        return Path(folder, FILE).read_bytes()


def keep_patterns() -> None:
    """Puts what takes longest where a scan finds it: it is the same for every test's home."""
    state = Path(os.environ["CREDMAN_HOME"], "state")
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = state / FILE
    file.touch(0o600)
    file.write_bytes(_compiled())


def scan(*argv: str, cwd: Path, **options: Any) -> Outcome:
    """Runs the command, which never shows one of these tokens."""
    outcome = credman("scan", *argv, cwd=cwd, **options)
    for token in (TOKEN, OTHER, STRANGE):
        assert token[1:].encode() not in outcome.stdout and token[1:] not in outcome.stderr
    return outcome


def findings(outcome: Outcome) -> list[dict[str, object]]:
    """Args: outcome: of a scan with ``--format json``."""
    found: list[dict[str, object]] = json.loads(outcome.text)["findings"]
    return found


def store(token: str, *options: str, name: str = "hf") -> None:
    """Stores a token without asking its provider."""
    done = credman("add", name, "--no-check", *options, stdin=token.encode())
    assert done.exit_code == 0, done.stderr


def make_project(folder: Path, token: str) -> Path:
    """What a training run leaves: the token is in the checkpoint copy alone."""
    project = folder / "project"
    (project / ".ipynb_checkpoints").mkdir(parents=True)
    parameters = {"model": "bert", "lr": 0.0001}
    (project / "training_params.json").write_text(json.dumps(parameters, indent=4))
    copy = project / ".ipynb_checkpoints" / "training_params-checkpoint.json"
    copy.write_text(json.dumps({**parameters, "token": token}, indent=4))
    return project
