"""``add`` asks the provider about a token before it stores it."""

from __future__ import annotations

import json

import pytest

from tests.upkeep.stub import stub
from tests.upkeep.stub_places import pipe
from tests.upkeep.stub_sitting import Sitting, sitting
from tests.upkeep.stub_troubles import hang, redirect, status


def list_stored(desk: Sitting) -> dict[str, str]:
    outcome = desk.credman("list", "--json")
    if outcome.exit_code == 3:
        return {}
    return {t["name"]: t["state"] for t in json.loads(outcome.text)["tokens"]}


def test_a_live_token_is_stored_with_what_its_provider_says() -> None:
    with sitting("huggingface") as desk:
        issued = desk.provider.issue("huggingface", days=30)
        assert issued.expires_at is not None
        outcome = desk.add(issued)
        masked = f"hf_…{issued.token[-4:]}"
        day = issued.expires_at.date()
        assert (
            f"stored huggingface ({masked}), live: alice, role write, orgs acme, expires {day}\n"
            in outcome.stderr
        )
        assert list_stored(desk) == {"huggingface": "live"}


def test_that_no_end_was_told_is_said() -> None:
    with sitting("github") as desk:
        said = desk.add(desk.provider.issue("github", days=None)).stderr
        assert ", live: alice, scopes api, read, no expiry\n" in said


def test_a_dead_token_from_a_pipe_is_refused() -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab", "-e", "prod")
        dead = desk.provider.issue("gitlab")
        desk.provider.revoke(dead)
        said = desk.refuse(7, "add", "gitlab", stdin=pipe(dead))
        assert said.endswith(
            "credman: error: GitLab does not know this token (401: revoked or expired)\n"
            "credman: hint: nothing was stored; --no-check stores it anyway\n"
        )
        assert list_stored(desk) == {}
        outcome = desk.run("add", "gitlab", "--no-check", stdin=pipe(dead))
        assert outcome.stderr.splitlines()[-1].endswith(", not checked")
        assert list_stored(desk) == {"gitlab": "not checked"}
        assert desk.provider.count("gitlab", "verify", dead.token) == 1


def test_on_a_terminal_a_dead_token_is_asked_about() -> None:
    with sitting("gitlab") as desk:
        dead = desk.provider.issue("gitlab")
        desk.provider.revoke(dead)
        no = desk.credman("add", "gitlab", answers=[dead.token, "", "n"])
        assert no.exit_code == 7 and "nothing was stored" in no.stderr
        assert "401: revoked or expired); store it anyway?" in no.shown[-1]
        assert list_stored(desk) == {}
        yes = desk.credman("add", "gitlab", answers=[dead.token, "", "y"])
        assert yes.exit_code == 0 and list_stored(desk) == {"gitlab": "dead"}


@pytest.mark.parametrize(
    ("environ", "reason"),
    [
        ({"CREDMAN_OFFLINE": "1"}, "CREDMAN_OFFLINE is set"),
        (
            {"GITLAB_HOST": "http://gitlab.test"},
            "a token is not sent to gitlab.test over plain HTTP",
        ),
        ({"GITLAB_HOST": "https://u:p@gitlab.test"}, "holds no user and no password"),
        ({"GITLAB_HOST": "ftp://gitlab.test"}, "this is not the URL of a provider"),
    ],
)
def test_where_nobody_can_be_asked_it_is_stored_unchecked(
    environ: dict[str, str], reason: str
) -> None:
    with sitting("gitlab") as desk:
        issued = desk.provider.issue("gitlab")
        outcome = desk.credman("add", "gitlab", stdin=pipe(issued), environ=environ)
        assert outcome.exit_code == 0
        said = [line for line in outcome.stderr.splitlines() if line.startswith("stored ")]
        assert ", not checked (" in said[0] and reason in said[0]
        assert desk.provider.seen == []
        assert list_stored(desk) == {"gitlab": "not checked"}


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [(status(429), "429: asked too often"), (status(500), "500: the provider has a problem"),
     (hang(), "no answer in 1 s")],
)  # fmt: skip
def test_a_provider_in_trouble_does_not_keep_a_token_out(trouble: object, reason: str) -> None:
    with sitting("gitlab") as desk:
        issued = desk.provider.issue("gitlab")
        desk.provider.trouble("gitlab", "verify", trouble)  # type: ignore[arg-type]
        assert f", not checked ({reason})\n" in desk.add(issued).stderr
        assert list_stored(desk) == {"gitlab": "not checked"}


