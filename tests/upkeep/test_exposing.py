"""Marking what was found in files: one write for all, nothing counted twice, and the mark stays."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from credman.core.config import Config
from credman.core.errors import Refused
from credman.core.model import Exposure, Token, TokenKey, VersionState
from credman.core.scope import Selection
from credman.core.secret import Secret
from credman.session import Session
from credman.stores.base import Store, open_store
from credman.stores.changes import RemoveToken
from credman.upkeep.exposing import expose
from credman.watch import rotation
from credman.watch.schedule import Kind, due
from tests.agent.agents import agents
from tests.agent.clients import ask_soon
from tests.cli.harness import PASSPHRASE as HOME_PASSPHRASE
from tests.cli.harness import credman
from tests.cli.harness import make_vault as make_home_vault
from tests.oskeyring.bus import bus
from tests.stores.key_places import read_document
from tests.stores.places import PASSPHRASE, add, make_surroundings, make_vault, open_vault
from tests.stores.rings import make_ring, open_ring

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=3)
HF, GITLAB = (TokenKey("default", "default", name) for name in ("hf", "gitlab"))
A, B, C = (
    "/home/alice/a.json",
    "/home/alice/.ipynb_checkpoints/a-checkpoint.json",
    "/home/alice/\udcff ☃.ipynb",
)


def open_session(store: Store) -> Session:
    return Session(store, Config(), Selection())


def read(store: Store, key: TokenKey = HF) -> Token:
    token = store.snapshot().find_token(key)
    assert token is not None
    return token


def find(store: Store, key: TokenKey = HF) -> Exposure | None:
    return read(store, key).current.exposure


def mark(home: Path, *places: str, key: TokenKey = HF, number: int = 1) -> list[Token]:
    return expose(open_session(open_vault(home)), {(key, number): places}, NOW)


def test_all_are_marked_in_one_write_and_what_was_not_found_is_left_as_it_was(
    tmp_path: Path,
) -> None:
    make_vault(tmp_path, "hf", "gitlab", "other")
    other = read(open_vault(tmp_path), HF._replace(name="other"))
    before = read_document(tmp_path, PASSPHRASE).generation
    now = NOW + timedelta(microseconds=5)
    marked = expose(open_session(open_vault(tmp_path)), {(HF, 1): [A, B, A], (GITLAB, 1): [C]}, now)
    again = open_vault(tmp_path)
    assert find(again) == Exposure(NOW, NOW, 2, (A, B))
    assert find(again, GITLAB) == Exposure(NOW, NOW, 1, (C,))
    assert marked == [read(again, HF), read(again, GITLAB)]
    assert read(again, other.key) == other
    assert read_document(tmp_path, PASSPHRASE).generation == before + 1
    values = open_session(again).values(read(again))
    assert [str(value) for value in values.values()] == ["hf"]


def test_what_was_known_is_joined_and_no_path_counts_twice(tmp_path: Path) -> None:
    make_vault(tmp_path, "hf")
    mark(tmp_path, A, B)
    expose(open_session(open_vault(tmp_path)), {(HF, 1): [B, C]}, LATER)
    assert find(open_vault(tmp_path)) == Exposure(NOW, LATER, 3, (A, B, C))
    many = [f"/home/alice/{number}" for number in range(20)]
    for _ in range(2):
        expose(open_session(open_vault(tmp_path)), {(HF, 1): [A, B, C, *many]}, LATER)
        exposure = find(open_vault(tmp_path))
        assert exposure == Exposure(NOW, LATER, 23, (A, B, C, *many[:7]))


def test_what_is_gone_or_has_no_value_any_more_is_not_marked_and_nothing_is_written(
    tmp_path: Path,
) -> None:
    make_vault(tmp_path, "hf")
    add(open_vault(tmp_path), "hf", "another")
    session = open_session(open_vault(tmp_path))
    session.change_token(HF, lambda t: rotation.end(t, 1, by="ana", now=NOW))
    store = open_vault(tmp_path)
    revision = store.snapshot().revision
    gone = {(HF, 1): [A], (HF, 9): [A], (GITLAB, 1): [A], (HF, 2): []}
    assert expose(open_session(store), gone, NOW) == []
    assert open_vault(tmp_path).snapshot().revision == revision
    (marked,) = expose(open_session(store), {**gone, (HF, 2): [B]}, NOW)
    assert [(v.number, v.exposure) for v in marked.versions] == [
        (1, None), (2, Exposure(NOW, NOW, 1, (B,))),
    ]  # fmt: skip


def test_two_versions_of_a_token_however_its_name_is_written(tmp_path: Path) -> None:
    make_vault(tmp_path, "hf")
    add(open_vault(tmp_path), "hf", "another")
    upper = HF._replace(name="HF", environment="Default")
    found = {(HF, 1): [A], (upper, 2): [B]}
    (token,) = expose(open_session(open_vault(tmp_path)), found, NOW)
    assert [v.exposure and v.exposure.places for v in token.versions] == [(A,), (B,)]
    assert token.key == HF


def test_when_somebody_else_writes_meanwhile_both_are_there(tmp_path: Path) -> None:
    make_vault(tmp_path, "hf", "gitlab")
    session = open_session(open_vault(tmp_path))
    session.snapshot()
    mark(tmp_path, A)  # another scan
    other = open_vault(tmp_path)
    other.commit([RemoveToken(GITLAB)], expected_revision=other.snapshot().revision)
    marked = expose(session, {(HF, 1): [B], (GITLAB, 1): [B]}, LATER)
    assert [token.key for token in marked] == [HF]
    assert find(open_vault(tmp_path)) == Exposure(NOW, LATER, 2, (A, B))
    assert open_vault(tmp_path).snapshot().find_token(GITLAB) is None


def test_the_mark_stays_through_renaming_copying_rotating_and_going_back(tmp_path: Path) -> None:
    make_vault(tmp_path, "hf")
    mark(tmp_path, A)
    exposure = Exposure(NOW, NOW, 1, (A,))
    session = open_session(open_vault(tmp_path))
    session.copy("hf", "prod")
    session.rename("hf", "hub")
    store = open_vault(tmp_path)
    assert find(store, HF._replace(environment="prod")) == exposure  # as exposed as the original
    hub = HF._replace(name="hub")
    assert find(store, hub) == exposure
    session.change_token(
        hub, lambda t: rotation.begin(t, is_automatic=False, grace=None, now=LATER)
    )
    session.change_token(
        hub, lambda t: rotation.verify(rotation.stage(t, ["HF"]), None, None),
        session.values(read(store, hub)), version=2,
    )  # fmt: skip
    promoted = session.change_token(hub, lambda t: rotation.promote(t, now=LATER))
    assert [v.exposure for v in promoted.versions] == [exposure, None]
    assert [item.kind for item in due([promoted], LATER)] == [Kind.REVOCATION]
    assert due([promoted], LATER)[0].is_overdue(LATER)
    back = session.change_token(hub, lambda t: rotation.roll_back(t, 1, now=LATER))
    assert back.current.exposure == exposure
    assert [item.kind for item in due([back], LATER)] == [Kind.EXPOSURE, Kind.REVOCATION]


def test_after_it_is_revoked_its_history_says_so_and_nobody_is_reminded(tmp_path: Path) -> None:
    make_vault(tmp_path, "hf")
    mark(tmp_path, A)
    add(open_vault(tmp_path), "hf", "another")
    session = open_session(open_vault(tmp_path))
    ended = session.change_token(HF, lambda t: rotation.end(t, 1, by="ana", now=NOW))
    assert due([ended], NOW) == []
    old = read(open_vault(tmp_path)).find_version(1)
    assert old is not None and old.state is VersionState.REVOKED
    assert old.exposure == Exposure(NOW, NOW, 1, (A,))


def test_a_store_that_cannot_be_written_to_says_so_and_is_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_vault(tmp_path, "hf")
    session = open_session(open_vault(tmp_path))
    session.snapshot()

    def refuse(*args: object, **options: object) -> None:
        raise Refused("no")

    monkeypatch.setattr(session.store, "commit", refuse)
    with pytest.raises(Refused):
        expose(session, {(HF, 1): [A]}, NOW)
    assert find(open_vault(tmp_path)) is None


def test_in_a_keyring_it_is_marked_and_joined_as_well(tmp_path: Path) -> None:
    home = tmp_path / "place"
    home.mkdir()
    with bus(tmp_path) as found:
        store = make_ring(home, found, "hf", "gitlab")
        expose(open_session(store), {(HF, 1): [A, C]}, NOW)
        again = open_ring(home, found)
        assert find(again) == Exposure(NOW, NOW, 2, (A, C))
        assert find(again, GITLAB) is None
        values = open_session(again).values(read(again))
        assert [str(value) for value in values.values()] == ["hf"]
        expose(open_session(open_ring(home, found)), {(HF, 1): [B]}, LATER)
        assert find(open_ring(home, found)) == Exposure(NOW, LATER, 3, (A, C, B))


def test_the_agent_says_the_same_as_whoever_opens_the_vault() -> None:
    make_home_vault()
    home = Path(os.environ["CREDMAN_HOME"])
    store = open_store(
        f"file:{home / 'data/vault.age'}",
        make_surroundings(Path.home(), Secret(HOME_PASSPHRASE), environ=os.environ),
    )
    expose(open_session(store), {(HF, 1): [A, C]}, datetime.now(UTC) - timedelta(days=3.5))
    commands = [("list",), ("show", "hf"), ("show", "hf", "--json")]
    alone = [credman(*argv) for argv in commands]
    with agents() as desk:
        desk.unlock()
        for argv, said in zip(commands, alone, strict=True):
            answer = ask_soon(desk, *argv)
            assert answer == (said.exit_code, said.stdout + said.stderr.encode())
        found = desk.run("due", "--json")  # by what the agent hands it of the vault
    assert (found.returncode, found.stdout) == (8, credman("due", "--json").stdout)
    listed, shown, _ = alone
    assert listed.text.splitlines()[1].split()[-1] == "exposed" and A in shown.text
