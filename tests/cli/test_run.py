"""From the argument list to the exit code: help, errors, and what no caller may ever see."""

from __future__ import annotations

import inspect
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from credman.cli import ALIASES, COMMANDS
from credman.cli.installation import how_to_add
from credman.cli.parsing import load_parser
from credman.core import errors
from credman.core.errors import CredmanError
from credman.session import Session
from tests.cli.harness import PASSPHRASE, PROGRAM, Outcome, credman, make_value, make_vault, program

ERRORS = [
    cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, CredmanError)
]
NEEDS_A_TOKEN = ("get", "show", "remove", "rotate", "revoke", "history", "rollback")
SELECTING = [
    name
    for name in COMMANDS
    if name != "use" and any("--env" in p.opts for p in load_parser(name).params)
]


def line(name: str) -> list[str]:
    """Returns: a command line that works on a vault with the token ``hf``."""
    rest = {
        "exec": ["--", "true"],
        "add": ["new"],
        "remove": ["hf", "--yes"],
        "rename": ["hf", "new"],
        "copy": ["hf", "--to-env", "dev"],
        "export": ["--format", "json"],
        "schedule": ["hf"],
    }
    return [name, *rest.get(name, ["hf"] if name in NEEDS_A_TOKEN else [])]


class TestHelp:
    @pytest.mark.parametrize("argv", [(), ("--help",), ("-h",), ("help",)])
    def test_lists_every_command(self, argv: tuple[str, ...]) -> None:
        outcome = credman(*argv)
        assert outcome.exit_code == 0 and outcome.stderr == ""
        listed = outcome.text.split("Commands:\n")[1].split("\n\n")[0].splitlines()
        assert [re.split(r" {2,}", row.strip()) for row in listed] == [
            [name, entry.summary] for name, entry in COMMANDS.items()
        ]
        assert max(map(len, outcome.text.splitlines())) <= 80

    @pytest.mark.parametrize("name", [*COMMANDS, *ALIASES])
    @pytest.mark.parametrize("option", ["--help", "-h"])
    def test_every_command_has_help_with_an_example(self, name: str, option: str) -> None:
        outcome = credman(*name.split(), option)
        assert outcome.exit_code == 0 and outcome.stderr == ""
        full = ALIASES.get(name, name)
        assert f"Usage: credman {full} " in outcome.text
        example = outcome.text.split("Example: ")[1].splitlines()[0]
        assert f"credman {full}" in example
        assert " ".join(outcome.text.split()).count(COMMANDS[full].summary) == 1
        assert max(map(len, outcome.text.splitlines())) <= 80

    @pytest.mark.parametrize("name", COMMANDS)
    def test_every_option_is_explained_and_no_secret_is_one(self, name: str) -> None:
        for parameter in load_parser(name).params:
            assert parameter.help, parameter.name
            takes_value = not getattr(parameter, "is_flag", False)
            secret = {"--value", "--token", "--password", "--passphrase"} & set(parameter.opts)
            assert not (secret and takes_value)

    def test_help_needs_no_home_and_no_vault(self) -> None:
        environ = {"CREDMAN_HOME": "/proc/nothing", "HOME": ""}
        assert credman("list", "--help", environ=environ, passphrase=None).exit_code == 0

    def test_version(self) -> None:
        outcome = credman("--version")
        assert outcome.text.startswith("credman ") and outcome.text == credman("-V").text


