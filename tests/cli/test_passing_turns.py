"""Whose turn it is to be told in passing: each store's, on a terminal and elsewhere, and when."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

from credman.core.intervals import format_instant
from tests.cli.harness import credman
from tests.cli.person import person
from tests.cli.test_passing import (
    AGAIN,
    COMMANDS,
    SAID,
    UNLOCKED,
    look,
    make_old,
    make_overdue,
    noted,
    own_store,
    stamp,
)
from tests.cli.test_remind_run import place


def look_from_a_terminal() -> str:
    """Returns: what ``env`` says there."""
    line = f'exec "$@" {shlex.join(COMMANDS["env"])} > /dev/null'
    with person(shell=line, environ=UNLOCKED) as somebody:
        assert somebody.leaves() == 0
    return somebody.screen


def test_who_throws_standard_error_away_has_not_read_it_on_the_terminal() -> None:
    make_overdue("api")
    assert look("env").stderr == f"{SAID}\n"
    assert [look_from_a_terminal() for _ in range(2)] == [f"{SAID}\n", ""]
    assert look("env").stderr == ""
    assert set(noted()) == {f"other {own_store()}", f"terminal {own_store()}"}
    place("mentioned").unlink()
    assert look_from_a_terminal() == f"{SAID}\n"
    assert look("env").stderr == f"{SAID}\n"


def test_another_store_has_a_turn_of_its_own(tmp_path: Path) -> None:
    make_overdue("api")
    other = f"file:{tmp_path}/other.age"
    assert credman("add", "fine", "--store", other, stdin=b"EXAMPLE").exit_code == 0
    assert look("env", CREDMAN_STORE=other).stderr == ""
    assert look("env").stderr == f"{SAID}\n"
    assert look("env", CREDMAN_STORE=other).stderr == ""
    own = own_store().replace(str(Path.home().parent), "../.")  # as it may be written as well
    assert look("env", CREDMAN_STORE=own).stderr == ""
    assert set(noted()) == {f"other {own_store()}", f"other {other}"}


def test_many_stores_do_not_make_the_note_grow_without_end(tmp_path: Path) -> None:
    make_overdue("api")
    later = format_instant(datetime.now(UTC) + timedelta(hours=1))
    place("").mkdir(mode=0o700)
    others = {f"other file:/{number}": later for number in range(100)}
    place("mentioned").write_text(json.dumps(others))
    assert [look("env").stderr for _ in range(2)] == [f"{SAID}\n", ""]
    assert len(noted()) < 50


def test_what_comes_due_in_a_few_hours_is_said_then() -> None:
    make_overdue("api")
    made = make_old("api", hours=90 * 24 - 5)
    assert look("env").stderr == ""
    assert noted() == {f"other {own_store()}": made + timedelta(days=90)}
    # Five hours pass, for the token and for the note.
    make_old("api", hours=90 * 24)
    stamp(20)
    assert look("env").stderr == "api – overdue since today: credman rotate api\n"
    moved = noted()[f"other {own_store()}"] - datetime.now(UTC) - AGAIN
    assert abs(moved) < timedelta(minutes=5)


def test_what_comes_due_only_days_later_is_looked_for_again_after_twenty_hours() -> None:
    make_overdue("api")
    make_old("api", hours=90 * 24 - 30)
    assert look("env").stderr == ""
    make_old("api")  # by a command, not by time: that waits for the next turn
    assert look("env").stderr == ""
    stamp(20.1)
    assert look("env").stderr == f"{SAID}\n"
