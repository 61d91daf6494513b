"""Files that are written anew: for recovery keys and exports."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from credman.output.files import write_new_file


def test_a_place_without_modes_takes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")  # as on a stick

    monkeypatch.setattr(os, "fchmod", refuse)
    write_new_file("key", b"EXAMPLE", directory=str(tmp_path))
    assert (tmp_path / "key").read_bytes() == b"EXAMPLE"
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
