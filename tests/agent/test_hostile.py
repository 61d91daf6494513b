"""What a program of the same user may send. The agent lives, and answers who is honest.

The rows of the matrix are in ``tests/matrix/test_h_hostile.py``.
"""

from __future__ import annotations

import contextlib
import os
import random
from pathlib import Path

import pytest

from credman.core import wire
from tests.agent.agents import agents
from tests.agent.clients import (
    answer_to,
    ask_soon,
    connect,
    is_declined,
    make_request,
    make_run,
    read_all,
)
from tests.agent.siege import GIVEN, besieged, frame
from tests.cli.harness import make_vault


def test_a_request_that_is_cut_anywhere_is_answered_by_nothing() -> None:
    with besieged() as desk:
        whole = make_request(desk, "env")
        for size in range(0, len(whole), 3):
            with connect(desk) as connection:
                connection.sendall(whole[:size])
                connection.shutdown(1)
                assert read_all(connection) == b"", size
        body = whole[4:]
        for size in range(0, len(body), 3):
            answer = answer_to(desk, size.to_bytes(4, "big") + body[:size])
            assert answer == b"" or is_declined(answer), size


def test_random_bytes_and_mutated_requests_are_cut_or_declined() -> None:
    choice = random.Random("hostile")
    with besieged() as desk:
        whole = make_request(desk, "list")
        for number in range(3000):
            if number % 3 == 0:
                data = choice.randbytes(choice.randrange(200))
            else:
                mutated = bytearray(whole)
                for _ in range(choice.randrange(1, 6)):
                    place = choice.randrange(4, len(mutated))
                    mutated[place] = choice.choice((0, 255, 127, choice.randrange(256)))
                data = bytes(mutated)
            with connect(desk) as connection, contextlib.suppress(OSError):
                connection.sendall(data)
                connection.shutdown(1)
                read_all(connection)
            if number % 500 == 0:
                assert ask_soon(desk, "env") == (0, GIVEN)


@pytest.mark.parametrize(
    "place", [b"relative", b"", b"./x", b"~", b"\0/", b"-"], ids=lambda place: repr(place)
)
def test_a_directory_that_is_not_absolute_is_declined(place: bytes) -> None:
    make_vault()
    with agents() as desk:
        desk.unlock()
        run = make_run(desk, "env")
        parts = [*run[:3], place, *run[4:]]
        assert is_declined(answer_to(desk, frame(*parts)))
        assert ask_soon(desk, "env") == (0, GIVEN)


def test_variables_that_are_not_on_the_list_are_declined() -> None:
    with besieged() as desk:
        run = make_run(desk, "env")
        for added in (
            b"PATH=/x",
            b"LD_PRELOAD=/x",
            b"CREDMAN_PASSPHRASE=x",
            b"PYTHONPATH=/x",
            b"=x",
            b"",
            b"home=/x",
            b"HOME\0=/x",
            "HOME\u0301=/x".encode(),
        ):
            told = wire.pack([*wire.unpack(run[4]), added])
            assert is_declined(answer_to(desk, frame(*run[:4], told, run[5]))), added
        assert is_declined(answer_to(desk, frame(*run[:4], b"\0\0\0\x09x", run[5])))


def test_odd_streams_and_widths_are_answered_or_declined() -> None:
    with besieged() as desk:
        for width in (b"0", b"-5", b"1", b"999999999", b"9" * 5000, b"x", b"", b"1_0", b" 7 "):
            for argv in (("list",), ("env", "--reveal"), ("providers",)):
                run = make_run(desk, *argv)
                kinds = wire.pack([b"terminal", b"terminal", b"terminal", width])
                answer = answer_to(desk, frame(*run[:5], kinds))
                assert len(answer) < 1 << 20, width
        for kinds in (b"", wire.pack([b"80"]), wire.pack([b"odd"] * 9), b"\1"):
            assert is_declined(answer_to(desk, frame(*make_run(desk, "env")[:5], kinds)))


def is_refused(answer: bytes) -> bool:
    parts = wire.unpack(answer[4:])
    return is_declined(answer) or parts[:1] == [wire.FAILED]


def test_what_is_to_be_held_has_an_identity_of_its_size_and_a_time() -> None:
    with besieged() as desk:
        good = [b"other", bytes(32), b"/x", b"60", b"60", b"0", b""]
        for place, odd in (
            (0, b"\xff"),
            (1, b""),
            (1, bytes(31)),
            (1, bytes(33)),
            (1, bytes(60_000)),
            (3, b"x"),
            (3, b"nan"),
            (4, b""),
            (4, b"0"),
            (4, b"1e999x"),
            (5, b"x"),
        ):
            parts = [*good[:place], odd, *good[place + 1 :]]
            assert is_refused(answer_to(desk, frame(wire.HOLD, wire.VERSION, *parts))), place
        for size in (0, 6, 8):
            parts = (good * 2)[:size]
            assert is_refused(answer_to(desk, frame(wire.HOLD, wire.VERSION, *parts)))
        for backend in (b"", b"os.system", b"keyring.backends.null.Keyring", b"\xff"):
            ring = [b"keyring", b"", backend, *good[3:]]
            assert is_refused(answer_to(desk, frame(wire.HOLD, wire.VERSION, *ring))), backend
        for number in range(200):
            parts = [str(number).encode(), *good[1:]]
            answer = answer_to(desk, frame(wire.HOLD, wire.VERSION, *parts))
        assert is_refused(answer)  # there are too many
        assert ask_soon(desk, "env") == (0, GIVEN)


def test_a_request_for_what_blocks_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "config").mkdir()
    os.mkfifo(tmp_path / "config" / "config.toml")
    with besieged() as desk:
        for store in (f"file:{tmp_path / 'pipe'}", "file:/dev/zero", "file:/dev/stdin"):
            ask_soon(desk, "list", "--store", store)
            assert ask_soon(desk, "env") == (0, GIVEN)
        run = make_run(desk, "list")
        told = wire.pack([b"CREDMAN_HOME=" + os.fsencode(tmp_path)])
        answer_to(desk, frame(*run[:4], told, run[5]))
