"""Rows B: the passphrase, asked for or given, and what a process without a person does."""

from __future__ import annotations

import os
import subprocess
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from credman.vault import slots
from tests.cli.harness import PROGRAM
from tests.cli.person import ECHO_AND_KEYS, Person, person
from tests.matrix.common import (
    CANARY,
    PASSPHRASE,
    assert_as_before,
    assert_hidden,
    call,
    make_home,
    start,
)

ACCENTED = "cr\u00e8me br\u00fbl\u00e9e"


def give(data: bytes, *argv: str) -> subprocess.CompletedProcess[bytes]:
    """The real program, with a passphrase on descriptor 0."""
    argv = argv or ("get", "canary")
    return start(*argv, "--passphrase-fd", "0", stdin=data, passphrase=None, may_print=True)


def has_echo(who: Person) -> bool:
    return who.flags() & ECHO_AND_KEYS == ECHO_AND_KEYS


def test_b01_three_wrong_passphrases_and_it_is_over() -> None:
    before = make_home().read_bytes()
    with person("add", "x") as who:
        for guess in ("one", "two", "three"):
            who.answers("passphrase: ", guess)
        assert who.leaves() == 4
    said = [line for line in who.screen.splitlines() if "wrong" in line]
    assert said == ["wrong passphrase, try again"] * 2 + ["credman: error: wrong passphrase"]
    assert_as_before(before)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (b"", 2),
        (b"a", 4),
        (b"a" * 1_000_000, 2),
        (b"\xff\xfe" * 8, 2),
        (PASSPHRASE.encode() + b"\0", 4),
        (b"\0" + PASSPHRASE.encode(), 4),
        (PASSPHRASE.encode()[:-1], 4),
    ],
    ids=["empty", "one", "megabyte", "no_utf8", "nul_behind", "nul_before", "one_less"],
)
def test_b02_an_odd_passphrase_opens_nothing(given: bytes, code: int) -> None:
    before = make_home(seen=False).read_bytes()
    done = give(given)
    assert (done.returncode, done.stdout) == (code, b"")
    assert_as_before(before)


def test_b02_nothing_is_cut_off_a_passphrase() -> None:
    whole = b"x" * 72 + b"\0" + b"y" * 4000
    assert give(whole, "init").returncode == 0
    assert give(whole, "list").returncode == 0
    for cut in (whole[:72], whole[:73], whole[:-1]):
        assert give(cut, "list").returncode == 4


