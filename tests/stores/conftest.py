"""A keyring of a test's own, and a home beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from credman.stores import keyringstate
from tests.oskeyring.bus import Bus, bus


@pytest.fixture(autouse=True)
def _copied_workers(copied_workers: None) -> None:
    """Hundreds are started here; that one starts by itself is tried in tests/oskeyring."""


@pytest.fixture
def found(tmp_path: Path) -> Iterator[Bus]:
    with bus(tmp_path) as running:
        yield running


@pytest.fixture
def nobody_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is damaged stays so: it is read as often as ever, and not waited for between."""
    monkeypatch.setattr(keyringstate, "_READ_AGAIN_SECONDS", 0.001)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "place"
