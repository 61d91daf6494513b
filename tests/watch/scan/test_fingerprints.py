"""Fingerprints: kept fresh by every write, worth nothing to whoever finds them."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credman.core import wire
from credman.core.errors import Refused, Unavailable
from credman.session import Session
from credman.stores.file import FileStore
from credman.watch.scan import engines, fingerprints, recognizing
from tests.cli.harness import credman
from tests.cli.scans import make_token, store

TOKEN, OTHER = make_token("one"), make_token("two")
CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.~+/=:-"


def state() -> Path:
    return Path(os.environ["CREDMAN_HOME"], "state")


def knows(value: str) -> bool:
    found = fingerprints.load(str(state()))
    return found is not None and found.recognize(value.encode()) is not None


def test_a_write_keeps_them_fresh() -> None:
    store(TOKEN)
    assert knows(TOKEN) and not knows(OTHER)
    credman("rotate", "hf", "--no-check", stdin=OTHER.encode())
    assert knows(TOKEN) and knows(OTHER)  # the old one is still alive
    credman("revoke", "hf", "--version", "1", "--yes", "--no-input")
    credman("remove", "hf", "--yes")
    assert not knows(TOKEN) and not knows(OTHER)


def test_another_token_of_the_same_name_is_another() -> None:
    store(TOKEN)
    credman("remove", "hf", "--yes")
    store(OTHER)
    assert knows(OTHER) and not knows(TOKEN)
    credman("add", "hf", "--replace", "--no-check", stdin=TOKEN.encode())
    assert knows(TOKEN)


def test_renamed_and_copied() -> None:
    store(TOKEN)
    credman("rename", "hf", "hub")
    credman("copy", "hub", "--to-env", "prod")
    found = fingerprints.load(str(state()))
    assert found is not None and sorted(label.split(b"\x1f")[0] for label in found.labels) == [
        b"hub",
        b"hub",
    ]


def test_a_command_that_fails_after_its_write_keeps_them_fresh_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store(TOKEN)
    real = Session.commit

    def write_and_fail(self: Session, *given: Any) -> Any:
        real(self, *given)
        raise Refused("something that comes later")

    with monkeypatch.context() as patch:
        patch.setattr(Session, "commit", write_and_fail)
        done = credman("add", "x", "--var", "X", "--no-check", stdin=OTHER.encode())
    assert done.exit_code == 7 and knows(OTHER)


def test_what_is_gone_leaves_although_the_rest_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store(TOKEN)
    store(OTHER, name="other")

    def fail(*given: object) -> None:
        raise Unavailable("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(FileStore, "reveal", fail)
        # Under its new name it would have to be read again, and cannot be.
        done = credman("rename", "hf", "hub")
    assert done.exit_code == 0, done.stderr
    assert knows(OTHER) and not knows(TOKEN)


def test_files_are_for_their_owner_and_hold_no_value() -> None:
    store(TOKEN)
    for name in (fingerprints.FILE, fingerprints.KEY_FILE):
        file = state() / name
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert (
            TOKEN.encode() not in file.read_bytes() and TOKEN[3:9].encode() not in file.read_bytes()
        )


@pytest.mark.parametrize(
    "value",
    [
        "correct horse battery staple",  # not of the form of tokens
        "hunter2hunter2hunter2",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "0123456789012345678901234567890",
        "Password-2026",
        "3f9a1c0d7e",
    ],
)
def test_what_could_be_guessed_gets_none(value: str) -> None:
    credman("add", "x", "--var", "X", stdin=value.encode())
    store(TOKEN)
    assert not knows(value) and knows(TOKEN)
    found = fingerprints.load(str(state()))
    assert found is not None and len(found.labels) == 1


def test_off_with_the_cache() -> None:
    store(TOKEN)
    config = Path(os.environ["CREDMAN_HOME"], "config", "config.toml")
    config.parent.mkdir(exist_ok=True)
    config.write_text('cache = "off"\n')
    credman("rename", "hf", "hub")
    assert not (state() / fingerprints.FILE).exists()
    assert not (state() / fingerprints.KEY_FILE).exists()


def test_of_a_vault_that_is_gone_none_is_left() -> None:
    store(TOKEN)
    Path(os.environ["CREDMAN_HOME"], "data", "vault.age").unlink()
    assert credman("doctor", "--accept", "--yes").exit_code == 0
    assert not knows(TOKEN)


def test_a_store_that_moves_takes_them_along(tmp_path: Path) -> None:
    store(TOKEN)
    done = credman("store", "move", f"file:{tmp_path}/other.age", "--yes")
    assert done.exit_code == 0, done.stderr
    found = fingerprints.load(str(state()), [f"file:{tmp_path}/other.age".encode()])
    assert found is not None and found.recognize(TOKEN.encode()) is not None
    key = (state() / fingerprints.KEY_FILE).read_bytes()
    assert len(fingerprints._read(str(state()), key)) == 1


@pytest.mark.parametrize("name", [fingerprints.FILE, fingerprints.KEY_FILE])
@pytest.mark.parametrize("harm", ["mode", "link", "cut", "garbage", "directory", "empty"])
def test_what_is_not_whole_is_as_good_as_none_and_is_written_anew(name: str, harm: str) -> None:
    store(TOKEN)
    file = state() / name
    if harm == "mode":
        file.chmod(0o640)
    elif harm == "link":
        file.rename(file.with_name("elsewhere"))
        file.symlink_to("elsewhere")
    elif harm == "cut":
        file.write_bytes(file.read_bytes()[:-1])
    elif harm == "garbage":
        file.write_bytes(os.urandom(len(file.read_bytes())))
    elif harm == "directory":
        file.unlink()
        file.mkdir()
    else:
        file.write_bytes(b"")
    assert not knows(TOKEN)
    assert credman("add", "x", "--var", "X", "--no-check", stdin=OTHER.encode()).exit_code == 0
    if harm != "directory":
        assert knows(OTHER) and knows(TOKEN)


def test_a_list_of_other_bytes_is_none(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o700)
    fingerprints.remember(str(tmp_path), b"s", {b"a": TOKEN.encode()})
    file = tmp_path / fingerprints.FILE
    for parts in (
        [b"x"],
        [b"credman fingerprints 1", b"s", b"\0\0\0\xff"],
        [b"credman", b"s", b""],
    ):
        file.write_bytes(wire.pack(parts))
        assert fingerprints.load(str(tmp_path)) is None


values = st.text(CHARACTERS, min_size=24, max_size=60)


@given(values, st.text("ab \"'\\\n,(@$", max_size=3), st.text(" \"'\\\n,)@$", max_size=3))
def test_found_wherever_it_stands_alone(value: str, before: str, after: str) -> None:
    if before[-1:] in ("a", "b") and not before.endswith("\\" + before[-1]):
        before += " "
    known = fingerprints.Fingerprints(b"k" * 32, {b"s": {b"l": _entry(value)}})
    data = f"{before}{value}{after}".encode()
    expected = (len(before), len(value), 0)
    assert expected in list(known.make_finder().find_all(data))


def _entry(value: str) -> tuple[bytes, int]:
    import hmac

    return hmac.digest(b"k" * 32, value.encode(), "sha256"), len(value)


@given(st.binary(max_size=200), st.integers(16, 40))
def test_both_ways_to_find_runs_agree(data: bytes, least: int) -> None:
    entry = (b"d" * 32, least)
    finder = fingerprints.Fingerprints(b"k" * 32, {b"s": {b"l": entry}}).make_finder()
    by_engine = list(finder._list_runs(data))
    finder._scan = lambda text: recognizing._list_ends(text, least)
    assert list(finder._list_runs(data)) == by_engine


@given(st.lists(st.sampled_from([TOKEN, "x", "=", "/", " ", "\\n", "\n", '"']), max_size=12))
def test_runs_of_tokens_and_separators(parts: list[str]) -> None:
    text = "".join(parts)
    known = fingerprints.Fingerprints(b"k" * 32, {b"s": {b"l": _entry(TOKEN)}})
    found = {place for place, _, _ in known.make_finder().find_all(text.encode())}
    for place in found:
        assert text[place:].startswith(TOKEN)
    padded = f" {text} "
    alone = {
        place
        for place in range(len(text))
        if text.startswith(TOKEN, place)
        and padded[place] in ' =/\n"'
        and padded[place + len(TOKEN) + 1] in ' =/\n"\\'
    }
    assert alone <= found


def test_the_engine_is_there() -> None:
    assert engines.load_hyperscan() is not None
