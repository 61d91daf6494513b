"""Which state comes after which: against a model that forgets nothing, as far as the list of 64
reaches."""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credman.stores.lineage import (
    Relation,
    descends,
    describe_rollback,
    find_common_generation,
    relate,
)
from credman.stores.merging import succeed
from credman.stores.opened import Loaded
from credman.stores.seen import LastSeen
from credman.vault.container import SealedVault, next_document, parse_vault, seal_vault
from credman.vault.document import MAX_HISTORY, Ancestor, Document
from tests.vault.factories import make_document


@dataclass(frozen=True)
class State:
    """A file, and the truth about it. Args: ancestors: all there ever were."""

    loaded: Loaded
    ancestors: frozenset[Ancestor]

    @property
    def document(self) -> Document:
        return self.loaded.document

    @property
    def file_hash(self) -> str:
        return self.loaded.sealed.file_hash

    @property
    def name(self) -> Ancestor:
        return Ancestor(self.document.generation, self.file_hash)

    @property
    def seen(self) -> LastSeen:
        return LastSeen(self.document.vault_id, self.document.generation, self.file_hash)

    def can_tell(self, other: State) -> bool:
        """Whether the list reaches back to the generation of ``other``."""
        history = self.document.history
        is_cut = self.ancestors != frozenset(history)
        return not is_cut or other.document.generation >= min(a.generation for a in history)

    def comes_after(self, other: State) -> bool:
        return other.name == self.name or other.name in self.ancestors


@functools.cache
def make_sealed() -> SealedVault:
    return parse_vault(seal_vault(make_document(), ()))


class History:
    """Makes states as machines do that write, meet forks and merge them."""

    def __init__(self) -> None:
        self.states: list[State] = []
        self._put(make_document(), frozenset())

    def _put(self, document: Document, ancestors: frozenset[Ancestor]) -> State:
        file = f"file {len(self.states)}".encode()
        state = State(Loaded(replace(make_sealed(), file=file), document), ancestors)
        self.states.append(state)
        return state

    def write(self, after: State) -> State:
        document = next_document(after.loaded.sealed, after.document)
        return self._put(document, after.ancestors | {after.name})

    def merge(self, ours: State, theirs: State, seen: State | None = None) -> State:
        document = succeed(
            ours.document, (theirs.loaded, ours.loaded), None if seen is None else seen.seen
        )
        known = {ours.name, theirs.name} | ours.ancestors | theirs.ancestors
        return self._put(document, frozenset(known if seen is None else known | {seen.name}))

    def at(self, choice: int) -> State:
        return self.states[choice % len(self.states)]

    def write_times(self, after: State, times: int) -> State:
        for _ in range(times):
            after = self.write(after)
        return after


def make_forks(length: int, *, base: int = 3) -> tuple[History, State, State]:
    """Returns: two forks of this length after generation ``base``."""
    history = History()
    common = history.write_times(history.at(0), base - 1)
    return history, history.write_times(common, length), history.write_times(common, length)


CHOICES = st.integers(0, 10_000)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), CHOICES, st.sampled_from((1, 1, 2, 3, 40, 70))),
        st.tuples(st.just("write on"), st.just(-1), st.sampled_from((1, 2, 40))),
        st.tuples(st.just("merge"), CHOICES, CHOICES),
        st.tuples(st.just("merge with seen"), CHOICES, CHOICES),
    ),
    min_size=1,
    max_size=14,
)
met: Counter[str] = Counter()


def play(steps: list[tuple[str, int, int]]) -> tuple[History, list[State]]:
    """Returns: what was made, and the states at the end of each step."""
    history = History()
    ends = [history.at(0)]
    for step, first, second in steps:
        if step.startswith("write"):
            ends.append(history.write_times(history.at(first), second))
        else:
            seen = history.at(first + second) if step.endswith("seen") else None
            ends.append(history.merge(history.at(first), history.at(second), seen))
    return history, ends


@settings(max_examples=80, deadline=None, database=None, derandomize=True)
@given(STEPS)
def test_what_can_be_told_is_told_right(steps: list[tuple[str, int, int]]) -> None:
    history, ends = play(steps)
    for state in ends:
        document = state.document
        assert len({a.generation for a in document.history}) <= MAX_HISTORY
        assert all(a.generation < document.generation for a in document.history)
        for other in history.states:
            says = descends(document, state.file_hash, other.name)
            # What lies further back than the list reaches counts as an ancestor.
            assert says == (state.comes_after(other) or not state.can_tell(other))
            wrong = describe_rollback(document, state.file_hash, other.seen)
            if other.document.generation > document.generation:
                assert wrong is not None and "older copy" in wrong
            else:
                assert (wrong is None) == says


