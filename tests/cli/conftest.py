"""Places that the tests of commands which look through files have in common."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.scans import TOKEN, keep_patterns, make_project


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Apart from the test's home."""
    made = tmp_path / "work"
    made.mkdir()
    return made


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """What a training run leaves."""
    return make_project(tmp_path, TOKEN)


@pytest.fixture
def kept_patterns() -> None:
    """They are not compiled anew."""
    keep_patterns()


@pytest.fixture
def own_temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is looked for in that of the machine."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
