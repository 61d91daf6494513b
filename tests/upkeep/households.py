"""What the state machine of tokens and their providers stands on: how a thing is done, and what
holds after each."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime

from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
)

from credman.core.config import Config
from credman.core.errors import CredmanError, Refused
from credman.core.model import (
    Address,
    Field,
    Finding,
    Liveness,
    Stage,
    Token,
    VersionState,
)
from credman.core.scope import Selection
from credman.core.secret import Secret
from credman.providers.verdicts import utc_now
from credman.session import Session
from credman.stores.additions import NewToken
from credman.upkeep.common import Providers
from credman.upkeep.rotating import Rotator
from credman.vault.tokens import check_states
from credman.watch import rotation
from tests.providers.factories import CATALOGUE
from tests.upkeep.worlds import ACCOUNT, DyingStore, Killed, Trouble, World

VARIABLES = {"gitlab": "GITLAB_TOKEN", "perplexity": "PERPLEXITY_API_KEY"}
done: Counter[str] = Counter()


@dataclass
class Person:
    """Args: answer: to every question; None: nobody is there."""

    answer: bool | None

    def note(self, text: str) -> None:
        assert "-xxxx" not in text, "a value"

    warn = note

    def open_page(self, url: str) -> None:
        self.note(url)

    def confirm(self, question: str) -> bool:
        self.note(question)
        if self.answer is None:
            raise Refused("nobody is here to answer")
        return self.answer

    def uninterrupted(self) -> AbstractContextManager[None]:
        return nullcontext()

    def is_attended(self) -> bool:
        return self.answer is not None


class Household(RuleBasedStateMachine):
    """Two tokens, their providers, and what is known of both. It has no rules of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.store = DyingStore()
        self.world = World(self.note_rotation, self.note_revocation)
        self.compromised: set[str] = set()
        self.held: set[str] = set()
        self.given_up: set[str] = set()
        self.has_asked: set[str] = set()
        self.is_allowed = False
        for name in VARIABLES:
            self.put(name, self.world.make(name), None)
        self.before = self.read()

    # What holds

    @invariant()
    def what_is_stored_is_in_order(self) -> None:
        for token in self.tokens():
            check_states(token)

    @invariant()
    def what_was_made_and_stored_is_there_or_dead(self) -> None:
        found = self.find_all()
        self.held |= found & {v for v, made in self.world.made.items() if made.by}
        lost = {v for v in self.held - found - self.given_up if self.world.is_live(v)}
        assert not lost

    @invariant()
    def what_is_handed_out_may_be(self) -> None:
        for token in self.tokens():
            session = self.open()
            try:
                given = session.reveal(session.plan([token.key.name]))
            except Refused:
                done["was not handed out"] += 1
                continue
            current = token.current
            assert current.state is VersionState.CURRENT
            assert token.expires_at is None or token.expires_at > datetime.now(UTC)
            assert not {str(value) for value in given.values()} & self.compromised
            assert [str(value) for value in given.values()] == [
                self.read()[token.key.name, current.number]
            ]

    # How it is done

    def do(
        self,
        what: str,
        trouble: Trouble | None,
        action: Callable[[], object],
        mood: str = "well",
        *,
        is_allowed: bool = False,
    ) -> str:
        """Does it, and looks at what has gone since."""
        self.before = before = self.read()
        current = {(t.key.name, t.current.number) for t in self.tokens()}
        staged = {(t.key.name, t.rotation.version) for t in self.tokens() if t.rotation}
        was_live = {value for value in before.values() if self.world.is_live(value)}
        self.store.trouble = self.world.trouble = trouble
        world = self.world
        world.is_offline, world.is_ill = mood == "offline", mood == "ill"
        world.is_cutting, world.is_lying = mood == "cutting", mood == "lying"
        end, said = "done", ""
        try:
            action()
        except Killed:
            end = "killed"
        except CredmanError as error:
            end, said = "refused", f"{error.message} {error.hint}"
        assert "-xxxx" not in said, "a value"
        self.store.trouble = world.trouble = None
        world.is_offline = world.is_ill = world.is_cutting = world.is_lying = False
        done[f"{what}, {end}"] += 1
        done["trouble"] += bool(trouble and trouble.met)
        after = self.read()
        for place in before.keys() - after.keys() - staged:
            value = before[place]
            assert not world.is_live(value), f"{what} dropped what is live"
            done["dropped"] += 1
            if place in current and value in was_live:
                assert is_allowed, f"{what} ended the current value, and nobody said yes"
                done["dropped the current one"] += 1
        self.is_allowed = False
        self.what_was_made_and_stored_is_there_or_dead()
        return end

    def note_rotation(self, value: str) -> None:
        token = self.find_owner(value)
        assert token.rotation is not None and token.rotation.stage is Stage.ASKING
        assert token.rotation.is_automatic and not token.unsure
        assert value not in self.has_asked, "it asked twice"
        self.has_asked.add(value)
        done["asked"] += 1

    def note_revocation(self, value: str) -> None:
        token = self.find_owner(value)
        assert not token.unsure and token.rotation is None
        current = token.current
        if not self.is_allowed:
            assert self.read()[token.key.name, current.number] != value
            assert current.state is VersionState.CURRENT and rotation.is_verified(current)
        done["revoked"] += 1

    def forget_asking(self) -> None:
        self.has_asked.clear()

    def find_owner(self, value: str) -> Token:
        name = next(name for (name, _), stored in self.read().items() if stored == value)
        return self.token(name)

    def read(self) -> dict[tuple[str, int], str]:
        """Returns: the values by name and number; not those that stand in a raw answer."""
        places = {
            Address(t.key, v.number, f): (t.key.name, v.number)
            for t in self.tokens()
            for v in t.versions
            for f in v.fields
            if f != rotation.ANSWER
        }
        return {places[a]: str(value) for a, value in self.store.reveal(places).items()}

    def find_all(self) -> set[str]:
        """Returns: all values that are stored, those in raw answers as well."""
        places = [
            Address(t.key, v.number, rotation.ANSWER)
            for t in self.tokens()
            for v in t.versions
            if rotation.ANSWER in v.fields
        ]
        raw = "".join(
            base64.b64decode(json.loads(kept)["body"]).decode()
            for kept in self.store.reveal(places).values()
        )
        return {*self.read().values(), *(value for value in self.world.made if value in raw)}

    def tokens(self) -> tuple[Token, ...]:
        return self.store.snapshot().tokens

    def token(self, name: str) -> Token:
        return next(t for t in self.tokens() if t.key.name == name)

    def open(self) -> Session:
        return Session(self.store, Config(), Selection())

    def providers(self) -> Providers:
        return Providers(CATALOGUE, self.world, {})

    def rotator(self, name: str, person: Person) -> Rotator:
        return Rotator(self.open(), self.providers(), person, self.token(name), wait=do_not_wait)

    def put(self, name: str, value: str, ends_at: datetime | None) -> None:
        variable = VARIABLES[name]
        finding = Finding(Liveness.LIVE, utc_now(), "ci", ACCOUNT)
        new = NewToken(
            name, (Field(variable, (variable,)),), name, replace=True, ends_at=ends_at,
            finding=finding,
        )  # fmt: skip
        self.open().add(new, {variable: Secret(value)})


def do_not_wait(seconds: float) -> None:
    """The world of a test does not change meanwhile."""
