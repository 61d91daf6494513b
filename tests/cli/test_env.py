"""``env`` with the real program, evaluated by real shells."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cli.harness import PASSPHRASE, PROGRAM, credman, make_value, make_vault, program
from tests.cli.person import person
from tests.output.corpus import CANARY, FISH, POSIX_SHELLS, ShellProgram, make_hostile_folder
from tests.output.evaluation import Evaluated, parse_environment, run_shell, wrong_values
from tests.requirements import require_program

CREDMAN = " ".join(PROGRAM)
SHELLS = (*POSIX_SHELLS, FISH)
HF = make_value().encode()
VALUES = {
    "HF_TOKEN": HF,
    "SPACED": b" a * b\n';touch PWNED;'$(touch PWNED)`touch PWNED`\n\n",
    "BINARY": bytes(range(1, 256)),
}
FALSE = b"false;\n"

every_shell = pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell.name)


def add(name: str, variable: str, value: bytes, *more: str) -> None:
    outcome = credman("add", name, "--var", variable, *more, stdin=value + b"\n")
    assert outcome.exit_code == 0, outcome.stderr


def make_values() -> None:
    make_vault()
    add("spaced", "SPACED", VALUES["SPACED"])
    add("binary", "BINARY", VALUES["BINARY"])


def evaluations(shell: ShellProgram, command: str) -> tuple[str, ...]:
    """How the command is typed in this shell."""
    if shell is FISH:
        return (f"{command} | source", f"eval ({command})", f"eval ({command} | string collect)")
    return (f'eval "$({command})"', f"eval $({command})")


def run_in(shell: ShellProgram, script: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    require_program(shell.argv[0])
    environ = {
        "CREDMAN_PASSPHRASE": PASSPHRASE,
        "CREDMAN_HOME": os.environ["CREDMAN_HOME"],
        "CREDMAN": CREDMAN,
    }
    return run_shell(shell, script, folder, environ=environ)


def vault() -> Path:
    return Path(os.environ["CREDMAN_HOME"]) / "data" / "vault.age"


@every_shell
def test_shells_are_guessed_and_get_every_byte(shell: ShellProgram, tmp_path: Path) -> None:
    make_values()
    folder = make_hostile_folder(tmp_path)
    for evaluation in evaluations(shell, f"{CREDMAN} env"):
        done = run_in(shell, f"{evaluation}\ncommand env -0", folder)
        evaluated = Evaluated(parse_environment(done.stdout), done.returncode, done.stderr)
        assert wrong_values(VALUES, evaluated) == {}
        assert (done.returncode, done.stderr) == (0, b"")
        assert not (folder / CANARY).exists()


@every_shell
def test_unset_takes_them_out(shell: ShellProgram, tmp_path: Path) -> None:
    make_values()
    exporting = "; ".join(
        f"set -gx {name} x" if shell is FISH else f"export {name}=x" for name in (*VALUES, "KEPT")
    )
    for evaluation in evaluations(shell, f"{CREDMAN} env --unset"):
        done = run_in(shell, f"{exporting}\n{evaluation}\ncommand env -0", tmp_path)
        environment = parse_environment(done.stdout)
        assert environment[b"KEPT"] == b"x"
        assert not {name.encode() for name in VALUES} & environment.keys()


@pytest.mark.parametrize("outer", ["bash", "fish"])
@pytest.mark.parametrize("inner", ["mksh", "busybox ash", "ksh93", "fish"])
def test_script_is_given_its_own_shells_syntax(inner: str, outer: str, tmp_path: Path) -> None:
    # A process is named after its script, and its caller's shell is another one.
    make_vault()
    shell = next(shell for shell in SHELLS if shell.name == inner)
    script = tmp_path / "deploy"
    path = require_program(shell.argv[0])
    script.write_text(f"#!{' '.join((path, *shell.argv[1:]))}\n{CREDMAN} env\ntrue\n")
    script.chmod(0o700)
    caller = next(shell for shell in SHELLS if shell.name == outer)
    done = run_in(caller, "./deploy; true", tmp_path)
    expected = b"set -gx HF_TOKEN %s;\n" if shell is FISH else b"export HF_TOKEN='%s';\n"
    assert done.stdout == expected % HF


POSIX_TEXT = b"export HF_TOKEN='%s';\n" % HF
FISH_TEXT = b"set -gx HF_TOKEN %s;\n" % HF
# A shell may replace itself by its last command, hence each "; true".
BETWEEN = {
    "fish > mksh > timeout": ("fish", "mksh -c 'timeout 60 $CREDMAN env; true'", POSIX_TEXT),
    "fish > sh > timeout": ("fish", "sh -c 'timeout 60 $CREDMAN env; true'", POSIX_TEXT),
    "fish > busybox > timeout": (
        "fish",
        "busybox sh -c '/usr/bin/timeout 60 $CREDMAN env; true'",
        POSIX_TEXT,
    ),
    "fish > busybox timeout": ("fish", f"busybox timeout 60 {CREDMAN} env; true", FISH_TEXT),
    "bash > fish > sh": (
        "bash",
        """fish -c "sh -c '$CREDMAN env; true'; true"; true""",
        POSIX_TEXT,
    ),
    "bash > fish > timeout": ("bash", f"fish -c 'timeout 60 {CREDMAN} env; true'; true", FISH_TEXT),
    "tcsh > mksh > timeout": (
        "bash",
        """tcsh -f -c "mksh -c 'timeout 60 $CREDMAN env; true'; true"; true""",
        POSIX_TEXT,
    ),
    "mksh > tcsh > timeout": (
        "mksh",
        """tcsh -f -c "timeout 60 $CREDMAN env; true"; true""",
        FALSE,
    ),
    "fish > a program called ') S 1 (sh'": (
        "fish",
        f"cp (command -s timeout) ') S 1 (sh'; './) S 1 (sh' 60 {CREDMAN} env; true",
        FISH_TEXT,
    ),
}


@pytest.mark.parametrize(("outer", "script", "text"), BETWEEN.values(), ids=BETWEEN.keys())
def test_nearest_shell_counts(outer: str, script: str, text: bytes, tmp_path: Path) -> None:
    make_vault()
    for name in ("mksh", "fish", "busybox", "tcsh"):
        require_program(name)
    shell = next(shell for shell in SHELLS if shell.name == outer)
    assert run_in(shell, script, tmp_path).stdout == text


def test_shell_of_another_family_is_an_error(tmp_path: Path) -> None:
    make_vault()
    tcsh = ShellProgram("tcsh", ("tcsh", "-f"))
    done = run_in(tcsh, f"{CREDMAN} env; echo $status", tmp_path)
    assert done.stdout == FALSE + b"2\n"
    assert b"credman writes no tcsh syntax" in done.stderr
    assert b"credman exec -- COMMAND" in done.stderr
    forced = run_in(tcsh, f"{CREDMAN} env --shell posix; echo $status", tmp_path)
    assert forced.stdout == b"export HF_TOKEN='" + HF + b"';\n0\n"


FAILURES = {
    "unknown environment": (["env", "prdo"], {}, 3),
    "usage": (["env", "prod", "more"], {}, 2),
    "unknown option": (["env", "--nosuch"], {}, 2),
    "option without its value": (["env", "--only"], {}, 2),
    "unsupported shell": (["env", "--shell", "cmd"], {}, 2),
    "two environments": (["env", "prod", "-e", "dev"], {}, 2),
    "unknown name": (["env", "--only", "nosuch"], {}, 3),
    "option before the command": (["-e", "prod", "env"], {}, 2),
    "typo in the command": (["evn", "prod"], {}, 2),
    "unknown profile": (["env", "-p", "nosuch"], {}, 3),
    "empty environment": (["env", ""], {}, 2),
    "wrong passphrase": (["env"], {"CREDMAN_PASSPHRASE": "another one entirely"}, 4),
    "locked": (["env"], {"CREDMAN_PASSPHRASE": ""}, 4),
    "unknown store": (["env", "--store", "nosuch:x"], {}, 2),
}


@pytest.mark.parametrize(("argv", "environ", "code"), FAILURES.values(), ids=FAILURES.keys())
def test_failures_print_false(argv: list[str], environ: dict[str, str], code: int) -> None:
    make_vault()
    done = program(*argv, environ=environ)
    assert (done.stdout, done.returncode) == (FALSE, code)
    assert done.stderr.startswith(b"credman: error: ")


def test_no_vault_prints_false() -> None:
    done = program("env", "elsewhere")
    assert (done.stdout, done.returncode) == (FALSE, 3)


@pytest.mark.parametrize("damage", [b"", b"nothing of ours\n", None])
def test_damaged_vault_prints_false(damage: bytes | None) -> None:
    make_vault()
    vault().write_bytes(vault().read_bytes()[:-20] if damage is None else damage)
    done = program("env")
    assert (done.stdout, done.returncode) == (FALSE, 5)


def test_time_limit_prints_false() -> None:
    # The script would go on without its tokens: what timeout(1) killed says nothing else.
    make_vault()
    surroundings = {**os.environ, "CREDMAN_PASSPHRASE_COMMAND": "echo up >&2; sleep 60"}
    with subprocess.Popen(
        [*PROGRAM, "env"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=surroundings
    ) as running:
        assert running.stderr is not None and running.stdout is not None
        assert running.stderr.readline() == b"up\n"
        running.terminate()
        assert running.stdout.read() == FALSE
        assert running.wait() == 128 + 15


@every_shell
def test_failure_stops_every_shell(shell: ShellProgram, tmp_path: Path) -> None:
    make_vault()
    for evaluation in evaluations(shell, f"{CREDMAN} env prdo"):
        if shell is FISH:
            done = run_in(shell, f"{evaluation}; or exit 9; echo went on", tmp_path)
            assert (done.returncode, done.stdout) == (9, b"")
            continue
        done = run_in(shell, f"set -e; {evaluation}; echo went on", tmp_path)
        assert (done.returncode, done.stdout) == (1, b"")
        assert b"did you mean prod?" in done.stderr


def test_terminal_is_refused() -> None:
    make_vault()
    with person("env", environ={"CREDMAN_PASSPHRASE": PASSPHRASE}) as somebody:
        assert somebody.leaves() == 7
        assert "not printing tokens to a terminal" in somebody.screen
        assert HF.decode() not in somebody.screen
        assert "false" not in somebody.screen


def test_terminal_is_obeyed_with_reveal() -> None:
    make_vault()
    with person("env", "--reveal", environ={"CREDMAN_PASSPHRASE": PASSPHRASE}) as somebody:
        assert somebody.leaves() == 0
        assert HF.decode() in somebody.screen


def test_positional_environment_and_option_may_agree_in_any_case() -> None:
    make_vault()
    assert credman("env", "prod", "-e", "PROD").exit_code == 0
    assert credman("env", "prod", "-e", "dev").exit_code == 2


@pytest.mark.parametrize("only", ["spaced", "SPACED", "Spaced", " spaced ,", "spaced,SPACED"])
def test_only_takes_tokens_and_variables(only: str) -> None:
    make_values()
    outcome = credman("env", "--only", only, "--unset")
    assert outcome.stdout == b"unset -v SPACED;\n"


@pytest.mark.parametrize("only", ["", ",", " , "])
def test_only_of_nothing_is_refused(only: str) -> None:
    # --only "$LOST" must not give every token.
    make_values()
    outcome = credman("env", "--only", only)
    assert (outcome.exit_code, outcome.stdout) == (2, FALSE)


@pytest.mark.parametrize(
    ("argv", "hint"),
    [
        (["--only", "spacd"], "did you mean SPACED?"),
        (["pord"], "did you mean prod?"),
        (["hf"], "hf is a token: credman get hf"),
        (["-p", "defualt"], "did you mean default?"),
    ],
)
def test_typos_name_the_nearest(argv: Sequence[str], hint: str) -> None:
    make_values()
    outcome = credman("env", *argv)
    assert (outcome.exit_code, outcome.stdout) == (3, FALSE)
    assert hint in outcome.stderr


def test_warnings_do_not_reach_what_is_evaluated() -> None:
    make_vault()
    outcome = credman("env", "-e", "prod", "--only", "hf")
    assert outcome.stdout.startswith(b"export HF_TOKEN=")
    assert outcome.stdout.count(b"\n") == 1


def test_poor_locale_changes_no_byte() -> None:
    make_values()
    usual = program("env").stdout
    poor = {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    done = program("env", environ={**poor, "PYTHONCOERCECLOCALE": "0"})
    assert (done.stdout, done.stderr, done.returncode) == (usual, b"", 0)
    assert b"\\377" in usual
