"""At a real prompt: history expansion, line editing and prompts change nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pexpect
import pytest

from credman.output.shells import Shell
from tests.output.corpus import (
    ALL_VALUES,
    CANARY,
    FISH_WAYS,
    QUOTINGS,
    make_hostile_folder,
)
from tests.output.evaluation import (
    Evaluated,
    name_values,
    parse_environment,
    render,
    wrong_values,
)
from tests.requirements import require_program

pytestmark = pytest.mark.alone

CORPUS = name_values(ALL_VALUES)
SECONDS = 20

INTERACTIVE = {
    "bash": (("bash", "--norc", "-i"), "set -H"),
    "zsh": (("zsh", "-f", "-i"), "setopt bang_hist inc_append_history; HISTSIZE=9; SAVEHIST=9"),
    "dash": (("dash", "-i"), ":"),
    "ksh93": (("ksh93", "-i"), "set -H 2>/dev/null"),
    "mksh": (("mksh", "-i"), ":"),
    "busybox ash": (("busybox", "ash", "-i"), ":"),
}


@pytest.mark.parametrize("argument", QUOTINGS.values(), ids=QUOTINGS.keys())
@pytest.mark.parametrize(("argv", "prelude"), INTERACTIVE.values(), ids=INTERACTIVE.keys())
def test_eval_typed_at_a_prompt(
    argv: tuple[str, ...], prelude: str, argument: str, tmp_path: Path
) -> None:
    environment = type_at_prompt(argv, [prelude, f"eval {argument}"], Shell.POSIX, tmp_path)
    assert wrong_values(CORPUS, environment) == {}


@pytest.mark.parametrize("way", FISH_WAYS.values(), ids=FISH_WAYS.keys())
def test_fish_at_a_prompt(way: str, tmp_path: Path) -> None:
    environment = type_at_prompt(("fish", "--no-config", "-i"), [way], Shell.FISH, tmp_path)
    assert wrong_values(CORPUS, environment) == {}


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_history_holds_the_command_and_no_value(shell: str, tmp_path: Path) -> None:
    argv, prelude = INTERACTIVE[shell]
    history = tmp_path / "history"
    lines = [f"HISTFILE={history}", prelude, f"eval {QUOTINGS['unquoted']}", "fc -W", "history -a"]
    type_at_prompt(argv, lines, Shell.POSIX, tmp_path)
    written = history.read_bytes()
    assert b"eval $(cat .text)" in written
    assert b"touch" not in written and b"\\040" not in written


def type_at_prompt(
    argv: tuple[str, ...], lines: list[str], syntax: Shell, tmp_path: Path
) -> Evaluated:
    """Returns: the environment that a program started at the prompt is given at the end."""
    program = require_program(argv[0])
    folder = make_hostile_folder(tmp_path)
    (folder / ".text").write_bytes(render(syntax, CORPUS))
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "TERM": "dumb",
        "LC_ALL": "C.UTF-8",
    }
    shell = pexpect.spawn(program, list(argv[1:]), cwd=folder, env=environ, timeout=SECONDS)
    # The shells are waited for after each line: one that reads its terminal late loses none.
    for number, line in enumerate([*lines, "command env -0 > .environment"]):
        shell.sendline(f"{line}; echo done-$(({number}+0))" if syntax is Shell.POSIX else line)
        if syntax is Shell.POSIX:
            shell.expect(f"done-{number}\r")
    shell.sendline("exit")
    shell.expect(pexpect.EOF)
    shell.close()
    assert not (folder / CANARY).exists()
    environment = parse_environment((folder / ".environment").read_bytes())
    return Evaluated(environment, 0, b"")
