"""Rows H01, H02, H07, H09, H13, H15, H17 and H18: who may reach the agent, and whom it trusts.

The other rows of H are where their kind is tried: H03 to H06 in ``test_h_hostile.py``, and in
``tests/agent``: H08 and H14 in ``test_starting.py``, H10 and H16 in ``test_life.py``, H11 in
``test_limits.py``, H12 in ``test_memory.py``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from credman.agent import client
from credman.core import wire
from credman.server.held import Declined
from tests.agent.agents import Agents, agents
from tests.agent.clients import answer_to, ask, make_request
from tests.agent.inside import Inside
from tests.agent.others import CONNECT, agents_of_other, public_home, run_python
from tests.agent.siege import GIVEN
from tests.cli.harness import PASSPHRASE, PROGRAM, make_value, make_vault
from tests.cli.keyed import LAPTOP, make_keyed_vault
from tests.matrix.elsewhere import AS_OTHER, OTHER
from tests.requirements import require, require_program

NOT_OURS = b"is not a directory of your own that nobody else can look into"


def test_h01_another_user_does_not_get_to_the_socket_and_is_cut_where_he_does() -> None:
    with public_home() as home, agents({"CREDMAN_HOME": str(home)}) as desk:
        desk.unlock()
        home.chmod(0o711)
        trying = (str(desk.folder / "agent"), make_request(desk, "env").hex())
        assert run_python(CONNECT, *trying) == "denied"
        (desk.folder / "agent").chmod(0o777)
        assert run_python(CONNECT, *trying) == "denied"
        desk.folder.chmod(0o755)
        assert run_python(CONNECT, *trying) == "cut"
        lock = wire.frame([wire.PROTOCOL, wire.LOCK, wire.VERSION]).hex()
        assert run_python(CONNECT, trying[0], lock) == "cut"
        assert ask(desk, "env") is None  # nor does its owner go there then
        assert NOT_OURS in desk.run("status").stderr  # and is not told that it is locked
        desk.folder.chmod(0o700)
        assert ask(desk, "env") == (0, GIVEN)


def test_h02_root_is_no_user_s_caller_and_a_user_s_agent_serves_no_root() -> None:
    with agents_of_other() as others:
        assert others.run("get", "hf").stdout == make_value().encode()
        assert answer_to(others, make_request(others, "env")) == b""
        as_root = Agents(others.environ)  # sudo -E
        assert client.connect(str(others.folder)) is None
        assert as_root.run("env").returncode != 0
        locked = as_root.run("lock")
        assert locked.returncode == 6 and NOT_OURS in locked.stderr
        refused = as_root.run("unlock", "--passphrase-fd", "0", stdin=PASSPHRASE.encode())
        assert refused.returncode == 6
        assert others.run("get", "hf").stdout == make_value().encode()


@pytest.mark.parametrize("kind", ["another user's", "open to others", "a link", "a file"])
def test_h07_a_directory_that_others_made_holds_no_socket(tmp_path: Path, kind: str) -> None:
    make_vault()
    with agents() as desk:
        if kind == "a file":
            desk.folder.touch()
        elif kind == "a link":
            (tmp_path / "elsewhere").mkdir(mode=0o700)
            desk.folder.symlink_to(tmp_path / "elsewhere")
        else:
            desk.folder.mkdir(mode=0o700)
            desk.folder.chmod(0o777 if kind == "open to others" else 0o700)
        if kind == "another user's":
            require(os.geteuid() == 0, "only root can give a directory away")
            os.chown(desk.folder, OTHER, OTHER)
        done = desk.run("unlock", "--passphrase-fd", "0", stdin=PASSPHRASE.encode())
        assert done.returncode == 6
        assert NOT_OURS in done.stderr or b"is not a directory" in done.stderr
        assert str(desk.folder).encode() in done.stderr
        assert desk.run("env").returncode == 4
        for command in ("status", "lock"):  # what may lie behind it is not said to be locked
            told = desk.run(command)
            assert told.returncode == 6 and NOT_OURS in told.stderr
        assert desk.pids() == [] and not (desk.folder / "agent").exists()


def test_h09_somebody_else_s_listener_in_our_directory_is_told_nothing() -> None:
    require(os.geteuid() == 0, "only root can run something as another user")
    make_vault()
    listen = (
        "import os, socket, sys\n"
        "server = socket.socket(socket.AF_UNIX)\n"
        "server.bind(sys.argv[1])\n"
        f"os.setresuid({OTHER}, {OTHER}, {OTHER})\n"
        "server.listen()\n"
        "print('listening', flush=True)\n"
        "connection, _ = server.accept()\n"
        "print(connection.recv(100))\n"
    )
    with agents() as desk:
        desk.folder.mkdir(mode=0o700)
        with subprocess.Popen(
            [sys.executable, "-c", listen, str(desk.folder / "agent")], stdout=subprocess.PIPE
        ) as listener:
            assert listener.stdout is not None
            assert listener.stdout.readline() == b"listening\n"
            done = desk.run("env")
            assert done.returncode == 4 and done.stdout == b"false;\n"
            assert listener.stdout.readline() == b"b''\n"
        desk.unlock()  # its socket takes that one's place
        assert desk.run("env").stdout == GIVEN


TOUCH = """
import ctypes, os, sys
process, found = f"/proc/{sys.argv[1]}", []
for name in ("mem", "environ", "maps"):
    try:
        with open(f"{process}/{name}", "rb") as file:
            found.append(name)
    except PermissionError:
        pass
