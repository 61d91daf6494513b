"""A provider as a model: it keeps what it made, and what happened to it. And a store that dies.

It is the provider, and no mock of credman: what is sent to it are the real requests.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from credman.core.errors import Unavailable
from credman.core.model import Address
from credman.core.secret import Secret
from credman.providers.client import Answer, NoAnswer, Request
from credman.stores.base import Committed, Creation, Snapshot
from credman.stores.changes import Change
from credman.stores.memory import MemoryStore

ACCOUNT, OTHER_ACCOUNT = "17", "18"


class Killed(BaseException):
    """The process is no more; nothing catches this."""


@dataclass
class Trouble:
    """Args:
    at: ``store`` or ``provider``.
    nth: the how-manieth call it is, from 1.
    is_death: else it is an error.
    is_late: what was asked for is done nevertheless.
    """

    at: str
    nth: int
    is_death: bool
    is_late: bool
    met: bool = False


@contextmanager
def struck(trouble: Trouble | None, at: str, error: BaseException) -> Iterator[None]:
    """Around a call that does something: it goes wrong before or after if its turn has come."""
    is_now = trouble is not None and trouble.at == at
    if trouble is not None and is_now:
        trouble.nth -= 1
        is_now = trouble.nth == 0
        trouble.met = trouble.met or is_now
    if trouble is not None and is_now and not trouble.is_late:
        raise Killed if trouble.is_death else error
    yield
    if trouble is not None and is_now:
        raise Killed if trouble.is_death else error


class DyingStore:
    """A store whose writes may fail, or be the last thing that is done."""

    def __init__(self) -> None:
        self._store = MemoryStore()
        self._store.create(Creation(None))
        self.trouble: Trouble | None = None

    def exists(self) -> bool:
        return True

    def create(self, creation: Creation) -> None:
        self._store.create(creation)

    def snapshot(self) -> Snapshot:
        return self._store.snapshot()

    def reveal(self, addresses: Iterable[Address]) -> dict[Address, Secret]:
        return self._store.reveal(addresses)

    def commit(self, changes: Sequence[Change], *, expected_revision: str) -> Committed:
        with struck(self.trouble, "store", Unavailable("the disk is full")):
            return self._store.commit(changes, expected_revision=expected_revision)

    def describe(self) -> dict[str, str]:
        return self._store.describe()


@dataclass
class Made:
    """A value that the provider made. Args: by: the one that asked for it; empty: a person did."""

    value: str
    account: str
    by: str = ""
    is_live: bool = True


@dataclass
class World:
    """Both kinds of providers: gitlab ends the old value when it makes a new one, perplexity not.

    Args:
        rotating: called with the value that asks for its successor.
        revoking: called with the value that is to end.
    told: the values that were in an answer.
    is_offline: nothing arrives.
    is_ill: it answers 503 to everything.
    is_cutting: of an answer with a new value only the first part comes.
    is_lying: it says that it ended a value, and did not.
    """

    rotating: Callable[[str], None]
    revoking: Callable[[str], None]
    made: dict[str, Made] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    trouble: Trouble | None = None
    is_offline: bool = False
    is_ill: bool = False
    is_cutting: bool = False
    is_lying: bool = False

    def make(self, name: str, *, account: str = ACCOUNT, by: str = "") -> str:
        value = f"{name}-{len(self.made):06d}-{'x' * 20}"
        self.made[value] = Made(value, account, by)
        return value

    def is_live(self, value: str) -> bool:
        return value in self.made and self.made[value].is_live

    def send(self, request: Request) -> Answer:
        if self.is_offline:
            raise NoAnswer("no network", is_sent=False)
        trouble = self.trouble
        is_late = trouble is not None and trouble.is_late
        with struck(trouble, "provider", NoAnswer("the connection broke", is_sent=is_late)):
            answer = self._answer(request)
        self._note_told(answer)
        return answer

    def _note_told(self, answer: Answer) -> None:
        text = answer.body.decode()
        self.told |= {value for value, made in self.made.items() if made.by and value in text}

    def _answer(self, request: Request) -> Answer:
        if self.is_ill:
            return _say(503, {"error": "later"})
        authorization = request.headers.get("Authorization", "").removeprefix("Bearer ")
        value = request.headers.get("PRIVATE-TOKEN") or authorization
        path = request.url.partition("?")[0]
        if path.endswith(("/self/rotate", "/generate_auth_token")):
            return self._rotate(value, path)
        if request.method == "DELETE":
            return self._revoke(value, value)
        if path.endswith("/revoke_auth_token"):
            return self._revoke(json.loads(request.body or b"{}")["auth_token"], value)
        if not self.is_live(value):
            return _say(401, {"error": "no such token"})
        account = self.made[value].account
        return _say(200, {"name": "ci", "user_id": int(account), "active": True, "scopes": ["api"]})

    def _rotate(self, old: str, path: str) -> Answer:
        self.rotating(old)
        if not self.is_live(old):
            for made in self.made.values():
                if made.by == old and "gitlab" in path:
                    made.is_live = False  # who comes again with an old value has stolen it
            return _say(401, {"error": "no such token"})
        new = self.make(old.partition("-")[0], account=self.made[old].account, by=old)
        if "gitlab" in path:
            self.made[old].is_live = False
            answer = _say(200, {"id": 7, "expires_at": "2099-01-01", "token": new})
        else:
            answer = _say(200, {"token_name": "x", "auth_token": new})
        if self.is_cutting:
            return Answer(200, {}, answer.body[:-20], is_whole=False)
        return answer

    def _revoke(self, value: str, by: str) -> Answer:
        self.revoking(value)
        if not self.is_live(by):
            return _say(401, {"error": "no such token"})
        self.made[value].is_live = self.is_lying and self.is_live(value)
        return _say(204 if value.startswith("gitlab") else 200, {})


def _say(status: int, data: object) -> Answer:
    return Answer(status, {}, json.dumps(data).encode())
