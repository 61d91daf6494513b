"""A year of reminders under a clock that is really moved: each stage of each token is told once.

What is to be told stands here as a table of dates; nothing of the product computes it.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import chain
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tests.cli.harness import credman
from tests.upkeep.stub import stub
from tests.upkeep.stub_places import make_environ, pipe
from tests.upkeep.years import BEGIN, REPOSITORY, Step, Told, Year, live
from tests.watch.desktops import desktop

START = datetime(2027, 6, 1, 22, 30, tzinfo=UTC)
"""The year has a 29 February. In Berlin this is the next day in summer, and not in winter."""
DAYS = 366
RUN = ("remind", "run")
MONTHLY = datetime(2027, 11, 30, 22, 30, tzinfo=UTC)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def find_advice() -> int:
    text = (REPOSITORY / "credman" / "providers" / "data" / "gitlab.toml").read_text()
    found = [v for k, v in walk(tomllib.loads(text)) if k == "rotation_days"]
    assert found and isinstance(found[0], int)
    return found[0]


def walk(table: dict[str, object]) -> Iterable[tuple[str, object]]:
    for key, value in table.items():
        yield key, value
        if isinstance(value, dict):
            yield from walk(value)


ADVICE = 365
"""What GitLab's file says is compared with it."""

COMMANDS = [
    Step(day(-100), ("add", "late", "--no-check", "--rotate-every", "90d"), "EXAMPLE late"),
    Step(START, ("add", "turned", "--no-check", "--rotate-every", "90d"), "EXAMPLE first"),
    Step(START, ("schedule", "turned", "--remind", "14d,3d")),
    Step(START, ("add", "ending", "--no-check", "--expires", day(200).isoformat()), "EXAMPLE end"),
    Step(START, ("add", "brief", "--command", "printf EXAMPLE", "--ttl", "30d")),
    Step(START, ("add", "quiet", "--no-check", "--provider", "gitlab"), "EXAMPLE quiet"),
    Step(START, ("schedule", "quiet", "--off")),
    Step(
        START, ("add", "advised", "--no-check", "--provider", "gitlab", "--var", "A"), "EXAMPLE a"
    ),
    Step(START, ("add", "begun", "--no-check"), "EXAMPLE begun"),
    Step(day(50), (BEGIN, "begun")),
    Step(day(91), ("rotate", "turned", "--no-check"), "EXAMPLE second"),
    Step(day(120), ("revoke", "turned", "--version", "1", "--yes")),
    Step(day(182), ("rotate", "turned", "--no-check"), "EXAMPLE third"),
    Step(MONTHLY, ("add", "monthly", "--no-check", "--rotate-every", "3mo"), "EXAMPLE monthly"),
    Step(MONTHLY, ("schedule", "monthly", "--remind", "2w,1mo")),
    Step(day(186), ("revoke", "turned", "--version", "2", "--yes")),
]


class Thing(NamedTuple):
    """One thing to do, and when to tell of it; the last time is the date itself."""

    name: str
    kind: str
    stages: tuple[datetime, ...]


THINGS = [
    Thing("late", "rotation", (day(-24), day(-13), day(-10))),
    Thing("turned", "rotation", (day(76), day(87), day(90))),
    Thing("turned", "revocation", (day(98),)),  # 7 days after day 91; revoked on day 120
    Thing("turned", "rotation", (day(167), day(178), day(181))),
    # Its second version is revoked within its 7 days: nothing is told of that.
    Thing("turned", "rotation", (day(258), day(269), day(272))),
    Thing("ending", "expiry", (day(186), day(197), day(200))),
    Thing("advised", "rotation", (day(ADVICE - 14), day(ADVICE - 3), day(ADVICE))),
    Thing("begun", "unfinished", (day(50),)),
    Thing(
        "monthly",
        "rotation",
        tuple(MONTHLY.replace(year=2028, month=m, day=d) for m, d in ((1, 29), (2, 15), (2, 29))),
    ),
]  # nothing of brief, which a command prints, and of quiet, which is off
Stage = tuple[str, str, datetime]
STAGES: set[Stage] = {(t.name, t.kind, stage) for t in THINGS for stage in t.stages}
MISSED = {("late", "rotation", day(-24)), ("late", "rotation", day(-13))}
"""Before the first run."""
COUNT = {"rotation": 16, "expiry": 3, "revocation": 1, "unfinished": 1}
"""A year's count of notifications, of eight tokens."""


def make_steps(runs: Iterable[datetime]) -> list[Step]:
    steps = [*COMMANDS, *(Step(at, RUN) for at in runs)]
    return sorted(steps, key=lambda step: step.at)


