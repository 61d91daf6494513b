"""``recovery new`` and ``verify``: a key reaches its keeper before the vault has it, or not at
all."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from credman.core.errors import Unavailable
from credman.stores.file import FileStore
from credman.vault.keys import render_identity
from tests.cli.harness import PASSPHRASE, Outcome, credman, make_vault
from tests.cli.keyed import (
    LAPTOP,
    OLDER_COPIES,
    backup,
    find_openers,
    make_keyed_vault,
    run,
    see,
    vault,
)
from tests.requirements import require_program

KEY = re.compile(r"AGE-SECRET-KEY-1[A-Z0-9]{58}")


def recovery(*argv: str, answers: list[str] | None = None, **options: Any) -> Outcome:
    given: dict[str, Any] = {"passphrase": PASSPHRASE if answers is None else None, **options}
    return credman("recovery", *argv, answers=answers, **given)


def key_file() -> Path:
    return Path.home() / "new.key"


def shown_key(outcome: Outcome) -> str:
    (found,) = KEY.findall("".join(outcome.shown))
    return str(found)


def test_the_first_one_is_shown_on_the_terminal_only() -> None:
    make_vault()
    outcome = recovery("new", answers=[PASSPHRASE])
    assert outcome.exit_code == 0
    assert not KEY.search(outcome.stderr) and outcome.stdout == b""
    assert find_openers(vault(), PASSPHRASE, shown_key(outcome)) == {
        PASSPHRASE,
        shown_key(outcome),
    }
    assert "new key" not in outcome.stderr  # nothing was taken away


def test_the_former_one_opens_nothing_that_is_saved_afterwards() -> None:
    former = make_keyed_vault()
    outcome = recovery("new", answers=[PASSPHRASE, "y", LAPTOP])
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.shown[:3] == [
        "passphrase: ",
        "replace the recovery key that there is? [y/N] ",
        "passphrase of slot 1 (laptop) (Enter: none): ",
    ]
    key = shown_key(outcome)
    assert outcome.stderr.splitlines() == [
        "the recovery key above opens the vault from now on",
        f"{OLDER_COPIES}the former recovery key",
    ]
    for path in (vault(), backup()):
        assert find_openers(path, PASSPHRASE, LAPTOP, former, key) == {PASSPHRASE, LAPTOP, key}


def test_the_key_is_shown_before_the_vault_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    former = make_keyed_vault()
    see()
    before = vault().read_bytes()

    def fail(store: FileStore, *args: object, **options: Any) -> None:
        raise Unavailable("cannot write: no space left on device")

    monkeypatch.setattr(FileStore, "change_slots", fail)
    outcome = recovery("new", answers=[PASSPHRASE, "y", LAPTOP])
    assert outcome.exit_code == 6
    assert shown_key(outcome) != former
    assert "does not have the recovery key above: it opens nothing" in outcome.stderr
    assert vault().read_bytes() == before
    outcome = recovery("new", "--recovery-file", str(key_file()), answers=[PASSPHRASE, "y", LAPTOP])
    assert outcome.exit_code == 6 and not key_file().exists()


def test_a_key_that_the_vault_has_stays_whatever_happens_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_vault()
    change_slots = FileStore.change_slots

    def interrupt(store: FileStore, *args: Any, **options: Any) -> None:
        change_slots(store, *args, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(FileStore, "change_slots", interrupt)
    outcome = recovery("new", "--recovery-file", str(key_file()))
    assert outcome.exit_code == 130
    assert find_openers(vault(), key_file().read_text().split()[-1])


def test_the_file_is_private_new_and_opens_the_vault_with_age() -> None:
    make_vault()
    before = os.umask(0)
    try:
        outcome = recovery("new", "--recovery-file", str(key_file()))
    finally:
        os.umask(before)
    assert outcome.exit_code == 0
    assert outcome.stderr == f"recovery key written to {key_file()}: keep it offline\n"
    assert stat.S_IMODE(key_file().stat().st_mode) == 0o600
    age = require_program("age")
    assert os.spawnlp(os.P_WAIT, age, age, "-d", "-o", "/dev/null", "-i", str(key_file()),
                      str(vault())) == 0  # fmt: skip


@pytest.mark.parametrize("there", ["file", "link", "directory", "no directory"])
def test_a_file_that_is_there_is_not_written_over(there: str) -> None:
    make_vault()
    before = vault().read_bytes()
    path = key_file()
    if there == "file":
        path.write_text("notes")
    elif there == "link":
        path.symlink_to(Path.home() / "elsewhere")
    elif there == "directory":
        path.mkdir()
    else:
        path = Path.home() / "none" / "key"
    outcome = recovery("new", "--recovery-file", str(path))
    assert outcome.exit_code == (6 if there == "no directory" else 7)
    assert str(path) in outcome.stderr
    assert vault().read_bytes() == before and not (Path.home() / "elsewhere").exists()
    assert there != "file" or path.read_text() == "notes"


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([PASSPHRASE, "n"], 7),
        ([PASSPHRASE], 130),
        ([PASSPHRASE, "y", "", "n"], 7),
        ([PASSPHRASE, "y"], 130),
        ([PASSPHRASE, "y", "no", "no", "no"], 4),
    ],
)
def test_who_stops_on_the_way_has_no_key_and_changed_nothing(answers: list[str], code: int) -> None:
    make_keyed_vault()
    before = vault().read_bytes()
    outcome = recovery("new", answers=answers)
    assert outcome.exit_code == code and not KEY.search("".join(outcome.shown))
    assert recovery("new", "--recovery-file", str(key_file()), answers=answers).exit_code == code
    assert vault().read_bytes() == before and not key_file().exists()


def test_with_nobody_there_it_goes_to_a_file_or_nowhere() -> None:
    make_vault()
    outcome = recovery("new")
    assert outcome.exit_code == 4
    assert "hint: --recovery-file F writes it to a new file" in outcome.stderr
    assert recovery("new", "--no-input", answers=[PASSPHRASE]).exit_code == 4
    assert recovery("new", "--recovery-file", "").exit_code == 2
    assert recovery("new", "--recovery-file", str(key_file())).exit_code == 0
    second = Path.home() / "second.key"
    outcome = recovery("new", "--recovery-file", str(second))
    assert outcome.exit_code == 2 and not second.exists()
    assert "this needs a yes: replace the recovery key that there is?" in outcome.stderr
    outcome = recovery("new", "--recovery-file", str(second), "--yes")
    assert outcome.exit_code == 0, outcome.stderr
    keys = [path.read_text().split()[-1] for path in (key_file(), second)]
    assert find_openers(vault(), *keys) == {keys[1]}


def test_the_recovery_key_itself_makes_its_successor() -> None:
    former = make_keyed_vault()
    outcome = recovery("new", answers=[former, "y", "y", PASSPHRASE, LAPTOP])
    assert outcome.exit_code == 0, outcome.stderr
    key = shown_key(outcome)
    assert find_openers(vault(), PASSPHRASE, LAPTOP, former, key) == {PASSPHRASE, LAPTOP, key}


def write_key(text: str) -> str:
    key_file().write_text(text)
    return str(key_file())


OPENS = "this recovery key opens the vault (slot recovery)\n"


@pytest.mark.parametrize(
    "form",
    ["{}", "{}\n", "# created: today\n# public key: age1x\n{}\n", "\r\n  {}\r\n\r\n", "{}\n\n#\n"],
)
def test_a_key_is_tried_from_a_file_or_a_pipe(form: str) -> None:
    key = make_keyed_vault()
    before = vault().read_bytes()
    for text in (form.format(key), form.format(key.lower())):
        for outcome in (
            recovery("verify", "--recovery-file", write_key(text), passphrase=None),
            recovery("verify", stdin=text.encode(), passphrase=None),
        ):
            assert (outcome.exit_code, outcome.stderr) == (0, OPENS)
            assert outcome.stdout == b""
    assert vault().read_bytes() == before and not backup().exists()


def test_a_key_is_asked_for_hidden() -> None:
    outcome = recovery("verify", answers=[make_keyed_vault()])
    assert (outcome.exit_code, outcome.stderr) == (0, OPENS)
    assert outcome.shown == ["recovery key: "]


def wrong_character(key: str) -> str:
    return key[:30] + ("Q" if key[30] != "Q" else "P") + key[31:]


@pytest.mark.parametrize(
    ("make", "code", "words"),
    [
        (wrong_character, 2, "this is not a recovery key"),
        (lambda key: key[:-1], 2, "this is not a recovery key"),
        (lambda key: PASSPHRASE, 2, "this is not a recovery key"),
        (lambda key: "", 2, "that is not one recovery key"),
        (lambda key: "# only a remark\n", 2, "that is not one recovery key"),
        (lambda key: f"{key}\n{key}\n", 2, "that is not one recovery key"),
        (lambda key: f"{key} {key}\n", 2, "this is not a recovery key"),
        (lambda key: "\0\x1b[2J", 2, "this is not a recovery key"),
        (lambda key: str(render_identity(os.urandom(32))), 4, "does not open this vault"),
    ],
    ids=["typo", "cut", "passphrase", "empty", "remark", "two", "two in a line", "odd", "others"],
)
def test_a_key_that_does_not_open_it(make: object, code: int, words: str) -> None:
    assert callable(make)
    key = make_keyed_vault()
    text = make(key)
    for outcome in (
        recovery("verify", "--recovery-file", write_key(text)),
        recovery("verify", stdin=text.encode()),
    ):
        assert outcome.exit_code == code and words in outcome.stderr
        assert not KEY.search(outcome.stderr) and not (text and text in outcome.stderr)


def test_a_key_that_was_replaced_does_not_open_it() -> None:
    former = make_keyed_vault()
    options = ("--recovery-file", str(key_file()), "--yes")
    run("recovery", "new", *options)
    outcome = recovery("verify", stdin=former.encode())
    assert outcome.exit_code == 4 and "does not open this vault" in outcome.stderr
    assert recovery("verify", stdin=key_file().read_bytes()).exit_code == 0


def test_nothing_to_try_it_on_is_said_before_it_is_asked_for() -> None:
    outcome = recovery("verify", answers=["never typed"])
    assert outcome.exit_code == 3 and outcome.shown == []
    assert "nothing is stored here yet" in outcome.stderr


@pytest.mark.parametrize(
    ("options", "code"),
    [(("--recovery-file", "nowhere"), 3), (("--recovery-file", "."), 5), (("--no-input",), 4)],
)
def test_nothing_to_read_it_from(options: tuple[str, ...], code: int) -> None:
    make_keyed_vault()
    outcome = recovery("verify", *options, answers=["never typed"])
    assert outcome.exit_code == code and outcome.shown == []


def test_nobody_to_ask_for_it() -> None:
    make_keyed_vault()
    outcome = recovery("verify")
    assert outcome.exit_code == 4
    assert "hint: --recovery-file F reads it from a file" in outcome.stderr
