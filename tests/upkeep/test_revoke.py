"""``revoke``: a version is ended at its provider, proven dead, and its value dropped."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.upkeep.stub_answers import Issued
from tests.upkeep.stub_places import list_fields, pipe
from tests.upkeep.stub_sitting import Sitting, sitting
from tests.upkeep.stub_templates import list_with, read_file
from tests.upkeep.stub_troubles import Trouble, hang_up, redirect, say, status

NEEDS_ID = {"databricks", "wandb"}
"""Their tokens are ended by what they are called, which only they know who made them."""


def rotate_by_hand(desk: Sitting, name: str, **how: object) -> tuple[Issued, Issued]:
    """Returns: a token that is retiring, and the one that is current."""
    old = desk.give(name)
    new = desk.provider.issue(name)
    new.predecessor, old.successor = old, new
    desk.run("rotate", name, stdin=pipe(new))
    return old, new


@pytest.mark.parametrize("name", list_with("revoke_api"))
def test_every_provider_that_can_be_asked_ends_the_old_one(name: str) -> None:
    with sitting(name) as desk:
        if name in NEEDS_ID:
            desk.give(name)
            desk.run("rotate", name, "--auto")
            desk.run("rotate", name, "--auto")
            old, new = desk.provider.issued[1:]
            number = 2
        else:
            old, new = rotate_by_hand(desk, name)
            number = 1
        assert [old.is_live, new.is_live] == [True, True]
        outcome = desk.run("revoke", name, "--version", str(number))
        assert [old.is_live, new.is_live] == [False, True]
        assert desk.provider.count(name, "revoke") == 1
        assert desk.states(name)[number] == "revoked"
        title = read_file(name)["title"]
        assert f"asking {title} to end {name} #{number} …\n" in outcome.stderr
        assert f"{name} #{number} is revoked by {title} when asked, and dead (" in outcome.stderr
        assert outcome.stderr.endswith("; its value is dropped\n")
        assert old.token not in outcome.stderr + outcome.text
        variables = {key: variable for variable, key, _ in list_fields(name)}
        assert desk.value(name, "--field", variables["token"]) == new.token


def test_as_it_is_read() -> None:
    with sitting("huggingface") as desk:
        old, _ = rotate_by_hand(desk, "huggingface")
        outcome = desk.run("revoke", "huggingface")
        told = [line for line in outcome.stderr.splitlines() if "is asked at" not in line]
        assert told == [
            "asking Hugging Face to end huggingface #1 …",
            "huggingface #1 is revoked by Hugging Face when asked, and dead (401: revoked or "
            "expired); its value is dropped",
        ]
        lines = desk.run("history", "huggingface").text.splitlines()
        assert lines[2].split()[:2] == ["#1", "revoked"]
        assert "by Hugging Face when asked (" in lines[2]
        versions = json.loads(desk.run("history", "huggingface", "--json").text)["versions"]
        assert [v["has_value"] for v in versions] == [True, False]
        assert versions[1]["checked"] == "dead" and versions[1]["ended_at"]
        said = desk.refuse(7, "revoke", "huggingface", "--version", "1")
        assert "huggingface #1 is revoked, and its value is gone" in said
        said = desk.refuse(2, "revoke", "huggingface")
        assert "no old version of huggingface is left to revoke" in said
        assert desk.provider.count("huggingface", "revoke", old.token) == 1


def test_one_that_is_dead_already_is_dropped_without_asking() -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab")
        desk.run("rotate", "gitlab", "--auto")
        outcome = desk.run("revoke", "gitlab")
        assert "gitlab #1 was dead already (401: revoked or expired); its value is dropped" in (
            outcome.stderr
        )
        assert desk.provider.count("gitlab", "revoke") == 0
        assert desk.states("gitlab") == {1: "revoked", 2: "current"}


def test_a_successor_that_is_not_known_to_be_live_is_asked_about() -> None:
    with sitting("gitlab") as desk:
        old = desk.give("gitlab")
        new = desk.provider.issue("gitlab")
        desk.run("rotate", "gitlab", "--no-check", stdin=pipe(new))
        desk.provider.revoke(new)
        said = desk.refuse(7, "revoke", "gitlab")
        assert "gitlab #2 is not known to be live" in said
        assert "--yes revokes #1 all the same" in said
        assert old.is_live and desk.states("gitlab") == {1: "retiring", 2: "current"}
        new.ended = ""
        desk.run("revoke", "gitlab")  # now it is
        assert not old.is_live


def test_a_yes_is_enough_in_the_place_of_a_successor() -> None:
    with sitting("gitlab") as desk:
        old = desk.give("gitlab")
        said = desk.refuse(7, "revoke", "gitlab", "--version", "1")
        assert "gitlab #1 is the current one, and has no successor" in said
        assert "credman rotate gitlab makes one; --yes revokes it all the same" in said
        no = desk.credman("revoke", "gitlab", "--version", "1", answers=["n"])
        assert no.exit_code == 7 and "nothing was revoked" in no.stderr and old.ended == ""
        desk.refuse(2, "revoke", "gitlab", "--yes")  # which one, is not said
        desk.run("revoke", "gitlab", "--version", "#1", "--yes")
        assert not old.is_live and desk.states("gitlab") == {1: "revoked"}
        for argv in (("env",), ("get", "gitlab", "--field", "GITLAB_TOKEN")):
            assert "gitlab was revoked" in desk.refuse(7, *argv)
        assert "gitlab is revoked, and is not handed out" in desk.run("list").stderr


def test_a_successor_of_the_same_value_is_none() -> None:
    with sitting("gitlab") as desk:
        old = desk.give("gitlab")
        desk.run("add", "gitlab", "--replace", stdin=pipe(old))
        said = desk.refuse(7, "revoke", "gitlab")
        assert (
            "the same value is in use as gitlab #2 in environment default" in said and old.is_live
        )


def test_several_old_versions_are_named() -> None:
    with sitting("sendgrid") as desk:
        desk.give("sendgrid")
        desk.run("rotate", "sendgrid", "--auto")
        desk.run("rotate", "sendgrid", "--auto")
        assert "several versions are alive: --version 1 or 2" in desk.refuse(
            2, "revoke", "sendgrid"
        )
        for wrong, code in (("7", 3), ("x", 2), ("-1", 2), ("", 2)):
            desk.refuse(code, "revoke", "sendgrid", "--version", wrong)
        desk.run("revoke", "sendgrid", "--version", "2")
        assert [i.is_live for i in desk.provider.issued] == [True, False, True]
        desk.run("revoke", "sendgrid")
        assert [i.is_live for i in desk.provider.issued] == [False, False, True]


def test_a_value_that_is_in_use_under_another_name_is_asked_about() -> None:
    with sitting("sendgrid") as desk:
        old = desk.give("sendgrid")
        desk.add(old, "-e", "prod")
        desk.run("rotate", "sendgrid", "--auto")
        said = desk.refuse(7, "revoke", "sendgrid")
        assert (
            "the same value is in use as sendgrid #1 in environment prod, profile default" in said
        )
        assert "credman rotate sendgrid -e prod replaces it; --yes revokes both" in said
        assert old.ended == ""
        desk.run("rotate", "sendgrid", "--auto", "-e", "prod")
        desk.run("revoke", "sendgrid")  # there it is an old one as well
        assert old.ended == "revoked"


def test_a_value_that_still_works_is_kept() -> None:
    with sitting("huggingface") as desk:
        old, _ = rotate_by_hand(desk, "huggingface")
        desk.provider.trouble("huggingface", "revoke", status(202))  # it says yes, and does nothing
        said = desk.refuse(1, "revoke", "huggingface")
        assert (
            "credman: error: huggingface #1 still works, though it was revoked by Hugging Face "
            "when asked\ncredman: hint: its value is kept; the same command tries again\n"
        ) in said
        assert sum(desk.waits) == 15 and old.is_live
        assert desk.states("huggingface") == {1: "retiring", 2: "current"}
        desk.provider.mend()
        desk.run("revoke", "huggingface")
        assert desk.states("huggingface") == {1: "revoked", 2: "current"}


@pytest.mark.parametrize("trouble", [status(500), status(403), status(429), hang_up()])
def test_a_value_of_which_nobody_knows_whether_it_is_dead_is_kept(trouble: Trouble) -> None:
    with sitting("huggingface") as desk:
        old, _ = rotate_by_hand(desk, "huggingface")
        desk.provider.answering = lambda seen: (
            desk.provider.trouble("huggingface", "verify", trouble)
            if seen.role == "revoke"
            else None
        )
        said = desk.refuse(6, "revoke", "huggingface")
        assert "whether huggingface #1 is dead cannot be told: " in said
        assert "its value is kept; the same command tries again" in said and not old.is_live
        assert desk.states("huggingface") == {1: "retiring", 2: "current"}
        desk.provider.answering = lambda seen: None
        desk.provider.mend()
        assert "#1 was dead already" in desk.run("revoke", "huggingface").stderr


@pytest.mark.parametrize(
    "trouble", [status(403), status(500), say("no"), hang_up(obeys=False), redirect("/elsewhere")]
)
def test_what_the_provider_does_not_do_is_done_by_hand(trouble: Trouble) -> None:
    with sitting("huggingface") as desk:
        old, _ = rotate_by_hand(desk, "huggingface")
        desk.provider.trouble("huggingface", "revoke", trouble)
        page = f"{desk.provider.place('huggingface')}/settings/tokens"
        said = desk.refuse(1, "revoke", "huggingface")
        assert "    not done: " in said
        assert f"huggingface #1 is to be revoked by hand: {page}" in said
        assert old.is_live and desk.states("huggingface")[1] == "retiring"
        not_yet = desk.credman("revoke", "huggingface", answers=["n"])
        assert not_yet.exit_code == 7 and "nothing was dropped" in not_yet.stderr
        desk.provider.answering = lambda seen: None
        still = desk.credman("revoke", "huggingface", answers=["y"])
        assert still.exit_code == 1 and "huggingface #1 still works" in still.stderr
        desk.provider.revoke(old)
        assert "#1 was dead already" in desk.run("revoke", "huggingface").stderr


def test_without_a_way_to_ask_its_page_is_opened_and_the_value_proven_dead() -> None:
    with sitting("groq") as desk:
        old, _ = rotate_by_hand(desk, "groq")
        said = desk.refuse(1, "revoke", "groq")
        assert "groq #1 is to be revoked by hand: https://" in said
        assert "once that is done, the same command proves it and drops the value" in said

        # Asked about once, before the page is named; and revoked there before the answer is given.
        desk.provider.answered = lambda seen: desk.provider.revoke(old)
        outcome = desk.credman("revoke", "groq", answers=["y"])
        assert outcome.exit_code == 0, outcome.stderr
        assert "revoke groq #1 by hand: https://" in outcome.stderr
        assert desk.states("groq") == {1: "revoked", 2: "current"}


def test_where_nobody_can_be_asked_a_yes_drops_it() -> None:
    with sitting() as desk:
        desk.run("add", "mine", stdin=b"a value of my own")
        desk.run("rotate", "mine", stdin=b"another value of my own")
        said = desk.refuse(7, "revoke", "mine")
        assert "mine #2 is not known to be live" in said
        outcome = desk.run("revoke", "mine", "--yes")
        assert "mine #1 is revoked by --yes, not proven; its value is dropped" in outcome.stderr
        assert desk.states("mine") == {1: "revoked", 2: "current"}


def test_what_is_dropped_is_in_no_file_any_more() -> None:
    with sitting("gitlab") as desk:
        rotate_by_hand(desk, "gitlab")
        desk.run("revoke", "gitlab")
        exported = desk.run("history", "gitlab", "--json").text + desk.run("show", "gitlab").text
        assert desk.provider.issued[0].token not in exported
        home = Path(os.environ["CREDMAN_HOME"])
        texts = [p.read_bytes() for p in home.rglob("*") if p.is_file()]
        assert texts and not [
            t for t in texts for i in desk.provider.issued if i.token.encode() in t
        ]
