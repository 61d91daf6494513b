"""Rows K01 to K05: clocks that are wrong, local time that is odd, dates at the ends of the
calendar: the real program, under a clock of its own."""

from __future__ import annotations

import json
import math
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.matrix.common import CANARY, add, call, get, make_home, start, vault_path
from tests.matrix.elsewhere import shell
from tests.requirements import require
from tests.upkeep.years import later as other_clock

BERLIN = "/usr/share/zoneinfo/Europe/Berlin"
YEARS_BACK = -3 * 365 * 86400.0
HOOK = "sh -c 'cat >> told'"


def at(
    seconds: float, *argv: str, times: int = 1, zone: str = "UTC", value: str = CANARY
) -> subprocess.CompletedProcess[bytes]:
    """Runs credman where the clock differs by so many seconds. Args: times: at once."""
    run = '"$@"'
    script = f"exec {run}" if times == 1 else f"{run} & " * times + "wait"
    clock = other_clock(math.ceil(seconds))  # never earlier than that
    return shell(script, *argv, environ={"TZ": zone, **clock}, stdin=value.encode())


def until(instant: str) -> float:
    """Returns: seconds from now, negative if it has passed."""
    return datetime.fromisoformat(instant).timestamp() - time.time()


def well(done: subprocess.CompletedProcess[bytes], code: int = 0) -> str:
    assert done.returncode == code, done.stderr
    return done.stdout.decode()


def told() -> list[tuple[str, str]]:
    """Returns: kind and date of each reminder that came to the hook; and forgets them."""
    path = Path.home() / "told"
    text = path.read_text() if path.exists() else ""
    path.unlink(missing_ok=True)
    found, decoder = [], json.JSONDecoder()
    while text := text.strip():
        record, end = decoder.raw_decode(text)
        found += [(item["kind"], item["at"]) for item in record["reminders"]]
        text = text[end:]
    return found


def test_k01_a_clock_that_is_three_years_back_makes_nothing_old_and_nothing_new() -> None:
    make_home()
    assert add("ending", b"v", "--expires", "2099-01-01", "--rotate-every", "90d").exit_code == 0
    listed = well(at(YEARS_BACK, "list", "--all"))
    rows = [line.split() for line in listed.splitlines()[1:]]
    assert [row[row.index("default") + 2] for row in rows] == ["today", "today"]
    assert "expired" not in listed and "overdue" not in listed and " -" not in listed
    assert "overdue" not in well(at(YEARS_BACK, "due"))
    assert get() == CANARY.encode()
    newer = f"{CANARY}-newer"
    # What is stored by that clock is the newest nevertheless: versions are ordered by number.
    well(at(YEARS_BACK, "rotate", "canary", "--no-check", "--yes", value=newer))
    record = json.loads(well(start("history", "canary", "--json")))
    states = {version["number"]: version["state"] for version in record["versions"]}
    assert states == {1: "retiring", 2: "current"} and get() == newer.encode()


@pytest.mark.parametrize(
    ("added", "midnight", "due"),
    [
        # A day later there is no half past two,
        ("2026-03-28T01:30:00Z", "2026-03-28T23:00:00Z", "2026-03-29T01:30:00Z"),
        # and here there are two of it. The day begins at midnight in Berlin.
        ("2026-10-24T00:30:00Z", "2026-10-24T22:00:00Z", "2026-10-25T00:30:00Z"),
    ],
)
def test_k02_where_the_clock_changes_a_date_comes_once(added: str, midnight: str, due: str) -> None:
    require(Path(BERLIN).exists(), "there are no time zones here")
    options = ("canary", "--rotate-every", "1d", "--no-check")
    well(at(until(added), "add", *options, zone="Europe/Berlin"))
    stored = datetime.fromisoformat(due)
    run = ("remind", "run", "--command", HOOK)
    well(at(until(midnight) - 120, *run, zone="Europe/Berlin"))
    assert told() == []
    well(at(until(midnight) + 60, *run, zone="Europe/Berlin"))
    for later, zone in ((60, "Europe/Berlin"), (3660, "Europe/Berlin"), (3720, ":bad")):
        well(at(until(due) + later, *run, zone=zone))
    ((kind, moment),) = told()
    # Starting the program takes a moment, and that is when it was stored.
    assert kind == "rotation"
    assert 0 <= (datetime.fromisoformat(moment) - stored).total_seconds() < 60
    found = json.loads(well(at(until(due) + 7200, "due", "--json", zone=":bad"), 8))
    assert [item["at"] for item in found["due"]] == [moment]


