"""``due``: what is to be done, by when, for people, programs and calendars."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from credman.core.model import Rotation, Stage, Token, Version, VersionState
from tests.cli.dated import day, due, facts, found, make, store
from tests.cli.harness import credman, program
from tests.vault.factories import PASSPHRASE
from tests.watch.dates import DEAD, zone
from tests.watch.strict import check_strictly, read_events


def names(*argv: str, code: int) -> list[tuple[str, str]]:
    """Returns: name and kind of each."""
    return [(item["name"], item["kind"]) for item in facts(*argv, code=code)["due"]]


RETIRING = Version(1, VersionState.RETIRING, day(-40), ("KEY",), retiring_at=day(-9))
OVERDUE = make("late", age=95, place=("prod", "default"), rotate_every="90d")
SOON = make("soon", place=("dev", "work"), expires_at=day(21))
LATER = make("later", rotate_every="90d")
FREE = make("free")


def test_plain_lines_for_what_is_due_and_what_to_type_for_what_is_overdue() -> None:
    store(OVERDUE, SOON, LATER, make("other", old=(RETIRING,)), FREE)
    outcome = due(code=8)
    header, *rows = outcome.text.splitlines()
    assert header.split()[:6] == ["NAME", "FROM", "PROFILE", "WHAT", "BY", "STATE"]
    assert [row.split()[:4] for row in rows] == [
        ["late", "prod", "default", "rotation"],
        ["other", "default", "default", "revocation"],
        ["soon", "dev", "work", "expiry"],
        ["later", "default", "default", "rotation"],
    ]
    assert "overdue for 5 days" in rows[0] and "expires in 21 days, on " in rows[2]
    assert "#1 is still alive, its successor came 9 days ago" in rows[1]
    assert "credman rotate late -e prod" in outcome.text + outcome.stderr
    assert "credman revoke other" in outcome.text + outcome.stderr
    assert "no date for " in outcome.stderr and "free" in outcome.stderr
    assert "\x1b" not in outcome.text


@pytest.mark.parametrize(
    ("free", "hint"),
    [
        ([make("gl")], "no date for gl: credman schedule gl --every 90d"),
        (
            [make("gl", place=("dev", "default"))],
            "no date for gl: credman schedule gl -e dev --every 90d",
        ),
        (
            [make("z"), make("hf", place=("prod", "work")), make("gl", place=("dev", "work"))],
            "no date for z and 2 more: credman schedule z --every 90d",
        ),
        (
            [make("hf", place=("prod", "work")), make("gl", place=("dev", "work"))],
            "no date for gl and 1 more: credman schedule gl -e dev -p work --every 90d",
        ),
        # What was said to need none is not asked for again.
        ([make("off", rotate_every="off"), make("gl")],
         "no date for gl: credman schedule gl --every 90d"),
    ],
)  # fmt: skip
def test_the_command_for_what_has_no_date_works_as_it_stands(
    free: Sequence[Token], hint: str
) -> None:
    store(*free)
    assert due(code=0).stderr.splitlines()[-1] == hint
    _, *argv = hint.partition(": ")[2].split()
    done = credman(*argv, passphrase=str(PASSPHRASE))
    assert done.exit_code == 0, done.stderr
    first = argv[1]
    assert [item["name"] for item in facts(code=0)["due"]] == [first]
    assert f"no date for {first}" not in due(code=0).stderr


PLACE = "/home/alice/training_params.json"
FOUND = make("hf", place=("prod", "default"), rotate_every="90d", exposure=found(PLACE, count=3))
RETIRED = replace(RETIRING, retiring_at=day(-1), exposure=found(PLACE))


def test_what_was_found_in_files_is_due_at_once() -> None:
    store(FOUND, LATER, make("other", old=(RETIRED,)))
    outcome = due(code=8)
    first, second, third = outcome.text.splitlines()[1:]
    assert first.split()[:3] == ["hf", "prod", "exposure"]
    assert first.split(maxsplit=4)[4].split("   ")[0] == "it was found in 3 files"
    assert first.endswith("   credman rotate hf -e prod")
    assert second.split()[:3] == ["other", "default", "revocation"]
    assert "   #1 was found in a file and is still alive   credman revoke other" in second
    assert third.split()[0] == "later" and outcome.stderr.count("credman") == 1  # no date for other
    assert PLACE not in outcome.text + outcome.stderr
    (hf, *_), within = facts(code=8)["due"], names("--within", "1d", code=8)
    assert (hf["kind"], hf["files"], hf["overdue"]) == ("exposure", 3, True)
    assert within == [("hf", "exposure"), ("other", "revocation")]


def test_a_line_for_what_was_found_on_a_terminal_and_in_a_calendar() -> None:
    store(FOUND)
    for width in (59, 120):
        shown = due(code=8, stdout_is_terminal=True, width=width, environ={"NO_COLOR": "1"})
        assert "it was found in 3 files: credman rotate hf -e prod" in shown.text
        assert shown.stderr == ""
    calendar = due("--ics", code=8).text
    assert "SUMMARY:rotate hf (prod)" in calendar and PLACE not in calendar


def test_without_profiles_there_is_no_such_column() -> None:
    store(LATER)
    assert "PROFILE" not in due(code=0).text.splitlines()[0]


def test_on_a_terminal_it_is_a_timeline() -> None:
    store(OVERDUE)
    shown = due(code=8, stdout_is_terminal=True, environ={"NO_COLOR": "1"})
    assert "today" in shown.text.splitlines()[0] and "▓█" in shown.text
    narrow = due(code=8, stdout_is_terminal=True, width=59)
    # Too narrow for bars and for columns: a line each, and nothing is said twice.
    line = "late (prod) – overdue for 5 days: credman rotate late -e prod"
    assert (narrow.text, narrow.stderr) == (f"{line}\n", "")
    assert shown.stderr == f"{line}\n"


def test_for_programs() -> None:
    store(SOON, OVERDUE)
    found = facts(code=8)
    assert found.keys() == {"version", "due"}
    first, second = found["due"]
    at = day(-5).isoformat().replace("+00:00", "Z")
    assert first == {
        "kind": "rotation", "name": "late", "environment": "prod", "profile": "default",
        "provider": None, "version": 1, "since": day(-95).isoformat().replace("+00:00", "Z"),
        "at": at, "overdue": True, "command": "credman rotate late -e prod",
        "reminders": [(day(n).isoformat().replace("+00:00", "Z")) for n in (-19, -8)],
    }  # fmt: skip
    assert (second["profile"], second["overdue"]) == ("work", False)
    assert second["command"] == "credman rotate soon -e dev -p work"


@pytest.mark.parametrize(
    ("tokens", "code"),
    [
        ([LATER], 0),
        ([SOON], 0),
        ([FREE], 0),
        ([OVERDUE], 8),
        ([make(expires_at=day(-1))], 8),
        ([make(old=(RETIRING,))], 8),
        ([make(old=(replace(RETIRING, grace="10d"),))], 0),
        ([make(finding=DEAD)], 8),
        ([make(exposure=found("/a", days=0))], 8),
        ([make(exposure=found("/a"), remind_before=("off",))], 8),
        ([make(old=(replace(RETIRED, fields=(), state=VersionState.REVOKED),))], 0),
        ([replace(LATER, rotation=Rotation(2, Stage.STAGED, False, day(-1)), versions=(
            *LATER.versions, Version(2, VersionState.STAGED, day(-1), ("KEY",))))], 8),
    ],
)  # fmt: skip
def test_it_ends_with_8_if_something_is_overdue(tokens: Sequence[Token], code: int) -> None:
    store(*tokens)
    for argv in ((), ("--json",), ("--ics",)):
        due(*argv, code=code)


def test_an_unfinished_rotation_is_named_with_the_way_out() -> None:
    staged = Version(2, VersionState.STAGED, day(-1), ("KEY",))
    token = replace(FREE, versions=(*FREE.versions, staged))
    store(replace(token, rotation=Rotation(2, Stage.STAGED, False, day(-1))))
    assert names(code=8) == [("free", "unfinished")]
    outcome = due(code=8)
    assert "credman rotate free --resume" in outcome.text + outcome.stderr
    assert "no date" not in outcome.stderr  # that comes when there is a value again


def test_within_leaves_out_what_is_later_and_keeps_what_waits_already() -> None:
    patient = make("patient", old=(replace(RETIRING, grace="60d"),))
    store(OVERDUE, SOON, LATER, make("other", old=(RETIRING,)), patient)
    waiting = [("late", "rotation"), ("other", "revocation")]
    old = ("patient", "revocation")
    assert names("--within", "1d", code=8) == [*waiting, old]
    assert names("--within", "3w", code=8) == [*waiting, ("soon", "expiry"), old]
    assert len(names("--within", "1y", code=8)) == 5


def test_nothing_within_is_said_and_is_no_finding() -> None:
    store(LATER)
    outcome = due("--within", "1mo", code=0)
    assert (outcome.text, outcome.stderr) == ("", "nothing is due within 1mo\n")


def test_all_environments_and_profiles_unless_one_is_chosen() -> None:
    store(OVERDUE, SOON, LATER)
    assert len(facts(code=8)["due"]) == 3
    assert len(facts(code=8)["due"]) == len(
        json.loads(due("--json", code=8, environ={"CREDMAN_ENV": "dev"}).text)["due"]
    )
    # What an environment inherits is its own concern as well.
    assert names("-e", "prod", code=8) == [("late", "rotation"), ("later", "rotation")]
    assert names("-e", "dev", code=0) == [("soon", "expiry"), ("later", "rotation")]
    assert names("-e", "DEV", "-p", "default", code=0) == [("later", "rotation")]
    assert names("-e", "dev", "-p", "work", code=0) == [("soon", "expiry")]
    assert names("-p", "WORK", code=0) == [("soon", "expiry")]
    for argv in (("-e", "pord"), ("-p", "wrok")):
        assert due(*argv, code=3).text == ""


def test_what_several_profiles_hold_is_listed_once_each() -> None:
    places = [("default", "default"), ("default", "work"), ("default", "Work"), ("dev", "WORK")]
    store(*(make(f"t{n}", place=p, rotate_every="90d") for n, p in enumerate(places)))
    for argv in ((), ("-e", "dev"), ("-e", "default", "-e", "dev")):
        assert sorted(name for name, _ in names(*argv, code=0)) == ["t0", "t1", "t2", "t3"]
    assert sorted(name for name, _ in names("-p", "work", code=0)) == ["t1", "t2", "t3"]


def test_an_empty_vault_and_none_at_all() -> None:
    assert "nothing is stored here" in due(code=3).stderr
    store()
    outcome = due(code=0)
    assert (outcome.text, outcome.stderr) == ("", "nothing is stored here\n")
    assert facts(code=0)["due"] == []


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        (("--json", "--ics"), "--ics and --json exclude each other"),
        (("--ics", "--policy"), "--ics and --policy exclude each other"),
        (("--ics", "--policy", "--json"), "--ics and --json exclude each other"),
        (("--within", "3m"), "--within: this is not an interval"),
        (("--within", "0d"), "--within: this is not an interval"),
        (("--within", "soon"), "--within: this is not an interval"),
    ],
)
def test_bad_input(argv: tuple[str, ...], error: str) -> None:
    store(OVERDUE)
    outcome = due(*argv, code=2)
    assert outcome.stderr.splitlines()[0] == f"credman: error: {error}" and outcome.text == ""


YEARS = [(1, "YYY+12"), (1970, "XXX-14"), (2038, "UTC"), (9999, "XXX-14")]


@pytest.mark.parametrize(("year", "local"), YEARS)
def test_a_token_of_any_year_stops_no_listing(year: int, local: str) -> None:
    begin, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC)
    old = replace(RETIRING, created_at=begin, retiring_at=end)
    odd = []
    for name, every, ends, made in (("t0", "1d", end, end), ("t1", "9999y", begin, begin)):
        token = make(name, old=(old,), rotate_every=every, expires_at=ends)
        odd.append(replace(token, versions=(old, replace(token.versions[1], created_at=made))))
    store(*odd)
    with zone(local):
        for argv in (
            ("due",), ("due", "--json"), ("due", "--ics"), ("due", "--within", "9999y"), ("list",),
            ("show", "t0"), ("show", "t1"), ("history", "t1"), ("schedule", "t1"),
        ):  # fmt: skip
            for is_terminal in (False, True):
                outcome = credman(*argv, passphrase=str(PASSPHRASE), stdout_is_terminal=is_terminal)
                assert outcome.exit_code in (0, 8), (argv, outcome.stderr)
                assert outcome.text.startswith(("  ", "{", "BEGIN", "t", "NAME")), outcome.text


def read_calendar(text: str) -> dict[str, Any]:
    """Returns: the events by what they say; a strict reader has read them."""
    check_strictly(text)
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    return {str(event["summary"]): event for event in read_events(text)}


def test_a_calendar_to_subscribe_to() -> None:
    long = make("n" * 64, place=("e" * 64, "p" * 64), rotate_every="90d", remind_before=("1mo",))
    store(OVERDUE, SOON, make("other", old=(RETIRING,)), long)
    found = read_calendar(due("--ics", code=8).text)
    assert sorted(found)[:3] == [
        "replace soon (dev, profile work)",
        "revoke the old other",
        "rotate late (prod)",
    ]
    assert len(found) == 4
    again = read_calendar(due("--ics", code=8).text)
    assert {e["uid"] for e in found.values()} == {e["uid"] for e in again.values()}
    assert len({e["uid"] for e in found.values()}) == 4
    alarms = [list(event.walk("VALARM")) for _, event in sorted(found.items())]
    assert [len(each) for each in alarms] == [3, 1, 3, 2]


def test_a_rotation_moves_its_event() -> None:
    added = credman("add", "api", "--rotate-every", "90d", stdin=b"one")
    assert added.exit_code == 0 and credman("due", "--ics").exit_code == 0
    before = read_calendar(credman("due", "--ics").text)["rotate api"]
    credman("schedule", "api", "--every", "100d")
    assert credman("rotate", "api", "--no-check", "--yes", stdin=b"two").exit_code == 0
    after = read_calendar(credman("due", "--ics").text)["rotate api"]
    assert after["uid"] == before["uid"]
    assert after.decoded("dtstart") - before.decoded("dtstart") in (
        timedelta(days=10), timedelta(days=11),
    )  # fmt: skip


WITHOUT = """
import sys
sys.modules["icalendar"] = None
from credman.__main__ import main
sys.argv[1:] = ["due", "--ics"]
raise SystemExit(main())
"""


def test_without_its_library_it_says_what_to_install() -> None:
    assert program("add", "api", "--rotate-every", "90d", stdin=b"one").returncode == 0
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False,
        env={**os.environ, "CREDMAN_PASSPHRASE": "correct horse battery staple"}, cwd=Path.home(),
    )  # fmt: skip
    error, hint = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (6, "")
    assert error == "credman: error: what writes calendars is not installed"
    assert hint.startswith("credman: hint: ") and "credman-cli[calendar]" in hint
