"""Every row ends with a sweep: no file that a test leaves holds a canary in clear."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

from credman.vault import slots
from tests.matrix.common import assert_not_on_disk


@pytest.fixture(autouse=True)
def _canary_rule(tmp_path: Path) -> Iterator[None]:
    yield
    assert_not_on_disk(tmp_path)


@pytest.fixture
def derive_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each slot of the same home is tried hundreds of times; the processes that die derive anew."""
    monkeypatch.setattr(slots, "_derive", functools.cache(slots._derive))
