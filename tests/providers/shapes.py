"""Makes values of a pattern, at run time: no look-alike of a token stands in the repository.

The parser is the interpreter's own and not public; Hypothesis uses it in the same way.
"""

from __future__ import annotations

import base64
import hashlib
import random
import re._constants as sre  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
import string
import zlib
from collections.abc import Callable
from typing import Any

_LETTERS = string.ascii_letters + string.digits + "_-./+= "
_CATEGORIES: dict[Any, Callable[[str], bool]] = {
    sre.CATEGORY_DIGIT: str.isdigit,
    sre.CATEGORY_SPACE: str.isspace,
    sre.CATEGORY_NOT_SPACE: lambda character: not character.isspace(),
}


def generate(pattern: str, chance: random.Random, *, stretch: int = 12) -> str:
    """Args:
    pattern: literals, sets, groups, alternatives and repetitions; what the catalogue uses.
    stretch: how much longer than it must be an open-ended repetition becomes at most.
    """
    return "".join(_expand(item, chance, stretch) for item in parser.parse(pattern))


def complete(value: str, checksum: str) -> str:
    """Args:
        value: one of a shape.
        checksum: the name of the shape's; empty: it has none.

    Returns:
        The value with the characters in place that are computed from the others.
    """
    match checksum:
        case "":
            return value
        case "crc32-base62":
            digits = string.digits + string.ascii_uppercase + string.ascii_lowercase
            return value[:-6] + _write(zlib.crc32(value.split("_", 1)[1][:-6].encode()), digits, 6)
        case "crc32-base36":
            digits = string.digits + string.ascii_lowercase
            return value[:-7] + _write(zlib.crc32(value[:-7].encode()), digits, 7)
        case "sha256-base32":
            begin = len("github_pat_") + 22 + 1 + 43
            digest = base64.b32encode(hashlib.sha256(value[:begin].encode()).digest())
            return value[:begin] + digest[:8].decode() + value[begin + 8 :]
    raise NotImplementedError(checksum)


def _write(number: int, digits: str, width: int) -> str:
    places = [number // len(digits) ** place % len(digits) for place in reversed(range(width))]
    return "".join(digits[place] for place in places)


def _expand(item: tuple[Any, Any], chance: random.Random, stretch: int) -> str:
    operator, argument = item
    if operator is sre.LITERAL:
        return chr(argument)
    if operator is sre.IN:
        return chance.choice([c for c in _LETTERS if _is_in(c, argument)])
    if operator in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        least, most, inner = argument
        count = chance.randint(least, min(int(most), least + stretch))
        return "".join(_expand(part, chance, stretch) for _ in range(count) for part in inner)
    if operator is sre.SUBPATTERN:
        return "".join(_expand(part, chance, stretch) for part in argument[-1])
    if operator is sre.BRANCH:
        return "".join(_expand(part, chance, stretch) for part in chance.choice(argument[1]))
    raise NotImplementedError(str(operator))


def _is_in(character: str, members: list[tuple[Any, Any]]) -> bool:
    for operator, argument in members:
        if operator is sre.LITERAL and ord(character) == argument:
            return True
        if operator is sre.RANGE and argument[0] <= ord(character) <= argument[1]:
            return True
        if operator is sre.CATEGORY and _CATEGORIES[argument](character):
            return True
        if operator not in (sre.LITERAL, sre.RANGE, sre.CATEGORY):
            raise NotImplementedError(str(operator))
    return False