def test_where_a_token_is_sent_instead_is_told_once() -> None:
    with sitting("huggingface") as desk:
        place = desk.provider.place("huggingface")
        told = f"Hugging Face is asked at {place} (HF_ENDPOINT)\n"
        first = desk.add(desk.provider.issue("huggingface"))
        assert first.stderr.count(told) == 1
        desk.give("huggingface", "--provider", "hf", "--var", "OTHER", name="other")
        assert desk.run("check").stderr.count("is asked at") == 1
        own = {"HF_ENDPOINT": ""}
        offline = desk.credman("check", environ={**own, "CREDMAN_OFFLINE": "1"})
        assert "is asked at" not in offline.stderr


def test_a_server_of_ones_own_is_a_part_of_the_token() -> None:
    with sitting("gitlab") as desk, stub() as own:
        issued = own.issue("gitlab")
        data = f"GITLAB_TOKEN={issued.token}\nGITLAB_URL={own.place('gitlab')}/\n".encode()
        outcome = desk.run("add", "gitlab", stdin=data)
        assert "is asked at" not in outcome.stderr  # it was said by whoever stored the URL
        assert (own.count("gitlab", "verify"), desk.provider.seen) == (1, [])
        assert desk.checked("gitlab")["gitlab"]["state"] == "live"
        assert own.count("gitlab", "verify") == 2
        desk.run("rotate", "gitlab", "--auto")
        assert desk.value("gitlab", "--field", "GITLAB_URL") == f"{own.place('gitlab')}/"
        desk.run("revoke", "gitlab", "--version", "2", "--yes")
        assert not [i for i in own.issued if i.is_live]
        assert own.misfits == [] and desk.provider.seen == []


def test_plain_http_to_another_machine_is_refused_for_a_url_that_is_part_of_the_token() -> None:
    with sitting("gitlab") as desk:
        issued = desk.provider.issue("gitlab")
        data = f"GITLAB_TOKEN={issued.token}\nGITLAB_URL=http://gitlab.test\n".encode()
        desk.run("add", "gitlab", "--no-check", stdin=data)
        found = desk.checked("gitlab")["gitlab"]
        assert found["state"] == "unknown"
        assert found["reason"] == "a token is not sent to gitlab.test over plain HTTP"
        said = desk.refuse(2, "rotate", "gitlab", "--auto")
        assert "a token is not sent to gitlab.test over plain HTTP" in said
        assert desk.states("gitlab") == {1: "current"} and desk.provider.seen == []


def test_a_token_that_is_replaced_is_checked_as_well() -> None:
    with sitting("gitlab") as desk, stub() as other:
        desk.give("gitlab")
        dead = desk.provider.issue("gitlab")
        desk.provider.revoke(dead)
        desk.refuse(7, "add", "gitlab", "--replace", stdin=pipe(dead))
        assert desk.states("gitlab") == {1: "current"}
        desk.provider.trouble("gitlab", "verify", redirect(other.place("gitlab")))
        outcome = desk.run("add", "gitlab", "--replace", stdin=pipe(desk.provider.issue("gitlab")))
        assert "not checked (302: sent elsewhere, which is not followed)" in outcome.stderr
        assert desk.states("gitlab") == {1: "retiring", 2: "current"} and other.seen == []
