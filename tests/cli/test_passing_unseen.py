"""What no reminder could show is said by the next command on a terminal, and then forgotten."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest

from credman.core import wire
from credman.stores import disk
from tests.agent.lanes import DRIVER
from tests.cli.harness import credman
from tests.cli.person import Person, person
from tests.cli.test_passing import COMMANDS, SAID, UNLOCKED, look, make_overdue, stamp, warm
from tests.cli.test_remind_run import place, tell

REMINDED = "reminder: rotate api: overdue for 10 days: credman rotate api"


def keep_pending() -> None:
    """A run of the timer that reaches nobody."""
    assert credman("show", "api").exit_code == 0  # the names are in the cache
    assert tell().exit_code == 0 and is_pending()


def is_pending() -> bool:
    return place("reminders-pending.txt").exists()


def screen_of(somebody: Person) -> list[str]:
    assert somebody.leaves() == 0
    return somebody.screen.splitlines()


@pytest.mark.parametrize("argv", [["list"], ["show", "api"], ["providers"]])
def test_what_could_not_be_shown_is_said_on_a_terminal_once(argv: list[str]) -> None:
    make_overdue("api")
    stamp(1)
    keep_pending()
    with person(*argv, environ=UNLOCKED) as somebody:
        somebody.leaves()
        assert somebody.screen.splitlines().count(REMINDED) == 1
        assert somebody.screen.splitlines()[-1] == REMINDED
    assert not is_pending()
    assert REMINDED not in credman(*argv).stderr


def test_from_a_run_of_the_timer_to_the_next_command_of_a_person() -> None:
    make_overdue("api")
    stamp(1)
    assert look("list").exit_code == 0  # the names are in the cache
    assert tell().exit_code == 0
    line = "reminder: rotate api: overdue for 10 days: credman rotate api"
    for times in (1, 0):
        with person("providers") as somebody:
            assert screen_of(somebody).count(line) == times
    assert tell().exit_code == 0 and not is_pending()


@pytest.mark.parametrize("argv", [["due"], ["remind", "status"]])
def test_what_shows_all_of_it_does_not_say_it_once_more(argv: list[str]) -> None:
    make_overdue("api")
    stamp(1)
    keep_pending()
    with person(*argv, environ=UNLOCKED) as somebody:
        somebody.leaves()
    assert "api" in somebody.screen and "overdue" in somebody.screen
    assert "\nreminder:" not in somebody.screen and not is_pending()


def test_several_are_said_in_one_line() -> None:
    make_overdue("api", "b:prod", "c")
    stamp(1)
    keep_pending()
    with person("providers") as somebody:
        assert screen_of(somebody)[-1] == f"{REMINDED}; and 2 more: credman due"
    assert not is_pending()


@pytest.mark.parametrize("argv", [["status"], ["status", "--json"]])
def test_the_status_of_the_agent_says_it_wherever_it_goes(argv: list[str]) -> None:
    make_overdue("api")
    keep_pending()
    for _ in range(2):
        assert credman(*argv).stderr == f"{REMINDED}\n"
    assert is_pending()
    with person(*argv) as somebody:
        assert somebody.leaves() == 4
    assert somebody.screen.splitlines().count(REMINDED) == 1 and not is_pending()
    assert REMINDED not in credman(*argv).stderr


def test_what_is_done_by_then_is_not_said_and_forgotten() -> None:
    make_overdue("api")
    stamp(1)
    keep_pending()
    line = 'printf EXAMPLE | "$@" rotate api --no-check'
    with person(shell=line, environ=UNLOCKED) as somebody:
        assert somebody.leaves() == 0
    assert "reminder:" not in somebody.screen and not is_pending()


def test_where_nothing_is_known_of_the_tokens_it_is_kept() -> None:
    make_overdue("api")
    stamp(1)
    keep_pending()
    place("cache.json").unlink()
    for argv, is_said in ((["providers"], False), (["show", "api"], True)):
        with person(*argv, environ=UNLOCKED) as somebody:
            assert (REMINDED in screen_of(somebody)) == is_said
        assert is_pending() != is_said


def test_while_a_reminder_is_told_it_is_kept() -> None:
    make_overdue("api")
    stamp(1)
    keep_pending()
    with disk.locked(str(place("reminders.json.lock"))), person("providers") as somebody:
        assert REMINDED not in screen_of(somebody)
    assert is_pending()


def test_a_command_that_is_piped_does_not_swallow_it() -> None:
    make_overdue("api")
    stamp(1)
    keep_pending()
    for argv in (*COMMANDS.values(), ["get", "api"], ["list", "--json"]):
        assert REMINDED not in credman(*argv).stderr
    assert is_pending()
    place("mentioned").unlink()
    assert look("env").stderr == f"{SAID}\n{REMINDED}\n"  # once a day there as well
    assert look("env").stderr == "" and is_pending()


def test_where_nobody_is_it_is_kept() -> None:
    make_overdue("api")
    keep_pending()
    with person("list", environ={**UNLOCKED, "CI": "1"}) as somebody:
        assert REMINDED not in screen_of(somebody)
    assert is_pending()


def test_what_fails_does_not_say_it_and_keeps_it() -> None:
    make_overdue("api")
    keep_pending()
    with person("show", "nosuch", environ=UNLOCKED) as somebody:
        assert somebody.leaves() == 3
    assert REMINDED not in somebody.screen and is_pending()


@pytest.mark.parametrize(
    ("command", "code"),
    [("list --json", 0), ("env", 0), ("due", 8), ("due --json", 8), ("due --ics", 8)],
)
def test_on_a_terminal_what_is_for_machines_stays_as_it_is(
    command: str, code: int, tmp_path: Path
) -> None:
    make_overdue("api")
    stamp(1)
    usual = credman(*command.split(), *(["--shell", "sh"] if command == "env" else [])).stdout
    keep_pending()
    line = f'exec "$@" {command} > {tmp_path}/out'
    with person(shell=line, environ={**UNLOCKED, "SHELL": "/bin/sh"}) as somebody:
        assert somebody.leaves() == code
    assert somebody.screen == f"{REMINDED}\n" and not is_pending()
    out = (tmp_path / "out").read_bytes()
    if "json" in command:
        assert json.loads(out)["version"] == 1
    if command != "due --ics":  # a calendar has the moment in it
        assert out == usual


def test_the_agent_says_it_on_a_terminal_as_well() -> None:
    make_overdue("api")
    with warm() as (desk, notes):
        stamp(1)
        keep_pending()
        line = f"exec {shlex.join([sys.executable, str(DRIVER), str(notes), 'list'])}"
        environ = {k: v for k, v in desk.environ.items() if k != "CREDMAN_AGENT"}
        for is_said in (True, False):
            with person(shell=f"unset CREDMAN_AGENT; {line}", environ=environ) as somebody:
                assert (REMINDED in screen_of(somebody)) == is_said
            assert not is_pending()
        assert notes.read_bytes().split() == [wire.DONE] * 2
