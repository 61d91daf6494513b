"""``rotate --auto``: a token asks its provider for its successor, once."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from tests.upkeep.stub import stub
from tests.upkeep.stub_places import pipe
from tests.upkeep.stub_sitting import sitting
from tests.upkeep.stub_templates import list_with, read_file
from tests.upkeep.stub_troubles import (
    Trouble,
    big,
    half,
    linger,
    redirect,
    say,
    slow,
    status,
    trickle,
    zipped,
)

FAMILIES = list_with("rotate_api")


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_gets_a_new_value_by_one_call(name: str) -> None:
    table = read_file(name)["rotate_api"]
    with sitting(name) as desk:
        old = desk.give(name)
        outcome = desk.run("rotate", name, "--auto")
        new = old.successor
        assert new is not None and new.is_live
        assert desk.states(name) == {1: "retiring", 2: "current"}
        variables = {f.get("key", "token"): f["variables"][0] for f in read_file(name)["fields"]}
        for key, value in new.values.items():
            assert desk.value(name, "--field", variables[key]) == value
        assert desk.provider.count(name, "rotate") == 1
        assert desk.provider.reused == []
        ends_old = table.get("ends_old", False)
        assert old.is_live is not ends_old
        assert ("; the old one ends with it" in outcome.stderr) is ends_old
        assert ("#1 ended with it" in outcome.stderr) is ends_old
        assert ("#1 is retiring, revoke it by" in outcome.stderr) is not ends_old
        if "{label}" in table.get("body", ""):
            assert re.fullmatch(rf"credman {name} \d{{4}}-\d\d-\d\d", new.label)
        secret = [v for k, v in {**old.values, **new.values}.items() if k in table["new"]]
        assert not [v for v in secret if v in outcome.stderr + outcome.text]
        desk.run("rotate", name, "--auto")  # and again with the new one
        assert desk.provider.count(name, "rotate") == 2 and desk.provider.reused == []
        assert desk.states(name) == {1: "retiring", 2: "retiring", 3: "current"}


def test_as_it_is_read() -> None:
    with sitting("gitlab") as desk:
        old = desk.give("gitlab", days=30)
        outcome = desk.run("rotate", "gitlab", "--auto")
        assert old.successor is not None and old.successor.expires_at is not None
        told = [line for line in outcome.stderr.splitlines() if "is asked at" not in line]
        assert told == [
            f"1/4 asking GitLab for a new token until {old.successor.expires_at.date()}; "
            "the old one ends with it",
            "2/4 asking GitLab about the new one …",
            f"    live: alice, scopes api, read, expires {old.successor.expires_at.date()} "
            "(as before)",
            "3/4 gitlab #2 is current; #1 ended with it",
            "4/4 credman revoke gitlab makes sure that it is dead",
        ]
        assert outcome.stderr.count("is asked at") == 1 and outcome.stdout == b""


@pytest.mark.parametrize(
    ("days", "options", "asked"),
    [(30, (), 365), (None, (), 365), (30, ("--rotate-every", "90d"), 104)],
)
def test_the_call_to_gitlab_says_until_when(
    days: int | None, options: tuple[str, ...], asked: int
) -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab", *options, days=days)
        desk.run("rotate", "gitlab", "--auto")
        (call,) = desk.provider.find("gitlab", "rotate")
        said = datetime.fromisoformat(call.known["expires_date"]).replace(tzinfo=UTC)
        assert abs(said - datetime.now(UTC) - timedelta(days=asked)) < timedelta(days=2)
        assert f"?expires_at={said.date()}" in call.path


@pytest.mark.parametrize("number", [400, 401, 402, 403, 404, 405, 410, 422, 429])
def test_a_provider_that_says_no_changes_nothing(number: int) -> None:
    with sitting("gitlab") as desk:
        old = desk.give("gitlab")
        before = desk.run("history", "gitlab", "--json").text
        desk.provider.trouble("gitlab", "rotate", status(number, retry_after=1))
        said = desk.refuse(1, "rotate", "gitlab", "--auto")
        assert f"GitLab refused to make a new token ({number}); nothing was changed" in said
        assert "credman: hint: it takes scope api, or self_rotate\n" in said
        assert desk.run("history", "gitlab", "--json").text == before
        assert desk.provider.count("gitlab", "rotate") == 1  # not asked twice, whatever it says
        assert desk.value("gitlab", "--field", "GITLAB_TOKEN") == old.token
        desk.provider.mend()
        desk.run("rotate", "gitlab", "--auto")


@pytest.mark.parametrize("trouble", [status(403), status(500), say("no"), half(0.2)])
def test_what_is_asked_before_changes_nothing_when_it_fails(trouble: Trouble) -> None:
    with sitting("label-studio") as desk:
        desk.give("label-studio")
        # Its look-up is what it is checked with as well.
        desk.provider.trouble("label-studio", "verify", trouble)
        said = desk.refuse(1, "rotate", "label-studio", "--auto")
        assert "credman: error: Label Studio" in said
        assert desk.states("label-studio") == {1: "current"}
        assert desk.provider.count("label-studio", "rotate") == 0
        assert "not finished" not in desk.run("list").stderr


def test_where_nobody_listens_nothing_is_changed() -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab", "--no-check")
        with stub() as gone:
            place = gone.place("gitlab")
        outcome = desk.credman("rotate", "gitlab", "--auto", environ={"GITLAB_HOST": place})
        assert outcome.exit_code == 6
        assert outcome.stderr.endswith("credman: hint: nothing was changed\n")
        assert desk.states("gitlab") == {1: "current"}
        offline = desk.credman("rotate", "gitlab", "--auto", environ={"CREDMAN_OFFLINE": "1"})
        assert offline.exit_code == 6
        assert "GitLab cannot be asked: CREDMAN_OFFLINE is set" in offline.stderr


@pytest.mark.parametrize(
    "trouble", [slow(0.3), zipped(), linger(), half(0.995), trickle(seconds=0.005)]
)
def test_an_answer_that_holds_the_token_is_taken_however_it_comes(trouble: Trouble) -> None:
    with sitting("gitlab") as desk:
        old = desk.give("gitlab")
        desk.provider.trouble("gitlab", "rotate", trouble)
        desk.run("rotate", "gitlab", "--auto")
        assert old.successor is not None
        assert desk.value("gitlab", "--field", "GITLAB_TOKEN") == old.successor.token
        assert desk.states("gitlab") == {1: "retiring", 2: "current"}
        assert desk.provider.count("gitlab", "rotate") == 1


def test_half_an_answer_is_taken_only_if_it_holds_all_of_the_token() -> None:
    with sitting("gitlab") as desk:
        old = desk.give("gitlab")
        desk.provider.trouble("gitlab", "rotate", half(0.8))
        said = desk.refuse(1, "rotate", "gitlab", "--auto")
        assert "holds no new token (200); it is kept, and the old token may be dead" in said
        assert desk.states("gitlab") == {1: "current", 2: "staged"}
        assert old.successor is not None and old.successor.token[:15] not in said
        for _ in range(2):
            again = desk.refuse(1, "rotate", "gitlab", "--resume")
            assert "holds no new token (200); it is kept" in again
        assert desk.provider.count("gitlab", "rotate") == 1 and desk.provider.reused == []
        refused = desk.refuse(7, "rotate", "gitlab", "--abort")
        assert "may hold the only live value of gitlab" in refused
        desk.run("rotate", "gitlab", "--abort", "--yes")
        assert desk.states("gitlab") == {1: "current"}


@pytest.mark.parametrize(
    "trouble", [say("no"), say("[]"), say('{"token": ""}'), status(500), status(503, retry_after=1)]
)
def test_an_answer_without_a_token_is_kept_and_nobody_is_asked_again(trouble: Trouble) -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab")
        desk.provider.trouble("gitlab", "rotate", trouble)
        said = desk.refuse(1, "rotate", "gitlab", "--auto")
        assert "it is kept, and the old token may be dead" in said
        assert "credman: hint: credman check gitlab tells; credman rotate gitlab --abort" in said
        assert desk.states("gitlab") == {1: "current", 2: "staged"}
        assert "a rotation of gitlab is not finished" in desk.run("list").stderr
        desk.refuse(1, "rotate", "gitlab", "--resume")
        assert desk.provider.count("gitlab", "rotate") == 1


def test_an_answer_larger_than_any_is_no_reason_to_lose_the_rotation() -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab")
        desk.provider.trouble("gitlab", "rotate", big())
        said = desk.refuse(1, "rotate", "gitlab", "--auto")
        assert "it is kept, and the old token may be dead" in said
        assert desk.states("gitlab") == {1: "current", 2: "staged"}
        assert [s for s in desk.waits if s > 0] == []  # nothing was tried again


def test_a_rotation_is_not_sent_to_another_host() -> None:
    with sitting("gitlab") as desk, stub() as other:
        desk.give("gitlab")
        target = f"{other.place('gitlab')}/api/v4/personal_access_tokens/self/rotate"
        for number in (302, 307, 308):
            desk.provider.trouble("gitlab", "rotate", redirect(target, number=number))
            desk.refuse(1, "rotate", "gitlab", "--auto")
            desk.run("rotate", "gitlab", "--abort", "--yes")
        assert other.seen == [] and desk.provider.count("gitlab", "rotate") == 3


def test_a_new_value_that_is_not_known_everywhere_at_once_is_waited_for() -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab")
        desk.provider.trouble("gitlab", "verify", status(401), times=3)
        desk.run("rotate", "gitlab", "--auto")
        assert desk.waits == [0, 1, 2, 4]
        assert desk.states("gitlab") == {1: "retiring", 2: "current"}


def test_a_new_value_that_stays_unknown_to_its_provider_is_staged_and_not_lost() -> None:
    with sitting("gitlab") as desk:
        old = desk.give("gitlab")
        desk.provider.trouble("gitlab", "verify", status(401))
        said = desk.refuse(1, "rotate", "gitlab", "--auto")
        assert (
            "the new value of gitlab is staged, but GitLab does not know it yet (401: revoked or "
            "expired)\ncredman: hint: credman rotate gitlab --resume asks again\n"
        ) in said
        assert desk.states("gitlab") == {1: "current", 2: "staged"}
        refused = desk.refuse(7, "rotate", "gitlab", "--abort")
        assert "the old value of gitlab ended when the new one was made" in refused
        desk.refuse(1, "rotate", "gitlab", "--resume")
        desk.provider.mend()
        desk.run("rotate", "gitlab", "--resume")
        assert old.successor is not None
        assert desk.value("gitlab", "--field", "GITLAB_TOKEN") == old.successor.token
        assert desk.provider.count("gitlab", "rotate") == 1


def test_a_new_value_that_is_given_up_stays_to_be_revoked() -> None:
    with sitting("sendgrid") as desk:
        old = desk.give("sendgrid")
        # What it is checked with is what is asked before, too: that is to work.
        desk.provider.answering = lambda seen: (
            desk.provider.trouble("sendgrid", "verify", status(401))
            if seen.role == "rotate"
            else None
        )
        desk.refuse(1, "rotate", "sendgrid", "--auto")
        desk.provider.answering = lambda seen: None
        desk.provider.mend()
        new = old.successor
        assert new is not None and new.is_live
        outcome = desk.run("rotate", "sendgrid", "--abort")
        assert "sendgrid #2 is kept as retiring: credman revoke sendgrid --version 2" in (
            outcome.stderr
        )
        assert desk.states("sendgrid") == {1: "current", 2: "retiring"}
        assert desk.value("sendgrid") == old.token
        desk.run("revoke", "sendgrid")
        assert (old.is_live, new.is_live) == (True, False)
        assert desk.states("sendgrid") == {1: "current", 2: "revoked"}


def test_a_provider_that_falls_silent_after_it_leaves_the_new_value_current() -> None:
    with sitting("gitlab") as desk:
        old = desk.give("gitlab")
        desk.provider.trouble("gitlab", "verify", status(500))
        outcome = desk.run("rotate", "gitlab", "--auto")
        assert "    not checked: 500: the provider has a problem\n" in outcome.stderr
        assert old.successor is not None
        assert desk.value("gitlab", "--field", "GITLAB_TOKEN") == old.successor.token


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("huggingface", None, "Hugging Face has no way for a token to rotate itself"),
        ("gitlab", b"gldt-" + b"a" * 20, "this kind of token of GitLab cannot rotate itself"),
        ("mine", b"something", "nobody knows who issued mine"),
    ],
)
def test_one_that_cannot_do_it_says_so(name: str, value: bytes | None, complaint: str) -> None:
    with sitting("huggingface", "gitlab") as desk:
        stdin = value or pipe(desk.provider.issue("huggingface"))
        desk.run("add", name, "--no-check", stdin=stdin)
        assert complaint in desk.refuse(2, "rotate", name, "--auto")
        assert desk.states(name) == {1: "current"} and desk.provider.seen == []