try:
    found += os.listdir(f"{process}/fd") and ["fd"]
except PermissionError:
    pass
libc = ctypes.CDLL(None, use_errno=True)
if libc.ptrace(16, int(sys.argv[1]), 0, 0) == 0:
    found.append("ptrace")
print(*found)
"""


def test_h13_a_program_of_the_same_user_cannot_look_into_its_memory() -> None:
    with agents_of_other() as others:
        with subprocess.Popen([*AS_OTHER, require_program("sleep"), "60"]) as ordinary:
            assert run_python(TOUCH, str(ordinary.pid)) == "mem environ maps fd ptrace"
            ordinary.kill()
        assert run_python(TOUCH, str(others.pid)) == ""
        told = Path(f"/proc/{others.pid}/status").read_text()
        limits = Path(f"/proc/{others.pid}/limits").read_text().splitlines()
        assert "\nNoNewPrivs:\t1\n" in told and f"\nUid:\t{OTHER}\t" in told
        (core,) = [line.split()[4:6] for line in limits if line.startswith("Max core file size")]
        assert core == ["0", "0"]


@pytest.mark.parametrize("change", ["passwd", "slot remove"])
def test_h15_a_vault_that_another_process_gave_a_new_key_is_held_no_longer(change: str) -> None:
    make_keyed_vault()
    with agents() as desk:
        desk.unlock()
        assert ask(desk, "env") == (0, GIVEN)
        argv = {
            "passwd": ["passwd", "--passphrase-fd", "0", "--new-passphrase-fd", "9", "--yes"],
            "slot remove": ["slot", "remove", "1", "--passphrase-fd", "0", "--yes"],
        }[change]
        script = f'exec "$@" 9<<end\n{LAPTOP} too\nend\n'
        done = subprocess.run(
            ["sh", "-c", script, "sh", *PROGRAM, *argv], input=PASSPHRASE.encode(),
            env={**desk.environ, "CREDMAN_AGENT": "off"}, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert desk.pids() and ask(desk, "env") is None
        desk.ends()  # it held nothing else
        assert desk.run("env").returncode == 4


def test_h17_for_a_caller_who_has_gone_nothing_is_done() -> None:
    make_vault()
    inside = Inside()
    inside.hold()
    gone = subprocess.Popen(["true"])
    gone.wait()
    for pid in (gone.pid, 0):
        with pytest.raises(Declined):
            inside.run("env", pid=pid)
    assert inside.run("env") == wire.DONE


def test_h18_an_agent_in_a_container_is_for_callers_in_there() -> None:
    make_vault()
    prefix = [require_program("unshare"), "--pid", "--fork", "--mount-proc"]
    is_possible = subprocess.run([*prefix, "true"], capture_output=True, check=False)
    require(is_possible.returncode == 0, "no pid namespace can be made here")
    script = f"printf '%s' '{PASSPHRASE}' | \"$@\" unlock --passphrase-fd 0; \"$@\" env; cat"
    with agents() as desk, subprocess.Popen(
        [*prefix, "sh", "-c", script, "sh", *PROGRAM], env=desk.environ,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as container:  # fmt: skip
        assert container.stdout is not None and container.stdin is not None
        assert container.stdout.readline() == GIVEN
        assert desk.pid and ask(desk, "env") is None
        assert desk.run("env").returncode == 4
        container.stdin.close()


def test_h18_the_socket_has_no_name_but_its_file() -> None:
    make_vault()
    with agents() as desk:
        desk.unlock()
        targets = {os.readlink(f) for f in Path(f"/proc/{desk.pid}/fd").iterdir()}
        numbers = {t[8:-1] for t in targets if t.startswith("socket:[")}
        listed = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()]
        names = [line[7] for line in listed if line[6] in numbers and len(line) > 7]
        assert {name[:1] + name[-6:] for name in names} == {"//agent"}
        for family in ("tcp", "tcp6", "udp", "udp6"):
            table = Path(f"/proc/{desk.pid}/net/{family}")
            lines = table.read_text().splitlines()[1:] if table.exists() else []
            assert not [line for line in lines if line.split()[9] in numbers]
