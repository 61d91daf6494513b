"""``rotate`` where a person makes the new value."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.upkeep.stub_places import pipe
from tests.upkeep.stub_sitting import sitting
from tests.upkeep.stub_troubles import hang, status


def test_piped_as_it_is_read() -> None:
    with sitting("gitlab") as desk:
        old = desk.give("gitlab")
        new = desk.provider.issue("gitlab")
        outcome = desk.run("rotate", "gitlab", stdin=pipe(new))
        until = (datetime.now(UTC) + timedelta(days=7)).astimezone().strftime("%d %b")
        assert new.expires_at is not None
        told = [line for line in outcome.stderr.splitlines() if "is asked at" not in line]
        assert told == [
            "2/4 asking GitLab about the new one …",
            f"    live: alice, scopes api, read, expires {new.expires_at.date()} (as before)",
            f"3/4 gitlab #2 is current; #1 is retiring, revoke it by {until}",
            "4/4 when nothing uses #1 any more: credman revoke gitlab",
        ]
        assert outcome.stdout == b""
        assert desk.states("gitlab") == {1: "retiring", 2: "current"}
        assert desk.value("gitlab", "--field", "GITLAB_TOKEN") == new.token
        assert (
            desk.provider.count("gitlab", "rotate") == desk.provider.count("gitlab", "revoke") == 0
        )
        assert old.is_live


def test_on_a_terminal_the_page_the_scopes_and_another_way_are_told() -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab")
        new = desk.provider.issue("gitlab")
        outcome = desk.credman("rotate", "gitlab", answers=[new.token])
        assert outcome.exit_code == 0, outcome.stderr
        place = desk.provider.place("gitlab")
        assert (
            f"1/4 make a new token: {place}/-/user_settings/personal_access_tokens   (the old one "
            "has: scopes api, read)\n"
            "    or let it rotate itself: credman rotate gitlab --auto\n"
        ) in outcome.stderr
        assert outcome.shown[0].startswith("new token (hidden): ")
        assert new.token not in "".join(outcome.shown) + outcome.stderr
        assert desk.states("gitlab") == {1: "retiring", 2: "current"}


@pytest.mark.parametrize("version", [1, 2])
def test_a_value_that_it_has_already_is_no_new_one(version: int) -> None:
    with sitting("gitlab") as desk:
        first = desk.give("gitlab")
        second = desk.provider.issue("gitlab")
        desk.run("rotate", "gitlab", stdin=pipe(second))
        again = (first, second)[version - 1]
        said = desk.refuse(7, "rotate", "gitlab", stdin=pipe(again))
        assert f"that is the value of gitlab #{version}, not a new one" in said
        assert desk.states("gitlab") == {1: "retiring", 2: "current"}
        assert "rotation" not in desk.run("list").stderr


def test_a_dead_value_is_refused_and_the_old_one_stays() -> None:
    with sitting("gitlab") as desk:
        old = desk.give("gitlab")
        dead = desk.provider.issue("gitlab")
        desk.provider.revoke(dead)
        said = desk.refuse(7, "rotate", "gitlab", stdin=pipe(dead))
        assert said.endswith(
            "credman: error: GitLab does not know the new value (401: revoked or expired); it was "
            "not stored\n"
            "credman: hint: the old one is current as before; --no-check stores it anyway\n"
        )
        assert desk.states("gitlab") == {1: "current"}
        assert desk.value("gitlab", "--field", "GITLAB_TOKEN") == old.token
        asked = len(desk.provider.seen)
        desk.run("rotate", "gitlab", "--no-check", stdin=pipe(dead))
        assert len(desk.provider.seen) == asked
        assert desk.states("gitlab") == {1: "retiring", 2: "current"}


def test_another_accounts_value_is_refused_or_asked_about() -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab")
        other = desk.provider.issue("gitlab", account="bob")
        said = desk.refuse(7, "rotate", "gitlab", stdin=pipe(other))
        assert "credman: error: the new value of gitlab is another account's\n" in said
        assert desk.states("gitlab") == {1: "current"}
        no = desk.credman("rotate", "gitlab", answers=[other.token, "n"])
        assert no.exit_code == 7
        assert "the old one is alice: is another account meant? [y/N] " in no.shown
        assert desk.states("gitlab") == {1: "current"}
        yes = desk.credman("rotate", "gitlab", answers=[other.token, "y"])
        assert yes.exit_code == 0 and "live: bob" in yes.stderr
        assert desk.states("gitlab") == {1: "retiring", 2: "current"}


def test_what_cannot_be_checked_is_asked_about_on_a_terminal() -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab")
        new = desk.provider.issue("gitlab")
        desk.provider.trouble("gitlab", "verify", status(500))
        no = desk.credman("rotate", "gitlab", answers=[new.token, "n"])
        assert no.exit_code == 7
        assert "    not checked: 500: the provider has a problem\n" in no.stderr
        assert no.shown[-1] == "make it current without a check? [y/N] "
        assert desk.states("gitlab") == {1: "current"}
        assert desk.credman("rotate", "gitlab", answers=[new.token, "y"]).exit_code == 0
        assert desk.states("gitlab") == {1: "retiring", 2: "current"}


def test_what_cannot_be_checked_is_used_when_it_is_piped() -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab")
        desk.provider.trouble("gitlab", "verify", hang())
        outcome = desk.run("rotate", "gitlab", stdin=pipe(desk.provider.issue("gitlab")))
        assert "    not checked: no answer in 1 s\n" in outcome.stderr
        assert desk.states("gitlab") == {1: "retiring", 2: "current"}
        desk.provider.mend()
        assert "not checked" in desk.run("list").text


def test_nobody_can_be_asked_about_some_and_nobody_is_asked_whether_that_matters() -> None:
    with sitting() as desk:
        desk.run("add", "telegram", "--no-check", stdin=b"12345678:" + b"a" * 35)
        desk.run("add", "mine", stdin=b"a value of my own")
        for name in ("telegram", "mine"):
            outcome = desk.credman("rotate", name, answers=[f"another for {name}", "y"])
            assert outcome.exit_code == 0, outcome.stderr
            assert "    not checked: " in outcome.stderr
            assert "make it current without a check" not in "".join(outcome.shown)
            assert desk.states(name) == {1: "retiring", 2: "current"}
        assert desk.provider.seen == []


def test_how_long_the_old_one_is_to_live_can_be_said() -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab")
        new = desk.provider.issue("gitlab")
        said = desk.refuse(2, "rotate", "gitlab", "--grace", "soon", stdin=pipe(new))
        assert "--grace: " in said and desk.states("gitlab") == {1: "current"}
        outcome = desk.run("rotate", "gitlab", "--grace", "30d", stdin=pipe(new))
        until = (datetime.now(UTC) + timedelta(days=30)).astimezone().strftime("%d %b")
        assert f"#1 is retiring, revoke it by {until}\n" in outcome.stderr


def test_a_part_that_is_no_secret_stays() -> None:
    with sitting("label-studio") as desk:
        desk.give("label-studio")
        place = desk.provider.place("label-studio")
        new = desk.provider.issue("label-studio")
        desk.run("rotate", "label-studio", stdin=new.token.encode())
        assert desk.value("label-studio", "--field", "LABEL_STUDIO_URL") == place
        assert desk.value("label-studio", "--field", "LABEL_STUDIO_API_KEY") == new.token
        again = desk.provider.issue("label-studio")
        outcome = desk.credman("rotate", "label-studio", answers=["", again.token])
        assert outcome.exit_code == 0, outcome.stderr
        assert outcome.shown[0] == f"URL (Enter for {place}): "
        assert desk.value("label-studio", "--field", "LABEL_STUDIO_URL") == place
        assert desk.states("label-studio") == {1: "retiring", 2: "retiring", 3: "current"}


def test_all_secret_parts_are_new() -> None:
    with sitting("slack-config") as desk:
        desk.give("slack-config")
        new = desk.provider.issue("slack-config")
        half = f"SLACK_CONFIG_TOKEN={new.token}\n".encode()
        said = desk.refuse(2, "rotate", "slack-config", stdin=half)
        assert "standard input lacks SLACK_CONFIG_REFRESH_TOKEN" in said
        assert desk.states("slack-config") == {1: "current"}
        desk.run("rotate", "slack-config", stdin=pipe(new))
        for variable, key in (
            ("SLACK_CONFIG_TOKEN", "token"),
            ("SLACK_CONFIG_REFRESH_TOKEN", "refresh"),
        ):
            assert desk.value("slack-config", "--field", variable) == new.values[key]


@pytest.mark.parametrize(
    ("argv", "code", "complaint"),
    [
        (("rotate", "nothing"), 3, "no token named nothing"),
        (("rotate", "gitlab", "--auto", "--resume"), 2, "exclude each other"),
        (("rotate", "gitlab", "--manual", "--abort"), 2, "exclude each other"),
        (("rotate", "gitlab"), 2, "there is nothing on standard input"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_done(
    argv: tuple[str, ...], code: int, complaint: str
) -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab")
        asked = len(desk.provider.seen)
        assert complaint in desk.refuse(code, *argv, stdin=b"")
        assert desk.states("gitlab") == {1: "current"}
        assert len(desk.provider.seen) == asked


def test_without_a_terminal_and_a_pipe_it_does_not_wait() -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab")
        said = desk.refuse(4, "rotate", "gitlab")
        assert "the value would have to be asked for, and nobody is here to answer" in said
        assert desk.states("gitlab") == {1: "current"}


def test_an_inherited_token_is_rotated_where_it_is() -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab")
        new = desk.provider.issue("gitlab")
        desk.refuse(3, "rotate", "gitlab", "-e", "prod", stdin=pipe(new))
        assert desk.states("gitlab") == {1: "current"}
