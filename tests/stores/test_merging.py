"""What either of two copies knows of where a version was found is known of it afterwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from credman.core.model import Contents, Exposure, Token, Version, VersionState
from credman.core.secret import Secret
from credman.stores.file import FileStore
from credman.stores.merging import keep_exposures, merge_contents
from credman.stores.testing import MOMENT, find_address, make_token
from credman.upkeep.exposing import expose
from tests.oskeyring.bus import Bus
from tests.stores.machines import make_pair
from tests.stores.model import open_session
from tests.stores.rings import make_ring, open_ring
from tests.stores.test_keyring_copies import PASSPHRASE, open_knowing, restore

LATER = MOMENT + timedelta(days=3)
FIRST = Exposure(MOMENT, MOMENT, 2, ("/a", "/b"))
SECOND = Exposure(LATER, LATER, 2, ("/b", "/c"))
BOTH = Exposure(MOMENT, LATER, 3, ("/a", "/b", "/c"))


def hold(*tokens: Token) -> Contents:
    return Contents((), tokens, {find_address(token): Secret("a value") for token in tokens})


def with_exposure(exposure: Exposure | None, **changes: object) -> Token:
    token = make_token()
    changed: Version = replace(token.current, exposure=exposure, **changes)  # type: ignore[arg-type]
    return replace(token, versions=(changed,))


@pytest.mark.parametrize(
    ("ours", "theirs", "joined"),
    [
        (FIRST, SECOND, BOTH),
        (None, SECOND, SECOND),
        (FIRST, None, FIRST),
        (None, None, None),
        (FIRST, FIRST, FIRST),
    ],
)
def test_both_sides_are_joined(
    ours: Exposure | None, theirs: Exposure | None, joined: Exposure | None
) -> None:
    mine, other = hold(with_exposure(ours)), hold(with_exposure(theirs))
    for contents in (merge_contents(mine, other), keep_exposures(mine, other)):
        assert contents == hold(with_exposure(joined))


def test_another_version_of_the_same_number_is_another_version() -> None:
    mine = hold(with_exposure(None, created_at=LATER))
    assert merge_contents(mine, hold(with_exposure(FIRST))) == mine
    second = hold(with_exposure(None, number=2))
    assert keep_exposures(second, hold(with_exposure(FIRST))) == second


def test_one_that_is_revoked_here_gets_no_value_back() -> None:
    mine = with_exposure(None, state=VersionState.REVOKED, fields=())
    merged = merge_contents(Contents((), (mine,)), hold(with_exposure(FIRST)))
    assert merged == Contents((), (with_exposure(FIRST, state=VersionState.REVOKED, fields=()),))


def test_a_token_that_only_they_have_comes_with_its_own() -> None:
    (token,) = merge_contents(Contents(), hold(with_exposure(FIRST))).tokens
    assert token.current.exposure == FIRST


def mark(store: FileStore, name: str, exposure: Exposure) -> None:
    key = next(t.key for t in store.snapshot().tokens if t.key.name == name)
    marked = expose(open_session(store, "default"), {(key, 1): exposure.places}, exposure.at)
    assert [token.key for token in marked] == [key]


def read(store: FileStore, name: str) -> Exposure | None:
    (token,) = (t for t in store.snapshot().tokens if t.key.name == name)
    return token.current.exposure


@pytest.mark.parametrize("merge", [True, False], ids=["merged", "put back"])
def test_two_machines_that_both_have_found_it(tmp_path: Path, merge: bool) -> None:
    ana, ben = make_pair(tmp_path)
    mark(ana.open(), "base", FIRST)
    mark(ana.open(), "ours", FIRST)
    mark(ben.open(), "base", SECOND)
    mark(ben.open(), "common", SECOND)
    ana.restore(ana.receive(ben, "copy.age"), merge=merge)
    joined = {name: read(ana.open(), name) for name in ("base", "ours", "common")}
    if not merge:  # theirs, and what was known here
        assert joined.pop("base") == Exposure(MOMENT, LATER, 3, ("/b", "/c", "/a"))
    assert joined == {"ours": FIRST, "common": SECOND} | ({"base": BOTH} if merge else {})


@pytest.mark.parametrize("merge", [True, False], ids=["merged", "put back"])
def test_a_backup_of_a_keyring_from_before_it_was_found(
    home: Path, found: Bus, tmp_path: Path, merge: bool
) -> None:
    file = str(tmp_path / "backup.age")
    store = make_ring(home, found, "one", "two")
    keys = {t.key.name: t.key for t in store.snapshot().tokens}
    expose(open_session(store, "default"), {(keys["two"], 1): ["/a", "/b"]}, MOMENT)
    store.backup(file, PASSPHRASE)
    knowing = open_knowing(home, found)
    both = {(keys["one"], 1): ["/a", "/b"], (keys["two"], 1): ["/c", "/b"]}
    expose(open_session(knowing, "default"), both, LATER)
    restore(knowing, file, merge=merge)
    tokens = open_ring(home, found).snapshot().tokens
    assert {t.key.name: t.current.exposure for t in tokens} == {
        "one": Exposure(LATER, LATER, 2, ("/a", "/b")), "two": BOTH,
    }  # fmt: skip
