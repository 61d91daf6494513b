"""Which words of a line may be a value.

Rule: every word may be one that is no known name, no option, and no slip of the keys from one of
these. Nothing that is stored is opened for it.
"""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Collection, Iterable, Sequence

from credman.core.names import variable_from_name
from credman.notebook.completing import Known
from credman.notebook.lines import OPTIONS, WORDS, holds_value

_VARIABLE = re.compile(r"[A-Z][A-Z_]*_[A-Z_]*", re.ASCII)
_WORD = re.compile(r"[a-z]{1,12}", re.ASCII)
_LETTERS = re.compile(r"[A-Za-z._-]+", re.ASCII)
_SHORT = 4  # characters; of a shorter name one slip makes another word already


def list_doubtful(line: str, *, is_missing: bool) -> list[str]:
    """Args: is_missing: the line was understood, and what it names was not found: then a word that
    is written as names are is taken for one.

    Returns:
        The words that may be a value.
    """
    known = {word.casefold() for word in (*WORDS, *OPTIONS, "on", "off")}
    with contextlib.suppress(Exception):  # what cannot be known is in doubt
        known.update(word.casefold() for word in Known().list_all())
    found = dict.fromkeys(part for word in _split(line) for part in word.split("=") if part)
    return [
        word
        for word in found
        if holds_value(word)
        or not (
            word.casefold() in known
            or (is_missing and (_WORD.fullmatch(word) or _is_variable(word)))
            or _is_near_any(word, known)
        )
    ]


def mask(text: str, words: Sequence[str]) -> str:
    """Returns: the text, without these words, and without the variables that are made of them."""
    forms = {form for word in words for form in (word, variable_from_name(word))}
    for form in sorted(forms, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", "…", text, flags=re.IGNORECASE)
    return text


def is_near(word: str, known: str) -> bool:
    """Whether one or two slips of the keys make one of the other: a letter too many, too few,
    another one, or two in the wrong order."""
    word, known = word.casefold(), known.casefold()
    most = 1 if len(known) < _SHORT else 2
    if abs(len(word) - len(known)) > most or len({*word} ^ {*known}) > 2 * most:
        return False
    return _count_slips(word, known) <= most


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # a quote has no end
        return [word.strip("'\"") for word in line.split()]


def _is_variable(word: str) -> bool:
    return _VARIABLE.fullmatch(word) is not None


def _is_near_any(word: str, known: Collection[str]) -> bool:
    # Digits and signs make a value of a name that somebody knows, rather than slips.
    return bool(_LETTERS.fullmatch(word)) and _any_near(word, known)


def _any_near(word: str, known: Iterable[str]) -> bool:
    return any(is_near(word, each) for each in known)


def _count_slips(one: str, other: str) -> int:
    before: list[int] = []
    row: list[int] = [*range(len(other) + 1)]
    for i, a in enumerate(one, 1):
        last, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            cost: int = min(before[j] + 1, row[-1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
