"""What opens a vault that exists: a descriptor, a variable, a command, a person."""

from __future__ import annotations

import os
import shutil
import time
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from credman.cli import unlock
from credman.vault.keys import render_identity
from tests.cli.harness import PASSPHRASE, Outcome, credman, make_value, make_vault, program

ACCENTED = "cr\u00e8me br\u00fbl\u00e9e"


@pytest.fixture(autouse=True)
def _vault() -> None:
    make_vault()


def get(**options: Any) -> Outcome:
    return credman("get", "hf", passphrase=None, **options)


def is_open(outcome: Outcome) -> bool:
    assert (outcome.exit_code == 0) == (outcome.text == make_value())
    return outcome.exit_code == 0


def by_descriptor(data: bytes, *argv: str) -> Outcome:
    argv = argv or ("get", "hf")
    return credman(*argv, "--passphrase-fd", "9", descriptors={9: data}, passphrase=None)


def by_command(command: str) -> Outcome:
    return get(environ={"CREDMAN_PASSPHRASE_COMMAND": command})


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_descriptor_gives_it_less_one_line_end(end: bytes) -> None:
    assert is_open(by_descriptor(PASSPHRASE.encode() + end))


@pytest.mark.parametrize("end", [b"\n\n", b" ", b"\r", b"\0", b"\nmore"])
def test_nothing_else_is_taken_off(end: bytes) -> None:
    outcome = by_descriptor(PASSPHRASE.encode() + end)
    assert outcome.exit_code == 4
    assert "the passphrase from --passphrase-fd does not open the vault" in outcome.stderr


def test_a_variable_gives_it() -> None:
    assert is_open(get(environ={"CREDMAN_PASSPHRASE": PASSPHRASE}))


def test_a_command_gives_it() -> None:
    assert is_open(by_command(f"printf '%s\\n' '{PASSPHRASE}'"))
    assert is_open(by_command(f"printf '%s\\r\\n' '{PASSPHRASE}'"))


def test_a_person_gives_it() -> None:
    outcome = get(answers=[PASSPHRASE])
    assert is_open(outcome) and outcome.shown == ["passphrase: "]


def test_the_descriptor_counts_more_than_the_variable_and_that_more_than_the_command() -> None:
    wrong = {"CREDMAN_PASSPHRASE": "another one", "CREDMAN_PASSPHRASE_COMMAND": "false"}
    right = {**wrong, "CREDMAN_PASSPHRASE": PASSPHRASE}
    options = ("--passphrase-fd", "9")
    given = {9: PASSPHRASE.encode()}
    assert credman("get", "hf", *options, descriptors=given, environ=wrong).exit_code == 0
    assert is_open(get(environ=right))
    assert "from CREDMAN_PASSPHRASE does not open" in get(environ=wrong).stderr


def test_what_is_given_and_wrong_is_not_asked_for_again() -> None:
    outcome = get(environ={"CREDMAN_PASSPHRASE": "another one"}, answers=[PASSPHRASE])
    assert outcome.exit_code == 4 and outcome.shown == []


def test_three_wrong_answers_and_it_is_over() -> None:
    outcome = get(answers=["one", "two", "three", PASSPHRASE])
    assert outcome.exit_code == 4
    assert outcome.shown == ["passphrase: "] * 3
    assert outcome.stderr.splitlines() == [
        "wrong passphrase, try again",
        "wrong passphrase, try again",
        "credman: error: wrong passphrase",
        "credman: hint: the recovery key, typed instead, opens the vault as well",
    ]


def test_the_third_answer_still_counts_and_enter_is_a_wrong_one() -> None:
    assert is_open(get(answers=["one", "", PASSPHRASE]))
    assert get(answers=["", "", "", PASSPHRASE]).exit_code == 4


def test_a_prompt_that_is_left_is_no_wrong_passphrase() -> None:
    assert get(answers=[]).exit_code == 130


@pytest.mark.parametrize(
    ("environ", "options", "why"),
    [
        ({}, {}, "there is no terminal to ask on"),
        ({"CI": "1"}, {"answers": [PASSPHRASE]}, "input is switched off"),
        ({"CI": "true"}, {"answers": [PASSPHRASE]}, "input is switched off"),
        ({"CREDMAN_NO_INPUT": "1"}, {"answers": [PASSPHRASE]}, "input is switched off"),
    ],
)
def test_nobody_to_ask(environ: dict[str, str], options: dict[str, list[str]], why: str) -> None:
    outcome = get(environ=environ, **options)
    assert outcome.exit_code == 4 and outcome.shown == []
    assert outcome.stderr.splitlines() == [
        f"credman: error: the vault is locked, and {why}",
        "credman: hint: set CREDMAN_PASSPHRASE or CREDMAN_PASSPHRASE_COMMAND, or use "
        "--passphrase-fd",
    ]


