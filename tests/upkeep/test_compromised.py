"""``revoke --compromised``: somebody else may know the value, so that it is handed out no more."""

from __future__ import annotations

import json

import pytest

from tests.upkeep.stub_places import pipe
from tests.upkeep.stub_sitting import Sitting, sitting
from tests.upkeep.stub_troubles import status


def refuse_to_hand_out(desk: Sitting, name: str, why: str) -> None:
    for code, argv in ((7, ("env",)), (7, ("get", name)), (125, ("exec", "--", "true")),
                       (7, ("export", "--format", "json"))):  # fmt: skip
        outcome = desk.credman(*argv)
        assert outcome.exit_code == code, (argv, outcome)
        assert f"credman: error: {name} {why}" in outcome.stderr, argv
        assert outcome.stdout in (b"", b"false;\n"), argv
        assert f"credman: hint: credman rotate {name}" in outcome.stderr


def test_it_is_marked_before_it_is_revoked_and_nobody_gets_it() -> None:
    with sitting("huggingface") as desk:
        old = desk.give("huggingface")
        desk.provider.trouble("huggingface", "revoke", status(500))
        said = desk.refuse(1, "revoke", "huggingface", "--compromised", "--yes")
        assert (
            "huggingface #1 is compromised, and is not handed out any more: environment default"
        ) in said
        assert ", profile default, as HF_TOKEN\n" in said
        assert old.ended == "" and desk.states("huggingface") == {1: "compromised"}
        refuse_to_hand_out(desk, "huggingface", "is compromised")
        assert "huggingface is compromised, and is not handed out" in desk.run("list").stderr
        desk.provider.mend()
        desk.run("revoke", "huggingface", "--yes")
        assert not old.is_live
        assert desk.states("huggingface") == {1: "compromised"}  # and the history goes on saying so
        refuse_to_hand_out(desk, "huggingface", "is compromised")


def test_its_mark_stays_where_it_is_not_revoked() -> None:
    with sitting("huggingface") as desk:
        desk.give("huggingface")
        said = desk.refuse(7, "revoke", "huggingface", "--compromised")
        assert "huggingface #1 is the current one, and has no successor" in said
        assert desk.states("huggingface") == {1: "compromised"}
        refuse_to_hand_out(desk, "huggingface", "is compromised")


def test_a_new_value_takes_its_place() -> None:
    with sitting("gitlab") as desk:
        old = desk.give("gitlab")
        desk.refuse(7, "revoke", "gitlab", "--compromised")
        new = desk.provider.issue("gitlab")
        desk.run("rotate", "gitlab", stdin=pipe(new))
        assert desk.value("gitlab", "--field", "GITLAB_TOKEN") == new.token
        assert desk.states("gitlab") == {1: "compromised", 2: "current"}
        desk.run("revoke", "gitlab")
        assert not old.is_live
        said = desk.refuse(7, "rollback", "gitlab", "--to", "1")
        assert "gitlab #1 is compromised, and cannot be used again" in said


def test_a_retiring_version_may_be_the_one() -> None:
    with sitting("sendgrid") as desk:
        desk.give("sendgrid")
        desk.run("rotate", "sendgrid", "--auto")
        said = desk.refuse(2, "revoke", "sendgrid", "--compromised")
        assert "it is not plain which value is compromised: --version 1 or 2" in said
        assert desk.states("sendgrid") == {1: "retiring", 2: "current"}
        desk.run("revoke", "sendgrid", "--compromised", "--version", "1")
        assert desk.states("sendgrid") == {1: "compromised", 2: "current"}
        assert [i.is_live for i in desk.provider.issued] == [False, True]
        assert desk.run("env").exit_code == 0  # the current one is another value


def test_the_same_value_under_another_name_is_told() -> None:
    with sitting("huggingface") as desk:
        old = desk.give("huggingface")
        desk.add(old, "-e", "prod")
        desk.add(old, "--provider", "hf", "--var", "MINE", "-p", "work", name="mine")
        said = desk.refuse(7, "revoke", "huggingface", "--compromised")
        for where in (
            "huggingface #1 in environment prod, profile default, as HF_TOKEN",
            "mine #1 in environment default, profile work, as MINE",
        ):
            assert f"the same value is {where}\n" in said
        assert old.is_live
        outcome = desk.run("revoke", "huggingface", "--yes")
        assert "the same value is mine #1 in environment default: it is dead as well" in (
            outcome.stderr
        )
        listed = json.loads(desk.run("list", "--all", "--json").text)["tokens"]
        assert {(t["name"], t["environment"]): t["state"] for t in listed} == {
            ("huggingface", "default"): "compromised",
            ("huggingface", "prod"): "dead",
            ("mine", "default"): "dead",
        }


@pytest.mark.parametrize("argv", [("env", "prod"), ("exec", "prod", "--", "true")])
def test_one_that_is_inherited_is_refused_there_too(argv: tuple[str, ...]) -> None:
    with sitting("huggingface") as desk:
        desk.give("huggingface")
        desk.run("add", "x", "-e", "prod", stdin=b"another value")
        desk.refuse(7, "revoke", "huggingface", "--compromised")
        outcome = desk.credman(*argv)
        assert outcome.exit_code == (125 if argv[0] == "exec" else 7)
        assert "huggingface is compromised" in outcome.stderr
        only = desk.credman(argv[0], "prod", "--only", "x", *argv[2:])
        assert only.exit_code in (0, None), only.stderr
