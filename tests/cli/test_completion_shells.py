"""Completion in bash, zsh and fish: what is offered, and that nothing is started for most of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from credman.providers.catalogue import load_catalogue
from tests.cli.harness import credman
from tests.cli.tab_cases import NAMES, STATIC
from tests.cli.tabs import (
    LOADED,
    SCRIPTS,
    ask_bash,
    ask_fish,
    ask_zsh,
    list_calls,
    make_desk,
    make_names,
    values_of,
    write_program,
)
from tests.requirements import require_program

Ask = Callable[[Iterable[str], Path], dict[str, list[str]]]
Cases = dict[str, set[str]]


def ask_loaded_zsh(lines: Iterable[str], folder: Path) -> dict[str, list[str]]:
    return ask_zsh(lines, folder, LOADED["zsh"])


SHELLS = {
    "bash": ask_bash,
    "fish": ask_fish,
    "zsh": pytest.param(ask_loaded_zsh, marks=pytest.mark.alone),
}


def cases(known: Cases, ask: Ask) -> Cases:
    """Returns: all but those that fish cannot know."""
    return {k: v for k, v in known.items() if ask is not ask_fish or "^" not in k}


every_shell = pytest.mark.parametrize("ask", SHELLS.values(), ids=SHELLS)


@every_shell
def test_what_is_no_name_is_offered_without_starting_anything(ask: Ask, tmp_path: Path) -> None:
    make_desk(tmp_path)
    known = cases(STATIC, ask)
    assert values_of(ask(known, tmp_path)) == known
    assert list_calls(tmp_path) == []


@every_shell
def test_names_are_those_that_count_where_the_line_says(ask: Ask, tmp_path: Path) -> None:
    make_desk(tmp_path)
    make_names()
    known = cases(NAMES, ask)
    assert values_of(ask(known, tmp_path)) == known
    calls = list_calls(tmp_path)
    assert all(call.startswith("__complete ") for call in calls)
    assert len(calls) <= len(known), "a TAB asks once"


def test_bash_breaks_words_as_it_likes(tmp_path: Path) -> None:
    make_desk(tmp_path)
    make_names()
    lines = STATIC | NAMES
    assert values_of(ask_bash(lines, tmp_path, breaks="")) == lines
    whole = ask_bash(["credman get --env=pr", "credman list --store=k"], tmp_path, breaks="")
    assert [*whole.values()] == [["--env=prod"], ["--store=keyring:"]]
    parts = ask_bash(["credman get --env=pr", "credman list --store=k"], tmp_path, breaks="=")
    assert [*parts.values()] == [["prod"], ["keyring:"]]


def test_bash_describes_where_it_lists_and_inserts_what_all_have_in_common(tmp_path: Path) -> None:
    make_desk(tmp_path)
    make_names()
    lines = ["credman get -e prod ", "credman slot ", "credman get m"]
    listed = ask_bash(lines, tmp_path, kind=63)
    assert listed[lines[0]] == [
        "hf-write  (HF_WRITE)",
        "hf        (HF_TOKEN, from default)",
        "multi     (A, B, from default)",
    ]
    assert listed[lines[1]][0] == "list    (List what opens the vault)"
    assert listed[lines[2]] == ["multi"]
    # 37 is menu-complete, which inserts one after the other.
    assert ask_bash(lines[:1], tmp_path, kind=37)[lines[0]] == ["hf-write", "hf", "multi"]


def test_fish_describes_all_it_offers(tmp_path: Path) -> None:
    make_desk(tmp_path)
    make_names()
    lines = ["credman sh", "credman get -e prod h", "credman add hug", "credman get --f"]
    offered = [word for words in ask_fish(lines, tmp_path).values() for word in words]
    assert offered == [
        "show\tShow what is known of a token, its values masked",
        "hf\tHF_TOKEN, from default",
        "hf-write\tHF_WRITE",
        "huggingface\tHugging Face",
        "--field\tWhich part, of several",
    ]


@every_shell
def test_every_provider_is_offered_under_all_of_its_names(ask: Ask, tmp_path: Path) -> None:
    make_desk(tmp_path)
    providers = load_catalogue().providers.values()
    line = "credman add "
    assert values_of(ask([line], tmp_path)) == {
        line: {name for p in providers for name in (p.name, *p.aliases)}
    }


@every_shell
def test_the_program_on_the_line_is_asked(ask: Ask, tmp_path: Path) -> None:
    make_desk(tmp_path)
    make_names()
    (tmp_path / "other").mkdir()
    (tmp_path / "bin" / "credman").rename(tmp_path / "other" / "credman")
    line = f"{tmp_path}/other/credman get m"
    lines = [line, "../other/credman get m", "credman get m", "/nowhere/credman get m"]
    offered = ask(lines, tmp_path)
    assert [*values_of(offered).values()] == [{"multi"}, {"multi"}, set(), set()]


@every_shell
def test_what_is_no_name_is_never_inserted(ask: Ask, tmp_path: Path) -> None:
    # A program of that name that somebody else made.
    make_desk(tmp_path)
    hostile = ["$(touch PWNED)", "`touch PWNED`", ";touch PWNED", "a b", "*", "", "-x", "'", "é"]
    text = "$(touch PWNED)`touch PWNED`:%n\\n$PATH\x1b[2J|&"
    (tmp_path / "lines").write_text("".join(f"{w}\t{text}\n" for w in [*hostile, "good"]))
    write_program(tmp_path / "bin" / "credman", f"echo noise >&2; cat {tmp_path}/lines")
    lines = ["credman show ", "credman list -e "]
    assert values_of(ask(lines, tmp_path)) == {line: {"good"} for line in lines}
    assert not [*tmp_path.rglob("PWNED")]


@every_shell
def test_without_credman_and_without_names_nothing_is_said(ask: Ask, tmp_path: Path) -> None:
    make_desk(tmp_path)
    lines = ["credman get ", "credman env "]
    known = {"default", "dev", "test", "staging", "prod"}
    assert [*values_of(ask(lines, tmp_path)).values()] == [set(), known]
    (tmp_path / "bin" / "credman").unlink()
    assert [*values_of(ask(lines, tmp_path)).values()] == [set(), set()]


TRACE = ("strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=execve,clone,clone3,fork,vfork", "-o")


def count_processes(trace: Path) -> int:
    """Returns: how many processes were made; threads are none."""
    text = trace.read_text()
    return sum(
        "CLONE_THREAD" not in line
        and any(f" {name}(" in line for name in ("clone", "clone3", "fork", "vfork"))
        for line in text.splitlines()
    )


@pytest.mark.parametrize("ask", [ask_bash, ask_fish])
def test_not_one_process_is_made_for_what_is_no_name(
    ask: Callable[..., dict[str, list[str]]], tmp_path: Path
) -> None:
    require_program("strace")
    make_desk(tmp_path)
    # Behind -- it is another command's turn, and bash lists commands in a process of its own.
    lines = [line for line in cases(STATIC, ask) if " -- z" not in line]
    trace = tmp_path / "trace"
    assert ask(lines, tmp_path, *TRACE, str(trace))
    assert count_processes(trace) == 0
    make_names()
    assert ask(["credman get m"], tmp_path, *TRACE, str(trace))
    assert count_processes(trace) >= 1, "that search finds something"


@pytest.mark.alone
def test_not_one_process_is_made_by_zsh(tmp_path: Path) -> None:
    require_program("strace")
    make_desk(tmp_path)
    trace = tmp_path / "trace"
    setup = (LOADED["zsh"], "/bin/true begins")
    assert ask_zsh(STATIC, tmp_path, *setup, wrapper=(*TRACE, str(trace)))
    whole = trace.read_text()
    trace.write_text(whole.partition('"begins"')[2])
    assert '"begins"' in whole and count_processes(trace) == 0


@pytest.mark.parametrize(
    ("shell", "name"),
    [("bash", "bash"), ("zsh", "zsh"), ("fish", "fish"), ("powershell", "ps1"), ("pwsh", "ps1")],
)
def test_the_command_prints_the_script(shell: str, name: str) -> None:
    outcome = credman("completions", shell, passphrase=None)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert outcome.stdout == (SCRIPTS / f"credman.{name}").read_bytes()


@pytest.mark.parametrize("shell", ["tcsh", "", "../credman.bash"])
def test_a_shell_without_a_script(shell: str) -> None:
    outcome = credman("completions", shell)
    assert (outcome.exit_code, outcome.stdout) == (2, b"")
    assert outcome.stderr.splitlines() == [
        "credman: error: there is no completion for that shell",
        "credman: hint: one of bash, zsh, fish, powershell",
    ]
