"""``doctor``: what it finds, how it ends, and what ``--accept`` goes on with."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.harness import Outcome, credman, make_vault
from tests.cli.keyed import NEW, backup, find_seen, make_keyed_vault, run, see, vault
from tests.cli.test_restore import add, conflict_path, list_states, make_forks

ACCEPT = "go on with the one that is here? [y/N] "
ACCEPTED = "accepted; its tokens are unsure until they are checked\n"


def doctor(*argv: str, answers: list[str] | None = None, **options: Any) -> Outcome:
    return credman("doctor", *argv, answers=answers, **options)


def test_nothing_is_wrong() -> None:
    make_keyed_vault()
    see()
    before = vault().read_bytes()
    outcome = doctor()
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    lines = [line.strip() for line in outcome.text.splitlines()]
    assert f"vault      {vault()}" in lines
    assert "opened by  passphrase (passphrase), laptop (passphrase), recovery (recovery key)" in (
        lines
    )
    assert any(line.endswith(str(backup())) for line in lines)
    assert lines[-1] == "nothing is wrong"
    assert vault().read_bytes() == before


def test_as_json() -> None:
    path = make_forks()
    path.chmod(0o600)
    outcome = doctor("--json")
    parsed = json.loads(outcome.text)
    assert outcome.exit_code == 8 and parsed.keys() == {"version", "facts", "findings"}
    assert parsed["version"] == 1
    (finding,) = parsed["findings"]
    assert str(path) in finding
    facts = parsed["facts"]
    assert [fact["text"] for fact in facts if fact["wrong"]] == [finding]
    assert {"what": "vault", "text": str(vault()), "wrong": False} in facts
    assert {"what": "copy", "text": str(path), "wrong": False} in facts
    (hint,) = [fact["hint"] for fact in facts if "hint" in fact and "copy" in fact["text"]]
    assert hint.startswith("credman restore ") and hint.endswith(" compares them and asks")
    assert "EXAMPLE" not in outcome.text


def test_no_recovery_key_is_a_finding() -> None:
    make_vault()
    outcome = doctor()
    assert outcome.exit_code == 8
    assert "there is no recovery key: credman recovery new" in outcome.text
    assert outcome.text.endswith("\n  1 to look at\n")


def test_a_fork_is_shown_beside_ours_and_nothing_is_picked() -> None:
    path = make_forks()
    before = {p: p.read_bytes() for p in (vault(), backup(), path)}
    outcome = doctor()
    assert outcome.exit_code == 8
    assert outcome.text.count("generation 6, written") == 2
    assert {p: p.read_bytes() for p in before} == before


def cut_vault() -> str:
    vault().write_bytes(vault().read_bytes()[:-100])
    return "damaged: the vault is damaged"


def remove_vault() -> str:
    vault().unlink()
    return "missing: there was a vault at"


def replace_by_directory() -> str:
    vault().unlink()
    vault().mkdir()
    return "is not a regular file"


def damage_record() -> str:
    find_seen().write_bytes(b"{")
    return "the record of what was last seen is damaged"


def damage_record_and_remove_vault() -> str:
    damage_record()
    return remove_vault()


def damage_backup() -> str:
    backup().write_bytes(b"")
    return "the vault file is empty"


def loosen_mode() -> str:
    vault().chmod(0o644)
    return "other users may open"


def put_older_back() -> str:
    shutil.copy(backup(), vault())
    return "this is an older copy of the vault"


TROUBLES = (
    cut_vault,
    remove_vault,
    replace_by_directory,
    damage_record,
    damage_record_and_remove_vault,
    damage_backup,
    loosen_mode,
    put_older_back,
)


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
def test_each_trouble_is_a_finding_and_left_as_it_is(trouble: Callable[[], str]) -> None:
    make_keyed_vault()
    see()
    words = trouble()
    outcome = doctor()
    assert outcome.exit_code == 8, outcome.stderr
    assert words in outcome.text
    assert doctor().text == outcome.text


def test_who_cannot_open_it_learns_only_where_it_lies() -> None:
    make_keyed_vault()
    outcome = doctor(passphrase="wrong")
    assert outcome.exit_code == 8
    assert "does not open: the passphrase from CREDMAN_PASSPHRASE does not open" in outcome.text
    assert "generation" not in outcome.text and "hf" not in outcome.text.split()
    assert doctor(passphrase=None).exit_code == 4


def put_other_vault() -> str:
    elsewhere = Path.home() / "elsewhere"
    for name in ("hf", "other"):
        run("add", name, stdin=b"EXAMPLE", environ={"CREDMAN_HOME": str(elsewhere)})
    shutil.copy(elsewhere / "data" / "vault.age", vault())
    return "this is another vault than the one last seen here"


def put_fork() -> str:
    shutil.rmtree(Path(os.environ["CREDMAN_HOME"]))
    path = make_forks()
    mine = vault().read_bytes()
    shutil.copy(path, vault())
    path.write_bytes(mine)
    return "this vault does not descend from the one last seen here"


DOUBTS = (put_older_back, put_other_vault, put_fork, damage_record)


@pytest.mark.parametrize("doubt", DOUBTS, ids=lambda doubt: doubt.__name__)
def test_accepting_shows_asks_and_goes_on(doubt: Callable[[], str]) -> None:
    make_keyed_vault()
    see()
    words = doubt()
    assert words in credman("list").stderr
    refused = credman("add", "new", stdin=b"EXAMPLE")
    assert refused.exit_code in (5, 6) and words in refused.stderr
    lay_there = list_states().keys()
    before = vault().read_bytes()
    outcome = doctor("--accept", answers=["n"])
    assert outcome.exit_code == 7 and outcome.shown == [ACCEPT]
    assert f"  here   {vault()}\n" in outcome.stderr and words in outcome.stderr
    assert vault().read_bytes() == before
    assert doctor("--accept").exit_code == 2  # nobody is there, and no --yes
    outcome = doctor("--accept", answers=["y"])
    assert outcome.exit_code == 0 and outcome.stderr.endswith(ACCEPTED)
    assert list_states() == dict.fromkeys(lay_there, "unsure")
    run("add", "new", stdin=b"EXAMPLE")
    assert list_states()["new"] != "unsure"


def test_accepting_a_fork_shows_the_other_one() -> None:
    make_keyed_vault()
    put_fork()
    outcome = doctor("--accept", answers=["y"])
    assert outcome.exit_code == 0
    assert f"  there  {conflict_path()}\n" in outcome.stderr
    assert "only there: here (default)" in outcome.stderr
    conflict_path().chmod(0o600)  # and nothing more is said of it: it was the one seen last
    assert doctor().exit_code == 0


def test_there_is_nothing_to_accept() -> None:
    make_keyed_vault()
    see()
    before = vault().read_bytes()
    outcome = doctor("--accept", answers=[])
    assert outcome.exit_code == 0
    assert outcome.stderr.startswith("there is nothing to accept")
    assert vault().read_bytes() == before


def test_opened_by_the_recovery_key_it_accepts_nothing_and_asks_nothing() -> None:
    recovery = make_keyed_vault()
    outcome = doctor("--accept", answers=[], passphrase=recovery)
    assert outcome.exit_code == 7 and outcome.shown == []
    assert "it can only be read" in outcome.stderr and "credman passwd" in outcome.stderr
    assert doctor(passphrase=recovery).exit_code == 8


def test_a_damaged_vault_is_not_accepted() -> None:
    make_keyed_vault()
    see()
    cut_vault()
    outcome = doctor("--accept", "--yes")
    assert outcome.exit_code == 5 and "credman restore --previous" in outcome.stderr


@pytest.mark.parametrize("rest", ["all", "no copy before", "no folder"])
def test_a_vault_that_is_gone_on_purpose_is_forgotten(rest: str) -> None:
    make_keyed_vault()
    see()
    kept = backup().read_bytes()
    vault().unlink()
    if rest != "all":
        backup().unlink()
    if rest == "no folder":
        shutil.rmtree(vault().parent)
    outcome = doctor("--accept", answers=["n"])
    assert outcome.exit_code == 7 and outcome.shown == ["forget it? [y/N] "]
    assert credman("add", "x", stdin=b"EXAMPLE").exit_code == 6
    outcome = doctor("--accept", answers=["y"])
    assert outcome.exit_code == 0, outcome.stderr
    assert "forgotten: credman add makes a new vault there" in outcome.stderr
    if rest == "all":
        (aside,) = vault().parent.glob("vault.age.forgotten-*")
        assert aside.read_bytes() == kept and str(aside) in outcome.stderr
    add("x")
    assert list_states().keys() == {"x"}


def test_on_a_new_machine_there_is_nothing_yet() -> None:
    outcome = doctor()
    assert "nothing is stored here yet" in outcome.text
    assert doctor("--accept", "--yes").exit_code == 3


def test_a_previous_copy_with_the_former_key_is_a_finding_and_not_asked_for() -> None:
    make_keyed_vault()
    see()
    older = vault().read_bytes()
    given = {5: NEW.encode()}
    run("passwd", "--new-passphrase-fd", "5", "--yes", descriptors=given)
    backup().write_bytes(older)  # as where it could not be replaced
    outcome = doctor(answers=[NEW], passphrase=None)
    assert outcome.shown == ["passphrase: "]
    assert outcome.exit_code == 8, outcome.text
    assert "it still opens with what was taken away; the next write ends that" in outcome.text
