"""After ``unlock`` nobody is asked for what opens the vault, but by what shows or changes the ways
to open it; and what the agent gives is always of now, and of whoever asks."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.agent.agents import Agents, agents
from tests.agent.homes import Homes
from tests.cli.harness import PASSPHRASE, PROGRAM, credman, make_value, make_vault, program
from tests.cli.keyed import NEW, vault
from tests.cli.person import person

LOCKED = b"credman: error: the vault is locked, and there is no terminal to ask on"

WRITING: list[list[str]] = [
    ["add", "new", "--no-check"],
    ["add", "new", "--no-check", "--replace"],
    ["add", "other", "-e", "prod", "-p", "work", "--isolated"],
    ["rename", "new", "newer"],
    ["copy", "newer", "--to-env", "dev"],
    ["remove", "newer", "--yes"],
    ["use", "-e", "prod", "-p", "work"],
]
ASKING_AGAIN: list[list[str]] = [
    ["slot", "list"],
    ["slot", "add", "passphrase", "--label", "x", "--new-passphrase-fd", "0"],
    ["slot", "remove", "0", "--yes"],
    ["passwd", "--new-passphrase-fd", "0"],
    ["recovery", "new", "--recovery-file", "key", "--yes"],
    ["backup", "backup.age"],
    ["export", "--format", "dotenv", "-o", "values"],
    ["restore", "--previous", "--yes"],
    ["store", "move", "file:moved.age", "--yes"],
    ["unlock"],
]


def tokens(desk: Agents, *argv: str) -> set[tuple[str, str, str]]:
    """Environment, profile and name of each, as ``list`` tells."""
    done = desk.run("list", "--all", "--json", *argv)
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)["tokens"]
    return {(t["environment"], t["profile"], t["name"]) for t in listed}


def directly(*argv: str, stdin: bytes = b"", passphrase: str = PASSPHRASE) -> None:
    """By another process, which knows of no agent."""
    environ = {"CREDMAN_AGENT": "off"}
    done = program(*argv, stdin=stdin, environ=environ, passphrase=passphrase)
    assert done.returncode == 0, done.stderr


def test_writers_ask_nothing_after_unlock() -> None:
    make_vault()
    with agents() as desk:
        desk.unlock()
        for argv in WRITING:
            done = desk.run(*argv, stdin=make_value().encode())
            assert done.returncode == 0 and b"passphrase" not in done.stderr, (argv, done.stderr)
        assert desk.run("use").stdout.split() != []
        found = tokens(desk, "-e", "default", "-p", "default")
        kept = {("default", "default", "hf"), ("dev", "default", "newer")}
        assert found == {*kept, ("prod", "work", "other")}
        # It has the value; what it has not is a clipboard.
        clip = desk.run("get", "hf", "-e", "default", "-p", "default", "--clip")
        assert clip.returncode == 6 and b"clipboard" in clip.stderr
        assert len(desk.pids()) == 1


def test_what_shows_or_changes_the_ways_to_open_it_asks_again() -> None:
    make_vault()
    directly("add", "second", "--var", "SECOND", stdin=b"EXAMPLE")  # so there is a former state
    with agents() as desk:
        desk.unlock()
        before = vault().read_bytes()
        for argv in ASKING_AGAIN:
            done = desk.run(*argv, stdin=NEW.encode())
            assert done.returncode == 4 and LOCKED in done.stderr, (argv, done)
            assert b"EXAMPLE" not in done.stdout
        doctor = desk.run("doctor")
        assert b"is locked" in doctor.stdout + doctor.stderr, doctor
        assert vault().read_bytes() == before
        assert {p.name for p in Path.home().iterdir()} == set()
        assert desk.run("env").returncode == 0


@pytest.mark.alone
def test_at_a_terminal_only_the_value_is_asked_for() -> None:
    make_vault()
    with agents() as desk:
        desk.unlock()
        with person("add", "typed", "--var", "TYPED", environ={"CREDMAN_AGENT": ""}) as who:
            who.is_asked("token (hidden): ")
            who.types("EXAMPLE typed\r")
            assert who.leaves() == 0
        assert "passphrase" not in who.screen
        assert desk.run("get", "typed").stdout == b"EXAMPLE typed"
        with person("slot", "list", environ={"CREDMAN_AGENT": ""}) as who:
            who.answers("passphrase: ", PASSPHRASE)
            assert who.leaves() == 0


@pytest.mark.alone
@pytest.mark.parametrize(
    "argv", [("list",), ("add", "typed", "--var", "TYPED")], ids=lambda a: a[0]
)
def test_a_passphrase_that_was_typed_once_is_enough(argv: Sequence[str]) -> None:
    make_vault()
    with agents() as desk:
        with person(*argv, environ={"CREDMAN_AGENT": ""}) as who:
            who.answers("passphrase: ", PASSPHRASE)
            if argv[0] == "add":
                who.answers("TYPED", "EXAMPLE typed")
            assert who.leaves() == 0
        assert desk.pid
        done = desk.run("env")
        assert done.returncode == 0 and make_value().encode() in done.stdout


@pytest.mark.alone
def test_who_stores_a_first_token_chooses_a_passphrase_and_types_it_no_more() -> None:
    with agents() as desk:
        with person("add", "typed", "--var", "TYPED", environ={"CREDMAN_AGENT": ""}) as who:
            who.answers("new passphrase: ", PASSPHRASE)
            who.answers("again: ", PASSPHRASE)
            who.answers("TYPED", "EXAMPLE typed")
            assert who.leaves() == 0
        assert desk.pid
        assert desk.run("get", "typed").stdout == b"EXAMPLE typed"


def test_what_another_process_wrote_is_in_the_next_answer() -> None:
    make_vault()
    with agents() as desk:
        desk.unlock()
        assert b"SECOND" not in desk.run("env").stdout
        for value in (b"EXAMPLE one", b"EXAMPLE two"):
            directly("add", "second", "--var", "SECOND", "--replace", stdin=value)
            assert desk.run("get", "second").stdout == value
            assert desk.run("__complete", "tokens").stdout.count(b"second\t") == 1
        desk.run("remove", "second", "--yes")
        assert b"SECOND" not in desk.run("env").stdout
        assert desk.run("get", "second").returncode == 3


def test_a_vault_with_a_new_key_is_asked_for_and_held_again() -> None:
    make_vault()
    older = vault().with_name("older.age")
    older.write_bytes(vault().read_bytes())
    with agents() as desk:
        desk.unlock()
        given = {"CREDMAN_AGENT": "off", "CREDMAN_PASSPHRASE": PASSPHRASE}
        changed = desk.run("passwd", "--new-passphrase-fd", "0", stdin=NEW.encode(), environ=given)
        assert changed.returncode == 0, changed.stderr
        for argv in (["env"], ["add", "new"], ["exec", "--", "true"]):
            done = desk.run(*argv, stdin=b"EXAMPLE")
            assert done.returncode in (4, 125) and LOCKED in done.stderr, done
        desk.unlock(passphrase=NEW)
        assert desk.run("env").returncode == 0
        assert desk.run("add", "new", stdin=b"EXAMPLE").returncode == 0
        # A copy with the key of before is of the same vault: what is held stays held.
        copy = desk.run("env", "--store", f"file:{older}")
        assert copy.returncode == 4 and b"is locked" in copy.stderr
        assert b"NEW='EXAMPLE'" in desk.run("env").stdout
        assert len(desk.pids()) == 1


def test_what_passwd_changes_is_not_held_with_the_key_of_before() -> None:
    make_vault()
    with agents() as desk:
        desk.unlock()
        argv = ["passwd", "--passphrase-fd", "0", "--new-passphrase-fd", "3"]
        script = f'exec 3<<E\n{NEW}\nE\nprintf "%s" "{PASSPHRASE}" | "$@"'
        done = subprocess.run(
            ["sh", "-c", script, "sh", *PROGRAM, *argv],
            env=desk.environ,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert desk.run("env").returncode == 4
        desk.unlock(passphrase=NEW)
        assert make_value().encode() in desk.run("env").stdout


def test_each_home_gets_its_own_from_one_agent(tmp_path: Path) -> None:
    homes = Homes(tmp_path, "one", "two", "three")
    with agents() as desk:
        desk.folder = homes.runtime / "credman"
        homes.unlock(desk, "one")
        assert homes.run(desk, "two", "get", "own")[0] == 4
        homes.unlock(desk, "two")
        homes.configure("two", 'environment = "prod"\n')
        for _ in range(2):  # whoever was asked for first
            assert homes.run(desk, "one", "get", "own") == (0, b"EXAMPLE one default")
            assert homes.run(desk, "two", "get", "own") == (0, b"EXAMPLE two prod")
            assert homes.run(desk, "three", "get", "own")[0] == 4
        there = str(tmp_path / "two" / ".local" / "share" / "credman" / "vault.age")
        assert homes.run(desk, "one", "get", "own", "--store", f"file:{there}") == (
            0,
            b"EXAMPLE two default",
        )
        listed = json.loads(homes.run(desk, "three", "status", "--json")[1])["unlocked"]
        assert len({found["path"] for found in listed}) == len(listed) == 2
        assert len(desk.pids()) == 1


def test_a_configuration_without_an_agent_is_of_its_home_only(tmp_path: Path) -> None:
    homes = Homes(tmp_path, "one", "two")
    with agents() as desk:
        desk.folder = homes.runtime / "credman"
        for name in ("one", "two"):
            homes.unlock(desk, name)
        homes.configure("two", 'agent = "off"\n')
        assert homes.run(desk, "one", "get", "own") == (0, b"EXAMPLE one default")
        for argv in (["get", "own"], ["add", "new"], ["remove", "own", "--yes"], ["unlock"]):
            assert homes.run(desk, "two", *argv)[0] in (4, 6), argv
        homes.configure("two", 'agent = "on"\n')
        assert homes.run(desk, "two", "get", "own") == (0, b"EXAMPLE two default")


def test_several_vaults_of_one_home_are_held_at_once() -> None:
    make_vault()
    with agents() as desk:
        desk.unlock()
        for name in ("a", "b"):
            url = f"file:{Path.home() / name}.age"
            directly("add", "own", "--var", "OWN", "--store", url, stdin=f"EXAMPLE {name}".encode())
            assert desk.run("get", "own", "--store", url).returncode == 4
            desk.unlock("--store", url)
        assert desk.run("get", "own", "--store", "file:a.age").stdout == b"EXAMPLE a"
        assert desk.run("get", "own", "--store", "file:b.age").stdout == b"EXAMPLE b"
        added = desk.run("add", "x", "-p", "work", "--store", "file:b.age", stdin=b"EXAMPLE x")
        assert added.returncode == 0, added.stderr
        given = {"CREDMAN_STORE": "file:b.age", "CREDMAN_PROFILE": "work"}
        assert desk.run("get", "x", environ=given).stdout == b"EXAMPLE x"
        assert desk.run("get", "x", "-p", "work", "--store", "file:a.age").returncode == 3
        assert desk.run("get", "hf").stdout.decode() == make_value()
        assert len(desk.pids()) == 1


def test_a_place_whose_name_is_no_text_is_held_as_well() -> None:
    url = f"file:{Path.home()}/a \udcff.age"
    directly("add", "own", "--var", "OWN", "--store", url, stdin=b"EXAMPLE")
    with agents() as desk:
        desk.unlock("--store", url)
        assert desk.run("add", "new", "--store", url, stdin=b"EXAMPLE new").returncode == 0
        assert desk.run("get", "new", "--store", url).stdout == b"EXAMPLE new"


def test_a_time_that_was_chosen_is_not_cut_short_and_another_vault_has_its_own(
    tmp_path: Path,
) -> None:
    make_vault()
    other = ("--store", f"file:{tmp_path / 'other.age'}")
    made = credman("add", "second", "--no-check", *other, stdin=b"another value")
    assert made.exit_code == 0, made.stderr
    unlock = ("unlock", "--passphrase-fd", "0")
    with agents() as desk:
        said = []
        for argv in ((*unlock, "--for", "8h"), unlock, (*unlock, *other)):
            done = desk.run(*argv, stdin=PASSPHRASE.encode())
            assert done.returncode == 0, done.stderr
            said.append(done.stderr.decode().strip())
        assert said == [
            "unlocked for 8 h",
            "unlocked for as long as it was; credman status tells for how long",
            "unlocked, until 15 min pass without use",
        ]
        shown = desk.run("status").stdout.decode().splitlines()
        assert [line.partition(": ")[2] for line in shown] == [
            "unlocked for another 8 h",
            "unlocked for another 15 min without use",
        ]
