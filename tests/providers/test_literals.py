"""How values begin: what may be shown of one, since all of its kind have it."""

from __future__ import annotations

import re

import pytest

from credman.providers.catalogue import Provider, Shape, ShapeKind
from credman.providers.literals import count_literals, find_head, list_heads
from tests.providers.factories import CATALOGUE, make_values, title

OWN = [(p, s) for p in CATALOGUE.providers.values() for s in p.shapes if s.kind is ShapeKind.PREFIX]


@pytest.mark.parametrize(
    ("pattern", "heads"),
    [
        (r"hf_[A-Za-z]{34}", ["hf_"]),
        (r"AQ\.[a-z]{40}", ["AQ."]),
        (r"(?:ghp|gho|ghu)_[0-9]{36}", ["ghp_", "gho_", "ghu_"]),
        (r"(?:sk|rk)_(?:test|live)_[a-z]+", ["sk_test_", "sk_live_", "rk_test_", "rk_live_"]),
        (r"cf[ua]t_[a-z]{40}", ["cfut_", "cfat_"]),
        (r"[MNO][a-z]{23}", [""]),
        (r"[a-z]{8}:fx", [""]),
        (r"dapi[0-9]{32}(?:-\d)?", ["dapi"]),
        (r"xoxp(?:-[0-9]{10,13}){3}", ["xoxp"]),
        (r"abc+d", ["ab"]),
        (r"ab(?:cd|ef)?g", ["ab"]),
        (r"ab[cd]{2}", ["ab"]),
        (r"https://hooks\.example\.com/[a-z]+", ["https://hooks.example.com/"]),
        (r"\S{8,}", [""]),
        (r"\d{8}", [""]),
    ],
)
def test_heads(pattern: str, heads: list[str]) -> None:
    assert list(list_heads(pattern)) == heads


@pytest.mark.parametrize(
    ("pattern", "count"),
    [
        (r"hf_[A-Za-z]{34}", 3),
        (r"[a-z]{3}\dQ~[~.-]{3}", 2),
        (r"[a-f]{8}-[a-f]{4}:fx", 4),
        (r"\S", 0),
    ],
)
def test_characters_that_are_spelled_out(pattern: str, count: int) -> None:
    assert count_literals(pattern) == count


@pytest.mark.parametrize("pair", OWN, ids=title)
def test_the_head_is_shown_and_holds_nothing_of_the_secret(pair: tuple[Provider, Shape]) -> None:
    _, shape = pair
    values = make_values(shape)
    shown = {CATALOGUE.public_head(value) for value in values}
    for value in values:
        head = CATALOGUE.public_head(value)
        assert value.startswith(head)
        assert len(value) - len(head) >= 9 or len(value) < 20  # of a short one nothing is shown
    # It is a choice of what the pattern itself spells out, and the same for many values.
    assert shown <= {h for _, s in OWN for h in list_heads(s.pattern)}
    assert len(shown) <= 6


def test_heads_of_well_known_tokens() -> None:
    known = {"huggingface", "github", "anthropic", "openai", "gitlab", "aws"}
    values = [v for p, shape in OWN if p.name in known for v in make_values(shape)]
    heads = {CATALOGUE.public_head(value) for value in values}
    assert heads >= {"hf_", "ghp_", "github_pat_", "sk-ant-api03-", "sk-proj-", "glpat-", "AKIA"}


def test_the_longest_head_counts() -> None:
    pattern = r"(?:ab|abc)[a-z]{4}"
    assert find_head(pattern, "abcdefg") == "abc" and find_head(pattern, "abxxxx") == "ab"
    assert re.fullmatch(pattern, "abcdefg")


def test_no_pattern_has_alternatives_outside_of_groups() -> None:
    # The head would be that of the first alternative only.
    for provider in CATALOGUE.providers.values():
        for shape in provider.shapes:
            depth = 0
            for piece in re.findall(r"\\.|\[(?:\\.|[^\]])*\]|.", shape.pattern):
                depth += (piece == "(") - (piece == ")")
                assert piece != "|" or depth