def test_no_input_option() -> None:
    outcome = credman("get", "hf", "--no-input", answers=[PASSPHRASE], passphrase=None)
    assert outcome.exit_code == 4 and outcome.shown == []


@pytest.mark.parametrize("value", ["", "0", "false", "no", "off"])
def test_a_variable_that_says_no_switches_nothing_off(value: str) -> None:
    environ = {"CI": value, "CREDMAN_NO_INPUT": value}
    assert is_open(get(environ=environ, answers=[PASSPHRASE]))


def test_the_real_program_without_a_terminal_fails_at_once() -> None:
    begun = time.monotonic()
    done = program("get", "hf", passphrase=None)
    assert (done.returncode, done.stdout) == (4, b"")
    assert b"there is no terminal to ask on" in done.stderr
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("exit 3", "CREDMAN_PASSPHRASE_COMMAND failed with status 3"),
        (f"printf '{PASSPHRASE}'; exit 1", "failed with status 1"),
        ("kill -9 $$", "failed with status -9"),
        ("no-such-command-anywhere 2>&-", "failed with status 127"),
        ("true", "the passphrase is empty"),
        ("echo", "the passphrase is empty"),
        ("printf '\\377'", "the passphrase is not UTF-8 text"),
        ("head -c 5000 /dev/zero | tr '\\0' a", "the passphrase is longer than 4096 bytes"),
    ],
)
def test_a_command_that_gives_none(command: str, reason: str) -> None:
    outcome = by_command(command)
    assert outcome.exit_code in (2, 4) and reason in outcome.stderr
    assert PASSPHRASE not in outcome.stderr


def test_a_command_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unlock, "_COMMAND_SECONDS", 0.2)
    begun = time.monotonic()
    outcome = by_command("sleep 20; echo")  # the shell's child holds the pipe open
    assert outcome.exit_code == 4 and "did not end within 0.2 s" in outcome.stderr
    assert time.monotonic() - begun < 5


def test_a_command_reads_nothing_of_our_input() -> None:
    outcome = credman(
        "add", "x", stdin=b"the value", passphrase=None,
        environ={"CREDMAN_PASSPHRASE_COMMAND": f"cat; printf '{PASSPHRASE}'"},
    )  # fmt: skip
    assert outcome.exit_code == 0, outcome.stderr


@pytest.mark.parametrize("text", ["", "x", "-1", "1.0", "\u0661", "999999", " 3"])
def test_a_descriptor_is_a_number(text: str) -> None:
    outcome = credman("get", "hf", f"--passphrase-fd={text}", passphrase=None)
    assert outcome.exit_code == 2
    assert "--passphrase-fd takes the number of a file descriptor" in outcome.stderr


def test_a_descriptor_that_is_not_open() -> None:
    done = program("get", "hf", "--passphrase-fd", "77", passphrase=None)
    assert done.returncode == 2
    assert b"--passphrase-fd: file descriptor 77 cannot be read" in done.stderr


def test_a_descriptor_that_is_the_terminal_would_show_what_is_typed() -> None:
    outcome = credman("get", "hf", "--passphrase-fd", "0", answers=[], passphrase=None)
    assert outcome.exit_code == 2 and "would show what is typed" in outcome.stderr


def test_standard_input_of_the_real_program_gives_it() -> None:
    done = program("get", "hf", "--passphrase-fd", "0", stdin=PASSPHRASE.encode() + b"\n",
                   passphrase=None)  # fmt: skip
    assert (done.returncode, done.stdout) == (0, make_value().encode())


@pytest.mark.parametrize(
    ("data", "code", "reason"),
    [
        (b"", 2, "the passphrase is empty"),
        (b"\n", 2, "the passphrase is empty"),
        (b"\xff" * 12, 2, "the passphrase is not UTF-8 text"),
        (b"a" * 4097, 2, "the passphrase is longer than 4096 bytes"),
        (b"a" * 5000, 2, "the passphrase is longer than 4096 bytes"),
        (b"a" * 4096, 4, "does not open the vault"),
        (b"a", 4, "does not open the vault"),
    ],
    ids=lambda data: ascii(data)[:16],
)
def test_what_is_no_passphrase(data: bytes, code: int, reason: str) -> None:
    outcome = by_descriptor(data)
    assert outcome.exit_code == code and reason in outcome.stderr


