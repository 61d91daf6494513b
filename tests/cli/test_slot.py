"""``slot list``, ``add`` and ``remove``, and how commands of two words are found."""

from __future__ import annotations

import json
from typing import Any

import pytest

from credman.cli import COMMANDS, GROUPS
from tests.cli.harness import PASSPHRASE, Outcome, credman, make_vault
from tests.cli.keyed import (
    LAPTOP,
    NEW,
    OLDER_COPIES,
    backup,
    find_openers,
    make_keyed_vault,
    run,
    see,
    vault,
)

ALL = (PASSPHRASE, LAPTOP, NEW)
LAST = (
    "credman: error: without that only a recovery key would open the vault\n"
    "credman: hint: credman passwd changes a passphrase; "
    "credman slot add adds another way first\n"
)


def slot(*argv: str, answers: list[str] | None = None, **options: Any) -> Outcome:
    given: dict[str, Any] = {"passphrase": PASSPHRASE if answers is None else None, **options}
    return credman("slot", *argv, answers=answers, **given)


def add_new(*argv: str) -> Outcome:
    given = {5: f"{NEW}\n".encode()}
    return slot("add", "passphrase", "--new-passphrase-fd", "5", *argv, descriptors=given)


def test_the_list_says_what_opens_the_vault() -> None:
    make_keyed_vault()
    outcome = slot("list")
    assert outcome.exit_code == 0 and outcome.stderr == ""
    assert [line.split() for line in outcome.text.splitlines()] == [
        ["SLOT", "OPENS", "BY", "LABEL", "SINCE"],
        ["0", "passphrase", "passphrase", "today"],
        ["1", "passphrase", "laptop", "today"],
        ["recovery", "recovery", "key", "recovery", "today"],
    ]


def test_the_list_as_json() -> None:
    recovery = make_keyed_vault()
    outcome = slot("list", "--json")
    parsed = json.loads(outcome.text)
    assert parsed["version"] == 1
    assert [(s["slot"], s["kind"], s["label"]) for s in parsed["slots"]] == [
        ("0", "passphrase", "passphrase"),
        ("1", "passphrase", "laptop"),
        ("recovery", "recovery key", "recovery"),
    ]
    assert all(s["created_at"].endswith("Z") for s in parsed["slots"])
    for secret in (*ALL, recovery):
        assert secret not in outcome.text


def test_without_a_recovery_key_the_list_says_so() -> None:
    make_vault()
    outcome = slot("list")
    assert outcome.exit_code == 0
    assert outcome.stderr.startswith("there is no recovery key")
    assert outcome.stderr.endswith(": credman recovery new\n")


def test_adding_asks_for_the_new_one_twice() -> None:
    make_vault()
    answers = [PASSPHRASE, NEW, NEW]
    outcome = slot("add", "passphrase", "--label", "desk", answers=answers)
    assert outcome.exit_code == 0
    assert outcome.shown == ["passphrase: ", "new passphrase: ", "again: "]
    assert outcome.stderr == "desk opens the vault as well: credman slot list\n"
    assert find_openers(vault(), *ALL) == {PASSPHRASE, NEW}
    assert run("get", "hf", passphrase=NEW).stdout


def test_adding_in_a_script() -> None:
    make_keyed_vault()
    assert add_new("--label", "ci").exit_code == 0
    assert find_openers(vault(), *ALL) == set(ALL)  # nobody was asked for the others


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("add", "recovery"), 2, "hint: credman recovery new"),
        (("add", "keyring"), 6, "there is no keyring here"),
        (("add", "card"), 2, "hint: kinds: passphrase, keyring"),
        (("add",), 2, "KIND is missing"),
        (("add", "passphrase", "--label", "a b"), 2, "label"),
        (("add", "passphrase", "--label", ""), 2, "label"),
        (("add", "passphrase", "--new-passphrase-fd", "-1"), 2, "--new-passphrase-fd"),
        (("add", "passphrase"), 4, "the new passphrase would have to be asked for"),
        (("remove",), 2, "SLOT is missing"),
        (("remove", "7"), 3, "the slots are: 0, 1, recovery"),
        (("remove", "1", "2"), 2, "more arguments"),
        (("remove", "1"), 2, "this needs a yes: remove slot 1 (laptop, passphrase)?"),
    ],
)
def test_what_is_refused_changes_nothing(options: tuple[str, ...], code: int, words: str) -> None:
    make_keyed_vault()
    before = vault().read_bytes()
    outcome = slot(*options)
    assert outcome.exit_code == code and words in outcome.stderr
    assert vault().read_bytes() == before and not backup().exists()


def test_there_are_at_most_sixteen() -> None:
    make_keyed_vault()
    for number in range(2, 16):
        assert add_new("--label", f"n{number}").exit_code == 0
    outcome = add_new()
    assert outcome.exit_code == 7 and "at most 16 key slots" in outcome.stderr
    assert len(json.loads(slot("list", "--json").text)["slots"]) == 17


def test_removing_asks_and_shuts_out() -> None:
    recovery = make_keyed_vault()
    outcome = slot("remove", "laptop", answers=[PASSPHRASE, "y"])
    assert outcome.exit_code == 0
    assert outcome.shown == ["passphrase: ", "remove slot 1 (laptop, passphrase)? [y/N] "]
    assert outcome.stderr == f"removed slot 1 (laptop, passphrase)\n{OLDER_COPIES}it\n"
    for path in (vault(), backup()):
        assert find_openers(path, *ALL, recovery) == {PASSPHRASE, recovery}