def test_k02_a_date_is_the_same_day_east_and_west_of_greenwich() -> None:
    require(Path(BERLIN).exists(), "there are no time zones here")
    make_home()
    typed = ("schedule", "canary", "--expires", "2099-03-31")
    assert ", on 31 Mar 2099\n" in well(at(0, *typed, zone="Pacific/Kiritimati"))
    for zone in ("Europe/Berlin", "Pacific/Pago_Pago"):
        assert ", on 31 Mar 2099\n" in well(at(0, "schedule", "canary", zone=zone))
        calendar = well(at(0, "due", "--ics", zone=zone))
        assert "DTSTART;VALUE=DATE:20990331\r\n" in calendar
    assert '"at": "2099-03-31T23:59:59Z"' in well(at(0, "due", "--json", zone="Asia/Kathmandu"))


@pytest.mark.parametrize("year", [1970, 2038, 9999])
def test_k03_years_at_the_ends_of_the_calendar(year: int) -> None:
    make_home(seen=False)
    end = f"{year}-12-31T23:59:59Z"
    assert add("odd", b"v", "--expires", end, "--rotate-every", "9999y").exit_code == 0
    for argv in (("list",), ("show", "odd"), ("due",), ("due", "--ics"), ("schedule", "odd")):
        outcome = call(*argv)
        assert outcome.exit_code in (0, 8) and outcome.stderr.count("unexpected") == 0
    found = json.loads(call("due", "--json").text)["due"]
    assert {item["at"] for item in found} == {end, "9999-12-31T23:59:59Z"}


@pytest.mark.parametrize(
    "text",
    [
        "0000-01-01", "0000-00-00", "2026-12-31T23:59:60Z", "10000-01-01", "-0001-01-01",
        "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00", "253402300800",
    ],
)  # fmt: skip
def test_k03_what_is_beyond_the_calendar_is_no_date(text: str) -> None:
    before = make_home(seen=False).read_bytes()
    for argv in (("schedule", "canary"), ("add", "new")):
        outcome = call(*argv, f"--expires={text}", stdin=b"v")
        assert outcome.exit_code == 2, outcome.stderr
        assert "this is not a date" in outcome.stderr
    assert vault_path().read_bytes() == before


def test_k04_what_came_while_it_slept_is_told_once_by_runs_of_one_second() -> None:
    make_home()
    assert call("schedule", "canary", "--every", "90d").exit_code == 0
    run = ("remind", "run", "--command", HOOK)
    day = 86400.0
    at(88 * day, *run, times=3)
    ((kind, moment),) = told()
    assert kind == "rotation"
    created = datetime.now(UTC)
    assert 89 <= (datetime.fromisoformat(moment) - created).total_seconds() / day <= 90
    well(at(89 * day, *run))
    assert told() == []
    well(at(91 * day, *run))
    assert told() == [(kind, moment)]


@pytest.mark.parametrize(
    "text", ["2099-01-01T12:00:00", "2099-01-01 12:00", "2099-01-01T12", "20990101T120000"]
)
def test_k05_a_time_without_an_offset_is_refused(text: str) -> None:
    before = make_home(seen=False).read_bytes()
    for argv in (("schedule", "canary"), ("add", "new")):
        outcome = call(*argv, "--expires", text, stdin=b"v")
        assert outcome.exit_code == 2
        assert "such as 2027-03-31 or 2027-03-31T12:00:00+01:00" in outcome.stderr
    assert vault_path().read_bytes() == before
