"""A keyring of a test's own, and a home beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.oskeyring.bus import Bus, bus


@pytest.fixture(autouse=True)
def _copied_workers(copied_workers: None) -> None:
    """Hundreds are started here; that one starts by itself is tried in tests/oskeyring."""


@pytest.fixture
def found(tmp_path: Path) -> Iterator[Bus]:
    with bus(tmp_path) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "place"
