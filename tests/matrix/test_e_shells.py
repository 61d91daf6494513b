"""E10-E13, E15, E16: what ``credman env`` prints, evaluated by every shell.

E14, at a real prompt with history expansion, is tests/output/test_shell_interactive.py.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

from tests.cli.harness import PROGRAM
from tests.matrix.common import CANARY, PASSPHRASE, make_home, plant, start, vault_path
from tests.matrix.sealed import plant_values
from tests.output import corpus
from tests.output.corpus import (
    FISH,
    FISH_WAYS,
    POSIX_SHELLS,
    QUOTINGS,
    SEPARATORS,
    ShellProgram,
    make_hostile_folder,
)
from tests.output.evaluation import (
    assert_exact,
    evaluate,
    name_values,
    parse_environment,
    run_shell,
)
from tests.requirements import require_program

SHELLS = (*POSIX_SHELLS, FISH)
VALUES = name_values((*corpus.ALL_VALUES, *(q.encode() for q in "\u2018\u2019\u201a\u201b")))
CREDMAN = " ".join(PROGRAM)
every_shell = pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell.name)
_vaults: list[bytes] = []


def plant_corpus() -> None:
    if _vaults:
        plant(_vaults[0])
        return
    plant_values(VALUES)
    _vaults.append(vault_path().read_bytes())


@cache
def print_corpus(syntax: str) -> bytes:
    """What the real program prints for every value at once."""
    done = start("env", "--shell", syntax, may_print=True)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def ways_of(shell: ShellProgram) -> list[str]:
    if shell is FISH:
        return list(FISH_WAYS.values())
    return [f"eval {argument}" for argument in QUOTINGS.values()]


def as_typed(shell: ShellProgram, command: str) -> str:
    """Without quotes: the shell itself starts credman, which guesses whom it writes for."""
    return f"{command} | source" if shell is FISH else f"eval $({command})"


def environ() -> dict[str, str]:
    return {"CREDMAN_HOME": os.environ["CREDMAN_HOME"], "CREDMAN_PASSPHRASE": PASSPHRASE}


@every_shell
def test_e10_every_value_arrives_in_every_shell(shell: ShellProgram, tmp_path: Path) -> None:
    require_program(shell.argv[0])
    plant_corpus()
    text = print_corpus("fish" if shell is FISH else "posix")
    folder = make_hostile_folder(tmp_path)
    assert len(VALUES) > 350
    for way in ways_of(shell):
        for prelude in [""] if shell is FISH else ["", SEPARATORS["colon"], SEPARATORS["empty"]]:
            assert_exact(VALUES, evaluate(shell, way, text, folder, prelude=prelude), folder)
    (folder / ".text").unlink()


@every_shell
def test_e11_no_file_name_is_spliced_in_and_run(shell: ShellProgram, tmp_path: Path) -> None:
    require_program(shell.argv[0])
    values = {"A": b"a * b", "B": b"*", "C": b"x ?", "D": b"[a-z]* ';touch PWNED;'"}
    plant_values(values)
    folder = make_hostile_folder(tmp_path)
    for name in ("';touch $PWD.PWNED;'", "A=$'';touch PWNED;", "export B=';touch PWNED;'"):
        (folder / name.replace("/", "_")).touch()
    script = f"{as_typed(shell, f'{CREDMAN} env')}; command env -0"
    done = run_shell(shell, script, folder, environ=environ())
    assert (done.returncode, done.stderr) == (0, b"")
    for name, value in values.items():
        assert f"{name}=".encode() + value in done.stdout.split(b"\0")
    assert not (folder / corpus.CANARY).exists()
    assert not (tmp_path / "hostile.PWNED").exists()


@every_shell
def test_e12_several_tokens_arrive_under_set_eu(shell: ShellProgram, tmp_path: Path) -> None:
    require_program(shell.argv[0])
    values = {f"T{n}": value for n, value in enumerate((b"plain", b"two words", b"x\n", b"'\"$"))}
    plant_values(values)
    prelude = "" if shell is FISH else "set -eu\n"
    script = f"{prelude}{as_typed(shell, f'{CREDMAN} env')}\ncommand env -0"
    done = run_shell(shell, script, tmp_path, environ=environ())
    assert (done.returncode, done.stderr) == (0, b"")
    found = parse_environment(done.stdout)
    assert {name: found[name.encode()] for name in values} == values


FAILING = ("env nosuch", "env --only nosuch", "env -p nosuch", "evn prod", "env --store nosuch:x")


@every_shell
def test_e13_a_failing_env_stops_the_script(shell: ShellProgram, tmp_path: Path) -> None:
    require_program(shell.argv[0])
    make_home(seen=False)
    for arguments in FAILING if shell.name == "dash" else FAILING[:1]:
        way = as_typed(shell, f"{CREDMAN} {arguments}")
        script, code = f"set -e; {way}; echo went on", 1
        if shell is FISH:
            script, code = f"{way}; or exit 9; echo went on", 9
        done = run_shell(shell, script, tmp_path, environ=environ())
        assert (done.returncode, done.stdout) == (code, b"")
        assert done.stderr.startswith(b"credman: error: ")


def test_e15_a_shell_of_another_family_is_not_guessed_at(tmp_path: Path) -> None:
    make_home(seen=False)
    tcsh = ShellProgram("tcsh", ("tcsh", "-f"))
    require_program("tcsh")
    done = run_shell(tcsh, f"{CREDMAN} env; echo $status", tmp_path, environ=environ())
    assert done.stdout == b"false;\n2\n"
    assert b"credman writes no tcsh syntax" in done.stderr
    assert b"hint: credman exec -- COMMAND works in tcsh" in done.stderr


def test_e15_text_for_the_wrong_shell_fails_loudly(tmp_path: Path) -> None:
    values = {
        "A": b"$(touch PWNED)",
        "B": b"`touch PWNED`",
        "C": b"(touch PWNED)",
        "D": CANARY.encode(),
    }
    plant_values(values)
    bash = f'set -e; eval "$({CREDMAN} env --shell fish)"; echo went on'
    done = run_shell(POSIX_SHELLS[0], bash, tmp_path, environ=environ())
    assert done.returncode != 0 and done.stdout == b""
    fish = f"{CREDMAN} env --shell posix | source; or exit 9; echo went on"
    done = run_shell(FISH, fish, tmp_path, environ=environ())
    assert (done.returncode, done.stdout) == (9, b"")
    assert not (tmp_path / corpus.CANARY).exists()


@pytest.mark.parametrize(
    "shell", ["pwsh", "powershell", "cmd", "nu", "tcsh", "csh", "xonsh", "BASH"]
)
def test_e16_a_shell_without_a_quoting_rule_is_refused(shell: str) -> None:
    make_home(seen=False)
    done = start("env", "--shell", shell)
    assert (done.returncode, done.stdout) == (2, b"false;\n")
    assert b"one of auto, posix, bash, zsh, sh, fish" in done.stderr