@pytest.mark.parametrize(("made", "typed"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_b03_composed_and_decomposed_are_one_passphrase(made: str, typed: str) -> None:
    first, then = (unicodedata.normalize(form, ACCENTED) for form in (made, typed))  # type: ignore[arg-type]
    assert first != then
    assert give(first.encode(), "init").returncode == 0
    assert give(then.encode(), "list").returncode == 0
    assert give(unicodedata.normalize("NFKD", "\ufb01" + then).encode(), "list").returncode == 4


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_b04_one_line_end_is_taken_off(end: bytes) -> None:
    make_home(seen=False)
    done = give(PASSPHRASE.encode() + end)
    assert (done.returncode, done.stdout) == (0, CANARY.encode())


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r", b" ", b"\n "])
def test_b04_and_nothing_else(end: bytes) -> None:
    make_home(seen=False)
    assert give(PASSPHRASE.encode() + end).returncode == 4


@pytest.mark.parametrize("command", ["get canary", "env", "list", "add x", "remove canary --yes"])
def test_b05_with_nobody_and_nothing_to_ask_it_fails_at_once(command: str) -> None:
    before = make_home(seen=False).read_bytes()
    done = start(*command.split(), passphrase=None, stdin=b"value")  # a session without a terminal
    assert done.returncode == 4
    assert done.stdout == (b"false;\n" if command == "env" else b"")
    assert done.stderr.splitlines() == [
        b"credman: error: the vault is locked, and there is no terminal to ask on",
        b"credman: hint: set CREDMAN_PASSPHRASE or CREDMAN_PASSPHRASE_COMMAND, or use "
        b"--passphrase-fd",
    ]
    assert_as_before(before)


@pytest.mark.parametrize(
    ("command", "code"),
    [("get canary", 4), ("add x", 4), ("get canary --passphrase-fd 0", 2), ("init", 7)],
)
def test_b06_a_closed_input_is_no_bug_and_no_echo(command: str, code: int) -> None:
    before = make_home(seen=False).read_bytes()
    done = subprocess.run(
        ["sh", "-c", '"$@" <&-', "sh", *PROGRAM, *command.split()],
        capture_output=True,
        start_new_session=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (code, b"")
    assert done.stderr.startswith(b"credman: error: ") and b"unexpected" not in done.stderr
    assert_hidden(done.stderr)
    assert_as_before(before)


def test_b06_a_value_from_a_closed_input_is_no_empty_value() -> None:
    before = make_home(seen=False).read_bytes()
    done = subprocess.run(
        ["sh", "-c", '"$@" <&-', "sh", *PROGRAM, "add", "x"],
        env={**os.environ, "CREDMAN_PASSPHRASE": PASSPHRASE},
        capture_output=True,
        start_new_session=True,
        check=False,
    )
    assert done.returncode == 2
    assert_hidden(done.stdout, done.stderr)
    assert_as_before(before)


@pytest.mark.parametrize("prompts", [1, 2])
def test_b07_ctrl_c_at_a_prompt_ends_it_and_the_echo_is_back(prompts: int) -> None:
    before = make_home().read_bytes()
    shell = '"$@"; echo "code $?"; read -r line; echo "read <$line>"'
    with person("add", "x", shell=shell) as who:
        if prompts == 2:
            who.answers("passphrase: ", PASSPHRASE)
        who.is_asked("passphrase: " if prompts == 1 else "token (hidden): ")
        who.types("half a secret\x03")
        who.sees("code 130")
        who.wait_until(lambda: has_echo(who))
        who.types("shown\r")
        assert who.leaves() == 0
    assert "read <shown>" in who.screen and "half" not in who.screen
    assert_hidden(who.screen)
    assert_as_before(before)


def test_b08_stopped_at_a_prompt_the_terminal_is_as_it_was(tmp_path: Path) -> None:
    make_home()
    modes = tmp_path / "modes"
    # The shell waits for its child as one with job control does: until it ends or stops.
    line = f'set -m; "$@"; stty -a >{modes}; fg; echo "code $?"'
    with person("get", "canary", "--reveal", shell=line) as who:
        who.is_asked("passphrase: ")
        who.types("half a secret\x1a")
        who.is_asked("passphrase: ")  # again, after fg
        words = {word.strip(";") for word in modes.read_text().split()}
        assert {"echo", "icanon", "isig", "iexten"} <= words
        who.types(f"{PASSPHRASE}\r")
        who.sees("code 0")
        assert who.leaves() == 0
    assert PASSPHRASE not in who.screen and "half" not in who.screen
    assert who.screen.count(CANARY) == 1


@pytest.mark.usefixtures("derive_anew")
def test_b09_what_a_try_takes_tells_only_how_many_ways_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_home(seen=False)
    derived: list[object] = []

    def counted(**parameters: Any) -> object:
        derived.append(parameters)
        return Argon2id(**parameters)

    def count(passphrase: str, code: int) -> int:
        derived.clear()
        assert call("list", passphrase=passphrase).exit_code == code
        return len(derived)

    monkeypatch.setattr(slots, "Argon2id", counted)
    wrong = ("x" + PASSPHRASE[1:], PASSPHRASE[:-1] + "x", "x")
    assert count(PASSPHRASE, 0) == 1
    assert [count(passphrase, 4) for passphrase in wrong] == [1, 1, 1]
    more = ("slot", "add", "passphrase", "--label", "laptop", "--yes", "--new-passphrase-fd", "9")
    second = PASSPHRASE[::-1]
    assert call(*more, descriptors={9: second.encode()}).exit_code == 0
    # The ways are tried in turn, so a right passphrase takes as long as its place says.
    assert (count(PASSPHRASE, 0), count(second, 0)) == (1, 2)
    assert [count(passphrase, 4) for passphrase in wrong] == [2, 2, 2]
