"""A keyring of a test's own, and a home beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.oskeyring.bus import Bus, bus


@pytest.fixture
def found(tmp_path: Path) -> Iterator[Bus]:
    with bus(tmp_path) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "place"
