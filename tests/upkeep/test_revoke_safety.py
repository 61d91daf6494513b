"""``revoke``: what cannot be undone is done with a yes, or with a successor that is live; and what
was done already is said when it is broken off."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from credman.providers.verdicts import utc_now
from tests.upkeep.stub_places import pipe
from tests.upkeep.stub_sitting import Sitting, sitting
from tests.upkeep.stub_troubles import status


def rotate_by_hand(desk: Sitting, name: str) -> None:
    """Makes version 2 current, and version 1 retiring."""
    desk.give(name)
    desk.run("rotate", name, stdin=pipe(desk.provider.issue(name)))


@pytest.mark.parametrize("name", ["gitlab", "huggingface"])
def test_a_value_that_stands_twice_in_one_token_is_asked_about(name: str) -> None:
    with sitting(name) as desk:
        old = desk.give(name)
        desk.run("add", name, "--replace", stdin=pipe(old))
        assert desk.states(name) == {1: "retiring", 2: "current"}
        said = desk.refuse(7, "revoke", name)
        assert f"the same value is in use as {name} #2 in environment default" in said
        no = desk.credman("revoke", name, answers=["n"])
        assert no.exit_code == 7 and "nothing was revoked" in no.stderr
        assert old.ended == "" and desk.provider.count(name, "revoke") == 0
        assert desk.states(name) == {1: "retiring", 2: "current"}
        outcome = desk.run("revoke", name, "--yes")
        assert f"the same value is {name} #2 in environment default: it is dead as well" in (
            outcome.stderr
        )
        assert not old.is_live and f"{name} is dead" in desk.refuse(8, "check", name)


def test_a_successor_that_was_live_long_ago_and_is_unknown_now_is_asked_about(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with sitting("huggingface") as desk:
        rotate_by_hand(desk, "huggingface")
        desk.provider.trouble("huggingface", "verify", status(503))

        def later() -> datetime:
            return utc_now() + timedelta(hours=2)

        with monkeypatch.context() as patch:
            patch.setattr("credman.upkeep.revoking.utc_now", later)
            said = desk.refuse(7, "revoke", "huggingface")
        assert "huggingface #2 is not known to be live" in said
        assert desk.provider.count("huggingface", "revoke") == 0
        assert all(i.is_live for i in desk.provider.issued)
        desk.refuse(6, "revoke", "huggingface")  # it was live some minutes ago
        assert desk.provider.count("huggingface", "revoke") == 1


def test_a_yes_of_nobody_is_not_said_to_be_somebodys_work() -> None:
    with sitting() as desk:
        for value in (b"a value", b"another value"):
            options = ("add", "pypi") if value == b"a value" else ("rotate", "pypi")
            desk.run(*options, "--no-check", stdin=value)
        desk.refuse(7, "revoke", "pypi")
        assert desk.states("pypi") == {1: "retiring", 2: "current"}
        outcome = desk.run("revoke", "pypi", "--yes")
        page = "https://pypi.org/manage/account/#api-tokens"
        assert f"warning: nobody asked PyPI to end pypi #1 ({page}): --yes said so" in (
            outcome.stderr
        )
        assert "pypi #1 is revoked by --yes, not proven; its value is dropped" in outcome.stderr
        history = desk.run("history", "pypi").text
        assert "by --yes, not proven (" in history
        assert "by hand" not in outcome.stderr + history
        marked = desk.run("revoke", "pypi", "--compromised", "--yes")
        assert "by --yes, not proven" in marked.stderr and "by hand" not in marked.stderr


def test_on_a_terminal_it_is_done_by_hand() -> None:
    with sitting() as desk:
        for value in (b"a value", b"another value"):
            options = ("add", "pypi") if value == b"a value" else ("rotate", "pypi")
            desk.run(*options, "--no-check", stdin=value)
        outcome = desk.credman("revoke", "pypi", answers=["y", "y"])
        assert outcome.exit_code == 0, outcome.stderr
        assert "revoke pypi #1 by hand: https://pypi.org/" in outcome.stderr
        assert "pypi #1 is revoked by hand, not proven; its value is dropped" in outcome.stderr


def test_ctrl_c_after_it_was_marked_says_that_it_is() -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab")
        outcome = desk.credman("revoke", "gitlab", "--compromised", answers=[])
        assert outcome.exit_code == 130
        assert outcome.stderr.endswith(
            "credman: error: stopped; gitlab #1 is marked as compromised\n"
        )
        assert "nothing was changed" not in outcome.stderr
        assert desk.states("gitlab") == {1: "compromised"}
        assert desk.provider.count("gitlab", "revoke") == 0


def test_ctrl_c_after_its_provider_was_asked_says_that_it_was() -> None:
    with sitting("huggingface") as desk:
        rotate_by_hand(desk, "huggingface")
        desk.provider.trouble("huggingface", "revoke", status(500))
        outcome = desk.credman("revoke", "huggingface", answers=[])
        assert outcome.exit_code == 130
        assert "error: stopped; Hugging Face was asked to end it\n" in outcome.stderr
        both = desk.credman("revoke", "huggingface", "--compromised", "--version", "1", answers=[])
        assert (
            "stopped; huggingface #1 is marked as compromised, Hugging Face was asked to end it\n"
        ) in both.stderr


def test_ctrl_c_before_anything_was_done_says_that_nothing_was() -> None:
    with sitting("gitlab") as desk:
        old = desk.give("gitlab")
        outcome = desk.credman("revoke", "gitlab", "--version", "1", answers=[])
        assert outcome.exit_code == 130 and "nothing was changed" in outcome.stderr
        assert desk.states("gitlab") == {1: "current"} and old.is_live


def test_the_current_value_is_not_dropped_without_a_yes_though_it_is_dead() -> None:
    with sitting("gitlab") as desk:
        old = desk.give("gitlab")
        desk.provider.revoke(old)
        said = desk.refuse(7, "revoke", "gitlab", "--version", "1")
        assert "gitlab #1 is the current one, and dead (401: revoked or expired)" in said
        assert "--yes drops its value" in said
        no = desk.credman("revoke", "gitlab", "--version", "1", answers=["n"])
        assert no.exit_code == 7 and desk.value("gitlab", "--field", "GITLAB_TOKEN") == old.token
        assert (
            "#1 was dead already" in desk.run("revoke", "gitlab", "--version", "1", "--yes").stderr
        )
