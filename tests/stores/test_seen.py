"""Last seen: the record by which an older copy is noticed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from credman.core.errors import CredmanError, Unavailable
from credman.stores.seen import LastSeen, load_last_seen, save_last_seen, state_path
from tests.stores.places import make_vault, open_vault

SEEN = LastSeen("0" * 32, 7, "f" * 64)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = state_path(str(tmp_path / "state"), "/srv/vault.age")
    assert load_last_seen(path) is None
    assert save_last_seen(path, SEEN, vault_path="/srv/vault.age") is None
    assert load_last_seen(path) == SEEN
    record = json.loads(Path(path).read_bytes())
    assert (record["version"], record["path"]) == (1, "/srv/vault.age")
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert os.stat(os.path.dirname(path)).st_mode & 0o777 == 0o700


def test_every_vault_has_a_record_of_its_own(tmp_path: Path) -> None:
    paths = ["/srv/vault.age", "/srv/Vault.age", "/srv/vault.age ", os.fsdecode(b"/srv/\xff")]
    assert len({state_path(str(tmp_path), path) for path in paths}) == len(paths)


def test_a_path_that_is_not_utf_8_can_be_noted(tmp_path: Path) -> None:
    vault = os.fsdecode(b"/srv/\xff.age")
    path = state_path(str(tmp_path), vault)
    save_last_seen(path, SEEN, vault_path=vault)
    assert load_last_seen(path) == SEEN


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff",
        b"{}",
        b'{"vault": "a", "generation": true, "sha256": "b"}',
        b'{"vault": "a", "generation": "1", "sha256": "b"}',
        b'{"vault": null, "generation": 1, "sha256": "b"}',
        b"[" * 60_000,
    ],
)
def test_a_damaged_record_is_never_taken_for_absent(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "seen.json"
    path.write_bytes(text)
    with pytest.raises(Unavailable, match="damaged") as caught:
        load_last_seen(str(path))
    assert str(path) in caught.value.message
    assert path.read_bytes() == text


def test_a_record_of_absurd_size_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "seen.json"
    path.touch()
    os.truncate(path, 5 << 30)
    with pytest.raises(Unavailable, match="damaged"):
        load_last_seen(str(path))


def test_a_record_that_is_a_link_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "place"
    store = make_vault(home)
    revision = store.snapshot().revision
    (record,) = (home / "state" / "seen").iterdir()
    elsewhere = tmp_path / "elsewhere"
    record.rename(elsewhere)
    record.symlink_to(elsewhere)
    (warning,) = open_vault(home).snapshot().warnings
    assert "symbolic link" in warning
    with pytest.raises(CredmanError, match="symbolic link"):
        store.commit([], expected_revision=revision)


def test_where_nothing_can_be_noted_the_write_still_counts(tmp_path: Path) -> None:
    home = tmp_path / "place"
    home.mkdir()
    (home / "state").symlink_to(tmp_path / "an unmounted disk")
    store = make_vault(home)
    committed = store.commit([], expected_revision=store.snapshot().revision)
    (warning,) = committed.warnings
    assert warning.startswith("saved, but not noted as last seen: ")
    assert open_vault(home).snapshot().revision == committed.revision
