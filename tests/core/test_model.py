"""Tokens and their versions: frozen metadata that a listing may show."""

from __future__ import annotations

import dataclasses
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from credman.core.model import (
    Address,
    Contents,
    Environment,
    Field,
    Schedule,
    Token,
    TokenKey,
    Version,
    VersionState,
)
from credman.core.secret import Secret

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEY = TokenKey("prod", "work", "api")


def make_version(number: int, state: VersionState, *fields: str) -> Version:
    return Version(number, state, MOMENT, fields or ("ID", "KEY"))


def make_token(**changes: Any) -> Token:
    token = Token(
        key=KEY,
        fields=(Field("ID", ("ID", "OLD_ID"), secret=False), Field("KEY", ("KEY",))),
        versions=(make_version(1, VersionState.CURRENT),),
    )
    return replace(token, **changes)


def test_keys_compare_regardless_of_case() -> None:
    assert TokenKey("Prod", "WORK", "Api") != KEY
    assert KEY.folded() == TokenKey("Prod", "WORK", "Api").folded()
    assert KEY.folded() != TokenKey("prod", "work", "api2").folded()


def test_the_current_version_is_found_wherever_it_stands() -> None:
    states = (VersionState.REVOKED, VersionState.CURRENT, VersionState.STAGED)
    token = make_token(versions=tuple(make_version(n, s) for n, s in enumerate(states, start=1)))
    assert token.current.number == 2


def test_variables_are_those_of_the_current_version_in_field_order() -> None:
    assert make_token().variables == ("ID", "OLD_ID", "KEY")
    token = make_token(versions=(make_version(1, VersionState.CURRENT, "KEY"),))
    assert token.variables == ("KEY",)


@pytest.mark.parametrize(
    ("given", "found"),
    [("ID", "ID"), ("OLD_ID", "ID"), ("KEY", "KEY"), ("NONE", None), ("id", None), ("", None)],
)
def test_a_field_is_found_by_name_or_variable(given: str, found: str | None) -> None:
    field = make_token().find_field(given)
    assert (field and field.name) == found


def test_a_new_version_leaves_the_former_one_retiring() -> None:
    token = make_token(
        versions=(
            make_version(1, VersionState.COMPROMISED),
            make_version(2, VersionState.CURRENT),
            make_version(3, VersionState.STAGED),
        )
    )
    renewed = token.with_version(make_version(4, VersionState.CURRENT))
    assert [v.state for v in renewed.versions] == [
        VersionState.COMPROMISED,
        VersionState.RETIRING,
        VersionState.STAGED,
        VersionState.CURRENT,
    ]
    assert renewed.current.number == 4
    assert token.current.number == 2  # the token it was made of did not change


def test_contents_find_regardless_of_case() -> None:
    contents = Contents((Environment("Prod", isolated=True),), (make_token(),))
    assert contents.find_token(TokenKey("PROD", "Work", "API")) == make_token()
    assert contents.find_token(KEY._replace(profile="default")) is None
    environment = contents.find_environment("pROD")
    assert environment is not None and environment.isolated
    assert contents.find_environment("prod2") is None


@pytest.mark.parametrize(
    "thing",
    [
        make_token(),
        make_token().fields[0],
        make_token().current,
        Schedule(),
        Environment("prod"),
        Contents(),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_nothing_can_be_changed_in_place(thing: Any) -> None:
    for field in dataclasses.fields(thing):
        with pytest.raises(FrozenInstanceError):
            setattr(thing, field.name, None)
    with pytest.raises((FrozenInstanceError, TypeError, AttributeError)):
        thing.something_new = 1


def test_contents_show_no_value() -> None:
    address = Address(KEY, 1, "KEY")
    contents = Contents((), (make_token(),), {address: Secret("CANARY-do-not-show")})
    assert "CANARY" not in repr(contents)
