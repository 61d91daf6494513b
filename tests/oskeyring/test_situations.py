"""What is wrong with a keyring, and what is said of it: each against a real one, or none at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from credman.core.errors import Unavailable
from credman.core.secret import Secret
from credman.oskeyring import client
from credman.oskeyring.choice import probe
from credman.oskeyring.client import KeyringUnavailable, OsKeyring, Situation
from tests.oskeyring.bus import Bus, bus, display, silent_bus

Place = Callable[[Path], AbstractContextManager[Bus]]

ABSENT = (Situation.ABSENT, "there is no keyring here")
LOCKED = (Situation.LOCKED, "the keyring is locked, and nothing here can ask for its password")
SILENT = (Situation.SILENT, "the keyring did not answer within 0.4 s")


@contextmanager
def no_bus(home: Path) -> Iterator[Bus]:
    yield Bus({"PATH": os.environ["PATH"], "HOME": str(home), "XDG_RUNTIME_DIR": str(home)})


@contextmanager
def dead_socket(home: Path) -> Iterator[Bus]:
    with no_bus(home) as found:
        address = f"unix:path={home / 'gone'}"
        yield Bus({**found.environ, "DBUS_SESSION_BUS_ADDRESS": address})


@contextmanager
def dead_bus(home: Path) -> Iterator[Bus]:
    """Its session is over, and its address is known still."""
    with bus(home) as found:
        pass
    yield found


def no_service(home: Path) -> AbstractContextManager[Bus]:
    return bus(home, keyring="absent")


def never_unlocked(home: Path) -> AbstractContextManager[Bus]:
    return bus(home, keyring="never")


@contextmanager
def locked(home: Path, environ: Mapping[str, str] | None = None) -> Iterator[Bus]:
    with bus(home, environ=environ) as found:
        found.lock()
        yield found


@contextmanager
def killed(home: Path) -> Iterator[Bus]:
    with bus(home) as found:
        store(found)
        found.kill_daemon()
        yield found


@contextmanager
def wrong_master(home: Path) -> Iterator[Bus]:
    """Somebody gave it another password: the daemon says nothing of it."""
    with bus(home) as found:
        store(found)
        found.kill_daemon()
        found.call("gnome-keyring-daemon", "--unlock", "--components=secrets", given="another")
        yield found


@contextmanager
def stopped(home: Path) -> Iterator[Bus]:
    with bus(home) as found:
        found.stop_daemon()
        yield found


@contextmanager
def locked_with_display(home: Path) -> Iterator[Bus]:
    with display() as environ, locked(home, environ) as found:
        yield found


@contextmanager
def never_unlocked_with_display(home: Path) -> Iterator[Bus]:
    with display() as environ, bus(home, keyring="never", environ=environ) as found:
        yield found


def store(found: Bus) -> None:
    with found.ring() as ring:
        set_(ring)


def get(ring: OsKeyring) -> None:
    ring.get("service", "user")


def set_(ring: OsKeyring) -> None:
    ring.set("service", "user", Secret("EXAMPLE"))


def delete(ring: OsKeyring) -> None:
    ring.delete("service", "user")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        pytest.param(place, said, id=place.__name__)
        for place, said in (
            (no_bus, ABSENT),
            (dead_socket, ABSENT),
            (dead_bus, ABSENT),
            (no_service, ABSENT),
            (locked, LOCKED),
            (killed, LOCKED),
            (wrong_master, LOCKED),
            (stopped, SILENT),
            (silent_bus, SILENT),
            (locked_with_display, SILENT),
            (never_unlocked_with_display, SILENT),
            (never_unlocked, LOCKED),
        )
    ],
)
def test_each_says_what_it_is_for_every_call(
    place: Place, said: tuple[Situation, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if said is SILENT:
        monkeypatch.setattr(client, "UNATTENDED_SECONDS", 0.4)
    with place(tmp_path) as found:
        # A deadline is the same for each of them, and is waited for.
        for call in (get, set_) if said is SILENT else (get, set_, delete, probe):
            with found.ring() as ring, pytest.raises(KeyringUnavailable) as caught:
                call(ring)
            assert (caught.value.situation, caught.value.message) == said
            assert found.workers() == set()


@pytest.mark.parametrize("situation", Situation)
def test_each_has_a_next_step_and_one_exit_code(situation: Situation) -> None:
    error = KeyringUnavailable(situation)
    assert isinstance(error, Unavailable)
    assert (error.exit_code, error.kind) == (6, "keyring_unavailable")
    for text in (error.message, error.hint):
        assert text and text == text.strip() and not text.endswith(".") and text[0].islower()
    assert KeyringUnavailable(situation, "again").message == f"{situation.value} again"


def test_a_socket_that_accepts_and_says_nothing_is_silent_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "UNATTENDED_SECONDS", 3)
    with silent_bus(tmp_path) as found:
        with found.ring() as ring, pytest.raises(KeyringUnavailable) as caught:
            get(ring)
        assert found.workers() == set()
    assert caught.value.situation is Situation.SILENT


def test_no_two_say_the_same() -> None:
    errors = [KeyringUnavailable(situation) for situation in Situation]
    assert len({e.message for e in errors}) == len({e.hint for e in errors}) == len(Situation) == 5


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("keyring.errors.KeyringLocked", "Failed to unlock the collection!", "locked"),
        ("keyring.errors.InitError", "Failed to unlock: Prompt dismissed..", "dismissed"),
        ("keyring.errors.InitError", "The name was not provided", "absent"),
        ("keyring.errors.NoKeyringError", "No recommended backend was available", "absent"),
        ("keyring.errors.PasswordSetError", "(8, 'CredWrite', 'too long')", "failed"),
        ("secretstorage.exceptions.SecretServiceNotAvailableException", "gone", "absent"),
        (
            "secretstorage.exceptions.SecretServiceNotAvailableException",
            "Message recipient disconnected from message bus without replying",
            "failed",
        ),
        ("secretstorage.exceptions.PromptDismissedException", "Prompt dismissed.", "dismissed"),
        ("secretstorage.exceptions.LockedException", "Item is locked!", "failed"),
        ("builtins.FileNotFoundError", "bus", "absent"),
        ("builtins.ConnectionRefusedError", "bus", "absent"),
        ("builtins.MemoryError", "", "failed"),
        ("builtins.UnicodeEncodeError", "", "failed"),
    ],
)
def test_errors_of_the_packages_are_told_apart(kind: str, text: str, said: str) -> None:
    from credman.oskeyring.worker import _classify

    module, _, name = kind.rpartition(".")
    __import__(module)
    found = getattr(sys.modules[module], name)
    error = found("utf-8", "x", 0, 1, "") if name == "UnicodeEncodeError" else found(text)
    assert _classify(error) == said


def test_nothing_of_all_this_is_a_process_that_stays(tmp_path: Path) -> None:
    with bus(tmp_path) as found:
        started = found.find()
        assert started
    assert found.find() == set()
