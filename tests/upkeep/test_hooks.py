"""A command of the user's own is given reminders: what it gets, and all the ways it can fail."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from credman.core.errors import UsageError
from credman.upkeep.calling import split_command
from credman.upkeep.hooks import run_hook
from tests.agent.agents import wait_until
from tests.output.child import REPORTER, Seen, parse_report

LARGE = b"x" * (1 << 20)
"""More than any pipe takes before somebody reads."""


def run(
    *words: str, text: bytes = b"{}", environ: Mapping[str, str] | None = None, seconds: float = 30
) -> str:
    given = {"PATH": os.environ["PATH"], **(environ or {})}
    return run_hook(shlex.join(words), text, environ=given, cwd=str(Path.home()), seconds=seconds)


def sh(script: str, *words: str, text: bytes = b"{}", seconds: float = 30) -> str:
    return run("sh", "-c", script, *words, text=text, seconds=seconds)


def look(tmp_path: Path, **environ: str) -> Seen:
    """Returns: what a command sees of itself. Its text has lines, so it is not an argument."""
    text = shlex.join(REPORTER)
    (tmp_path / "script").write_text(f"exec {text} > {tmp_path}/got")
    assert run("sh", str(tmp_path / "script"), environ=environ) == ""
    return parse_report((tmp_path / "got").read_bytes())


def is_alive(pid: int) -> bool:
    with suppress(OSError):
        stat = Path(f"/proc/{pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] not in "ZX"
    return False


def test_it_gets_all_of_the_text_and_works_where_it_is_told(tmp_path: Path) -> None:
    text = b'{"a": "\xc3\xa9"}\n' + LARGE
    assert sh('pwd > "$0"; cat >> "$0"', str(tmp_path / "got"), text=text) == ""
    assert (tmp_path / "got").read_bytes() == os.fsencode(Path.home()) + b"\n" + text


def test_it_runs_without_a_shell_and_its_words_are_as_a_shell_would_split_them(
    tmp_path: Path,
) -> None:
    words = ("'a b'", """ "c'd" """, "$HOME", "x;y", "`id`", "\\*", "''")
    hook = " ".join(("touch", *(f"{tmp_path}/{word.strip()}" for word in words)))
    assert run_hook(hook, b"", environ={"PATH": os.environ["PATH"]}, cwd="/") == ""
    made = {path.name for path in tmp_path.iterdir()}
    assert made - {"home"} == {"a b", "c'd", "$HOME", "x;y", "`id`", "*"}


def test_it_has_the_environment_of_the_caller_less_what_opens_the_vault(tmp_path: Path) -> None:
    kept = {"PATH": os.environ["PATH"], "EXAMPLE": "kept", "CREDMAN_HOME": "/x"}
    secret = {"CREDMAN_PASSPHRASE": "EXAMPLE words", "CREDMAN_PASSPHRASE_COMMAND": "print-it"}
    seen = look(tmp_path, **kept, **secret)
    assert {k: v.decode() for k, v in seen.environ.items() if k in kept | secret} == kept
    assert b"EXAMPLE words" not in b"".join(seen.environ.values())


def test_it_inherits_no_file_of_ours(tmp_path: Path) -> None:
    with (tmp_path / "open").open("wb") as ours:
        os.set_inheritable(ours.fileno(), True)
        seen = look(tmp_path)
    assert set(seen.descriptors) <= {0, 1, 2, 3}  # 3: its own look into the directory


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("exit 3", "the command ended with 3"),
        ("exit 255", "the command ended with 255"),
        ("kill -TERM $$", "the command was ended by signal 15"),
        ("kill -KILL $$", "the command was ended by signal 9"),
    ],
)
def test_why_it_failed_is_told(script: str, why: str) -> None:
    assert sh(script) == why


@pytest.mark.parametrize(
    ("script", "why"), [("exit 0", ""), ("exit 7", "the command ended with 7")]
)
def test_one_that_reads_nothing_counts_by_how_it_ends(script: str, why: str) -> None:
    assert sh(f"exec <&-; {script}", text=LARGE) == why
    assert sh(script, text=LARGE) == why


def test_one_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    # The second is in the background, and neither reads nor heeds a polite word.
    script = """trap '' TERM HUP; sh -c 'trap "" TERM HUP; echo $$ >> "$0"; sleep 300 & sleep 300' \
        "$0" & echo $$ >> "$0"; wait; sleep 300"""
    assert sh(script, str(pids), text=LARGE, seconds=2) == "the command did not end within 2 s"
    started = [int(line) for line in pids.read_text().split()]
    assert len(started) == 2
    wait_until(lambda: not any(map(is_alive, started)))


def test_what_one_leaves_in_the_background_is_not_waited_for(tmp_path: Path) -> None:
    # A mail program that queues and goes on by itself has done its work.
    pid = tmp_path / "pid"
    assert sh('sleep 300 & echo $! > "$0"', str(pid)) == ""
    left = int(pid.read_text())
    assert is_alive(left)
    os.kill(left, 9)


def test_one_that_cannot_be_run_is_told(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("no program")
    cannot = "the command cannot be run: "
    assert run("nosuch-command") == f"{cannot}no such file or directory"
    assert run(str(tmp_path / "nosuch")) == f"{cannot}no such file or directory"
    assert run(str(plain)) == f"{cannot}permission denied"
    assert run(str(tmp_path)) == f"{cannot}permission denied"
    plain.chmod(0o700)
    assert run(str(plain)) == f"{cannot}exec format error"
    assert run("x" * 300_000) == f"{cannot}file name too long"
    gone = run_hook("true", b"", environ={"PATH": os.environ["PATH"]}, cwd=f"{tmp_path}/gone")
    assert gone == f"{cannot}no such file or directory"


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("", "--command is empty"),
        ("  \t ", "--command is empty"),
        ("''", "--command is empty"),
        ('" " x', "--command is empty"),
        ("mail 'me", "--command cannot be split into words: a quote is not closed"),
        ('mail "me', "--command cannot be split into words: a quote is not closed"),
        ("mail \\", "--command cannot be split into words: a quote is not closed"),
        ("mail\nme", "--command holds a line end"),
        ("mail\0me", "--command holds a line end"),
    ],
)
def test_what_cannot_be_a_command_is_refused_before_anything_runs(command: str, why: str) -> None:
    for refuse in (split_command, lambda c: run_hook(c, b"", environ={}, cwd="/")):
        with pytest.raises(UsageError) as refused:
            refuse(command)
        assert refused.value.message == why


def test_it_has_no_terminal_to_ask_on() -> None:
    own = "import os, sys; sys.exit(os.getsid(0) != os.getpid())"
    assert run(sys.executable, "-c", own) == ""
