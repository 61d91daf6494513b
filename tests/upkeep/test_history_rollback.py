"""``history`` and ``rollback``: the versions of a token, and going back to one that still works."""

from __future__ import annotations

import json
import re

from tests.upkeep.stub_places import pipe
from tests.upkeep.stub_sitting import sitting
from tests.upkeep.stub_troubles import hang_up, status


def test_history_as_it_is_read() -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab", days=30)
        desk.run("rotate", "gitlab", "--auto")
        desk.run("revoke", "gitlab")
        new = desk.provider.issue("gitlab", days=30)
        desk.run("rotate", "gitlab", stdin=pipe(new))
        lines = desk.run("history", "gitlab").text.splitlines()
        assert lines[0].split() == ["VERSION", "STATE", "AGE", "EXPIRES", "CHECKED", "ENDED"]
        day = r"\d{4}-\d\d-\d\d"
        for line, wanted in zip(
            lines[1:],
            (
                rf" +#3 +current +today +{day} +live just now +–",
                rf" +#2 +retiring +today +{day} +live just now +–",
                rf" +#1 +revoked +today +{day} +dead just now +just now found dead \(\S+@\S+\)",
            ),
            strict=True,
        ):
            assert re.fullmatch(wanted, line), line
        found = json.loads(desk.run("history", "gitlab", "--json").text)
        assert found["name"] == "gitlab" and len(found["versions"]) == 3
        assert [v["has_value"] for v in found["versions"]] == [True, True, False]
        assert not [i for i in desk.provider.issued if i.token in json.dumps(found)]
        assert "no token named x" in desk.refuse(3, "history", "x")


def test_back_to_the_last_one() -> None:
    with sitting("sendgrid") as desk:
        old = desk.give("sendgrid")
        desk.run("rotate", "sendgrid", "--auto")
        outcome = desk.run("rollback", "sendgrid")
        assert outcome.stderr.splitlines()[-2:] == [
            "sendgrid #1 is current again, live: scopes api, read",
            "#2 is retiring: credman revoke sendgrid ends it",
        ]
        assert desk.states("sendgrid") == {1: "current", 2: "retiring"}
        assert desk.value("sendgrid") == old.token
        desk.run("rollback", "sendgrid")  # and forth
        assert desk.states("sendgrid") == {1: "retiring", 2: "current"}
        desk.run("rotate", "sendgrid", "--auto")  # the number of the next one is a new one
        assert desk.states("sendgrid") == {1: "retiring", 2: "retiring", 3: "current"}


def test_back_to_a_certain_one() -> None:
    with sitting("sendgrid") as desk:
        first = desk.give("sendgrid")
        desk.run("rotate", "sendgrid", "--auto")
        desk.run("rotate", "sendgrid", "--auto")
        desk.run("rollback", "sendgrid", "--to", "1")
        assert desk.value("sendgrid") == first.token
        assert desk.states("sendgrid") == {1: "current", 2: "retiring", 3: "retiring"}
        assert "is the current version already" in desk.refuse(
            7, "rollback", "sendgrid", "--to", "1"
        )
        assert "has no version 9" in desk.refuse(3, "rollback", "sendgrid", "--to", "9")
        assert "a number" in desk.refuse(2, "rollback", "sendgrid", "--to", "latest")


def test_never_to_a_dead_one() -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab")
        desk.run("rotate", "gitlab", "--auto")
        for argv in (("rollback", "gitlab"), ("rollback", "gitlab", "--to", "1", "--yes")):
            said = desk.refuse(7, *argv)
            assert "gitlab #1 is dead (401: revoked or expired)" in said
            assert "credman: hint: nothing was changed" in said
        assert desk.states("gitlab") == {1: "retiring", 2: "current"}
        versions = json.loads(desk.run("history", "gitlab", "--json").text)["versions"]
        assert [v["checked"] for v in versions] == ["live", "dead"]  # what was found is kept
        desk.run("revoke", "gitlab")
        said = desk.refuse(7, "rollback", "gitlab", "--to", "1")
        assert "gitlab #1 is revoked, and cannot be used again" in said
        assert "no former version of gitlab is left to go back to" in desk.refuse(
            7, "rollback", "gitlab"
        )


def test_to_one_that_cannot_be_checked_only_with_a_yes() -> None:
    with sitting("sendgrid") as desk:
        old = desk.give("sendgrid")
        desk.run("rotate", "sendgrid", "--auto")
        for trouble in (status(500), hang_up()):
            desk.provider.trouble("sendgrid", "verify", trouble)
            said = desk.refuse(7, "rollback", "sendgrid")
            assert "nobody is here to answer: go back to it without a check?" in said
            no = desk.credman("rollback", "sendgrid", answers=["n"])
            assert no.exit_code == 7 and "nothing was changed" in no.stderr
        assert desk.states("sendgrid") == {1: "retiring", 2: "current"}
        yes = desk.credman("rollback", "sendgrid", answers=["y"])
        assert yes.exit_code == 0 and "not checked: the connection broke" in yes.stderr
        assert desk.value("sendgrid") == old.token


def test_where_there_is_nobody_to_ask_it_is_just_done() -> None:
    with sitting() as desk:
        desk.run("add", "mine", stdin=b"first value")
        desk.run("rotate", "mine", stdin=b"second value")
        outcome = desk.run("rollback", "mine")
        assert "mine #1 is current again\n" in outcome.stderr
        assert desk.value("mine") == "first value"
