"""``rotate --auto``: the only live value is not lost, and what is none is not taken for one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.harness import program
from tests.upkeep.stub import Seen
from tests.upkeep.stub_places import pipe
from tests.upkeep.stub_sitting import Sitting, sitting
from tests.upkeep.stub_troubles import say, status

FIELD = ("--field", "GITLAB_TOKEN")


@pytest.mark.parametrize(
    "argv",
    [("rename", "gitlab", "other"), ("remove", "gitlab", "--yes"),
     ("add", "gitlab", "--replace", "--no-check")],
)  # fmt: skip
def test_nobody_takes_the_token_away_while_its_provider_makes_a_new_value(
    argv: tuple[str, ...],
) -> None:
    with sitting("gitlab") as desk:
        old = desk.give("gitlab")
        piped = pipe(desk.provider.issue("gitlab")) if argv[0] == "add" else b""
        said: list[tuple[int, str]] = []

        def meddle(seen: Seen) -> None:
            if seen.role == "rotate":
                done = program(*argv, stdin=piped, environ=desk.environ)
                said.append((done.returncode, done.stderr.decode()))

        desk.provider.answering = meddle
        desk.run("rotate", "gitlab", "--auto")
        ((code, text),) = said
        assert code == 7, text
        assert "a rotation of gitlab is not finished" in text
        assert "credman rotate gitlab --resume, or --abort" in text
        assert old.successor is not None
        assert desk.value("gitlab", *FIELD) == old.successor.token


def test_a_token_whose_rotation_was_broken_off_is_neither_renamed_nor_removed() -> None:
    with sitting("gitlab") as desk:
        old = desk.give("gitlab")
        desk.provider.trouble("gitlab", "verify", status(401))
        desk.refuse(1, "rotate", "gitlab", "--auto")
        for argv in (("rename", "gitlab", "other"), ("remove", "gitlab", "--yes")):
            assert "a rotation of gitlab is not finished" in desk.refuse(7, *argv)
        asked = desk.credman("remove", "gitlab", answers=["y"])
        assert asked.exit_code == 7 and asked.shown == []
        desk.provider.mend()
        desk.run("rotate", "gitlab", "--resume")
        assert old.successor is not None
        assert desk.value("gitlab", *FIELD) == old.successor.token
        desk.run("rename", "gitlab", "other")
        desk.run("remove", "other", "--yes")


@pytest.mark.parametrize(
    ("options", "days", "asked"),
    [((), 1, 365), ((), 40, 365), (("--rotate-every", "60d"), 1, 74),
     (("--rotate-every", "800d"), 30, 365)],
)  # fmt: skip
def test_a_new_token_is_asked_for_a_life_of_its_own_and_says_until_when(
    options: tuple[str, ...], days: int, asked: int
) -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab", *options, days=days)
        for time in (1, 2):  # one that was pasted, and one that a rotation made
            outcome = desk.run("rotate", "gitlab", "--auto")
            call = desk.provider.find("gitlab", "rotate")[time - 1]
            until = datetime.fromisoformat(call.known["expires_date"]).replace(tzinfo=UTC)
            assert abs(until - datetime.now(UTC) - timedelta(days=asked)) < timedelta(days=2)
            assert f"1/4 asking GitLab for a new token until {until.date()};" in outcome.stderr


def test_a_provider_that_is_not_told_until_when_is_not_said_to_be() -> None:
    with sitting("sendgrid") as desk:
        desk.give("sendgrid")
        outcome = desk.run("rotate", "sendgrid", "--auto")
        assert "1/4 asking SendGrid for a new token\n" in outcome.stderr


def check_kept(desk: Sitting, value: str) -> None:
    """The old value is current, and the answer is there until somebody gives it up."""
    assert desk.states("gitlab") == {1: "current", 2: "staged"}
    assert desk.value("gitlab", *FIELD) == value
    assert "holds " in desk.refuse(1, "rotate", "gitlab", "--resume")
    assert "may hold the only live value" in desk.refuse(7, "rotate", "gitlab", "--abort")
    assert desk.states("gitlab") == {1: "current", 2: "staged"}
    assert desk.provider.count("gitlab", "rotate") == 1
    desk.run("rotate", "gitlab", "--abort", "--yes")
    assert desk.states("gitlab") == {1: "current"}


@pytest.mark.parametrize(
    ("number", "key"), [(200, "token"), (201, "token"), (200, "you_sent"), (500, "you_sent"),
                        (502, "token")],
)  # fmt: skip
def test_an_answer_that_holds_the_old_value_makes_nothing_current(number: int, key: str) -> None:
    with sitting("gitlab") as desk:
        old = desk.give("gitlab")
        said = json.dumps({key: old.token, "id": 7, "expires_at": "2099-01-01"})
        desk.provider.trouble("gitlab", "rotate", status(number, text=said))
        told = desk.refuse(1, "rotate", "gitlab", "--auto")
        assert f"({number}); it is kept, and the old token may be dead" in told
        assert "credman check gitlab tells; credman rotate gitlab --abort --yes gives" in told
        assert "is current" not in told and old.token not in told
        check_kept(desk, old.token)


def test_an_answer_with_an_error_makes_nothing_current_whatever_it_holds() -> None:
    with sitting("gitlab") as desk:
        old, other = desk.give("gitlab"), desk.provider.issue("gitlab")
        said = json.dumps({"token": other.token, "id": 7})
        desk.provider.trouble("gitlab", "rotate", status(500, text=said))
        assert "(500); it is kept" in desk.refuse(1, "rotate", "gitlab", "--auto")
        check_kept(desk, old.token)


def test_the_new_value_is_found_beside_the_old_one() -> None:
    with sitting("gitlab") as desk:
        old, new = desk.give("gitlab"), desk.provider.issue("gitlab")
        said = json.dumps({"you_sent": old.token, "made": {"value": new.token}})
        desk.provider.trouble("gitlab", "rotate", say(said))
        desk.run("rotate", "gitlab", "--auto")
        assert desk.value("gitlab", *FIELD) == new.token


def test_an_answer_that_holds_a_still_older_value_makes_nothing_current() -> None:
    with sitting("gitlab") as desk:
        first = desk.give("gitlab")
        new = desk.provider.issue("gitlab")
        desk.run("rotate", "gitlab", stdin=pipe(new))
        said = json.dumps({"token": first.token, "id": 7})
        desk.provider.trouble("gitlab", "rotate", say(said))
        assert "holds a token that is known" in desk.refuse(1, "rotate", "gitlab", "--auto")
        assert desk.states("gitlab") == {1: "retiring", 2: "current", 3: "staged"}
        assert desk.value("gitlab", *FIELD) == new.token


@pytest.mark.parametrize("value", ["é" * 26, "two words", "", " ", 17, None, ["x"], "line\nend"])
def test_what_can_be_no_token_is_none(value: object) -> None:
    with sitting("gitlab") as desk:
        old = desk.give("gitlab")
        desk.provider.trouble("gitlab", "rotate", say(json.dumps({"token": value})))
        told = desk.refuse(1, "rotate", "gitlab", "--auto")
        assert "the answer of GitLab holds no new token (200); it is kept" in told
        check_kept(desk, old.token)


def test_a_value_of_no_known_shape_that_cannot_be_checked_stays_staged() -> None:
    with sitting("gitlab") as desk:
        old = desk.give("gitlab")
        desk.provider.trouble("gitlab", "rotate", say('{"token": "nonsense"}'))
        desk.provider.trouble("gitlab", "verify", status(503))
        told = desk.refuse(6, "rotate", "gitlab", "--auto")
        assert "the new value of gitlab is staged and not checked, the old one is current" in told
        assert "credman: hint: credman rotate gitlab --resume asks again" in told
        assert "ended with it" not in told
        assert desk.states("gitlab") == {1: "current", 2: "staged"}
        assert desk.value("gitlab", *FIELD) == old.token
        asked = desk.credman("rotate", "gitlab", "--resume", answers=["n"])
        assert asked.exit_code == 7
        assert desk.states("gitlab") == {1: "current", 2: "staged"}


def test_a_value_that_was_not_checked_is_not_said_to_have_ended_the_old_one() -> None:
    with sitting("gitlab") as desk:
        old = desk.give("gitlab")
        desk.provider.trouble("gitlab", "verify", status(503))
        outcome = desk.run("rotate", "gitlab", "--auto")  # the old one has ended: better than none
        assert old.successor is not None
        assert desk.value("gitlab", *FIELD) == old.successor.token
        assert "not checked: 503" in outcome.stderr and "ended with it" not in outcome.stderr
        assert "#1 is retiring, revoke it by " in outcome.stderr


def test_the_way_to_take_another_accounts_value_is_the_one_that_is_named() -> None:
    with sitting("gitlab") as desk:
        old = desk.give("gitlab")

        def move(seen: Seen) -> None:
            if seen.role == "rotate" and old.successor is not None:
                old.successor.account = "bob"

        desk.provider.answering = move
        told = desk.refuse(7, "rotate", "gitlab", "--auto")
        assert "the new value of gitlab is another account's" in told
        hint = "credman rotate gitlab --resume --yes"
        assert f"credman: hint: {hint} takes it nevertheless\n" in told
        assert desk.states("gitlab") == {1: "current", 2: "staged"}
        desk.run(*hint.split()[1:])
        assert old.successor is not None
        assert desk.value("gitlab", *FIELD) == old.successor.token


def test_by_hand_it_is_another_way() -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab")
        other = desk.provider.issue("gitlab", account="bob")
        told = desk.refuse(7, "rotate", "gitlab", stdin=pipe(other))
        hint = "credman add gitlab --replace"
        assert f"credman: hint: {hint} takes it nevertheless\n" in told
        desk.run(*hint.split()[1:], stdin=pipe(other))
        assert desk.value("gitlab", *FIELD) == other.token


def test_a_value_that_is_in_use_under_another_name_is_not_ended_in_passing() -> None:
    with sitting("gitlab") as desk:
        old = desk.give("gitlab")
        desk.add(old, "-e", "prod")
        told = desk.refuse(7, "rotate", "gitlab", "--auto")
        assert "the same value is in use as gitlab in environment prod, and ends there" in told
        assert desk.provider.count("gitlab", "rotate") == 0 and old.is_live
        assert desk.states("gitlab") == {1: "current"}
        no = desk.credman("rotate", "gitlab", "--auto", answers=["n"])
        assert no.exit_code == 7 and "nothing was changed" in no.stderr and old.is_live
        desk.run("rotate", "gitlab", "--auto", "--yes")
        assert not old.is_live
