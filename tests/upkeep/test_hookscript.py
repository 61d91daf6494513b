"""The lines of a hook, run by every shell that may be /bin/sh, and read back."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credman.core.errors import Refused
from credman.upkeep.hookscript import (
    BEGIN,
    END,
    FORMER,
    Hook,
    looks_at_its_name,
    parse_script,
    render_script,
)
from tests.requirements import require_program
from tests.upkeep.repositories import read_calls
from tests.upkeep.schedulers import write_program

SHELLS = {"dash": ["dash"], "busybox": ["busybox", "sh"], "bash": ["bash", "--posix"]}
SAYS = 'printf "%s|" credman "$@" >>"$HOME/calls"; echo >>"$HOME/calls"'


def write_ours(folder: Path, hook: Hook, *program: str) -> Path:
    path = folder / hook.value
    path.write_bytes(render_script(hook, program))
    path.chmod(0o755)
    return path


def run(
    shell: str, path: Path, *words: str, stdin: bytes = b"", **environ: str
) -> subprocess.CompletedProcess[bytes]:
    first, *rest = SHELLS[shell]
    return subprocess.run(
        [require_program(first), *rest, str(path), *words],
        input=stdin,
        capture_output=True,
        env={**os.environ, **environ},
        timeout=30,
        check=False,
        restore_signals=False,  # SIGPIPE may be ignored where git runs
    )


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("hook", Hook)
def test_what_was_there_is_called_first_with_the_same(
    hook: Hook, shell: str, tmp_path: Path
) -> None:
    program = write_program(tmp_path / "bin", "credman", f'{SAYS}; cat >"$HOME/second"; echo $MARK')
    former = 'printf "%s|" former "$@" >>"$HOME/calls"; echo >>"$HOME/calls"; cat >"$HOME/first"'
    write_program(tmp_path, hook.value + FORMER, f"{former}; echo $MARK")
    lines = b"refs/heads/a  b\\n 0 \\t\xff\nrefs/heads/c 1\n\n"
    path = write_ours(tmp_path, hook, str(program))
    done = run(shell, path, "a b", "", "$c'", stdin=lines, MARK="seen")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"seen\nseen\n", b"")
    assert read_calls() == ["former|a b||$c'|", f"credman|hook|run|{hook.value}|a b||$c'|"]
    home = Path(os.environ["HOME"])
    # At a commit, git gives nothing, and whoever reads first has all of it.
    second = lines if hook is Hook.PRE_PUSH else b""
    assert ((home / "first").read_bytes(), (home / "second").read_bytes()) == (lines, second)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("hook", Hook)
def test_its_failure_is_the_failure(hook: Hook, shell: str, tmp_path: Path) -> None:
    path = write_ours(tmp_path, hook, str(write_program(tmp_path / "bin", "credman", SAYS)))
    former = write_program(tmp_path, hook.value + FORMER, "echo no; exit 42")
    done = run(shell, path, stdin=b"x" * 300_000)  # more than a pipe holds, and nobody reads it
    assert (done.returncode, done.stdout, done.stderr) == (42, b"no\n", b"")
    assert read_calls() == []
    former.chmod(0o644)  # git passes it over
    assert run(shell, path).returncode == 0 and len(read_calls()) == 1
    former.unlink()
    assert run(shell, path).returncode == 0 and len(read_calls()) == 1


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("hook", Hook)
@pytest.mark.parametrize("code", [0, 1, 8, 130])
def test_what_credman_says_counts(code: int, hook: Hook, shell: str, tmp_path: Path) -> None:
    program = write_program(tmp_path / "bin", "credman", f"exit {code}")
    path = write_ours(tmp_path, hook, str(program))
    with path.open("a") as file:
        file.write("echo after\n")  # somebody else's line
    done = run(shell, path, stdin=b"x\n")
    assert done.returncode == code and done.stdout == (b"" if code else b"after\n")


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("hook", Hook)
@pytest.mark.parametrize("trouble", ["removed", "interpreter", "mode", "folder", "name"])
def test_without_credman_nothing_is_let_through(
    trouble: str, hook: Hook, shell: str, tmp_path: Path
) -> None:
    program = write_program(tmp_path / "bin", "credman", "exit 0")
    path = write_ours(tmp_path, hook, "no-such" if trouble == "name" else str(program))
    if trouble == "interpreter":
        program.write_text(f"#!{tmp_path}/python-of-an-environment-that-is-gone\n")
    elif trouble == "mode":
        program.chmod(0o644)
    elif trouble != "name":
        program.unlink()
        if trouble == "folder":
            program.mkdir()
    done = run(shell, path, stdin=b"x\n")
    assert done.returncode == 1
    where = "on PATH" if trouble == "name" else f"at {program}"
    assert f"credman: error: credman cannot be run {where}, so nothing" in done.stderr.decode()
    assert done.stderr.decode().endswith(f"credman: hint: reinstall credman, or remove {path}\n")


@pytest.mark.parametrize("shell", ["dash", "bash"])  # busybox has a cat of its own
def test_lines_that_cannot_be_read_are_not_none(shell: str, tmp_path: Path) -> None:
    path = write_ours(tmp_path, Hook.PRE_PUSH, str(write_program(tmp_path, "credman", SAYS)))
    first, *rest = SHELLS[shell]
    argv = [require_program(first), *rest, str(path)]
    environ = {**os.environ, "PATH": str(tmp_path)}
    done = subprocess.run(argv, env=environ, capture_output=True, input=b"x\n", check=False)
    assert done.returncode != 0 and read_calls() == []


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("hook", Hook)
@pytest.mark.parametrize(
    "name", ["a b", "a'b", 'a"b', "a$HOME`b`", "a\\b", "-a", "ü", "%s", "a;b", "\udcff"]
)
def test_a_path_of_any_kind(name: str, hook: Hook, shell: str, tmp_path: Path) -> None:
    program = write_program(tmp_path / name, "credman", SAYS)
    path = write_ours(tmp_path / name, hook, str(program), "-m", "it's")
    assert run(shell, path, "x", stdin=b"y\n").returncode == 0
    assert read_calls() == [f"credman|-m|it's|hook|run|{hook.value}|x|"]
    program.unlink()
    done = run(shell, path, stdin=b"y\n")
    assert done.returncode == 1 and b"so nothing is let through\n" in done.stderr


@pytest.mark.parametrize("shell", SHELLS)
def test_called_by_its_bare_name(shell: str, tmp_path: Path) -> None:
    path = write_ours(tmp_path, Hook.PRE_COMMIT, str(write_program(tmp_path, "credman", SAYS)))
    write_program(tmp_path, path.name + FORMER, 'echo former >>"$HOME/calls"')
    first, *rest = SHELLS[shell]
    subprocess.run([require_program(first), *rest, path.name], cwd=tmp_path, check=True)
    assert read_calls() == ["former", "credman|hook|run|pre-commit|"]


WORDS = st.text(
    st.characters(exclude_characters="\0\n\r", exclude_categories=["Cs"]), min_size=1, max_size=30
)
LINES = st.lists(st.sampled_from(["#!/bin/sh", "", "make test", "# credman", " x \\"]), max_size=4)


@given(st.sampled_from(Hook), st.lists(WORDS, min_size=1, max_size=4), LINES, LINES)
def test_what_is_written_is_read_back(
    hook: Hook, program: list[str], before: Sequence[str], after: Sequence[str]
) -> None:
    script = parse_script(render_script(hook, program), "x")
    assert script is not None and script.is_ours_alone
    assert script.find_program() == tuple(program)
    around = "".join(f"{line}\n" for line in before).encode()
    behind = "\n".join(after).encode()
    found = parse_script(around + script.ours + behind, "x")
    assert found is not None and (found.before, found.after) == (around, behind)
    assert found.rest == around + behind
    other = parse_script(render_script(hook, ["/other"], found), "x")
    assert other is not None and other.rest == found.rest and other.find_program() == ("/other",)


@given(st.binary(max_size=200))
def test_what_others_have_written_is_not_ours(text: bytes) -> None:
    if BEGIN not in text and END not in text:
        assert parse_script(text, "x") is None


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        (b"#!/bin/sh\nX", True),
        (b"#!/usr/bin/env bash\nX", True),
        (b"X", True),
        (b"#!/bin/sh\n\nX\n\n", True),
        (b"#!/bin/sh\nX# a remark\n", False),
        (b"#!/bin/sh\nmake test\nX", False),
        (b"X#!/bin/sh\n", False),
    ],
)
def test_what_is_ours_alone(text: bytes, alone: bool) -> None:
    ours = render_script(Hook.PRE_PUSH, ["credman"]).removeprefix(b"#!/bin/sh\n")
    script = parse_script(text.replace(b"X", ours), "x")
    assert script is not None and script.is_ours_alone is alone


@pytest.mark.parametrize("keep", [(BEGIN,), (END,), (END, BEGIN), (BEGIN, END, END)])
def test_torn_marks_are_not_guessed_at(keep: tuple[bytes, ...]) -> None:
    with pytest.raises(Refused, match=r"one of the two marks .* is missing in /x/pre-push"):
        parse_script(b"#!/bin/sh\n" + b"\nmake\n".join(keep), "/x/pre-push")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b'name=$(basename "$0")', True),
        (b"hook_type = File.basename($0)", True),
        (b"name=${0##*/}", True),
        (b'. "$(dirname "$0")/common.sh"', False),
        (b"exec make test", False),
    ],
)
def test_a_hook_that_goes_by_its_name(text: bytes, says: bool) -> None:
    assert looks_at_its_name(text) is says