class TestForms:
    """A vault of its own, made with one form of a passphrase and opened with another."""

    @pytest.fixture(autouse=True)
    def _elsewhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CREDMAN_HOME", str(tmp_path / "elsewhere"))

    @pytest.mark.parametrize(("first", "then"), [("NFC", "NFD"), ("NFD", "NFC")])
    def test_composed_and_decomposed_accents_are_one(self, first: str, then: str) -> None:
        made, typed = (unicodedata.normalize(form, ACCENTED) for form in (first, then))  # type: ignore[arg-type]
        assert made != typed
        assert credman("init", answers=[made, typed], passphrase=None).exit_code == 0
        assert credman("list", passphrase=typed).exit_code == 0
        assert credman("list", passphrase=typed + "x").exit_code == 4

    def test_nothing_is_cut_off_at_a_nul_or_at_72_bytes(self) -> None:
        for whole, cut in ((b"12345678\0abc", b"12345678"), (b"a" * 100, b"a" * 72)):
            store = f"file:vault-{len(whole)}"
            made = by_descriptor(whole, "init", "--store", store)
            assert made.exit_code == 0, made.stderr
            assert by_descriptor(whole, "list", "--store", store).exit_code == 0
            assert by_descriptor(cut, "list", "--store", store).exit_code == 4

    def test_the_longest(self) -> None:
        longest = "é" * 2048
        assert credman("init", passphrase=longest).exit_code == 0
        assert credman("list", passphrase=longest).exit_code == 0
        assert credman("list", passphrase=longest[:-1]).exit_code == 4

    def test_an_ascii_locale_reads_the_same_bytes(self) -> None:
        assert credman("init", passphrase=ACCENTED).exit_code == 0
        ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        done = program("list", environ=ascii_only, passphrase=ACCENTED)
        assert done.returncode == 0, done.stderr


class TestRecoveryKey:
    @pytest.fixture
    def key(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.setenv("CREDMAN_HOME", str(tmp_path / "elsewhere"))
        file = tmp_path / "key"
        assert credman("init", "--recovery-file", str(file)).exit_code == 0
        assert credman("add", "hf", stdin=make_value().encode()).exit_code == 0
        return file.read_text().splitlines()[-1]

    @pytest.mark.parametrize("change", [str, str.lower, "  {}  ".format])
    def test_opens_for_reading(self, key: str, change: type[str]) -> None:
        assert is_open(get(answers=[change(key)]))

    def test_opens_for_reading_by_descriptor(self, key: str) -> None:
        assert is_open(by_descriptor(key.encode() + b"\n"))

    def test_opens_for_writing_what_was_written_here_last(self, key: str) -> None:
        outcome = credman("remove", "hf", "--yes", answers=[key], passphrase=None)
        assert outcome.exit_code == 0, outcome.stderr
        assert credman("get", "hf").exit_code == 3

    def test_does_not_open_for_writing_what_anybody_could_have_made(self, key: str) -> None:
        shutil.rmtree(Path(os.environ["CREDMAN_HOME"], "state"))
        before = read_vault()
        for argv in (("remove", "hf", "--yes"), ("add", "x", "--no-check")):
            outcome = credman(*argv, answers=[key, "value"], passphrase=None)
            assert outcome.exit_code == 7
            assert "opened with the recovery key, so it can only be read: vault " in outcome.stderr
        assert read_vault() == before

    @pytest.mark.parametrize("position", [20, 40, -1])
    def test_one_wrong_character_is_said(self, key: str, position: int) -> None:
        letters = list(key)
        letters[position] = "Q" if letters[position] != "Q" else "P"
        wrong = "".join(letters)
        outcome = get(answers=[wrong])
        assert outcome.exit_code == 2
        assert outcome.stderr.splitlines() == [
            "credman: error: this is not a recovery key",
            "credman: hint: one character may be wrong: type or paste it again, whole",
        ]

    @pytest.mark.usefixtures("key")
    def test_of_another_vault(self) -> None:
        outcome = get(answers=[str(render_identity(os.urandom(32)))])
        assert outcome.exit_code == 4
        assert "this recovery key does not open this vault" in outcome.stderr


def read_vault() -> bytes:
    return Path(os.environ["CREDMAN_HOME"], "data", "vault.age").read_bytes()
