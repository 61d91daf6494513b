"""``rotate --auto`` where the answer does not come, or cannot be kept: nobody is asked again, and
what may have happened is said."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.cli.harness import PASSPHRASE, PROGRAM, program
from tests.upkeep.stub import Seen
from tests.upkeep.stub_places import configure, pipe
from tests.upkeep.stub_sitting import Sitting, sitting
from tests.upkeep.stub_troubles import Trouble, hang, hang_up, status


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [(hang(), "no answer in "), (hang_up(), "the connection broke"),
     (hang(obeys=False), "no answer in ")],
)  # fmt: skip
def test_without_an_answer_the_old_one_may_be_dead(trouble: Trouble, reason: str) -> None:
    with sitting("gitlab") as desk:
        old = desk.give("gitlab")
        desk.provider.trouble("gitlab", "rotate", trouble)
        said = desk.refuse(1, "rotate", "gitlab", "--auto")
        assert "credman: error: GitLab was asked for a new token on " in said
        assert f", and {reason}" in said and ": the old one may be dead\n" in said
        assert "credman: hint: credman check gitlab tells; credman rotate gitlab --abort" in said
        assert desk.states("gitlab") == {1: "current", 2: "staged"}
        assert "a rotation of gitlab is not finished" in desk.run("list").stderr
        asked = len(desk.provider.seen)
        again = desk.refuse(1, "rotate", "gitlab", "--resume")
        assert "its answer did not arrive: the old one may be dead" in again
        refused = desk.refuse(7, "rotate", "gitlab", "--auto")
        assert "a rotation of gitlab is not finished" in refused
        assert len(desk.provider.seen) == asked  # nothing at all was sent
        outcome = desk.run("rotate", "gitlab", "--abort")
        assert "whether GitLab made a new token is not known; the old one may be dead" in (
            outcome.stderr
        )
        assert desk.states("gitlab") == {1: "current"}
        assert desk.credman("check", "gitlab").exit_code == (0 if old.is_live else 8)
        assert desk.provider.count("gitlab", "rotate") == 1 and desk.provider.reused == []


@pytest.mark.parametrize("name", ["perplexity", "wandb", "slack-config", "label-studio"])
def test_no_family_is_asked_a_second_time(name: str) -> None:
    with sitting(name) as desk:
        desk.give(name)
        desk.provider.trouble(name, "rotate", hang_up())
        desk.refuse(1, "rotate", name, "--auto")
        desk.refuse(1, "rotate", name, "--resume")
        desk.refuse(7, "rotate", name, "--auto")
        assert desk.provider.count(name, "rotate") == 1 and desk.provider.reused == []


def test_after_a_lost_answer_a_new_one_is_made_by_hand() -> None:
    with sitting("gitlab") as desk:
        old = desk.give("gitlab")
        desk.provider.trouble("gitlab", "rotate", hang_up())
        desk.refuse(1, "rotate", "gitlab", "--auto")
        desk.run("rotate", "gitlab", "--abort")
        new = desk.provider.issue("gitlab")
        desk.run("rotate", "gitlab", stdin=pipe(new))
        assert desk.value("gitlab", "--field", "GITLAB_TOKEN") == new.token
        assert "#1 was dead already" in desk.run("revoke", "gitlab").stderr
        assert not old.is_live


def test_several_at_once_never_use_a_value_that_was_replaced() -> None:
    with sitting("gitlab") as desk:
        configure("timeout = 10")
        desk.give("gitlab")
        with ThreadPoolExecutor(4) as pool:
            argv = ("rotate", "gitlab", "--auto")
            done = list(pool.map(lambda _: program(*argv, environ=desk.environ), range(4)))
        assert [d.returncode for d in done] == [0] * 4, [d.stderr for d in done]
        assert desk.states("gitlab") == dict.fromkeys(range(1, 5), "retiring") | {5: "current"}
        tokens = [s.token for s in desk.provider.find("gitlab", "rotate")]
        assert len(tokens) == len(set(tokens)) == 4 and desk.provider.reused == []
        (live,) = [i for i in desk.provider.issued if i.is_live]
        assert desk.value("gitlab", "--field", "GITLAB_TOKEN") == live.token


def test_a_no_does_not_forget_a_value_that_the_provider_made() -> None:
    with sitting("gitlab") as desk:
        old = desk.give("gitlab")
        desk.provider.trouble("gitlab", "verify", status(401))
        desk.refuse(1, "rotate", "gitlab", "--auto")
        desk.provider.trouble("gitlab", "verify", status(500))
        said = desk.refuse(7, "rotate", "gitlab", "--resume")
        assert "nobody is here to answer: make it current without a check?" in said
        no = desk.credman("rotate", "gitlab", "--resume", answers=["n"])
        assert no.exit_code == 7, no.stderr
        assert desk.states("gitlab") == {1: "current", 2: "staged"}
        yes = desk.credman("rotate", "gitlab", "--resume", answers=["y"])
        assert yes.exit_code == 0, yes.stderr
        assert old.successor is not None
        assert desk.value("gitlab", "--field", "GITLAB_TOKEN") == old.successor.token


class Lock:
    """The vault's, held as another process would."""

    def __init__(self) -> None:
        path = Path(os.environ["CREDMAN_HOME"]) / "data" / "vault.lock"
        self._descriptor = os.open(path, os.O_RDWR)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def release(self) -> None:
        os.close(self._descriptor)


