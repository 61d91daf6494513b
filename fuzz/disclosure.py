"""Whether an error shows a part of what was read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from types import CodeType, ModuleType

LONGEST = 8
"""As many characters of the input may stand in a message in a row: by chance they do."""


def find_disclosure(error: BaseException, data: bytes, fixed: Sequence[str]) -> str | None:
    """Args:
        data: what was read.
        fixed: texts that say nothing of it, though they may occur in it.

    Returns:
        A part of the data that the error, or one that a traceback shows with it, has in its texts.
    """
    given = data.decode("utf-8", "surrogateescape")
    for shown in _texts(error):
        rest = _without(shown, tuple(fixed))
        for start in range(len(rest) - LONGEST):
            part = rest[start : start + LONGEST + 1]
            if "\0" not in part and part in given:
                return part
    return None


def read_fixed_texts(*modules: ModuleType) -> tuple[str, ...]:
    """Returns: the texts that stand in the modules' code, longest first."""
    found: set[str] = set()
    for module in modules:
        path = Path(str(module.__file__))
        found.update(_constants(compile(path.read_text(), str(path), "exec")))
    return tuple(sorted((text for text in found if len(text) > 3), key=len, reverse=True))


def _texts(error: BaseException | None) -> Iterator[str]:
    while error is not None:
        yield from (str(error), repr(error), str(getattr(error, "hint", "")))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _constants(code: CodeType) -> Iterator[str]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _constants(constant)
        elif isinstance(constant, str):
            yield constant


@lru_cache(maxsize=1024)
def _without(shown: str, fixed: tuple[str, ...]) -> str:
    for text in fixed:
        shown = shown.replace(text, "\0")
    return shown
