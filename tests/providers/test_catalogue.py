"""The catalogue: every file is sound, and a value's shape says what it can say and no more."""

from __future__ import annotations

import random
from importlib.resources import files

import pytest

from credman.core.errors import NotFound, UsageError
from credman.core.names import check_name, check_variable
from credman.providers.catalogue import (
    Catalogue,
    Provider,
    Shape,
    ShapeKind,
    check_unique,
    load_catalogue,
    parse_provider,
)
from tests.providers.shapes import generate

CATALOGUE = load_catalogue()
SHAPES = [(p, s) for p in CATALOGUE.providers.values() for s in p.shapes]
OWN = [(p, s) for p, s in SHAPES if s.kind is ShapeKind.PREFIX]
CONTEXT = [(p, s) for p, s in SHAPES if s.kind is ShapeKind.CONTEXT]

GOOD = """
title = "Example"
aliases = ["ex"]
create_url = "https://example.com/new"
revoke_url = "https://example.com/tokens"
docs_url = "https://example.com/docs"
expiry = "none"
confidence = "seen"
[[fields]]
variables = ["EXAMPLE_KEY"]
prompt = "key"
[[shapes]]
name = "key"
pattern = 'exa_[a-z]{20}'
kind = "prefix"
"""


def parse(text: str) -> Provider:
    return parse_provider("example", text, source="example.toml")


def title(pair: tuple[Provider, Shape]) -> str:
    return f"{pair[0].name}: {pair[1].name}"


def make_values(shape: Shape, count: int = 20) -> list[str]:
    """Returns: values of this shape, the same in every run."""
    chance = random.Random(shape.pattern)
    values = [generate(shape.pattern, chance) for _ in range(count)]
    assert all(shape.fits(value) for value in values)
    return values


def test_every_file_is_read() -> None:
    stems = {
        entry.name.removesuffix(".toml")
        for entry in files("credman.providers").joinpath("data").iterdir()
    }
    assert CATALOGUE.providers.keys() == stems
    assert len(stems) >= 10


@pytest.mark.parametrize("provider", CATALOGUE.providers.values(), ids=lambda p: p.name)
def test_every_provider_is_sound(provider: Provider) -> None:
    assert provider.name == provider.name.casefold()
    assert provider.title and provider.expiry
    assert provider.confidence in ("seen", "recalled")
    names = {f.name for f in provider.fields}
    taken = [v for f in provider.fields for v in (*f.variables, *f.also)]
    assert len({v.casefold() for v in taken}) == len(taken)
    for variable in (*taken, *provider.related):
        assert check_variable(variable) == variable
    for name in (provider.name, *provider.aliases):
        assert check_name("token", name) == name
    assert not all(f.optional for f in provider.fields)
    assert any(f.secret for f in provider.fields)
    for url in (provider.create_url, provider.revoke_url, provider.docs_url):
        assert url.startswith(("https://", "{"))
    for shape in provider.shapes:
        assert shape.field in names | set(provider.related) | set(taken)
    assert (provider.rotation_days is None) == (provider.rotation_basis == "")
    assert provider.rotation_days is None or 1 <= provider.rotation_days <= 3650


def test_no_two_providers_answer_to_one_name() -> None:
    names = [n for p in CATALOGUE.providers.values() for n in (p.name, *p.aliases)]
    assert len({n.casefold() for n in names}) == len(names)
    one, other = parse(GOOD), parse(GOOD.replace('"Example"', '"Other"'))
    with pytest.raises(UsageError, match="ex"):
        check_unique([one, parse_provider("other", GOOD, source="other.toml")])
    check_unique([one, other])  # of one name: the later file stands for the former


def test_a_provider_is_found_by_name_and_alias_in_any_case() -> None:
    for provider in CATALOGUE.providers.values():
        for name in (provider.name, *provider.aliases):
            for spelled in (name, name.upper(), name.title()):
                assert CATALOGUE.find(spelled) is CATALOGUE.get(spelled) is provider
    for unknown in ("", "no-such", "hf ", "x" * 10_000):
        assert CATALOGUE.find(unknown) is None


def test_an_unknown_provider_gives_the_nearest() -> None:
    with pytest.raises(NotFound) as caught:
        CATALOGUE.get("hugingface")
    assert caught.value.hint == "did you mean huggingface?"
    with pytest.raises(NotFound) as caught:
        CATALOGUE.get("zzzzzz")
    assert "credman providers" in caught.value.hint


