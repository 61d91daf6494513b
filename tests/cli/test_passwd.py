"""``passwd``: what is asked in which order, what is changed, and when nothing is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.harness import PASSPHRASE, Outcome, credman, make_vault, program
from tests.cli.keyed import (
    LAPTOP,
    NEW,
    OLDER_COPIES,
    backup,
    find_openers,
    make_keyed_vault,
    see,
    vault,
)

ALL = (PASSPHRASE, LAPTOP, NEW)


def passwd(*argv: str, answers: list[str] | None = None, **options: Any) -> Outcome:
    given: dict[str, Any] = {"passphrase": None, **options}
    return credman("passwd", *argv, answers=answers, **given)


def give_new(*argv: str, new: str = NEW, passphrase: str = PASSPHRASE) -> Outcome:
    """As a script does it: the old one in the environment, the new one on a descriptor."""
    options = ("--new-passphrase-fd", "5", *argv)
    return passwd(*options, passphrase=passphrase, descriptors={5: f"{new}\n".encode()})


def test_the_old_one_is_asked_for_and_the_new_one_twice() -> None:
    make_vault()
    outcome = passwd(answers=[PASSPHRASE, NEW, NEW])
    assert outcome.exit_code == 0
    assert outcome.shown == ["passphrase: ", "new passphrase: ", "again: "]
    assert outcome.stderr == f"the passphrase is changed\n{OLDER_COPIES}the old one\n"
    assert outcome.stdout == b""
    for path in (vault(), backup()):
        assert find_openers(path, *ALL) == {NEW}
    assert credman("get", "hf", passphrase=NEW).exit_code == 0
    assert credman("get", "hf", passphrase=PASSPHRASE).exit_code == 4


def test_the_variable_holds_the_old_one() -> None:
    make_vault()
    assert give_new().exit_code == 0
    assert find_openers(vault(), *ALL) == {NEW}
    assert give_new(new=LAPTOP).exit_code == 4  # it still holds the old one
    assert find_openers(vault(), *ALL) == {NEW}


def test_the_passphrases_of_the_other_slots_are_asked_for() -> None:
    make_keyed_vault()
    outcome = passwd(answers=[PASSPHRASE, NEW, NEW, "wrong", LAPTOP])
    assert outcome.exit_code == 0, outcome.stderr
    asked = "passphrase of slot 1 (laptop) (Enter: none): "
    assert outcome.shown == ["passphrase: ", "new passphrase: ", "again: ", asked, asked]
    assert outcome.stderr.startswith("that is another passphrase\nthe passphrase is changed\n")
    assert find_openers(vault(), *ALL) == {LAPTOP, NEW}


def test_a_slot_without_its_passphrase_goes_after_a_question() -> None:
    make_keyed_vault()
    outcome = passwd(answers=[PASSPHRASE, NEW, NEW, "", "y"])
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.shown[-1] == "go on without? [y/N] "
    lost = "slot 1 (laptop), passphrase, will not open the vault any more\n"
    assert outcome.stderr.startswith(lost)
    assert find_openers(vault(), *ALL) == {NEW}


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([PASSPHRASE, NEW, NEW, "", "n"], 7),
        ([PASSPHRASE, NEW, NEW, "", ""], 7),
        ([PASSPHRASE, NEW, NEW, "", "yes please"], 7),
        ([PASSPHRASE, NEW, NEW, "wrong", "wrong", "wrong"], 4),
        ([PASSPHRASE, NEW, NEW, ""], 130),
        ([PASSPHRASE, NEW, NEW], 130),
        ([PASSPHRASE, NEW], 130),
        ([PASSPHRASE], 130),
        ([PASSPHRASE, NEW, "different", "short", NEW, "different"], 7),
        (["wrong", "wrong", "wrong"], 4),
    ],
)
def test_who_stops_on_the_way_has_changed_nothing(answers: list[str], code: int) -> None:
    make_keyed_vault()
    before = vault().read_bytes()
    outcome = passwd(answers=answers)
    assert outcome.exit_code == code
    assert "changed" not in outcome.stderr.replace("nothing was changed", "")
    assert vault().read_bytes() == before and not backup().exists()


def test_another_slots_passphrase_is_changed_with_the_own_one() -> None:
    make_keyed_vault()
    outcome = passwd("--slot", "laptop", answers=[PASSPHRASE, NEW, NEW])
    assert outcome.exit_code == 0, outcome.stderr
    assert find_openers(vault(), *ALL) == {PASSPHRASE, NEW}
    listed = credman("slot", "list", passphrase=PASSPHRASE).text
    assert "laptop" in listed and "  2  " in listed and "  1  " not in listed


def test_a_lost_passphrase_is_replaced_with_the_recovery_key() -> None:
    recovery = make_keyed_vault()
    outcome = passwd("--slot", "0", answers=[recovery, "y", NEW, NEW, "", "y"])
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.shown[:2] == ["passphrase: ", "is that the vault you expect? [y/N] "]
    assert outcome.stderr.startswith("opened with the recovery key: vault ")
    assert ", generation 3, written " in outcome.stderr
    assert find_openers(vault(), *ALL, recovery) == {NEW, recovery}
    assert credman("add", "x", stdin=b"EXAMPLE", passphrase=NEW).exit_code == 0


def test_where_it_was_seen_last_the_recovery_key_needs_no_question() -> None:
    recovery = make_keyed_vault()
    see()
    outcome = passwd("--slot", "0", answers=[recovery, NEW, NEW, LAPTOP])
    assert outcome.exit_code == 0, outcome.stderr
    assert "opened with" not in outcome.stderr
    assert find_openers(vault(), *ALL, recovery) == {LAPTOP, NEW, recovery}


def test_that_is_not_the_vault() -> None:
    recovery = make_keyed_vault()
    before = vault().read_bytes()
    outcome = passwd("--slot", "0", answers=[recovery, "n"])
    assert outcome.exit_code == 7 and "nothing was changed" in outcome.stderr
    assert vault().read_bytes() == before


def test_the_recovery_key_does_not_say_which_of_several_passphrases() -> None:
    outcome = passwd(answers=[make_keyed_vault()])
    assert outcome.exit_code == 2
    assert outcome.stderr.endswith(
        "credman: error: the vault has several passphrases\n"
        "credman: hint: --slot says which: 0 (passphrase), 1 (laptop)\n"
    )


@pytest.mark.parametrize(
    ("slot", "code", "words"),
    [
        ("7", 3, "the slots are: 0, 1, recovery"),
        ("recovery", 2, "slot recovery has no passphrase"),
        ("", 3, "there is no such slot"),
    ],
)
def test_a_slot_that_it_cannot_be(slot: str, code: int, words: str) -> None:
    make_keyed_vault()
    outcome = give_new("--slot", slot)
    assert outcome.exit_code == code and words in outcome.stderr


def test_with_nobody_there_slots_go_only_with_a_yes() -> None:
    make_keyed_vault()
    outcome = give_new()
    assert outcome.exit_code == 2
    assert "slot 1 (laptop), passphrase, will not open the vault any more" in outcome.stderr
    assert "error: this needs a yes: go on without?" in outcome.stderr
    assert "hint: --yes gives it" in outcome.stderr
    assert find_openers(vault(), *ALL) == {PASSPHRASE, LAPTOP}
    outcome = give_new("--yes")
    assert outcome.exit_code == 0 and "slot 1 (laptop), passphrase, will" in outcome.stderr
    assert find_openers(vault(), *ALL) == {NEW}


@pytest.mark.parametrize("options", [(), ("--no-input",)])
def test_nobody_to_ask_for_the_new_one(options: tuple[str, ...]) -> None:
    make_vault()
    answers = [NEW, NEW] if options else None
    outcome = passwd(*options, answers=answers, passphrase=PASSPHRASE)
    assert outcome.exit_code == 4 and outcome.shown == []
    assert "the new passphrase would have to be asked for, and " in outcome.stderr
    assert "hint: --new-passphrase-fd N reads it from a file descriptor" in outcome.stderr
    assert find_openers(vault(), *ALL) == {PASSPHRASE}


@pytest.mark.parametrize("new", ["", "short", "x" * 4097, "AGE-SECRET-KEY-1" + "Q" * 58])
def test_a_given_new_one_obeys_the_rules(new: str) -> None:
    make_vault()
    outcome = give_new(new=new)
    assert outcome.exit_code == 2 and "passphrase" in outcome.stderr
    assert not new or new not in outcome.stderr
    assert find_openers(vault(), *ALL) == {PASSPHRASE}


def test_a_terminal_is_no_descriptor_to_read_from() -> None:
    make_vault()
    outcome = passwd("--new-passphrase-fd", "0", answers=[PASSPHRASE])
    assert outcome.exit_code == 2
    assert "--new-passphrase-fd names the terminal" in outcome.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--new-passphrase-fd", "99"), "--new-passphrase-fd: file descriptor 99 cannot be read"),
        (("--new-passphrase-fd", "x"), "--new-passphrase-fd takes the number"),
        (("--passphrase-fd", "0", "--new-passphrase-fd", "0"), "cannot come from one descriptor"),
    ],
)
def test_a_descriptor_that_it_cannot_be(options: tuple[str, ...], words: str) -> None:
    make_vault()
    done = program("passwd", *options, stdin=PASSPHRASE.encode())
    assert done.returncode == 2 and words in done.stderr.decode()
    assert find_openers(vault(), *ALL) == {PASSPHRASE}


def test_no_vault_no_passphrase() -> None:
    outcome = passwd(answers=[PASSPHRASE, NEW, NEW])
    assert outcome.exit_code == 3 and outcome.shown == []
    assert "nothing is stored here yet" in outcome.stderr
