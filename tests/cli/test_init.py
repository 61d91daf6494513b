"""``init``: a new passphrase, the recovery key, and what is left behind when it fails."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from credman.core.errors import Unavailable
from credman.stores.file import FileStore
from credman.vault.keys import render_identity
from tests.cli.harness import PASSPHRASE, Outcome, credman, make_value
from tests.requirements import require_program

KEY = re.compile(r"AGE-SECRET-KEY-1[A-Z0-9]{58}")
TOO_SHORT = "a passphrase has at least 8 characters"
NO_KEYRING = (
    "no usable keyring here",
    "a passphrase will open the vault",
)
NOT_CHOSEN = "credman: error: no passphrase was chosen\ncredman: hint: nothing was changed\n"


def init(*argv: str, answers: list[str] | None = None) -> Outcome:
    return credman("init", *argv, answers=answers, passphrase=None)


def vault() -> Path:
    return Path(os.environ["CREDMAN_HOME"], "data", "vault.age")


def test_shows_the_recovery_key_on_the_terminal_only() -> None:
    outcome = init(answers=[PASSPHRASE, PASSPHRASE])
    assert outcome.exit_code == 0
    assert outcome.shown[:2] == ["new passphrase: ", "again: "]
    assert KEY.search(outcome.shown[2])
    assert not KEY.search(outcome.stderr) and outcome.stdout == b""
    assert f"vault made at {vault()}, opened by a passphrase" in outcome.stderr
    assert stat.S_IMODE(vault().stat().st_mode) == 0o600
    assert stat.S_IMODE(vault().parent.stat().st_mode) == 0o700


def test_with_nobody_there_it_makes_no_recovery_key_and_says_so() -> None:
    outcome = credman("init")
    assert outcome.exit_code == 0
    assert "it has no recovery key, since nobody is here to keep it" in outcome.stderr
    assert "there is no recovery key" in credman("list").stderr


def test_reminders_know_then_that_there_are_no_tokens() -> None:
    assert credman("remind", "run", passphrase=None).exit_code == 6
    init(answers=[PASSPHRASE, PASSPHRASE])
    outcome = credman("remind", "run", passphrase=None)
    assert (outcome.exit_code, outcome.stderr) == (0, "")


def test_a_second_time_is_refused_before_anything_is_asked() -> None:
    credman("init")
    before = vault().read_bytes()
    outcome = init("--recovery-file", "key", answers=[])
    assert outcome.exit_code == 7 and outcome.shown == []
    assert f"there is a vault already: {vault()}" in outcome.stderr
    assert vault().read_bytes() == before and not Path.home().joinpath("key").exists()


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (["short", "seven77", "e\u0301" * 4], [TOO_SHORT] * 3),
        (["", "", ""], ["the passphrase is empty"] * 3),
        (["x" * 4097] * 3, ["the passphrase is longer than 4096 bytes"] * 3),
        ([PASSPHRASE, "another"] * 3, ["the two differ, try again"] * 3),
        ([PASSPHRASE, f"{PASSPHRASE} "] * 3, ["the two differ, try again"] * 3),
        (
            ["short", PASSPHRASE, "", "short"],
            [TOO_SHORT, "the two differ, try again", TOO_SHORT],
        ),
    ],
    ids=["short", "empty", "long", "different", "blank", "mixed"],
)
def test_three_tries_for_a_new_passphrase(answers: list[str], said: list[str]) -> None:
    outcome = init(answers=[*answers, PASSPHRASE, PASSPHRASE])
    assert outcome.exit_code == 7
    expected = "".join(f"{line}\n" for line in (*NO_KEYRING, *said))
    assert outcome.stderr == expected + NOT_CHOSEN
    assert not vault().exists()


def test_the_third_try_counts() -> None:
    assert init(answers=["short", "short", PASSPHRASE, PASSPHRASE]).exit_code == 0


def test_a_recovery_key_is_no_passphrase() -> None:
    # It would be taken for one at the next prompt, and the vault would stay shut.
    key = str(render_identity(os.urandom(32)))
    outcome = credman("init", passphrase=key)
    assert outcome.exit_code == 2 and not vault().exists()
    assert "a passphrase cannot be an age secret key" in outcome.stderr


@pytest.mark.parametrize("passphrase", ["short", "", "x" * 4097])
def test_a_given_passphrase_obeys_the_same_rules(passphrase: str) -> None:
    options = ("--passphrase-fd", "9")
    given = {9: passphrase.encode()}
    outcome = credman("init", *options, descriptors=given, passphrase=None)
    assert outcome.exit_code == 2 and "passphrase" in outcome.stderr
    assert not vault().exists()


def test_nobody_to_ask() -> None:
    outcome = init()
    assert outcome.exit_code == 4
    assert "a new vault needs a passphrase, and there is no terminal to ask on" in outcome.stderr
    assert init("--no-input", answers=[]).exit_code == 4
    assert not vault().exists()


def test_the_recovery_file_is_private_and_opens_the_vault_with_age(tmp_path: Path) -> None:
    age = require_program("age")
    path = tmp_path / "recovery key"
    before = os.umask(0)
    try:
        outcome = credman("init", "--recovery-file", str(path))
    finally:
        os.umask(before)
    assert outcome.exit_code == 0
    assert f"recovery key written to {path}: keep it offline" in outcome.stderr
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not KEY.search(outcome.stderr)
    credman("add", "hf", stdin=make_value().encode())
    done = subprocess.run([age, "-d", "-i", path, vault()], capture_output=True, check=True)
    assert make_value().encode() in done.stdout


def test_a_relative_recovery_file_lies_where_the_caller_is(tmp_path: Path) -> None:
    assert credman("init", "--recovery-file", "key", cwd=tmp_path).exit_code == 0
    assert KEY.search((tmp_path / "key").read_text())


@pytest.mark.parametrize("kind", ["file", "link", "broken link", "directory"])
def test_an_existing_recovery_file_is_refused_before_anything_is_asked(
    tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "key"
    if kind == "directory":
        path.mkdir()
    elif kind == "file":
        path.write_text("mine")
    else:
        path.symlink_to(tmp_path / ("absent" if kind == "broken link" else "home"))
    outcome = init("--recovery-file", str(path), answers=[])
    assert outcome.exit_code == 7 and outcome.shown == []
    assert f"there is a file already: {path}" in outcome.stderr
    assert not vault().exists() and not (tmp_path / "absent").exists()
    assert kind != "file" or path.read_text() == "mine"


@pytest.mark.parametrize("place", ["no/such/directory/key", "", "home", "/proc/key", "/dev/full/x"])
def test_a_place_that_takes_no_file_leaves_nothing_behind(tmp_path: Path, place: str) -> None:
    outcome = credman("init", "--recovery-file", place, cwd=tmp_path)
    assert outcome.exit_code == (6 if place else 2) or place == "home"
    assert outcome.exit_code in (2, 6, 7) and outcome.stderr.startswith("credman: error: ")
    assert not vault().exists()


@pytest.mark.parametrize("answers", [[], [PASSPHRASE], ["short"] * 3])
def test_no_recovery_file_is_left_when_no_passphrase_comes(
    tmp_path: Path, answers: list[str]
) -> None:
    path = tmp_path / "key"
    outcome = init("--recovery-file", str(path), answers=answers)
    assert outcome.exit_code in (7, 130)
    assert not path.exists() and not vault().exists()


def test_no_recovery_file_is_left_when_the_vault_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise Unavailable("the disk is full")

    monkeypatch.setattr(FileStore, "create", fail)
    path = tmp_path / "key"
    assert credman("init", "--recovery-file", str(path)).exit_code == 6
    assert not path.exists()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("nothing", "this is not the URL of a store"),
        ("nosuch:x", "there is no store of the kind nosuch:"),
        ("file:", "a file: URL needs the path of a file"),
        ("file:dir/", "a file: URL needs the path of a file"),
        ("file://host/x", "a file: URL names no other machine"),
        ("file://user:S3cret@host/x", "holds no user and no password"),
    ],
)
def test_a_store_that_is_none(url: str, reason: str) -> None:
    outcome = init("--store", url, answers=[])
    assert outcome.exit_code == 2 and reason in outcome.stderr
    assert "S3cret" not in outcome.stderr


@pytest.mark.parametrize("options", [("--store", "file:mine.age"), ()])
def test_a_store_elsewhere(tmp_path: Path, options: tuple[str, ...]) -> None:
    environ = {} if options else {"CREDMAN_STORE": "file:mine.age"}
    assert credman("init", *options, environ=environ, cwd=tmp_path).exit_code == 0
    assert (tmp_path / "mine.age").exists() and not vault().exists()
