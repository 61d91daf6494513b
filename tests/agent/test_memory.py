"""What lies in the agent's memory: keys in a locked page, values encrypted, and nothing of what is
over. What Python freed it does not overwrite: for that the process ends. Row H12 of the matrix."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag

from credman.agent import client, control
from credman.core import wire
from credman.core.model import Address, TokenKey
from credman.core.secret import Secret
from credman.server import start
from credman.server.held import Held, now
from credman.server.memory import LockedMemory
from credman.vault.shield import Shield
from tests.agent.agents import Agents, agents, wait_until
from tests.agent.clients import ask
from tests.agent.inside import IDLE, open_identity
from tests.agent.remains import find_all
from tests.agent.siege import GIVEN
from tests.cli.harness import PASSPHRASE, credman, make_value, make_vault
from tests.cli.keyed import vault

VALUE = make_value().encode()
LINES = (
    ("list",),
    ("show", "hf"),
    ("__complete", "get", "--", ""),
    ("env",),
    ("get", "hf"),
    ("env", "--shell", "fish"),
    ("get", "nothing"),
)

OVERWRITING = {"MALLOC_PERTURB_": "165", "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}
"""For the C library; Python's own allocators do it in development mode."""


@contextmanager
def tidy_agent() -> Iterator[Agents]:
    """An agent whose allocators overwrite what is freed: what is found in it is still in use."""
    make_vault()
    vault_id, identity = open_identity()
    path, package = os.fsencode(vault()), str(Path(start.__file__).parents[2])
    held = [vault_id.encode(), identity, path, b"900.0", b"9000.0", b"0", b""]
    first = wire.frame([wire.PROTOCOL, wire.HOLD, wire.VERSION, *held])
    with agents() as desk:
        desk.folder.mkdir(mode=0o700)
        subprocess.run(
            [sys.executable, "-I", "-X", "utf8", "-X", "dev", start.__file__, package, desk.folder],
            input=first, env=OVERWRITING, check=True,
        )  # fmt: skip
        yield desk


def test_h12_in_use_the_identity_lies_in_locked_memory_alone_and_values_nowhere() -> None:
    with tidy_agent() as desk:
        _, identity = open_identity()
        for argv in LINES:
            assert ask(desk, *argv), argv
            assert desk.status()  # so the request before it is over
            assert find_all(desk.pid, identity, with_stack=False) == (1, 0), argv
            assert find_all(desk.pid, VALUE, with_stack=False) == (0, 0), argv
        assert desk.run("exec", "--", "true").returncode == 0
        assert desk.run("add", "other", stdin=VALUE).returncode == 0
        assert desk.status()
        assert find_all(desk.pid, identity, with_stack=False) == (1, 0)
        assert find_all(desk.pid, VALUE, with_stack=False) == (0, 0)


def test_h12_locked_memory_is_there_and_a_lock_ends_the_process() -> None:
    make_vault()
    _, identity = open_identity()
    with agents() as desk:
        desk.unlock()
        assert ask(desk, "env") == (0, GIVEN)
        pid = desk.pid
        status = Path(f"/proc/{pid}/status").read_text()
        assert int(status.partition("VmLck:")[2].split()[0]) > 0
        assert find_all(pid, identity)[0] == 1
        assert find_all(pid, PASSPHRASE.encode()) == (0, 0)  # it never came here
        assert desk.run("lock").returncode == 0
        assert desk.pids() == []  # nor is there a memory of its, even where it was not waited for


