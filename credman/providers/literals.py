"""What a pattern spells out: how its values begin, and how much of them it fixes.

Only as much of the syntax of regular expressions is understood as it takes; where a pattern goes
on otherwise, its head ends. A head that is too short only shows less.
"""

from __future__ import annotations

import re

_PIECE = re.compile(
    r"""(?P<text>[A-Za-z0-9_:/"-]|\\[^A-Za-z0-9])   # a character, plain or escaped
    | \(\?:(?P<words>[A-Za-z0-9_-]+(?:\|[A-Za-z0-9_-]+)*)\)   # (?:ghp|gho|ghu)
    | \[(?P<letters>[A-Za-z0-9_]+)\]   # cf[ua]t""",
    re.VERBOSE,
)
_REPEAT = re.compile(r"[*+?{]")
_NO_TEXT = re.compile(r"\[[^\]]*\]|\{[0-9,]*\}|\(\?:|\\[A-Za-z]|[()|*+?]")


def list_heads(pattern: str) -> tuple[str, ...]:
    """Args: pattern: a regular expression without alternatives outside of groups.

    Returns:
        What it spells out at its beginning: a text for each alternative; one empty text if nothing.
    """
    heads, position = [""], 0
    while piece := _PIECE.match(pattern, position):
        if _REPEAT.match(pattern, piece.end()):
            break
        if heads == [""] and piece["letters"]:  # a set alone names nobody
            break
        if piece["text"]:
            choices = [piece["text"][-1]]
        else:
            choices = piece["words"].split("|") if piece["words"] else list(piece["letters"])
        heads = [head + choice for head in heads for choice in choices]
        position = piece.end()
    return tuple(heads)


def find_head(pattern: str, value: str) -> str:
    """Args: value: one that the pattern fits. Returns: the head that it has."""
    return max((h for h in list_heads(pattern) if value.startswith(h)), key=len, default="")


def count_literals(pattern: str) -> int:
    """Returns: how many characters of its values a pattern spells out, all alternatives counted."""
    return len(_NO_TEXT.sub("", pattern).replace("\\", ""))
