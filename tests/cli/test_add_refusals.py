"""What ``add`` refuses: before it asks, without repeating what it was given, changing nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.harness import Outcome, credman, make_value, make_vault, program


@pytest.fixture
def unchanged() -> Iterator[None]:
    """A vault with one token, and nothing under the home differs when the test is over."""
    make_vault()
    before = read_home()
    yield
    assert read_home() == before


def read_home() -> dict[str, bytes]:
    root = Path(os.environ["CREDMAN_HOME"])
    return {str(p): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def refuse(exit_code: int, *argv: str, stdin: bytes | None = None) -> Outcome:
    """Runs on a terminal whose person answers nothing: a prompt would be exit 130."""
    outcome = credman(*argv, answers=[], stdin=stdin)
    assert outcome.exit_code == exit_code, outcome.stderr
    assert outcome.shown == [], "it asked before it refused"
    assert outcome.stdout == b""
    lines = outcome.stderr.splitlines()
    assert lines[0].startswith("credman: error: ") and not lines[0].endswith(".")
    assert all(line.startswith("credman: hint: ") for line in lines[1:])
    return outcome


OUTSIDE_THE_GRAMMAR = [
    "", ".", "..", "../../x", "/etc/x", "a//b", "-", "a b", "a\nb", "a\tb", "a\0b", "$(rm)", "`x`",
    "a;b", "a'b", 'a"b', "a=b", "a:b", "a*", "\x1b[31m", "\x07", "\u0430bc", "a\u202eb", "a\u200db",
    "\uff41bc", "e\u0301", "\u00e9", "\U000e0041", "_x", "a" * 65, "a" * 10_000,
]  # fmt: skip


@pytest.mark.usefixtures("unchanged")
class TestRefused:
    @pytest.mark.parametrize("name", OUTSIDE_THE_GRAMMAR, ids=ascii)
    @pytest.mark.parametrize("place", ["NAME", "--env", "--profile", "--provider"])
    def test_names_outside_the_grammar(self, name: str, place: str) -> None:
        argv = ["add", "fine", f"{place}={name}"] if place != "NAME" else ["add", "--", name]
        outcome = refuse(2, *argv)
        assert "this is not a name for" in outcome.stderr
        assert len(name) < 5 or name not in outcome.stderr
        assert "\x1b" not in outcome.stderr and "\x07" not in outcome.stderr

    @pytest.mark.parametrize(
        "variable", ["", "1A", "A-B", "A B", "A=B", "\u00c4", "A\0", "A" * 300]
    )
    @pytest.mark.parametrize("option", ["--var", "--field"])
    def test_variables_outside_the_grammar(self, option: str, variable: str) -> None:
        assert "not a name for a variable" in refuse(2, "add", "x", f"{option}={variable}").stderr

    @pytest.mark.parametrize(
        "variable",
        ["PATH", "Path", "LD_PRELOAD", "PYTHONPATH", "BASH_ENV", "IFS", "ENV", "PS4", "HOME",
         "GIT_SSH_COMMAND", "CREDMAN_PASSPHRASE", "fish_user_paths", "_"],
    )  # fmt: skip
    @pytest.mark.parametrize("option", ["--var", "--field"])
    def test_variables_that_change_how_programs_start(self, option: str, variable: str) -> None:
        outcome = refuse(2, "add", "x", option, variable)
        assert f"{variable} changes how programs start" in outcome.stderr

    def test_a_name_whose_own_variable_is_denied(self) -> None:
        assert "choose another variable with --var" in refuse(2, "add", "path").stderr

    def test_var_beside_field(self) -> None:
        outcome = refuse(2, "add", "x", "--var", "A", "--field", "B")
        assert "--var names one value, --field several" in outcome.stderr

    @pytest.mark.parametrize("option", ["--var", "--field"])
    def test_a_variable_twice(self, option: str) -> None:
        assert "named twice" in refuse(2, "add", "x", option, "AB", option, "ab").stderr

    def test_var_for_a_provider_of_several_parts(self) -> None:
        outcome = refuse(2, "add", "aws", "--var", "A")
        assert "--field VAR for each part" in outcome.stderr

    @pytest.mark.parametrize(
        "argv",
        [("{}",), ("x", "-e", "{}"), ("x", "-p", "{}"), ("x", "--provider", "{}"),
         ("x", "--note", "{}"), ("x", "--note", " {} ")],
    )  # fmt: skip
    def test_a_token_as_an_argument(self, argv: tuple[str, ...]) -> None:
        value = make_value()
        outcome = refuse(2, "add", *(part.format(value) for part in argv))
        assert "looks like a token itself" in outcome.stderr and value not in outcome.stderr

    @pytest.mark.parametrize("extra", ["S3cret", "-S3cret", "hf"])
    def test_an_argument_too_many(self, extra: str) -> None:
        outcome = refuse(2, "add", "x", extra)
        assert "3cret" not in outcome.stderr

    def test_an_option_that_is_none_and_may_be_a_password(self) -> None:
        assert "S3cret" not in refuse(2, "add", "x", "--S3cret!").stderr
        assert "S3cret" not in refuse(2, "add", "x", "--token=S3cret!").stderr

    @pytest.mark.parametrize(
        "text", ["", "0d", "90", "90 d", "-1d", "1x", "d", "99999d", "9\u0660d"]
    )
    def test_intervals(self, text: str) -> None:
        outcome = refuse(2, "add", "x", f"--rotate-every={text}")
        assert "--rotate-every: this is not an interval" in outcome.stderr

    @pytest.mark.parametrize(
        "text",
        ["", "tomorrow", "2031-02-30", "2031-3-1", "31.03.2031", "2031-03-31T12:00:00",
         "0001-01-01T00:00:00+14:00", "2031-03-31x"],
    )  # fmt: skip
    def test_dates(self, text: str) -> None:
        outcome = refuse(2, "add", "x", f"--expires={text}")
        assert "--expires: this is not a date" in outcome.stderr

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (("--command", "printenv X"), "--ttl is missing"),
            (("--command", "", "--ttl", "5m"), "--command is empty"),
            (("--command", " \t", "--ttl", "5m"), "--command is empty"),
            (("--command", "''", "--ttl", "5m"), "--command is empty"),
            (("--command", "", "--ttl", "5m", "--shell"), "--command is empty"),
            (("--command", "printenv 'X", "--ttl", "5m"), "a quote is not closed"),
            (("--command", 'printenv "X', "--ttl", "5m"), "a quote is not closed"),
            (("--command", "printenv X\\", "--ttl", "5m"), "cannot be split into words"),
            (("--command", "true\nfalse", "--ttl", "5m"), "--command holds a line end"),
            (("--command", "true\0", "--ttl", "5m", "--shell"), "--command holds a line end"),
            (("--ttl", "5m"), "--ttl and --shell belong to --command"),
            (("--shell",), "--ttl and --shell belong to --command"),
            *(
                (("--command", "printenv X", f"--ttl={ttl}"), "--ttl: this is not a length of time")
                for ttl in ("", "5", "0m", "-5m", "5 m", "soon", "1w", "1.5h", "5m\n", "99999s")
            ),
            (("--command", "printenv X", "--ttl", "31d"), "--ttl: this is longer than 30 days"),
        ],
        ids=lambda part: ascii(part)[:40],
    )
    def test_commands_that_cannot_be_run_as_they_stand(
        self, options: tuple[str, ...], said: str
    ) -> None:
        assert said in refuse(2, "add", "x", *options).stderr
        assert said in refuse(2, "add", "x", *options, stdin=b"v").stderr

    def test_a_command_is_not_run_where_the_name_or_the_variable_is_taken(self) -> None:
        ran = Path.home() / "ran"
        made = ("--command", f"touch {ran}", "--ttl", "5m")
        refuse(7, "add", "hf", *made)
        refuse(7, "add", "other", "--var", "HF_TOKEN", *made)
        refuse(2, "add", "path", *made)
        assert not ran.exists()

    @pytest.mark.parametrize(
        ("command", "said"),
        [
            ("false", "the command of x failed with status 1"),
            ("true", "the command of x: it printed nothing"),
            ("printf '\\n\\n'", "the command of x: it printed nothing"),
            ("printf 'a\\0b'", "holds a NUL byte"),
            ("./no-such-program", "cannot run the command of x: no such file or directory"),
            ("sh -c 'echo S3cret; exit 3'", "the command of x failed with status 3"),
            ("sh -c 'kill -9 $$'", "the command of x failed with status -9"),
        ],
    )
    def test_commands_that_print_no_value(self, command: str, said: str) -> None:
        outcome = credman("add", "x", "--command", command, "--ttl", "5m", answers=[])
        assert outcome.exit_code == 6 and outcome.shown == []
        assert said in outcome.stderr and "S3cret" not in outcome.stderr

    def test_a_name_that_is_taken(self) -> None:
        assert "--replace stores one as it is" in refuse(7, "add", "hf").stderr
        refuse(7, "add", "HF")

    def test_a_variable_that_is_taken(self) -> None:
        outcome = refuse(7, "add", "other", "--var", "hf_token")
        assert "HF_TOKEN" in outcome.stderr and "choose another variable" in outcome.stderr
        refuse(7, "add", "other", "--field", "A", "--field", "HF_TOKEN")

    def test_the_base_environment_isolated(self) -> None:
        outcome = refuse(2, "add", "x", "--isolated")
        assert "the base environment cannot be isolated" in outcome.stderr
        refuse(2, "add", "x", "--isolated", "-e", "DEFAULT")

    def test_an_unknown_provider(self) -> None:
        assert "did you mean hf?" in refuse(3, "add", "x", "--provider", "hff").stderr

    def test_nobody_to_ask(self) -> None:
        outcome = credman("add", "x", answers=None)
        assert outcome.exit_code == 4
        assert "credman: hint: pipe it in: credman add NAME < FILE" in outcome.stderr

    @pytest.mark.parametrize("variable", ["CI", "CREDMAN_NO_INPUT"])
    def test_input_switched_off(self, variable: str) -> None:
        outcome = credman("add", "x", answers=["never asked"], environ={variable: "1"})
        assert outcome.exit_code == 4 and outcome.shown == []

    def test_no_input_option(self) -> None:
        outcome = credman("add", "x", "--no-input", answers=["never asked"])
        assert outcome.exit_code == 4 and outcome.shown == []

    def test_ctrl_c_at_the_prompt(self) -> None:
        outcome = credman("add", "x", answers=[])
        assert outcome.exit_code == 130
        assert "stopped; nothing was changed" in outcome.stderr

    def test_an_empty_answer(self) -> None:
        outcome = credman("add", "x", answers=["  "])
        assert outcome.exit_code == 2 and "the value of X is empty" in outcome.stderr

    def test_an_unlikely_shape_that_the_person_does_not_want(self) -> None:
        outcome = credman("add", "openai", answers=["not a key", "n"])
        assert outcome.exit_code == 7 and "nothing was stored" in outcome.stderr
        assert outcome.shown[-1].endswith("store it anyway? [y/N] ")

    def test_the_note_is_text(self) -> None:
        outcome = program("add", "x", "--note", os.fsdecode(b"\xff\xfe"), stdin=b"v")
        assert outcome.returncode == 2
        assert b"the note is not UTF-8 text" in outcome.stderr


def test_a_refused_first_add_makes_no_vault() -> None:
    commands = (("x", "--command", "printf v"), ("x", "--command", "'", "--ttl", "5m"))
    for argv in (("../x",), ("path",), ("x", "--expires", "no"), ("x", "--provider", "no"),
                 *commands):  # fmt: skip
        assert credman("add", *argv, answers=[]).exit_code in (2, 3)
    assert not Path(os.environ["CREDMAN_HOME"]).exists()


def test_ctrl_c_in_a_first_add_says_that_the_vault_is_made() -> None:
    outcome = credman("add", "x", answers=[])
    assert outcome.exit_code == 130
    assert "the vault is made, no token is stored" in outcome.stderr
    assert credman("list").exit_code == 0
