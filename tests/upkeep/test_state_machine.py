"""Everything that can be done with tokens and their providers, one thing after another, and each of
it may fail or be the last thing that its process does.

Whatever happens: a value that a provider made and that was stored is not lost while it is live;
nobody asks twice with one value; nothing is dropped that is live; what is compromised, expired or
revoked is not handed out.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    precondition,
    rule,
    run_state_machine_as_test,
)

from credman.core.errors import Refused
from credman.core.model import (
    Liveness,
    Stage,
    Token,
    VersionState,
)
from credman.core.secret import Secret
from credman.providers.verdicts import utc_now
from credman.upkeep.checking import check_tokens, remember
from credman.upkeep.common import find_values, make_finding
from credman.upkeep.revoking import Revoker
from credman.watch import rotation
from tests.upkeep.households import VARIABLES, Household, Person, do_not_wait, done
from tests.upkeep.worlds import ACCOUNT, OTHER_ACCOUNT, Trouble

PAST = datetime(2026, 1, 1, tzinfo=UTC)
names = st.sampled_from(sorted(VARIABLES))
troubles = st.one_of(
    st.none(),
    st.builds(
        Trouble,
        st.sampled_from(("store", "provider")),
        st.integers(1, 6),
        st.booleans(),
        st.booleans(),
    ),
)
moods = st.sampled_from(("well", "well", "offline", "ill", "cutting", "lying"))


persons = st.builds(Person, st.sampled_from((None, True, False, False)))


class UpkeepMachine(Household):
    @rule(name=names, ends_at=st.sampled_from((None, None, None, PAST)), trouble=troubles)
    def adds(self, name: str, ends_at: datetime | None, trouble: Trouble | None) -> None:
        value = self.world.make(name)
        self.do("add", trouble, lambda: self.put(name, value, ends_at))

    @rule(name=names, is_late=st.booleans())
    def dies_while_adding(self, name: str, is_late: bool) -> None:
        self.adds(name, None, Trouble("store", 1, True, is_late))

    @rule(mood=moods, is_failing=st.booleans())
    def checks(self, mood: str, is_failing: bool) -> None:
        def check() -> None:
            session = self.open()
            checked = check_tokens(session, self.providers(), session.visible())
            remember(session, checked)

        trouble = Trouble("provider", 1, False, False) if is_failing else None
        self.do("check", trouble, check, mood)

    @rule(
        name=names,
        is_good=st.booleans(),
        account=st.sampled_from((ACCOUNT, ACCOUNT, OTHER_ACCOUNT)),
        check=st.booleans(),
        is_piped=st.booleans(),
        person=persons,
        mood=moods,
        trouble=troubles,
    )
    def rotates_by_hand(
        self,
        name: str,
        is_good: bool,
        account: str,
        check: bool,
        is_piped: bool,
        person: Person,
        mood: str,
        trouble: Trouble | None,
    ) -> None:
        value = self.world.make(name, account=account)
        self.world.made[value].is_live = is_good
        given = {VARIABLES[name]: Secret(value)}
        self.do(
            "by hand",
            trouble,
            lambda: self.rotator(name, person).by_hand(
                lambda: given, grace=None, check=check, is_piped=is_piped
            ),
            mood,
        )

    @rule(name=names, person=persons, mood=moods, trouble=troubles)
    def is_put_right_and_rotates(
        self, name: str, person: Person, mood: str, trouble: Trouble | None
    ) -> None:
        self.put_right(name)
        self.rotates(name, person, mood, trouble)

    @rule(name=names, person=persons, mood=moods, trouble=troubles)
    def rotates(self, name: str, person: Person, mood: str, trouble: Trouble | None) -> None:
        told = set(self.world.told)
        end = self.do(
            "auto",
            trouble,
            lambda: self.rotator(name, person).automatic(grace=None, lifetime=None),
            mood,
        )
        if end != "killed" and self.world.told != told:
            assert (self.world.told - told) <= self.find_all(), "an answer that came was not kept"
        if self.token(name).rotation is None:
            self.forget_asking()  # it was refused, or it is finished

    @rule(
        name=names,
        at=st.sampled_from(("store", "store", "provider")),
        nth=st.integers(1, 4),
        is_late=st.booleans(),
        answer=st.sampled_from((None, True, False)),
        mood=moods,
    )
    def dies_while_rotating_and_resumes(
        self, name: str, at: str, nth: int, is_late: bool, answer: bool | None, mood: str
    ) -> None:
        self.put_right(name)
        self.rotates(name, Person(None), "well", Trouble(at, nth, True, is_late))
        if self.token(name).rotation is not None:
            again = Trouble(at, 1, True, is_late) if mood == "well" else None
            self.resumes_one(self.token(name), True, Person(answer), mood, again)

    @precondition(lambda self: any(t.rotation for t in self.tokens()))
    @rule(check=st.booleans(), person=persons, mood=moods, trouble=troubles)
    def resumes(self, check: bool, person: Person, mood: str, trouble: Trouble | None) -> None:
        token = next(t for t in self.tokens() if t.rotation)
        self.resumes_one(token, check, person, mood, trouble)

    def resumes_one(
        self, token: Token, check: bool, person: Person, mood: str, trouble: Trouble | None
    ) -> None:
        name, begun = token.key.name, token.rotation
        asked = set(self.has_asked)
        self.do("resume", trouble, lambda: self.rotator(name, person).resume(check=check), mood)
        assert self.has_asked == asked
        if begun is not None and begun.stage is Stage.ASKING:
            assert self.token(name).rotation == begun

    @precondition(lambda self: any(t.rotation for t in self.tokens()))
    @rule(is_sure=st.booleans(), trouble=troubles)
    def gives_up(self, is_sure: bool, trouble: Trouble | None) -> None:
        self.gives_up_one(next(t for t in self.tokens() if t.rotation), is_sure, trouble)

    def gives_up_one(self, token: Token, is_sure: bool, trouble: Trouble | None) -> None:
        name, begun = token.key.name, token.rotation
        assert begun is not None
        if is_sure and begun.stage is Stage.ANSWERED:  # somebody says that it may be lost
            self.given_up |= self.find_all() - {*self.read().values()}
        rotator = self.rotator(name, Person(None))
        end = self.do("abort", trouble, lambda: rotator.abort(is_sure=is_sure))
        if end == "done":
            assert self.token(name).rotation is None
        if is_sure and trouble is None:
            assert end == "done"
        if self.token(name).rotation is None:
            self.forget_asking()

    @rule(
        name=names,
        number=st.sampled_from((None, None, 1, 2, 3, 4)),
        is_compromised=st.booleans(),
        is_sure=st.booleans(),
        person=persons,
        mood=moods,
        trouble=troubles,
    )
    def revokes(
        self,
        name: str,
        number: int | None,
        is_compromised: bool,
        is_sure: bool,
        person: Person,
        mood: str,
        trouble: Trouble | None,
    ) -> None:
        def revoke() -> None:
            session = self.open()
            revoker = Revoker(
                session, self.providers(), person, self.token(name), who="ana", wait=do_not_wait
            )
            chosen = revoker.choose(number, is_compromised=is_compromised)
            values = find_values(session, self.token(name), chosen)
            if is_compromised:
                revoker.compromise(chosen)
                self.compromised |= {str(value) for value in values.values()}
            revoker.revoke(chosen, is_sure=is_sure)

        self.is_allowed = is_sure or person.answer is True
        self.do("revoke", trouble, revoke, mood, is_allowed=self.is_allowed)

    @rule(name=names, is_current=st.booleans(), person=persons, mood=moods, trouble=troubles)
    def is_put_right_and_revokes(
        self, name: str, is_current: bool, person: Person, mood: str, trouble: Trouble | None
    ) -> None:
        self.put_right(name)
        token = self.token(name)
        former = [v.number for v in rotation.list_alive(token)]
        number = token.current.number if is_current or not former else former[-1]
        self.revokes(name, number, False, False, person, mood, trouble)

    @rule(name=names, trouble=troubles)
    def goes_back(self, name: str, trouble: Trouble | None) -> None:
        # As the command does, for a provider that says yes or no.
        def back() -> None:
            session, token = self.open(), self.token(name)
            former = [v for v in rotation.list_alive(token) if v.state is VersionState.RETIRING]
            if not former:
                raise Refused("there is none")
            version, providers = former[-1], self.providers()
            values = find_values(session, token, version)
            verdict = providers.ask(providers.find(token), token.fields, values)
            if verdict.liveness is not Liveness.LIVE:
                raise Refused("it is dead")

            def change(stored: Token) -> Token:
                finding = make_finding(verdict)
                noted = rotation.note_finding(stored, version.number, finding, None)
                return rotation.roll_back(noted, version.number, now=utc_now())

            session.change_token(token.key, change)

        self.do("back", trouble, back)

    # What happens

    @rule(name=names)
    def put_right(self, name: str) -> None:
        """Somebody looks after it: its rotation is given up, and it has a live value."""
        if self.token(name).rotation is not None:
            self.gives_up_one(self.token(name), True, None)
        self.adds(name, None, None)
        self.checks("well", False)
        assert not self.token(name).unsure

    @rule(data=st.data())
    def is_revoked_behind_our_back(self, data: st.DataObject) -> None:
        live = sorted(value for value in self.world.made if self.world.is_live(value))
        if live:
            self.world.made[data.draw(st.sampled_from(live))].is_live = False

    @precondition(lambda self: len(self.world.made) % 3 == 0)
    @rule(name=names)
    def comes_back_from_an_older_copy(self, name: str) -> None:
        self.open().change_token(self.token(name).key, lambda t: replace(t, unsure=True))


def test_nothing_is_lost_and_nothing_is_asked_twice_whatever_happens() -> None:
    done.clear()
    run_state_machine_as_test(
        UpkeepMachine,
        settings=settings(
            max_examples=150,
            stateful_step_count=30,
            derandomize=True,
            database=None,
            deadline=None,
        ),
    )
    doings = ("add", "check", "by hand", "auto", "resume", "abort", "revoke", "back")
    things = [f"{doing}, done" for doing in doings]
    things += [f"{doing}, killed" for doing in ("add", "by hand", "auto", "resume", "revoke")]
    things += ["trouble", "asked", "revoked", "dropped", "was not handed out"]
    things += ["dropped the current one"]
    assert {thing: done[thing] for thing in things if done[thing] < 3} == {}
