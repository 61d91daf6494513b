"""Snapshots, changes, values and errors arrive as they were sent."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import credman
from credman.core import errors
from credman.core.errors import CredmanError
from credman.core.model import (
    Address,
    Environment,
    Field,
    Finding,
    Liveness,
    Recipe,
    Rotation,
    Schedule,
    Stage,
    Token,
    TokenKey,
    Version,
    VersionState,
)
from credman.core.secret import Secret
from credman.oskeyring.client import KeyringUnavailable, Situation
from credman.stores import transfer
from credman.stores.base import Committed, Snapshot
from credman.stores.changes import Change, PutEnvironment, PutToken, RemoveToken, RenameToken

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
VARIABLES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)
TEXTS = st.text(max_size=20)
EXTRA: st.SearchStrategy[Mapping[str, object]] = st.dictionaries(
    TEXTS.map("x-{}".format), st.recursive(st.none() | st.booleans() | TEXTS, st.lists), max_size=2
)
INSTANTS = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1)).map(
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)
SECRETS = st.binary(max_size=40).map(lambda data: Secret.from_bytes(data.replace(b"\0", b"")))
KEYS = st.builds(TokenKey, NAMES, NAMES, NAMES)
FIELDS = st.lists(VARIABLES, min_size=1, max_size=4, unique=True)
ENVIRONMENTS = st.builds(Environment, NAMES, st.booleans(), EXTRA)
SCHEDULES = st.builds(
    Schedule,
    st.none() | TEXTS,
    st.none() | INSTANTS,
    st.lists(TEXTS, max_size=2).map(tuple),
    st.none() | TEXTS,
    EXTRA,
)
STAGES = st.sampled_from(Stage)
FORMER = [VersionState.RETIRING, VersionState.REVOKED, VersionState.COMPROMISED]
FINDINGS = st.builds(
    Finding, st.sampled_from([Liveness.LIVE, Liveness.DEAD]), INSTANTS, TEXTS, TEXTS, TEXTS, EXTRA
)
RECIPES = st.builds(Recipe, TEXTS, st.integers(0, 2**40), st.booleans(), EXTRA)
VERSIONS = st.builds(
    Version,
    st.just(1),
    st.just(VersionState.CURRENT),
    INSTANTS,
    st.just(()),
    EXTRA,
    st.none() | INSTANTS,
    st.none() | INSTANTS,
    st.none() | TEXTS,
    st.none() | INSTANTS,
    TEXTS,
    st.dictionaries(TEXTS, TEXTS, max_size=2),
    st.none() | FINDINGS,
)
ERRORS = st.builds(
    lambda kind, message, hint: kind(message, hint=hint),
    st.sampled_from([errors.RolledBack, errors.Unavailable, errors.VaultNewer]),
    TEXTS,
    TEXTS,
)


@st.composite
def tokens(draw: st.DrawFn) -> Token:
    names = draw(FIELDS)
    fields = tuple(
        Field(n, (n,), draw(st.booleans()), draw(EXTRA), draw(st.booleans())) for n in names
    )
    states = draw(st.lists(st.sampled_from(FORMER), max_size=3))
    last = draw(st.sampled_from([*FORMER, VersionState.CURRENT]))
    is_rotating = draw(st.booleans())
    states += [last, VersionState.STAGED] if is_rotating else [last]
    rotation = draw(st.builds(Rotation, st.just(len(states)), STAGES, st.booleans(), INSTANTS,
                              st.none() | TEXTS, EXTRA))  # fmt: skip
    return Token(
        draw(KEYS),
        fields,
        tuple(
            replace(draw(VERSIONS), number=number, state=state, fields=tuple(names))
            for number, state in enumerate(states, start=1)
        ),
        draw(st.none() | TEXTS),
        draw(TEXTS),
        draw(SCHEDULES),
        draw(st.booleans()),
        draw(EXTRA),
        rotation if is_rotating else None,
        draw(st.none() | RECIPES),
    )


ADDRESSES = st.builds(Address, KEYS, st.integers(0, 2**53 - 1), VARIABLES)
VALUES = st.dictionaries(ADDRESSES, SECRETS, max_size=4)
CHANGES: st.SearchStrategy[Change] = st.one_of(
    st.builds(PutToken, tokens(), VALUES, st.booleans()),
    st.builds(RemoveToken, KEYS),
    st.builds(RenameToken, KEYS, NAMES),
    st.builds(PutEnvironment, ENVIRONMENTS),
)
SNAPSHOTS = st.builds(
    Snapshot,
    TEXTS,
    st.lists(ENVIRONMENTS, max_size=3).map(tuple),
    st.lists(tokens(), max_size=3).map(tuple),
    st.lists(TEXTS, max_size=2).map(tuple),
    st.none(),
)


def through(data: object) -> object:
    return transfer.load(transfer.dump(data))


@settings(deadline=None, max_examples=40)
@given(SNAPSHOTS, st.none() | ERRORS)
def test_a_snapshot(snapshot: Snapshot, obstacle: CredmanError | None) -> None:
    sent = transfer.snapshot_to_json(replace(snapshot, obstacle=obstacle))
    found = transfer.read_snapshot(through(sent))  # type: ignore[arg-type]
    assert replace(found, obstacle=None) == snapshot
    assert describe(found.obstacle) == describe(obstacle)


@settings(deadline=None, max_examples=40)
@given(st.lists(CHANGES, max_size=4))
def test_changes(changes: list[Change]) -> None:
    assert transfer.read_changes(through(transfer.changes_to_json(changes))) == changes  # type: ignore[arg-type]


@settings(deadline=None, max_examples=40)
@given(VALUES)
def test_values_and_their_addresses(values: dict[Address, Secret]) -> None:
    found = transfer.read_values(through(transfer.values_to_json(values)))  # type: ignore[arg-type]
    assert found == values and list(found) == list(values)
    assert all(isinstance(value, Secret) for value in found.values())
    assert [v.to_bytes() for v in found.values()] == [v.to_bytes() for v in values.values()]
    sent = through(transfer.addresses_to_json(values))
    assert transfer.read_addresses(sent) == list(values)  # type: ignore[arg-type]


@pytest.mark.parametrize("kept", [None, "/a path/vault.age.bak", "/\udcff"])
def test_what_came_of_a_commit(kept: str | None) -> None:
    committed = Committed("a:1:b", ("one", "two\n"), kept)
    assert transfer.read_committed(through(transfer.committed_to_json(committed))) == committed  # type: ignore[arg-type]


@settings(deadline=None, max_examples=40)
@given(SNAPSHOTS)
def test_a_snapshot_that_is_sent_holds_no_value(snapshot: Snapshot) -> None:
    sent = through(transfer.snapshot_to_json(snapshot))
    assert isinstance(sent, dict)
    for token in sent["tokens"]:
        for version in token["versions"]:
            assert set(version["values"].values()) <= {""}


def describe(error: CredmanError | None) -> object:
    return error and (type(error), error.kind, error.exit_code, error.message, error.hint)


def find_kinds() -> list[type[CredmanError]]:
    """Every class of errors of the package."""
    for module in pkgutil.walk_packages(credman.__path__, "credman."):
        if not module.name.startswith("credman.server.start"):
            importlib.import_module(module.name)
    found, rest = [], [CredmanError]
    while rest:
        kind = rest.pop()
        found.append(kind)
        rest += kind.__subclasses__()
    return [kind for kind in found if kind.__module__.startswith("credman.")]


def test_an_error_of_every_kind() -> None:
    kinds = find_kinds()
    assert {errors.RolledBack, errors.LockTimeout, KeyringUnavailable} <= {*kinds}
    for kind in kinds:
        error = kind.__new__(kind)
        CredmanError.__init__(error, "what happened, '\udcff' and ☃", hint="what to do")
        found = transfer.read_error(through(transfer.error_to_json(error)))  # type: ignore[arg-type]
        assert describe(found) == describe(error)
        assert str(found) == str(error)


def test_an_error_whose_class_takes_other_arguments() -> None:
    error = KeyringUnavailable(Situation.LOCKED)
    found = transfer.read_error(through(transfer.error_to_json(error)))  # type: ignore[arg-type]
    assert describe(found) == describe(error)


def test_an_error_of_a_kind_that_is_not_known_is_a_failure() -> None:
    found = transfer.read_error(["never-heard-of", "message", "hint"])
    assert describe(found) == (CredmanError, "failed", 1, "message", "hint")


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[1, 2"])
def test_what_is_no_json_is_a_value_error(data: bytes) -> None:
    with pytest.raises((json.JSONDecodeError, UnicodeDecodeError)):
        transfer.load(data)
