"""A vault that is locked while a provider makes a new value: its answer is not given up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import pytest

from credman.core.config import Config
from credman.core.errors import CredmanError, Locked, Refused, Unavailable
from credman.core.model import Field, Stage
from credman.core.scope import Selection
from credman.core.secret import Secret
from credman.session import Session
from credman.stores.additions import NewToken
from credman.stores.base import Committed
from credman.stores.changes import Change
from credman.upkeep.common import Providers
from credman.upkeep.rotating import Rotator
from tests.providers.factories import CATALOGUE
from tests.upkeep.worlds import DyingStore, World


class LockedStore(DyingStore):
    """Nothing can be written while it is locked."""

    left = 0

    def commit(self, changes: Sequence[Change], *, expected_revision: str) -> Committed:
        if self.left > 0:
            self.left -= 1
            raise Locked("the vault is locked")
        return super().commit(changes, expected_revision=expected_revision)


@dataclass
class Somebody:
    """Args: is_here: there is a terminal."""

    is_here: bool
    told: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.told.append(text)

    warn = open_page = note

    def confirm(self, question: str) -> bool:
        raise AssertionError(question)

    def uninterrupted(self) -> AbstractContextManager[None]:
        return nullcontext()

    def is_attended(self) -> bool:
        return self.is_here

    def show(self, text: str) -> bool:
        self.shown.append(text)
        return self.is_here


def make_token(*, replace: bool = False) -> NewToken:
    fields = (Field("GITLAB_TOKEN", ("GITLAB_TOKEN",)),)
    return NewToken("gitlab", fields, "gitlab", replace=replace)


class Room:
    """A token of GitLab whose store is locked at the moment when its answer comes."""

    def __init__(self, *, is_attended: bool, times: int) -> None:
        self.store, self.person = LockedStore(), Somebody(is_attended)
        self.world = World(self.lock, lambda value: None)
        self.waits: list[float] = []
        self.times, self.reopened, self.refused = times, 0, 0
        self.meddling: list[Callable[[], object]] = []
        self.old = self.world.make("gitlab")
        self.open().add(make_token(), {"GITLAB_TOKEN": Secret(self.old)})

    def open(self) -> Session:
        return Session(self.store, Config(), Selection())

    def reopen(self) -> Session:
        self.reopened += 1
        return self.open()

    def lock(self, value: str) -> None:
        self.store.left = self.times
        for meddle in self.meddling:
            with pytest.raises(Refused, match=r"is not finished|by another process"):
                meddle()
            self.refused += 1

    def rotate(self) -> None:
        session = self.open()
        Rotator(
            session, Providers(CATALOGUE, self.world, {}), self.person, session.own_token("gitlab"),
            wait=self.waits.append, show=self.person.show, reopen=self.reopen,
        ).automatic(grace=None, lifetime=None)  # fmt: skip

    @property
    def new(self) -> str:
        return next(value for value, made in self.world.made.items() if made.by == self.old)

    def value(self) -> str:
        session = self.open()
        (value,) = session.values(session.own_token("gitlab")).values()
        return str(value)


@pytest.mark.parametrize(("is_attended", "times"), [(True, 5), (False, 5), (False, 20)])
def test_a_vault_that_is_locked_meanwhile_is_waited_for(is_attended: bool, times: int) -> None:
    room = Room(is_attended=is_attended, times=times)
    room.rotate()
    assert room.value() == room.new and room.reopened == times
    assert sum("the vault is locked; trying again in" in t for t in room.person.told) == times
    assert room.person.shown == []


def test_an_answer_that_cannot_be_stored_is_shown_once_to_whoever_is_there() -> None:
    room = Room(is_attended=True, times=1000)
    with pytest.raises(Unavailable) as caught:
        room.rotate()
    assert "could not be stored, and was shown on the terminal, once" in caught.value.message
    (shown,) = room.person.shown
    assert room.new in shown and "the answer of GitLab, which could not be stored" in shown
    assert not [t for t in (*room.person.told, caught.value.message) if room.new in t]


def test_where_nobody_is_there_it_is_tried_for_an_hour_and_said_to_be_lost() -> None:
    room = Room(is_attended=False, times=1000)
    with pytest.raises(CredmanError) as caught:
        room.rotate()
    assert sum(room.waits) > 3600
    assert "could not be stored, and is lost; the old token may be dead" in caught.value.message
    assert room.new not in f"{caught.value.message}{caught.value.hint}{room.person.told}"
    room.store.left = 0
    begun = room.open().own_token("gitlab").rotation
    assert begun is not None and begun.stage is Stage.ASKING


def test_whoever_had_looked_before_it_began_does_not_take_the_token_away() -> None:
    room = Room(is_attended=False, times=0)
    early = [room.open() for _ in range(3)]
    for session in early:
        assert session.own_token("gitlab").rotation is None
    room.meddling = [
        lambda: early[0].remove("gitlab"),
        lambda: room.open().remove("gitlab"),
        lambda: early[1].rename("gitlab", "other"),
        lambda: early[2].add(make_token(replace=True), {"GITLAB_TOKEN": Secret("another")}),
        lambda: room.open().add(make_token(replace=True), {"GITLAB_TOKEN": Secret("another")}),
    ]
    room.rotate()
    assert room.refused == 5 and room.value() == room.new
