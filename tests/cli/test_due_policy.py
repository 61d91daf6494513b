"""``due --policy``: what the configuration forbids is said without a value."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

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
    assert forbidden(code=8) == [("base", "prod", "max_age"), ("own", "prod", "max_age")]
    assert forbidden("-e", "prod", code=8) == forbidden(code=8)
    # The policy of dev forbids nothing; that it is due holds wherever it is looked at.
    assert forbidden("-e", "dev", code=8) == []
    assert [i["name"] for i in facts("-e", "dev", code=8)["due"]] == ["base", "new"]
    text = due("--policy", code=8).text
    assert "  forbidden: base (default) in prod is 60 days old, older than 30d\n" in text
    assert "  forbidden: own (prod) is 60 days old, older than 30d\n" in text
    assert "forbidden" not in due(code=8).text
    configure('[environments.prod]\nisolated = true\npolicy = {max_age = "30d"}\n')
    assert forbidden(code=8) == [("own", "prod", "max_age")]
    assert {item["name"] for item in facts(code=8)["due"]} == {"own"}
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


def test_with_an_environment_its_own_policy_counts_and_no_other() -> None:
    store(make("base"), make("own", place=("prod", "default")))
    configure("""
[environments.dev.policy]
expiry = "required"
[environments.prod.policy]
providers = ["openai"]
""")
    by_dev, by_prod = ("base", "dev", "expiry"), ("base", "prod", "providers")
    own = ("own", "prod", "providers")
    assert forbidden(code=8) == [by_dev, by_prod, own]
    assert forbidden("-e", "dev", code=8) == [by_dev]
    assert forbidden("-e", "PROD", code=8) == [by_prod, own]
    assert forbidden("-e", "default", code=0) == forbidden("-e", "staging", code=0) == []
    # And the variable does not narrow it, as it does not narrow what is due.
    said = json.loads(due("--policy", "--json", code=8, environ={"CREDMAN_ENV": "dev"}).text)
    assert len(said["violations"]) == 3


def put(name: str, place: str, value: str) -> None:
    added = credman("add", name, "-e", place, stdin=f"{CANARY}{value}".encode())
    assert added.exit_code == 0, added.stderr


def says(*argv: str) -> list[str]:
    """Returns: what is forbidden, in words."""
    outcome = credman("due", "--policy", *argv)
    lines = [line for line in outcome.text.splitlines() if "forbidden" in line]
    assert outcome.exit_code == (8 if lines else 0), outcome.stderr
    assert CANARY not in outcome.text + outcome.stderr
    return [line.removeprefix("  forbidden: ") for line in lines]


def test_the_value_of_what_an_environment_inherits_is_compared_with_all_the_others() -> None:
    put("hf", "default", "same")
    put("hf2", "dev", "same")
    configure('[environments.prod.policy]\nsame_value = "forbidden"\n')
    words = ["hf (default) in prod has the same value as hf2 (dev)"]
    assert says() == says("-e", "prod") == words
    assert says("-e", "dev") == []
    configure('[environments.prod]\nisolated = true\npolicy = {same_value = "forbidden"}\n')
    assert says() == []
    # Where all are forbidden it, each is said once, and of its own environment.
    configure('[policy]\nsame_value = "forbidden"\n')
    assert says() == [
        "hf (default) has the same value as hf2 (dev)",
        "hf2 (dev) has the same value as hf (default)",
    ]


def test_an_old_value_that_may_be_alive_is_compared_as_well() -> None:
    put("hf", "prod", "first")
    rotated = credman(
        "rotate", "hf", "-e", "prod", "--no-check", "--yes", stdin=f"{CANARY}second".encode()
    )
    assert rotated.exit_code == 0, rotated.stderr
    configure('[environments.prod.policy]\nsame_value = "forbidden"\n')
    assert says() == []
    put("ci", "dev", "first")
    assert says() == ["hf (prod) has the same value as ci (dev)"]


def test_a_provider_is_allowed_by_any_of_its_names() -> None:
    store(*(replace(make(p), provider=p) for p in ("huggingface", "openai")))
    for allowed in ("hf", "HF", "huggingface", "HuggingFace"):
        configure(f'[policy]\nproviders = ["{allowed}"]\n')
        assert forbidden(code=8) == [("openai", "default", "providers")]


@pytest.mark.parametrize("table", ["policy", "environments.prod.policy", "environments.x.policy"])
def test_a_provider_that_there_is_none_of_is_an_error_that_names_the_file(table: str) -> None:
    store(make())
    configure(f'[{table}]\nproviders = ["hf", "hugginface"]\n')
    config = Path(os.environ["CREDMAN_HOME"], "config", "config.toml")
    for argv in ((), ("--json",), ("-e", "prod")):
        outcome = due("--policy", *argv, code=2)
        assert outcome.text == "" and outcome.stderr.splitlines() == [
            f"credman: error: {config}: providers: no provider named hugginface",
            "credman: hint: credman providers lists them",
        ]
    due(code=0)  # what is due does not depend on it


def test_a_provider_of_ones_own_is_allowed_by_its_name() -> None:
    folder = Path(os.environ["CREDMAN_HOME"], "config", "providers")
    folder.mkdir(parents=True)
    built_in = files("credman.providers").joinpath("data/argilla.toml").read_text("utf-8")
    (folder / "mine.toml").write_text(built_in.replace("ARGILLA", "MINE"))
    store(replace(make(), provider="mine"))
    configure('[policy]\nproviders = ["mine"]\n')
    assert forbidden(code=0) == []


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
