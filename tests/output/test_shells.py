"""Every value arrives, byte for byte, in every shell, whether ``eval`` is quoted or not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from credman.core.errors import DeniedVariable, UsageError
from credman.core.secret import Secret
from credman.output.process import MAX_STRING_BYTES
from credman.output.shells import FAILURE, Shell, render_set, render_unset
from tests.output.corpus import (
    ALL_VALUES,
    FISH,
    FISH_WAYS,
    LOCALES,
    POSIX_SHELLS,
    QUOTINGS,
    SEPARATORS,
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
)
from tests.requirements import require_program

CORPUS = name_values(ALL_VALUES)
POSIX_TEXT = render(Shell.POSIX, CORPUS)
FISH_TEXT = render(Shell.FISH, CORPUS)

every_posix_shell = pytest.mark.parametrize("shell", POSIX_SHELLS, ids=lambda shell: shell.name)
quoted_or_not = pytest.mark.parametrize("argument", QUOTINGS.values(), ids=QUOTINGS.keys())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_hostile_folder(tmp_path)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("separators", SEPARATORS.values(), ids=SEPARATORS.keys())
@quoted_or_not
@every_posix_shell
def test_posix_shells_get_every_value(
    shell: ShellProgram, argument: str, separators: str, locale: str, folder: Path
) -> None:
    require_program(shell.argv[0])
    evaluated = evaluate(
        shell, f"eval {argument}", POSIX_TEXT, folder, prelude=separators, locale=locale
    )
    assert_exact(CORPUS, evaluated, folder)


@every_posix_shell
def test_quoted_eval_is_exact_whatever_separates_fields(shell: ShellProgram, folder: Path) -> None:
    require_program(shell.argv[0])
    separators = "IFS='Vabctrue01257=\"$`;\\{}%. '\"'\""
    evaluated = evaluate(
        shell, f"eval {QUOTINGS['quoted']}", POSIX_TEXT, folder, prelude=separators
    )
    assert_exact(CORPUS, evaluated, folder)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("way", FISH_WAYS.values(), ids=FISH_WAYS.keys())
def test_fish_gets_every_value(way: str, locale: str, folder: Path) -> None:
    require_program("fish")
    assert_exact(CORPUS, evaluate(FISH, way, FISH_TEXT, folder, locale=locale), folder)


# What quoting rules trip over, mixed at random.
_pieces = st.one_of(
    st.sampled_from([value for value in VALUES if 0 < len(value) < 30]),
    st.binary(min_size=1, max_size=6).map(lambda piece: piece.replace(b"\0", b"\\")),
)
_values = st.lists(_pieces, max_size=6).map(b"".join)


@settings(
    max_examples=12,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(values=st.lists(_values, min_size=20, max_size=60))
def test_generated_values_arrive_in_every_shell(values: list[bytes], folder: Path) -> None:
    named = name_values(values)
    for shell in POSIX_SHELLS:
        require_program(shell.argv[0])
        for argument in QUOTINGS.values():
            text = render(Shell.POSIX, named)
            assert_exact(named, evaluate(shell, f"eval {argument}", text, folder), folder)
    require_program("fish")
    text = render(Shell.FISH, named)
    assert_exact(named, evaluate(FISH, FISH_WAYS["source"], text, folder), folder)


def test_posix_text_holds_no_blank_and_no_glob_within_a_value() -> None:
    # What the shells above showed, as a rule of the text itself; so it holds for others too.
    for line in POSIX_TEXT.splitlines():
        for within in re.findall(rb"'([^']*)'", line):
            assert re.fullmatch(rb"[A-Za-z0-9_.=@%+\\-]*", within), line[:80]
        assert not set(line) & set(b"*?[]()!~#&|<>^,/:\t\r"), line[:80]
        assert line.endswith((b";", b";then")), line[:80]


@quoted_or_not
@every_posix_shell
def test_unset_takes_variables_out(shell: ShellProgram, argument: str, folder: Path) -> None:
    require_program(shell.argv[0])
    text = render_unset(Shell.POSIX, ["V1", "V2", "NEVER_SET"])
    prelude = "set -e; export V1=x V2=y V3=z"
    evaluated = evaluate(shell, f"eval {argument}", text, folder, prelude=prelude)
    assert (evaluated.status, evaluated.stderr) == (0, b"")
    assert evaluated.environment[b"V3"] == b"z"
    assert not {b"V1", b"V2"} & evaluated.environment.keys()


@every_posix_shell
def test_unset_leaves_a_function_of_that_name(shell: ShellProgram, folder: Path) -> None:
    require_program(shell.argv[0])
    (folder / ".text").write_bytes(render_unset(Shell.POSIX, ["V1"]))
    done = run_shell(shell, 'V1() { echo kept; }; eval "$(cat .text)"; V1', folder)
    assert done.stdout == b"kept\n"


@pytest.mark.parametrize("way", FISH_WAYS.values(), ids=FISH_WAYS.keys())
def test_unset_takes_variables_out_of_fish(way: str, folder: Path) -> None:
    require_program("fish")
    text = render_unset(Shell.FISH, ["V1", "V2"])
    prelude = "set -gx V1 x; set -gx V2 y; set -gx V3 z"
    evaluated = evaluate(FISH, way, text, folder, prelude=prelude)
    assert evaluated.environment[b"V3"] == b"z"
    assert not {b"V1", b"V2"} & evaluated.environment.keys()


def test_fish_keeps_colons_in_variables_that_it_takes_for_paths(folder: Path) -> None:
    # fish splits variables whose names end in PATH at colons, and joins them again.
    require_program("fish")
    values = {"A_PATH": b"a::b:", "B_PATH": b":", "C_PATH": b"a b:c\nd"}
    evaluated = evaluate(FISH, FISH_WAYS["source"], render(Shell.FISH, values), folder)
    assert_exact(values, evaluated, folder)


@every_posix_shell
def test_failure_text_stops_a_script(shell: ShellProgram, folder: Path) -> None:
    require_program(shell.argv[0])
    (folder / ".text").write_bytes(FAILURE)
    for argument in QUOTINGS.values():
        assert run_shell(shell, f"eval {argument}; echo $?", folder).stdout == b"1\n"
        done = run_shell(shell, f"set -e; eval {argument}; echo went on", folder)
        assert (done.returncode, done.stdout) == (1, b"")


@pytest.mark.parametrize("way", FISH_WAYS.values(), ids=FISH_WAYS.keys())
def test_failure_text_fails_in_fish(way: str, folder: Path) -> None:
    require_program("fish")
    (folder / ".text").write_bytes(FAILURE)
    assert run_shell(FISH, f"{way}; echo $status", folder).stdout == b"1\n"


def test_text_for_another_family_of_shells_fails_and_runs_nothing(folder: Path) -> None:
    # A wrong guess of the shell must be loud.
    require_program("bash")
    require_program("fish")
    values = name_values([value for value in VALUES if b"touch" in value])
    assert values
    in_bash = evaluate(
        POSIX_SHELLS[0], f"set -e\neval {QUOTINGS['quoted']}", render(Shell.FISH, values), folder
    )
    in_fish = run_shell(FISH, "cat .posix | source; or exit 9", _write_posix(folder, values))
    assert in_bash.status != 0
    assert in_fish.returncode == 9
    assert not (folder / "PWNED").exists()


def _write_posix(folder: Path, values: dict[str, bytes]) -> Path:
    (folder / ".posix").write_bytes(render(Shell.POSIX, values))
    return folder


@pytest.mark.parametrize("shell", Shell)
def test_nothing_to_set_is_no_text(shell: Shell) -> None:
    assert render_set(shell, {}) == b""
    assert render_unset(shell, []) == b""


@pytest.mark.parametrize("shell", Shell)
@pytest.mark.parametrize("name", ["A B", "A;id", "$(id)", "A=B", "1A", "", "A\n", "É", "A-B"])
def test_names_that_are_none_are_refused_again_at_the_end(shell: Shell, name: str) -> None:
    with pytest.raises(UsageError):
        render_set(shell, {name: Secret("EXAMPLE")})
    with pytest.raises(UsageError):
        render_unset(shell, [name])


@pytest.mark.parametrize("shell", Shell)
def test_variables_that_run_things_are_refused_again_at_the_end(shell: Shell) -> None:
    with pytest.raises(DeniedVariable):
        render_set(shell, {"LD_PRELOAD": Secret("EXAMPLE")})


@pytest.mark.parametrize("shell", Shell)
def test_value_that_no_program_could_be_started_with_is_refused(shell: Shell) -> None:
    # A shell would take it, and then fail to start anything.
    longest = MAX_STRING_BYTES - len("A=") - 1
    assert render_set(shell, {"A": Secret("x" * longest)})
    with pytest.raises(UsageError, match="the value of A is too long"):
        render_set(shell, {"A": Secret("x" * (longest + 1))})
