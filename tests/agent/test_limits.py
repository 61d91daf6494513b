"""How long something is held: without use, in all, and on which clock. Row H11 of the matrix."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import pytest

from credman.core import wire
from credman.server import status
from credman.server.held import Declined, Held, now
from credman.server.rings import Rings
from tests.agent.agents import agents, wait_until
from tests.agent.clients import ask
from tests.agent.inside import HARD, IDLE, Inside
from tests.cli.harness import PASSPHRASE, make_value, make_vault
from tests.cli.keyed import vault

GIVING = (
    ("env",),
    ("env", "--shell", "fish"),
    ("get", "hf"),
    ("exec", "--", "command"),
    ("run", "--", "command"),
)
TELLING = (
    ("list",),
    ("ls", "--json"),
    ("show", "hf"),
    ("__complete", "get", "--", ""),
    ("env", "nowhere"),
    ("get", "nothing"),
    ("get", "hf", "--field", "NOTHING"),
)


def test_it_is_a_quarter_of_an_hour_without_use_and_twelve_hours_in_all() -> None:
    assert (IDLE, HARD) == (900.0, 43200.0)
    make_vault()
    with agents() as desk:
        desk.unlock()
        assert b"unlocked for another 15 min without use" in desk.run("status").stdout
        (told,) = read_vaults(desk.run("status", "--json").stdout)
        assert told["ends_when_idle"] and 0 < told["seconds_left"] <= 900
        desk.unlock("--for", "8h")
        (told,) = read_vaults(desk.run("status", "--json").stdout)
        assert not told["ends_when_idle"] and 28700 < told["seconds_left"] <= 28800


def read_vaults(data: bytes) -> list[Any]:
    found: list[Any] = json.loads(data)["unlocked"]
    return found


@pytest.mark.parametrize("argv", GIVING, ids=" ".join)
def test_what_gives_values_counts_as_use(argv: tuple[str, ...]) -> None:
    make_vault()
    inside = Inside()
    inside.hold()
    inside.at += IDLE - 1
    assert inside.run(*argv) in (wire.DONE, wire.EXEC)
    assert inside.left() == IDLE


@pytest.mark.parametrize("argv", TELLING, ids=" ".join)
def test_what_gives_no_values_does_not_count_as_use(argv: tuple[str, ...]) -> None:
    make_vault()
    inside = Inside()
    inside.hold()
    inside.at += IDLE - 1
    assert inside.run(*argv) == wire.DONE
    assert inside.left() == 1


def test_what_writers_read_counts_as_use_where_values_are_in_it() -> None:
    make_vault()
    inside = Inside()
    inside.hold()
    inside.at += 600
    snapshot: Any = inside.ask_store("snapshot")
    status.render_status(inside.held)
    assert inside.left() == IDLE - 600
    address = ["default", "default", "hf", 1, "HF_TOKEN"]
    values: Any = inside.ask_store("reveal", snapshot["revision"], [address])
    assert values[0][1] == make_value() and inside.left() == IDLE


@pytest.mark.parametrize("limit", ["idle", "in all"])
def test_h11_just_at_its_limit_it_is_refused_before_anything_is_ended(limit: str) -> None:
    make_vault()
    inside = Inside()
    vault_id = inside.hold(idle=IDLE, seconds=HARD if limit == "idle" else IDLE / 2)
    end = inside.at + (IDLE if limit == "idle" else IDLE / 2)
    inside.run("list")  # so what it read is known as well
    inside.at = math.nextafter(end, 0)
    assert inside.run("list") == wire.DONE
    inside.at = end
    for argv in (("list",), ("env",), ("get", "hf"), ("show", "hf"), ("exec", "--", "x")):
        with pytest.raises(Declined):
            inside.run(*argv)
    requests: list[tuple[object, ...]] = [("snapshot",), ("commit", "", [])]
    for request in requests:
        with pytest.raises(Declined):
            inside.ask_store(*request)
    assert inside.held.entries == {} and vault_id in inside.held._entries
    assert b'"vaults": []' in status.render_status(inside.held)
    assert inside.held.drop_expired() and not inside.held.drop_expired()
    assert vault_id not in inside.held._entries


def test_use_does_not_move_the_limit_in_all() -> None:
    make_vault()
    inside = Inside()
    inside.hold(seconds=2 * IDLE)
    for _ in range(3):
        inside.at += IDLE * 2 / 3 - 1
        inside.run("env")
    assert inside.left() == 3
    inside.at += 3
    with pytest.raises(Declined):
        inside.run("env")


def test_what_is_held_for_a_chosen_time_needs_no_use() -> None:
    make_vault()
    inside = Inside()
    inside.hold(idle=None, seconds=8 * 3600.0)
    inside.at += 8 * 3600 - 1
    assert inside.run("env") == wire.DONE and inside.left() == 1


def test_a_chosen_time_is_not_cut_short_by_another_command_but_by_another_choice() -> None:
    make_vault()
    inside = Inside()
    inside.hold(idle=None, seconds=8 * 3600.0)
    inside.at += 3600
    inside.hold()  # as after a typed passphrase
    assert inside.left() == 7 * 3600 and len(inside.held.entries) == 1
    inside.hold(idle=None, seconds=60.0)
    assert inside.left() == 60
    inside.at += 60
    inside.hold()
    assert inside.left() == IDLE


def test_no_request_holds_longer_than_a_month_or_for_no_time() -> None:
    held = Held()
    rings = Rings(held)
    name, path = b"0" * 32, b"/x"
    status.hold(held, rings, [name, bytes(32), path, b"", b"1e99", b"0", b""])
    assert 29 * 86400 < held.seconds_left() <= 30 * 86400
    for idle, seconds in (
        (b"", b"0"),
        (b"", b"-1"),
        (b"", b"nan"),
        (b"", b"-inf"),
        (b"0", b"9"),
        (b"-1", b"9"),
        (b"nan", b"9"),
        (b"inf", b"9"),
        (b"1e9", b"9"),
    ):
        with pytest.raises(ValueError):  # noqa: PT011
            status.hold(held, rings, [b"other", bytes(32), path, idle, seconds, b"0", b""])
    status.hold(held, rings, [b"other", bytes(32), path, b"", b"60", b"-1e9", b""])
    assert max(e.seconds_left(now()) for e in held.entries.values()) <= 30 * 86400
    assert held.seconds_left() <= 60


def test_h11_the_clock_goes_on_while_the_machine_sleeps_and_nobody_can_set_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []
    real = time.clock_gettime

    def note(clock: int) -> float:
        asked.append(clock)
        return real(clock)

    monkeypatch.setattr(time, "clock_gettime", note)
    monkeypatch.setattr(time, "time", jump)
    monkeypatch.setattr(time, "monotonic", jump)  # which stands still while the machine sleeps
    held = Held()
    held.hold("0" * 32, bytes(32), "/x", idle=60.0, until=now() + 3600)
    assert 0 < held.seconds_left() <= 60 and not held.drop_expired()
    assert set(asked) == {time.CLOCK_BOOTTIME}


def jump() -> float:
    raise AssertionError("another clock is read")


def test_h11_when_a_chosen_time_is_over_the_process_is_gone() -> None:
    make_vault()
    with agents() as desk:
        desk.unlock("--for", "2s")
        desk.ends()
        assert not (desk.folder / "agent").exists()
        assert desk.run("env").returncode == 4
        assert desk.run("status").returncode == 4


def test_an_agent_that_is_asked_all_the_time_ends_no_later() -> None:
    make_vault()
    with agents() as desk:
        desk.unlock("--for", "1s")
        wait_until(lambda: ask(desk, "env") is None)
        desk.ends()


def test_a_time_that_cannot_be_understood_starts_nothing() -> None:
    make_vault()
    with agents() as desk:
        for duration in ("0s", "-1h", "8", "h", "inf", "nan", "1e3s", ""):
            done = desk.run("unlock", "--passphrase-fd", "0", "--for", duration,
                            stdin=PASSPHRASE.encode())  # fmt: skip
            assert done.returncode == 2, (duration, done.stderr)
        assert desk.pids() == [] and vault().exists()
