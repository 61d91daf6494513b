"""What ``remind run`` could not show to anybody: kept for its store, and said as it is now."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.cli.harness import PROGRAM, credman
from tests.cli.person import person
from tests.cli.test_remind_run import (
    LINE,
    UNSEEN,
    VALUE,
    age,
    last_run,
    list_unseen,
    make_overdue,
    place,
    tell,
)
from tests.upkeep.years import later


def test_two_stores_with_tokens_of_one_name_are_told_of_each(tmp_path: Path) -> None:
    other = f"file:{tmp_path}/other.age"
    make_overdue("api")
    words = ["api", "--no-check", "--rotate-every", "90d", "--store", other]
    assert credman("add", *words, stdin=b"EXAMPLE other").exit_code == 0
    age(100)
    for _ in range(2):
        assert tell().exit_code == 0 and tell("--store", other).exit_code == 0
    assert len(json.loads(place("reminders.json").read_bytes())["told"]) == 2
    assert list_unseen() == list_unseen(other) == [LINE]
    with person("providers", environ={"CREDMAN_STORE": other}) as somebody:
        assert somebody.leaves() == 0
        assert f"reminder: {LINE}\n" in somebody.screen
    assert (list_unseen(), list_unseen(other)) == ([LINE], [])


DONE = {
    "rotated": ["rotate", "api", "--no-check"],
    "removed": ["remove", "api", "--yes"],
    "switched off": ["schedule", "api", "--off"],
    "never reminded of": ["schedule", "api", "--remind", "off"],
    "renamed": ["rename", "api", "other"],
}


@pytest.mark.parametrize("way", DONE)
def test_what_nobody_saw_is_not_said_once_it_is_done(way: str) -> None:
    make_overdue("api")
    assert tell().exit_code == 0 and list_unseen() == [LINE]
    done = credman(*DONE[way], stdin=VALUE[::-1].encode())
    assert done.exit_code == 0, done.stderr
    age(100)  # the cache has the vault's dates again
    assert list_unseen() == []


def test_what_nobody_saw_is_said_as_it_is_now() -> None:
    make_overdue("api", days=88)
    assert tell().exit_code == 0
    (line,) = list_unseen()
    assert line.startswith("rotate api: due in 2 days, on ")
    command = [*PROGRAM, "remind", "status", "--json"]
    environ = {**os.environ, **later(17 * 86400)}
    done = subprocess.run(command, capture_output=True, cwd=Path.home(), env=environ, check=True)
    assert json.loads(done.stdout)["pending"] == [LINE.replace("10", "15")]


def test_what_a_command_did_not_get_is_not_pressed_on_whoever_names_none(tmp_path: Path) -> None:
    make_overdue("api")
    assert tell("--command", "false").exit_code == 1
    assert tell().exit_code == 0
    assert last_run()["result"] in ("nothing was due", UNSEEN) and list_unseen() == [LINE]
