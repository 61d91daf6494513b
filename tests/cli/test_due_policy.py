"""``due --policy``: what the configuration forbids is said without a value."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from credman.core.model import TokenKey
from tests.cli.dated import due, facts, make, store
from tests.cli.harness import credman
from tests.cli.naming import configure
from tests.vault.factories import CANARY


def forbidden(*argv: str, code: int) -> list[tuple[str, str, str]]:
    """Returns: name, the environment whose policy it is, and the rule, of each."""
    found = facts("--policy", *argv, code=code)["violations"]
    return sorted((item["name"], item["policy_of"], item["rule"]) for item in found)


def test_policy_without_one_is_said_and_forbids_nothing() -> None:
    store(make())
    outcome = due("--policy", code=0)
    config = Path(os.environ["CREDMAN_HOME"], "config", "config.toml")
    assert f"no policy is configured: [policy] in {config}\n" in outcome.stderr
    assert facts("--policy", code=0)["violations"] == []
    assert "violations" not in facts(code=0)


def test_policy_forbids_by_environment_and_what_it_inherits() -> None:
    store(make("base", age=60), make("own", age=60, place=("prod", "default")), make("new"))
    configure('[environments.prod.policy]\nmax_age = "30d"\n')
    # The rotation of what prod has is overdue by the same rule; what it inherits has no date there.
    assert forbidden(code=8) == [("base", "prod", "max_age"), ("own", "prod", "max_age")]
    assert forbidden("-e", "dev", code=8) == [("base", "prod", "max_age")]
    text = due("--policy", code=8).text
    assert "  forbidden: base (default) in prod is 60 days old, older than 30d\n" in text
    assert "  forbidden: own (prod) is 60 days old, older than 30d\n" in text
    assert "forbidden" not in due(code=8).text
    configure('[environments.prod]\nisolated = true\npolicy = {max_age = "30d"}\n')
    assert forbidden(code=8) == [("own", "prod", "max_age")]
    configure('[policy]\nmax_age = "1y"\n')
    assert forbidden(code=0) == []


def test_what_the_policy_for_all_forbids_is_said_of_the_environment_that_has_it() -> None:
    store(make("base"), make("own", place=("prod", "default")))
    configure('[policy]\nexpiry = "required"\n[environments.prod]\n')
    assert forbidden(code=8) == [("base", "default", "expiry"), ("own", "prod", "expiry")]
    text = due("--policy", code=8).text
    assert "credman schedule own -e prod --expires DATE" in text and "NAME --" not in text


def test_the_same_value_in_two_environments_is_found_and_not_shown() -> None:
    for name, place in (("NAME", "dev"), ("api", "prod"), ("free", "dev")):
        value = CANARY.encode() if name != "free" else b"another"
        assert credman("add", name, "-e", place, stdin=value).exit_code == 0
    configure('[environments.prod.policy]\nsame_value = "forbidden"\n')
    outcome = credman("due", "--policy")
    assert outcome.exit_code == 8
    assert outcome.text.splitlines()[-1] == (
        "  forbidden: api (prod) has the same value as NAME (dev)"
    )
    assert outcome.text.count("forbidden") == 1
    for said in (outcome, credman("due", "--policy", "--json")):
        assert CANARY not in said.text + said.stderr and CANARY[:6] not in said.text + said.stderr


def test_each_profile_is_judged_by_itself() -> None:
    store(make("a", age=60, place=("default", "work")), make("a", age=1), make("b", age=60))
    configure('[policy]\nmax_age = "30d"\nproviders = ["openai"]\n')
    found = facts("--policy", code=8)["violations"]
    of_age = {(v["name"], v["profile"]) for v in found if v["rule"] == "max_age"}
    assert of_age == {("a", "work"), ("b", "default")}
    assert len([v for v in found if v["rule"] == "providers"]) == 3
    assert {v["profile"] for v in facts("--policy", "-p", "work", code=8)["violations"]} == {"work"}


def test_a_policy_that_is_not_understood_is_an_error_and_no_permission() -> None:
    store(make())
    configure('[policy]\nmax_ages = "1d"\n')
    assert "unknown key 'max_ages'" in due("--policy", code=2).stderr


def test_the_key_of_a_token_does_not_matter_to_its_case() -> None:
    key = TokenKey("Prod", "default", "late")
    store(replace(make("late", age=400), key=key))
    configure('[environments.prod.policy]\nrotate_every = "1y"\n')
    (item,) = facts("-e", "PROD", code=8)["due"]
    assert (item["name"], item["kind"]) == ("late", "rotation")