BROKEN = [
    (GOOD + "colour = 1\n", "colour"),
    ("colour = 1\n" + GOOD, "colour is not known"),
    (GOOD.replace('prompt = "key"', 'prompt = "key"\nhidden = true'), "fields[0].hidden"),
    (GOOD.replace('title = "Example"\n', ""), "title is missing"),
    (GOOD.replace('"Example"', "1"), "title must be a text"),
    (GOOD.replace('["ex"]', '"ex"'), "aliases must be a list"),
    (GOOD.replace('["ex"]', "[1]"), "aliases must be a list of texts"),
    ('rotation_days = "90"\n' + GOOD, "rotation_days must be a number"),
    ("rotation_days = true\n" + GOOD, "rotation_days must be a number"),
    (GOOD.replace('prompt = "key"', 'prompt = "key"\nsecret = "no"'), "fields[0].secret"),
    (GOOD.replace('prompt = "key"\n', ""), "fields[0].prompt is missing"),
    (GOOD.replace('["EXAMPLE_KEY"]', "[]"), "fields[0].variables is empty"),
    (GOOD.replace("EXAMPLE_KEY", "LD_PRELOAD"), "fields[0].variables LD_PRELOAD"),
    (GOOD.replace("EXAMPLE_KEY", "1A"), "fields[0].variables"),
    (
        GOOD.replace('prompt = "key"', 'prompt = "key"\nalso = ["PATH"]'),
        "fields[0].variables PATH",
    ),
    (GOOD.replace("exa_[a-z]{20}", "exa_[a-z"), "shapes[0].pattern is no regular expression"),
    (GOOD.replace('"prefix"', '"suffix"'), "shapes[0].kind must be prefix, shared or context"),
    (GOOD.replace('name = "key"\n', ""), "shapes[0].name is missing"),
    (GOOD.split("[[fields]]")[0], "fields is empty"),
    ("fields = 1\n" + GOOD.split("[[fields]]")[0], "fields must be a list"),
    ("fields = [1]\n" + GOOD.split("[[fields]]")[0], "fields must be a list of tables"),
    ("[[[", "not valid TOML"),
    ("a = " + "1" * 5000, "not valid TOML"),
    ("a = " + "[" * 20_000, "not valid TOML"),
]


def test_the_good_example_is_good() -> None:
    provider = parse(GOOD)
    assert (provider.name, provider.title, provider.aliases) == ("example", "Example", ("ex",))
    assert provider.shapes[0].field == "EXAMPLE_KEY"


@pytest.mark.parametrize(("text", "named"), BROKEN, ids=[named for _, named in BROKEN])
def test_a_broken_file_is_an_error_that_names_file_and_key(text: str, named: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert caught.value.message.startswith("example.toml: ")
    assert named in caught.value.message


@pytest.mark.parametrize("pair", OWN, ids=title)
def test_a_value_of_its_own_shape_identifies_its_provider(pair: tuple[Provider, Shape]) -> None:
    provider, shape = pair
    for value in make_values(shape):
        assert CATALOGUE.identify(value) is provider
        assert CATALOGUE.doubt(provider, shape.field, value) is None


@pytest.mark.parametrize("pair", CONTEXT, ids=title)
def test_a_generic_form_identifies_nobody(pair: tuple[Provider, Shape]) -> None:
    provider, shape = pair
    alone = Catalogue({provider.name: provider})
    for value in make_values(shape):
        assert alone.identify(value) is None
        assert CATALOGUE.doubt(provider, shape.field, value) is None


@pytest.mark.parametrize("pair", OWN, ids=title)
def test_a_value_of_another_provider_is_doubted_and_not_shown(
    pair: tuple[Provider, Shape],
) -> None:
    owner, shape = pair
    for other in CATALOGUE.providers.values():
        if other is owner:
            continue
        for value in make_values(shape, 5):
            doubt = CATALOGUE.doubt(other, other.fields[0].name, value)
            assert doubt is not None
            assert owner.title in doubt and other.title in doubt
            assert not any(value[i : i + 6] in doubt for i in range(len(value) - 5))


@pytest.mark.parametrize("pair", OWN, ids=title)
def test_what_surrounds_a_value_makes_it_none(pair: tuple[Provider, Shape]) -> None:
    _, shape = pair
    for value in make_values(shape, 5):
        for odd in (f"{value}\n", f" {value}", f'"{value}"', f"{value} ", f"x\n{value}"):
            assert not shape.fits(odd)


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


def test_where_two_claim_a_value_neither_is_right() -> None:
    one, other = parse(GOOD), parse_provider("other", GOOD.replace('"ex"', '"ot"'), source="o")
    shared = parse_provider("third", GOOD.replace('"prefix"', '"shared"'), source="t")
    value = make_values(one.shapes[0], 1)[0]
    assert Catalogue({"example": one}).identify(value) is one
    both = Catalogue({"example": one, "other": other})
    assert both.identify(value) is None
    assert both.doubt(one, "EXAMPLE_KEY", value) is both.doubt(other, "EXAMPLE_KEY", value) is None
    alone = Catalogue({"third": shared})
    assert alone.identify(value) is None
    assert alone.doubt(shared, "EXAMPLE_KEY", value) is None
    assert alone.doubt(shared, "EXAMPLE_KEY", "of another shape") is None  # it never decides
