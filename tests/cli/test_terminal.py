"""Prompts on a real terminal. Every test ends with its modes put right: ``person`` looks."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from pathlib import Path

import pytest

from credman.cli import terminal
from tests.cli.harness import PASSPHRASE, credman, make_value, make_vault, program
from tests.cli.person import Person, person

pytestmark = pytest.mark.alone

KEY = re.compile(r"AGE-SECRET-KEY-1[A-Z0-9]{58}")


@pytest.fixture
def _vault() -> None:
    make_vault()


def is_untouched() -> bool:
    return credman("get", "hf").text == make_value() and credman("list").text.count("\n") == 3


def value_of(name: str) -> str:
    outcome = credman("get", name)
    assert outcome.exit_code == 0, outcome.stderr
    return outcome.text


def asked_for_value(who: Person) -> None:
    who.answers("passphrase: ", PASSPHRASE)
    who.is_asked("token (hidden): ")


def test_the_first_minute() -> None:
    value = make_value()
    with person("add", "hf", "-e", "prod") as who:
        who.answers("new passphrase: ", PASSPHRASE)
        who.answers("again: ", PASSPHRASE)
        who.answers("token (hidden): ", value)
        assert who.leaves() == 0
    assert PASSPHRASE not in who.screen and value not in who.screen
    assert KEY.search(who.screen)
    assert 'use it:  eval "$(credman env prod)"' in who.screen


def test_the_recovery_key_is_shown_on_the_terminal_and_in_no_stream(tmp_path: Path) -> None:
    out, err = tmp_path / "out", tmp_path / "err"
    with person("init", shell=f'"$@" >{out} 2>{err}') as who:
        who.answers("new passphrase: ", PASSPHRASE)
        who.answers("again: ", PASSPHRASE)
        assert who.leaves() == 0
    assert KEY.search(who.screen)
    assert out.read_text() == ""
    assert "vault made at" in err.read_text() and not KEY.search(err.read_text())
    assert not KEY.search("".join(p.read_text("latin-1") for p in tmp_path.rglob("*.json")))


@pytest.mark.usefixtures("_vault")
class TestKeys:
    def test_nothing_is_shown_while_typing(self) -> None:
        with person("add", "x") as who:
            asked_for_value(who)
            for letter in "S3cret":
                who.types(letter)
                time.sleep(0.01)
            who.types("\r")
            assert who.leaves() == 0
        assert PASSPHRASE not in who.screen
        assert not re.search("[S3]|cret", who.screen.partition("(hidden): ")[2].split("stored")[0])
        assert value_of("x") == "S3cret"

    def test_editing(self) -> None:
        cases = [
            ("wrx\x7f\x08ight", "wight"),
            ("\x7f\x7fv", "v"),
            ("wrong\x15right", "right"),
            ("\u00e9\U0001f511\x7f\x7fv", "v"),
            ("a\x1b[Db\x1b[A\x1b[1;5Cc\x1bOPd", "abcd"),
            ("a\x1bxb\x1b\x7fc", "abc"),  # Alt with a letter, Alt with Backspace
            ("a\tb\x01\x02\x0b\x17c", "abc"),
            ("\u00e9\u202e\U0001f511", "\u00e9\u202e\U0001f511"),
            ("  v  ", "v"),
        ]
        names = [f"KEYS_{number}" for number in range(len(cases))]
        with person("add", "x", *(f"--field={name}" for name in names)) as who:
            who.answers("passphrase: ", PASSPHRASE)
            for name, (typed, _) in zip(names, cases, strict=True):
                who.answers(f"{name} (hidden): ", typed)
            assert who.leaves() == 0, who.screen
        for name, (typed, meant) in zip(names, cases, strict=True):
            assert credman("get", "x", "--field", name).text == meant, ascii(typed)

    def test_what_is_no_secret_is_shown_and_erased_on_the_screen(self) -> None:
        with person("add", "argilla", "--no-check") as who:
            who.answers("passphrase: ", PASSPHRASE)
            who.is_asked("URL: ")
            who.types("https://ax\x7f.example\r")
            who.sees("https://ax\b \b.example")
            who.answers("API key (hidden): ", "hidden-key")
            assert who.leaves() == 0
        assert "hidden-key" not in who.screen

    @pytest.mark.parametrize("before", ["", "half a secr", "\x1b", "\x1b["])
    def test_ctrl_c_leaves(self, before: str) -> None:
        with person("add", "x") as who:
            asked_for_value(who)
            who.types(f"{before}\x03")
            assert who.leaves() == 130
        assert "stopped; nothing was changed" in who.screen
        assert "secr" not in who.screen.partition("(hidden)")[2]
        assert is_untouched()

    def test_ctrl_d_leaves_an_empty_line_only(self) -> None:
        with person("add", "x") as who:
            asked_for_value(who)
            who.types("\x04")
            assert who.leaves() == 130
        assert is_untouched()
        with person("add", "x") as who:
            asked_for_value(who)
            who.types("v\x04w\r")
            assert who.leaves() == 0
        assert value_of("x") == "vw"

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
    def test_a_signal_puts_the_terminal_right(self, number: signal.Signals) -> None:
        with person("add", "x") as who:
            asked_for_value(who)
            os.kill(who.child.pid, number)
            assert who.leaves() == 128 + number
        assert "Traceback" not in who.screen and is_untouched()

    def test_stopped_and_continued_it_still_shows_nothing(self) -> None:
        with person("add", "x") as who:
            asked_for_value(who)
            who.types("S3")
            os.kill(who.child.pid, signal.SIGSTOP)
            time.sleep(0.05)
            os.kill(who.child.pid, signal.SIGCONT)
            who.types("cret\r")
            assert who.leaves() == 0
        assert "cret" not in who.screen.partition("(hidden): ")[2].split("stored")[0]
        assert value_of("x") == "S3cret"

    @pytest.mark.parametrize(
        "pasted",
        ["first\rtouch PWNED\r", "a\n\n\ntouch PWNED\n", "a\r" + "touch PWNED\r" * 2000],
        ids=["two", "blank", "many"],
    )
    def test_several_pasted_lines_are_not_taken_and_not_run(self, pasted: str) -> None:
        shell = '"$@"; echo "code $?"; while read -r line; do eval "$line"; done'
        with person("add", "x", shell=shell) as who:
            asked_for_value(who)
            who.types(pasted)
            who.sees("code 2")
            who.wait_until(lambda: bool(who.flags() & 2))
            who.types("\x04")
            assert who.leaves() == 0
        assert "several lines were pasted; nothing was taken" in who.screen
        assert "a value of several lines is piped in: credman add NAME < FILE" in who.screen
        assert not (Path.home() / "PWNED").exists() and is_untouched()

    def test_a_second_line_that_arrives_a_little_later(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(terminal, "_MORE_LINES_SECONDS", 0.5)
        controller, device = os.openpty()
        try:
            os.write(controller, b"first\r")
            later = threading.Timer(0.1, os.write, (controller, b"second\r"))
            later.start()
            asked = terminal.Terminal(os.ttyname(device))
            with pytest.raises(terminal.SeveralLines):
                asked.read_hidden("")
            later.join()
            asked.release()
        finally:
            os.close(device)
            os.close(controller)

    def test_a_pasted_line_end_or_two_is_no_second_line(self) -> None:
        with person("add", "x") as who:
            asked_for_value(who)
            who.types("value\r\n\r\n")
            assert who.leaves() == 0
        assert value_of("x") == "value"

    def test_ten_thousand_characters(self) -> None:
        value = make_value("", 10_000)
        with person("add", "x") as who:
            asked_for_value(who)
            for start in range(0, len(value), 1000):
                who.types(value[start : start + 1000])
            who.types("\r")
            assert who.leaves() == 0
        assert value_of("x") == value

    def test_bytes_that_are_no_text(self) -> None:
        with person("add", "x") as who:
            asked_for_value(who)
            who.types(b"\xff\xfe\r")
            assert who.leaves() == 2
        assert "what was typed is not UTF-8 text" in who.screen and is_untouched()

    def test_three_wrong_passphrases(self) -> None:
        with person("list") as who:
            for wrong in ("one", "", "three"):
                who.answers("passphrase: ", wrong)
            assert who.leaves() == 4
        assert who.screen.count("wrong passphrase, try again") == 2

    def test_the_terminal_goes_away(self) -> None:
        with person("add", "x", shell='trap "" HUP; "$@" 2>err; echo $? >code') as who:
            asked_for_value(who)
            who.child.close(force=False)
            code = Path.home() / "code"
            who.wait_until(lambda: code.exists() and code.read_text() != "")
            assert code.read_text() == "130\n"
        assert "the terminal cannot be read" in (Path.home() / "err").read_text()
        assert is_untouched()


@pytest.mark.usefixtures("_vault")
class TestRedirected:
    def test_prompts_work_with_output_and_errors_elsewhere(self) -> None:
        with person("get", "hf", shell='"$@" >out 2>err') as who:
            who.answers("passphrase: ", PASSPHRASE)
            assert who.leaves() == 0
        assert (Path.home() / "out").read_text() == make_value()
        assert (Path.home() / "err").read_text() == ""
        assert who.screen.strip() == "passphrase:"

    def test_a_passphrase_is_typed_while_the_value_is_piped_in(self) -> None:
        with person("add", "x", shell='printf "piped\\n" | "$@"') as who:
            who.answers("passphrase: ", PASSPHRASE)
            assert who.leaves() == 0
        assert value_of("x") == "piped"

    def test_closed_standard_input_has_nothing_in_it(self) -> None:
        with person("add", "x", shell='"$@" <&-') as who:
            who.answers("passphrase: ", PASSPHRASE)
            assert who.leaves() == 2
        assert "there is nothing on standard input" in who.screen and is_untouched()

    def test_closed_standard_input_without_a_terminal(self) -> None:
        done = program("list", passphrase=None)
        assert done.returncode == 4 and b"unexpected" not in done.stderr

    def test_in_the_background_of_no_terminal_it_does_not_wait(self) -> None:
        done = program("remove", "hf")
        assert done.returncode == 2 and b"needs a yes" in done.stderr

    def test_a_question_is_asked_on_the_terminal(self) -> None:
        with person("remove", "hf", shell='"$@" </dev/null >/dev/null 2>&1') as who:
            who.answers("passphrase: ", PASSPHRASE)
            who.answers("remove hf from environment default? [y/N] ", "n")
            assert who.leaves() == 7
        assert is_untouched()

    def test_the_table_fits_the_terminal(self) -> None:
        environ = {"CREDMAN_PASSPHRASE": PASSPHRASE}
        with person("list", environ=environ, columns=90) as who:
            assert who.leaves() == 0
        lines = [line for line in who.screen.splitlines() if "\u00b7" not in line]
        assert max(len(re.sub("\x1b\\[[0-9;]*m", "", line)) for line in lines[:3]) <= 90
        assert "\x1b[" in who.screen

    @pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
    def test_plain_where_that_is_asked_for(self, environ: dict[str, str]) -> None:
        with person("list", environ={"CREDMAN_PASSPHRASE": PASSPHRASE, **environ}) as who:
            assert who.leaves() == 0
        assert "\x1b" not in who.screen

    def test_help_is_plain_text_as_well(self) -> None:
        with person("list", "--help") as who:
            assert who.leaves() == 0
        assert "Example: credman list -e prod" in who.screen and "\x1b" not in who.screen
