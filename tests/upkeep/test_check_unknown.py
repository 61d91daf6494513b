"""``check`` of providers in trouble: what is not said plainly is unknown, and never dead."""

from __future__ import annotations

import json

import pytest

from tests.upkeep.stub import stub
from tests.upkeep.stub_places import configure
from tests.upkeep.stub_sitting import sitting
from tests.upkeep.stub_troubles import (
    Trouble,
    big,
    half,
    hang,
    hang_up,
    redirect,
    say,
    slow,
    status,
    trickle,
    zipped,
)

UNKNOWN: list[tuple[str, Trouble, str]] = [
    ("403", status(403), "403: not allowed to look"),
    ("404", status(404), "answered 404"),
    ("407", status(407), "answered 407"),
    ("429", status(429, retry_after=3600), "429: asked too often"),
    ("500", status(500), "500: the provider has a problem"),
    ("502", status(502, text="<html>bad gateway</html>"), "502: the provider has a problem"),
    ("503", status(503, retry_after="never"), "503: the provider has a problem"),
    ("hang", hang(), "no answer in 1 s"),
    ("closed", hang_up(), "the connection broke"),
    ("half", half(), "half an answer"),
    ("trickle", trickle(seconds=0.4), "half an answer"),
    ("not found", status(410), "answered 410"),
]


@pytest.mark.parametrize(
    ("trouble", "reason"), [c[1:] for c in UNKNOWN], ids=[c[0] for c in UNKNOWN]
)
def test_what_cannot_be_told_is_unknown_and_never_dead(trouble: Trouble, reason: str) -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab")
        before = desk.run("history", "gitlab", "--json").text
        desk.provider.trouble("gitlab", "verify", trouble)
        outcome = desk.credman("check", "gitlab", "--json")
        (found,) = json.loads(outcome.text)["tokens"]
        assert (outcome.exit_code, found["state"]) == (0, "unknown"), found
        if reason:
            assert found["reason"] == reason
        assert desk.run("history", "gitlab", "--json").text == before  # what was known stays known


def test_without_a_network_it_is_unknown() -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab")
        with stub() as gone:
            place = gone.place("gitlab")
        closed = desk.credman("check", "--json", environ={"GITLAB_HOST": place})
        offline = desk.credman("check", environ={"CREDMAN_OFFLINE": "1"})
        configure('network = "off"')
        off = desk.credman("check")
    (found,) = json.loads(closed.text)["tokens"]
    assert (closed.exit_code, found["state"], found["reason"]) == (
        0,
        "unknown",
        "cannot be reached",
    )
    assert offline.exit_code == 0 and "unknown   CREDMAN_OFFLINE is set" in offline.text
    assert off.exit_code == 0 and "unknown   the configuration says network = off" in off.text


def test_a_provider_that_asks_to_wait_a_moment_is_asked_again() -> None:
    with sitting("gitlab") as desk:
        configure("timeout = 5")
        desk.give("gitlab")
        desk.provider.trouble("gitlab", "verify", status(429, retry_after=1), times=1)
        before = desk.provider.count("gitlab", "verify")
        assert desk.checked()["gitlab"]["state"] == "live"
        assert desk.provider.count("gitlab", "verify") == before + 2


@pytest.mark.parametrize("number", [301, 302, 303, 307, 308])
def test_nobody_is_sent_to_another_host(number: int) -> None:
    with sitting("gitlab") as desk, stub() as other:
        desk.give("gitlab")
        target = f"{other.place('gitlab')}/api/v4/personal_access_tokens/self"
        desk.provider.trouble("gitlab", "verify", redirect(target, number=number))
        found = desk.checked()["gitlab"]
        assert found["state"] == "unknown"
        assert found["reason"] == f"{number}: sent elsewhere, which is not followed"
        assert other.seen == []


def test_a_redirect_within_the_same_host_is_followed() -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab")
        desk.provider.trouble(
            "gitlab", "verify", redirect("/moved/gitlab/api/v4/personal_access_tokens/self")
        )
        assert desk.checked()["gitlab"]["state"] == "live"


def test_an_answer_may_be_slow_or_compressed() -> None:
    with sitting("huggingface") as desk:
        desk.give("huggingface")
        for trouble in (slow(0.1), zipped()):
            desk.provider.trouble("huggingface", "verify", trouble)
            found = desk.checked()["huggingface"]
            assert (found["state"], found["identity"]) == ("live", "alice")


@pytest.mark.parametrize("trouble", [say("no"), say("<html>sign in</html>"), say("[]"), big()])
def test_an_answer_without_sense_never_says_dead(trouble: Trouble) -> None:
    with sitting("wandb", "slack") as desk:
        for name in ("wandb", "slack"):  # those who say so in a body
            desk.give(name)
            desk.provider.trouble(name, "verify", trouble)
        outcome = desk.credman("check", "--json")
        assert outcome.exit_code == 0
        assert {t["state"] for t in json.loads(outcome.text)["tokens"]} == {"unknown"}
