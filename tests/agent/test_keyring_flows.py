"""The agent and the login keyring: of a vault that it opens the key is kept, of the store in it the
connection and nothing else. A real gnome-keyring."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from credman.agent import client
from credman.core import wire
from tests.agent.agents import Agents, agents
from tests.cli.harness import make_value
from tests.oskeyring.bus import Bus, bus, display, wait_until
from tests.stores.rings import set_item

STORE = {"CREDMAN_STORE": "keyring:"}


@contextmanager
def session(
    root: Path, environ: Mapping[str, str] | None = None, display: Mapping[str, str] | None = None
) -> Iterator[tuple[Bus, Agents]]:
    """Somebody's session with a keyring, where ``init`` and ``add hf`` have been run."""
    (root / "keyring").mkdir()
    with bus(root / "keyring", environ=display) as found:
        reached = {k: v for k, v in found.environ.items() if k not in ("HOME", "PATH")}
        with agents({**reached, **(environ or {})}) as desk:
            for argv in (["init"], ["add", "hf", "--no-check"]):
                done = desk.run(*argv, stdin=make_value().encode())
                assert done.returncode == 0, done.stderr
            desk.run("lock")
            desk.ends()
            yield found, desk


def ask(desk: Agents, *argv: str, environ: Mapping[str, str] | None = None) -> list[bytes] | None:
    """Asks the agent, and does nothing if it declines."""
    cwd, surroundings = str(Path.home()), {**desk.environ, **(environ or {})}
    streams = wire.pack([b"other", b"other", b"other", b"80"])
    told = client.describe_caller(surroundings, cwd)
    request = [wire.RUN, wire.VERSION, wire.pack(map(os.fsencode, argv)), *told, streams]
    return client.ask(surroundings, cwd, request, 30)  # a busy machine is no silent agent


def word(answer: list[bytes] | None) -> bytes | None:
    return None if answer is None else answer[0]


def test_a_vault_that_the_keyring_opens_is_opened_once(tmp_path: Path) -> None:
    with session(tmp_path) as (found, desk):
        with found.watch() as called:
            assert desk.run("env").returncode == 0
        assert called.count("GetSecret") == 1
        with found.watch() as called:
            for argv in (["env"], ["get", "hf"], ["list"]):
                assert desk.run(*argv).returncode == 0
            assert desk.run("add", "new", stdin=b"EXAMPLE").returncode == 0
        assert not {"GetSecret", "GetSecrets", "OpenSession", "SearchItems"} & set(called)
        assert desk.pid and found.workers() == set()
        found.lock()
        assert desk.run("get", "new").stdout == b"EXAMPLE"
        desk.run("lock")
        assert desk.run("get", "new").returncode == 6


def test_of_the_store_in_the_keyring_the_connection_is_kept(tmp_path: Path) -> None:
    with session(tmp_path, STORE) as (found, desk):
        with found.watch() as called:
            cold = desk.run("env")
        assert cold.returncode == 0 and "OpenSession" in called
        assert ask(desk, "env") is not None  # the agent makes its connection
        workers = found.workers()
        assert len(workers) == 1
        with found.watch() as called:
            for _ in range(3):
                assert desk.run("env").stdout == cold.stdout
        assert "OpenSession" not in called and "GetSecret" in called
        assert found.workers() == workers and desk.pid


def test_nothing_of_the_store_in_the_keyring_is_remembered(tmp_path: Path) -> None:
    with session(tmp_path, STORE) as (found, desk):
        desk.run("env")
        for value in ("EXAMPLE one", "EXAMPLE two"):
            set_item(found, "hf#1", value)
            answer = ask(desk, "get", "hf")
            cold = desk.run("get", "hf", environ={"CREDMAN_AGENT": "off"})
            code, printed = str(cold.returncode).encode(), cold.stdout
            assert answer is not None and answer[:2] == [wire.DONE, code]
            assert desk.run("get", "hf").stdout == printed
        other = desk.run("add", "new", stdin=b"EXAMPLE new", environ={"CREDMAN_AGENT": "off"})
        assert other.returncode == 0
        assert desk.run("get", "new").stdout == b"EXAMPLE new"
        assert desk.run("add", "newer", stdin=b"EXAMPLE newer").returncode == 0
        assert desk.run("get", "newer").stdout == b"EXAMPLE newer"
        assert desk.run("remove", "new", "--yes").returncode == 0
        assert desk.run("get", "new").returncode == 3


def test_the_agent_brings_up_no_window(tmp_path: Path) -> None:
    with display() as screen, session(tmp_path, STORE, screen) as (found, desk):
        desk.run("env")
        assert word(ask(desk, "env")) == wire.DONE
        found.lock()
        for argv in (["env"], ["get", "hf"], ["list"], ["exec", "--", "true"]):
            with found.watch() as called:
                answer = ask(desk, *argv)
            assert word(answer) == wire.DECLINED, argv
            assert "Prompt" not in called
        assert found.find("gcr-prompter") == set()


def test_a_keyring_that_does_not_answer_is_the_commands_to_tell(tmp_path: Path) -> None:
    with session(tmp_path, STORE) as (found, desk):
        desk.run("env")
        found.stop_daemon()
        silent = desk.run("env")
        assert (silent.returncode, silent.stdout) == (6, b"false;\n")
        assert b"credman: error: the keyring did not answer within 5 s" in silent.stderr
        for pid in found.find("gnome-keyring-d"):
            os.kill(pid, signal.SIGCONT)
        # An agent that has given it up meanwhile is told of it again.
        wait_until(lambda: desk.run("env").returncode == 0, 60)
        wait_until(lambda: word(ask(desk, "get", "hf")) == wire.DONE, 60)
        answer = ask(desk, "get", "hf")
        assert answer is not None and make_value().encode() in answer[2]
        assert desk.pid


@pytest.mark.parametrize("address", ["unix:path=/nonexistent", ""])
def test_another_session_has_another_keyring(address: str, tmp_path: Path) -> None:
    with session(tmp_path, STORE) as (_, desk):
        desk.run("env")
        assert word(ask(desk, "get", "hf")) == wire.DONE
        elsewhere = {"DBUS_SESSION_BUS_ADDRESS": address}
        answer = ask(desk, "get", "hf", environ=elsewhere)
        assert word(answer) == wire.DECLINED
        assert desk.run("get", "hf", environ=elsewhere).returncode == 6
        assert desk.run("get", "hf").stdout.decode() == make_value()