def test_h12_of_a_vault_whose_time_is_over_nothing_is_left_and_others_stay_open(
    tmp_path: Path,
) -> None:
    make_vault()
    vault_id, identity = open_identity()
    other = tmp_path / "other.age"
    stores = ("--store", f"file:{other}")
    made = credman("add", "second", "--no-check", *stores, stdin=b"another value")
    assert made.exit_code == 0, made.stderr
    _, kept = open_identity(other)
    with agents() as desk:
        desk.unlock(*stores)
        assert ask(desk, "get", "second", *stores) == (0, b"another value")
        opened = control.Opened(vault_id, identity, str(vault()))
        control.hand_over(desk.environ, "/", opened, idle=None, seconds=2.0)
        assert ask(desk, "env") == (0, GIVEN)
        former, socket = desk.pid, (desk.folder / "agent").stat().st_ino
        waiting = desk.processes()
        assert find_all(former, identity)[0] == 1
        wait_until(lambda: ask(desk, "env") is None)
        wait_until(lambda: ask(desk, "get", "second", *stores) == (0, b"another value"))
        wait_until(lambda: desk.pids() != [] and former not in desk.pids())
        pid = desk.pid
        assert pid in waiting  # never executed with a secret at hand
        assert (desk.folder / "agent").stat().st_ino == socket
        connection = client.connect(str(desk.folder))
        assert connection is not None and client.peer_of(connection) == (pid, os.geteuid())
        connection.close()
        (left,) = read_status(desk)
        assert left["path"] == str(other) and left["id"] != vault_id
        assert IDLE - 60 < left["seconds_left"] <= IDLE and left["ends_when_idle"]
        for needle in (identity, VALUE):
            assert find_all(pid, needle) == (0, 0)
        assert find_all(pid, kept)[0] == 1
        check_protection(pid)


def read_status(desk: Agents) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(desk.run("status", "--json").stdout)["unlocked"]
    return found


def check_protection(pid: int) -> None:
    """The one that goes on is protected as the first one was."""
    status = Path(f"/proc/{pid}/status").read_text()
    assert "NoNewPrivs:\t1\n" in status
    assert int(status.partition("VmLck:")[2].split()[0]) > 0
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert limits.partition("Max core file size")[2].split()[:2] == ["0", "0"]


def test_locked_memory_gives_what_was_put_there_until_it_is_wiped() -> None:
    memory = LockedMemory()
    keys = [os.urandom(32) for _ in range(128)]
    places = [memory.put(key) for key in keys]
    assert [memory.get(place) for place in places] == keys
    with pytest.raises(MemoryError):
        memory.put(bytes(32))
    memory.wipe(places[5])
    assert memory.get(places[5]) == bytes(32)
    assert memory.put(keys[0]) == places[5]
    for size in (0, 31, 33):
        with pytest.raises(MemoryError):
            LockedMemory().put(bytes(size))


def test_where_no_memory_can_be_locked_nothing_is_held() -> None:
    code = (
        "import resource\n"
        "from credman.server.held import Held\n"
        "resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))\n"
        "import ctypes, os\n"
        "if os.geteuid() == 0: os.setresuid(65534, 65534, 65534)\n"
        "try:\n"
        "    Held()\n"
        "except OSError as error:\n"
        "    print(error.errno)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert int(done.stdout) in (1, 12), done.stderr


def test_values_are_kept_encrypted_and_come_back_one_by_one() -> None:
    key = os.urandom(32)
    address = Address(TokenKey("default", "default", "hf"), 1, "HF_TOKEN")
    other = Address(TokenKey("default", "default", "hf"), 2, "HF_TOKEN")
    values = {address: Secret.from_bytes(bytes(range(256))), other: Secret(VALUE.decode())}
    shield = Shield(values, lambda: key)
    assert dict(shield) == values and len(shield) == 2 and list(shield) == [address, other]
    assert VALUE not in repr(vars(shield)).encode() and VALUE.decode() not in repr(shield)
    wrong = Shield(values, lambda: key)
    wrong._find_key = lambda: bytes(32)
    with pytest.raises(InvalidTag):
        wrong[address]


def test_sixty_four_vaults_are_held_and_no_more() -> None:
    held = Held()
    for number in range(64):
        held.hold(str(number), os.urandom(32), "/x", idle=None, until=now() + 60)
    with pytest.raises(MemoryError):
        held.hold("one more", os.urandom(32), "/x", idle=None, until=now() + 60)
    held.hold("5", os.urandom(32), "/y", idle=None, until=now() + 60)
    assert len(held.entries) == 64