@settings(max_examples=80, deadline=None, database=None, derandomize=True)
@given(STEPS)
def test_two_states_relate_as_they_do(steps: list[tuple[str, int, int]]) -> None:
    _, ends = play(steps)
    for ours in ends:
        for theirs in ends:
            if not (ours.can_tell(theirs) and theirs.can_tell(ours)):
                continue
            expected = Relation.FORKED
            if ours.name == theirs.name:
                expected = Relation.SAME
            elif ours.comes_after(theirs):
                expected = Relation.OLDER
            elif theirs.comes_after(ours):
                expected = Relation.NEWER
            met[expected.name] += 1
            found = relate(ours.document, ours.file_hash, theirs.document, theirs.file_hash)
            assert found is expected
            if expected is Relation.FORKED:
                check_common(ours, theirs)


def check_common(ours: State, theirs: State) -> None:
    common = ours.ancestors & theirs.ancestors
    last = max((a.generation for a in common), default=None)
    listed = {a.generation for a in ours.document.history} & {
        a.generation for a in theirs.document.history
    }
    found = find_common_generation(ours.document, theirs.document)
    if last in listed:
        assert found == last
    assert found is None or any(a.generation == found for a in common)


def test_the_sequences_meet_every_relation() -> None:
    if not met:
        test_two_states_relate_as_they_do()
    assert met.keys() == {relation.name for relation in Relation} - {"UNRELATED"}


@pytest.mark.parametrize("length", [1, 2, 30])
def test_after_a_merge_whoever_saw_either_fork_goes_on_without_a_doubt(length: int) -> None:
    history, here, there = make_forks(length)
    assert relate(here.document, here.file_hash, there.document, there.file_hash) is Relation.FORKED
    assert find_common_generation(here.document, there.document) == 3
    merged = history.merge(here, there)
    assert merged.document.generation == here.document.generation + 1
    for state in (here, there, history.write(merged)):
        newest = merged if state in (here, there) else state
        assert describe_rollback(newest.document, newest.file_hash, state.seen) is None
    assert find_common_generation(merged.document, here.document) == 3 + length - 1


def test_a_merge_of_unequal_forks_comes_after_the_longer() -> None:
    history, here, there = make_forks(2)
    there = history.write_times(there, 5)
    merged = history.merge(here, there)
    assert merged.document.generation == there.document.generation + 1
    assert len(merged.document.history) == len(set(merged.document.history)) == 12


def test_a_generation_that_was_skipped_has_no_ancestor() -> None:
    history = History()
    old = history.write(history.at(0))
    skipped = history.write_times(old, 4)
    later = LastSeen(old.document.vault_id, 40, "a" * 64)
    restored = succeed(old.document, (old.loaded,), later)
    assert restored.generation == 41
    assert descends(restored, "b" * 64, Ancestor(40, "a" * 64))
    assert not descends(restored, "b" * 64, skipped.name)
    assert not descends(restored, "b" * 64, Ancestor(40, "c" * 64))


def test_another_vault_is_related_to_none_and_never_an_ancestor() -> None:
    history = History()
    ours = history.write(history.at(0))
    theirs = replace(ours.document, vault_id="f" * 32)
    assert relate(ours.document, ours.file_hash, theirs, ours.file_hash) is Relation.UNRELATED
    assert "another vault" in str(describe_rollback(theirs, ours.file_hash, ours.seen))
    foreign = Loaded(ours.loaded.sealed, replace(theirs, generation=90))
    seen = LastSeen("f" * 32, 99, "a" * 64)
    document = succeed(ours.document, (foreign, ours.loaded, None), seen)
    assert document.generation == 3
    assert document.history == (history.at(0).name, ours.name)


@pytest.mark.parametrize("length", [0, 1, 20])
def test_a_list_that_is_not_full_reaches_to_the_beginning(length: int) -> None:
    listed = tuple(Ancestor(number, "a" * 64) for number in range(90 - length, 90))
    document = make_document(generation=90, history=listed)
    stranger = LastSeen(document.vault_id, 2, "b" * 64)
    assert describe_rollback(document, "c" * 64, stranger) is not None
    full = replace(document, history=(*listed, *(Ancestor(9, "a" * 64),) * (64 - length)))
    assert describe_rollback(full, "c" * 64, stranger) is None


def test_a_list_that_does_not_reach_so_far_has_no_common_generation() -> None:
    _, here, there = make_forks(70)
    assert find_common_generation(here.document, there.document) is None


def test_two_states_of_one_generation_are_cut_off_together() -> None:
    history, *forks = make_forks(3, base=1)
    merged = history.merge(forks[0], forks[1])
    for _ in range(MAX_HISTORY + 3):
        merged = history.write(merged)
        for state in history.states[:7]:
            assert descends(merged.document, merged.file_hash, state.name)
