"""Tokens and their versions: frozen metadata that a listing may show."""

from __future__ import annotations

import dataclasses
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from credman.core.model import (
    MAX_PLACES,
    Address,
    Contents,
    Environment,
    Exposure,
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


def test_a_renewal_says_since_when_the_former_version_retires_and_when_it_ends() -> None:
    later = MOMENT + timedelta(days=9)
    first = make_token(schedule=Schedule(rotate_every="90d", expires_at=later))
    second = first.with_version(replace(make_version(2, VersionState.CURRENT), created_at=later))
    (former,) = (v for v in second.versions if v.number == 1)
    assert (former.retiring_at, former.expires_at) == (later, later)
    # What its owner said of the former one is no word about the new one.
    assert second.expires_at is None and second.schedule.rotate_every == "90d"
    third = second.with_version(make_version(3, VersionState.CURRENT))
    assert former in third.versions  # what retires already is left alone


def test_what_a_provider_said_of_its_end_counts_before_what_its_owner_said() -> None:
    told, own = MOMENT + timedelta(days=1), MOMENT + timedelta(days=2)
    token = make_token(schedule=Schedule(expires_at=own))
    assert token.expires_at == own
    version = replace(token.current, expires_at=told)
    assert replace(token, versions=(version,)).expires_at == told


@pytest.mark.parametrize(
    ("states", "number"),
    [
        ("compromised", 1),
        ("revoked", 1),
        ("revoked compromised", 2),
        ("retiring revoked", 2),
        ("retiring current staged", 2),
        ("current revoked compromised", 1),
        ("retiring compromised staged", 2),
        ("revoked retiring", 1),
        ("retiring compromised retiring", 2),
        ("retiring retiring", 2),
    ],
)
def test_without_a_current_version_the_last_that_was_one_is_meant_and_none_that_retires(
    states: str, number: int
) -> None:
    versions = [make_version(n, VersionState(s)) for n, s in enumerate(states.split(), start=1)]
    token = make_token(versions=tuple(reversed(versions)))
    assert token.current.number == number
    assert token.next_number == len(versions) + 1


def test_a_revoked_token_keeps_its_variables_and_a_former_one_does_not_return() -> None:
    revoked = replace(make_version(2, VersionState.REVOKED), fields=())
    token = make_token(versions=(make_version(1, VersionState.RETIRING, "KEY"), revoked))
    assert token.current == revoked
    assert token.variables == ("ID", "OLD_ID", "KEY")


def test_a_current_version_sets_what_it_has_values_for_and_nothing_else() -> None:
    empty = replace(make_version(1, VersionState.CURRENT), fields=())
    assert make_token(versions=(empty,)).variables == ()
    kept = make_version(1, VersionState.COMPROMISED, "KEY")
    assert make_token(versions=(kept,)).variables == ("KEY",)


def test_a_version_is_found_by_its_number() -> None:
    token = make_token()
    assert token.find_version(1) == token.current
    assert token.find_version(2) is None and token.find_version(0) is None


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
        Finding(Liveness.LIVE, MOMENT),
        Exposure(MOMENT, MOMENT, 1),
        Rotation(2, Stage.ASKING, is_automatic=True, started_at=MOMENT),
        Recipe("printenv X", 60),
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


def found(*places: str, days: float = 0, count: int | None = None) -> Exposure:
    at = MOMENT + timedelta(days=days)
    return Exposure(at, at, len(places) if count is None else count, places)


def test_what_was_found_twice_is_counted_once() -> None:
    first, again = found("/a", "/b"), found("/b", "/c", days=3)
    joined = Exposure(MOMENT, MOMENT + timedelta(days=3), 3, ("/a", "/b", "/c"))
    assert first.join(again) == joined
    assert joined.join(again) == joined.join(first) == joined.join(joined) == joined
    turned = again.join(first)  # which one was written first does not matter but for the order
    assert {*turned.places} == {*joined.places} and replace(turned, places=joined.places) == joined


def test_of_many_places_some_are_kept_and_the_number_never_grows_by_looking_again() -> None:
    many = found(*(f"/{number}" for number in range(MAX_PLACES + 5)))
    kept = many.join(many)
    assert (kept.count, kept.places) == (MAX_PLACES + 5, many.places[:MAX_PLACES])
    assert kept.join(many) == kept
    more = found(*(f"/{number}" for number in range(MAX_PLACES + 7)))
    assert kept.join(more).count == MAX_PLACES + 7
    assert (
        kept.join(found("/0", "/new")).count == MAX_PLACES + 5
    )  # at least: it may be one of those


def test_what_a_newer_credman_knows_of_it_stays_on_either_side() -> None:
    ours, theirs = ({"newer": 1}, {"newer": 2, "other": 3})
    joined = replace(found("/a"), extra=ours).join(replace(found("/a"), extra=theirs))
    assert joined.extra == {"newer": 1, "other": 3}


def test_it_is_said_how_many_files() -> None:
    assert found("/a").words == "found in a file"
    assert found(count=3).words == "found in 3 files"


@pytest.mark.parametrize(
    ("state", "changes", "is_exposed"),
    [
        (VersionState.CURRENT, {}, True),
        (VersionState.CURRENT, {"exposure": None}, False),
        (VersionState.CURRENT, {"finding": Finding(Liveness.LIVE, MOMENT)}, True),
        (VersionState.CURRENT, {"finding": Finding(Liveness.DEAD, MOMENT)}, False),
        (VersionState.CURRENT, {"expires_at": MOMENT + timedelta(seconds=1)}, True),
        (VersionState.CURRENT, {"expires_at": MOMENT}, False),
        (VersionState.REVOKED, {}, False),
        (VersionState.COMPROMISED, {}, False),
    ],
)
def test_a_current_version_is_exposed_as_long_as_it_is_of_use(
    state: VersionState, changes: dict[str, Any], is_exposed: bool
) -> None:
    exposed = replace(make_version(2, state), exposure=found("/a"))
    former = replace(make_version(1, VersionState.RETIRING), exposure=found("/b"))
    # What its owner says of its end may be a guess, and does not count here.
    token = make_token(
        versions=(former, replace(exposed, **changes)), schedule=Schedule(expires_at=MOMENT)
    )
    assert token.find_exposure(MOMENT) == (found("/a") if is_exposed else None)


def test_contents_show_no_value() -> None:
    address = Address(KEY, 1, "KEY")
    contents = Contents((), (make_token(),), {address: Secret("CANARY-do-not-show")})
    assert "CANARY" not in repr(contents)
