"""Providers made for tests, and values made of shapes."""

from __future__ import annotations

import random

from credman.providers.catalogue import Provider, Shape, load_catalogue, parse_provider
from tests.providers.shapes import complete, generate

CATALOGUE = load_catalogue()

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


def parse(text: str, name: str = "example") -> Provider:
    return parse_provider(name, text, source=f"{name}.toml")


def make_provider(name: str, *changes: tuple[str, str], variable: str = "") -> Provider:
    """Args: changes: to GOOD, old and new; variable: its own, by default made of the name."""
    text = GOOD.replace('["ex"]', "[]").replace('"Example"', f'"{name.title()}"')
    text = text.replace("EXAMPLE_KEY", variable or f"{name.upper()}_KEY")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return parse(text, name)


def title(pair: tuple[Provider, Shape]) -> str:
    return f"{pair[0].name}: {pair[1].name}"


def make_values(shape: Shape, count: int = 20) -> list[str]:
    """Returns: values of this shape, the same in every run."""
    chance = random.Random(shape.pattern)
    values = [complete(generate(shape.pattern, chance), shape.checksum) for _ in range(count)]
    assert all(shape.fits(value) for value in values)
    return values
