"""Every provider of the catalogue: ``add`` takes values of its shapes without a doubt, and ``exec``
hands them out."""

from __future__ import annotations

import json
import random
from itertools import pairwise

import pytest

from credman.providers.catalogue import Provider, ShapeKind, load_catalogue
from tests.cli.harness import credman, make_value
from tests.providers.shapes import complete, generate

CATALOGUE = load_catalogue()
PROVIDERS = list(CATALOGUE.providers.values())


def make_values(provider: Provider) -> dict[str, str]:
    """Returns: a value for each field that must have one, of its shape if it has one."""
    values = {}
    for field in provider.fields:
        shapes = [s for s in provider.shapes if s.field == field.name]
        shapes = [s for s in shapes if s.kind is not ShapeKind.PUBLIC]
        if shapes:
            value = generate(shapes[0].pattern, random.Random(field.name)).strip()
            values[field.name] = complete(value, shapes[0].checksum)
        elif not field.optional:
            values[field.name] = f"https://{field.name.lower()}.example.com"
    return values


def pipe(values: dict[str, str], provider: Provider) -> bytes:
    if len(provider.fields) == 1:
        return "".join(values.values()).encode()
    return "".join(f"{name}={value}\n" for name, value in values.items()).encode()


def environment_of(provider: Provider) -> str:
    # What yields has the variables of another provider, which one environment cannot give twice.
    return "test" if provider.yields_to else "default"


def test_all_of_them_in_one_vault() -> None:
    for provider in PROVIDERS:
        values = make_values(provider)
        options = ("-e", environment_of(provider))
        outcome = credman("add", provider.name, *options, stdin=pipe(values, provider))
        assert outcome.exit_code == 0, f"{provider.name}: {outcome.stderr}"
        assert "warning" not in outcome.stderr and "looks like" not in outcome.stderr
        assert outcome.stderr.startswith(f"{provider.title} → ")
        assert not [v for v in values.values() if len(v) >= 12 and v in outcome.stderr]
    for environment in ("default", "test"):
        execution = credman("exec", environment, "--", "true").execution
        assert execution is not None
        for provider in PROVIDERS:
            if environment_of(provider) != environment:
                continue
            for variable, value in make_values(provider).items():
                field = provider.find_field(variable)
                assert field is not None
                found = execution.files if field.is_file else execution.variables
                assert found[variable] == value
    listed = json.loads(credman("list", "--all", "--json").text)["tokens"]
    assert {t["name"]: t["provider"] for t in listed} == {p.name: p.name for p in PROVIDERS}
    for provider in PROVIDERS[::7]:
        text = credman("show", provider.name, "-e", environment_of(provider)).text
        secret = {f.name for f in provider.fields if f.secret}
        for variable, value in make_values(provider).items():
            assert (value in text) is (variable not in secret)


@pytest.mark.parametrize(
    ("arguments", "provider", "variables"),
    [
        (("x", "--var", "HF_TOKEN"), "huggingface", ["HF_TOKEN"]),
        (("x", "--var", "HUGGING_FACE_HUB_TOKEN"), "huggingface", ["HUGGING_FACE_HUB_TOKEN"]),
        (("hf_token",), "huggingface", ["HF_TOKEN"]),
        (("github-token",), "github", ["GITHUB_TOKEN"]),
        (("x", "--var", "HF_TOKEN", "--var", "MINE"), "huggingface", ["HF_TOKEN", "MINE"]),
        (("x", "--var", "HF_TOKEN", "--var", "OPENAI_API_KEY"), None, None),
        (("x", "--var", "hf_token"), None, ["hf_token"]),
        (("x", "--var", "AWS_SECRET_ACCESS_KEY"), None, ["AWS_SECRET_ACCESS_KEY"]),
        (("x", "--var", "HF_HOME"), None, ["HF_HOME"]),
        (("openai", "--var", "HF_TOKEN"), "openai", ["HF_TOKEN"]),
        (("x", "--provider", "openai", "--var", "HF_TOKEN"), "openai", ["HF_TOKEN"]),
        (("x", "--field", "HF_TOKEN"), None, ["HF_TOKEN"]),
    ],
)
def test_a_variable_tells_whose_token_it_is(
    arguments: tuple[str, ...], provider: str | None, variables: list[str] | None
) -> None:
    outcome = credman("add", *arguments, "--no-check", stdin=b"of no shape")
    assert outcome.exit_code == 0, outcome.stderr
    (token,) = json.loads(credman("list", "--json").text)["tokens"]
    assert token["provider"] == provider
    assert variables is None or token["variables"] == variables
    assert "looks like" not in outcome.stderr


def test_a_known_variable_brings_the_check_of_its_shape() -> None:
    outcome = credman("add", "x", "--var", "HF_TOKEN", stdin=b"of no shape")
    assert "this does not look like a token of Hugging Face; stored as it is" in outcome.stderr
    assert outcome.stderr.startswith("Hugging Face → HF_TOKEN, environment default\n")


HINT = "this looks like a token of Hugging Face; --provider huggingface sets HF_TOKEN\n"


@pytest.mark.parametrize(
    ("arguments", "is_said"),
    [
        (("mine",), True),
        (("mine", "--var", "OTHER"), True),
        (("mine", "--field", "A", "--field", "B"), True),
        (("mine", "--no-check"), False),
        (("mine", "--var", "HF_TOKEN"), False),
        (("mine", "--field", "HUGGING_FACE_HUB_TOKEN"), False),
        (("hf",), False),
        (("mine", "--provider", "hf", "--var", "OTHER"), False),
    ],
)
def test_a_shape_is_spoken_of_and_changes_nothing(
    arguments: tuple[str, ...], is_said: bool
) -> None:
    value = make_value()
    parts = [a for before, a in pairwise(arguments) if before == "--field"]
    data = "".join(f"{p}={value}\n" for p in parts) if len(parts) > 1 else value
    outcome = credman("add", *arguments, stdin=data.encode())
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.stderr.count(HINT) == is_said
    (token,) = json.loads(credman("list", "--json").text)["tokens"]
    is_known = not (is_said or parts or "--no-check" in arguments)
    assert token["provider"] == ("huggingface" if is_known else None)
    assert value not in outcome.stderr


def test_on_a_new_version_it_is_not_said_again() -> None:
    credman("add", "mine", stdin=make_value().encode())
    outcome = credman("add", "mine", "--replace", stdin=make_value().encode())
    assert outcome.exit_code == 0 and HINT not in outcome.stderr


def test_a_token_of_another_kind_goes_into_its_own_variable() -> None:
    slack = CATALOGUE.get("slack")
    shape = next(s for s in slack.shapes if s.field == "SLACK_APP_TOKEN")
    value = generate(shape.pattern, random.Random(1)).encode()
    wrong = credman("add", "slack", stdin=value)
    assert "an app-level token, which belongs in SLACK_APP_TOKEN" in wrong.stderr
    right = credman("add", "app", "--provider", "slack", "--var", "SLACK_APP_TOKEN", stdin=value)
    assert right.exit_code == 0 and "warning" not in right.stderr
