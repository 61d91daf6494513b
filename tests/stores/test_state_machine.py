"""The file store through a session, one step after another, against a model: what is stored is what
the model says; after a sudden death it is what was there before that write, or after it.

``CREDMAN_TEST_PROFILE=fuzz`` takes more and longer ways, other ones every time.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections import Counter
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from credman.core.errors import CredmanError, RolledBack, StoreConflict
from credman.session import Session
from credman.stores.base import Creation
from credman.stores.changes import RemoveToken
from credman.stores.file import FileStore
from credman.stores.seen import LastSeen, load_last_seen
from credman.vault.container import parse_vault
from credman.vault.document import Document
from tests.stores.crashes import CALLS, DIED, run_dying
from tests.stores.model import (
    Add,
    Copy,
    Model,
    Remove,
    Rename,
    Write,
    find_visible,
    flatten,
    open_session,
)
from tests.stores.places import PASSPHRASE, find_seen, leftovers, open_vault, vault_file

MARK = "EXAMPLE-CANARY"
IS_LONG = os.environ.get("CREDMAN_TEST_PROFILE") == "fuzz"
SETTINGS = settings(
    stateful_step_count=40 if IS_LONG else 25,
    derandomize=not IS_LONG,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
RECOVERY = bytes(range(32))  # opens without a key derivation
CALLS_OF_A_WRITE = 11

environments = st.sampled_from(("default", "prod"))
token_names = st.sampled_from(("api", "Api", "web", "db"))
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
values = st.builds(
    lambda text, times: MARK + text * times, texts, st.sampled_from((1, 1, 1, 500, 9000))
)
any_write = st.one_of(
    st.builds(Add, environments, token_names, values, st.booleans()),
    st.builds(Add, environments, token_names, values, st.just(True)),
    st.builds(Remove, environments, token_names),
    st.builds(Rename, environments, token_names, token_names),
    st.builds(Copy, environments, token_names, environments),
)
done: Counter[str] = Counter()


class VaultMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.scratch = tempfile.mkdtemp()
        self.home = Path(self.scratch) / "home"
        self.vault = vault_file(self.home)
        self.backup = self.vault.with_name("vault.age.bak")
        self.store = open_vault(self.home)
        self.store.create(Creation(PASSPHRASE, RECOVERY))
        self.record = find_seen(self.home)
        self.other: FileStore | None = None
        self.model: Model = {}
        self.states: dict[str, Model] = {}
        self.note_state()

    def teardown(self) -> None:
        shutil.rmtree(self.scratch, ignore_errors=True)

    @rule(write=any_write)
    def writes(self, write: Write) -> None:
        self.apply(write, self.store)

    @rule(write=any_write, at=st.integers(1, CALLS_OF_A_WRITE + 1), is_torn=st.booleans())
    def dies_while_writing(self, write: Write, at: int, is_torn: bool) -> None:
        before = self.model
        after, refusal = self.foresee(write)
        session = open_session(self.store, write.environment)
        code = run_dying(lambda: write.run(session), at=at, is_torn=is_torn)
        found = flatten(self.read(self.vault).contents)
        if code == DIED:
            assert refusal is None and found in (before, after)
            done["died, old" if found == before else "died, new"] += 1
        else:
            assert code == (0 if refusal is None else refusal.exit_code)
            assert found == after
        self.model = found
        self.note_state()

    @rule()
    def opens_anew(self) -> None:
        self.store = open_vault(self.home)

    @rule(environment=environments)
    def looks(self, environment: str) -> None:
        session = open_session(self.store, environment)
        wanted = values_by_variable(self.model, environment)
        assert session.reveal(session.plan()) == wanted
        assert session.warnings == []
        done["looked"] += bool(wanted)

    @rule(first=any_write, second=any_write)
    def writes_after_a_look_that_is_stale(self, first: Write, second: Write) -> None:
        if self.other is None:
            self.other = open_vault(self.home)
        session = open_session(self.other, second.environment)
        stale = session.snapshot()
        looked_at = self.model
        self.apply(first, self.store)
        if self.model is not looked_at:
            with pytest.raises(StoreConflict):
                self.other.commit([], expected_revision=stale.revision)
            done["was too late"] += 1
        self.run(second, session, *self.foresee(second, looked_at))

    @precondition(lambda self: self.backup.exists())
    @rule(write=any_write)
    def has_its_backup_put_back(self, write: Write) -> None:
        newer, older = self.vault.read_bytes(), self.backup.read_bytes()
        seen, model = self.seen(), self.states[digest(older)]
        if seen.generation <= self.read(self.backup).generation:
            return  # it died before the newer one was noted
        self.vault.write_bytes(older)
        (warning,) = self.store.snapshot().warnings
        assert "older copy" in warning
        session = open_session(self.store, write.environment)
        assert session.reveal(session.plan()) == values_by_variable(model, write.environment)
        revision = self.store.snapshot().revision
        with pytest.raises(RolledBack):
            self.store.commit([RemoveToken(key) for key in model], expected_revision=revision)
        try:
            write.expect(model, model)
        except CredmanError as error:
            refusal = type(error)
        else:
            refusal = RolledBack
        with pytest.raises(refusal):
            write.run(session)
        assert (self.vault.read_bytes(), self.backup.read_bytes()) == (older, older)
        assert self.seen() == seen
        self.vault.write_bytes(newer)
        done["was put back"] += 1

    @rule(write=any_write)
    def leftovers_are_swept_by_a_write(self, write: Write) -> None:
        places = (self.vault.parent, self.record.parent)
        an_hour_ago = time.time() - 3700
        for place in places:
            for name in leftovers(place):
                os.utime(place / name, (an_hour_ago, an_hour_ago))
                done["had leftovers"] += 1
        if self.apply(write, self.store):
            assert [leftovers(place) for place in places] == [[], []]

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        document = self.read(self.vault)
        assert flatten(document.contents) == self.model
        assert self.store.snapshot().warnings == ()

    @invariant()
    def the_backup_is_an_earlier_state(self) -> None:
        if self.backup.exists():
            model = self.states[digest(self.backup.read_bytes())]
            assert flatten(self.read(self.backup).contents) == model

    @invariant()
    def the_record_is_never_ahead_of_the_vault(self) -> None:
        document, seen = self.read(self.vault), self.seen()
        ancestors = {a.generation: a.file_hash for a in document.history}
        ancestors[document.generation] = digest(self.vault.read_bytes())
        assert (seen.vault_id, seen.file_hash) == (document.vault_id, ancestors[seen.generation])

    @invariant()
    def no_file_shows_a_value(self) -> None:
        for path in self.home.rglob("*"):
            if path.is_file():
                assert path.stat().st_mode & 0o777 == 0o600
                assert MARK.encode() not in path.read_bytes()

    def foresee(
        self, write: Write, looked_at: Model | None = None
    ) -> tuple[Model, CredmanError | None]:
        looked_at = self.model if looked_at is None else looked_at
        try:
            write.expect(looked_at, looked_at)  # a session may refuse by what it looked at
            return write.expect(self.model, looked_at), None
        except CredmanError as error:
            return self.model, error

    def apply(self, write: Write, store: FileStore) -> bool:
        """Returns: whether it was written."""
        return self.run(write, open_session(store, write.environment), *self.foresee(write))

    def run(
        self, write: Write, session: Session, after: Model, refusal: CredmanError | None
    ) -> bool:
        before = self.vault.read_bytes()
        if refusal is not None:
            with pytest.raises(type(refusal)) as caught:
                write.run(session)
            assert type(caught.value) is type(refusal)
            assert self.vault.read_bytes() == before
            return False
        write.run(session)
        assert self.backup.read_bytes() == before
        assert self.seen().file_hash == digest(self.vault.read_bytes())
        self.model = after
        self.note_state()
        done["wrote"] += 1
        return True

    def note_state(self) -> None:
        self.states[digest(self.vault.read_bytes())] = self.model

    def read(self, path: Path) -> Document:
        return open_file(path.read_bytes())

    def seen(self) -> LastSeen:
        seen = load_last_seen(str(self.record))
        assert seen is not None
        return seen


@lru_cache(maxsize=64)
def open_file(file: bytes) -> Document:
    return parse_vault(file).open_with_recovery(RECOVERY)


def values_by_variable(model: Model, environment: str) -> dict[str, str]:
    return {held.variable: held.value for held in find_visible(model, environment).values()}


def digest(file: bytes) -> str:
    return hashlib.sha256(file).hexdigest()


@pytest.mark.parametrize("examples", [20, pytest.param(40, marks=pytest.mark.deep)])
def test_the_store_is_what_the_model_says_wherever_it_dies(examples: int) -> None:
    done.clear()
    chosen = settings(SETTINGS, max_examples=100 if IS_LONG else examples)
    run_state_machine_as_test(VaultMachine, settings=chosen)
    things = ("wrote", "died, old", "died, new", "looked", "was too late", "was put back")
    assert all(done[thing] >= 5 for thing in (*things, "had leftovers")), done


def test_a_write_makes_as_many_calls_as_are_tried(tmp_path: Path) -> None:
    home = tmp_path / "place"
    store = open_vault(home)
    store.create(Creation(PASSPHRASE))
    Add("default", "first", MARK, False).run(open_session(store, "default"))
    write = Add("default", "api", MARK, False)
    codes = []
    for at in (CALLS_OF_A_WRITE + 1, CALLS_OF_A_WRITE):
        session = open_session(store, "default")
        codes.append(run_dying(lambda: write.run(session), at=at, is_torn=False))  # noqa: B023
        write = Add("default", "web", MARK, False)
    assert codes == [0, DIED] and len(CALLS) == 5
