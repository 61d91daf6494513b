"""Tokens in JSON, taken out of the strings' own bytes.

Rule: a member whose value is the token becomes ``null``, so that programs fall back to the
environment; where a string has to stay a string, it becomes ``${HF_TOKEN}``.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from credman.watch.clean.edits import Edit, Leak, apply_edits, make_marker
from credman.watch.scan.notebooks import walk_strings

Path = tuple[str | int, ...]

_BOM = b"\xef\xbb\xbf"
# A map of variables: what reads it wants texts, and often knows references.
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|u[0-9a-fA-F]{4}|.)",
    re.DOTALL,
)


def edit_json(data: bytes, leaks: Sequence[Leak]) -> list[Edit] | None:
    """Returns: what becomes of each; None: it is no JSON, or one of them is in no string of it."""
    if parse(data) is None:
        return None
    edits: list[Edit] = []
    for leak, place in find_strings(data, leaks):
        if place is None:
            return None
        start, end, path = place
        reference = b"${%s}" % leak.variable.encode("ascii")
        is_whole = (leak.start, leak.end) == (start + 1, end - 1)
        if is_whole and _is_plain_member(data, end, path):
            edits.append(Edit(start, end, b"null"))
        else:
            new = reference if leak.is_plain else make_marker(leak.variable)
            edits.append(Edit(leak.start, leak.end, new))
    return edits if parse(apply_edits(data, edits)) is not None else None


def parse(data: bytes) -> list[object] | None:
    """Returns: what it says, in a list; None: it is no JSON."""
    try:
        return [json.loads(data.removeprefix(_BOM))]
    except (ValueError, RecursionError):
        return None


def find_strings(
    data: bytes, leaks: Sequence[Leak]
) -> Iterator[tuple[Leak, tuple[int, int, Path] | None]]:
    """Args: leaks: in order, none overlaps another.

    Yields:
        Each, and where the string begins and ends that it is in, quotes included, with what leads
        to it; None: it is in none.
    """
    strings = walk_strings(data)
    place = next(strings, None)
    for leak in leaks:
        while place is not None and place[1] <= leak.start:
            place = next(strings, None)
        is_inside = place is not None and place[0] < leak.start and leak.end < place[1]
        yield leak, place if is_inside else None


def _is_plain_member(data: bytes, end: int, path: Path) -> bool:
    is_key = data[end : end + 200].lstrip()[:1] == b":"
    name = path[-1] if path else 0
    return not is_key and isinstance(name, str) and _VARIABLE.fullmatch(name) is None


class Text:
    """Some strings of a JSON text as one text, as the cells of notebooks have it.

    Args: data: the JSON; places: where each begins and ends, quotes included.
    """

    def __init__(self, data: bytes, places: Sequence[tuple[int, int]]) -> None:
        parts: list[bytes] = []
        # Where each piece of the text begins, in the text and in the JSON; what is written as it
        # is goes on for many bytes.
        self._here: list[int] = []
        self._there: list[int] = []
        self._places = places
        size = 0
        for start, end in places:
            at = start + 1
            for match in (*_ESCAPE.finditer(data, at, end - 1), None):
                stop = end - 1 if match is None else match.start()
                self._here.append(size)
                self._there.append(at)
                parts.append(data[at:stop])
                size += stop - at
                if match is not None:
                    self._here.append(size)
                    self._there.append(stop)
                    part = json.loads(b'"%s"' % match[0]).encode("utf-8", "surrogatepass")
                    parts.append(part)
                    size += len(part)
                    at = match.end()
        self.data = b"".join(parts)
        self.starts = tuple(self._find(start + 1) for start, _ in places)

    def _find(self, there: int) -> int:
        index = bisect_right(self._there, there) - 1
        return self._here[index] + there - self._there[index]

    def find(self, leak: Leak) -> Leak:
        """Args: leak: in the JSON. Returns: where it is in the text."""
        return leak._replace(start=self._find(leak.start), end=self._find(leak.end))

    def put_back(self, edit: Edit) -> list[Edit]:
        """Args: edit: of the text. Returns: the same for the JSON, which stays JSON."""
        new = json.dumps(edit.new.decode("utf-8"), ensure_ascii=False)[1:-1].encode("utf-8")
        edits: list[Edit] = []
        ends = (*self.starts[1:], len(self.data))
        for (_, place_end), start, end in zip(self._places, self.starts, ends, strict=True):
            first, last = max(edit.start, start), min(edit.end, end)
            is_insertion = edit.start == edit.end and start <= edit.start <= end
            if first >= last and not (is_insertion and not edits):
                continue
            there = self._locate(first)
            stop = place_end - 1 if last == end else self._locate(last)
            edits.append(Edit(there, max(there, stop) if first < last else there, new))
            new = b""
        return edits

    def _locate(self, here: int) -> int:
        index = bisect_right(self._here, here) - 1
        return self._there[index] + here - self._here[index]
