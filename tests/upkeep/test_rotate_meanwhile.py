"""``rotate`` by hand, broken off, and by several at once."""

from __future__ import annotations

import os
import re
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cli.harness import program
from tests.upkeep.stub import Seen
from tests.upkeep.stub_places import pipe
from tests.upkeep.stub_sitting import Sitting, sitting
from tests.upkeep.stub_troubles import hang


def stop_while_checking(desk: Sitting, name: str, value: bytes) -> str:
    """Ctrl-C while the provider is asked about the new value. Returns: what is said."""

    def press(seen: Seen) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    desk.provider.trouble(name, "verify", hang())
    desk.provider.answering = press
    outcome = desk.credman("rotate", name, stdin=value)
    desk.provider.answering = lambda seen: None
    desk.provider.mend()
    assert outcome.exit_code == 130, outcome.stderr
    return outcome.stderr


def test_ctrl_c_while_checking_leaves_it_staged() -> None:
    with sitting("gitlab") as desk:
        old = desk.give("gitlab")
        new = desk.provider.issue("gitlab")
        said = stop_while_checking(desk, "gitlab", pipe(new))
        assert said.endswith(
            "credman: error: stopped: the new value is staged, the old one is still current\n"
            "credman: hint: credman rotate gitlab --resume, or --abort\n"
        )
        assert desk.states("gitlab") == {1: "current", 2: "staged"}
        assert desk.value("gitlab", "--field", "GITLAB_TOKEN") == old.token
        listed = desk.run("list")
        assert "a rotation of gitlab is not finished: credman rotate gitlab" in listed.stderr
        assert "--resume, or --abort" in listed.stderr
        resumed = desk.run("rotate", "gitlab", "--resume")
        assert "3/4 gitlab #2 is current" in resumed.stderr
        assert desk.value("gitlab", "--field", "GITLAB_TOKEN") == new.token
        assert "not finished" not in desk.run("list").stderr


def test_one_that_was_broken_off_can_be_given_up() -> None:
    with sitting("gitlab") as desk:
        old = desk.give("gitlab")
        new = desk.provider.issue("gitlab")
        stop_while_checking(desk, "gitlab", pipe(new))
        outcome = desk.run("rotate", "gitlab", "--abort")
        assert "forgotten; delete the new token where you made it: http" in outcome.stderr
        assert outcome.stderr.endswith("the rotation of gitlab is given up\n")
        assert desk.states("gitlab") == {1: "current"}
        assert desk.value("gitlab", "--field", "GITLAB_TOKEN") == old.token
        for option in ("--resume", "--abort"):
            said = desk.refuse(7, "rotate", "gitlab", option)
            assert "no rotation of gitlab is to be finished" in said
        desk.run("rotate", "gitlab", stdin=pipe(new))  # it may be taken after all
        assert desk.states("gitlab") == {1: "retiring", 2: "current"}


def test_meanwhile_nothing_else_replaces_it() -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab")
        first, second, third = (desk.provider.issue("gitlab") for _ in range(3))
        desk.run("rotate", "gitlab", stdin=pipe(first))
        stop_while_checking(desk, "gitlab", pipe(second))
        before = desk.states("gitlab")
        asked = len(desk.provider.seen)
        for argv, stdin in (
            (("rotate", "gitlab"), pipe(third)),
            (("rotate", "gitlab", "--auto"), None),
            (("add", "gitlab", "--replace"), pipe(third)),
            (("rollback", "gitlab", "--yes"), None),
            (("revoke", "gitlab", "--yes"), None),
        ):
            said = desk.refuse(7, *argv, stdin=stdin)
            assert "a rotation of gitlab is not finished" in said, argv
            assert "--resume, or --abort" in said
        assert desk.states("gitlab") == before == {1: "retiring", 2: "current", 3: "staged"}
        assert [s.role for s in desk.provider.seen[asked:]].count("rotate") == 0


def test_somebody_who_rotates_it_is_waited_for_and_then_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("credman.cli.asking._UNATTENDED_SECONDS", 0.3)
    with sitting("gitlab") as desk:
        desk.give("gitlab")
        first, second = desk.provider.issue("gitlab"), desk.provider.issue("gitlab")
        is_asked, go_on = threading.Event(), threading.Event()

        def hold(seen: Seen) -> None:
            is_asked.set()
            go_on.wait(20)

        desk.provider.answering = hold
        said: list[str] = []
        one = threading.Thread(
            target=lambda: said.append(desk.run("rotate", "gitlab", stdin=pipe(first)).stderr)
        )
        one.start()
        assert is_asked.wait(20)
        desk.provider.answering = lambda seen: None
        refused = desk.refuse(6, "rotate", "gitlab", stdin=pipe(second))
        assert "gitlab is locked by" in refused
        assert desk.states("gitlab") == {1: "current", 2: "staged"}
        assert desk.value("gitlab", "--field", "GITLAB_TOKEN") != second.token
        go_on.set()
        one.join()
        assert said and desk.states("gitlab")[2] == "current"


def test_eight_at_once_make_eight_versions_one_after_the_other() -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab")
        new = [desk.provider.issue("gitlab") for _ in range(8)]
        with ThreadPoolExecutor(8) as pool:
            done = list(
                pool.map(
                    lambda n: program("rotate", "gitlab", stdin=pipe(n), environ=desk.environ), new
                )
            )
        said = [d.stderr.decode() for d in done]
        assert [d.returncode for d in done] == [0] * 8, said
        assert desk.states("gitlab") == dict.fromkeys(range(1, 9), "retiring") | {9: "current"}
        last = next(n for n, s in zip(new, said, strict=True) if "gitlab #9 is current" in s)
        assert desk.value("gitlab", "--field", "GITLAB_TOKEN") == last.token
        named = sorted(int(m[1]) for s in said for m in re.finditer(r"gitlab #(\d) is current", s))
        assert named == list(range(2, 10))
