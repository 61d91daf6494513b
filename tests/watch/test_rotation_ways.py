"""Long ways through a rotation: any step at any time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime

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
    Finding,
    Stage,
    Token,
    VersionState,
)
from credman.core.standing import find_bar
from credman.vault.tokens import check_states
from credman.watch import rotation
from tests.watch.tokens import DEAD, ENDS, LATER, LIVE, NOW, begin, draw, make_token, round_trip

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
