"""Who starts the agent, who never does, and how it begins. Rows H08 and H14 of the matrix."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from credman.cli.context import Context, Input, Output, visible
from credman.cli.run import run
from credman.cli.terminal import Terminal
from tests.agent.agents import Agents, agents
from tests.agent.clients import ask
from tests.cli.desk import desk as keyring_desk
from tests.cli.harness import PASSPHRASE, PROGRAM, ScriptedTerminal, make_value, make_vault
from tests.cli.person import person

GIVEN = f"export HF_TOKEN='{make_value()}';\n".encode()


def attend(
    desk: Agents,
    *argv: str,
    answers: Sequence[str] | None = (PASSPHRASE,) * 3,
    environ: Mapping[str, str] | None = None,
    given: bytes = b"",
) -> int:
    """A command in this process, as the program runs it.

    Args:
        answers: what somebody types at the terminal; None: there is none.
        given: what descriptor 7 holds.

    Returns:
        Its exit code; 0 where a command was to be run.
    """
    surroundings = {**desk.environ, **(environ or {})}
    said = bytearray()
    context = Context(
        stdin=Input(lambda limit: b"value", is_terminal=False),
        stdout=Output(said.extend),
        stderr=Output(said.extend),
        environ=visible(surroundings),
        inherited=surroundings,
        cwd="/",
        terminal=Terminal(None) if answers is None else ScriptedTerminal(answers),
        read_descriptor=lambda descriptor: given,
        parent=os.getpid(),
        may_use_agent=True,
    )
    result = run(argv, context)
    return result if isinstance(result, int) else 0


@pytest.mark.parametrize(
    "argv",
    [["env"], ["get", "hf"], ["exec", "--", "x"], ["list"], ["add", "new"], ["remove", "hf", "-y"]],
    ids=lambda argv: argv[0],
)
def test_a_typed_passphrase_starts_it(argv: Sequence[str]) -> None:
    make_vault()
    with agents() as desk:
        assert attend(desk, *argv) == 0
        assert desk.pid
        answer = ask(desk, "list")
        assert answer is not None and answer[0] == 0


def test_who_gives_a_passphrase_outright_or_switched_it_off_or_is_unattended_starts_none() -> None:
    make_vault()
    with agents() as desk:
        for environ in (
            {"CREDMAN_PASSPHRASE": PASSPHRASE},
            {"CREDMAN_PASSPHRASE_COMMAND": f"echo {PASSPHRASE}"},
            {"CREDMAN_AGENT": "off"},
            {"CREDMAN_AGENT": "OFF"},
            {"CREDMAN_AGENT": "0"},
        ):
            assert attend(desk, "env", environ=environ) == 0, environ
        assert attend(desk, "list", "--passphrase-fd", "7", given=PASSPHRASE.encode()) == 0
        for environ in ({"CI": "true"}, {"CREDMAN_NO_INPUT": "1"}):
            assert attend(desk, "env", environ=environ) == 4, environ
        assert attend(desk, "env", "--no-input") == 4
        assert attend(desk, "env", answers=["wrong passphrase"] * 3) == 4
        configure('agent = "off"\n')
        assert attend(desk, "env") == 0
        assert desk.pids() == [] and not desk.folder.exists()


def configure(text: str) -> None:
    path = Path(os.environ["CREDMAN_HOME"], "config", "config.toml")
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(text)


def test_what_asks_again_starts_none(tmp_path: Path) -> None:
    make_vault()
    new = ["a new passphrase of ours"] * 2
    with agents() as desk:
        for argv, more in (
            (["slot", "list"], []),
            (["slot", "add", "passphrase", "--label", "second"], new),
            (["recovery", "new", "--recovery-file", str(tmp_path / "key")], []),
            (["backup", str(tmp_path / "backup.age")], []),
            (["export", "--format", "dotenv", "-o", str(tmp_path / "values")], []),
            (["passwd"], [*new, *new]),
        ):
            typed = [PASSPHRASE, *more, *["y"] * 3]
            assert attend(desk, *argv, answers=typed) == 0, argv
            assert desk.pids() == [], argv


def test_unlock_is_refused_with_the_reason_where_there_is_to_be_none() -> None:
    make_vault()
    with agents() as desk:
        off = desk.run("unlock", environ={"CREDMAN_AGENT": "off"})
        assert (off.returncode, off.stdout) == (6, b"")
        assert off.stderr == b"credman: error: CREDMAN_AGENT switches the agent off\n"
        given = desk.run("unlock", environ={"CREDMAN_PASSPHRASE": PASSPHRASE})
        assert given.returncode == 7 and b"--passphrase-fd N" in given.stderr
        assert PASSPHRASE.encode() not in given.stderr
        assert desk.run("unlock").returncode == 4
        assert desk.run("unlock", "--passphrase-fd", "0", stdin=b"wrong one").returncode == 4
        configure('agent = "off"\n')
        configured = desk.run("unlock", "--passphrase-fd", "0", stdin=PASSPHRASE.encode())
        assert configured.returncode == 6 and b"the configuration switches" in configured.stderr
        assert desk.pids() == []


def test_the_library_starts_none() -> None:
    make_vault()
    script = (
        "import os, sys\n"
        "import credman\n"
        "from credman.core.config import Config\n"
        "from credman.core.paths import find_paths\n"
        "from credman.core.scope import Selection\n"
        "from credman.core.secret import Secret\n"
        "from credman.session import Session\n"
        "from credman.stores.base import Surroundings, open_store\n"
        "class Known:\n"
        "    def passphrases(self, of='', *, because=''):\n"
        f"        yield Secret({PASSPHRASE!r})\n"
        "    def keyring(self, *, opening=False):\n"
        "        return None\n"
        "    def tell(self, text):\n"
        "        pass\n"
        "paths = find_paths(os.environ, '/')\n"
        "around = Surroundings(paths, '/', dict(os.environ), Known())\n"
        "store = open_store(f'file:{paths.vault}', around)\n"
        "session = Session(store, Config(), Selection(None, None))\n"
        "print(*(t.key.name for t in store.snapshot().tokens))\n"
        "print(*(m for m in sys.modules if m.startswith(('credman.agent', 'credman.cli'))))\n"
    )
    with agents() as desk:
        done = subprocess.run(
            [sys.executable, "-c", script], env=desk.environ, capture_output=True, check=False
        )
        assert done.stdout.splitlines() == [b"hf", b""], done.stderr
        assert desk.pids() == [] and not desk.folder.exists()


def test_a_keyring_that_opened_the_vault_starts_it_where_somebody_is(tmp_path: Path) -> None:
    with keyring_desk(tmp_path) as found:
        found.run("init", "--recovery-file", str(tmp_path / "key"))
        found.run("add", "hf")
        ways = {k: v for k, v in found.bus.environ.items() if k != "HOME"}
        with agents(ways) as desk:
            for environ in ({"CI": "1"}, {"CREDMAN_NO_INPUT": "1"}, {"CREDMAN_AGENT": "off"}):
                assert attend(desk, "env", answers=None, environ=environ) == 0, environ
            assert attend(desk, "env", "--no-input", answers=None) == 0
            assert desk.pids() == []
            assert attend(desk, "env", answers=None) == 0
            assert ask(desk, "get", "hf") == (0, make_value().encode())


@pytest.mark.alone
def test_at_a_real_terminal_it_is_started_and_a_command_that_is_run_has_no_child() -> None:
    make_vault()
    script = 'read -r found < /proc/$$/task/$$/children; echo "children: [$found]"'
    with agents() as desk:
        with person("exec", "--", "sh", "-c", script, environ={"CREDMAN_AGENT": "on"}) as somebody:
            somebody.answers("passphrase: ", PASSPHRASE)
            somebody.sees("children: []")
            assert somebody.leaves() == 0
        assert desk.status() is not None  # the terminal has gone
        assert desk.run("get", "hf").stdout == make_value().encode()


def test_h14_nothing_of_whoever_started_it_is_left_in_it(tmp_path: Path) -> None:
    make_vault()
    start_oddly(tmp_path, Path(os.environ["CREDMAN_HOME"]))


def test_h08_a_directory_longer_than_a_socket_s_address_is_no_obstacle(tmp_path: Path) -> None:
    make_vault()
    home = tmp_path / ("x" * 150)
    Path(os.environ["CREDMAN_HOME"]).rename(home)
    start_oddly(tmp_path, home)


def start_oddly(tmp_path: Path, home: Path) -> None:
    """Starts an agent amidst traps and secrets, and looks at it."""
    here, path, ran = tmp_path / "here", tmp_path / "path", tmp_path / "ran"
    trap = f"import sys; open({str(ran)!r}, 'a').write(f'{{__name__}} {{sys.orig_argv}}\\n')"
    for folder, names in ((here, ("json", "socket", "typer")), (path, ("sitecustomize",))):
        folder.mkdir()
        for name in names:
            (folder / f"{name}.py").write_text(trap)
    reading, writing = os.pipe()
    os.write(writing, PASSPHRASE.encode())
    os.close(writing)
    odd = {"HF_TOKEN": make_value(), "PYTHONPATH": str(path), "TZ": "Asia/Tokyo"}
    with agents({"CREDMAN_HOME": str(home)}) as desk, (tmp_path / "open").open("w") as opened:
        started = subprocess.run(
            # -P: "python -m" would look for the program's own modules in the current directory.
            [PROGRAM[0], "-P", *PROGRAM[1:], "unlock", "--passphrase-fd", str(reading)],
            env={**desk.environ, **odd}, pass_fds=(reading, opened.fileno()),
            cwd=here, umask=0, capture_output=True, check=False,
        )  # fmt: skip
        os.close(reading)
        assert started.returncode == 0, started.stderr
        assert ask(desk, "env") == (0, GIVEN)  # so it has imported all that it needs
        check_process(desk)
        ways = ran.read_text().splitlines()
        assert ways and not [line for line in ways if "server/start.py" in line]


def check_process(desk: Agents) -> None:
    process = Path("/proc", str(desk.pid))
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    group, session, terminal = map(int, fields[2:5])
    assert (group, session, terminal) == (desk.pid, desk.pid, 0)
    assert (process / "cwd").readlink() == Path("/")
    status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines())
    assert status["Umask"] == "0077" and int(status["SigBlk"], 16) == 0
    targets = {int(f.name): os.readlink(f) for f in (process / "fd").iterdir()}
    assert [targets.pop(n) for n in (0, 1, 2)] == [os.devnull] * 3
    assert targets.pop(4) == str(desk.folder / "agent.lock")
    assert all(t.startswith(("socket:", "anon_inode:[eventpoll]")) for t in targets.values())
    variables = (process / "environ").read_bytes()
    names = {pair.partition(b"=")[0] for pair in variables.split(b"\0") if pair}
    assert names <= {b"LANG", b"LC_ALL", b"LC_CTYPE", b"MALLOC_MMAP_THRESHOLD_", b"TZ"}
    words = (process / "cmdline").read_bytes()
    assert b"-I" in words.split(b"\0")  # else it would see what lies in its user's own packages
    for told in (words, variables):
        assert PASSPHRASE.encode() not in told and make_value().encode() not in told
    for place in (desk.folder, desk.folder / "agent", desk.folder / "agent.lock"):
        assert place.stat().st_mode & 0o7077 == 0, place
