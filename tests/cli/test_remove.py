"""``remove``: asks first, removes what was named and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.harness import credman, make_value, make_vault


@pytest.fixture(autouse=True)
def _vault() -> None:
    make_vault()


def read_vault() -> bytes:
    return Path(os.environ["CREDMAN_HOME"], "data", "vault.age").read_bytes()


@pytest.mark.parametrize("argv", [("remove", "hf", "--yes"), ("rm", "HF", "-y")])
def test_with_a_yes(argv: tuple[str, ...]) -> None:
    outcome = credman(*argv)
    assert outcome.exit_code == 0
    assert outcome.stderr.startswith("removed hf from environment default; it is still valid")
    assert credman("get", "hf").exit_code == 3


@pytest.mark.parametrize("answer", ["y", "Y", "yes", " yes "])
def test_yes_to_the_question(answer: str) -> None:
    outcome = credman("remove", "hf", answers=[answer])
    assert outcome.exit_code == 0
    assert outcome.shown == ["remove hf from environment default? [y/N] "]


@pytest.mark.parametrize("answer", ["", "n", "no", "yess", "hf"])
def test_anything_else_changes_nothing(answer: str) -> None:
    before = read_vault()
    outcome = credman("remove", "hf", answers=[answer])
    assert outcome.exit_code == 7 and "nothing was removed" in outcome.stderr
    assert read_vault() == before


@pytest.mark.parametrize("environ", [{}, {"CI": "1"}])
def test_nobody_to_ask(environ: dict[str, str]) -> None:
    before = read_vault()
    outcome = credman("remove", "hf", environ=environ)
    assert outcome.exit_code == 2
    assert "removing hf from environment default needs a yes" in outcome.stderr
    assert read_vault() == before


def test_an_inherited_token_is_not_reached_through_another_environment() -> None:
    before = read_vault()
    outcome = credman("remove", "hf", "-e", "prod", "--yes")
    assert outcome.exit_code == 3
    assert "hf is inherited: environment prod has none of its own" in outcome.stderr
    assert read_vault() == before


def test_the_inherited_one_shows_again() -> None:
    credman("add", "hf", "-e", "prod", "--no-check", stdin=b"own")
    credman("remove", "hf", "-e", "prod", "--yes")
    assert credman("get", "hf", "-e", "prod").text == make_value()


def test_all_of_its_versions_go() -> None:
    credman("add", "hf", "--replace", "--no-check", stdin=b"second")
    credman("remove", "hf", "--yes")
    credman("add", "hf", "--no-check", stdin=b"new")
    assert '"number": 1' in credman("show", "hf", "--json").text
    assert '"number": 2' not in credman("show", "hf", "--json").text


def test_another_profile_keeps_its_own() -> None:
    credman("add", "hf", "-p", "work", "--no-check", stdin=b"work")
    credman("remove", "hf", "-p", "work", "--yes")
    assert credman("get", "hf").text == make_value()


def test_an_environment_stays_when_its_last_token_goes() -> None:
    credman("add", "x", "-e", "mine", stdin=b"v")
    credman("remove", "x", "-e", "mine", "--yes")
    assert credman("list", "-e", "mine").exit_code == 0


@pytest.mark.parametrize("name", ["hff", "no-such"])
def test_what_is_not_there(name: str) -> None:
    assert credman("remove", name, "--yes").exit_code == 3
