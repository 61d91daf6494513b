"""``scan --stdin`` with what the Hub said: the files are named, and no value is."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.cli.scans import OTHER, STRANGE, TOKEN, keep_patterns, scan, store


@pytest.fixture(autouse=True)
def _compiled() -> None:
    keep_patterns()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Apart from the test's home."""
    made = tmp_path / "work"
    made.mkdir()
    return made


def test_a_token_that_a_terminal_wrapped(folder: Path) -> None:
    store(TOKEN, "-e", "prod")
    text = (
        "Bad request for commit endpoint:\nIt appears that one or more of your files contain valid "
        "Hugging Face secrets, such as tokens or API keys.\n\nOffending files:\n"
        f"  - config.json (ref: refs/heads/main, token: '{TOKEN[:20]}\n{TOKEN[20:]}')\n"
    )
    outcome = scan("--stdin", cwd=folder, stdin=text.encode())
    assert outcome.exit_code == 8, outcome.text
    assert "  config.json: your hf (prod)" in outcome.stderr.splitlines()


REFUSED = "(ref: refs/heads/main, token: '{}')"
ENCODED = base64.b64encode(f"user:{OTHER}".encode()).decode()
LINES = {
    "no mark": f'curl -H "Authorization: Bearer {TOKEN}" failed: config.json {REFUSED}',
    "a mark": f"Offending files:\n - {TOKEN} {OTHER} config.json {REFUSED}",
    "a remark": f"Offending files:\n - {OTHER} credman:ignore config.json {REFUSED}",
    "in one word": f"failed: {TOKEN}/{OTHER}/config.json {REFUSED}",
    "wrapped": f"Offending files:\n - {OTHER[:9]}\n{OTHER[9:]}/config.json {REFUSED}",
    "a remark of a stranger": f" - {STRANGE} credman:ignore config.json {REFUSED}",
    "escaped": f"Offending files:\n - \\u0068{OTHER[1:]} config.json {REFUSED}",
    "strange and escaped": f"Offending files:\n - \\u0068{STRANGE[1:]} config.json {REFUSED}",
    "in percents": f"Offending files:\n - %68{STRANGE[1:]} config.json {REFUSED}",
    "encoded": f"Offending files:\n - Basic {ENCODED} config.json {REFUSED}",
    "no token of the Hub's": f"failed: {OTHER}/config.json {REFUSED.format('[REDACTED]')}",
}


@pytest.mark.parametrize("line", LINES)
def test_what_is_repeated_of_the_text_shows_no_value(folder: Path, line: str) -> None:
    store(OTHER, "-e", "prod")
    text = LINES[line].format(TOKEN)
    outcome = scan("--stdin", cwd=folder, stdin=text.encode())
    assert outcome.exit_code == (0 if line == "a remark of a stranger" else 8)
    assert "the Hub refused this upload" in outcome.stderr
    assert ENCODED not in outcome.stderr
    [echoed] = [
        said for said in outcome.stderr.splitlines() if "config.json" in said or "…:" in said
    ]
    assert line != "no mark" or echoed == "  config.json: Hugging Face user access token"
