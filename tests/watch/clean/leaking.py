"""Source with tokens in it, and what is left of it."""

from __future__ import annotations

import random
import re

from credman.watch.clean.edits import Edit, Leak, apply_edits
from credman.watch.clean.python import edit_python
from tests.cli.scans import make_token

TOKEN = make_token("in Python")
NUMBER = "".join(random.Random(9).choices("123456789", k=19))
MARK = "[credman:HF_TOKEN]"


def find_leaks(data: bytes) -> list[Leak]:
    pattern = re.compile(f"{TOKEN}|{NUMBER}".encode())
    return [Leak(m.start(), m.end(), "HF_TOKEN") for m in pattern.finditer(data)]


def check(data: bytes, edits: list[Edit]) -> bytes:
    """Returns: the text with them, which no token is left in."""
    assert edits == sorted(edits) and len({edit.start for edit in edits}) == len(edits)
    for leak in find_leaks(data):
        assert any(e.start <= leak.start and leak.end <= e.end for e in edits)
    new = apply_edits(data, edits)
    assert not find_leaks(new)
    return new


def clean(source: str, *, is_cell: bool = False, knows_os: bool = False) -> str | None:
    """Args: source: T stands for a token, N for one of digits; both are in ‹›."""
    data = source.replace("‹T›", TOKEN).replace("‹N›", NUMBER).encode()
    assert find_leaks(data)
    edits = edit_python(data, find_leaks(data), is_cell=is_cell, knows_os=knows_os)
    return None if edits is None else check(data, edits).decode()
