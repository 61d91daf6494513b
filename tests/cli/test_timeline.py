"""The timeline of ``due``: it fits its terminal, and says the same without colour."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from credman.cli.context import Output
from credman.cli.timeline import render_timeline
from credman.core.model import Rotation, Stage, Token, VersionState
from credman.watch.schedule import due
from tests.cli.naming import make_context
from tests.watch.dates import DEAD, NOW, day, expose, make_token, make_version, zone

PROD, DEV, WORK = ("prod", "default"), ("dev", "default"), ("dev", "work")
LONG = ("e" * 64, "p" * 64)
WIDTHS = [*range(60, 84), 100, 120, 160, 200]


def render(
    found: Sequence[Token], width: int = 80, now: datetime = NOW, *, has_colour: bool = False
) -> str:
    context = make_context(Output(lambda data: None, is_terminal=True, width=width))
    environ = {"TERM": "xterm"} if has_colour else {"TERM": "xterm", "NO_COLOR": "1"}
    with zone("UTC"):
        return render_timeline(replace(context, environ=environ), due(found, now), now)


def retiring(name: str, place: tuple[str, str] = ("default", "default")) -> Token:
    old = make_version(100, state=VersionState.RETIRING, retiring_at=day(-9))
    return make_token(name, old=(old,), place=place)


SEVERAL = (
    make_token("openai", age=95, every="90d", place=PROD),
    make_token("hf", age=12, every="90d", place=PROD),
    make_token("gitlab", age=40, ends=20, place=DEV),
    make_token("wandb", age=80, every="90d"),
    make_token("old-ci", age=100, ends=-3, place=WORK),
    make_token("far", age=1, every="9y"),
    retiring("other"),
)
DRAWN = """\
                    30 d ago           today           in 30 d
  openai  prod      ────────╎──────╎─┤▓▓▓█                      overdue 5 d
  old-ci  dev/work  ─────────╎───────╎─┤▓█                      expired
  wandb   default   ──────────────────╎──█────╎─┤               in 10 d
  gitlab  dev       ─────────────────────█───╎───────╎─┤        expires in 20 d
  hf      prod                   ────────█───────────────────→  in 78 d
  far     default                       ─█───────────────────→  in 3286 d
  other   default   #1 is still alive, its successor came 9 days ago: credman
                    revoke other"""


def test_at_eighty_columns() -> None:
    assert render(SEVERAL) == DRAWN


REVOCATIONS = [retiring("hf", PROD), retiring("n" * 64, LONG)]
ENDED = [
    make_token(f"t{age}", age=age, every="90d", ends=None if age % 2 else 90 - age)
    for age in (90, 91, 170, 3650, 500_000)
]
EDGES = [
    replace(make_token(name, every=every), versions=(make_version(created_at=moment),))
    for moment in (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))
    for name, every in (("a", "1d"), ("b", "9999y"))
]
OF_NO_USE = [
    make_token("x" * 20, rotation=Rotation(2, Stage.ASKING, True, day(-3)), place=LONG),
    replace(make_token("y" * 21), versions=(make_version(3, finding=DEAD),)),
    expose(make_token("z" * 21, every="90d", place=LONG)),
    expose(make_token("v" * 21, rotation=Rotation(2, Stage.ASKING, True, day(-3)))),
    expose(retiring("w" * 21), number=1),
]
SETS: dict[str, Sequence[Token]] = {
    "several": SEVERAL,
    "one": SEVERAL[:1],
    "revocations": REVOCATIONS,
    "ended": ENDED,
    "both ends of time": EDGES,
    "of no use": OF_NO_USE,
    "long names": [make_token("n" * 64, age=95, every="90d", place=LONG), *REVOCATIONS],
    "far away": [make_token("n" * 64, every="9999y", place=LONG), make_token("m" * 64, every="1y")],
    "profiles": [make_token(p, age=1, every="9d", place=("default", p)) for p in ("a", "b" * 64)],
    "everything": [*SEVERAL, *REVOCATIONS, *ENDED, *EDGES, *OF_NO_USE],
}


@pytest.mark.parametrize("name", SETS)
def test_no_line_is_wider_than_the_terminal_and_none_ends_with_blanks(name: str) -> None:
    for width in WIDTHS:
        for line in render(SETS[name], width).splitlines():
            assert len(line) <= width and line == line.rstrip(), (width, line)


@pytest.mark.parametrize("name", SETS)
def test_without_colour_it_is_the_same_text(name: str) -> None:
    for width in (60, 80, 200):
        coloured = render(SETS[name], width, has_colour=True)
        assert "\x1b[" in coloured
        plain = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
        assert plain == render(SETS[name], width) and "\x1b" not in plain
        # The terminal has its own colour again afterwards.
        assert coloured.endswith("\x1b[0m") and coloured.count("\x1b[0m") * 2 == coloured.count(
            "\x1b"
        )


def test_what_is_urgent_is_red_what_was_reminded_of_yellow_and_the_rest_green() -> None:
    colours = re.findall(r"\x1b\[(3\d)m", render(SEVERAL, has_colour=True))
    red, yellow, green = "31", "33", "32"
    assert colours == [red, red, yellow, green, green, green, red]


@pytest.mark.parametrize("term", ["dumb", "xterm"])
def test_a_terminal_without_colour_gets_none(term: str) -> None:
    context = make_context(Output(lambda data: None, is_terminal=True))
    found = due(SEVERAL, NOW)
    text = render_timeline(replace(context, environ={"TERM": term}), found, NOW)
    assert ("\x1b" in text) is (term == "xterm")


def test_nothing_but_revocations_has_no_scale() -> None:
    first, *_ = render(REVOCATIONS[:1]).splitlines()
    assert first.startswith("  hf  prod  #1 is still alive, its successor came 9 days ago: ")
    assert "today" not in render(REVOCATIONS)


def test_what_was_found_has_no_bar_and_is_red() -> None:
    exposed = expose(make_token("hf", every="90d", ends=20, place=PROD))
    said = "  hf  prod  it was found in 3 files: credman rotate hf -e prod"
    assert render([exposed], 100) == said
    assert render([exposed], 100, has_colour=True).split("it was")[0].endswith("\x1b[31m")
    bar, line = render([exposed, make_token("gl", every="9d", place=PROD)], 100).splitlines()[1:]
    assert bar.startswith("  gl  prod  ") and line == said


def test_a_token_that_is_to_be_rotated_and_expires_has_one_bar_up_to_what_comes_first() -> None:
    token = make_token("hf", every="90d", ends=20)
    lines = render([token]).splitlines()
    assert len(lines) == 2 and lines[1].endswith("expires in 20 d")


def test_two_of_one_name_in_two_profiles_are_two_bars() -> None:
    lines = render([make_token("hf", every="9d", place=p) for p in (DEV, WORK)]).splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["hf", "dev"], ["hf", "dev/work"]]


@pytest.mark.parametrize("days", [-1.0, -100.0, -(3 * 365.0), -500_000.0])
def test_a_clock_before_everything_draws_nothing_that_is_not_yet(days: float) -> None:
    text = render(SEVERAL, now=day(days - 100))
    assert len(text.splitlines()) >= 8
    assert "overdue" not in text and "expired" not in text and "▓" not in text
    assert "-" not in text.replace("old-ci", "")  # nothing is negative


def test_the_day_itself_is_over_and_the_moment_before_it_is_not() -> None:
    token = make_token("hf", every="90d")
    second = timedelta(seconds=1)
    for moment, state in (
        (day(89) - second, "in 1 d"),
        (day(89.5) - second, "in 1 d"),
        (day(89.5), "today"),
        (day(90) - second, "today"),
        (day(90), "overdue"),
        (day(90.5), "overdue 1 d"),
        (day(92), "overdue 2 d"),
    ):
        assert render([token], now=moment).endswith(f" {state}"), moment
    ending = make_token("hf", ends=90)
    for number, state in ((89, "expires in 1 d"), (89.9, "expires today"), (90, "expired")):
        assert render([ending], now=day(number)).endswith(f" {state}")


@pytest.mark.parametrize(
    ("days", "span"), [(1, 14), (13, 14), (14, 30), (50, 60), (170, 180), (350, 365), (9999, 365)]
)
def test_the_window_is_as_wide_as_the_dates_are_far(days: int, span: int) -> None:
    scale, bar = render([make_token("hf", every=f"{days}d")], 120).splitlines()
    assert scale.split()[:3] == [str(span), "d", "ago"] and "today" in scale
    assert ("→" in bar) is (days > span)


@pytest.mark.parametrize("name", ["far away", "long names", "several"])
def test_the_words_of_the_scale_stand_apart(name: str) -> None:
    for width in WIDTHS:
        scale = render(SETS[name], width).splitlines()[0]
        assert re.fullmatch(r" +(\d+ d ago|-\d+ d) +today +(in |\+)\d+ d", scale), (width, scale)
