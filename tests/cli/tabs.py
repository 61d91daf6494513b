"""TAB in real shells: what is offered, what is inserted, and how often credman is called.

The program that they find is the real one, behind a script that notes how it was called.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect

import credman
from tests.cli.harness import credman as run
from tests.requirements import require_program

SCRIPTS = Path(credman.__file__).parent / "completions"
SECONDS = 20


_made: list[bytes] = []


def make_names() -> None:
    """A store with names on both axes, and a cache of them. Made once and copied from then on."""
    path = Path(os.environ["CREDMAN_HOME"], "data", "vault.age")
    if _made:
        path.parent.mkdir(mode=0o700, parents=True)
        path.write_bytes(_made[0])
        path.chmod(0o600)
        assert run("list").exit_code == 0
        return
    additions = [
        (["hf"], b"v"),
        (["multi", "--field", "A", "--field", "B"], b"A=v\nB=v"),
        (["hf-write", "-e", "prod"], b"v"),
        (["alone", "-e", "closed", "--isolated"], b"v"),
        (["mine", "-p", "work"], b"v"),
    ]
    for arguments, value in additions:
        outcome = run("add", *arguments, "--no-check", stdin=value)
        assert outcome.exit_code == 0, outcome.stderr
    _made.append(path.read_bytes())


def make_desk(folder: Path) -> Path:
    """Returns: a directory to work in; beside it a program directory ``bin`` with credman in it."""
    programs, desk = folder / "bin", folder / "desk"
    programs.mkdir()
    (desk / "folder").mkdir(parents=True)
    (desk / "two words").touch()
    arguments = shlex.join([sys.executable, "-m", "credman"])
    log = shlex.quote(str(folder / "calls"))
    write_program(programs / "credman", f'echo "$@" >>{log}; exec {arguments} "$@"')
    write_program(programs / "zebra-command", ":")
    return desk


def write_program(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def list_calls(folder: Path) -> list[str]:
    """Returns: how credman was called, oldest first."""
    log = folder / "calls"
    return log.read_text().splitlines() if log.exists() else []


def make_environ(folder: Path) -> dict[str, str]:
    """A shell's environment; its programs are those in ``bin`` and the system's."""
    return {
        **{k: v for k, v in os.environ.items() if k in ("HOME", "CREDMAN_HOME", "CREDMAN_AGENT")},
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "TERM": "xterm",
        "LC_ALL": "C.UTF-8",
    }


def run_script(shell: str, script: str, folder: Path, *wrapper: str) -> str:
    """Runs a script from a file in a shell that reads no configuration; nothing may go wrong.

    Args:
        wrapper: a command that runs it, such as strace.
    """
    option = {"bash": "--norc", "fish": "--no-config"}[shell]
    path = folder / f"script.{shell}"
    path.write_text(script)
    done = subprocess.run(
        [*wrapper, require_program(shell), option, str(path)],
        cwd=folder / "desk",
        env=make_environ(folder),
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS * 3,
        stdin=subprocess.DEVNULL,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def ask_bash(
    lines: Iterable[str], folder: Path, *wrapper: str, breaks: str = "=:", kind: int = 9
) -> dict[str, list[str]]:
    """Args:
        breaks: what of ``=`` and ``:`` bash breaks words at.
        kind: of completion (COMP_TYPE): 9 inserts, 63 lists.

    Returns:
        What the function of bash offers for each line.
    """
    script = ["set -eu", f"source {SCRIPTS}/credman.bash", f"COMP_WORDBREAKS=' {breaks}'"]
    for line in lines:
        before, _, after = line.partition("^")
        words, later = _split(before, breaks), _split(after, breaks) if after else []
        whole = shlex.join([*words, *later])
        script += [
            f"COMP_WORDS=({whole}) COMP_CWORD={len(words) - 1} COMP_TYPE={kind}",
            f"COMP_LINE={shlex.quote(before + after)} COMP_POINT={len(before)}",
            f"_credman credman {shlex.quote(words[-1])} x; echo {shlex.quote(f'## {line}')}",
            'printf "%s\\n" ${COMPREPLY[@]+"${COMPREPLY[@]}"}',
        ]
    return _read_sections(run_script("bash", "\n".join(script), folder, *wrapper))


def _split(line: str, breaks: str) -> list[str]:
    pattern = f"[{breaks}]+|[^\\s{breaks}]+" if breaks else r"\S+"
    return [*re.findall(pattern, line), *([""] if line[-1:].isspace() else [])]


def ask_fish(lines: Iterable[str], folder: Path, *wrapper: str) -> dict[str, list[str]]:
    """Returns: what fish offers for each line, ``WORD<TAB>DESCRIPTION``. The cursor is at its end:
    of what stands behind it fish tells nothing."""
    script = [f"source {SCRIPTS}/credman.fish"]
    for line in lines:
        word = shlex.quote(line)
        script += [f"echo {shlex.quote(f'## {line}')}", f"complete -C {word}"]
    return _read_sections(run_script("fish", "\n".join(script), folder, *wrapper))


def _read_sections(text: str) -> dict[str, list[str]]:
    sections = {}
    for section in text.split("## ")[1:]:
        line, *offered = section.splitlines()
        sections[line] = [word for word in offered if word]
    return sections


def values_of(offered: dict[str, list[str]]) -> dict[str, set[str]]:
    """Returns: by line what is offered, without what stands before it in its word, and without a
    description."""
    return {
        line: {re.sub(r"^(--[a-z-]+=)?(.*,)?", "", word.partition("\t")[0]) for word in words}
        for line, words in offered.items()
    }


class Prompt:
    """A shell at a terminal. ``Ctrl-G`` notes the line as it stands and clears it."""

    def __init__(self, child: pexpect.spawn, folder: Path) -> None:
        self.child = child
        self.notes = folder / "notes"
        self._lines = 0

    def runs(self, line: str) -> None:
        self.child.sendline(f"{line}; echo do''ne")
        self.child.expect_exact("done\r")

    def types(self, keys: str) -> str:
        """Returns: what stands on the line then."""
        self.child.send(f"{keys}\x07")
        return self._read_note()

    def _read_note(self) -> str:
        self._lines += 1
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            text = self.notes.read_text() if self.notes.exists() else ""
            if text.count("\0") >= self._lines:
                return text.split("\0")[self._lines - 1]
            # What is shown has to be read, or the shell would wait for that; it stays to be seen.
            self.child.expect_exact([pexpect.TIMEOUT], timeout=0.005)
        raise AssertionError(self.child.before)

    def sees(self, text: str) -> None:
        self.child.expect_exact(text)

    @property
    def screen(self) -> str:
        """What was shown before that, without colours."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", self.child.before.decode())


