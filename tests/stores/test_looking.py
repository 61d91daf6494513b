"""Who else gets at a file: told of what stays, not of what somebody writes at this moment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from credman.stores import looking

ON_THEIR_WAY = ("vault.age.bak", f".vault.age.{'0' * 16}.tmp", f".vault.age.bak.{'0' * 16}.tmp")


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    path = tmp_path / "vault.age"
    path.write_bytes(b"a vault")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("name", ON_THEIR_WAY)
def test_what_a_write_links_for_a_moment_is_no_other_name(vault: Path, name: str) -> None:
    os.link(vault, vault.with_name(name))
    assert looking.find_exposure(str(vault)) is None


def test_another_name_is_told(vault: Path) -> None:
    os.link(vault, vault.with_name("other"))
    assert "has another name elsewhere" in (looking.find_exposure(str(vault)) or "")


def test_names_that_change_while_they_are_counted_are_not_told(
    vault: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = vault.with_name("other")
    os.link(vault, other)
    count = looking._count_names

    def count_late(path: str, inode: int) -> int:
        other.unlink()
        return count(path, inode) - 1

    monkeypatch.setattr(looking, "_count_names", count_late)
    assert looking.find_exposure(str(vault)) is None