def tell(runs: list[datetime], zone: tzinfo) -> dict[Told, datetime]:
    """Returns: what is to be told, and the stage that it is told for: each at the first run of its
    day here or from then on, but where the same thing has a later one by then."""
    found: dict[Told, datetime] = {}
    for thing in THINGS:
        for stage in thing.stages:
            begin = stage.astimezone(zone).replace(hour=0, minute=0)
            if thing.kind == "unfinished":  # nobody knows of it before
                begin = stage
            run = min(run for run in runs if run >= begin)
            found[Told(run, thing.name, thing.kind, thing.stages[-1])] = stage
    return found


def assert_told(
    year: Year, steps: list[Step], runs: list[datetime], zone: tzinfo = UTC
) -> set[Stage]:
    """Returns: the stages that were told, each once."""
    assert year.clock == [step.at for step in steps]  # it is really moved
    due = tell(runs, zone)
    assert Counter(year.told) == Counter(due.keys())
    stages = [(told.name, told.kind, due[told]) for told in year.told]
    assert len(stages) == len(set(stages))
    return set(stages)


def test_a_year_in_days_tells_each_stage_once_and_a_desktop_shows_it(tmp_path: Path) -> None:
    assert find_advice() == ADVICE
    runs = [day(n) + timedelta(hours=1) for n in range(DAYS)]
    steps = make_steps(runs)
    with desktop(tmp_path) as screen:
        given = {"DBUS_SESSION_BUS_ADDRESS": screen.environ["DBUS_SESSION_BUS_ADDRESS"]}
        year = live(steps, tmp_path, {**given, "TZ": "UTC"})
        assert assert_told(year, steps, runs) == STAGES - MISSED
        assert Counter(item.kind for item in year.told) == COUNT
        shown = [(one.title, one.text) for one in screen.shown(len(year.told))]
    assert Counter(shown) == Counter(zip(year.titles, year.texts, strict=True))


def test_a_year_in_steps_of_seven_hours_where_clocks_are_changed_twice(tmp_path: Path) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    runs = [START + timedelta(hours=7 * n + 1) for n in range(DAYS * 24 // 7)]
    assert len({run.astimezone(berlin).utcoffset() for run in runs}) == 2
    steps = make_steps(runs)
    year = live(steps, tmp_path, {"TZ": "Europe/Berlin"})
    assert assert_told(year, steps, runs, berlin) == STAGES - MISSED
    assert Counter(item.kind for item in year.told) == COUNT
    ahead = [(t, text) for t, text in zip(year.told, year.texts, strict=True) if t.run < t.at]
    assert len(ahead) > 12
    before = 0
    for told, text in ahead:
        local = told.at.astimezone(berlin)
        days = (local.date() - told.run.astimezone(berlin).date()).days
        words = f"in {days} days, on {local.day} {local:%b}" if days else "today"
        assert f" {words}" in text, (told, text)
        before += bool(days)
    assert before == 12


def test_a_machine_that_sleeps_and_a_clock_that_is_set_back_and_right_again(tmp_path: Path) -> None:
    usual = [day(n / 2) + timedelta(hours=1) for n in range(DAYS * 2)]
    awake = [run for run in usual if not day(255) <= run < day(295)]
    right, steps = list(awake), make_steps(awake)
    for number, back in ((130, 3 * 365), (179, 10)):  # 10 days: where a stage was told then
        wrong = [run for run in awake if day(number) <= run < day(number + 1)]
        assert len(wrong) == 2
        right = [run for run in right if run not in wrong]
        moved = [Step(run - timedelta(days=back), RUN) for run in wrong]
        place = steps.index(Step(wrong[0], RUN))
        steps[place : place + 2] = moved
    year = live(steps, tmp_path, {"TZ": "UTC"})
    # Of what passed in the sleep the latest is told: the last stage, without those before it.
    slept: set[Stage] = {("turned", "rotation", day(258)), ("turned", "rotation", day(269))}
    slept.add(("monthly", "rotation", MONTHLY.replace(year=2028, month=2, day=15)))
    assert assert_told(year, steps, right) == STAGES - MISSED - slept


def test_a_dead_value_is_told_once_though_it_is_checked_every_day(tmp_path: Path) -> None:
    told = []
    with stub() as provider:
        environ = make_environ(provider, "groq")
        first, second = (provider.issue("groq", days=None) for _ in range(2))
        assert credman("add", "groq", stdin=pipe(first), environ=environ).exit_code == 0
        successor = Step(day(15), ("rotate", "groq"), pipe(second).decode())
        for issued, begin, last in ((first, 0, [successor]), (second, 20, [])):
            provider.revoke(issued)
            folder = tmp_path / str(begin)
            folder.mkdir()
            days = [day(begin + number) for number in range(10)]
            hour = timedelta(hours=1)
            pairs = [(Step(d, ("check",), code=8), Step(d + hour, RUN)) for d in days]
            told += live([*chain(*pairs), *last], folder, environ).told
        for issued in (first, second):
            assert provider.count("groq", "verify", issued.token) == 11  # it was really asked
    assert told == [
        Told(day(number) + timedelta(hours=1), "groq", "replacement", day(number))
        for number in (0, 20)
    ]
