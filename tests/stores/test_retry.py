"""Somebody else commits first: the session asks again what is to be done, and loses nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from credman.core.errors import CredmanError, NameTaken, NotFound, StoreConflict
from credman.core.model import VersionState
from credman.core.secret import Secret
from credman.stores.base import Committed, Creation
from credman.stores.changes import Change
from credman.stores.memory import MemoryStore
from tests.test_session import add, open_session


class Interrupted(MemoryStore):
    """A store where somebody else commits first, as often as ``others`` gives something to do."""

    def __init__(self, *others: Callable[[MemoryStore], object]) -> None:
        super().__init__()
        self.create(Creation(Secret("EXAMPLE passphrase")))
        self.others = list(others)
        self.attempts = 0
        self._inside = False

    def commit(self, changes: Sequence[Change], *, expected_revision: str) -> Committed:
        if not self._inside:
            self.attempts += 1
            if self.others:
                self._inside = True
                self.others.pop(0)(self)
                self._inside = False
        return super().commit(changes, expected_revision=expected_revision)


def test_a_conflict_is_tried_again_on_what_is_stored_by_then() -> None:
    store = Interrupted(*(lambda s, n=n: add(s, f"other-{n}") for n in range(5)))
    add(store, "mine")
    assert store.attempts == 6
    names = {t.key.name for t in store.snapshot().tokens}
    assert names == {"mine", *(f"other-{n}" for n in range(5))}


def test_two_that_replace_get_two_versions() -> None:
    store = Interrupted(
        lambda s: None, lambda s: add(s, "api", "API", value="theirs", replace=True)
    )
    add(store, "api", "API", value="first")
    token = add(store, "api", "API", value="mine", replace=True)
    assert [v.number for v in token.versions] == [1, 2, 3]
    assert [v.state for v in token.versions].count(VersionState.CURRENT) == 1
    session = open_session(store)
    assert session.reveal(session.plan()) == {"API": "mine"}


@pytest.mark.parametrize(
    "other",
    [lambda s: add(s, "API", "OTHER"), lambda s: add(s, "other", "API")],
    ids=["name", "variable"],
)
def test_what_somebody_else_took_meanwhile_is_refused(
    other: Callable[[MemoryStore], object],
) -> None:
    store = Interrupted(other)
    with pytest.raises(NameTaken):
        add(store, "api", "API")
    assert len(store.snapshot().tokens) == 1


def test_what_somebody_else_removed_meanwhile_is_not_found() -> None:
    store = Interrupted(lambda s: None, lambda s: open_session(s).remove("api"))
    add(store, "api")
    with pytest.raises(NotFound):
        open_session(store).remove("api")


def test_a_store_that_never_settles_is_an_error() -> None:
    def touch(store: MemoryStore) -> None:
        store.commit([], expected_revision=store.snapshot().revision)

    store = Interrupted(*[touch] * 1000)
    with pytest.raises(CredmanError, match="others keep changing the store") as caught:
        add(store, "mine")
    assert not isinstance(caught.value, StoreConflict)
    assert store.snapshot().tokens == ()


def test_the_spelling_of_whoever_came_first_counts() -> None:
    store = Interrupted(lambda s: add(s, "theirs", env="Edge", profile="Work"))
    token = add(store, "mine", env="edge", profile="work")
    assert token.key == ("Edge", "Work", "mine")
    assert [e.name for e in store.snapshot().environments] == ["Edge"]
