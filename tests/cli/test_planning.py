"""What counts for a token besides its own schedule: of those that inherit it, the strictest."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from credman.cli.planning import make_rules
from credman.core.config import Config, parse_config
from credman.core.intervals import Interval
from credman.core.model import Field, Token
from credman.core.scope import Scope, Selection
from credman.watch.rules import Origin, Rules
from tests.cli.dated import due, facts, make, store
from tests.cli.harness import credman
from tests.cli.naming import configure
from tests.vault.factories import PASSPHRASE
from tests.watch.dates import day, make_token, make_version

PROD, DEV, WORK = ("prod", "default"), ("dev", "default"), ("default", "work")
STRICT_PROD = '[environments.prod.policy]\nmax_age = "30d"\n'


def make_own(name: str, place: tuple[str, str] = ("default", "default"), **schedule: str) -> Token:
    """A token with a variable of its own: or one would hide another."""
    token = make_token(name, place=place, **schedule)  # type: ignore[arg-type]
    return replace(token, fields=(Field("KEY", (f"KEY_{name}",)),))


def rules_of(text: str, *tokens: Token) -> list[Rules]:
    """Args: text: the configuration. Returns: what counts for each."""
    config = parse_config(text, source="config.toml") if text else Config()
    environments = Scope(config, Selection()).environments((), tokens)
    rules = make_rules(config, None, environments, tokens)
    return [rules(token) for token in tokens]


def limits(text: str, *tokens: Token) -> list[str | None]:
    """Returns: how old each may become."""
    found = [rules.policy.max_age for rules in rules_of(text, *tokens)]
    return [None if limit is None else str(limit) for limit in found]


BASE = make_own("hf")


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("", None),
        ('[policy]\nmax_age = "90d"\n', "90d"),
        (STRICT_PROD, "30d"),
        (f'[policy]\nmax_age = "90d"\n{STRICT_PROD}', "30d"),
        # The others have that for all, and they inherit it as well.
        (f'[policy]\nmax_age = "20d"\n{STRICT_PROD}', "20d"),
        ('[environments.default.policy]\nmax_age = "10d"\n', "10d"),
        (f'{STRICT_PROD}[environments.default.policy]\nmax_age = "10d"\n', "10d"),
        (f'{STRICT_PROD}[environments.default.policy]\nmax_age = "1y"\n', "30d"),
        (f'{STRICT_PROD}[environments.dev.policy]\nmax_age = "60d"\n', "30d"),
        (f'{STRICT_PROD}[environments.dev.policy]\nmax_age = "4w"\n', "28d"),
        # Months are as long as they are: from 22 November one has 30 days.
        ('[environments.a.policy]\nmax_age = "1mo"\n[environments.b.policy]\nmax_age = "31d"\n',
         "1mo"),
        ('[environments.a.policy]\nmax_age = "1mo"\n[environments.b.policy]\nmax_age = "29d"\n',
         "29d"),
        ('[environments.PROD.policy]\nmax_age = "30d"\n', "30d"),
        ('[environments.prod]\nisolated = true\npolicy = {max_age = "30d"}\n', None),
        ('[policy]\nmax_age = "90d"\n[environments.prod]\nisolated = true\n'
         'policy = {max_age = "30d"}\n', "90d"),
    ],
)  # fmt: skip
def test_a_base_token_may_become_as_old_as_the_strictest_that_inherit_it_allow(
    text: str, limit: str | None
) -> None:
    assert limits(text, BASE) == [limit]


def test_an_environment_that_has_its_own_does_not_inherit_it() -> None:
    own = make_own("hf", PROD)
    assert limits(STRICT_PROD, BASE, own) == [None, "30d"]
    assert limits(STRICT_PROD, BASE, replace(own, key=own.key._replace(name="HF"))) == [None, "30d"]
    # One that sets the same variable hides it as well, and one of another environment does not.
    same_variable = replace(own, key=own.key._replace(name="other"))
    assert limits(STRICT_PROD, BASE, same_variable) == [None, "30d"]
    assert limits(STRICT_PROD, BASE, make_own("other", PROD)) == ["30d", "30d"]
    assert limits(STRICT_PROD, BASE, make_own("hf", DEV)) == ["30d", None]


def test_each_profile_is_for_itself() -> None:
    work = make_own("hf", WORK)
    assert limits(STRICT_PROD, BASE, work) == ["30d", "30d"]
    # What hides it in one profile hides it in that one alone.
    assert limits(STRICT_PROD, BASE, work, make_own("hf", PROD)) == [None, "30d", "30d"]
    assert limits(STRICT_PROD, BASE, work, make_own("hf", ("prod", "work"))) == [
        "30d", None, "30d",
    ]  # fmt: skip
    upper = replace(work, key=work.key._replace(profile="WORK", environment="Default"))
    assert limits(STRICT_PROD, upper) == ["30d"]


def test_a_token_of_an_environment_has_the_limit_of_that_alone() -> None:
    text = f'{STRICT_PROD}[environments.default.policy]\nmax_age = "10d"\n'
    assert limits(text, make_own("a", PROD), make_own("b", DEV), make_own("c")) == [
        "30d", None, "10d",
    ]  # fmt: skip


def test_only_the_limit_comes_from_those_that_inherit_it() -> None:
    text = """
