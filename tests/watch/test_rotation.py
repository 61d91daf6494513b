"""The rotation as a state machine: what each step makes of a token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from credman.core.errors import NotFound, Refused
from credman.core.model import (
    Schedule,
    Stage,
    Token,
    VersionState,
)
from credman.core.standing import find_bar, is_dead
from credman.vault.tokens import check_states
from credman.watch import rotation
from tests.watch.tokens import DEAD, ENDS, LATER, LIVE, NOW, begin, draw, make_token, round_trip

AUTOMATIC: dict[str, Callable[[Token], Token]] = {
    "begin": begin,
    "answer": rotation.note_answer,
    "stage": lambda t: rotation.stage(t, ["KEY"], ids={"id": "7"}, expires_at=ENDS),
    "verify": lambda t: rotation.verify(t, LIVE, None),
    "promote": lambda t: rotation.promote(t, now=LATER),
}


def walk(token: Token, last: str) -> Token:
    """Returns: the token after the steps of an automatic rotation up to this one."""
    for name, step in AUTOMATIC.items():
        token = step(token)
        if name == last:
            return token
    raise AssertionError(last)


@pytest.mark.parametrize(
    ("last", "drawn", "stage", "fields"),
    [
        ("begin", "CS", Stage.ASKING, ()),
        ("answer", "CS", Stage.ANSWERED, (rotation.ANSWER,)),
        ("stage", "CS", Stage.STAGED, ("KEY",)),
        ("verify", "CS", Stage.VERIFIED, ("KEY",)),
        ("promote", "TC", None, ("KEY",)),
    ],
)
def test_each_step_is_what_is_stored_before_the_next(
    last: str, drawn: str, stage: Stage | None, fields: tuple[str, ...]
) -> None:
    token = walk(make_token("C"), last)
    assert draw(token) == drawn
    assert (token.rotation and token.rotation.stage) == stage
    made = token.find_version(2)
    assert made is not None and made.fields == fields
    assert round_trip(token) == token
    check_states(token)
    assert token.current.number == (2 if last == "promote" else 1)


def test_what_is_known_of_the_new_one_stays_with_it_and_of_the_old_one_with_that() -> None:
    expires = replace(make_token("C"), schedule=Schedule(rotate_every="90d", expires_at=ENDS))
    token = walk(replace(expires, unsure=True), "promote")
    old, new = token.versions
    assert (new.ids, new.expires_at, new.finding) == ({"id": "7"}, ENDS, LIVE)
    assert (new.created_at, old.created_at) == (LATER, NOW)
    assert (old.retiring_at, old.grace, old.expires_at) == (LATER, "3d", ENDS)
    assert token.schedule == Schedule(rotate_every="90d")
    assert token.unsure is False and token.rotation is None


def test_the_provider_knows_better_when_it_ends() -> None:
    token = rotation.verify(walk(make_token("C"), "stage"), LIVE, LATER)
    assert token.versions[1].expires_at == LATER
    unchecked = rotation.verify(walk(make_token("C"), "stage"), None, None)
    assert (unchecked.versions[1].expires_at, unchecked.versions[1].finding) == (ENDS, None)
    assert not rotation.is_verified(unchecked.versions[1])


@pytest.mark.parametrize("last", ["begin", "answer", "stage", "verify"])
@pytest.mark.parametrize("states", ["C", "TC", "RTC", "X", "xR"])
def test_one_that_is_given_up_leaves_nothing(states: str, last: str) -> None:
    before = make_token(states)
    assert rotation.abort(walk(before, last)) == before


def test_one_that_is_given_up_may_leave_a_value_to_revoke() -> None:
    token = rotation.keep_unused(walk(make_token("C"), "verify"))
    assert (draw(token), token.rotation) == ("CT", None)
    assert token.versions[1].retiring_at == NOW
    assert [v.number for v in rotation.list_alive(token)] == [2]
    assert token.next_number == 3


@pytest.mark.parametrize(
    ("states", "after"),
    [
        ("C", "TC"),
        ("TC", "TTC"),
        ("RC", "RTC"),
        ("X", "XC"),
        ("x", "xC"),
        ("R", "RC"),
        ("TX", "TXC"),
    ],
)
def test_who_retires_is_the_one_that_was_current(states: str, after: str) -> None:
    token = walk(make_token(states), "promote")
    assert draw(token) == after
    graces = {v.number: v.grace for v in token.versions if v.grace}
    assert graces == ({len(states): "3d"} if states.endswith("C") else {})


@pytest.mark.parametrize(
    ("states", "number", "after"),
    [
        ("TC", 1, "CT"),
        ("TTC", 1, "CTT"),
        ("TTC", 2, "TCT"),
        ("TX", 1, "CX"),
        ("TR", 1, "CR"),
        ("CT", 2, "TC"),
    ],
)
def test_a_former_version_is_current_again(states: str, number: int, after: str) -> None:
    before = make_token(states)
    token = rotation.roll_back(before, number, now=LATER)
    assert draw(token) == after
    back = rotation.find_version(token, number)
    assert (back.retiring_at, back.grace, back.created_at) == (None, None, NOW)
    for version in token.versions:
        former = rotation.find_version(before, version.number)
        is_newly_retiring = (
            version.state is VersionState.RETIRING and former.state is not version.state
        )
        assert version.retiring_at == (LATER if is_newly_retiring else former.retiring_at)


@pytest.mark.parametrize(
    ("states", "number", "error"),
    [
        ("TC", 2, Refused),
        ("RC", 1, Refused),
        ("XC", 1, Refused),
        ("xC", 1, Refused),
        ("C", 7, NotFound),
        ("R", 1, Refused),
    ],
)
def test_going_back_is_refused_to_what_cannot_be_used(
    states: str, number: int, error: type[Exception]
) -> None:
    with pytest.raises(error):
        rotation.roll_back(make_token(states), number, now=LATER)


@pytest.mark.parametrize("last", ["begin", "answer", "stage", "verify"])
def test_while_one_is_unfinished_no_other_begins(last: str) -> None:
    token = walk(make_token("TC"), last)
    with pytest.raises(Refused):
        begin(token)
    with pytest.raises(Refused):
        rotation.roll_back(token, 1, now=LATER)
    with pytest.raises(NotFound):
        rotation.compromise(token, 3)
    with pytest.raises(NotFound):
        rotation.end(token, 3, by="x", now=LATER)


@pytest.mark.parametrize("step", ["answer", "stage", "verify", "promote"])
def test_no_step_is_taken_without_a_rotation(step: str) -> None:
    for taken in (AUTOMATIC[step], rotation.abort, rotation.keep_unused):
        with pytest.raises(Refused):
            taken(make_token("C"))


@pytest.mark.parametrize(
    ("states", "after", "bar"),
    [("C", "R", "was revoked"), ("X", "x", "is compromised"), ("TC", "RC", ""), ("XC", "xC", "")],
)
def test_what_has_ended_has_no_values_and_says_who_ended_it(
    states: str, after: str, bar: str
) -> None:
    token = rotation.end(make_token(states), 1, by="asked (ana@box)", now=LATER)
    assert draw(token) == after
    ended = rotation.find_version(token, 1)
    assert (ended.fields, ended.ended_at, ended.ended_by) == ((), LATER, "asked (ana@box)")
    assert find_bar(token, NOW) == bar
    assert round_trip(token) == token


def test_a_version_that_is_compromised_keeps_its_values_until_it_is_dead() -> None:
    token = rotation.compromise(make_token("TC"), 2)
    assert draw(token) == "TX"
    assert find_bar(token, NOW) == "is compromised"
    assert draw(rotation.end(token, 2, by="x", now=NOW)) == "Tx"


@pytest.mark.parametrize(("number", "remains_unsure"), [(1, True), (2, False), (3, True)])
def test_whoever_has_asked_about_the_current_one_is_sure(number: int, remains_unsure: bool) -> None:
    token = replace(make_token("TC"), unsure=True)
    for finding in (LIVE, DEAD, None):
        noted = rotation.note_finding(token, number, finding, ENDS)
        assert noted.unsure is remains_unsure
        assert is_dead(noted) is (number == 2 and finding is DEAD)


def test_of_what_has_ended_nothing_new_is_noted() -> None:
    token = replace(make_token("RC"), unsure=True)
    assert rotation.note_finding(token, 1, LIVE, ENDS) == token
    silent = rotation.note_finding(make_token("C"), 1, None, ENDS)
    assert silent == make_token("C")


def test_a_version_that_retires_is_never_handed_out_in_place_of_one_that_ended() -> None:
    for states in ("TC", "CT"):
        token = make_token(states)
        current = token.current.number
        for gone in (
            rotation.end(token, current, by="x", now=NOW),
            rotation.compromise(token, current),
        ):
            assert gone.current.number == current
            assert find_bar(gone, NOW) != ""
