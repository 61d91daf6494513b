"""Whose token it is: a variable and a shape say what they can say, and no more."""

from __future__ import annotations

import pytest

from credman.providers.catalogue import Catalogue, Provider, Shape, ShapeKind
from tests.providers.factories import CATALOGUE, make_provider, make_values, title

SHAPES = [(p, s) for p in CATALOGUE.providers.values() for s in p.shapes]
OWN = [pair for pair in SHAPES if pair[1].kind is ShapeKind.PREFIX]
UNDECIDED = [pair for pair in SHAPES if pair[1].kind in (ShapeKind.SHARED, ShapeKind.CONTEXT)]
PUBLIC = [pair for pair in SHAPES if pair[1].kind is ShapeKind.PUBLIC]

KEY = "exa_[a-z]{20}"
"""The pattern of a provider made for tests."""


def catalogue_of(*providers: Provider) -> Catalogue:
    return Catalogue({p.name: p for p in providers})


def test_there_is_something_to_look_at() -> None:
    assert len(OWN) >= 80 and len(UNDECIDED) > 30 and len(PUBLIC) == 1
    assert len(SHAPES) == len(OWN) + len(UNDECIDED) + len(PUBLIC)


@pytest.mark.parametrize("pair", OWN, ids=title)
def test_a_value_of_its_own_shape_identifies_its_provider(pair: tuple[Provider, Shape]) -> None:
    provider, shape = pair
    for value in make_values(shape):
        assert CATALOGUE.identify(value) is CATALOGUE.recognize(None, value) is provider
        assert CATALOGUE.recognize("MY_OWN", value) is provider
        assert CATALOGUE.doubt(provider, shape.field, value) is None


@pytest.mark.parametrize("pair", UNDECIDED, ids=title)
def test_another_form_identifies_nobody_and_confirms_what_is_known(
    pair: tuple[Provider, Shape],
) -> None:
    provider, shape = pair
    alone = catalogue_of(provider)
    for value in make_values(shape):
        assert alone.identify(value) is alone.recognize("MY_OWN", value) is None
        assert alone.doubt(provider, shape.field, value) is None


@pytest.mark.parametrize("pair", PUBLIC, ids=title)
def test_what_is_no_secret_is_questioned_in_place_of_one(pair: tuple[Provider, Shape]) -> None:
    provider, shape = pair
    for value in make_values(shape):
        assert CATALOGUE.identify(value) is None
        doubt = CATALOGUE.doubt(provider, provider.fields[0].name, value)
        assert doubt == f"this looks like a {shape.name}, which is no secret"


@pytest.mark.parametrize("pair", OWN, ids=title)
def test_a_value_of_another_provider_is_doubted_and_not_shown(
    pair: tuple[Provider, Shape],
) -> None:
    owner, shape = pair
    value = make_values(shape, 1)[0]
    secret = value.removeprefix(shape.head(value))
    for other in CATALOGUE.providers.values():
        if other is not owner:
            doubt = CATALOGUE.doubt(other, other.fields[0].name, value)
            assert doubt is not None
            assert owner.title in doubt and other.title in doubt
            assert not any(secret[i : i + 6] in doubt for i in range(len(secret) - 5))


@pytest.mark.parametrize("pair", OWN, ids=title)
def test_what_surrounds_a_value_makes_it_none(pair: tuple[Provider, Shape]) -> None:
    _, shape = pair
    for value in make_values(shape, 5):
        for odd in (f"{value}\n", f" {value}", f'"{value}"', f"{value} ", f"x\n{value}"):
            assert shape.fits(odd) is shape.is_part


@pytest.mark.parametrize("provider", CATALOGUE.providers.values(), ids=lambda p: p.name)
def test_its_variables_name_a_provider(provider: Provider) -> None:
    own, additional, others = provider.variables()
    for variable in (*own, *additional, *others):
        known = CATALOGUE.get(provider.yields_to) if provider.yields_to else provider
        assert CATALOGUE.find_by_variable(variable) is known
        assert CATALOGUE.recognize(variable, "of no shape") is known
        assert CATALOGUE.find_by_variable(variable.lower()) is None  # programs look for it exactly
    for variable in provider.related:
        assert CATALOGUE.find_by_variable(variable) in (None, provider)


def test_a_variable_of_nobody_names_nobody() -> None:
    for variable in (
        "",
        "MY_TOKEN",
        "TOKEN",
        "API_KEY",
        "HF_TOKEN ",
        "HF_TOKEN\n",
        "TWINE_USERNAME",
    ):
        assert CATALOGUE.find_by_variable(variable) is None


def test_the_variable_counts_more_than_the_shape() -> None:
    value = make_values(CATALOGUE.get("openai").shapes[0], 1)[0]
    assert CATALOGUE.recognize("HF_TOKEN", value) is CATALOGUE.get("huggingface")
    assert CATALOGUE.recognize("MY_TOKEN", value) is CATALOGUE.get("openai")
    assert CATALOGUE.recognize(None, value) is CATALOGUE.get("openai")


