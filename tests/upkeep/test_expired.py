"""Tokens that end by themselves and have no command: warned of before, refused by name after."""

from __future__ import annotations

import pytest

from tests.upkeep.stub_commands import go_on
from tests.upkeep.stub_places import configure, pipe
from tests.upkeep.stub_sitting import sitting


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (("env",), 7), (("get", "github"), 7), (("exec", "--", "true"), 125),
        (("export", "--format", "dotenv"), 7),
    ],
)  # fmt: skip
def test_one_that_has_ended_is_refused_by_its_name(
    argv: tuple[str, ...], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sitting("github") as desk:
        ending = desk.give("github", days=30)
        desk.run("add", "other", stdin=b"another value")
        go_on(monkeypatch, days=29)
        assert desk.credman(*argv).exit_code in (0, None)
        go_on(monkeypatch, days=30, seconds=1)
        outcome = desk.credman(*argv)
        assert outcome.exit_code == code
        assert outcome.stderr.startswith("credman: error: github expired on ")
        assert "credman rotate github" in outcome.stderr and "--only" in outcome.stderr
        assert outcome.stdout in (b"", b"false;\n") and outcome.execution is None
        assert "expired" in desk.run("list").text
        if argv[0] != "get":
            only = desk.credman(argv[0], "--only", "other", *argv[1:])
            assert only.exit_code in (0, None), only.stderr
        desk.run("rotate", "github", stdin=pipe(desk.provider.issue("github")))
        assert desk.credman(*argv).exit_code in (0, None)
        assert desk.value("github") != ending.token


def test_the_end_that_its_owner_named_counts_as_well() -> None:
    with sitting() as desk:
        desk.run("add", "mine", "--expires", "2020-02-29", stdin=b"a value of my own")
        said = desk.refuse(7, "get", "mine")
        assert said.startswith("credman: error: mine expired on 2020-02-29\n")
        desk.run("rotate", "mine", stdin=b"another value of my own")
        assert desk.value("mine") == "another value of my own"  # of the new one nothing was named


@pytest.mark.parametrize(
    "argv", [("env",), ("get", "github"), ("exec", "--", "true")], ids=lambda argv: argv[0]
)
def test_before_it_ends_it_is_warned_of(argv: tuple[str, ...]) -> None:
    with sitting("github") as desk:
        desk.give("github", days=5.5 / 24)
        outcome = desk.credman(*argv)
        assert outcome.exit_code in (0, None)
        assert outcome.stderr == "credman: warning: github expires in 5 h\n"
        configure('warn_before = "3h"')
        assert desk.credman(*argv).stderr == ""
        configure('warn_before = "30d"')
        desk.run("rotate", "github", stdin=pipe(desk.provider.issue("github", days=20.5)))
        assert desk.credman(*argv).stderr == "credman: warning: github expires in 20 d\n"