def lock_when_asked(desk: Sitting, provider: str) -> list[Lock]:
    """Somebody takes the vault while the provider makes a new token. Returns: the lock, then."""
    held: list[Lock] = []

    def take(seen: Seen) -> None:
        if (seen.provider, seen.role) == (provider, "rotate"):
            held.append(Lock())

    desk.provider.answering = take
    return held


def test_an_answer_that_cannot_be_stored_at_first_is_stored_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("credman.stores.disk.LOCK_WAIT_SECONDS", 0.1)
    with sitting("gitlab") as desk:
        old = desk.give("gitlab")
        held = lock_when_asked(desk, "gitlab")
        waits: list[float] = []

        def wait(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 3:
                held[0].release()

        monkeypatch.setattr("credman.cli.rotate.time", SimpleNamespace(sleep=wait))
        outcome = desk.run("rotate", "gitlab", "--auto")
        assert (
            outcome.stderr.count("credman: warning: the answer of GitLab cannot be stored: ") == 3
        )
        assert "; trying again in 1 s\n" in outcome.stderr
        assert waits == [1, 2, 4, 0]
        assert old.successor is not None
        assert desk.value("gitlab", "--field", "GITLAB_TOKEN") == old.successor.token
        assert desk.provider.count("gitlab", "rotate") == 1


def test_an_answer_that_can_never_be_stored_is_said_to_be_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("credman.stores.disk.LOCK_WAIT_SECONDS", 0.05)
    with sitting("gitlab") as desk:
        old = desk.give("gitlab")
        held = lock_when_asked(desk, "gitlab")
        said = desk.refuse(6, "rotate", "gitlab", "--auto")
        held[0].release()
        assert sum(desk.waits) >= 60  # two minutes in all
        assert old.successor is not None and old.successor.token not in said
        assert desk.states("gitlab") == {1: "current", 2: "staged"}
        assert "the old one may be dead" in desk.refuse(1, "rotate", "gitlab", "--resume")
        assert desk.provider.count("gitlab", "rotate") == 1


def test_what_came_back_from_an_older_copy_is_checked_before_it_may_do_anything() -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab")
        new = desk.provider.issue("gitlab")
        desk.run("rotate", "gitlab", stdin=pipe(new))
        desk.run("add", "x", "--no-check", stdin=b"another value")
        desk.run("restore", "--previous", "--yes")
        asked = len(desk.provider.seen)
        for argv in (
            ("rotate", "gitlab", "--auto"),
            ("revoke", "gitlab"),
            ("revoke", "gitlab", "--yes"),
            ("revoke", "gitlab", "--compromised", "--version", "1", "--yes"),
        ):
            said = desk.refuse(7, *argv)
            assert "gitlab came back from an older copy, and may not be the one that counts" in said
            assert "credman: hint: credman check gitlab" in said
        assert len(desk.provider.seen) == asked
        desk.provider.trouble("gitlab", "verify", status(500))
        desk.run("check", "gitlab")
        desk.refuse(7, "rotate", "gitlab", "--auto")  # it is not known yet
        desk.provider.mend()
        desk.run("check", "gitlab")
        desk.run("rotate", "gitlab", "--auto")


def test_a_rotation_from_an_older_copy_is_not_resumed() -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab")
        desk.provider.trouble("gitlab", "verify", status(401), times=9)
        desk.refuse(1, "rotate", "gitlab", "--auto")
        desk.run("add", "x", "--no-check", stdin=b"another value")
        desk.provider.mend()
        desk.run("restore", "--previous", "--yes")
        said = desk.refuse(7, "rotate", "gitlab", "--resume")
        assert "gitlab came back from an older copy" in said
        assert desk.states("gitlab") == {1: "current", 2: "staged"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_the_provider_is_asked_waits_until_its_answer_is_stored(number: int) -> None:
    with sitting("gitlab") as desk:
        old = desk.give("gitlab")
        configure("timeout = 5")
        process: subprocess.Popen[bytes] | None = None
        is_asked = threading.Event()

        def press(seen: Seen) -> None:
            if seen.role == "rotate":
                is_asked.wait(20)
                assert process is not None
                process.send_signal(number)

        desk.provider.answering = press
        process = subprocess.Popen(
            [*PROGRAM, "rotate", "gitlab", "--auto"],
            env={**os.environ, **desk.environ, "CREDMAN_PASSPHRASE": PASSPHRASE},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        is_asked.set()
        _, error = process.communicate(timeout=30)
        assert process.returncode in (128 + number, -number), error
        assert desk.states("gitlab") == {1: "current", 2: "staged"}
        assert "a rotation of gitlab is not finished" in desk.run("list").stderr
        desk.run("rotate", "gitlab", "--resume")
        assert old.successor is not None
        assert desk.value("gitlab", "--field", "GITLAB_TOKEN") == old.successor.token
        assert desk.provider.count("gitlab", "rotate") == 1 and desk.provider.reused == []
