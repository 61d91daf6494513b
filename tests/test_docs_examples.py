"""What the documentation shows works: the provider file of one's own, and every command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from credman.cli import ALIASES, COMMANDS, GROUPS, HIDDEN
from credman.core.model import Liveness
from credman.core.secret import Secret
from credman.providers.asking import Asker
from credman.providers.schema import parse_provider
from tests.cli.harness import credman
from tests.providers.asked import Recorder, make_answer
from tests.upkeep.stub_places import write_own

ROOT = Path(__file__).resolve().parents[1]
ROTATION = ROOT / "docs" / "rotation.md"
_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"(?<![\w./:-])credman +((?:-[\w-]+ +)*)([a-z][a-z-]*)(?: +([a-z][a-z-]*))?")


def read_examples(path: Path, kind: str) -> list[str]:
    """Returns: the blocks of this kind."""
    return [text for found, text in _FENCE.findall(path.read_text("utf-8")) if found == kind]


def list_commands(path: Path) -> set[tuple[str, str]]:
    """Returns: the two words after each ``credman`` that is code, and not the name in prose."""
    text = path.read_text("utf-8")
    prose = _FENCE.sub("", text)
    spans = [s.replace("\n", " ") for s in re.findall(r"`([^`]+)`", prose)]
    fences = [re.sub(r"(?m)^credman: .*", "", body) for _, body in _FENCE.findall(text)]
    found = {m.group(2, 3) for part in (*spans, *fences) for m in _COMMAND.finditer(part)}
    return {(first, second or "") for first, second in found}


def find_own_example() -> str:
    (text,) = read_examples(ROTATION, "toml")
    return text


def test_the_example_of_a_provider_of_ones_own_is_one() -> None:
    provider = parse_provider("models", find_own_example(), source="docs/rotation.md")
    answer = {"user": {"name": "alice"}, "key": {"expires_at": "2099-03-31"}}
    client = Recorder(make_answer(200, answer))
    verdict = Asker(provider, client, {}).verify({"token": Secret("EXAMPLE")})
    assert (verdict.liveness, verdict.identity) == (Liveness.LIVE, "alice")
    assert verdict.expires_at is not None and verdict.expires_at.year == 2099
    (request,) = client.sent
    assert request.url == "https://models.example.org/v1/me"


def test_it_is_taken_from_the_configuration_folder() -> None:
    path = write_own("models", find_own_example())
    validated = credman("providers", "--validate")
    assert validated.exit_code == 0, validated.stderr
    (path.parent / ".#models.toml").write_text("what an editor keeps while it is open")
    added = credman("add", "models", stdin=b"EXAMPLE value")
    assert added.exit_code == 0, added.stderr
    assert "MODELS_KEY" in credman("env").text


@pytest.mark.parametrize(
    "name", ["README.md", "docs/rotation.md", "docs/scanning.md", "docs/hooks.md"]
)
def test_every_command_that_is_named_exists(name: str) -> None:
    found = list_commands(ROOT / name)
    known = {*COMMANDS, *HIDDEN, *ALIASES}
    named = {" ".join(words) if words[0] in GROUPS else words[0] for words in found}
    assert named <= known, named - known
    assert len(named) > 0


@pytest.mark.parametrize(
    "name", ["README.md", "docs/rotation.md", "docs/scanning.md", "docs/hooks.md"]
)
def test_every_option_of_a_command_that_is_shown_exists(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    lines = [line for _, body in _FENCE.findall(text) for line in body.splitlines()]
    shown = [line.partition("$ credman ")[2] for line in lines if "$ credman " in line]
    assert shown
    for line in shown:
        words = line.partition("#")[0].partition(" -- ")[0].split()
        command = " ".join(words[:2]) if words[0] in GROUPS else words[0]
        told = credman(*command.split(), "--help").text
        for option in re.findall(r"(?<=\s)--[a-z][a-z-]*", " " + " ".join(words)):
            assert re.search(rf"{option}(?![\w-])", told), line
