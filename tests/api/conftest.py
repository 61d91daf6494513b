"""What most tests of the library begin with."""

from __future__ import annotations

import pytest

from tests.cli.harness import PASSPHRASE

_LOADED = (
    *("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "OPENAI_API_KEY", "TMP_TOKEN"),
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("ARGILLA_API_URL", "ARGILLA_API_KEY"),
)


@pytest.fixture
def own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """The vault can be opened, and what a test sets by the library goes with it."""
    monkeypatch.setenv("CREDMAN_PASSPHRASE", PASSPHRASE)
    for name in _LOADED:
        monkeypatch.setenv(name, "")
