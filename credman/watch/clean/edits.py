"""What becomes of a text from which tokens are taken out.

Rule: an edit names the bytes that it replaces, and all others stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Leak(NamedTuple):
    """A token in a text.

    Args:
        start, end: the bytes that it takes there.
    variable: the environment variable that gives it at run time, such as ``HF_TOKEN``.
    is_plain: it stands there as it is; of one that is encoded the variable gives another text.
    """

    start: int
    end: int
    variable: str
    is_plain: bool = True


class Edit(NamedTuple):
    """The bytes from start to end become others; nothing is inserted where the two are equal."""

    start: int
    end: int
    new: bytes


def make_marker(variable: str) -> bytes:
    """Returns: what stands for a token where nothing reads it: ``[credman:HF_TOKEN]``."""
    return b"[credman:%s]" % variable.encode("ascii")


def apply_edits(data: bytes, edits: Iterable[Edit]) -> bytes:
    """Args: edits: none overlaps another.

    Returns:
        The text with them.
    """
    parts, reached = [], 0
    for edit in sorted(edits, key=lambda e: (e.start, e.end)):
        if edit.start < reached:
            raise AssertionError("edits overlap")
        parts += [data[reached : edit.start], edit.new]
        reached = edit.end
    return b"".join([*parts, data[reached:]])


def edit_words(data: bytes, leaks: Sequence[Leak]) -> list[Edit]:
    """Returns: a word in place of each, where brackets would mean something."""
    return [Edit(k.start, k.end, b"credman_%s" % k.variable.encode("ascii")) for k in leaks]


def edit_text(data: bytes, leaks: Sequence[Leak]) -> list[Edit]:
    """Returns: a mark in place of each: it has no quote, backslash, dollar or blank."""
    return [Edit(leak.start, leak.end, make_marker(leak.variable)) for leak in leaks]
