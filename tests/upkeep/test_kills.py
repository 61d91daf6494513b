"""``kill -9`` in the middle of a rotation or a revocation, wherever there is a middle.

Once the answer of the provider is on the disk the new value is never lost; it is asked for once,
whatever happens; the old value is dropped when it is dead, and not before.

``CREDMAN_KILLS=FILE`` writes what came of each point into a file.
"""

from __future__ import annotations

import itertools
import os
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event, Lock

import pytest

from tests.matrix.faults import Call, copy_home, find_points, trace
from tests.stores.driver import KILLED
from tests.upkeep.kills import (
    Place,
    make_action,
    make_place,
    make_template,
    running,
)
from tests.upkeep.remains import check_revocation, check_rotation
from tests.upkeep.stub_troubles import Trouble, write

TABLE = os.environ.get("CREDMAN_KILLS")
CHECKS: dict[str, Callable[[Place], str]] = {"rotate": check_rotation, "revoke": check_revocation}
MOMENTS = ("before it obeys", "before it answers", "in the middle of the answer", "after it")
WRITES = ("openat", "write", "fsync", "link", "linkat", "rename", "flock")
# Two threads that derive a key at once may wait for each other for ever; see tests/matrix/sweep.py.
_LOOKING = Lock()


def note(name: str, action: str, outcomes: list[tuple[str, str]]) -> Counter[str]:
    """Returns: how often there was each outcome."""
    if TABLE:
        with open(TABLE, "a", encoding="utf-8") as file:
            for point, outcome in outcomes:
                file.write(f"{name} {action} | {point} | {outcome}\n")
    counted = Counter(outcome for _, outcome in outcomes)
    print(f"{name} {action}: {len(outcomes)} points: {dict(counted)}")
    return counted


# Killed by its provider


def make_killer(place: Place, moment: str, request: int, pid: list[int]) -> Trouble:
    """Args: request: the how-manieth of its kind."""
    turns = itertools.count(1)

    def send(
        handler: BaseHTTPRequestHandler,
        status: int,
        headers: dict[str, str],
        body: bytes,
        closing: Event,
    ) -> None:
        if next(turns) != request:
            write(handler, status, headers, body)
            return
        if moment == "in the middle of the answer":
            write(handler, status, headers, body[: len(body) // 2], length=len(body))
        elif moment == "after it":
            write(handler, status, headers, body)
        os.kill(pid[0], signal.SIGKILL)

    return Trouble(send, obeys=moment != "before it obeys")


REQUESTS = [
    ("gitlab", "rotate", "rotate", 1),
    ("gitlab", "rotate", "verify", 1),
    ("perplexity", "rotate", "rotate", 1),
    ("perplexity", "rotate", "verify", 1),
    ("perplexity", "revoke", "verify", 1),
    ("perplexity", "revoke", "revoke", 1),
    ("perplexity", "revoke", "verify", 2),
]


@pytest.mark.parametrize(("name", "action", "role", "request_"), REQUESTS)
def test_killed_by_its_provider(
    tmp_path: Path, name: str, action: str, role: str, request_: int
) -> None:
    template = make_template(tmp_path / "template", name, action)
    outcomes = []
    for number, moment in enumerate(MOMENTS):
        home = copy_home(template, tmp_path / f"home-{number}")
        with make_place(home, name, action) as place:
            pid: list[int] = []
            killer = make_killer(place, moment, request_, pid)
            place.provider.trouble(name, role, killer)
            with running(place, action) as process:
                pid.append(process.pid)
                assert process.wait(60) == KILLED
            place.provider.mend()
            outcomes.append((f"{role} request {request_}, {moment}", CHECKS[action](place)))
    note(name, action, outcomes)
    if (action, role) == ("rotate", "rotate"):  # the answer was on its way, not on the disk
        assert all(outcome.startswith("asking") for _, outcome in outcomes[:3])
    if (action, role) == ("rotate", "verify"):
        assert all(outcome.startswith("staged") for _, outcome in outcomes[:3])


def test_whoever_is_killed_asked_once(tmp_path: Path) -> None:
    """The sweeps would find a second question: this is one."""
    template = make_template(tmp_path / "template", "gitlab", "rotate")
    with make_place(copy_home(template, tmp_path / "twice"), "gitlab", "rotate") as place:
        for _ in range(2):
            with running(place, "rotate") as process:
                assert process.wait(60) == 0
        with pytest.raises(AssertionError):
            check_rotation(place)


# Killed at a system call


def list_writes(points: list[Call], *, every: int) -> list[Call]:
    """Returns: some of the calls that change something, the last one among them."""
    return [call for call in points if call.changes][::-every][::-1]


def sweep(
    tmp_path: Path,
    name: str,
    action: str,
    choose: Callable[[list[Call]], list[Call]],
    *,
    names: Sequence[str] = WRITES,
) -> Counter[str]:
    template = make_template(tmp_path / "template", name, action)
    with make_place(copy_home(template, tmp_path / "first"), name, action) as place:
        made = make_action(action, place.environ).with_own_byte_code(place.home)
        first = made.environ(place.home)
    with make_place(copy_home(template, tmp_path / "usual"), name, action) as place:
        # A signal that never comes: then strace follows no thread, as where one comes, and counts
        # the same calls. All of the store is done in the first thread.
        never = f"{','.join(names)}:signal=KILL:when=65535"
        usual = trace(place.home, make_action(action, {**first, **place.environ}), inject=never)
        assert usual.exit_code == 0, usual.printed
    chosen = choose(find_points(usual))

    def attempt(numbered: tuple[int, Call]) -> tuple[str, str]:
        number, call = numbered
        home = copy_home(template, tmp_path / f"home-{number}")
        point = f"{call.name} {call.count} {call.target}"
        with make_place(home, name, action) as place:
            dying = make_action(action, {**first, **place.environ})
            traced = trace(home, dying, inject=f"{call.name}:signal=KILL:when={call.count}")
            assert traced.exit_code == KILLED, (point, traced.printed)
            met = traced.calls[-1]
            assert (met.name, met.target) == (call.name, call.target), (point, met)
            with _LOOKING:
                return point, CHECKS[action](place)

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(attempt, enumerate(chosen)))
    return note(name, action, outcomes)


@pytest.mark.parametrize("name", ["gitlab", "perplexity"])
def test_killed_at_a_write_of_a_rotation(tmp_path: Path, name: str) -> None:
    counted = sweep(tmp_path, name, "rotate", lambda points: list_writes(points, every=4))
    assert counted.total() >= 15
    found = {outcome.partition(":")[0] for outcome in counted}
    assert found == {"nothing begun", "asking", "answered", "staged", "verified", "done"}


def test_killed_at_a_write_of_a_revocation(tmp_path: Path) -> None:
    counted = sweep(tmp_path, "perplexity", "revoke", lambda points: list_writes(points, every=3))
    assert counted.total() >= 5 and len(counted) >= 2


@pytest.mark.deep
@pytest.mark.parametrize(
    ("name", "action"),
    [("gitlab", "rotate"), ("perplexity", "rotate"), ("perplexity", "revoke")],
)
def test_killed_at_every_call(tmp_path: Path, name: str, action: str) -> None:
    counted = sweep(tmp_path, name, action, lambda points: points, names=["all"])
    assert counted.total() >= 100 if action == "rotate" else counted.total() >= 20
