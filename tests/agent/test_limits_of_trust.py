"""What no request makes the agent do, whoever sends it; and what it never has of its starter."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from credman.agent import client
from credman.cli import ALIASES, COMMANDS, GROUPS
from tests.agent.agents import Agents, agents, wait_until
from tests.agent.clients import ask
from tests.cli.harness import PASSPHRASE, PROGRAM, make_value, make_vault
from tests.requirements import require, require_program

OTHER = 4242
NAMES = sorted({*COMMANDS, *ALIASES, *GROUPS, "help", "--version", "nothing"})


def vault_file() -> Path:
    return Path(os.environ["CREDMAN_HOME"]) / "data" / "vault.age"


def test_commands_that_write_or_ask_again_are_run_for_nobody(tmp_path: Path) -> None:
    make_vault()
    before = vault_file().read_bytes()
    with agents() as desk:
        desk.unlock()
        for name in NAMES:
            if name.partition(" ")[0] not in client.COMMANDS:
                for rest in ((), ("hf",), ("hf", "--yes"), (str(tmp_path / "file"), "--yes")):
                    assert ask(desk, *name.split(), *rest) is None, name
        key = tmp_path / "key"
        assert ask(desk, "recovery", "new", "--recovery-file", str(key), "--yes") is None
        assert desk.pid and ask(desk, "list") is not None
    assert vault_file().read_bytes() == before
    assert not key.exists()


def test_a_plug_in_is_never_loaded_where_vaults_are_open(tmp_path: Path) -> None:
    make_vault()
    with agents() as desk:
        desk.unlock()
        for argv in (("list",), ("env",), ("__complete", "tokens")):
            answer = ask(desk, *argv, "--store", "plug:x")
            assert answer is None or answer == (0, b"")
        assert ask(desk, "get", "hf") is not None


@pytest.mark.parametrize("store", ["/dev/fd/9", "/proc/self/fd/9", "/proc/self/cwd/vault.age"])
def test_a_path_that_belongs_to_a_process_is_the_caller_s(store: str) -> None:
    make_vault()
    with agents() as desk:
        desk.unlock()
        command = f'exec 9<vault.age; exec "$@" list --store file:{store}'
        done = subprocess.run(
            ["sh", "-c", command, "sh", *PROGRAM],
            env={**desk.environ, "CREDMAN_PASSPHRASE": PASSPHRASE},
            cwd=vault_file().parent,
            capture_output=True,
            check=False,
        )
        assert b"hf" in done.stdout, done.stderr
        assert ask(desk, "list", "--store", f"file:{store}") is None


def test_a_caller_who_sees_other_files_gets_what_he_sees() -> None:
    require(os.geteuid() == 0, "only root can mount something for one process")
    require_program("unshare")
    make_vault()
    with agents() as desk:
        desk.unlock()
        folder = vault_file().parent
        command = f'mount -t tmpfs none {folder} && exec "$@" list'
        mounted = subprocess.run(
            ["unshare", "-m", "sh", "-c", f"mount -t tmpfs none {folder}"], check=False
        )
        require(mounted.returncode == 0, "nothing can be mounted here")
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", command, "sh", *PROGRAM],
            env=desk.environ,
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (3, b""), done.stderr


def test_the_runtime_directory_of_another_user_is_left_alone(tmp_path: Path) -> None:
    require(os.geteuid() == 0, "only root can be in the place of another user")
    make_vault()
    runtime = tmp_path / "runtime"
    runtime.mkdir(0o700)
    os.chown(runtime, OTHER, OTHER)
    data = Path(os.environ["CREDMAN_HOME"]) / "data"
    home = Path(os.environ["HOME"])
    (home / ".local" / "share").mkdir(parents=True)
    data.rename(home / ".local" / "share" / "credman")
    given = {"CREDMAN_HOME": "", "XDG_RUNTIME_DIR": str(runtime)}
    with agents() as desk:
        desk.environ.update(given)
        desk.folder = home / ".local" / "state" / "credman" / "run"
        desk.unlock()
        assert desk.pid and not list(runtime.iterdir())
        assert desk.run("get", "hf").returncode == 0


def test_descriptors_beyond_the_limit_and_limits_of_its_starter_are_not_its_own() -> None:
    make_vault()
    with agents() as desk:
        reading, writing = os.pipe()
        script = f'exec 200>&{writing}; ulimit -Sn 50; ulimit -Sf 0; ulimit -St 5; exec "$@"'
        subprocess.run(
            ["bash", "-c", script, "sh", *PROGRAM, "unlock", "--passphrase-fd", "0"],
            input=PASSPHRASE.encode(),
            env=desk.environ,
            pass_fds=[writing],
            check=True,
        )
        os.close(writing)
        assert os.read(reading, 1) == b"", "the agent holds it open"
        os.close(reading)
        numbers = {int(name) for name in os.listdir(f"/proc/{desk.pid}/fd")}
        assert max(numbers) < 50
        limits = Path(f"/proc/{desk.pid}/limits").read_text("ascii")
        assert not [li for li in limits.splitlines() if li.startswith("Max cpu") and " 5 " in li]
        done = desk.run("add", "more", stdin=make_value().encode())
        assert done.returncode == 0, done.stderr


def test_a_relative_home_and_a_directory_that_is_gone_are_no_surprise(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    with agents() as desk:
        command = 'cd "$1"; rmdir "$1"; shift; CREDMAN_HOME=relative exec "$@"'
        for argv in (["env"], ["get", "hf"], ["exec", "--", "true"], ["__complete", "tokens"]):
            gone.mkdir(exist_ok=True)
            done = subprocess.run(
                ["sh", "-c", command, "sh", str(gone), *PROGRAM, *argv],
                env={**desk.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                capture_output=True,
                check=False,
            )
            assert b"Traceback" not in done.stderr, done.stderr
            assert done.returncode == {"env": 3, "get": 3, "exec": 125, "__complete": 0}[argv[0]]
            assert done.stdout == (b"false;\n" if argv == ["env"] else b"")


def test_an_agent_that_does_not_answer_is_not_said_to_be_gone() -> None:
    make_vault()
    with agents() as desk:
        desk.unlock()
        os.kill(desk.pid, signal.SIGSTOP)
        done = desk.run("status")
        assert done.returncode == 6
        assert b"what it holds is still open" in done.stderr


def write_while_it_ends(desk: Agents, number: signal.Signals) -> subprocess.CompletedProcess[bytes]:
    """Ends the agent at the moment in which the vault has been replaced."""
    before = vault_file().stat().st_ino
    command = [*PROGRAM, "add", "more", "--no-check"]
    with subprocess.Popen(
        command,
        env=desk.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(b"a value to be stored")
        process.stdin.close()
        process.stdin = None
        while vault_file().stat().st_ino == before and process.poll() is None:
            time.sleep(0)
        os.kill(desk.pid, number)
        out, err = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def test_an_agent_that_is_told_to_end_tells_what_it_wrote() -> None:
    make_vault()
    with agents() as desk:
        desk.unlock()
        wait_until(lambda: ask(desk, "list") is not None)
        done = write_while_it_ends(desk, signal.SIGTERM)
        assert done.returncode == 0, done.stderr
        desk.ends()
        shown = desk.run("list", environ={"CREDMAN_PASSPHRASE": PASSPHRASE})
        assert b"more" in shown.stdout


def test_of_a_write_that_nobody_answered_nothing_is_claimed() -> None:
    make_vault()
    with agents() as desk:
        desk.unlock()
        wait_until(lambda: ask(desk, "list") is not None)
        done = write_while_it_ends(desk, signal.SIGKILL)
        assert done.returncode in (0, 6), done.stderr
        if done.returncode:
            assert b"before it said whether this was stored" in done.stderr
