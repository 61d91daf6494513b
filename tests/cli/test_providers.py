"""``providers``: the catalogue, for people and for scripts."""

from __future__ import annotations

import json

import pytest

from credman.providers.catalogue import load_catalogue
from tests.cli.harness import credman, make_value, make_vault, program

CATALOGUE = load_catalogue().providers


def test_lists_all_by_name_with_their_variables() -> None:
    lines = credman("providers", passphrase=None).text.splitlines()
    assert lines[0].split() == ["NAME", "ALSO", "SERVICE", "VARIABLES"]
    assert [line.split()[0] for line in lines[1:]] == sorted(CATALOGUE)
    for line, provider in zip(lines[1:], CATALOGUE.values(), strict=True):
        assert all(field.name in line for field in provider.fields)


@pytest.mark.parametrize("provider", CATALOGUE.values(), ids=lambda p: p.name)
def test_shows_each_under_all_of_its_names(provider: object) -> None:
    known = CATALOGUE[provider.name]  # type: ignore[attr-defined]
    texts = {credman("providers", name).text for name in (known.name, *known.aliases)}
    assert len(texts) == 1
    text = texts.pop()
    assert text.startswith(f"{known.title}\n") and known.create_url in text
    for field in known.fields:
        assert all(variable in text for variable in (*field.variables, *field.also))


def test_json() -> None:
    listed = json.loads(credman("providers", "--json").text)
    assert listed["version"] == 1
    assert [p["name"] for p in listed["providers"]] == sorted(CATALOGUE)
    one = json.loads(credman("providers", "hf", "--json").text)["providers"]
    assert [p["name"] for p in one] == ["huggingface"]
    assert one[0]["fields"][0]["variables"] == ["HF_TOKEN"]


@pytest.mark.parametrize(
    ("name", "code", "hint"),
    [
        ("hugingface", 3, "did you mean huggingface?"),
        ("nothing-like-it", 3, "credman providers lists them"),
        ("", 2, "letters, digits"),
        ("\x1b[2J", 2, "letters, digits"),
        ("a" * 1000, 2, "letters, digits"),
    ],
)
def test_unknown(name: str, code: int, hint: str) -> None:
    outcome = credman("providers", name)
    assert outcome.exit_code == code and f"hint: {hint}" in outcome.stderr
    assert "\x1b" not in outcome.stderr


def test_validating_checks_all_or_one() -> None:
    # What it says of a file that is not valid is tried with a copy, in tests/providers.
    assert credman("providers", "--validate", passphrase=None).text == "65 providers, all valid\n"
    for name in ("hf", "HuggingFace"):
        assert credman("providers", name, "--validate").text == "1 provider, valid\n"
    listed = json.loads(credman("providers", "--validate", "--json").text)
    assert listed == {"version": 1, "checked": len(CATALOGUE), "problems": []}
    assert credman("providers", "nosuch", "--validate").exit_code == 3


def test_a_token_in_the_place_of_a_name_is_not_repeated() -> None:
    outcome = credman("providers", make_value())
    assert outcome.exit_code == 3 and make_value() not in outcome.stderr


@pytest.mark.parametrize("argv", [("get", "hf"), ("env",), ("exec", "--", "true"), ("list",)])
def test_giving_out_values_does_not_read_the_catalogue(argv: tuple[str, ...]) -> None:
    make_vault()
    done = program(*argv, environ={"PYTHONPROFILEIMPORTTIME": "1"})
    assert done.returncode == 0 and b"credman.session" in done.stderr
    assert b"credman.providers.catalogue" not in done.stderr
    shown = program("show", "hf", environ={"PYTHONPROFILEIMPORTTIME": "1"})
    assert b"credman.providers.catalogue" in shown.stderr


def test_needs_no_vault_no_configuration_and_no_passphrase() -> None:
    options = ("--store", "file:x")
    assert credman("providers", *options).exit_code == 2
    assert credman("providers", passphrase=None, environ={"CREDMAN_STORE": "?"}).exit_code == 0