def test_the_one_that_opened_it_may_go_with_the_others_passphrase() -> None:
    make_keyed_vault()
    outcome = slot("remove", "0", answers=[PASSPHRASE, "y", LAPTOP])
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.shown[-1] == "passphrase of slot 1 (laptop) (Enter: none): "
    assert find_openers(vault(), *ALL) == {LAPTOP}


def test_others_without_their_passphrase_go_as_well_after_a_question() -> None:
    make_keyed_vault()
    add_new("--label", "desk")
    outcome = slot("remove", "2", answers=[PASSPHRASE, "y", "", "y"])
    assert outcome.exit_code == 0, outcome.stderr
    lost = "slot 1 (laptop), passphrase, will not open the vault any more\n"
    assert outcome.stderr.startswith(lost)
    assert find_openers(vault(), *ALL) == {PASSPHRASE}


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([PASSPHRASE, "n"], 7),
        ([PASSPHRASE, ""], 7),
        ([PASSPHRASE], 130),
        ([PASSPHRASE, "y", "", "n"], 7),
        ([PASSPHRASE, "y", "no", "no", "no"], 4),
    ],
)
def test_who_stops_on_the_way_has_changed_nothing(answers: list[str], code: int) -> None:
    make_keyed_vault()
    add_new("--label", "desk")
    before = vault().read_bytes()
    assert slot("remove", "desk", answers=answers).exit_code == code
    assert vault().read_bytes() == before


def test_the_last_passphrase_stays() -> None:
    make_vault()
    before = vault().read_bytes()
    outcome = slot("remove", "0", "--yes")
    assert (outcome.exit_code, outcome.stderr) == (7, LAST)
    assert vault().read_bytes() == before


def test_not_even_with_a_yes_is_a_vault_left_that_no_passphrase_opens() -> None:
    # The one that goes is the only one whose passphrase is known.
    make_keyed_vault()
    before = vault().read_bytes()
    outcome = slot("remove", "0", "--yes")
    assert outcome.exit_code == 7
    assert "no passphrase would open the vault any more" in outcome.stderr
    assert "that of slot 1 (laptop) is needed; if it is lost: credman passwd" in outcome.stderr
    assert vault().read_bytes() == before


def test_removing_the_recovery_key() -> None:
    recovery = make_keyed_vault()
    outcome = slot("remove", "recovery", answers=[PASSPHRASE, "y", LAPTOP])
    assert outcome.exit_code == 0, outcome.stderr
    assert "removed slot recovery (recovery, recovery key)" in outcome.stderr
    assert find_openers(vault(), *ALL, recovery) == {PASSPHRASE, LAPTOP}


def test_two_slots_of_one_label_are_told_by_number() -> None:
    make_keyed_vault()
    assert add_new("--label", "laptop").exit_code == 0
    outcome = slot("remove", "laptop", "--yes")
    assert outcome.exit_code == 2
    assert "several slots have this label" in outcome.stderr
    assert "name one by its number: 1, 2" in outcome.stderr


@pytest.mark.parametrize("label", ["1", "0", "42", "recovery"])
def test_a_label_that_could_be_another_slot_is_refused(label: str) -> None:
    make_keyed_vault()
    before = vault().read_bytes()
    outcome = add_new("--label", label)
    assert outcome.exit_code == 2 and "those name slots already" in outcome.stderr
    assert vault().read_bytes() == before


def test_the_recovery_key_adds_only_with_a_new_key_and_a_question() -> None:
    recovery = make_keyed_vault()
    answers = [recovery, "y", NEW, NEW, PASSPHRASE, LAPTOP]
    outcome = slot("add", "passphrase", answers=answers)
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.shown[1] == "is that the vault you expect? [y/N] "
    assert find_openers(vault(), *ALL, recovery) == {*ALL, recovery}
    assert vault().read_bytes() == backup().read_bytes()  # it has a new key


def test_where_it_was_seen_last_the_recovery_key_simply_adds() -> None:
    recovery = make_keyed_vault()
    see()
    outcome = slot("add", "passphrase", answers=[recovery, NEW, NEW])
    assert outcome.exit_code == 0, outcome.stderr
    assert find_openers(vault(), *ALL, recovery) == {*ALL, recovery}


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_a_group_names_its_words(group: str) -> None:
    own = [name for name in COMMANDS if name.startswith(f"{group} ")]
    words = ", ".join(name.partition(" ")[2] for name in own)
    for argv in ((group,), (group, "foo"), (group, "foo", "--help"), ("help", group, "foo")):
        outcome = credman(*argv)
        assert outcome.exit_code == 2 and outcome.stdout == b""
        assert f"credman: error: {group} takes one of {words}\n" in outcome.stderr
        assert f"hint: credman {group} --help" in outcome.stderr
    for argv in ((group, "--help"), (group, "-h"), ("help", group)):
        outcome = credman(*argv)
        assert outcome.exit_code == 0 and outcome.stderr == ""
        assert [line.strip().partition("  ")[0] for line in outcome.text.splitlines()[3:]] == own


@pytest.mark.parametrize("name", [name for name in COMMANDS if " " in name])
def test_help_of_two_words(name: str) -> None:
    direct, asked = credman(*name.split(), "--help"), credman("help", *name.split())
    assert direct.exit_code == asked.exit_code == 0
    assert direct.text == asked.text
    assert direct.text.startswith(f"Usage: credman {name} ")
    assert COMMANDS[name].summary in direct.text and f"Example: credman {name}" in direct.text
