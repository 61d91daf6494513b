"""Tokens in the names of files, directories and members themselves.

Rule: such a token is a finding like any other, and is shown nowhere: where a name is told, its mask
stands in it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from credman.watch.scan.content import Memory
from credman.watch.scan.findings import Finding, Report
from credman.watch.scan.searching import Effort, Exhausted, Hit, Searcher

_MOST_HELD = 1024 * 1024

Place = tuple[str, tuple[str, ...]]
Tell = Callable[[Hit, str, tuple[str, ...]], Finding]
"""Gives the finding for a hit in a name."""


class Names:
    """The names that one thread came by; looked through many at once, since each is short.

    Args: searcher: of this thread. tell: as above.
    """

    def __init__(self, searcher: Searcher, tell: Tell) -> None:
        self._searcher, self._tell = searcher, tell
        self._places: list[Place] = []
        self._size = 0
        self._found: dict[tuple[Place, bytes], Finding] = {}

    def add(self, path: str, inside: tuple[str, ...] = ()) -> None:
        """Args: inside: names of members, of which the last one is new; else the path is."""
        self._places.append((path, inside))
        self._size += len(inside[-1] if inside else path)
        if self._size > _MOST_HELD:
            self._look()

    def finish(self) -> list[Finding]:
        """Returns: a finding for each name with a token in it; for a directory one in all."""
        self._look()
        return [*self._found.values()]

    def _look(self) -> None:
        places, self._places, self._size = self._places, [], 0
        names = [inside[-1] if inside else path for path, inside in places]
        for number, hit in _find_all(self._searcher, names):
            path, inside = places[number]
            name = _encode(names[number])
            end = name.find(b"/", hit.offset + hit.size)
            own = _decode(name[: end if end >= 0 else len(name)])
            place: Place = (path, (*inside[:-1], own)) if inside else (own, ())
            self._found.setdefault((place, hit.value), self._tell(hit, *place))


def mask_names(report: Report, searcher: Searcher, tell: Tell) -> None:
    """Puts masks where tokens stand in the paths and names of a report, and in its notes.

    Args:
        searcher: of this thread.
        tell: gives the finding whose mask it is.
    """
    named = {f.path for f in report.findings} | {name for f in report.findings for name in f.inside}
    named |= {u.path for u in report.unread} | {name for u in report.unread for name in u.inside}
    texts = [*named, *report.notes]
    hits: dict[str, list[Hit]] = {}
    for number, hit in _find_all(searcher, texts):
        hits.setdefault(texts[number], []).append(hit)
    if not hits:
        return
    masked = {text: _mask(text, own, tell) for text, own in hits.items()}

    def show(text: str) -> str:
        return masked.get(text, text)

    # In place: whoever looks for problems still adds to these lists.
    report.findings[:] = [
        replace(f, path=show(f.path), inside=tuple(map(show, f.inside))) for f in report.findings
    ]
    report.unread[:] = [
        replace(u, path=show(u.path), inside=tuple(map(show, u.inside))) for u in report.unread
    ]
    report.notes[:] = map(show, report.notes)


def last_name(path: str, inside: tuple[str, ...]) -> str:
    """Returns: the name of what lies innermost."""
    return inside[-1] if inside else path


def name_contents(packed: str) -> str:
    """Args: packed: name of a file that is another one, packed. Returns: what to call that."""
    name = packed.rpartition("/")[2]
    if name.lower().endswith(".tgz"):
        return name[:-3] + "tar"
    return name[:-3] if name.lower().endswith(".gz") and len(name) > 3 else "contents"


def _mask(text: str, hits: Iterable[Hit], tell: Tell) -> str:
    data = _encode(text)
    end = len(data)
    for hit in sorted(hits, key=lambda h: h.offset, reverse=True):
        stop = min(hit.offset + hit.size, end)
        data = data[: hit.offset] + tell(hit, "", ()).masked.encode() + data[stop:]
        end = hit.offset
    return _decode(data)


def _find_all(searcher: Searcher, names: Sequence[str]) -> Iterator[tuple[int, Hit]]:
    """Yields: the number of a name, and what is found in it, from the name's own beginning."""
    # Each part of a path stands for itself: what follows a slash is no token of its own elsewhere.
    parts = [_encode(name) for name in names]
    starts, at = [], 0
    for part in parts:
        starts.append(at)
        at += len(part) + 1
    data = b"\n".join(parts).replace(b"/", b"\n")
    for window in Memory(data).windows():
        try:
            hits = searcher.search(window, Effort())
        except Exhausted as error:
            hits = list(error.hits)
        for hit in hits:
            number = bisect_right(starts, hit.offset) - 1
            yield number, replace(hit, offset=hit.offset - starts[number])


def _encode(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _decode(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
