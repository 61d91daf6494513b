"""What is known of versions beside their values, and what is being done with a token, in the
document: keys that are written only where they say something, and read strictly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from credman.core.model import Contents, Liveness, Stage, Token, VersionState
from credman.vault.document import Document, parse_document, render_document
from credman.vault.records import Record
from credman.vault.tokens import check_states, read_token, token_to_json
from tests.vault.factories import make_document, make_full_document

Damage = Callable[[dict[str, Any]], None]
CARE = ("rotation", "command", "unsure")
FATE = ("expires_at", "retiring_at", "grace", "ended_at", "ended_by", "ids", "finding", "exposure")
STAGED, CURRENT = 0, 1


def make_record() -> dict[str, Any]:
    """Returns: the record of a token that uses every key."""
    contents = make_full_document().contents
    record: dict[str, Any] = token_to_json(contents.tokens[0], contents.values)
    return record


def read(record: dict[str, Any]) -> Token:
    return read_token(Record(record), {})


def with_token(token: Token) -> Document:
    document = make_full_document()
    return replace(document, contents=replace(document.contents, tokens=(token,)))


def test_a_token_of_which_nothing_is_known_has_none_of_the_keys() -> None:
    contents = make_document().contents
    record: Any = token_to_json(contents.tokens[0], contents.values)
    assert not {*CARE} & record.keys()
    assert not {*FATE} & record["versions"][0].keys()
    full = make_record()
    assert {*CARE} <= full.keys()
    assert all({*FATE} <= version.keys() for version in full["versions"])


@pytest.mark.parametrize("key", FATE)
def test_each_is_read_and_written_without_the_others(key: str) -> None:
    token = make_full_document().contents.tokens[0]
    bare: dict[str, Any] = dict.fromkeys(FATE)
    bare |= {"ended_by": "", "ids": {}, "extra": {}}
    bare[key] = getattr(token.current, key)
    versions = tuple(replace(v, **bare) for v in token.versions)
    document = with_token(replace(token, versions=versions))
    assert parse_document(render_document(document)) == document
    (record,) = (token_to_json(t, document.contents.values) for t in document.contents.tokens)
    written: Any = record["versions"]
    assert all({*FATE} & version.keys() == {key} for version in written)


@pytest.mark.parametrize("liveness", [Liveness.LIVE, Liveness.DEAD])
def test_a_finding_of_few_words(liveness: Liveness) -> None:
    token = make_full_document().contents.tokens[0]
    assert token.current.finding is not None
    finding = replace(
        token.current.finding, liveness=liveness, identity="", account="", scopes="", extra={}
    )
    versions = tuple(replace(v, finding=finding) for v in token.versions)
    document = with_token(replace(token, versions=versions))
    assert parse_document(render_document(document)) == document


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("grace", [None, "7d"])
def test_every_stage_of_a_rotation(stage: Stage, grace: str | None) -> None:
    token = make_full_document().contents.tokens[0]
    assert token.rotation is not None
    for is_automatic in (True, False):
        rotation = replace(token.rotation, stage=stage, grace=grace, is_automatic=is_automatic)
        document = with_token(replace(token, rotation=rotation))
        assert parse_document(render_document(document)) == document


def set_version(number: int, **changes: Any) -> Damage:
    return lambda record: record["versions"][number].update(changes)


def set_part(part: str, **changes: Any) -> Damage:
    def change(record: dict[str, Any]) -> None:
        held = record[part] if part in record else record["versions"][CURRENT][part]
        held.update(changes)

    return change


def drop(part: str, key: str) -> Damage:
    def change(record: dict[str, Any]) -> None:
        held = record[part] if part in record else record["versions"][CURRENT][part]
        del held[key]

    return change


WRONG_INSTANTS: tuple[object, ...] = (
    "2026-01-02",
    "2026-01-02T03:04:05+00:00",
    "",
    1,
    True,
    [],
    {},
)
NO_TEXTS: tuple[object, ...] = (1, True, [], {})
NO_OBJECTS: tuple[object, ...] = (1, "x", True, [])
NO_COUNTS: tuple[object, ...] = (None, True, -1, 1.0, 2**53, "3", [])
NO_PLACES: tuple[object, ...] = (
    None,
    "/home/alice",
    {"0": "/home/alice"},
    ["/home/alice", None],
    [7],
    [["/home/alice"]],
)
DAMAGED: dict[str, Damage] = {
    **{
        f"{key} is {wrong!r}": set_version(CURRENT, **{key: wrong})
        for key in ("expires_at", "retiring_at", "ended_at")
        for wrong in WRONG_INSTANTS
    },
    **{
        f"{key} is {wrong!r}": set_version(CURRENT, **{key: wrong})
        for key in ("grace", "ended_by")
        for wrong in NO_TEXTS
    },
    **{
        f"{key} is {wrong!r}": set_version(CURRENT, **{key: wrong})
        for key in ("ids", "finding", "exposure")
        for wrong in NO_OBJECTS
    },
    "an id is a number": set_version(CURRENT, ids={"id": 17}),
    "an id is null": set_version(CURRENT, ids={"id": None}),
    "a finding is unknown": set_part("finding", liveness="unknown"),
    "a finding is newer": set_part("finding", liveness="newer"),
    "a finding has no liveness": drop("finding", "liveness"),
    "a finding has no date": drop("finding", "at"),
    "a finding has a wrong date": set_part("finding", at="yesterday"),
    "an identity is a list": set_part("finding", identity=["alice"]),
    "an account is a number": set_part("finding", account=7),
    "scopes are a list": set_part("finding", scopes=["read"]),
    **{
        f"an exposure's {key} is {wrong!r}": set_part("exposure", **{key: wrong})
        for key in ("at", "seen_at")
        for wrong in (None, *WRONG_INSTANTS)
    },
    **{
        f"an exposure's count is {wrong!r}": set_part("exposure", count=wrong)
        for wrong in NO_COUNTS
    },
    **{
        f"an exposure's places are {wrong!r}": set_part("exposure", places=wrong)
        for wrong in NO_PLACES
    },
    **{
        f"an exposure has no {key}": drop("exposure", key)
        for key in ("at", "seen_at", "count", "places")
    },
    "a rotation is a text": lambda record: record.update(rotation="staged"),
    "a rotation is empty": lambda record: record.update(rotation={}),
    "a stage is newer": set_part("rotation", stage="newer"),
    "a stage is null": set_part("rotation", stage=None),
    "a rotation has no version": drop("rotation", "version"),
    "a rotation makes a version by name": set_part("rotation", version="1"),
    "a rotation makes a negative version": set_part("rotation", version=-1),
    "automatic is 1": set_part("rotation", automatic=1),
    "automatic is missing": drop("rotation", "automatic"),
    "a rotation began at no time": drop("rotation", "started_at"),
    "a rotation's grace is a number": set_part("rotation", grace=7),
    "a command is a text": lambda record: record.update(command="printenv X"),
    "a command is empty": lambda record: record.update(command={}),
    "a command's text is a list": set_part("command", text=["printenv", "X"]),
    "a command's time is a text": set_part("command", ttl_seconds="3000"),
    "a command's time is negative": set_part("command", ttl_seconds=-1),
    "a command's time is a float": set_part("command", ttl_seconds=1.5),
    "a command's time is missing": drop("command", "ttl_seconds"),
    "shell is 1": set_part("command", shell=1),
    "shell is missing": drop("command", "shell"),
    "unsure is a text": lambda record: record.update(unsure="yes"),
    "the rotation makes a version that is not there": set_part("rotation", version=9),
    "the rotation makes the current version": set_part("rotation", version=CURRENT + 1),
    "a version is staged by no rotation": lambda record: record.pop("rotation"),
    "a second version is staged": set_version(2, state="staged"),
    "what the rotation makes is not staged": set_version(STAGED, state="retiring"),
    "every version is staged": lambda record: record.update(versions=record["versions"][:1]),
    "two versions are current": set_version(2, state="current"),
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED.keys())
def test_damage_is_refused(damage: Damage) -> None:
    record = make_record()
    read(make_record())
    damage(record)
    with pytest.raises((ValueError, TypeError, KeyError)):
        read(record)


@pytest.mark.parametrize(
    ("states", "making", "is_sound"),
    [
        ("current", None, True),
        ("retiring current", None, True),
        ("revoked", None, True),
        ("compromised", None, True),
        ("retiring revoked", None, True),
        ("current staged", 2, True),
        ("staged current", 1, True),
        ("compromised staged", 2, True),
        ("", None, False),
        ("staged", None, False),
        ("staged", 1, False),
        ("current current", None, False),
        ("current staged", None, False),
        ("current staged", 1, False),
        ("current staged", 3, False),
        ("current retiring", 2, False),
        ("current staged staged", 3, False),
    ],
)
def test_which_states_go_together(states: str, making: int | None, is_sound: bool) -> None:
    token = make_full_document().contents.tokens[0]
    assert token.rotation is not None
    rotation = None if making is None else replace(token.rotation, version=making)
    versions = tuple(
        replace(token.current, number=number, state=VersionState(state))
        for number, state in enumerate(states.split(), start=1)
    )
    token = replace(token, versions=versions, rotation=rotation)
    if is_sound:
        check_states(token)
    else:
        with pytest.raises(ValueError, match=r"^$"):
            check_states(token)


def test_a_token_whose_every_value_has_gone() -> None:
    token = make_full_document().contents.tokens[0]
    ended = replace(token.current, state=VersionState.REVOKED, fields=())
    token = replace(token, versions=(ended,), rotation=None)
    document = make_document(contents=Contents((), (token,), {}))
    assert parse_document(render_document(document)) == document
