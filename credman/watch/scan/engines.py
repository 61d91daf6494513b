"""What looks through bytes for many patterns at once.

hyperscan does; where it has no wheel, google-re2 or the standard library.

Rule: an engine only says which patterns may be in a buffer; ``re`` confirms, so all engines give
the same findings. Imports next to nothing: the git hook pays for every module.
"""

import sys

TYPE_CHECKING = False  # typing costs more to import than all of this module
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Protocol

    Buffer = bytes | bytearray | memoryview

    class Matcher(Protocol):
        """Looks for a fixed set of patterns. One is used by one thread at a time."""

        def find(self, data: Buffer) -> list[int]:
            """Returns: the numbers of the patterns that are in it, at least; each once."""

        def clone(self) -> "Matcher":
            """Returns: one for another thread."""


ENGINES = ("hyperscan", "re2", "re")
"""Fastest first."""


class Hyperscan:
    """Args: database: compiled or loaded; scratch: of this thread alone."""

    def __init__(self, database: "Any", scratch: "Any") -> None:
        self._database, self._scratch = database, scratch
        self._found: list[int] = []
        add = self._found.append

        def note(number: int, start: int, end: int, flags: int, context: object) -> None:
            add(number)  # whatever but None would end the scan

        self._note = note

    def find(self, data: "Buffer") -> list[int]:
        self._found.clear()
        self._database.scan(data, match_event_handler=self._note, scratch=self._scratch)
        return self._found[:] if self._found else _NOTHING

    def clone(self) -> "Hyperscan":
        return Hyperscan(self._database, self._scratch.clone())


class Alternatives:
    """One expression of all patterns to tell that there is nothing, then each for itself.

    Args:
        any_of: searches for all of them.
        searches: each for one.
    """

    def __init__(
        self, any_of: "Callable[[Buffer], object]", searches: "Sequence[Callable[[Buffer], object]]"
    ) -> None:
        self._any_of, self._searches = any_of, searches

    def find(self, data: "Buffer") -> list[int]:
        if not self._any_of(data):
            return _NOTHING
        return [number for number, search in enumerate(self._searches) if search(data)]

    def clone(self) -> "Alternatives":
        return self


_NOTHING: list[int] = []


def load_hyperscan() -> "Any":
    """Returns: its extension module. Raises: ImportError: it is not installed.

    The package itself imports ``typing``, which takes five times as long as the rest.
    """
    found = sys.modules.get("hyperscan._hs_ext")
    if found is not None:
        return found
    import _frozen_importlib_external  # importlib.util would import typing as well

    machinery: Any = _frozen_importlib_external

    spec = machinery.PathFinder.find_spec("hyperscan")
    for folder in (spec and spec.submodule_search_locations) or ():
        finder = machinery.FileFinder(
            folder, (machinery.ExtensionFileLoader, machinery._imp.extension_suffixes())
        )
        inner = finder.find_spec("hyperscan._hs_ext")
        if inner is None:
            continue
        try:
            module = machinery._bootstrap._load(inner)
        except (AttributeError, ImportError):
            break
        return module
    from importlib import import_module

    return import_module("hyperscan._hs_ext")


def compile_hyperscan(patterns: "Sequence[bytes]", *, is_literal: bool = False) -> "Any":
    """Args: patterns: expressions; or, if ``is_literal``, texts without NUL.

    Returns:
        A database that tells of each pattern once.

    Raises:
        ImportError, ValueError
    """
    hs = load_hyperscan()
    database = hs.Database(mode=hs.HS_MODE_BLOCK)
    try:
        database.compile(
            expressions=[*patterns],
            ids=[*range(len(patterns))],
            elements=len(patterns),
            flags=[hs.HS_FLAG_SINGLEMATCH] * len(patterns),
            literal=is_literal,
        )
    except hs.error:
        raise ValueError("hyperscan does not take these patterns") from None
    return database


def open_hyperscan(database: "Any") -> Hyperscan:
    """Args: database: that was compiled or loaded."""
    hs = load_hyperscan()
    return Hyperscan(database, hs.Scratch(database))


def compile_re2(patterns: "Sequence[bytes]") -> Alternatives:
    """Raises: ImportError: it is not installed."""
    import re

    import re2

    options = re2.Options()
    options.max_mem = 256 << 20
    options.encoding = re2.Options.Encoding.LATIN1
    options.never_capture = True
    options.log_errors = False
    # It counts to 1,000 only; without an end it finds more, and never less.
    open_ended = re.compile(rb"\{([0-9]+),[0-9]{4,}\}")
    patterns = [open_ended.sub(rb"{\1,}", pattern) for pattern in patterns]
    searches = [re2.compile(pattern, options).search for pattern in patterns]
    whole = b"|".join(b"(?:%b)" % pattern for pattern in patterns) or b"[^\\x00-\\xff]"
    return Alternatives(re2.compile(whole, options).search, searches)


def compile_re(patterns: "Sequence[bytes]", heads: "Sequence[Sequence[bytes]]") -> Alternatives:
    """Args:
    patterns: expressions.
    heads: for each of them texts one of which every match holds; none: it is always tried.
    """
    import re

    def make(pattern: bytes, own: "Sequence[bytes]") -> "Callable[[Buffer], object]":
        search = re.compile(pattern).search
        if not own:
            return search
        return lambda data: any(head in data for head in own) and search(data)

    searches = [make(pattern, own) for pattern, own in zip(patterns, heads, strict=True)]
    return Alternatives(lambda data: True, searches)
