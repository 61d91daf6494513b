"""The rotation as a state machine: what each step makes of a token, and long ways through it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from credman.core.errors import NotFound, Refused
from credman.core.model import (
    Address,
    Field,
    Finding,
    Liveness,
    Schedule,
    Stage,
    Token,
    TokenKey,
    Version,
    VersionState,
)
from credman.core.secret import Secret
from credman.core.standing import find_bar, is_dead
from credman.vault.records import Record
from credman.vault.tokens import check_states, read_token, token_to_json
from credman.watch import rotation

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
ENDS = NOW + timedelta(days=90)
LIVE = Finding(Liveness.LIVE, NOW, "ana", "17", "role write")
DEAD = Finding(Liveness.DEAD, NOW)
STATES = {
    "S": VersionState.STAGED,
    "C": VersionState.CURRENT,
    "T": VersionState.RETIRING,
    "R": VersionState.REVOKED,
    "X": VersionState.COMPROMISED,
    "x": VersionState.COMPROMISED,
}
"""In capital letters with its values; what was revoked has none, nor has ``x``."""


def make_token(states: str) -> Token:
    """Args: states: of the versions 1, 2, …, a letter each."""
    versions = tuple(
        Version(n, STATES[letter], NOW, () if letter in "Rx" else ("KEY",))
        for n, letter in enumerate(states, 1)
    )
    return Token(TokenKey("default", "default", "api"), (Field("KEY", ("KEY",)),), versions)


def begin(token: Token, *, is_automatic: bool = True, grace: str | None = "3d") -> Token:
    return rotation.begin(token, is_automatic=is_automatic, grace=grace, now=NOW)


def draw(token: Token) -> str:
    """The reverse of ``make_token``."""
    letters = {state: letter for letter, state in STATES.items() if letter != "x"}
    drawn = ""
    for version in sorted(token.versions, key=lambda v: v.number):
        letter = letters[version.state]
        drawn += "x" if letter == "X" and not version.fields else letter
    return drawn


def round_trip(token: Token) -> Token:
    """Returns: the token as it is read after it was written."""
    addresses = [Address(token.key, v.number, name) for v in token.versions for name in v.fields]
    values = {address: Secret(f"value {address.version}") for address in addresses}
    found: dict[Address, Secret] = {}
    read = read_token(Record(token_to_json(token, values)), found)
    assert found == values
    return read


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
    # bug: see report
    for states in ("TC", "CT"):
        token = make_token(states)
        current = token.current.number
        for gone in (
            rotation.end(token, current, by="x", now=NOW),
            rotation.compromise(token, current),
        ):
            assert gone.current.number == current
            assert find_bar(gone, NOW) != ""


# Long ways

numbers = st.integers(1, 5)
findings = st.sampled_from((LIVE, DEAD, None))
moments = st.sampled_from((None, NOW, ENDS))
done: Counter[str] = Counter()


class RotationMachine(RuleBasedStateMachine):
    """Any step at any time: it is taken, or refused and changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.token = make_token("C")
        self.used = {1}
        self.ended: set[int] = set()

    def take(self, name: str, step: Callable[[Token], Token]) -> None:
        before = self.token
        try:
            self.token = step(before)
        except (Refused, NotFound):
            done[f"{name} refused"] += 1
            return
        done[name] += 1
        known = {v.number for v in before.versions}
        for version in self.token.versions:
            if version.number not in known:
                assert version.number not in self.used or self.was_given_up(version.number)
                self.used.add(version.number)

    def was_given_up(self, number: int) -> bool:
        # A number of a rotation that came to nothing was never one of a version that was stored
        # with a value; whoever gives it up says that there is none.
        return number == max(self.used) and number not in self.ended

    @rule(is_automatic=st.booleans(), grace=st.sampled_from((None, "7d")))
    def begins(self, is_automatic: bool, grace: str | None) -> None:
        self.take("begin", lambda t: begin(t, is_automatic=is_automatic, grace=grace))

    @precondition(lambda self: self.token.rotation is not None)
    @rule(finding=findings, ends=moments)
    def goes_on(self, finding: Finding | None, ends: datetime | None) -> None:
        match self.token.rotation and self.token.rotation.stage:
            case Stage.ASKING if self.token.rotation and self.token.rotation.is_automatic:
                self.take("answer", rotation.note_answer)
            case Stage.ASKING | Stage.ANSWERED:
                self.take("stage", lambda t: rotation.stage(t, ["KEY"], expires_at=ends))
            case Stage.STAGED:
                self.take("verify", lambda t: rotation.verify(t, finding, ends))
            case Stage.VERIFIED:
                self.take("promote", lambda t: rotation.promote(t, now=LATER))

    @precondition(lambda self: self.token.rotation is not None)
    @rule(finding=findings, ends=moments)
    def goes_on_to_the_end(self, finding: Finding | None, ends: datetime | None) -> None:
        while self.token.rotation is not None:
            self.goes_on(finding, ends)
            check_states(self.token)

    @rule()
    def gives_up(self) -> None:
        self.take("abort", rotation.abort)

    @precondition(lambda self: self.is_at(Stage.STAGED, Stage.VERIFIED))
    @rule()
    def keeps_what_it_does_not_use(self) -> None:
        self.take("keep", rotation.keep_unused)

    @rule(number=numbers)
    def goes_back(self, number: int) -> None:
        self.take("back", lambda t: rotation.roll_back(t, number, now=LATER))

    @precondition(lambda self: rotation.list_alive(self.token) != [])
    @rule()
    def goes_back_to_one_that_is_alive(self) -> None:
        self.goes_back(rotation.list_alive(self.token)[0].number)

    @rule(number=numbers)
    def is_compromised(self, number: int) -> None:
        self.take("compromise", lambda t: rotation.compromise(t, number))

    @rule(number=numbers)
    def ends(self, number: int) -> None:
        def end(token: Token) -> Token:
            ended = rotation.end(token, number, by="somebody", now=LATER)
            self.ended.add(number)
            return ended

        self.take("end", end)

    @rule(number=numbers, finding=findings, ends=moments)
    def is_found(self, number: int, finding: Finding | None, ends: datetime | None) -> None:
        self.take("finding", lambda t: rotation.note_finding(t, number, finding, ends))

    def is_at(self, *stages: Stage) -> bool:
        return self.token.rotation is not None and self.token.rotation.stage in stages

    @invariant()
    def at_most_one_is_current(self) -> None:
        assert draw(self.token).count("C") <= 1
        check_states(self.token)

    @invariant()
    def one_is_staged_while_a_rotation_is_unfinished(self) -> None:
        staged = [v.number for v in self.token.versions if v.state is VersionState.STAGED]
        assert staged == ([] if self.token.rotation is None else [self.token.rotation.version])

    @invariant()
    def what_has_ended_has_no_values_and_is_not_handed_out(self) -> None:
        for number in self.ended:
            version = self.token.find_version(number)
            assert version is not None and version.fields == ()
            assert version.state in (VersionState.REVOKED, VersionState.COMPROMISED)
            if self.token.current.number == number:
                assert find_bar(self.token, NOW) != ""

    @invariant()
    def each_number_is_there_once(self) -> None:
        there = [v.number for v in self.token.versions]
        assert len(there) == len(set(there)) and self.token.next_number not in there

    @invariant()
    def it_is_read_as_it_was_written(self) -> None:
        assert round_trip(self.token) == self.token

    @invariant()
    def a_raw_answer_is_in_what_is_staged_alone(self) -> None:
        for version in self.token.versions:
            if rotation.ANSWER in version.fields:
                assert version.state is VersionState.STAGED and self.is_at(Stage.ANSWERED)

    @invariant()
    def what_is_listed_as_alive_may_be(self) -> None:
        for version in rotation.list_alive(self.token):
            assert version.fields and version.number not in self.ended
            assert version.number != self.token.current.number


def test_whatever_is_done_the_token_stays_one_that_can_be_stored() -> None:
    done.clear()
    run_state_machine_as_test(
        RotationMachine,
        settings=settings(
            max_examples=200,
            stateful_step_count=30,
            derandomize=True,
            database=None,
            deadline=None,
        ),
    )
    names = ("begin", "answer", "stage", "verify", "promote", "abort", "keep", "back")
    things = (*names, "compromise", "end", "finding", "begin refused", "back refused")
    assert all(done[thing] >= 5 for thing in things), done
