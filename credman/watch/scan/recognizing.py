"""Where in a buffer a value stands that is known by its digest only.

Rule: the cost grows with the size of the buffer, whatever is in it; where more would have to be
tried, that is told. Imports next to nothing: the git hook pays for every module.
"""

import time

from credman.watch.scan import engines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CHARACTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.~+/=:-"
INSIDE = frozenset(_CHARACTERS)
_BORDERS = frozenset(b"_.~+/=:-")
_OTHERS_AS_BLANK = bytes(c if c in INSIDE else 0x20 for c in range(256))
_CLASS = rb"[A-Za-z0-9_.~+/=:-]"
_BACKSLASH = 0x5C
_ONE_AT_BORDERS = bytes(int(c in _BORDERS) for c in range(256))
_MOST_OF_RUN, _SPREAD = 2000, 256
"""Places of one length that are tried in one run: so many, and one in so many bytes, which is four
times what there is in base64."""
_MOST_TRIED = 1_000_000
"""In one buffer."""


class TooMany(Exception):
    """So many places may be those of a value that they were not all tried."""


class Finder:
    """Args:
    recognize: gives the number of the label whose value a text is.
    lengths: of the values that are looked for, in bytes.
    """

    def __init__(self, recognize: "Callable[[bytes], int | None]", lengths: "list[int]") -> None:
        self._recognize, self._lengths = recognize, lengths
        self._ends: list[int] = []
        self._scan = self._prepare() if lengths else None

    def clone(self) -> "Finder":
        """Returns: one for another thread."""
        return Finder(self._recognize, self._lengths)

    def find_all(
        self, data: bytes, deadline: float | None = None
    ) -> "Iterator[tuple[int, int, int]]":
        """Args: deadline: of ``time.monotonic``; none: it may take as long as it takes.

        Yields:
            Where a value stands, its length, the number of its label.

        Raises:
            TooMany: after the others.
        """
        left, is_all = _MOST_TRIED, True
        for start, end in self._list_runs(data):
            run = data[start:end]
            # Where one may begin and end as ones among zeros, so that all places of a length are
            # found at once: a run of megabytes has as many borders.
            borders = run.translate(_ONE_AT_BORDERS)
            begins = bytearray(b"\1" + borders)
            if start and data[start - 1] == _BACKSLASH and len(begins) > 1:
                begins[1] = 1  # the letter belongs to an escape such as that of a line end
            first = int.from_bytes(begins, "little")
            last = int.from_bytes(borders + b"\1", "little")
            most = _MOST_OF_RUN + len(run) // _SPREAD
            for length in self._lengths:
                if length > len(run):
                    break
                both = (first << 8 * length) & last
                tried = 0
                for place in _list_ones(both, len(run) + 1) if both else ():
                    number = self._recognize(run[place - length : place])
                    if number is not None:
                        yield start + place - length, length, number
                    tried += 1
                    if tried >= most:
                        is_all = False
                        break
                left -= tried
            if left < 0 or (deadline is not None and time.monotonic() > deadline):
                is_all = False
                break
        if not is_all:
            raise TooMany

    def _list_runs(self, data: bytes) -> "Iterator[tuple[int, int]]":
        """Yields: where so many characters of tokens stand together that it may be one."""
        if self._scan is None:
            return
        least = self._lengths[0]
        reached = 0
        for end in self._scan(data):
            if end <= reached:
                continue
            start = reached + len(data[reached : end - least].rstrip(_CHARACTERS))
            yield start, end
            reached = end

    def _prepare(self) -> "Callable[[bytes], list[int]]":
        least = self._lengths[0]
        pattern = _CLASS + b"{%d}(?:[^" % least + _CLASS[1:] + b"|$)"
        try:
            hs = engines.load_hyperscan()
        except ImportError:
            return lambda data: _list_ends(data, least)
        database = hs.Database(mode=hs.HS_MODE_BLOCK)
        database.compile(expressions=[pattern], ids=[0], elements=1, flags=[hs.HS_FLAG_DOTALL])
        scratch = hs.Scratch(database)
        ends = self._ends

        def note(number: int, start: int, end: int, flags: int, context: object) -> None:
            ends.append(end)

        def scan(data: bytes) -> "list[int]":
            ends.clear()
            database.scan(data, match_event_handler=note, scratch=scratch)
            # The character after the run belongs to the match, but at the end of all.
            size = len(data)
            return [e if e == size and data[e - 1] in INSIDE else e - 1 for e in ends]

        return scan


def _list_ones(number: int, size: int) -> "Iterator[int]":
    places = number.to_bytes(size, "little")
    place = places.find(1)
    while place >= 0:
        yield place
        place = places.find(1, place + 1)


def _list_ends(data: bytes, least: int) -> "list[int]":
    ends, place = [], 0
    for word in data.translate(_OTHERS_AS_BLANK).split(b" "):
        place += len(word)
        if len(word) >= least:
            ends.append(place)
        place += 1
    return ends
