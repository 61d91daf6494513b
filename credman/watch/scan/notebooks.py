"""Where in a notebook something stands.

It is found in the bytes of the file themselves, so that what is told is where an editor finds it.

Source for the form: nbformat 4, https://nbformat.readthedocs.io/en/latest/format_description.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from credman.watch.scan.findings import Cell

LARGEST = 32 * 1024 * 1024
"""Bytes of a notebook whose cells are told; of a larger one only lines are."""

# A string without an end takes all the rest: to look for its end from each quote in it would take
# the square of its length.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[\]{},:]|[^\s\[\]{},:"]++', re.DOTALL)
_DEEPEST = 200
_OPENING = {b"[": True, b"{": False}
_LONGEST_KEY = 200
_PARTS = frozenset({"source", "outputs", "attachments", "metadata", "input"})


def is_notebook(path: str) -> bool:
    return path.lower().endswith(".ipynb")


def find_cells(data: bytes, offsets: Sequence[int]) -> dict[int, Cell]:
    """Args: data: a notebook; offsets: of strings in it, or of places inside of them.

    Returns:
        The cell of each, as far as it can be told.
    """
    wanted = sorted(set(offsets))
    found: dict[int, Cell] = {}
    for start, end, path in walk_strings(data):
        while wanted and wanted[0] < end:
            offset = wanted.pop(0)
            if offset >= start:
                found[offset] = _cell(path)
        if not wanted:
            break
    return found


def walk_strings(data: bytes) -> Iterator[tuple[int, int, tuple[str | int, ...]]]:
    """Args: data: JSON; what is none ends the walk.

    Yields:
        Where each string begins and ends, quotes included, and the keys and indices that lead to
        it; keys themselves as well.
    """
    stack: list[str | int | None] = []  # an index in a list, a key in an object, None: no key yet
    expects_key = False
    for match in _TOKEN.finditer(data):
        token = match[0]
        if token[:1] == b'"':
            if stack and expects_key:
                stack[-1] = token[1:-1][:_LONGEST_KEY].decode("utf-8", "replace")
            yield match.start(), match.end(), tuple(step for step in stack if step is not None)
        elif token in _OPENING:
            stack.append(0 if _OPENING[token] else None)
            expects_key = token == b"{"
            if len(stack) > _DEEPEST:
                return
        elif token in (b"]", b"}"):
            if not stack:
                return
            stack.pop()
            expects_key = False
        elif token == b",":
            if stack and isinstance(stack[-1], int):
                stack[-1] += 1
                expects_key = False
            else:
                expects_key = True
        elif token == b":":
            expects_key = False


def _cell(path: tuple[str | int, ...]) -> Cell:
    match path:
        case ("cells", int() as index, "outputs", int() as output, *_):
            return Cell(index + 1, f"output {output + 1}")
        case ("cells", int() as index, str() as part, *_):
            return Cell(index + 1, _name_part(part))
        case ("worksheets", int(), "cells", int() as index, "outputs", int() as output, *_):
            return Cell(index + 1, f"output {output + 1}")
        case ("worksheets", int(), "cells", int() as index, str() as part, *_):
            return Cell(index + 1, "source" if part == "input" else _name_part(part))
        case ("metadata", "widgets", *_):
            return Cell(0, "widget state")
    return Cell(0, "metadata")


def _name_part(key: str) -> str:
    # Any other key is whatever somebody wrote there, which may be the token itself.
    return key if key in _PARTS else "other"
