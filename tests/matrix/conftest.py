"""Every row ends with a sweep: no file that a test leaves holds a canary in clear."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.matrix.common import assert_not_on_disk


@pytest.fixture(autouse=True)
def _canary_rule(tmp_path: Path) -> Iterator[None]:
    yield
    assert_not_on_disk(tmp_path)
