"""No long value makes a pattern run for long: whoever pipes one in is not kept waiting."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from credman.providers.catalogue import load_catalogue
from tests.providers.shapes import generate

SIZE = 1 << 18
TIMEOUT = 40.0
"""Seconds for all of it. A quadratic pattern takes minutes, a linear one some milliseconds."""

REPOSITORY = Path(__file__).parents[2]


def hostile_values() -> Iterator[str]:
    """Values that begin like tokens and go on for long, and end otherwise."""
    bodies: set[str] = set()
    for provider in load_catalogue().providers.values():
        for shape in provider.shapes:
            value = generate(shape.pattern, random.Random(shape.pattern))
            half = len(value) // 2
            bodies |= {value, value[:half], value[half:]}
    for body in bodies:
        yield body * (SIZE // len(body)) + "!"
    for start in {body[:12] for body in bodies}:
        for letters in ("a", "0", "_-", "aA1."):
            yield start + letters * (SIZE // len(letters)) + "!"


def main() -> None:
    catalogue = load_catalogue()
    for value in hostile_values():
        catalogue.identify(value)
        for provider in catalogue.providers.values():
            for shape in provider.shapes:
                shape.fits(value)


def test_patterns_are_linear() -> None:
    subprocess.run(
        [sys.executable, "-m", "tests.providers.test_hostile"],
        cwd=REPOSITORY,
        timeout=TIMEOUT,
        check=True,
    )


if __name__ == "__main__":
    main()
