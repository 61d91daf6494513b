"""Options change how a shell splits, globs and parses. Each one that a shell has is switched on and
off, not only those that somebody thought of."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from credman.output.shells import Shell
from tests.output.corpus import (
    CANARY,
    POSIX_SHELLS,
    QUOTED,
    QUOTINGS,
    UNQUOTED,
    VALUES,
    ShellProgram,
    make_hostile_folder,
)
from tests.output.evaluation import (
    assert_exact,
    evaluate,
    name_values,
    render,
    run_shell,
    wrong_values,
)
from tests.requirements import require_program

CORPUS = name_values([value for value in VALUES if len(value) < 1000])
TEXT = render(Shell.POSIX, CORPUS)
SECOND = {f"SECOND_{name}": value for name, value in CORPUS.items()}

SHELLS = {shell.name: shell for shell in POSIX_SHELLS}
COMBINED = [
    *((shell.name, "set -euf -C") for shell in POSIX_SHELLS),
    ("bash", "shopt -s nullglob failglob extglob dotglob globstar nocaseglob nocasematch"),
    ("bash", "set -o pipefail; set -euo posix; shopt -s extglob"),
    ("zsh", "setopt sh_word_split glob_subst null_glob no_clobber err_exit no_unset"),
    ("zsh", "setopt sh_word_split glob_subst extended_glob ksh_glob csh_null_glob brace_ccl"),
    ("zsh", "setopt glob_subst magic_equal_subst rc_expand_param rc_quotes glob_assign"),
    ("zsh", "setopt warn_create_global warn_nested_var; f() { eval \"$(cat .text)\"; }; f"),
    *(("zsh", f"emulate {family}") for family in ("sh", "ksh", "csh", "zsh")),
    ("ksh93", "set -o braceexpand -o globstar"),
]  # fmt: skip

# Options that stop the shell from running what it reads: no text for eval works. And ``set -k`` of
# the Bourne shell, under which ``export A=b`` means something else.
UNFIT = {"noexec", "exec", "keyword"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_hostile_folder(tmp_path)


@pytest.mark.parametrize("argument", QUOTINGS.values(), ids=QUOTINGS.keys())
@pytest.mark.parametrize(("name", "prelude"), COMBINED)
def test_options_that_change_splitting_and_globbing(
    name: str, prelude: str, argument: str, folder: Path
) -> None:
    shell = SHELLS[name]
    require_program(shell.argv[0])
    evaluated = evaluate(shell, f"eval {argument}", TEXT, folder, prelude=prelude)
    if "warn_create_global" in prelude:
        # zsh says which variable was made, never its value, and goes on.
        assert wrong_values(CORPUS, evaluated) == {}
    else:
        assert_exact(CORPUS, evaluated, folder)


@pytest.mark.parametrize("shell", POSIX_SHELLS, ids=lambda shell: shell.name)
@pytest.mark.parametrize(
    ("states", "least"),
    [
        pytest.param(1, 10, id="as-it-usually-is-not"),
        pytest.param(2, 16, id="on-and-off", marks=pytest.mark.deep),
    ],
)
def test_every_option_of_the_shell(
    shell: ShellProgram, states: int, least: int, folder: Path
) -> None:
    require_program(shell.argv[0])
    (folder / ".second").write_bytes(render(Shell.POSIX, SECOND))
    both = f"eval {QUOTED}; eval {UNQUOTED.replace('.text', '.second')}"
    tried = 0
    for prelude in _switches(shell, folder, states):
        if run_shell(shell, prelude, folder).returncode:
            continue  # only a new shell can be given this one
        tried += 1
        evaluated = evaluate(shell, both, TEXT, folder, prelude=prelude)
        assert wrong_values({**CORPUS, **SECOND}, evaluated) == {}, prelude
        assert not (folder / CANARY).exists(), prelude
    assert tried >= least


def _switches(shell: ShellProgram, folder: Path, states: int) -> Iterator[str]:
    """Args: states: 1: of each option that which it has not by itself; 2: the other as well."""
    if shell.name == "zsh":
        options = _ask(shell, "print -l ${(kv)options}", folder)
        yield from _turn(options, "setopt", "unsetopt", states)
        return
    if shell.name == "bash":
        yield from _turn(_ask(shell, "shopt", folder), "shopt -s", "shopt -u", states)
    yield from _turn(_ask(shell, "set -o", folder), "set -o", "set +o", states)


def _turn(options: dict[str, bool], on: str, off: str, states: int) -> Iterator[str]:
    for option, is_on in options.items():
        yield from (f"{turn} {option}" for turn in ((off, on) if is_on else (on, off))[:states])


def _ask(shell: ShellProgram, script: str, folder: Path) -> dict[str, bool]:
    """Returns: whether an option is on, by its name."""
    done: subprocess.CompletedProcess[bytes] = run_shell(shell, script, folder)
    words = done.stdout.decode().split()  # mksh lists several in a line
    found = {name: state for name, state in itertools.pairwise(words) if state in ("on", "off")}
    return {name: found[name] == "on" for name in sorted(found.keys() - UNFIT)}
