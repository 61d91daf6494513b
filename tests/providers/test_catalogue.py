"""The catalogue: all services are there, and no name and no variable means two of them."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from credman.core.errors import NotFound, UsageError
from credman.core.names import check_name, check_variable
from credman.providers.advice import find_rotation_days
from credman.providers.catalogue import Provider, check_unique, find_problems, load_catalogue
from tests.providers.factories import CATALOGUE, GOOD, make_provider, parse

COUNT = 65


def test_every_file_is_read() -> None:
    stems = {
        entry.name.removesuffix(".toml")
        for entry in files("credman.providers").joinpath("data").iterdir()
    }
    assert CATALOGUE.providers.keys() == stems
    assert len(stems) == COUNT
    assert list(CATALOGUE.providers) == sorted(stems)


def test_no_file_has_a_problem() -> None:
    catalogue, problems = find_problems()
    assert problems == {} and catalogue == CATALOGUE


@pytest.mark.parametrize("provider", CATALOGUE.providers.values(), ids=lambda p: p.name)
def test_every_provider_is_sound(provider: Provider) -> None:
    taken = [v for f in provider.fields for v in (*f.variables, *f.also)]
    older = [f.name for f in provider.legacy_fields]
    assert len({v.casefold() for v in taken + older}) == len(taken) + len(older)
    for variable in (*taken, *older, *provider.related):
        assert check_variable(variable) == variable
    assert not set(provider.related) & {*taken, *older}
    for name in (provider.name, *provider.aliases):
        assert check_name("token", name) == name == name.casefold()
    assert provider.shapes
    for field in provider.fields:
        if field.secret and not field.optional:
            assert any(s.field == field.name for s in provider.shapes)
    if len(provider.fields) > 1:  # parts are told from each other by what requests call them
        assert {f.key for f in provider.fields} != {"token"}


def test_no_two_providers_answer_to_one_name() -> None:
    names = [n for p in CATALOGUE.providers.values() for n in (p.name, *p.aliases)]
    assert len({n.casefold() for n in names}) == len(names)
    one, other = parse(GOOD), parse(GOOD.replace("EXAMPLE_KEY", "OTHER_KEY"), "other")
    with pytest.raises(UsageError, match=r"other\.toml: aliases: ex is a name of example and of"):
        check_unique([one, other])
    check_unique([one])


def test_no_two_providers_call_a_variable_their_own_unless_one_yields() -> None:
    one = make_provider("one", variable="SAME")
    with pytest.raises(UsageError, match="SAME is a variable of one and of two"):
        check_unique([one, make_provider("two", variable="SAME")])
    yielding = ('confidence = "seen"', 'confidence = "seen"\nyields_to = "one"')
    check_unique([make_provider("two", yielding, variable="SAME"), one])
    with pytest.raises(UsageError, match=r"two\.toml: yields_to: one is no provider"):
        check_unique([make_provider("two", yielding)])
    also = ('prompt = "key"', 'prompt = "key"\nalso = ["SAME"]')
    check_unique([one, make_provider("two", also)])  # one's own comes first
    with pytest.raises(UsageError, match="SAME is a variable of three and of two"):
        check_unique([make_provider("two", also), make_provider("three", also)])


def test_the_only_variable_of_two_is_the_one_for_publishing() -> None:
    claims: dict[str, list[str]] = {}
    for provider in CATALOGUE.providers.values():
        for variable in provider.variables()[0]:
            claims.setdefault(variable, []).append(provider.name)
    assert {v: names for v, names in claims.items() if len(names) > 1} == {
        "TWINE_PASSWORD": ["pypi", "testpypi"]
    }


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


def test_a_provider_s_advice_is_found_without_reading_the_others(tmp_path: Path) -> None:
    said = {p.name: p.rotation_days for p in CATALOGUE.providers.values()}
    assert {name: find_rotation_days(name) for name in said} == said
    assert {*said.values()} == {None, 90, 180, 365}
    for name in ("nosuch", "", "../data/npm", "a/b", "\0"):
        assert find_rotation_days(name) is None
    folder, own = str(tmp_path), tmp_path / "example.toml"
    assert find_rotation_days("npm", folder) == 90  # one's own come beside what is built in
    advice = 'rotation_days = 30\nrotation_basis = "own"\n[[fields]]'
    own.write_text(GOOD.replace("[[fields]]", advice, 1))
    assert find_rotation_days("example", folder) == 30
    assert load_catalogue(folder).providers["example"].rotation_days == 30
    for text in ("", "rotation_days = 0", 'rotation_days = "30"', "rotation_days = true", "\0"):
        own.write_text(text)  # what is wrong with it is told where more of it is read
        assert find_rotation_days("example", folder) is None


def test_a_pipe_in_a_provider_s_place_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "npm.toml")
    code = "import sys; from credman.providers.advice import find_rotation_days as find\n"
    code += "assert find('npm', sys.argv[1]) is None"
    argv = [sys.executable, "-c", code, str(tmp_path)]
    assert subprocess.run(argv, timeout=20, check=False).returncode == 0
