"""Lines and columns, against counting them one by one; and windows, against the whole."""

from __future__ import annotations

import gzip
import io
import os
import random
from pathlib import Path
from typing import IO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credman.watch.scan.content import (
    LEAD,
    OVERLAP,
    SMALL,
    WINDOW,
    Budget,
    Content,
    Cut,
    Decoded,
    File,
    Memory,
    Stream,
    guess_wide,
)
from credman.watch.scan.locating import REMARK, locate

_SIZES = [
    0, 1, OVERLAP, SMALL, SMALL + 1, WINDOW - OVERLAP, WINDOW - 1, WINDOW, WINDOW + 1,
    2 * WINDOW - OVERLAP - LEAD, 2 * WINDOW - OVERLAP, 2 * WINDOW, 3 * WINDOW + 17,
]  # fmt: skip


def _count(data: bytes, offset: int) -> tuple[int, int]:
    """One by one."""
    line = column = 1
    for byte in data[:offset]:
        if byte == 0x0A:
            line, column = line + 1, 1
        elif not 0x80 <= byte < 0xC0:
            column += 1
    return line, column


_TEXTS = st.lists(
    st.sampled_from(["a", "bc", "\n", "\r\n", "é", "€", "😀", "\t", "\r", "\0", "x" * 30]),
    max_size=40,
).map(lambda parts: "".join(parts).encode())


@settings(max_examples=200, deadline=None)
@given(data=_TEXTS, places=st.lists(st.integers(0, 200), max_size=5))
def test_line_and_column_are_those_that_are_counted(data: bytes, places: list[int]) -> None:
    inside = [place % max(len(data), 1) for place in places]
    inside = [place for place in inside if place < len(data) and not 0x80 <= data[place] < 0xC0]
    found = locate(Memory(data), inside)
    assert {at: (p.line, p.column) for at, p in found.items()} == {
        at: _count(data, at) for at in inside
    }


def test_columns_count_characters_of_utf_8() -> None:
    text = "é€😀 x".encode()
    position = locate(Memory(text), [text.index(b"x")])[text.index(b"x")]
    assert (position.line, position.column) == (1, 5)


def test_what_is_behind_the_end_is_not_located() -> None:
    assert locate(Memory(b"abc"), [3, 10]) == {} and locate(Memory(b""), [0]) == {}


@pytest.mark.parametrize("place", [0, 5, 4000])
def test_a_remark_counts_on_its_line_only(place: int) -> None:
    line = b"x" * place + b"T" + b" # " + REMARK
    for data, is_ignored in (
        (line, True), (b"a\n" + line + b"\r\nb", True), (line[: place + 1] + b"\n" + REMARK, False),
        (REMARK + b"\n" + line[: place + 1], False),
    ):  # fmt: skip
        at = data.index(b"T")
        assert locate(Memory(data), [at])[at].is_ignored(1) == is_ignored


def _make_data(size: int) -> bytes:
    chance = random.Random(size)
    return chance.randbytes(size).replace(b"\0", b"\n")


def _unpack(packed: bytes) -> IO[bytes]:
    return gzip.GzipFile(fileobj=io.BytesIO(packed))  # type: ignore[return-value]


def _make_contents(data: bytes, folder: Path) -> dict[str, Content]:
    path = folder / "data"
    path.write_bytes(data)
    descriptor = os.open(path, os.O_RDONLY)
    packed = gzip.compress(data, 1)
    wide = data.decode("latin-1").encode("utf-16-le")
    return {
        "memory": Memory(data),
        "file": File(descriptor, len(data)),
        "stream": Stream(lambda: io.BytesIO(data), Budget(len(data))),
        "gzip": Stream(lambda: _unpack(packed), Budget(len(data))),
        "decoded": Decoded(Memory(wide), "utf-16-le"),
    }


@pytest.mark.parametrize("size", _SIZES)
def test_windows_give_every_byte_once(size: int, tmp_path: Path) -> None:
    data = _make_data(size)
    text = data.decode("latin-1").encode()
    for name, content in _make_contents(data, tmp_path).items():
        whole = text if name == "decoded" else data
        for _ in range(2):  # they may be asked for again
            reached = 0
            for window in content.windows():
                assert window.offset + window.start == reached, name
                assert len(window.data) <= 2 * WINDOW + OVERLAP + LEAD, name
                end = window.offset + len(window.data)
                assert whole[window.offset : end] == window.data, name
                reached = window.offset + window.stop
                assert end - reached >= OVERLAP or end == len(whole), name
                assert window.start in (0, LEAD), name
            assert reached == len(whole), name
        assert content.read(len(whole)) == whole, name
        if whole:
            assert content.read(len(whole) - 1) is None, name
        if isinstance(content, File):
            os.close(content.descriptor)


def test_lines_are_counted_through_all_windows(tmp_path: Path) -> None:
    data = b"one\nline\n" * (WINDOW // 4)
    places = [0, 4, WINDOW - OVERLAP - 1, WINDOW, 2 * WINDOW - 3, len(data) - 1]
    expected = {at: (data.count(b"\n", 0, at) + 1, at - data.rfind(b"\n", 0, at)) for at in places}
    for name, content in _make_contents(data, tmp_path).items():
        found = locate(content, places)
        assert {at: (p.line, p.column) for at, p in found.items()} == expected, name
        if isinstance(content, File):
            os.close(content.descriptor)


def test_a_hole_has_no_lines(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with open(path, "wb") as file:
        file.write(b"a\nb")
        file.seek(100 * WINDOW)
        file.write(b"c\nd")
    with open(path, "rb") as file:
        content = File(file.fileno(), path.stat().st_size)
        windows = [*content.windows()]
        assert len(windows) < 10 and windows[-1].data.endswith(b"c\nd")
        at = 100 * WINDOW + 2
        assert locate(content, [2, at])[at].line == 3


def test_a_budget_is_for_all_that_comes_out() -> None:
    budget = Budget(1000)
    one, other = (Stream(lambda: io.BytesIO(b"x" * 600), budget) for _ in range(2))
    assert [len(w.data) for w in one.windows()] == [600]
    assert [len(w.data) for w in one.windows()] == [600]  # counted when it came out first
    with pytest.raises(Cut):
        [*other.windows()]


@pytest.mark.parametrize(
    ("text", "codec", "expected"),
    [
        ("some plain text", "utf-8", None),
        ("some plain text", "utf-16", "utf-16"),
        ("some plain text", "utf-32", "utf-32"),
        ("some plain text", "utf-16-le", "utf-16-le"),
        ("some plain text", "utf-16-be", "utf-16-be"),
        ("", "utf-8", None),
        ("\0" * 64, "utf-8", None),
        ("\x7fELF\2\1\1" + "\0" * 40, "utf-8", None),
    ],
)
def test_text_of_two_bytes_a_character_is_told(text: str, codec: str, expected: str | None) -> None:
    assert guess_wide(text.encode(codec)) == expected
