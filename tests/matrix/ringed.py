"""What the rows of the keyring share: the token ``canary`` in one of the two ways to use a keyring.

A *slot* is an item that holds the key of the vault; in a *store* each token is an item.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.desk import Desk
from tests.cli.harness import Outcome
from tests.matrix.common import CANARY, assert_hidden, home
from tests.oskeyring.bus import MASTER, Bus, wait_until

WAYS = pytest.mark.parametrize("way", ["slot", "store"])
SOMEWHERE = Desk(Bus({"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"}))
"""For a keyring that needs no bus, or is never to be asked."""
LOCKED = "the keyring is locked, and nothing here can ask for its password"
NO_KEY = "the keyring holds no key of this vault"


def choose(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if way == "store":
        monkeypatch.setenv("CREDMAN_STORE", "keyring:")


def configure(text: str) -> None:
    (home() / "config").mkdir(mode=0o700, parents=True)
    (home() / "config" / "config.toml").write_text(text)


def call(here: Desk, *argv: str, may_print: bool = False, **options: Any) -> Outcome:
    """Runs credman at a desk, and holds it to the rule of every row."""
    outcome = here.credman(*argv, **options)
    assert_hidden(outcome.stderr, *outcome.shown, *argv, *([] if may_print else [outcome.stdout]))
    return outcome


def begin(here: Desk, way: str) -> str:
    """Stores ``canary``. Returns: the vault's recovery key; a store has none."""
    key = Path.home() / "recovery.key"
    options = ("--recovery-file", str(key)) if way == "slot" else ()
    assert call(here, "init", *options).exit_code == 0
    assert add(here, "canary").exit_code == 0
    return key.read_text().split()[-1] if way == "slot" else ""


def add(here: Desk, name: str, *options: str) -> Outcome:
    return call(here, "add", name, *options, stdin=CANARY.encode())


def assert_whole(here: Desk, *names: str) -> None:
    """Just these tokens are there, and have their value."""
    env = call(here, "env", may_print=True)
    expected = [f"export {name.upper()}='{CANARY}';" for name in names]
    assert (env.exit_code, env.stderr) == (0, "")
    assert sorted(env.text.splitlines()) == sorted(expected)


def errors(outcome: Outcome) -> list[str]:
    """Returns: the error and its hint, without their mark."""
    lines = (line.partition("credman: ")[2] for line in outcome.stderr.splitlines())
    return [line.partition(": ")[2] for line in lines if line.startswith(("error: ", "hint: "))]


def reopen(found: Bus) -> None:
    """Somebody logs in again after a crash."""
    found.kill_daemon()
    found.call("gnome-keyring-daemon", "--unlock", "--components=secrets", given=MASTER)
    wait_until(found.has_service)


@contextmanager
def when(
    monkeypatch: pytest.MonkeyPatch, action: str, service: str, does: Callable[[], object]
) -> Iterator[list[str]]:
    """Does something right before the first call of this kind. Gives the users that it was for."""
    from credman.oskeyring.client import OsKeyring

    ask, met = OsKeyring._ask, list[str]()

    def watching(ring: OsKeyring, request: dict[str, Any]) -> object:
        if not met and (request["action"], request.get("service")) == (action, service):
            met.append(request["user"])
            does()
        return ask(ring, request)

    with monkeypatch.context() as patched:
        patched.setattr(OsKeyring, "_ask", watching)
        yield met
    assert met