[policy]
rotate_every = "80d"
remind = "5d"
[environments.prod.policy]
max_age = "60d"
rotate_every = "10d"
remind = "off"
grace = "1d"
expiry = "required"
providers = ["openai"]
"""
    (rules,) = rules_of(text, BASE)
    assert rules.find_rotation(BASE) == (Interval(days=60), Origin.LIMIT)
    assert rules.find_reminders(BASE) == (Interval(days=5),) and not rules.is_silent(BASE)
    assert rules.find_grace(BASE, BASE.current) == Interval(days=7)
    assert (rules.policy.must_expire, rules.policy.providers) == (None, None)


def test_the_limit_holds_against_its_own_schedule_and_its_providers_advice() -> None:
    for token in (make_own("a", every="90d"), make_own("b", every="off"), BASE):
        (rules,) = rules_of(STRICT_PROD, token)
        assert rules.find_rotation(token) == (Interval(days=30), Origin.LIMIT)
    advised = replace(make_own("npm"), provider="npm")
    (rules,) = rules_of(STRICT_PROD, advised)
    assert rules.advice is not None and rules.find_rotation(advised) == (
        Interval(days=30), Origin.LIMIT,
    )  # fmt: skip
    shorter = make_own("c", every="7d")
    (rules,) = rules_of(STRICT_PROD, shorter)
    assert rules.find_rotation(shorter) == (Interval(days=7), Origin.OWN)


def test_which_is_the_strictest_goes_by_when_it_was_stored() -> None:
    text = '[environments.a.policy]\nmax_age = "1mo"\n[environments.b.policy]\nmax_age = "30d"\n'
    january = replace(BASE, versions=(make_version(-45),))  # stored on 6 January: 31 days
    february = replace(BASE, versions=(make_version(-75),))  # stored on 5 February: 28 days
    assert (january.current.created_at, february.current.created_at) == (day(45), day(75))
    assert limits(text, january) == ["30d"] and limits(text, february) == ["1mo"]


def test_a_date_comes_before_what_the_policy_forbids() -> None:
    store(make("hf", age=29), make("own", age=1, place=PROD), make("free", place=DEV))
    configure(STRICT_PROD)
    found = {item["name"]: item for item in facts(code=0)["due"]}
    assert found.keys() == {"hf", "own"}
    assert found["hf"]["environment"] == "default" and len(found["hf"]["reminders"]) == 2
    assert "no date for free:" in due("--policy", code=0).stderr
    said = credman("schedule", "hf", passphrase=str(PASSPHRASE)).text
    assert "every 30d (max_age of the configuration), due tomorrow, on " in said
    assert (
        "every 30d, in 1 d (max_age of the configuration)"
        in credman("show", "hf", passphrase=str(PASSPHRASE)).text
    )


def test_what_the_policy_forbids_is_overdue_and_the_other_way_round() -> None:
    store(make("hf", age=31), make("hf", age=400, place=WORK), make("hf", place=("prod", "work")))
    configure(STRICT_PROD)
    found = facts("--policy", code=8)
    forbidden = {(v["name"], v["environment"], v["profile"]) for v in found["violations"]}
    overdue = {(i["name"], i["environment"], i["profile"]) for i in found["due"] if i["overdue"]}
    assert forbidden == overdue == {("hf", "default", "default")}


def test_reminders_go_by_it_without_opening_the_store() -> None:
    store(make("hf", age=29))
    configure(STRICT_PROD)
    assert credman("list", passphrase=str(PASSPHRASE)).exit_code == 0
    ran = credman("remind", "run", "--command", "sh -c 'cat > told'", passphrase=None)
    assert ran.exit_code == 0, ran.stderr
    record = json.loads((Path.home() / "told").read_text())
    assert [(r["name"], r["kind"]) for r in record["reminders"]] == [("hf", "rotation")]
