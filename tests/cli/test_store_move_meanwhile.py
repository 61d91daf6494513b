"""``store move`` while others write, where it is killed, and into the keyring and back."""

from __future__ import annotations

import json
import os
import shutil
import tomllib
from pathlib import Path

import pytest

from credman.stores.base import Creation
from credman.stores.file import FileStore
from credman.stores.moving import Move, Moved
from tests.cli.desk import desk
from tests.cli.harness import (
    PASSPHRASE,
    ScriptedTerminal,
    credman,
    make_value,
)
from tests.cli.keyed import run
from tests.cli.test_races import start
from tests.cli.test_store_move import config, make_some, move, names, team_url, usual_url
from tests.stores.crashes import DIED, run_dying


def test_a_configuration_that_cannot_be_written_is_no_lost_token(tmp_path: Path) -> None:
    held = make_some()
    config().parent.mkdir(exist_ok=True)
    config().with_name("config.toml.lock").mkdir()
    outcome = move(team_url(), "--yes")
    assert outcome.exit_code == 6
    assert "moved, but the configuration does not say so: cannot lock " in outcome.stderr
    assert f"set store there to {team_url()}" in outcome.stderr
    config().with_name("config.toml.lock").rmdir()
    outcome = move(team_url(), "--yes")
    assert outcome.exit_code == 0 and "nothing is left to move\n" in outcome.stderr
    assert outcome.stderr.endswith(f"\ncredman uses {team_url()} from now on\n")
    assert names(team_url()) == held
    assert tomllib.loads(config().read_text()) == {"store": team_url()}


def test_what_comes_while_a_person_thinks_moves_along(monkeypatch: pytest.MonkeyPatch) -> None:
    held = make_some()

    def answer_late(terminal: ScriptedTerminal, question: str) -> bool:
        run("add", "meanwhile", stdin=b"EXAMPLE")
        run("add", "there", "--store", team_url(), stdin=b"EXAMPLE")
        return True

    def take_away(terminal: ScriptedTerminal, question: str) -> bool:
        run("remove", "again", "--store", team_url(), "--yes")
        return True

    run("init", "--store", team_url())
    monkeypatch.setattr(ScriptedTerminal, "confirm", answer_late)
    assert move(team_url(), answers=[]).exit_code == 0
    assert names(team_url()) == {**held, "meanwhile": "EXAMPLE", "there": "EXAMPLE"}
    assert names(usual_url()) == {}
    run("add", "again", "--store", usual_url(), stdin=b"EXAMPLE")
    monkeypatch.setattr(ScriptedTerminal, "confirm", take_away)
    assert move(team_url(), "--store", usual_url(), answers=[]).exit_code == 0
    assert "again" in names(team_url()) and names(usual_url()) == {}


def test_what_comes_at_the_last_moment_moves_along(monkeypatch: pytest.MonkeyPatch) -> None:
    held, late = make_some(), [f"late{n}" for n in range(3)]
    real = Move.remove

    def remove(mover: Move, moved: Moved) -> None:
        if late:
            run("add", late.pop(), stdin=b"EXAMPLE")
        real(mover, moved)

    monkeypatch.setattr(Move, "remove", remove)
    assert move(team_url(), "--yes").exit_code == 0
    added = {f"late{n}": "EXAMPLE" for n in range(3)}
    assert names(team_url()) == {**held, **added} and names(usual_url()) == {}


def test_a_store_that_somebody_else_makes_at_this_moment_is_as_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held, real = make_some(), FileStore.create

    def late(store: FileStore, creation: Creation) -> None:
        real(store, creation)
        real(store, creation)

    monkeypatch.setattr(FileStore, "create", late)
    assert move(team_url(), "--yes").exit_code == 0
    assert names(team_url()) == held


def test_two_moves_and_writers_at_once_lose_nothing() -> None:
    held = make_some("mine")
    writers = [start("add", f"t{n}", "--store", usual_url(), stdin=b"value") for n in range(4)]
    movers = [start("store", "move", team_url(), "--yes", stdin=b"") for _ in range(2)]
    for process in (*writers, *movers):
        error = process.communicate()[1].decode()
        assert process.returncode == 0 or "are in" in error, error
    here, there = names(usual_url()), names(team_url())
    added = {f"t{n}": "value" for n in range(4)}
    assert {**here, **there} == {**held, **added}
    assert held.items() <= there.items()
    if here:  # added after both had ended
        run("store", "move", team_url(), "--yes", "--store", usual_url())
    assert names(team_url()) == {**held, **added} and names(usual_url()) == {}


