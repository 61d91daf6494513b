"""Rows H03 to H06: frames, waits, crowds and words that no honest client sends.

The agent is the same one afterwards, has not grown, and answers an honest client within a second
meanwhile; ``besieged`` asserts it. More of the kind is in ``tests/agent/test_hostile.py`` and
``test_loads.py``.
"""

from __future__ import annotations

import contextlib
import resource
import socket
import time
from collections.abc import Iterator

import pytest

from credman.core import wire
from tests.agent.clients import (
    answer_to,
    ask_soon,
    connect,
    is_declined,
    make_request,
    make_run,
    read_all,
)
from tests.agent.siege import GIVEN, besieged, frame, resident
from tests.cli.keyed import vault

HEAD = wire.pack([wire.PROTOCOL, wire.RUN, wire.VERSION])
WRITE = wire.pack([wire.PROTOCOL, wire.WRITE, wire.VERSION])


def test_h03_a_frame_of_a_length_that_no_request_has_is_cut_at_its_beginning() -> None:
    with besieged() as desk:
        before = resident(desk)
        for size in (0xFFFFFFFF, 0x80000000, 0x7FFFFFFF, wire.MAX_REQUEST + 1, wire.MAX_WRITE + 1):
            for head in (HEAD, WRITE, b"", b"x" * 64):
                if size <= wire.MAX_WRITE and head == WRITE:
                    continue  # it may be as large as that
                data = size.to_bytes(4, "big") + head
                with connect(desk) as connection:
                    connection.sendall(data)  # and it waits: nothing but the length is wrong
                    connection.settimeout(1.5)  # before a request has to be there
                    assert read_all(connection) == b"", (size, head)
        for size in (0, 1, 3, 4, len(HEAD) - 1):
            assert answer_to(desk, size.to_bytes(4, "big") + HEAD[:size]) == b"", size
        assert answer_to(desk, make_request(desk, "env") + b"x") == b""
        assert resident(desk) < before + 1024


def test_h03_the_largest_request_is_answered_and_a_larger_one_is_not() -> None:
    with besieged() as desk:
        room = wire.MAX_REQUEST - len(make_request(desk, "get", "")) + 4
        assert ask_soon(desk, "get", "x" * room) is not None
        assert ask_soon(desk, "get", "x" * (room + 1)) is None


def test_h04_half_a_request_and_one_that_comes_byte_by_byte_are_cut() -> None:
    with besieged() as desk, contextlib.ExitStack() as stack:
        whole = make_request(desk, "env")
        halves = [stack.enter_context(connect(desk)) for _ in range(10)]
        for number, connection in enumerate(halves):
            connection.sendall(whole[: number * 4])
        slow = stack.enter_context(connect(desk))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for place in range(40):  # it has 2 s in all, however often there is a byte
                slow.sendall(whole[place : place + 1])
                if place % 3 == 0:
                    assert ask_soon(desk, "env") == (0, GIVEN)
                time.sleep(0.2)
            raise AssertionError("it was never cut")
        for connection in (*halves, slow):
            assert read_all(connection) == b""


@pytest.mark.parametrize("count", [200, 600])
def test_h05_connections_that_say_nothing_keep_nobody_out(count: int) -> None:
    with besieged() as desk, many_files(), contextlib.ExitStack() as stack:
        idle: list[socket.socket] = []
        for number in range(count):
            idle.append(stack.enter_context(connect(desk)))
            if number % 50 == 0:
                assert ask_soon(desk, "env") == (0, GIVEN)
        assert ask_soon(desk, "env") == (0, GIVEN)
        for connection in idle:
            assert read_all(connection) == b""


@contextlib.contextmanager
def many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_h06_what_is_no_operation_or_has_other_parts_is_declined() -> None:
    with besieged() as desk:
        run = make_run(desk, "env")
        for operation in (b"", b"RUN", b"run ", b"quit", b"exec", b"\xff" * 40):
            assert is_declined(answer_to(desk, frame(operation, wire.VERSION, *run[2:]))), operation
        for parts in ((), (b"",), run[2:5], [*run[2:], b"more"], [*run[2:5], b""], [b"", *run[3:]]):
            assert is_declined(answer_to(desk, frame(wire.RUN, wire.VERSION, *parts))), parts
        for protocol in (b"", b"credman agent 2", b"credman agent", wire.PROTOCOL + b"\0"):
            assert answer_to(desk, wire.frame([protocol, wire.STATUS, wire.VERSION])) == b""
        assert answer_to(desk, frame(wire.STATUS)) == b""
        told = answer_to(desk, frame(wire.RUN, b"0.0.0", *run[2:]))
        assert told == wire.frame([wire.DECLINED, b"version"])


def test_h06_broken_and_deep_json_is_declined() -> None:
    with besieged() as desk:
        caller = make_run(desk, "env")[3:5]
        url = f"file:{vault()}".encode()
        for what in (
            b"",
            b"{",
            b"[" * 100_000,
            b'{"a":' * 50_000,
            b"null",
            b"[]",
            b'["snapshot", 1]',
            b'["quit"]',
            b'["reveal", "x"]',
            b'["reveal", null, []]',
            b'["reveal", "x", [[]]]',
            b'["commit", "x", [["put"]]]',
            b'["commit", "x", [["put", {}, [], false]]]',
            b'["commit", "x", [["odd"]]]',
            b'["commit", "x", [null]]',
            b'["commit", 1e999, []]',
            b'["commit", "x", [["rename", ["a"], NaN]]]',
            b"\xff\xfe",
            b'"\\ud800"',
            b"9" * 10_000,
        ):
            for operation in (wire.READ, wire.WRITE):
                parts = (operation, wire.VERSION, *caller, url, what)
                found = wire.unpack(answer_to(desk, frame(*parts))[4:])
                assert found[0] in (wire.DECLINED, wire.FAILED), what
        for other in (b"", b"keyring:", b"/etc/passwd", b"FILE:x", b"\xff", b"s3://x", b"file:"):
            parts = (wire.READ, wire.VERSION, *caller, other, b'["snapshot"]')
            found = wire.unpack(answer_to(desk, frame(*parts))[4:])
            assert found[0] in (wire.DECLINED, wire.FAILED), other
        before = vault().read_bytes()
    assert vault().read_bytes() == before
