"""What is said in passing: what is overdue, once a day, and what no reminder could show."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from credman.core import wire
from credman.core.config import Config
from credman.core.intervals import format_instant, parse_instant
from credman.core.model import Token, TokenKey
from credman.core.scope import Selection
from credman.core.secret import Secret
from credman.session import Session
from credman.stores.base import open_store
from tests.agent.agents import Agents, agents
from tests.agent.lanes import DRIVER
from tests.cli.harness import PASSPHRASE, PROGRAM, Outcome, credman
from tests.cli.test_cold_start import _MAIN, modules_after
from tests.cli.test_remind_faults import without_privileges
from tests.cli.test_remind_run import configure, place
from tests.requirements import require_program
from tests.stores.places import make_surroundings

SAID = "api – overdue for 10 days: credman rotate api"
COMMANDS = {
    "env": ["env", "--shell", "posix"],
    "exec": ["exec", "--", "true"],
    "list": ["list", "-e", "dev"],
}
AGAIN = timedelta(hours=20)
UNLOCKED = {"CREDMAN_PASSPHRASE": PASSPHRASE}
_made: dict[tuple[str, ...], bytes] = {}


def make_overdue(*names: str) -> None:
    """A vault whose tokens were to be rotated ten days ago. Sealed once and copied from then on.

    Args:
        names: or ``NAME:ENVIRONMENT``.
    """
    path = Path(os.environ["CREDMAN_HOME"], "data", "vault.age")
    if names in _made:
        path.parent.mkdir(mode=0o700, parents=True)
        path.write_bytes(_made[names])
        path.chmod(0o600)
        return
    for name, environment in split(names):
        argv = ["add", name, "-e", environment, "--no-check", "--rotate-every", "90d"]
        assert credman(*argv, stdin=f"EXAMPLE {name}".encode()).exit_code == 0
    for name, environment in split(names):
        make_old(name, environment)
    assert credman("list").exit_code == 0  # it fills the cache
    place("mentioned").unlink()
    _made[names] = path.read_bytes()


def make_old(name: str, environment: str = "default", *, hours: float = 2400) -> datetime:
    """Returns: when it was made from now on, UTC. Args: hours: since then."""
    path = Path(os.environ["CREDMAN_HOME"], "data", "vault.age")
    surroundings = make_surroundings(Path.home(), Secret(PASSPHRASE), environ=os.environ)
    session = Session(open_store(f"file:{path}", surroundings), Config(), Selection())
    then = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=hours)
    session.change_token(TokenKey(environment, "default", name), partial(age, then))
    return then


def split(names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for name, _, environment in (word.partition(":") for word in names):
        yield name, environment or "default"


def age(then: datetime, token: Token) -> Token:
    return replace(token, versions=(replace(token.current, created_at=then),))


def look(command: str, **environ: str) -> Outcome:
    outcome = credman(*COMMANDS[command], environ=environ)
    assert outcome.exit_code in (0, None), outcome.stderr
    return outcome


def stamp(hours: float) -> None:
    """Args: hours: since it was said, on a terminal and elsewhere."""
    until = datetime.now(UTC) - timedelta(hours=hours) + AGAIN
    notes = {f"{kind} {own_store()}": format_instant(until) for kind in ("terminal", "other")}
    place("mentioned").parent.mkdir(mode=0o700, exist_ok=True)
    place("mentioned").write_text(json.dumps(notes))


def own_store() -> str:
    return f"file:{Path(os.environ['CREDMAN_HOME'], 'data', 'vault.age')}"


def noted() -> dict[str, datetime]:
    """Returns: until when nothing is said, by the kind of standard error and the store."""
    found = json.loads(place("mentioned").read_bytes())
    return {key: parse_instant(text) for key, text in found.items()}


@pytest.mark.parametrize("command", COMMANDS)
def test_it_is_said_once_on_stderr_and_changes_nothing_else(command: str) -> None:
    make_overdue("api", "api:prod")
    first, second = look(command), look(command)
    assert (first.stdout, first.execution) == (second.stdout, second.execution)
    said = "overdue: api, api (prod): credman due\n"
    if command == "list":  # which says always what is the matter with those that it shows
        said = "api (prod) – overdue for 10 days: credman rotate api -e prod\n"
    assert said in first.stderr
    assert first.stderr.replace(said, "") == second.stderr
    configure('mention_overdue = "off"\n')
    place("mentioned").unlink()
    third = look(command)
    assert (third.stdout, third.stderr) == (second.stdout, second.stderr)
    assert not place("mentioned").exists()


def test_one_is_said_with_what_to_type() -> None:
    make_overdue("api")
    assert look("env").stderr == f"{SAID}\n"
    assert look("exec").stderr == ""  # once, whichever command it was


def test_several_are_said_in_one_line() -> None:
    make_overdue("a", "b:prod", "c", "d", "e")
    line = "overdue: a, c, d and 2 more: credman due\n"
    assert look("env").stderr == line
    place("mentioned").unlink()
    assert look("env", CREDMAN_ENV="prod").stderr == line  # whatever the command was asked for


@pytest.mark.parametrize("variable", ["CI", "CREDMAN_NO_INPUT"])
def test_where_nobody_is_nothing_is_said_nor_noted(variable: str) -> None:
    make_overdue("api")
    assert look("env", **{variable: "1"}).stderr == ""
    assert look("env").stderr == f"{SAID}\n"


@pytest.mark.parametrize("argv", [["get", "api"], ["show", "api"], ["history", "api"], ["status"]])
def test_no_other_command_says_it(argv: list[str]) -> None:
    make_overdue("api")
    assert SAID not in credman(*argv).stderr
    assert not place("mentioned").exists()


@pytest.mark.parametrize(
    ("hours", "is_said"),
    [(0, False), (19.9, False), (20.1, True), (-0.1, True), (-3 * 365 * 24, True), (30000, True)],
)
def test_it_is_said_again_after_twenty_hours_and_when_the_clock_was_set_back(
    hours: float, is_said: bool
) -> None:
    make_overdue("api")
    stamp(hours)
    assert look("env").stderr == (f"{SAID}\n" if is_said else "")
    moved = noted()[f"other {own_store()}"] - datetime.now(UTC) - AGAIN
    assert (abs(moved) < timedelta(minutes=5)) == (is_said or hours == 0)
    assert look("env").stderr == ""


def test_where_nothing_is_overdue_nothing_is_said_and_the_day_counts() -> None:
    assert credman("add", "fine", stdin=b"EXAMPLE").exit_code == 0
    assert look("env").stderr == ""
    assert place("mentioned").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"soon",
        b"\xff\xfe",
        b"x" * 100,
        b" " * (1 << 20),
        b"[]",
        b"null",
        b"[" * 60_000,
        b'{"other x": 5}',
        b'{"other x": "soon"}',
        b'{"other x": null}',
    ],
    ids=["empty", "word", "no text", "long", "huge", "list", "null", "deep", "5", "soon", "none"],
)
def test_a_damaged_note_of_it_is_as_good_as_none(data: bytes) -> None:
    make_overdue("api")
    stamp(0)
    place("mentioned").write_bytes(data)
    assert [look("env").stderr for _ in range(2)] == [f"{SAID}\n", ""]


PLACED: dict[str, Callable[[Path], None]] = {
    "link": lambda path: path.symlink_to("elsewhere"),
    "fifo": os.mkfifo,
    "directory": Path.mkdir,
}


@pytest.mark.parametrize("kind", PLACED)
def test_what_else_lies_in_its_place_stops_no_command(kind: str) -> None:
    make_overdue("api")
    stamp(0)
    usual = look("env")
    place("mentioned").rename(place("elsewhere"))
    before = place("elsewhere").read_bytes()
    PLACED[kind](place("mentioned"))
    outcomes = [look("env") for _ in range(2)]
    assert [outcome.stdout for outcome in outcomes] == [usual.stdout] * 2
    assert outcomes[1].stderr == ""
    assert place("elsewhere").read_bytes() == before


def test_where_nothing_can_be_noted_nothing_is_said() -> None:
    make_overdue("api")
    usual = look("env")
    place("mentioned").unlink()
    place("").chmod(0o500)
    try:
        done = without_privileges("env", "--shell", "posix")
    finally:
        place("").chmod(0o700)
    assert not place("mentioned").exists()
    assert (done.returncode, done.stdout, done.stderr) == (0, usual.stdout, b"")


def test_what_exec_runs_is_this_process_and_has_no_child_of_ours() -> None:
    make_overdue("api")
    script = 'read children < /proc/$$/task/$$/children; echo "$$ [$children] $API"'
    process = subprocess.Popen(
        [*PROGRAM, "exec", "--", "sh", "-c", script],
        env={**os.environ, **UNLOCKED},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path.home(),
    )
    out, err = process.communicate(timeout=60)
    assert (out.decode(), err.decode()) == (f"{process.pid} [] EXAMPLE api\n", f"{SAID}\n")


def opened_by(tmp_path: Path) -> Counter[str]:
    """Returns: what files ``env`` opens, without an agent."""
    log = tmp_path / "log"
    command = [require_program("strace"), "-f", "-o", str(log), "-e", "trace=openat,open"]
    subprocess.run(
        [*command, *PROGRAM, *COMMANDS["env"]],
        env={**os.environ, **UNLOCKED, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.DEVNULL,
        cwd=Path.home(),
        timeout=60,
        check=True,
    )
    return Counter(re.findall(r'"([^"]*)"', log.read_text()))


def test_it_costs_one_look_at_a_small_file_and_no_import(tmp_path: Path) -> None:
    make_overdue("api")
    assert look("env").stderr  # from now on the names are in the cache
    found = {}
    for word in ("on", "off"):
        configure(f'mention_overdue = "{word}"\n')
        stamp(1)
        found[word] = opened_by(tmp_path), modules_after(_MAIN, *COMMANDS["env"])
    assert found["on"][0] - found["off"][0] == Counter([str(place("mentioned"))])
    assert found["off"][0] - found["on"][0] == Counter()
    assert found["on"][1] == found["off"][1]


@contextmanager
def warm() -> Iterator[tuple[Agents, Path]]:
    """An agent that holds the vault, and a file in which each of its answers is noted."""
    with agents() as desk:
        desk.unlock()
        yield desk, place("").parent / "notes"


def test_the_agent_says_the_same() -> None:
    make_overdue("api")
    cold = look("env")
    with warm() as (desk, notes):
        for said in ("", f"{SAID}\n", ""):
            command = [sys.executable, str(DRIVER), str(notes), *COMMANDS["env"]]
            done = subprocess.run(
                command, env=desk.environ, capture_output=True, cwd=Path.home(), check=True
            )
            assert (done.stdout, done.stderr.decode()) == (cold.stdout, said)
            if not said:
                place("mentioned").unlink()
        assert notes.read_bytes().split() == [wire.DONE] * 3
