"""The process that talks to the keyring: what it holds open, and how it tells what is refused."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from jeepney import DBusAddress, MessageType, new_method_call
from jeepney.io.blocking import open_dbus_connection
from keyring import errors
from keyring.backend import KeyringBackend

from credman.core.secret import Secret
from credman.oskeyring.client import KeyringUnavailable, OsKeyring, Situation
from credman.oskeyring.worker import _call, _classify
from tests.oskeyring.bus import MASTER, Bus, bus

LOGIN = "org.freedesktop.secrets"


def get(ring: OsKeyring) -> object:
    return ring.get("service", "user")


def caught_from(ring: OsKeyring, call: Callable[[OsKeyring], object] = get) -> Situation:
    with pytest.raises(KeyringUnavailable) as caught:
        call(ring)
    return caught.value.situation


def test_many_calls_make_one_connection_and_one_session(tmp_path: Path) -> None:
    with bus(tmp_path) as found, found.watch() as called, found.ring() as ring:
        for user in ("one", "two", "three"):
            assert ring.get("service", user) is None
            ring.set("service", user, Secret("EXAMPLE"))
            assert ring.get("service", user) == "EXAMPLE"
            assert ring.delete("service", user)
        assert ring.get("service", "one") is None
    assert called.count("OpenSession") == 1
    assert called.count("GetSecret") == 6
    assert called.count("SearchItems") == 13 > 5 > called.count("Hello")  # the service's own too


def test_a_session_that_was_opened_to_read_is_used_on(tmp_path: Path) -> None:
    with bus(tmp_path) as found:
        with found.ring() as ring:
            ring.set("service", "user", Secret("EXAMPLE"))
        with found.watch() as called, found.ring() as ring:
            for _ in range(3):
                assert ring.get("service", "user") == "EXAMPLE"
            ring.set("service", "user", Secret("EXAMPLE later"))
    assert called.count("OpenSession") == 1 and called.count("GetSecret") == 4


def test_what_is_locked_between_two_calls_is_told_and_is_used_again_afterwards(
    tmp_path: Path,
) -> None:
    calls: tuple[Callable[[OsKeyring], object], ...] = (
        get,
        lambda ring: ring.get("service", "missing"),
        lambda ring: ring.set("service", "user", Secret("EXAMPLE later")),
        lambda ring: ring.delete("service", "user"),
    )
    with bus(tmp_path) as found:
        for call in calls:
            with found.ring() as ring:
                ring.set("service", "user", Secret("EXAMPLE"))
                found.lock()
                assert caught_from(ring, call) is Situation.LOCKED
                unlock(found)
                assert ring.get("service", "user") == "EXAMPLE"


def test_what_was_locked_and_unlocked_between_two_calls_is_no_matter(tmp_path: Path) -> None:
    with bus(tmp_path) as found, found.ring() as ring:
        ring.set("service", "user", Secret("EXAMPLE"))
        found.lock()
        unlock(found)
        (worker,) = found.workers()
        assert ring.get("service", "user") == "EXAMPLE"
        assert found.workers() == {worker}


def test_a_service_that_died_between_two_calls_is_told_as_its_successor_is(tmp_path: Path) -> None:
    with bus(tmp_path) as found, found.ring() as ring:
        ring.set("service", "user", Secret("EXAMPLE"))
        found.kill_daemon()
        assert caught_from(ring) is Situation.LOCKED


def test_another_service_gets_a_connection_and_a_session_of_its_own(tmp_path: Path) -> None:
    with bus(tmp_path) as found, found.ring() as ring:
        ring.set("service", "user", Secret("EXAMPLE"))
        (worker,) = found.workers()
        found.kill_daemon()
        start(found)
        with found.watch() as called:
            assert ring.get("service", "user") == "EXAMPLE"
            ring.set("service", "user", Secret("EXAMPLE later"))
        assert called.count("OpenSession") == 1
        assert found.workers() == {worker}  # the process is the same


def test_a_bus_that_is_gone_between_two_calls_is_an_absent_keyring(tmp_path: Path) -> None:
    with bus(tmp_path) as found:
        ring = found.ring()
        ring.set("service", "user", Secret("EXAMPLE"))
        for pid in found.find("dbus-daemon"):
            os.kill(pid, signal.SIGKILL)
        assert caught_from(ring) is Situation.ABSENT
        ring.close()


def unlock(found: Bus) -> None:
    """As a person does who types the password: by gnome-keyring's own interface for it."""
    connection = open_dbus_connection(bus=found.environ["DBUS_SESSION_BUS_ADDRESS"])
    with closing(connection):
        service = "org.freedesktop.Secret.Service"
        path = "/org/freedesktop/secrets"
        plain = ("plain", ("s", ""))
        opened = DBusAddress(path, LOGIN, service)
        reply = connection.send_and_get_reply(new_method_call(opened, "OpenSession", "sv", plain))
        secret = (reply.body[1], b"", MASTER.encode(), "text/plain")
        private = DBusAddress(
            path, LOGIN, "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface"
        )
        body = (f"{path}/collection/login", secret)
        call = new_method_call(private, "UnlockWithMasterPassword", "o(oayays)", body)
        reply = connection.send_and_get_reply(call)
        assert reply.header.message_type is MessageType.method_return, reply.body


def start(found: Bus) -> None:
    """As a login does."""
    done = found.call("gnome-keyring-daemon", "--unlock", "--components=secrets", given=MASTER)
    assert done.returncode == 0, done.stderr


class Refusing(KeyringBackend):
    """As KWallet's does when its window is closed: it cannot be tried here."""

    priority = 1

    def get_password(self, service: str, username: str) -> str | None:
        raise errors.KeyringLocked("Failed to unlock the keyring!")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise errors.PasswordSetError("Cancelled by user")

    def delete_password(self, service: str, username: str) -> None:
        raise errors.PasswordDeleteError("Cancelled by user")


@pytest.mark.parametrize("action", ["set", "delete"])
def test_what_a_person_refuses_is_not_an_item_that_is_gone(action: str) -> None:
    request = {"action": action, "service": "service", "user": "user", "value": "EXAMPLE"}
    with pytest.raises(errors.KeyringError) as caught:
        _call(Refusing(), request)  # type: ignore[no-untyped-call]
    assert _classify(caught.value) == "dismissed"


def test_a_bus_that_gives_no_names_is_no_reason_to_fail(tmp_path: Path) -> None:
    name = "dev.credman.Example"
    with bus(tmp_path, denied=name) as found, found.ring() as ring:
        assert ring.take(name) is None
        ring.set("service", "user", Secret("EXAMPLE"))
        ring.give(name)


def test_a_connection_that_is_dropped_while_it_is_made_is_made_again() -> None:
    from credman.oskeyring.worker import _try_again

    asked: list[str] = []

    def drop(error: Exception, times: int) -> str:
        asked.append("asked")
        if len(asked) <= times:
            raise error
        return "made"

    wrapped = RuntimeError("what secretstorage makes of it")
    wrapped.__cause__ = ConnectionResetError(104, "Connection reset by peer")
    for error in (ConnectionResetError(104, "reset"), wrapped):
        asked.clear()
        assert _try_again(lambda: drop(error, 2)) == "made" and len(asked) == 3  # noqa: B023
        asked.clear()
        with pytest.raises(type(error)):
            _try_again(lambda: drop(error, 9))  # noqa: B023
        assert len(asked) == 4
    asked.clear()
    with pytest.raises(FileNotFoundError):
        _try_again(lambda: drop(FileNotFoundError(), 9))
    assert len(asked) == 1
