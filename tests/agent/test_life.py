"""When the agent ends, and what becomes of whoever asks one that ended or hangs, or is another's.

Rows H10 and H16 of the matrix are here, and a part of H09.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from credman.agent import client, control
from credman.core import wire
from tests.agent.agents import Agents, agents, wait_until
from tests.agent.clients import ask
from tests.cli.harness import PASSPHRASE, PROGRAM, make_value, make_vault

GIVEN = f"export HF_TOKEN='{make_value()}';\n".encode()


def test_the_same_agent_answers_until_it_is_locked() -> None:
    make_vault()
    with agents() as desk:
        assert desk.run("env").returncode == 4
        desk.unlock()
        first = desk.pid
        desk.unlock()
        done = desk.run("env")
        assert (done.returncode, done.stdout, done.stderr) == (0, GIVEN, b"")
        assert desk.pid == first
        assert desk.run("lock").stderr == b"locked\n"
        assert desk.pids() == [] and not (desk.folder / "agent").exists()
        assert desk.run("env").returncode == 4
        assert desk.run("lock").stderr == b"nothing was unlocked\n"


def test_h16_eight_at_once_start_one_agent() -> None:
    make_vault()
    with agents() as desk, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: desk.unlock(), range(8)))
        assert desk.pid
        assert desk.run("env").stdout == GIVEN


def test_h09_a_socket_that_a_killed_agent_left_is_no_obstacle() -> None:
    make_vault()
    with agents() as desk:
        desk.unlock()
        killed = desk.pid
        os.kill(killed, signal.SIGKILL)
        desk.ends()
        assert (desk.folder / "agent").exists()
        assert desk.run("env").returncode == 4 and desk.run("status").returncode == 4
        assert desk.run("lock").stderr == b"nothing was unlocked\n"
        desk.unlock()
        assert desk.pid != killed and desk.run("env").stdout == GIVEN


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_end_leaves_no_socket(number: signal.Signals) -> None:
    make_vault()
    with agents() as desk:
        # Whoever starts it may have these ignored or blocked: nohup, a shell's trap.
        script = 'trap "" HUP TERM; exec "$@" unlock --passphrase-fd 0'
        subprocess.run(
            ["sh", "-c", script, "sh", *PROGRAM],
            input=PASSPHRASE.encode(), env=desk.environ, check=True,
        )  # fmt: skip
        os.kill(desk.pid, number)
        desk.ends()
        assert not (desk.folder / "agent").exists()


def test_an_agent_that_nobody_can_reach_any_more_ends(tmp_path: Path) -> None:
    make_vault()
    homes = [tmp_path / name for name in ("first", "second", "third")]
    for home in homes:
        shutil.copytree(os.environ["CREDMAN_HOME"], home)
    with (
        agents({"CREDMAN_HOME": str(homes[0])}) as socket_gone,
        agents({"CREDMAN_HOME": str(homes[1])}) as folder_gone,
        agents({"CREDMAN_HOME": str(homes[2])}) as replaced,
    ):
        for desk in (socket_gone, folder_gone, replaced):
            desk.unlock()
            assert desk.pid
        (socket_gone.folder / "agent").unlink()
        shutil.rmtree(folder_gone.folder)  # as at the end of a session
        (replaced.folder / "agent").unlink()
        (replaced.folder / "agent").write_bytes(b"")
        os.kill(replaced.pid, signal.SIGTERM)
        for desk in (socket_gone, folder_gone, replaced):
            desk.ends()
        assert (replaced.folder / "agent").exists()  # it is not its own


def test_h10_whoever_waits_for_an_agent_that_is_killed_goes_the_ordinary_way() -> None:
    make_vault()
    with agents() as desk:
        desk.unlock()
        os.kill(desk.pid, signal.SIGSTOP)
        caller = subprocess.Popen(
            [*PROGRAM, "env"], env=desk.environ, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        with caller:
            wait_until(lambda: has_socket(caller.pid))
            os.kill(desk.pid, signal.SIGKILL)
            said = caller.communicate(timeout=30)
        assert caller.returncode == 4 and said[0] == b"false;\n"
        assert b"the vault is locked" in said[1]


def has_socket(pid: int) -> bool:
    found = False
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):  # it was closed meanwhile
            found |= os.readlink(descriptor).startswith("socket:")
    return found


def test_an_agent_that_hangs_keeps_nobody_and_is_ended_by_lock() -> None:
    make_vault()
    with agents() as desk:
        desk.unlock()
        hanging = desk.pid
        os.kill(hanging, signal.SIGSTOP)
        assert client.ask(desk.environ, "/", [wire.STATUS, wire.VERSION], seconds=0.2) is None
        done = desk.run("env")
        assert done.returncode == 4 and b"the vault is locked" in done.stderr
        assert desk.run("lock").stderr == b"locked\n"
        desk.ends()


def test_lock_ends_the_process_that_listens_and_no_other() -> None:
    make_vault()
    with agents() as desk:
        desk.unlock()
        connection = client.connect(str(desk.folder))
        assert connection is not None
        assert client.peer_of(connection) == (desk.pid, os.geteuid())
        connection.close()


def copy_package(place: Path, *, version: str = "") -> dict[str, str]:
    """A credman at another place. Args: version: in place of its own.

    Returns:
        The environment in which that one is run.
    """
    source = Path(client.__file__).parents[1]
    shutil.copytree(source, place / "credman", ignore=shutil.ignore_patterns("__pycache__"))
    if version:
        head = place / "credman" / "__init__.py"
        text = head.read_text()
        assert f'"{wire.VERSION.decode()}"' in text
        head.write_text(text.replace(f'"{wire.VERSION.decode()}"', f'"{version}"'))
    return {"PYTHONPATH": str(place)}


def test_an_agent_of_another_version_is_told_and_ended_and_replaced(tmp_path: Path) -> None:
    make_vault()
    older = copy_package(tmp_path / "older", version="0.0.1")
    with agents() as desk:
        run_as(desk, older, "unlock", "--passphrase-fd", "0", stdin=PASSPHRASE.encode())
        assert run_as(desk, older, "env").stdout == GIVEN
        old = desk.pid
        assert desk.run("env").returncode == 4
        assert desk.status() == {"pid": old, "version": "0.0.1"}
        desk.unlock()
        assert desk.run("env").stdout == GIVEN and desk.pid != old
        assert run_as(desk, older, "env", succeeds=False).returncode == 4
        run_as(desk, older, "lock")
        assert desk.pids() == []


def test_an_agent_whose_package_is_upgraded_declines_and_ends(tmp_path: Path) -> None:
    make_vault()
    copied = copy_package(tmp_path / "copied")
    with agents() as desk:
        run_as(desk, copied, "unlock", "--passphrase-fd", "0", stdin=PASSPHRASE.encode())
        assert ask(desk, "env") == (0, GIVEN)
        (tmp_path / "copied" / "credman" / "__init__.py").touch()
        assert desk.run("env").returncode == 4
        desk.ends()
        run_as(desk, copied, "unlock", "--passphrase-fd", "0", stdin=PASSPHRASE.encode())
        assert ask(desk, "env") == (0, GIVEN)


def run_as(
    desk: Agents, place: dict[str, str], *argv: str, stdin: bytes = b"", succeeds: bool = True
) -> subprocess.CompletedProcess[bytes]:
    done = desk.run(*argv, stdin=stdin, environ=place)
    assert done.returncode == 0 or not succeeds, done.stderr
    return done


def test_an_agent_of_a_user_s_own_packages_finds_them(tmp_path: Path) -> None:
    make_vault()
    release = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    interpreter = Path(sys.base_prefix, "bin", release)
    place = tmp_path / "user" / "lib" / release / "site-packages"
    place.mkdir(parents=True)
    installed = next(p for p in sys.path if p.startswith(sys.prefix) and p.endswith("packages"))
    for found in (*Path(installed).iterdir(), Path(client.__file__).parents[1]):
        if found.suffix != ".pth" and not (place / found.name).exists():
            (place / found.name).symlink_to(found)
    environ = {"PYTHONUSERBASE": str(tmp_path / "user")}
    program = [str(interpreter), "-P", "-m", "credman"]
    with agents(environ) as desk:
        started = subprocess.run(
            [*program, "unlock", "--passphrase-fd", "0"], input=PASSPHRASE.encode(),
            env=desk.environ, cwd="/", capture_output=True, check=False,
        )  # fmt: skip
        assert started.returncode == 0, started.stderr
        assert Path(f"/proc/{desk.pid}/exe").resolve() == interpreter.resolve()
        assert ask(desk, "env") == (0, GIVEN)


def test_a_command_that_is_run_has_no_child_of_ours() -> None:
    make_vault()
    script = (
        'read -r found < /proc/$$/task/$$/children; echo "$found"; '
        "for n in 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$n ] && echo $n; done"
    )
    with agents() as desk:
        desk.unlock()
        warm = desk.run("exec", "--", "sh", "-c", script)
        assert warm.stdout == b"\n", warm.stdout


def test_a_lock_file_without_an_agent_and_a_socket_without_a_lock_mean_nothing() -> None:
    make_vault()
    with agents() as desk:
        desk.folder.mkdir(mode=0o700)
        (desk.folder / "agent.lock").write_bytes(b"1")
        (desk.folder / "agent").write_bytes(b"no socket")
        assert control.find_status(desk.environ, "/") is None
        desk.unlock()
        assert desk.run("env").stdout == GIVEN
