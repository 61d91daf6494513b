"""The targets of ``fuzz``, without atheris: all of the corpus, and inputs grown from it."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from credman.core.errors import PayloadDamaged, UsageError

# At the end: where an installed credman is tried, it stays the one that is found.
sys.path.append(str(Path(__file__).parents[1]))

from fuzz import corpora, targets
from fuzz.corpora import REGRESSIONS
from fuzz.disclosure import find_disclosure, read_fixed_texts
from fuzz.targets import TARGETS, attempt, attempt_secretly

LEAST_SEEDS = {"header": 200, "slots": 200, "vault": 200, "document": 20, "sealed": 20}
SECRET = b"EXAMPLE-CANARY"
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
each = pytest.mark.parametrize("name", TARGETS)


@each
def test_corpus_has_inputs_that_are_accepted_and_that_are_refused(name: str) -> None:
    seeds = TARGETS[name].seeds()
    assert len(set(seeds)) >= LEAST_SEEDS.get(name, 10) * 0.8
    assert max(map(len, seeds)) <= TARGETS[name].max_bytes
    assert {TARGETS[name].run(seed) for seed in seeds} == {True, False}


@each
def test_corpus_is_the_same_every_time(name: str) -> None:
    corpora.read_payload.cache_clear()
    assert TARGETS[name].seeds() == TARGETS[name].seeds()


def test_what_was_a_crash_is_none_any_more() -> None:
    kept = {folder.name: corpora.regressions(folder.name) for folder in REGRESSIONS.iterdir()}
    assert kept and all(kept.values())
    for name, found in kept.items():
        for data in found:
            TARGETS[name].run(data)


@each
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_grown_inputs_end_as_documented(name: str, data: st.DataObject) -> None:
    target = TARGETS[name]
    target.run(data.draw(grown(name))[: target.max_bytes])


@cache
def read_seeds(name: str) -> list[bytes]:
    return TARGETS[name].seeds()


@st.composite
def grown(draw: st.DrawFn, name: str) -> bytes:
    """Returns: an input of the corpus after a few cuts and insertions."""
    found = bytearray(draw(st.sampled_from(read_seeds(name))))
    words = st.sampled_from([word.encode() for word in TARGETS[name].words])
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(found)))
        cut = draw(st.integers(0, 12))
        found[place : place + cut] = draw(st.binary(max_size=6) | words)
    return bytes(found)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
@pytest.mark.parametrize("name", ["document", "sealed"])
def test_documents_with_another_part_end_as_documented(name: str, data: st.DataObject) -> None:
    document = json.loads(read_seeds(name)[1])  # the one with every field
    places = list(find_places(document))
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = data.draw(st.sampled_from(places))
        with contextlib.suppress(LookupError):  # a part of what was replaced before
            if data.draw(st.booleans()):
                holder[key] = data.draw(json_values)
            else:
                del holder[key]
    TARGETS[name].run(json.dumps(document).encode())


def find_places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = value if isinstance(value, dict) else range(len(value) if type(value) is list else 0)
    for key in keys:
        yield value, key
        yield from find_places(value[key])


@pytest.mark.parametrize(
    "error",
    [
        UsageError(f"no such thing: {SECRET.decode()}"),
        UsageError("no such thing", hint=f"not {SECRET.decode()[:9]}"),
        UsageError(f"no such thing: {SECRET!r}"),
        ValueError("no such thing"),
        PayloadDamaged("of another class"),
    ],
    ids=lambda error: repr(error)[:40],
)
def test_an_error_that_shows_its_input_is_a_finding(error: Exception) -> None:
    def fail() -> None:
        raise error

    with pytest.raises((AssertionError, ValueError)):
        attempt_secretly(fail, b"TOKEN=%s\n" % SECRET, "TOKEN")


def test_an_error_that_carries_its_input_along_is_a_finding() -> None:
    def fail() -> None:
        try:
            SECRET.decode("utf-16")
            raise ValueError(SECRET)
        except ValueError:
            raise UsageError("no such thing")  # noqa: B904  # "from None" is what is missing

    with pytest.raises(AssertionError):
        attempt_secretly(fail, SECRET, "TOKEN")


def test_eight_characters_and_the_codes_own_words_are_no_disclosure() -> None:
    fixed = read_fixed_texts(targets)
    assert find_disclosure(UsageError(SECRET.decode()[:8]), SECRET, fixed) is None
    own = UsageError("no line for people: ")
    assert find_disclosure(own, own.message.encode(), ()) and own.message in fixed
    assert find_disclosure(own, own.message.encode(), fixed) is None


@pytest.mark.parametrize("message", ["", "two\nlines", "\x1b[31m"])
def test_a_message_that_cannot_be_printed_is_a_finding(message: str) -> None:
    def fail() -> None:
        raise UsageError(message)

    with pytest.raises(AssertionError):
        attempt(fail, UsageError)
