"""Too much of everything: the agent's memory stays bounded, and an honest caller is answered."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import resource
import signal

import pytest

from credman.agent import client
from credman.core import wire
from tests.agent.agents import Agents, agents, wait_until
from tests.agent.clients import ask, ask_soon, connect, make_request, make_run
from tests.agent.siege import GIVEN, MOST_ON_ITS_WAY, besieged, frame, resident
from tests.cli.harness import credman, make_value, make_vault
from tests.cli.keyed import vault


def test_answers_that_nobody_reads_fill_no_memory_and_keep_nobody_waiting() -> None:
    make_vault()
    big = "x" * 1_000_000
    assert credman("add", "big", "--no-check", stdin=big.encode()).exit_code == 0
    with agents() as desk, contextlib.ExitStack() as stack:
        desk.unlock()
        assert ask(desk, "get", "big") == (0, big.encode())
        before = resident(desk, "VmHWM")
        request = make_request(desk, "get", "big")
        for number in range(150):
            connection = stack.enter_context(connect(desk))
            connection.sendall(request)
            if number % 10 == 0:
                assert ask_soon(desk, "get", "hf") == (0, make_value().encode())
        assert ask_soon(desk, "get", "hf") == (0, make_value().encode())
        assert ask_soon(desk, "get", "big") == (0, big.encode())
        waiting = [stack.enter_context(connect(desk)) for _ in range(80)]
        assert ask_soon(desk, "get", "hf") == (0, make_value().encode())
        os.kill(desk.pid, signal.SIGSTOP)
        for connection in waiting:  # so that all of them come at once
            connection.sendall(request)
        os.kill(desk.pid, signal.SIGCONT)
        assert ask(desk, "get", "big") == (0, big.encode())
        assert resident(desk, "VmHWM") < before + MOST_ON_ITS_WAY


def test_requests_that_are_as_large_as_they_may_be_fill_no_memory() -> None:
    with besieged() as desk, contextlib.ExitStack() as stack:
        head = wire.pack([wire.PROTOCOL, wire.WRITE, wire.VERSION])
        for _ in range(40):
            connection = stack.enter_context(connect(desk))
            with contextlib.suppress(OSError):
                connection.sendall((wire.MAX_WRITE).to_bytes(4, "big") + head)
                connection.sendall(bytes(wire.MAX_WRITE - len(head) - 1))
        assert ask_soon(desk, "env") == (0, GIVEN)


def test_connections_without_end_beside_one_that_waits_for_a_lock() -> None:
    with besieged() as desk, contextlib.ExitStack() as stack:
        lock = vault().with_suffix(".lock")
        holder = stack.enter_context(lock.open("w"))
        fcntl.flock(holder, fcntl.LOCK_EX)
        caller = make_run(desk, "env")[3:5]
        url = f"file:{vault()}".encode()
        revision = ask_store(desk, caller, url, ["snapshot"])["revision"]
        writer = stack.enter_context(connect(desk))
        change = json.dumps(["commit", revision, [["remove", ["default", "default", "hf"]]]])
        writer.sendall(frame(wire.WRITE, wire.VERSION, *caller, url, change.encode()))
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(600):
            stack.enter_context(connect(desk))
        assert ask_soon(desk, "env") == (0, GIVEN)
        writer.close()
        fcntl.flock(holder, fcntl.LOCK_UN)
        wait_until(lambda: resident(desk, "Threads") == 1)
        # What it was told to do it did, though nobody waits for it any more.
        gone = ask_soon(desk, "get", "hf")
        assert gone is not None and gone[0] == 3
        credman("add", "hf", stdin=make_value().encode())


def ask_store(desk: Agents, caller: list[bytes], url: bytes, what: object) -> dict[str, str]:
    request = [wire.READ, wire.VERSION, *caller, url, json.dumps(what).encode()]
    answer = client.ask(desk.environ, "/", request, seconds=1.0)
    assert answer is not None and answer[0] == wire.DONE
    found: dict[str, str] = json.loads(answer[1])
    return found


def steady(requests: int) -> None:
    with besieged() as desk:
        lines = (("env",), ("get", "hf"), ("list",), ("show", "hf"), ("env", "nowhere"))
        for number in range(200):
            assert ask_soon(desk, *lines[number % len(lines)])
        before = resident(desk)
        for number in range(requests):
            assert ask_soon(desk, *lines[number % len(lines)])
        assert resident(desk) < before + 1024
        assert len(os.listdir(f"/proc/{desk.pid}/fd")) < 12


def test_a_thousand_requests_take_no_more_memory_than_two_hundred() -> None:
    steady(1000)


@pytest.mark.deep
def test_ten_thousand_requests_take_no_more_memory_than_two_hundred() -> None:
    steady(10_000)