def test_of_two_that_call_a_variable_their_own_the_shape_decides() -> None:
    pypi, testpypi = CATALOGUE.get("pypi"), CATALOGUE.get("testpypi")
    for provider in (pypi, testpypi):
        for value in make_values(provider.shapes[0], 3):
            assert CATALOGUE.recognize("TWINE_PASSWORD", value) is provider
    other = make_values(CATALOGUE.get("openai").shapes[0], 1)[0]
    for value in ("", "a password", other):
        assert CATALOGUE.recognize("TWINE_PASSWORD", value) is pypi


def test_its_own_variable_comes_before_an_additional_name() -> None:
    owner = make_provider("owner", variable="SAME")
    also = make_provider("also", ('prompt = "key"', 'prompt = "key"\nalso = ["SAME"]'))
    for providers in ((owner, also), (also, owner)):
        assert catalogue_of(*providers).find_by_variable("SAME") is owner
    assert catalogue_of(also).find_by_variable("SAME") is also


def test_where_two_claim_a_value_alike_neither_is_right() -> None:
    one, other = make_provider("one"), make_provider("other")
    value = make_values(one.shapes[0], 1)[0]
    assert catalogue_of(one).identify(value) is one
    both = catalogue_of(one, other)
    assert both.identify(value) is None
    assert both.public_head(value) == ""
    assert both.doubt(one, "ONE_KEY", value) is both.doubt(other, "OTHER_KEY", value) is None


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        (r"exa_[a-z_]{20}", r"exa_pro_[a-z]{16}"),
        (r"[a-z_]{20,30}", r"exa_[a-z]{20}"),
        (r"exa_[a-z0-9]{20}", r"exa_[a-z]{17}end"),
        (r"exa_[a-z]+", r"(?:exa|exb)_v_?[a-z]{18,20}"),
    ],
)
def test_of_two_that_fit_the_more_specific_is_right(wide: str, narrow: str) -> None:
    one, other = make_provider("one", (KEY, wide)), make_provider("other", (KEY, narrow))
    found = [v for v in make_values(other.shapes[0], 50) if one.shapes[0].fits(v)]
    assert found
    for value in found:
        for providers in ((one, other), (other, one)):
            assert catalogue_of(*providers).identify(value) is other


def test_a_shared_shape_neither_decides_nor_doubts() -> None:
    shared = make_provider("third", ('"prefix"', '"shared"'))
    alone = catalogue_of(shared)
    value = make_values(shared.shapes[0], 1)[0]
    assert alone.identify(value) is None and alone.public_head(value) == ""
    assert alone.doubt(shared, "THIRD_KEY", value) is None
    assert alone.doubt(shared, "THIRD_KEY", "of another shape") is None


def test_a_recalled_shape_does_not_doubt() -> None:
    for recalled in (False, True):
        lines = f'"prefix"\nrecalled = {str(recalled).lower()}'
        provider = make_provider("one", ('"prefix"', lines))
        doubt = catalogue_of(provider).doubt(provider, "ONE_KEY", "of another shape")
        assert (doubt is None) is recalled


def test_the_parts_of_aws_do_not_stand_for_each_other() -> None:
    aws = CATALOGUE.get("aws")
    key_id, secret = (
        make_values(next(s for s in aws.shapes if s.field == field), 1)[0]
        for field in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    )
    assert CATALOGUE.doubt(aws, "AWS_ACCESS_KEY_ID", key_id) is None
    assert CATALOGUE.doubt(aws, "AWS_SECRET_ACCESS_KEY", secret) is None
    swapped = CATALOGUE.doubt(aws, "AWS_SECRET_ACCESS_KEY", key_id)
    assert swapped is not None and "another part" in swapped
    assert CATALOGUE.doubt(aws, "AWS_ACCESS_KEY_ID", secret) is not None
    assert CATALOGUE.doubt(aws, "AWS_SESSION_TOKEN", "anything at all") is None


def test_a_part_without_a_form_of_its_own_is_not_measured_by_generic_forms() -> None:
    qdrant, lightning = CATALOGUE.get("qdrant"), CATALOGUE.get("lightning")
    assert CATALOGUE.doubt(qdrant, "QDRANT_URL", "https://x.example.com") is None
    user_id = make_values(lightning.shapes[0], 1)[0]
    assert CATALOGUE.doubt(lightning, "LIGHTNING_USER_ID", user_id) is None


def test_another_kind_of_token_is_said_to_belong_elsewhere() -> None:
    slack = CATALOGUE.get("slack")
    app = make_values(next(s for s in slack.shapes if s.field == "SLACK_APP_TOKEN"), 1)[0]
    doubt = CATALOGUE.doubt(slack, "SLACK_BOT_TOKEN", app)
    assert doubt == "this looks like an app-level token, which belongs in SLACK_APP_TOKEN"
    assert CATALOGUE.doubt(slack, "SLACK_APP_TOKEN", app) is None
