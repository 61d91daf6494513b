"""What a policy forbids; values are compared, and never said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from credman.core.intervals import Interval
from credman.core.model import Address, Field, Recipe, Token, Version, VersionState
from credman.core.policy import Policy
from credman.core.secret import Secret
from credman.watch.violations import (
    Violation,
    find_shared_values,
    find_violations,
    secret_addresses,
)
from tests.watch.dates import NOW, day, make_token, make_version

D90 = Interval(days=90)


def rules(token: Token, policy: Policy) -> dict[str, str]:
    found = list(find_violations([token], "prod", policy, NOW))
    assert {(v.token, v.environment) for v in found} <= {(token.key, "prod")}
    return {violation.rule: violation.reason for violation in found}


@pytest.mark.parametrize(
    ("age", "limit", "reason"),
    [
        (89.99, "90d", None),
        (90, "90d", "is 90 days old, older than 90d"),
        (400, "90d", "is 400 days old, older than 90d"),
        (-400, "90d", None),
        (91, "3mo", None),
        (92, "3mo", "is 92 days old, older than 3mo"),
    ],
)
def test_older_than(age: float, limit: str, reason: str | None) -> None:
    interval = D90 if limit == "90d" else Interval(months=3)
    expected = {} if reason is None else {"max_age": reason}
    assert rules(make_token(age=age, every="1d"), Policy(max_age=interval)) == expected


def test_what_a_command_makes_is_never_too_old() -> None:
    token = make_token(age=400, recipe=Recipe("printenv X", 60))
    assert rules(token, Policy(max_age=D90)) == {}


def test_without_an_end() -> None:
    policy = Policy(must_expire=True)
    assert list(rules(make_token(), policy)) == ["expiry"]
    assert rules(make_token(ends=1), policy) == rules(make_token(ends=-1), policy) == {}
    told = make_token()
    told = replace(told, versions=(replace(told.current, expires_at=day(3)),))
    assert rules(told, policy) == {}
    for loose in (Policy(), Policy(must_expire=False)):
        assert rules(make_token(), loose) == {}


@pytest.mark.parametrize(
    ("provider", "allowed", "reason"),
    [
        ("openai", ("openai", "huggingface"), None),
        ("OpenAI", ("openai",), None),
        ("openai", ("huggingface",), "is of openai, which is not allowed"),
        ("openai", (), "is of openai, which is not allowed"),
        (None, ("openai",), "is of no known provider, which is not allowed"),
        (None, None, None),
    ],
)
def test_a_provider_that_is_not_allowed(
    provider: str | None, allowed: tuple[str, ...] | None, reason: str | None
) -> None:
    expected = {} if reason is None else {"providers": reason}
    assert rules(make_token(provider=provider), Policy(providers=allowed)) == expected


def test_each_of_a_token_s_faults_is_said_of_the_environment_that_forbids_it() -> None:
    inherited = make_token("base", age=91, provider="openai")
    own = make_token("own", ends=3, place=("prod", "default"), provider="huggingface")
    policy = Policy(max_age=D90, must_expire=True, providers=("huggingface",))
    found = list(find_violations([own, inherited], "prod", policy, NOW))
    assert [(v.token, v.environment, v.rule) for v in found] == [
        (inherited.key, "prod", rule) for rule in ("max_age", "expiry", "providers")
    ]
    assert list(find_violations([own, inherited], "prod", Policy(), NOW)) == []


CANARY = "CANARY-" + "do-not-show"
STRICT = Policy(may_share_value=False)


def shared(
    found: Sequence[Token],
    values: dict[str, str],
    gives: str = "",
    policy: Policy = STRICT,
) -> list[Violation]:
    """Args:
    values: by the token's name, of an old version by name and number: ``a1``.
    gives: names of the tokens that prod gives, all if there are none.
    """
    known = {}
    for token in found:
        for address in secret_addresses(token):
            name = token.key.name
            text = values.get(f"{name}{address.version}", values.get(name))
            if text is not None:
                known[address] = Secret(text)
    given = [token for token in found if token.key.name in (gives or token.key.name)]
    violations = list(find_shared_values(given, "prod", policy, found, known))
    assert CANARY not in repr(violations) and CANARY[-8:] not in repr(violations)
    assert {(v.environment, v.rule) for v in violations} <= {("prod", "same_value")}
    return violations


DEV, PROD = make_token("a", place=("dev", "default")), make_token("b", place=("prod", "default"))
BASE = make_token("z")


def test_the_same_value_in_another_environment_is_said_and_never_shown() -> None:
    assert shared([DEV, PROD], {"a": CANARY, "b": CANARY}, "b") == [
        Violation(PROD.key, "prod", "same_value", "has the same value as a (dev)")
    ]
    assert shared([DEV, PROD], {"a": CANARY, "b": f"{CANARY}2"}, "b") == []


def test_what_an_environment_inherits_is_compared_as_well() -> None:
    same = {"a": CANARY, "z": CANARY}
    assert shared([DEV, PROD, BASE], {**same, "b": "another"}, "bz") == [
        Violation(BASE.key, "prod", "same_value", "has the same value as a (dev)")
    ]
    # Of what it does not give, its policy says nothing; and to be inherited is no second place.
    assert shared([DEV, PROD, BASE], {**same, "b": "another"}, "b") == []
    assert shared([BASE], same) == []


@pytest.mark.parametrize("policy", [Policy(), Policy(may_share_value=True)])
def test_where_it_is_not_forbidden_nothing_is_said(policy: Policy) -> None:
    assert shared([DEV, PROD, BASE], dict.fromkeys("abz", CANARY), "", policy) == []


def test_within_one_environment_it_is_nobodys_business() -> None:
    twice = [DEV, make_token("b", place=("DEV", "default")), make_token("c", place=("dev", "work"))]
    assert shared(twice, dict.fromkeys("abc", CANARY)) == []


def test_in_two_profiles_of_two_environments_it_is_said() -> None:
    work = make_token("b", place=("prod", "work"))
    found = shared([DEV, work], {"a": CANARY, "b": CANARY})
    assert [violation.token for violation in found] == [DEV.key, work.key]


def test_all_the_places_of_one_value_are_named_in_order() -> None:
    found = shared([PROD, BASE, DEV], dict.fromkeys("abz", CANARY))
    assert [violation.reason for violation in found] == [
        "has the same value as z (default), a (dev)",
        "has the same value as a (dev), b (prod)",
        "has the same value as z (default), b (prod)",
    ]


def test_secret_values_of_what_may_be_alive_are_compared_and_no_others() -> None:
    states = (VersionState.RETIRING, VersionState.COMPROMISED, VersionState.STAGED)
    old = [make_version(9, number=n, state=state) for n, state in enumerate(states, 1)]
    gone = make_version(9, number=5, state=VersionState.REVOKED, fields=())
    fields = (Field("KEY", ("KEY",)), Field("URL", ("URL",), secret=False), Field("SID", ("SID",)))
    token = Token(DEV.key, fields, (*old, make_version(number=4), gone))
    assert secret_addresses(token) == [Address(DEV.key, n, "KEY") for n in (1, 2, 4)]
    whole = Version(3, VersionState.CURRENT, NOW, ("SID", "URL", "KEY"))
    token = replace(token, versions=(whole,))
    assert secret_addresses(token) == [Address(DEV.key, 3, "KEY"), Address(DEV.key, 3, "SID")]
    ended = replace(token, versions=(make_version(state=VersionState.REVOKED, fields=()),))
    assert secret_addresses(ended) == []


@pytest.mark.parametrize(
    ("state", "is_said"),
    [(VersionState.RETIRING, True), (VersionState.COMPROMISED, True), (VersionState.STAGED, False)],
)
def test_a_value_that_is_old_here_and_used_there_is_found_from_both_sides(
    state: VersionState, is_said: bool
) -> None:
    old = make_version(9, state=state)
    values = {"o1": CANARY, "o2": "newer", "a": CANARY, "b": CANARY}
    here = make_token("o", old=(old,), place=("prod", "default"))
    found = shared([here, DEV], values, "o")
    assert [(v.token, v.reason) for v in found] == (
        [(here.key, "has the same value as a (dev)")] if is_said else []
    )
    there = make_token("o", old=(old,), place=("dev", "default"))
    found = shared([there, PROD], values, "b")
    assert [(v.token, v.reason) for v in found] == (
        [(PROD.key, "has the same value as o (dev)")] if is_said else []
    )


def test_any_part_of_a_token_counts_once() -> None:
    fields = (Field("KEY", ("KEY",)), Field("SID", ("SID",)))
    parts = Token(DEV.key, fields, (Version(1, VersionState.CURRENT, NOW, ("KEY", "SID")),))
    assert shared([parts, PROD], dict.fromkeys("ab", CANARY)) == [
        Violation(DEV.key, "prod", "same_value", "has the same value as b (prod)"),
        Violation(PROD.key, "prod", "same_value", "has the same value as a (dev)"),
    ]


def test_values_that_nobody_gave_are_not_compared() -> None:
    assert shared([DEV, PROD], {}) == shared([DEV, PROD], {"a": CANARY}) == []
