"""What reminders know of a token: it comes back from the cache, or the token is no record."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credman.cli.cachedtokens import token_from_json, token_to_json
from credman.core.errors import CredmanError
from credman.core.intervals import OFF
from credman.core.model import (
    Exposure,
    Finding,
    Liveness,
    Recipe,
    Rotation,
    Schedule,
    Stage,
    Token,
    Version,
    VersionState,
)
from credman.watch.rules import Rules
from credman.watch.schedule import due
from tests.watch.dates import DEAD, MOMENTS, NOW, RULES, day, make_token, make_version, tokens

NO_RECORD = (CredmanError, AttributeError, KeyError, TypeError, ValueError)
"""After any of these the cache is as good as none."""


def through(token: Token) -> Token:
    """Returns: the token as it is read from the file."""
    return token_from_json(json.loads(json.dumps(token_to_json(token))))


def full() -> Token:
    old = (
        make_version(40, state=VersionState.RETIRING, retiring_at=day(-10), grace="3d",
                     expires_at=day(5)),
        make_version(30, number=2, state=VersionState.COMPROMISED, ended_at=day(-9)),
        make_version(1, number=3, state=VersionState.STAGED),
    )  # fmt: skip
    exposure = Exposure(day(-1), day(-1), 3)
    current = make_version(20, number=4, expires_at=day(50), finding=DEAD, exposure=exposure)
    return replace(
        make_token("hf", place=("prod", "work")),
        versions=(*old, current),
        provider="huggingface",
        schedule=Schedule("3mo", day(50), ("1mo", "2w", OFF), "1y"),
        unsure=True,
        rotation=Rotation(3, Stage.ANSWERED, False, day(-1)),
    )


def test_all_that_is_known_comes_back() -> None:
    assert through(full()) == full()
    assert through(make_token()) == make_token()
    said = make_token(ends=60)  # where its provider has said another end, that one counts
    told = replace(said, versions=(replace(said.current, expires_at=day(50)),))
    assert (through(said).expires_at, through(told).expires_at) == (day(60), day(50))


def test_what_is_gone_is_left_out_unless_it_is_what_there_is() -> None:
    gone = make_version(30, state=VersionState.REVOKED, fields=(), ended_at=day(-9))
    token = make_token(old=(gone,))
    assert through(token).versions == (token.current,)
    last = replace(token, versions=(gone,))
    assert through(last) == last
    assert [item.at for item in due([through(last)], NOW)] == [day(-9)]


def test_that_a_command_makes_it_comes_back_and_the_command_does_not() -> None:
    words = "printenv SECRET-WORDS"
    token = make_token(recipe=Recipe(words, 60))
    assert words not in json.dumps(token_to_json(token))
    assert through(token).recipe is not None
    assert through(make_token()).recipe is None


def test_what_a_provider_said_besides_stays_in_the_vault() -> None:
    finding = Finding(Liveness.DEAD, day(-1), "WHO", "ACCOUNT", "SCOPES", place="PLACE")
    version = make_version(finding=finding, ended_by="WHO", ids={"id": "NUMBER"})
    token = replace(make_token(note="NOTE"), versions=(version,))
    text = json.dumps(token_to_json(token))
    for word in ("WHO", "ACCOUNT", "SCOPES", "PLACE", "NUMBER", "NOTE"):
        assert word not in text
    assert through(token).current.finding == Finding(Liveness.DEAD, day(-1))
    live = replace(token, versions=(replace(version, finding=Finding(Liveness.LIVE, NOW)),))
    assert through(live).current.finding is None


def test_where_a_version_was_found_stays_in_the_vault() -> None:
    exposure = Exposure(day(-3), day(-1), 12, ("/home/alice/PLACE",), {"newer": "WORD"})
    token = make_token(old=(make_version(30, state=VersionState.RETIRING, exposure=exposure),))
    record: Any = token_to_json(token)
    assert record["versions"][0]["exposure"] == {"at": "2026-11-19T12:00:00Z", "count": 12}
    assert "exposure" not in record["versions"][1]
    found, _ = through(token).versions
    assert found.exposure == Exposure(day(-3), day(-3), 12)


@pytest.mark.parametrize(
    "bad",
    [1, True, [], {}, "3", {"at": "2026-01-01T00:00:00Z"}, {"count": 3},
     {"at": "soon", "count": 3}, {"at": "2026-01-01T00:00:00Z", "count": True},
     {"at": "2026-01-01T00:00:00Z", "count": "3"}],
    ids=str,
)  # fmt: skip
def test_a_damaged_exposure_spoils_the_record(bad: object) -> None:
    record: Any = token_to_json(full())
    record["versions"][-1]["exposure"] = bad
    with pytest.raises(NO_RECORD):
        token_from_json(record)


@pytest.mark.parametrize("text", ["a text of some kind", "90 d", "3m", "$(touch x)", "90d\n"])
def test_an_interval_that_is_not_understood_is_some_text_and_stays_in_the_vault(text: str) -> None:
    token = make_token(schedule=Schedule(text, None, (text, "3d"), text), provider=f"{text} of it")
    token = replace(token, versions=(replace(token.current, grace=text),))
    assert text not in json.dumps(token_to_json(token))
    read = through(token)
    assert read.schedule == Schedule(None, None, ("3d",), None)
    assert (read.current.grace, read.provider) == (None, None)


def strip(token: Token) -> Token:
    """Returns: the token as it is in the cache where its schedule is understood."""
    known = {"1d", "90d", "3mo", "1y", "9999y", "9999w", OFF}

    def keep(text: str | None) -> str | None:
        return text if text in known else None

    def reduce(version: Version) -> Version:
        finding = version.finding
        is_dead = finding is not None and finding.liveness is Liveness.DEAD
        return replace(version, finding=finding if is_dead else None, grace=keep(version.grace))

    own = token.schedule
    remind = tuple(text for text in own.remind_before if text in known)
    schedule = replace(
        own, rotate_every=keep(own.rotate_every), remind_before=remind, grace=keep(own.grace)
    )
    return replace(token, schedule=schedule, versions=tuple(map(reduce, token.versions)))


@given(tokens(), MOMENTS, RULES)
def test_what_is_due_is_the_same_by_the_cache(token: Token, now: Any, rules: Rules) -> None:
    def cut(moment: Any) -> Any:
        return moment and moment.replace(microsecond=0)

    token = strip(token)
    versions = [
        replace(
            v, created_at=cut(v.created_at), expires_at=cut(v.expires_at),
            retiring_at=cut(v.retiring_at), ended_at=cut(v.ended_at),
            finding=v.finding and replace(v.finding, at=cut(v.finding.at)),
            exposure=v.exposure and replace(v.exposure, at=cut(v.exposure.at)),
        )
        for v in token.versions
    ]  # fmt: skip
    begun = token.rotation
    token = replace(
        token,
        versions=tuple(versions),
        schedule=replace(token.schedule, expires_at=cut(token.schedule.expires_at)),
        rotation=begun and replace(begun, started_at=cut(begun.started_at)),
    )

    def seen(which: Token) -> list[tuple[object, ...]]:
        found = due([which], now, lambda _: rules)
        return [
            (d.key, d.kind, d.version, d.since, d.at, d.reminders, d.is_silent,
             d.exposure and d.exposure.count)
            for d in found
        ]  # fmt: skip

    is_automatic = token.rotation and replace(token.rotation, is_automatic=False)
    assert through(token).rotation == is_automatic
    assert seen(through(token)) == seen(token)


BAD: list[tuple[str, Any]] = [
    ("rotate_every", 90), ("remind_before", "3d"), ("grace", 7), ("expires_at", "2027-01-01"),
    ("expires_at", "2027-02-30T00:00:00Z"), ("unsure", 1),
    ("rotation", 1), ("rotation", {}), ("rotation", []),
    ("rotation", {"version": "3", "stage": "staged", "started_at": "2026-01-01T00:00:00Z"}),
    ("rotation", {"version": 3, "stage": "newer", "started_at": "2026-01-01T00:00:00Z"}),
    ("rotation", {"version": 3, "stage": "staged", "started_at": "yesterday"}),
    ("rotation", {"version": 3, "stage": "staged"}),
]  # fmt: skip
MOMENTS_OF_A_VERSION = ("expires_at", "retiring_at", "ended_at", "dead_at")


@pytest.mark.parametrize(("key", "bad"), BAD, ids=str)
def test_what_is_damaged_is_no_record(key: str, bad: object) -> None:
    record = token_to_json(full())
    assert token_from_json(copy.deepcopy(record)) == full()
    with pytest.raises(NO_RECORD):
        token_from_json({**record, key: bad})


@pytest.mark.parametrize("key", [*MOMENTS_OF_A_VERSION, "grace"])
@pytest.mark.parametrize("bad", [1, True, [], {}, "soon", "2027-01-01"])
def test_a_damaged_date_of_a_version_spoils_the_record(key: str, bad: object) -> None:
    record: dict[str, Any] = token_to_json(full())
    for version in record["versions"]:
        version[key] = bad
    if key == "grace" and isinstance(bad, str):  # a text that is no interval is nobody's grace
        assert {version.grace for version in token_from_json(record).versions} == {None}
        return
    with pytest.raises(NO_RECORD):
        token_from_json(record)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=9), st.lists))
def test_whatever_stands_there_is_a_rotation_or_none(something: object) -> None:
    record = token_to_json(make_token())
    if something is None:
        assert token_from_json({**record, "rotation": something}) == make_token()
        return
    with pytest.raises(NO_RECORD):
        token_from_json({**record, "rotation": something})


def test_a_record_of_an_older_credman_has_none_of_it_and_is_read() -> None:
    record: dict[str, Any] = token_to_json(full())
    for key in ("rotation", "is_made_by_command"):
        record.pop(key, None)
    for version in record["versions"]:
        for key in (*MOMENTS_OF_A_VERSION, "grace"):
            version.pop(key, None)
    token = token_from_json(record)
    assert (token.rotation, token.recipe, token.current.expires_at) == (None, None, None)
    assert [v.retiring_at for v in token.versions] == [None] * 4