class TestErrors:
    @pytest.fixture(autouse=True)
    def _vault(self) -> None:
        make_vault()

    @pytest.mark.parametrize("cls", ERRORS, ids=lambda cls: cls.__name__)
    @pytest.mark.parametrize("name", ["list", "env", "exec"])
    def test_each_class_has_its_exit_code(
        self, name: str, cls: type[CredmanError], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if cls is errors.MissingExtra:
            error: CredmanError = errors.MissingExtra("it", "aws")
            said, hint = "it is not installed", how_to_add("aws")
            assert "credman-cli[aws]" in hint
        else:
            error = cls("it failed", hint="do that")
            said, hint = "it failed", "do that"
        self.fail_with(monkeypatch, error)
        outcome = credman(*line(name))
        is_exec = name == "exec" and cls is not errors.Interrupted
        assert outcome.exit_code == (125 if is_exec else cls.exit_code)
        assert outcome.stderr == f"credman: error: {said}\ncredman: hint: {hint}\n"
        assert outcome.stdout == (b"false;\n" if name == "env" else b"")

    def test_the_tree_in_the_errors_module_is_the_one_that_holds(self) -> None:
        tree = (errors.__doc__ or "").split("\n\n")[1]
        for cls in ERRORS:
            row = next(
                row for row in tree.splitlines() if cls.__name__ in row.split("─")[-1].split()
            )
            assert row.split(cls.__name__)[1].split()[0] == str(cls.exit_code)

    @pytest.mark.parametrize(
        ("error", "code", "said"),
        [
            (KeyboardInterrupt(), 130, "\n"),
            (BrokenPipeError(32, "Canary"), 141, ""),
            (MemoryError("Canary"), 1, "credman: error: there is not enough memory\n"),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_what_is_no_error_of_ours(
        self, error: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.fail_with(monkeypatch, error)
        outcome = credman("list")
        assert (outcome.exit_code, outcome.stderr) == (code, said)

    @pytest.mark.parametrize(
        "error",
        [RuntimeError("Canary"), KeyError("Canary"), OSError(5, "Canary", "Canary"),
         UnicodeDecodeError("utf-8", b"Canary", 0, 1, "Canary"), RecursionError("Canary"),
         typer.BadParameter("Canary"), ExceptionGroup("Canary", [ValueError("Canary")])],
        ids=lambda error: type(error).__name__,
    )  # fmt: skip
    def test_an_unexpected_exception_is_named_and_not_quoted(
        self, error: Exception, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.fail_with(monkeypatch, error)
        outcome = credman("list")
        assert outcome.exit_code in (1, 2)
        assert "Canary" not in outcome.stderr and "Traceback" not in outcome.stderr
        if outcome.exit_code == 1:
            where = f"unexpected {type(error).__name__} in test_run.py:"
            assert outcome.stderr.startswith(f"credman: error: {where}")

    def test_no_error_reaches_the_terminal_unescaped(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fail_with(monkeypatch, CredmanError("a \x1b[2J\nb", hint="\u202e"))
        outcome = credman("list")
        assert outcome.stderr.splitlines() == [
            "credman: error: a \\u{1b}[2J\\u{a}b",
            "credman: hint: \\u{202e}",
        ]

    def fail_with(self, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
        def fail(session: Session) -> Iterator[None]:
            raise error

        monkeypatch.setattr(Session, "visible", fail)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("lst",), ["there is no command lst", "did you mean list?"]),
        (("s3cret-value-0",), ["there is no command of that name", "credman --help lists them"]),
        (("-e", "prod", "list"), ["options stand after the command", "credman --help"]),
        (("list", "--al"), ["no such option: --al", "did you mean --all?"]),
        (("list", "--S3cret"), ["no such option", "credman list --help"]),
        (("list", "-v"), ["no such option: -v", "credman list --help"]),
        (("list", "-e"), ["-e needs a value", "credman list --help"]),
        (("list", "--all=S3cret"), ["--all takes no value", "credman list --help"]),
        (("env", "--shell", "S3cret"), ["--shell cannot be that", "one of auto, posix,"]),
        (("show",), ["NAME is missing", "credman show --help"]),
        (("show", "a", "S3cret"), ["there are more arguments", "an environment is named with -e"]),
    ],
)
def test_a_command_line_that_is_none(argv: tuple[str, ...], said: list[str]) -> None:
    outcome = credman(*argv)
    assert outcome.exit_code == 2
    assert outcome.stdout == (b"false;\n" if argv[0] == "env" else b"")
    rows = outcome.stderr.splitlines()
    assert rows[0].startswith(f"credman: error: {said[0]}") and len(rows) == 2
    assert rows[1].startswith(f"credman: hint: {said[1]}")
    assert "3cret" not in outcome.stderr


def test_what_run_relies_on_in_typer() -> None:
    # Its parser's errors have no public name; run.py takes the class they derive from.
    base = typer.BadParameter.__mro__[1]
    assert base.__name__ == "UsageError" and issubclass(base, Exception)
    parser = load_parser("add")
    cases = {"MissingParameter": [], "NoSuchOption": ["x", "--nno"], "BadOptionUsage": ["x", "-e"]}
    for kind, arguments in cases.items():
        with pytest.raises(base) as caught:
            parser.make_context("credman add", arguments)
        assert type(caught.value).__name__ in (kind, "BadOptionUsage")
    with pytest.raises(typer.Exit):
        parser.make_context("credman add", ["--help"])


class TestProgram:
    @pytest.fixture(autouse=True)
    def _vault(self) -> None:
        make_vault()

    def shell(self, script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", script, "bash", *PROGRAM],
            env={**os.environ, "CREDMAN_PASSPHRASE": PASSPHRASE},
            capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    @pytest.mark.parametrize("command", ["list", "get hf", "--help", "list --help"])
    def test_a_reader_that_has_gone(self, command: str) -> None:
        done = self.shell(f'(sleep 0.2; "$@" {command}; echo "$?" >&2) | true')
        assert done.stderr == "141\n"

    @pytest.mark.parametrize("command", ["list", "get hf", "env", "--help", "list --help"])
    def test_a_full_disk_below_standard_output(self, command: str) -> None:
        done = self.shell(f'"$@" {command} >/dev/full')
        assert done.returncode == 1
        assert done.stderr.endswith("cannot write the output: no space left on device\n")

    @pytest.mark.parametrize("command", ["list", "get hf", "env"])
    def test_closed_standard_output(self, command: str) -> None:
        done = self.shell(f'"$@" {command} >&-')
        assert done.returncode == 1 and "standard output is closed" in done.stderr

    def test_closed_errors_lose_nothing_but_the_message(self) -> None:
        assert self.shell('"$@" get hf 2>&-').stdout == make_value()
        assert self.shell('"$@" get hff 2>&-').returncode == 3
        assert self.shell('"$@" get hff 2>/dev/full').returncode == 3

    def test_all_three_closed(self) -> None:
        assert self.shell('"$@" add x <&- >&- 2>&-').returncode == 2
        assert credman("get", "hf").text == make_value()

    def test_a_directory_that_is_gone(self) -> None:
        done = self.shell('mkdir gone; cd gone; rmdir ../gone; "$@" get hf')
        assert (done.returncode, done.stdout) == (0, make_value())

    def test_an_ascii_locale(self) -> None:
        environ = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
        for argv in (
            ("list",),
            ("show", "hf"),
            ("providers",),
            ("get", "--help"),
            ("list", "-e", "x"),
        ):
            assert program(*argv, environ=environ).stdout == program(*argv).stdout
        listed = program("list", "--json", environ=environ)
        assert json.loads(listed.stdout)["tokens"][0]["name"] == "hf"

    def test_a_narrow_dumb_terminal(self) -> None:
        environ = {"TERM": "dumb", "COLUMNS": "1", "NO_COLOR": "1"}
        done = program("list", environ=environ)
        assert done.returncode == 0 and done.stdout.count(b"\n") == 3

    def test_development_mode_warns_of_nothing(self) -> None:
        environ = {"PYTHONDEVMODE": "1", "PYTHONWARNINGS": "default"}
        for argv in (("get", "hf"), ("env", "--shell", "sh"), ("use",)):
            done = program(*argv, environ=environ)
            assert (done.returncode, done.stderr) == (0, b"")

    def test_a_signal_while_a_command_is_waited_for(self) -> None:
        slow = {"CREDMAN_PASSPHRASE_COMMAND": "kill -TERM $PPID; exec sleep 5"}
        done = program("list", environ=slow, passphrase=None)
        assert done.returncode == 128 + signal.SIGTERM and b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    "argv", [["list"], ["list", "--all"], ["show", "hf"], ["providers"], ["use"]]
)
def test_json_has_a_version_and_no_value(argv: list[str]) -> None:
    make_vault()
    outcome = credman(*argv, "--json")
    assert outcome.exit_code == 0
    assert json.loads(outcome.text)["version"] == 1
    assert make_value() not in outcome.text and outcome.text.isascii()


@pytest.mark.parametrize("name", SELECTING)
@pytest.mark.parametrize("option", ["-e", "-p"])
def test_an_empty_selection_is_never_the_base(name: str, option: str) -> None:
    # credman env -e "$UNSET": a lost variable must not give the base environment.
    make_vault()
    first, *rest = line(name)
    outcome: Outcome = credman(first, option, "", *rest, stdin=b"v")
    assert outcome.exit_code == (125 if name == "exec" else 2)
    assert "this is not a name for" in outcome.stderr
    assert Path(os.environ["CREDMAN_HOME"]).joinpath("data", "vault.age").exists()
