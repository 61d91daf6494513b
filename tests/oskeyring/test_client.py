"""Calls on a real keyring through the process that makes them, and what becomes of that process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from credman.core.errors import Refused
from credman.core.secret import Secret
from credman.oskeyring import client
from credman.oskeyring.backends import ALLOWED, SECRET_SERVICE
from credman.oskeyring.client import KeyringUnavailable, OsKeyring, Situation
from tests.oskeyring.bus import Bus, bus, find_processes, is_alive, wait_until

CANARY = "CANARY-do-not-show"
VALUES = {
    "empty": "",
    "words": "EXAMPLE two  words ",
    "lines": "first\nsecond\r\n\n",
    "accents": "Zürich, \u0065\u0301, \u00e9, 北京, \U0001f511",
    "quotes": "\"'\\$(id)`\t\x7f\x1b",
    "kilobytes": "x" * 3000,
    "megabyte": "é" * (1 << 19),
}


@pytest.mark.parametrize("is_attended", [False, True])
def test_what_is_stored_comes_back(is_attended: bool, tmp_path: Path) -> None:
    with bus(tmp_path) as found, found.ring(is_attended=is_attended) as ring:
        for name, text in VALUES.items():
            assert ring.get("service", name) is None
            ring.set("service", name, Secret(text))
            assert ring.get("service", name) == Secret(text), name
        with found.ring() as another:
            assert another.get("service", "accents") == VALUES["accents"]
        assert ring.get("another", "accents") is None
        ring.set("service", "accents", Secret("later"))
        assert ring.get("service", "accents") == "later"
        assert ring.delete("service", "accents") and not ring.delete("service", "accents")
        assert ring.get("service", "accents") is None
        assert found.users("service") == set(VALUES) - {"accents"}


def test_one_process_serves_all_calls_and_ends_with_the_block(tmp_path: Path) -> None:
    with bus(tmp_path) as found:
        ring = found.ring()
        assert found.workers() == set()  # nothing is opened before it is needed
        with ring:
            ring.get("service", "user")
            workers = found.workers()
            ring.get("service", "user")
            assert found.workers() == workers and len(workers) == 1
        assert found.workers() == set()
        ring.close()
        with ring:  # it may be used again
            assert ring.get("service", "user") is None
            assert len(found.workers()) == 1
        assert found.workers() == set()


def test_what_it_is_called() -> None:
    for backend, title in ALLOWED.items():
        assert OsKeyring(backend, {}).title == title
    with pytest.raises(Refused):
        OsKeyring("keyring.backends.null.Keyring", {})


def test_a_service_that_stops_answering_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "UNATTENDED_SECONDS", 1.5)
    with bus(tmp_path) as found, found.ring() as ring:
        ring.get("service", "user")
        (worker,) = found.workers()
        found.stop_daemon()
        with pytest.raises(KeyringUnavailable, match=r"did not answer within 1\.5 s") as caught:
            ring.set("service", "user", Secret(CANARY))
        assert caught.value.situation is Situation.SILENT
        # Ended at once, not only with the block.
        assert found.workers() == set() and not is_alive(worker)


def test_whoever_may_be_asked_has_more_time() -> None:
    assert client.INTERACTIVE_SECONDS == 60 and client.UNATTENDED_SECONDS == 5


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_process_that_crashes_is_a_failure_and_is_replaced(number: int, tmp_path: Path) -> None:
    with bus(tmp_path) as found, found.ring() as ring:
        ring.set("service", "user", Secret(CANARY))
        (worker,) = found.workers()
        os.kill(worker, number)
        wait_until(lambda: not is_alive(worker))
        with pytest.raises(KeyringUnavailable, match="the keyring failed") as caught:
            ring.get("service", "user")
        assert caught.value.situation is Situation.FAILED and caught.value.exit_code == 6
        assert found.workers() == set()
        assert ring.get("service", "user") == CANARY


def test_a_program_that_cannot_be_started_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "missing"))
    with pytest.raises(KeyringUnavailable, match="the keyring failed to start"):
        OsKeyring(SECRET_SERVICE, {}).get("service", "user")


_OWNER = """
import os, sys
from credman.oskeyring.client import OsKeyring
ring = OsKeyring(sys.argv[1], os.environ)
ring.get("service", "user")
print("open", flush=True)
sys.stdin.readline()
ring.get("service", "user")
"""


def own(found: Bus) -> subprocess.Popen[bytes]:
    """Returns: a program that has opened the keyring; after a line it asks it again."""
    process = subprocess.Popen(
        [sys.executable, "-c", _OWNER, SECRET_SERVICE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**found.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None and process.stdout.readline() == b"open\n"
    return process


def test_it_ends_when_its_owner_is_killed(tmp_path: Path) -> None:
    with bus(tmp_path) as found, own(found) as owner:
        (worker,) = found.workers()
        owner.kill()
        owner.wait()
        wait_until(lambda: not is_alive(worker))


def test_it_ends_when_its_owner_is_killed_while_it_waits_for_an_answer(tmp_path: Path) -> None:
    with bus(tmp_path) as found, own(found) as owner:
        (worker,) = found.workers()
        found.stop_daemon()
        assert owner.stdin is not None
        before = read_so_far(worker)
        owner.stdin.write(b"\n")
        owner.stdin.flush()
        wait_until(lambda: read_so_far(worker) > before)  # it has the request
        owner.kill()
        owner.wait()
        wait_until(lambda: not is_alive(worker), 2)


def read_so_far(pid: int) -> int:
    """Returns: bytes."""
    return int(Path(f"/proc/{pid}/io").read_text().split()[1])


def test_a_value_is_in_no_argument_no_environment_and_no_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "UNATTENDED_SECONDS", 1.5)
    with bus(tmp_path) as found:
        with found.ring() as ring:
            ring.set(CANARY, CANARY, Secret(CANARY))
            for pid in found.find():
                for name in ("cmdline", "environ"):
                    assert CANARY.encode() not in Path(f"/proc/{pid}/{name}").read_bytes()
            assert CANARY not in repr(ring) and CANARY not in repr(vars(ring))
            errors = [caught_from(ring, "\ud800")]  # no keyring stores half a character
            found.stop_daemon()
            errors.append(caught_from(ring, CANARY))
        found.kill_daemon()
        with found.ring() as ring:
            errors.append(caught_from(ring, CANARY))
    situations = [error.situation for error in errors]
    assert situations == [Situation.FAILED, Situation.SILENT, Situation.LOCKED]
    for error in errors:
        assert CANARY not in f"{error!r} {error.message} {error.hint}"
        assert error.__cause__ is None
    assert CANARY not in "".join(capfd.readouterr())
    assert find_processes(f"XDG_RUNTIME_DIR={tmp_path / 'run'}".encode()) == set()


def caught_from(ring: OsKeyring, text: str) -> KeyringUnavailable:
    with pytest.raises(KeyringUnavailable) as caught:
        ring.set("service", "user", Secret(text))
    return caught.value


def test_more_than_a_keyring_holds_is_noticed(tmp_path: Path) -> None:
    # As one that cuts long values off: somebody else's value comes back.
    with bus(tmp_path) as found, found.ring() as ring:
        cut = ring.get

        def get(service: str, user: str) -> Secret | None:
            value = cut(service, user)
            return None if value is None else Secret(value[:2560])

        ring.get = get  # type: ignore[method-assign]
        ring.set("service", "short", Secret("x" * 2560))
        with pytest.raises(KeyringUnavailable, match="to keep what it was given"):
            ring.set("service", "long", Secret("x" * 2561))


def test_a_worker_that_reads_nothing_is_silent_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "UNATTENDED_SECONDS", 0.5)
    with bus(tmp_path) as found, found.ring() as ring:
        monkeypatch.setattr(ring, "_seconds", 5.0)
        assert ring.get("service", "user") is None
        monkeypatch.setattr(ring, "_seconds", 0.5)
        (worker,) = found.workers()
        os.kill(worker, signal.SIGSTOP)
        with pytest.raises(KeyringUnavailable) as caught:
            ring.set("service", "user", Secret("x" * 300_000))  # more than a pipe holds
        assert caught.value.situation is Situation.SILENT
        assert found.workers() == set()


def test_whoever_waits_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "INTERACTIVE_SECONDS", 1.0)
    monkeypatch.setattr(client, "PATIENCE_SECONDS", 0.1)
    told: list[str] = []
    with bus(tmp_path) as found:
        found.stop_daemon()
        with OsKeyring(
            SECRET_SERVICE, found.environ, is_attended=True, on_wait=lambda: told.append("told")
        ) as ring:
            for _ in range(2):
                with pytest.raises(KeyringUnavailable, match="did not answer within 1 s"):
                    ring.get("service", "user")
                assert told == ["told"]
