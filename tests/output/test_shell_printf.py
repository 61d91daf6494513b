"""Other users can read every program's arguments. So a value is in none, in any shell: ``printf``
is called only where it is built in. Watched with strace, not believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from credman.core.secret import Secret
from credman.output.shells import Shell, render_set
from tests.output.corpus import FISH, FISH_WAYS, POSIX_SHELLS, QUOTINGS, ShellProgram
from tests.output.evaluation import Evaluated, evaluate, wrong_values
from tests.requirements import require_program

WORD = "canary" * 3
VALUES = {"PLAIN": WORD.encode(), "OTHER": f"{WORD} * \n{WORD}'".encode()}
TEXT = render_set(Shell.POSIX, {k: Secret.from_bytes(v) for k, v in VALUES.items()})

# Neither has $'…'. posh has no printf of its own; yash has one, and names a path for it.
WITHOUT = (ShellProgram("posh", ("posh",)), ShellProgram("yash", ("yash",)))


def watch(
    shell: ShellProgram, evaluation: str, text: bytes, folder: Path, prelude: str = ""
) -> tuple[Evaluated, str]:
    """Returns: what came of it, and the arguments of all programs that ran."""
    log = folder / "strace.log"
    strace = (require_program("strace"), "-f", "-e", "trace=execve", "-s", "100000", "-o", str(log))
    require_program(shell.argv[0])
    evaluated = evaluate(shell, evaluation, text, folder, prelude=prelude, before=strace)
    return evaluated, log.read_text()


@pytest.mark.parametrize("argument", QUOTINGS.values(), ids=QUOTINGS.keys())
@pytest.mark.parametrize("shell", POSIX_SHELLS, ids=lambda shell: shell.name)
def test_no_posix_shell_hands_a_value_to_a_program(
    shell: ShellProgram, argument: str, tmp_path: Path
) -> None:
    evaluated, programs = watch(shell, f"eval {argument}", TEXT, tmp_path)
    assert wrong_values(VALUES, evaluated) == {}
    assert WORD not in programs
    assert "printf" not in programs.replace(TEXT.decode(), "")
    assert "/env" in programs, "strace saw nothing"


@pytest.mark.parametrize("way", FISH_WAYS.values(), ids=FISH_WAYS.keys())
def test_fish_hands_no_value_to_a_program(way: str, tmp_path: Path) -> None:
    text = render_set(Shell.FISH, {k: Secret.from_bytes(v) for k, v in VALUES.items()})
    evaluated, programs = watch(FISH, way, text, tmp_path)
    assert wrong_values(VALUES, evaluated) == {}
    assert WORD not in programs
    assert "/env" in programs, "strace saw nothing"


def test_strace_would_show_an_external_printf(tmp_path: Path) -> None:
    # What the tests above would see, if mksh were given the text that dash needs.
    mksh = next(shell for shell in POSIX_SHELLS if shell.name == "mksh")
    text = b"OTHER=\"`printf '%s.'`\";export OTHER;\n" % WORD.encode()
    _, programs = watch(mksh, 'eval "$(cat .text)"', text, tmp_path)
    assert "printf" in programs and WORD in programs


@pytest.mark.parametrize("argument", QUOTINGS.values(), ids=QUOTINGS.keys())
@pytest.mark.parametrize("shell", WITHOUT, ids=lambda shell: shell.name)
def test_shell_with_neither_fails_and_sets_nothing(
    shell: ShellProgram, argument: str, tmp_path: Path
) -> None:
    evaluated, programs = watch(
        shell, f"eval {argument} || export STATUS=$?", TEXT, tmp_path, "export OTHER=before"
    )
    assert evaluated.environment[b"STATUS"] == b"1"
    assert evaluated.environment[b"OTHER"] == b"before"
    assert WORD not in programs


def test_printf_that_is_an_alias_for_a_program_is_not_used(tmp_path: Path) -> None:
    dash = next(shell for shell in POSIX_SHELLS if shell.name == "dash")
    prelude = "alias printf=/usr/bin/printf"
    evaluated, programs = watch(dash, 'eval "$(cat .text)" || exit 9', TEXT, tmp_path, prelude)
    assert evaluated.status == 9
    assert WORD not in programs
