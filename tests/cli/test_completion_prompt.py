"""TAB at a real prompt: what stands on the line then, and what is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.tab_cases import INSERTED
from tests.cli.tabs import (
    LOADED,
    SCRIPTS,
    at_prompt,
    list_calls,
    make_desk,
    make_names,
    write_program,
)

pytestmark = pytest.mark.alone

IN_THE_MIDDLE = "credman get  -e prod" + "\x02" * len(" -e prod") + "hf-\t"
"""The cursor goes back before the option, which counts all the same."""

OTHERWISE = {
    "bash": {
        "credman env --only h\t": "credman env --only hf",
        "credman env --only h\t,m\t": "credman env --only hf,multi",
        IN_THE_MIDDLE: "credman get hf-write -e prod",
    },
    "zsh": {
        # It expects another name, and takes the comma back at a blank.
        "credman env --only h\t": "credman env --only hf,",
        "credman env --only h\t\t": "credman env --only hf,multi,",
        "credman env --only h\t --reveal": "credman env --only hf --reveal",
        IN_THE_MIDDLE: "credman get hf-write  -e prod",
    },
    "fish": {
        "credman env --only h\t": "credman env --only hf ",
        "credman env --only hf,m\t": "credman env --only hf,multi ",
        # Of what stands behind the cursor it tells nothing.
        IN_THE_MIDDLE: "credman get hf- -e prod",
    },
}
"""Where shells differ."""


@pytest.mark.parametrize("shell", LOADED)
def test_what_is_inserted(shell: str, tmp_path: Path) -> None:
    make_desk(tmp_path)
    make_names()
    known = INSERTED | OTHERWISE[shell]
    with at_prompt(shell, tmp_path, LOADED[shell]) as prompt:
        assert {keys: prompt.types(keys) for keys in known} == known


ODD = [
    ("bash", "set -eu; shopt -s failglob nullglob nocasematch extglob; IFS=:"),
    ("bash", "set -o posix; set -f; COMP_WORDBREAKS=' '"),
    ("zsh", "setopt ksh_arrays sh_word_split glob_subst ksh_glob null_glob no_unset err_return"),
]


@pytest.mark.parametrize(("shell", "options"), ODD, ids=["bash", "bash --posix", "zsh"])
def test_what_is_inserted_whatever_is_set(shell: str, options: str, tmp_path: Path) -> None:
    make_desk(tmp_path)
    make_names()
    with at_prompt(shell, tmp_path, options, LOADED[shell]) as prompt:
        assert {keys: prompt.types(keys) for keys in INSERTED} == INSERTED


@pytest.mark.parametrize("shell", LOADED)
def test_what_the_program_complains_of_is_not_shown(shell: str, tmp_path: Path) -> None:
    make_desk(tmp_path)
    write_program(tmp_path / "bin" / "credman", "echo good; cat; echo NOISE >&2")
    with at_prompt(shell, tmp_path, LOADED[shell]) as prompt:
        assert prompt.types("credman show \t") == "credman show good "
        if "good" not in prompt.screen:  # not read yet
            prompt.sees("good")
        assert "NOISE" not in prompt.screen


def test_bash_lists_with_descriptions_under_set_u(tmp_path: Path) -> None:
    make_desk(tmp_path)
    make_names()
    with at_prompt("bash", tmp_path, "set -u", LOADED["bash"]) as prompt:
        prompt.child.send("credman get -e prod \t\t")
        prompt.sees("multi     (A, B, from default)")
        assert "hf-write  (HF_WRITE)" in prompt.screen
        assert prompt.types("m\t") == "credman get -e prod multi "


@pytest.mark.parametrize("way", ["fpath", "source", "eval"])
def test_zsh_takes_it_from_a_file_or_from_the_command(way: str, tmp_path: Path) -> None:
    make_desk(tmp_path)
    make_names()
    (tmp_path / "fpath").mkdir()
    (tmp_path / "fpath" / "_credman").symlink_to(SCRIPTS / "credman.zsh")
    setup = {
        "fpath": f"fpath=({tmp_path}/fpath $fpath); compinit -D -u",
        "source": "compinit -D -u; source <(credman completions zsh)",
        "eval": 'compinit -D -u; eval "$(credman completions zsh)"',
    }
    with at_prompt("zsh", tmp_path, setup[way]) as prompt:
        assert prompt.types("credman sho\t") == "credman show "
        assert prompt.types("credman show mul\t") == "credman show multi "


def test_zsh_says_so_where_completion_is_not_switched_on(tmp_path: Path) -> None:
    make_desk(tmp_path)
    with at_prompt("zsh", tmp_path) as prompt:
        prompt.child.sendline(LOADED["zsh"].partition("; ")[2])
        prompt.sees("completion needs compinit before this line")


def test_bash_takes_it_from_the_command(tmp_path: Path) -> None:
    make_desk(tmp_path)
    with at_prompt("bash", tmp_path, 'eval "$(credman completions bash)"') as prompt:
        assert prompt.types("credman sho\t") == "credman show "


def test_bash_completes_the_command_behind_exec_as_that_command_does(tmp_path: Path) -> None:
    make_desk(tmp_path)
    setup = '_zebra() { COMPREPLY=("$1:$2:$COMP_CWORD:$COMP_POINT:$COMP_LINE"); }'
    lines = ("complete -F _zebra zebra-command", LOADED["bash"])
    with at_prompt("bash", tmp_path, setup, *lines) as prompt:
        line = "credman exec prod -- zebra-command x str\t"
        assert prompt.types(line) == (
            "credman exec prod -- zebra-command x zebra-command:str:2:19:zebra-command x str "
        )


def test_a_locked_vault_is_not_asked_about(tmp_path: Path) -> None:
    # With a terminal there, and no passphrase given: every command would ask.
    make_desk(tmp_path)
    make_names()
    with at_prompt("bash", tmp_path, LOADED["bash"]) as prompt:
        assert prompt.types("credman get mul\t") == "credman get multi "
        prompt.child.send("credman get --reveal mul\t--field A\r")
        prompt.sees("passphrase: ")  # the first time
        assert "credman get --reveal multi --field A" in prompt.screen
    calls = list_calls(tmp_path)
    assert calls == ["__complete tokens", "__complete tokens", "get --reveal multi --field A"]