def attempt() -> None:
    done = move(team_url(), "--yes")
    assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize("step", [3, pytest.param(1, marks=pytest.mark.deep)])
def test_killed_at_any_call_that_changes_the_disk_it_goes_on(tmp_path: Path, step: int) -> None:
    held = make_some("mine")
    homes = (Path(os.environ["CREDMAN_HOME"]), Path.home())
    for path in homes:
        shutil.copytree(path, tmp_path / f"template-{path.name}")
    for at in range(1, 500, step):
        for path in homes:
            shutil.rmtree(path)
            shutil.copytree(tmp_path / f"template-{path.name}", path)
        outcome = run_dying(attempt, at=at, is_torn=at // step % 2 == 0)
        assert outcome in (DIED, 0), outcome
        here, there = names(usual_url()), names(team_url())
        assert {**here, **there} == held, at
        if not outcome:
            break
        again = move(team_url(), "--yes")
        assert again.exit_code == 0 or "already" in again.stderr, (at, again.stderr)
        assert names(team_url()) == held and names(usual_url()) == {}, at
        assert names(f"{usual_url()}.bak") == {}, at
        assert tomllib.loads(config().read_text()) == {"store": team_url()}
    assert 30 < at < 499


def test_into_the_keyring_and_back(tmp_path: Path) -> None:
    with desk(tmp_path) as who:
        who.run("init", "--no-keyring", answers=[PASSPHRASE, PASSPHRASE])
        for argv in (("hf",), ("mine", "-e", "prod", "-p", "work", "--isolated", "--note", "n")):
            who.run("add", *argv, "--no-check", answers=[PASSPHRASE])
        who.run("add", "hf", "--replace", "--no-check", answers=[PASSPHRASE])
        listed = who.run("list", "--all", "--json", answers=[PASSPHRASE]).text
        outcome = who.run("store", "move", "keyring:", answers=[PASSPHRASE, "y"])
        assert "  to     keyring: made now\n" in outcome.stderr
        assert "2 tokens copied to keyring:, and read back\n" in outcome.stderr
        assert outcome.stderr.endswith("moved; credman uses keyring: from now on\n")
        assert who.run("list", "--all", "--json").text == listed
        assert who.run("get", "hf").text == make_value()
        assert names(usual_url()) == {}
        outcome = who.run("store", "move", usual_url(), answers=[PASSPHRASE, "y"])
        assert outcome.shown[0] == f"passphrase of {usual_url()}: "
        assert "copies of" not in outcome.stderr
        assert who.bus.users("credman:default/default") == set()
        assert who.bus.users("credman:prod/work") == set()
        assert who.run("list", "--all", "--json", answers=[PASSPHRASE]).text == listed
    assert not config().read_text()


def test_reminders_know_the_tokens_of_the_new_store() -> None:
    make_some("mine")
    run("schedule", "mine", "--every", "90d")
    assert move("file:~/team.age", "--yes").exit_code == 0
    outcome = credman("remind", "run", passphrase=None)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    outcome = credman("remind", "run", "--store", usual_url(), passphrase=None)
    assert outcome.exit_code == 6  # of the other one nothing is known any more
    cache = Path(os.environ["CREDMAN_HOME"], "state", "cache.json")
    ((url, store),) = json.loads(cache.read_bytes())["stores"].items()
    assert url == team_url()
    assert sorted(token["name"] for token in store["tokens"]) == ["hf", "mine"]


def test_with_a_store_that_was_named_its_tokens_are_known_as_well() -> None:
    make_some()
    argv = ("file:~/team.age", "--yes", "--store", usual_url())
    assert move(*argv).exit_code == 0
    outcome = credman("remind", "run", "--store", team_url(), passphrase=None)
    assert outcome.exit_code == 0
