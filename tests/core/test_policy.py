"""The configured policy: read strictly, and an environment's own over the one for all."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from credman.core.errors import UsageError
from credman.core.intervals import Interval
from credman.core.policy import Policy, parse_policy

WRITTEN: dict[str, object] = {
    "rotate_every": "3mo",
    "max_age": "90d",
    "remind": "3d, 2w",
    "grace": "1w",
    "expiry": "required",
    "providers": ["OpenAI", "huggingface"],
    "same_value": "forbidden",
}
FULL = Policy(
    rotate_every=Interval(months=3),
    max_age=Interval(days=90),
    remind=(Interval(days=14), Interval(days=3)),
    grace=Interval(days=7),
    must_expire=True,
    providers=("openai", "huggingface"),
    may_share_value=False,
)


def parse(table: object) -> Policy:
    return parse_policy(table, source="/c.toml", key="policy")


def test_everything_that_is_known() -> None:
    assert parse(WRITTEN) == FULL
    assert parse({}) == Policy()


@pytest.mark.parametrize(
    ("table", "policy"),
    [
        ({"remind": "off"}, Policy(remind=())),
        ({"expiry": "optional"}, Policy(must_expire=False)),
        ({"same_value": "allowed"}, Policy(may_share_value=True)),
        ({"providers": []}, Policy(providers=())),
    ],
    ids=ascii,
)
def test_words_that_loosen_are_not_the_same_as_nothing(
    table: dict[str, object], policy: Policy
) -> None:
    assert parse(table) == policy != Policy()


@pytest.mark.parametrize(
    ("table", "message", "hint"),
    [
        (1, "policy must be a table", ""),
        ([], "policy must be a table", ""),
        (
            {"max_ages": "90d"},
            "unknown key 'max_ages' in policy",
            "known: expiry, grace, max_age, providers, remind, rotate_every, same_value",
        ),
        ({"max_age": 90}, "policy.max_age: must be a text", "such as 90d or 3mo"),
        ({"max_age": True}, "policy.max_age: must be a text", "such as 90d or 3mo"),
        ({"max_age": "3m"}, "policy.max_age: this is not an interval", "months are written 3mo"),
        (
            {"rotate_every": "off"},
            "policy.rotate_every: this is not an interval",
            "days, weeks, months or years: 90d, 12w, 3mo, 1y",
        ),
        (
            {"grace": ""},
            "policy.grace: this is not an interval",
            "days, weeks, months or years: 90d, 12w, 3mo, 1y",
        ),
        ({"remind": ["14d"]}, "policy.remind: must be a text", "such as 14d,3d, or off"),
        (
            {"remind": "14d,"},
            "policy.remind: this is not an interval",
            "days, weeks, months or years: 90d, 12w, 3mo, 1y",
        ),
        ({"expiry": "yes"}, "policy.expiry: must be required or optional", ""),
        ({"expiry": True}, "policy.expiry: must be required or optional", ""),
        ({"same_value": "off"}, "policy.same_value: must be allowed or forbidden", ""),
        (
            {"providers": "openai"},
            "policy.providers: must be a list of names",
            "credman providers lists them",
        ),
        (
            {"providers": ["openai", 1]},
            "policy.providers: must be a list of names",
            "credman providers lists them",
        ),
    ],
    ids=ascii,
)
def test_what_is_not_understood_does_not_count_as_a_policy_that_allows_everything(
    table: object, message: str, hint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        parse(table)
    assert (caught.value.message, caught.value.hint) == (f"/c.toml: {message}", hint)


def test_a_name_of_a_provider_is_one_in_the_grammar_of_names() -> None:
    with pytest.raises(UsageError, match=r"\A/c\.toml: policy\.providers: ") as caught:
        parse({"providers": ["../x"]})
    assert caught.value.hint


@pytest.mark.parametrize("name", [field.name for field in fields(Policy)])
def test_each_of_an_environments_own_words_counts_and_the_rest_is_left_to_the_one_for_all(
    name: str,
) -> None:
    other: dict[str, Any] = {
        "rotate_every": Interval(days=1), "max_age": Interval(days=2), "remind": (),
        "grace": Interval(days=3), "must_expire": False, "providers": (), "may_share_value": True,
    }  # fmt: skip
    own = replace(Policy(), **{name: other[name]})
    assert own.over(FULL) == replace(FULL, **{name: other[name]})
    assert own.over(Policy()) == own


def test_nothing_over_nothing_is_nothing() -> None:
    assert Policy().over(Policy()) == Policy()
    assert Policy().over(FULL) == FULL == FULL.over(Policy())


@pytest.mark.parametrize(
    ("policy", "forbids"),
    [
        (Policy(), False),
        (Policy(rotate_every=Interval(days=1), remind=(), grace=Interval(days=1)), False),
        (Policy(must_expire=False, may_share_value=True), False),
        (Policy(max_age=Interval(days=1)), True),
        (Policy(must_expire=True), True),
        (Policy(providers=()), True),
        (Policy(may_share_value=False), True),
    ],
)
def test_only_some_words_forbid_anything(policy: Policy, forbids: bool) -> None:
    assert policy.forbids is forbids
