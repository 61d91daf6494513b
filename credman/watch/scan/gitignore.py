"""What a ``.gitignore`` leaves out, for the one that an upload takes along.

Rule: whoever honours it is elsewhere and may read it differently, so a file counts as left out only
where all readers agree: a line that is unusual leaves nothing out, and an unusual exception takes
everything in again.

Source: https://git-scm.com/docs/gitignore
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

LARGEST = 1024 * 1024
"""Bytes of a file that is taken to be one."""
_MOST_RULES = 2000
_MOST_PARTS = 50
_SIMPLE_CLASS = re.compile(r"\[(!?)([A-Za-z0-9_.]|[a-y]-[b-z]|[A-Y]-[B-Z]|[0-8]-[1-9])+\]")
_ANY_DEPTH = "**"


@dataclass(frozen=True, slots=True)
class _Rule:
    """Args: parts: expressions for the parts of a path, ``**`` for any number of parts; none: it
    fits everything."""

    parts: tuple[str, ...]
    is_exception: bool
    is_for_directories: bool

    def fits(self, path: Sequence[str], *, is_directory: bool) -> bool:
        if not self.parts:
            return True
        if self.is_for_directories and not is_directory:
            return False
        return self._fits(path)

    def _fits(self, path: Sequence[str]) -> bool:
        # Which parts of the rule may come next, after each part of the path.
        ready = self._skip({0})
        for part in path:
            following = set()
            for number in ready:
                if number == len(self.parts):
                    continue
                if self.parts[number] == _ANY_DEPTH:
                    following.add(number)
                elif _compile(self.parts[number], self.is_exception).fullmatch(part):
                    following.add(number + 1)
            ready = self._skip(following)
        return len(self.parts) in ready

    def _skip(self, ready: set[int]) -> set[int]:
        found = set(ready)
        for number in range(len(self.parts)):
            if (
                number in found
                and self.parts[number] == _ANY_DEPTH
                and number + 1 < len(self.parts)
            ):
                found.add(number + 1)
        return found


class Ignored:
    """Args: rules: in the order of the file."""

    def __init__(self, rules: Sequence[_Rule]) -> None:
        self._rules = rules
        self._folders: dict[str, bool] = {"": False}

    def has(self, path: str) -> bool:
        """Args: path: of a file, relative to where the ``.gitignore`` lies, with ``/``."""
        if not self._rules:
            return False
        folder, _, _ = path.rpartition("/")
        return self._has_folder(folder) or self._says(path, is_directory=False)

    def _has_folder(self, path: str) -> bool:
        known = self._folders.get(path)
        if known is None:
            parent, _, _ = path.rpartition("/")
            known = self._has_folder(parent) or self._says(path, is_directory=True)
            self._folders[path] = known
        return known

    def _says(self, path: str, *, is_directory: bool) -> bool:
        parts = path.split("/")
        for rule in reversed(self._rules):
            if rule.fits(parts, is_directory=is_directory):
                return not rule.is_exception
        return False


def parse_gitignore(data: bytes) -> Ignored:
    """Args: data: the file; what is no UTF-8, or too much, leaves nothing out."""
    try:
        lines = data.decode("utf-8").split("\n") if len(data) <= LARGEST else []
    except UnicodeDecodeError:
        return Ignored(())
    rules = [rule for rule in map(_parse, lines) if rule is not None]
    return Ignored(rules if len(rules) <= _MOST_RULES else ())


def _parse(line: str) -> _Rule | None:
    line = line.removesuffix("\r")
    if not line.strip() or line.startswith("#"):
        return None
    is_exception = line.startswith("!")
    pattern = line[is_exception:].rstrip(" ")
    is_for_directories = pattern.endswith("/")
    is_anchored = "/" in pattern.rstrip("/")
    parts = pattern.removeprefix("/").removesuffix("/").split("/")
    # Readers differ on brackets and on letters beyond ASCII; an exception takes in what any reads.
    unusual = ["\\", "\t", "\ufeff", *("?[" if is_exception else "")]
    is_known = len(parts) <= _MOST_PARTS and all(map(_is_plain, parts))
    if not is_known or any(sign in pattern for sign in unusual):
        return _Rule((), is_exception=True, is_for_directories=False) if is_exception else None
    if not is_anchored:
        parts = [_ANY_DEPTH, *parts]
    if parts[-1] == _ANY_DEPTH:  # all inside of it, but not it
        parts = [*parts, "*"]
    return _Rule(tuple(parts), is_exception, is_for_directories)


def _is_plain(part: str) -> bool:
    if part == _ANY_DEPTH:
        return True
    return bool(part) and _ANY_DEPTH not in part and "[" not in _SIMPLE_CLASS.sub("", part)


@cache
def _compile(part: str, is_exception: bool) -> re.Pattern[str]:
    # After a star the first place where what follows it fits is as good as any, so nothing is tried
    # twice, however many stars there are.
    pieces = [_translate(piece) for piece in part.split("*")]
    if len(pieces) == 1:
        expression = pieces[0]
    else:
        inner = "".join(f"(?>.*?{piece})" for piece in pieces[1:-1])
        expression = f"{pieces[0]}{inner}.*{pieces[-1]}"
    flags = re.DOTALL | (re.IGNORECASE if is_exception else 0)
    return re.compile(expression, flags)


def _translate(piece: str) -> str:
    out, reached = "", 0
    for match in _SIMPLE_CLASS.finditer(piece):
        out += _literal(piece[reached : match.start()])
        body = match[0][1:-1].removeprefix("!")
        out += f"(?![{body}])[\\x00-\\x7f]" if match[1] else f"[{body}]"
        reached = match.end()
    return out + _literal(piece[reached:])


def _literal(text: str) -> str:
    return "".join("[\\x00-\\x7f]" if c == "?" else re.escape(c) for c in text)
