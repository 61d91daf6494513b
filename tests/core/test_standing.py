"""Whether a token may be handed out: what bars it is said by its name, and nothing else bars it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from credman.core.errors import Refused
from credman.core.model import (
    Field,
    Finding,
    Liveness,
    Rotation,
    Schedule,
    Stage,
    Token,
    TokenKey,
    Version,
    VersionState,
)
from credman.core.standing import (
    find_bar,
    is_dead,
    is_expired,
    name_with_place,
    refuse_barred,
    refuse_unfinished,
    refuse_unsure,
)

NOW = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def make_token(
    name: str = "api",
    state: VersionState = VersionState.CURRENT,
    *,
    version: dict[str, Any] | None = None,
    **changes: Any,
) -> Token:
    made = replace(Version(1, state, NOW, ("API",)), **(version or {}))
    token = Token(TokenKey("prod", "work", name), (Field("API", ("API",)),), (made,))
    return replace(token, **changes)


def make_finding(liveness: Liveness) -> Finding:
    return Finding(liveness, NOW)


@pytest.mark.parametrize(
    ("state", "bar"),
    [
        (VersionState.CURRENT, ""),
        (VersionState.RETIRING, "has no current version"),
        (VersionState.REVOKED, "was revoked"),
        (VersionState.COMPROMISED, "is compromised"),
    ],
)
def test_the_state_of_what_would_be_handed_out(state: VersionState, bar: str) -> None:
    assert find_bar(make_token(state=state), NOW) == bar


def test_what_retires_does_not_take_the_place_of_what_was_stolen() -> None:
    token = make_token(state=VersionState.COMPROMISED)
    retiring = Version(2, VersionState.RETIRING, NOW, ("API",))
    assert find_bar(replace(token, versions=(*token.versions, retiring)), NOW) == "is compromised"


@pytest.mark.parametrize(
    ("place", "named"),
    [
        (("default", "default"), "api"),
        (("prod", "default"), "api -e prod"),
        (("default", "work"), "api -p work"),
        (("prod", "work"), "api -e prod -p work"),
    ],
)
def test_a_hint_names_the_place_where_it_is_not_the_usual_one(
    place: tuple[str, str], named: str
) -> None:
    assert name_with_place(TokenKey(*place, "api")) == named


def test_a_version_that_is_being_made_does_not_count() -> None:
    staged = Version(2, VersionState.STAGED, NOW, ("API",), expires_at=NOW - SECOND)
    token = make_token()
    assert find_bar(replace(token, versions=(*token.versions, staged)), NOW) == ""


def test_a_token_ends_at_the_second_that_was_said_and_not_before() -> None:
    for token in (
        make_token(version={"expires_at": NOW}),
        make_token(schedule=Schedule(expires_at=NOW)),
    ):
        assert find_bar(token, NOW - SECOND) == "" and not is_expired(token, NOW - SECOND)
        assert find_bar(token, NOW) == "expired on 2026-06-01" and is_expired(token, NOW)
    assert not is_expired(make_token(), datetime.max.replace(tzinfo=UTC))


def test_the_provider_counts_before_the_owner_and_a_theft_before_the_end() -> None:
    own = Schedule(expires_at=NOW)
    token = make_token(version={"expires_at": NOW + SECOND}, schedule=own)
    assert find_bar(token, NOW) == ""
    stolen = make_token(state=VersionState.COMPROMISED, schedule=own)
    assert find_bar(stolen, NOW) == "is compromised"


def test_a_dead_finding_warns_and_does_not_bar() -> None:
    dead = make_token(version={"finding": make_finding(Liveness.DEAD)})
    assert is_dead(dead) and find_bar(dead, NOW) == ""
    assert not is_dead(make_token(version={"finding": make_finding(Liveness.LIVE)}))
    assert not is_dead(make_token())


def test_all_that_are_barred_are_named_once_and_the_others_are_not() -> None:
    ended, good = make_token("ended", version={"expires_at": NOW}), make_token("good")
    gone = make_token("gone", VersionState.REVOKED)
    refuse_barred([good, make_token("other")], NOW)
    refuse_barred([], NOW)
    with pytest.raises(Refused) as caught:
        refuse_barred(iter([good, ended, gone, ended]), NOW)
    assert caught.value.message == "ended expired on 2026-06-01; gone was revoked"
    assert caught.value.hint.startswith("credman rotate ended -e prod -p work ")
    assert "good" not in caught.value.message + caught.value.hint


def test_an_unfinished_rotation_is_refused_with_the_ways_out() -> None:
    refuse_unfinished(make_token())
    making = Rotation(2, Stage.ANSWERED, is_automatic=True, started_at=NOW)
    with pytest.raises(Refused) as caught:
        refuse_unfinished(make_token(rotation=making))
    assert caught.value.message == "a rotation of api is not finished"
    assert caught.value.hint.startswith("credman rotate api -e prod -p work ")
    assert "--resume" in caught.value.hint and "--abort" in caught.value.hint


def test_what_came_back_from_an_older_copy_is_refused_until_it_was_checked() -> None:
    refuse_unsure(make_token())
    with pytest.raises(Refused) as caught:
        refuse_unsure(make_token(unsure=True))
    assert "came back from an older copy" in caught.value.message
    assert caught.value.hint.startswith("credman check api -e prod -p work ")