PROMPTS = {
    "bash": (
        ("bash", "--norc", "--noprofile", "-i"),
        "bind 'set bell-style none'; bind 'set page-completions off'; "
        'note() {{ printf "%s\\0" "$READLINE_LINE" >>{notes}; READLINE_LINE=; }}; '
        "bind -x '\"\\C-g\": note'",
    ),
    "zsh": (
        ("zsh", "-f", "-i"),
        "unsetopt beep; LISTMAX=9999; "
        "note() {{ print -rn -- \"$BUFFER\"$'\\0' >>{notes}; BUFFER= }}; "
        "zle -N note; bindkey -e; bindkey '^G' note; autoload -Uz compinit",
    ),
    "fish": (
        ("fish", "--no-config", "-i"),
        "function note; printf '%s\\0' (commandline | string collect) >>{notes}; "
        "commandline ''; end; bind \\cg note",
    ),
}
LOADED = {
    "bash": f"source {SCRIPTS}/credman.bash",
    "zsh": f"compinit -D -u; source {SCRIPTS}/credman.zsh",
    "fish": f"source {SCRIPTS}/credman.fish",
}


@contextmanager
def at_prompt(
    shell: str, folder: Path, *setup: str, wrapper: tuple[str, ...] = ()
) -> Iterator[Prompt]:
    """Args: setup: lines to run first; ``LOADED`` has one for each shell."""
    argv, keys = PROMPTS[shell]
    require_program(shell)
    command = [*wrapper, *argv]
    child = pexpect.spawn(
        shutil.which(command[0]) or command[0],
        command[1:],
        cwd=str(folder / "desk"),
        env=make_environ(folder),
        timeout=SECONDS,
        dimensions=(200, 120),  # a longer list would be asked about
    )
    child.delaybeforesend = None
    try:
        prompt = Prompt(child, folder)
        for line in (keys.format(notes=shlex.quote(str(prompt.notes))), *setup):
            prompt.runs(line)
        yield prompt
    finally:
        child.close(force=True)


_RECORDER = """
compadd() {{
    local -a hits
    if [[ -z ${{argv[(r)-[OAD]]}} ]]; then
        builtin compadd -O hits "$@"
        (( $#hits )) && print -rl -- $hits >>{record}
    fi
    builtin compadd "$@"
}}
"""


def ask_zsh(
    lines: Iterable[str], folder: Path, *setup: str, wrapper: tuple[str, ...] = ()
) -> dict[str, list[str]]:
    """Returns: what zsh adds to its list of matches for each line."""
    record = folder / "record"
    recorder = folder / "recorder.zsh"
    recorder.write_text(_RECORDER.format(record=shlex.quote(str(record))))
    offered = {}
    with at_prompt("zsh", folder, *setup, f"source {recorder}", wrapper=wrapper) as prompt:
        for line in lines:
            record.write_text("")
            before, _, after = line.partition("^")
            back = "\x02" * len(after)
            prompt.types(f"{before}{after}{back}\t")
            offered[line] = record.read_text().splitlines()
    return offered
