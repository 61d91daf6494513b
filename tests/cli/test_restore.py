"""``restore``: both sides are shown, one is picked by a person, the other one is kept."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.harness import PASSPHRASE, Outcome, credman
from tests.cli.keyed import (
    LAPTOP,
    NEW,
    backup,
    find_openers,
    find_seen,
    make_keyed_vault,
    run,
    see,
    vault,
)

UNSURE = "its tokens are unsure until they are checked: some may have been replaced since\n"
QUESTION = "make the copy the vault? [y/N] "


def restore(*argv: str, answers: list[str] | None = None, **options: Any) -> Outcome:
    return credman("restore", *argv, answers=answers, **options)


def add(name: str, value: bytes = b"EXAMPLE", variable: str = "") -> None:
    run("add", name, "--var", variable or name.upper(), stdin=value)


def conflict_path() -> Path:
    return vault().with_name("vault (conflicted copy 2026-03-01).age")


def make_forks() -> Path:
    """A vault that was written to here (``here``, ``both``) and elsewhere (``there``, ``both``)
    after the last common state. Returns: the path of the copy from elsewhere."""
    make_keyed_vault()
    see()
    common, seen = vault().read_bytes(), find_seen().read_bytes()
    add("there")
    add("both", b"EXAMPLE of there")
    theirs = vault().read_bytes()
    vault().write_bytes(common)
    find_seen().write_bytes(seen)
    add("here")
    add("both", b"EXAMPLE of here")
    conflict_path().write_bytes(theirs)
    return conflict_path()


def list_states() -> dict[str, str]:
    lines = run("list").text.splitlines()[1:-1]
    return {line.split()[0]: line.split("  ")[-1].strip() for line in lines}


def test_both_sides_and_their_difference_are_shown_before_the_question() -> None:
    path = make_forks()
    before = {p: p.read_bytes() for p in (vault(), backup(), path)}
    outcome = restore(str(path), answers=["n"])
    assert outcome.exit_code == 7 and outcome.shown == [QUESTION]
    lines = outcome.stderr.splitlines()
    assert lines[0] == f"  here   {vault()}"
    assert lines[1].startswith("         the vault: generation 6, written ")
    assert lines[1].endswith("Z, 4 tokens")
    assert lines[2] == f"  there  {path}"
    assert " after generation 4: generation 6, written " in lines[3]
    assert lines[4:7] == [
        "         only here: here (default)",
        "         only there: there (default)",
        "         differ: both (default)",
    ]
    assert lines[7:] == ["credman: error: nothing was changed"]
    assert {p: p.read_bytes() for p in before} == before
    assert "EXAMPLE" not in outcome.stderr and outcome.stdout == b""


def test_the_copy_becomes_the_vault_and_the_former_one_is_kept() -> None:
    path = make_forks()
    former = vault().read_bytes()
    outcome = restore(str(path), answers=["y"])
    assert outcome.exit_code == 0
    assert outcome.stderr.endswith(f"restored; what was here is kept as {backup()}\n{UNSURE}")
    assert backup().read_bytes() == former
    assert list_states() == dict.fromkeys(("both", "hf", "seen", "there"), "unsure")
    assert run("get", "both").stdout == b"EXAMPLE of there"
    assert "warning" not in run("list").stderr  # the copy is an ancestor now


def test_a_merge_takes_the_missing_ones_and_names_the_rest() -> None:
    path = make_forks()
    outcome = restore(str(path), "--merge", answers=["y"])
    assert outcome.exit_code == 0
    assert outcome.shown == ["take what is missing here? [y/N] "]
    assert "         stay as they are here: both (default)\n" in outcome.stderr
    assert outcome.stderr.endswith("taken: there (default); unsure until they are checked\n")
    assert run("get", "both").stdout == b"EXAMPLE of here"
    states = list_states()
    assert states.keys() == {"both", "hf", "seen", "here", "there"}
    assert [name for name, state in states.items() if state == "unsure"] == ["there"]


def test_a_token_whose_variable_is_taken_is_left_out_and_named() -> None:
    make_keyed_vault()
    see()
    shutil.copy(vault(), conflict_path())
    add("mine", variable="API_KEY")
    theirs = vault().read_bytes()
    shutil.copy(conflict_path(), vault())
    find_seen().unlink()
    add("yours", variable="API_KEY")
    conflict_path().write_bytes(theirs)
    outcome = restore(str(conflict_path()), "--merge", "--yes")
    assert outcome.exit_code == 7
    assert "there is nothing there that could be taken" in outcome.stderr
    assert list_states().keys() == {"hf", "seen", "yours"}


def test_a_replaced_token_is_sure_again() -> None:
    path = make_forks()
    restore(str(path), "--yes")
    run("add", "both", "--var", "BOTH", "--replace", stdin=b"EXAMPLE new")
    assert list_states()["both"] != "unsure" and list_states()["there"] == "unsure"


def test_the_copy_before_the_last_write() -> None:
    make_keyed_vault()
    see()
    add("mistake")
    outcome = restore("--previous", answers=["y"])
    assert outcome.exit_code == 0, outcome.stderr
    assert f"  there  {backup()}\n         an older copy of this vault: " in outcome.stderr
    assert "only here: mistake (default)" in outcome.stderr
    assert list_states().keys() == {"hf", "seen"}
    assert restore("--previous", "--yes").exit_code == 0  # and back again
    assert list_states().keys() == {"hf", "seen", "mistake"}


def test_a_damaged_vault_is_shown_asked_about_and_kept() -> None:
    make_keyed_vault()
    see()
    damaged = vault().read_bytes()[:-100]
    vault().write_bytes(damaged)
    outcome = credman("list")
    assert outcome.exit_code == 5 and "credman restore --previous" in outcome.stderr
    outcome = restore("--previous", answers=["y"])
    assert outcome.exit_code == 0, outcome.stderr
    assert f"  here   {vault()}\n         damaged: the vault is damaged" in outcome.stderr
    assert "generation 3" in outcome.stderr and outcome.shown == [QUESTION]
    (aside,) = vault().parent.glob("vault.age.damaged-*")
    assert aside.read_bytes() == damaged
    assert f"what was here is kept as {aside}\n" in outcome.stderr
    assert outcome.stderr.endswith("the vault is opened by what opened the copy\n")
    assert list_states() == {"hf": "unsure"}


def test_an_old_copy_asks_for_its_own_passphrase_and_does_not_bring_it_back() -> None:
    make_keyed_vault()
    see()
    old = vault().with_name("old.age")
    shutil.copy(vault(), old)
    given = {5: NEW.encode()}
    run("passwd", "--new-passphrase-fd", "5", "--yes", descriptors=given)
    answers = [NEW, "wrong", PASSPHRASE, "y"]
    outcome = restore(str(old), answers=answers, passphrase=None)
    assert outcome.exit_code == 0, outcome.stderr
    asked = "passphrase of old.age: "
    assert outcome.shown == ["passphrase: ", asked, asked, QUESTION]
    for path in (vault(), backup()):
        assert find_openers(path, PASSPHRASE, LAPTOP, NEW) == {NEW}


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        ((), 2, "hint: credman restore FILE, or credman restore --previous"),
        (("copy.age", "--previous"), 2, "which copy?"),
        (("a", "b"), 2, "more arguments"),
        (("nowhere.age",), 3, "there is no file"),
        (("--previous",), 3, "there is no copy before the last write"),
        (("folder",), 5, "is not a regular file"),
        (("pipe",), 5, "is not a regular file"),
        (("empty",), 5, "empty"),
        (("text",), 5, "text"),
        (("other.age",), 7, "that is another vault, and does not replace this one"),
        (("same.age",), 7, "that is the vault as it is"),
        (("../credman/data/vault.age",), 7, "that is the vault as it is"),
        (("copy.age",), 2, "this needs a yes: make the copy the vault?"),
        (("copy.age", "--merge"), 7, "there is nothing there that could be taken"),
    ],
)
def test_what_is_refused_changes_nothing(argv: tuple[str, ...], code: int, words: str) -> None:
    home = Path.home()
    make_keyed_vault()
    shutil.copy(vault(), home / "copy.age")
    see()
    shutil.copy(vault(), home / "same.age")
    backup().unlink()
    elsewhere = {"CREDMAN_HOME": str(home / "elsewhere")}
    run("add", "x", stdin=b"EXAMPLE", environ=elsewhere)
    shutil.copy(home / "elsewhere" / "data" / "vault.age", home / "other.age")
    (home / "folder").mkdir()
    os.mkfifo(home / "pipe")
    (home / "empty").touch()
    (home / "text").write_text("notes\n")
    before = vault().read_bytes()
    outcome = restore(*argv, cwd=home)
    if argv == ("text",):
        words = "credman: error: "
    assert outcome.exit_code == code and words in outcome.stderr
    assert vault().read_bytes() == before and not backup().exists()


def test_what_was_changed_after_it_was_shown_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_forks()
    from tests.cli.harness import ScriptedTerminal

    def answer_late(terminal: ScriptedTerminal, question: str) -> bool:
        add("meanwhile")
        return True

    monkeypatch.setattr(ScriptedTerminal, "confirm", answer_late)
    outcome = restore(str(path), answers=[])
    assert outcome.exit_code == 1
    assert "the vault was changed meanwhile" in outcome.stderr
    assert "meanwhile" in list_states()


def test_a_missing_vault_comes_back() -> None:
    make_keyed_vault()
    see()
    vault().unlink()
    outcome = credman("list")
    assert outcome.exit_code == 6 and "credman restore --previous" in outcome.stderr
    outcome = restore("--previous", answers=["y"])
    assert outcome.exit_code == 0, outcome.stderr
    assert "         missing: there was a vault at " in outcome.stderr
    assert "restored\n" in outcome.stderr  # nothing was here that could be kept
    assert list_states() == {"hf": "unsure"}


def test_names_from_outside_do_no_harm_on_the_terminal() -> None:
    path = make_forks()
    odd = path.with_name("vault \x1b[2J(1).age")
    path.rename(odd)
    for outcome in (credman("list"), credman("doctor"), restore(str(odd), answers=["n"])):
        assert "\x1b" not in outcome.stderr + outcome.text
        assert "vault \\u{1b}[2J(1).age" in outcome.stderr + outcome.text


def test_doctor_says_how_to_restore_in_the_shells_words() -> None:
    path = make_forks()
    outcome = credman("doctor")
    (line,) = [line for line in outcome.text.splitlines() if "credman restore" in line]
    words = shlex.split(line.partition(" compares")[0])
    assert words == ["credman", "restore", str(path)]
