"""Streams without values, in whatever pieces they come."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credman.notebook import redactor as module
from credman.notebook.redactor import ESCAPES, Redactor
from credman.notebook.streams import Stream
from credman.watch.scan.needles import compile_needles
from tests.notebook.leaks import find_leaks, make_long_values, make_values

VALUES = make_values()
TOKEN, ODD, LONG = VALUES.values()
PEM, JWT, URL = make_long_values().values()
MARK = "[credman:HF_TOKEN]"
SHORT = "hunter2!"  # as short as a value may be
QUOTED = f"it's 'x{TOKEN[9:29]}' & <{TOKEN[4:9]}&'"  # of which one form begins as another ends
ALL = Redactor(
    {
        **VALUES,
        **make_long_values(),
        "SHORT": SHORT,
        "BOTH": TOKEN + "more",
        "LAP": TOKEN[-9:] + "overlaps",
        "JWT_TOO": JWT[:37] + LONG,
        "QUOTED": QUOTED,
    }
)


def feed(redactor: Redactor, chunks: list[str]) -> str:
    stream = Stream()
    return "".join([*(stream.feed(redactor, c) for c in chunks), stream.release(redactor)])


@pytest.mark.parametrize("engine", ["hyperscan", "re"])
def test_a_value_in_pieces(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        module, "compile_needles", lambda needles, **_: compile_needles(needles, engine=engine)
    )
    redactor = Redactor(VALUES)
    text = f"a {TOKEN}\n{ODD}{ODD} {LONG}h"
    expected = f"a {MARK}\n[credman:ODD_KEY][credman:ODD_KEY] [credman:LONG_KEY]h"
    for size in (1, 2, 7, 16, 31, 1000):
        chunks = [text[at : at + size] for at in range(0, len(text), size)]
        assert feed(redactor, chunks) == expected


def test_only_what_may_begin_a_value_is_held_back() -> None:
    stream, redactor = Stream(), Redactor({"HF_TOKEN": TOKEN})
    chunks = ("no\n", f"yes {TOKEN[:5]}", "!", TOKEN)
    shown = [(stream.feed(redactor, chunk), stream.is_holding) for chunk in chunks]
    assert shown == [("no\n", False), ("yes ", True), (f"{TOKEN[:5]}!", False), (MARK, False)]
    assert stream.release(redactor) == ""


def test_a_value_that_comes_very_slowly_shows_its_beginning_and_one_mark() -> None:
    redactor = Redactor(VALUES)
    for value in (TOKEN, LONG, ODD):
        stream, shown = Stream(), ""
        for character in value + "\n":
            shown += stream.feed(redactor, character) + stream.release(redactor)
        before, _, after = shown.partition("[credman:")
        assert value.startswith(before) and len(before) <= 20
        assert after in ("HF_TOKEN]\n", "LONG_KEY]\n", "ODD_KEY]\n")


def test_a_coloured_value_in_pieces_keeps_its_colours() -> None:
    redactor = Redactor(VALUES)
    chunks = [f"\x1b[3{n % 8}m{c}\x1b[0m" for n, c in enumerate(TOKEN)]
    shown = feed(redactor, ["x", *chunks, "y"])
    assert ESCAPES.sub("", shown) == f"x{MARK}y"
    assert shown.count("\x1b[0m") == len(TOKEN) and shown.endswith("y")


PIECES = st.sampled_from(
    [
        *VALUES.values(),
        SHORT,
        TOKEN + "more",
        TOKEN[-9:] + "overlaps",
        TOKEN[:11],
        TOKEN[:20],
        ODD[:9],
        LONG[:70],
        "hf_",
        "h",
        "\n",
        " ",
        "\x1b[31m",
        "\x1b[",
        "\x1b",
        "é",
        "<b>",
    ]
)
CHUNKED = st.lists(PIECES, max_size=8).map("".join).flatmap(
    lambda text: st.lists(st.integers(0, len(text)), max_size=12).map(
        lambda cuts: [
            text[a:b] for a, b in zip([0, *sorted(cuts)], [*sorted(cuts), len(text)], strict=True)
        ]
    )
)  # fmt: skip


@given(CHUNKED)
@settings(max_examples=300, deadline=None)
def test_a_stream_in_any_pieces_shows_no_value(chunks: list[str]) -> None:
    assert find_leaks(feed(ALL, chunks), {**VALUES, "SHORT": SHORT}) == set()


@given(CHUNKED, st.data())
@settings(max_examples=200, deadline=None)
def test_what_waited_too_long_is_no_way_to_more_than_a_beginning(
    chunks: list[str], data: st.DataObject
) -> None:
    stream, shown = Stream(), ""
    for chunk in chunks:
        shown += stream.feed(ALL, chunk)
        if data.draw(st.booleans()):
            shown += stream.release(ALL)
    shown += stream.release(ALL)
    assert find_leaks(shown, VALUES) == set()


@given(
    st.lists(st.sampled_from(["hf_", TOKEN[:7], LONG[:8], "p\"a'ss", "\n", "x", "é\x1b[1m", ""]))
)
@settings(max_examples=200, deadline=None)
def test_no_character_of_other_texts_is_lost(chunks: list[str]) -> None:
    stream = Stream()
    shown = "".join(stream.feed(ALL, chunk) for chunk in chunks)
    assert shown + stream.release(ALL) == "".join(chunks)


WRITTEN: list[Callable[[str], str]] = [
    str,
    repr,
    json.dumps,
    html.escape,
    lambda value: value.replace("\n", "\r\n"),
    lambda value: value.encode().hex(),
    lambda value: value.encode().hex(":"),
    lambda value: base64.b64encode(value.encode()).decode(),
    lambda value: base64.b32encode(value.encode()).decode(),
    lambda value: "".join(f"\x1b[3{n % 8}m{c}\x1b[0m" for n, c in enumerate(value)),
]
ENTIRE = st.sampled_from([*VALUES.values(), PEM, JWT, URL, SHORT, QUOTED, TOKEN + "more",
    TOKEN[-9:] + "overlaps", JWT[:37] + LONG])  # fmt: skip
OTHERS = st.sampled_from(
    [
        *("hf_", "e", "mor", "ov", '"\'"', "&am", "eyJ", PEM[:20], JWT[:9], " ", "\n", "line 7\n"),
        *("é", "\x1b[31m", "\x1b[0m", "<b>"),
    ]
)
BEGINNINGS = st.tuples(ENTIRE, st.sampled_from(WRITTEN), st.integers(1, 2000)).map(
    lambda drawn: drawn[1](drawn[0])[: drawn[2]]
)


def cut(text: str, data: st.DataObject) -> list[str]:
    """Returns: the pieces of a text, of one size or of any."""
    size = data.draw(st.sampled_from([0, 1, 2, 7, 16, 31, 200]))
    if size:
        return [text[at : at + size] for at in range(0, len(text), size)]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@given(st.lists(st.one_of(ENTIRE, BEGINNINGS, OTHERS), max_size=5).map("".join), st.data())
@settings(max_examples=300, deadline=None)
def test_in_any_pieces_it_comes_out_as_in_one(text: str, data: st.DataObject) -> None:
    assert feed(ALL, cut(text, data)) == ALL.redact(text)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.integers(0, 90), st.integers(1, 101)).map(lambda at: LONG[at[0] : at[1]]),
            st.sampled_from([" ", "\n", "line 7\n", "..."]),
        ),
        max_size=7,
    ).map(" ".join),
    st.data(),
)
@settings(max_examples=300, deadline=None)
def test_a_piece_of_a_value_shows_its_first_characters_at_most(
    text: str, data: st.DataObject
) -> None:
    redactor = Redactor({"LONG_KEY": LONG})
    shown = feed(redactor, cut(text, data)).split("[credman:LONG_KEY]")
    whole = redactor.redact(text).split("[credman:LONG_KEY]")
    assert len(shown) == len(whole) and shown[-1] == whole[-1]
    for got, wanted in zip(shown, whole, strict=True):
        assert got.startswith(wanted) and len(got) - len(wanted) <= 30


@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize("value", [PEM, JWT, URL])
def test_a_long_value_is_told_after_a_few_characters_and_followed_to_its_end(
    value: str, written: Callable[[str], str]
) -> None:
    stream, shown = Stream(), ""
    text = f"a {written(value)}\nb"
    for character in text:
        shown += stream.feed(ALL, character)
        assert len(ESCAPES.sub("", vars(stream)["_held"])) <= 200
    assert shown + stream.release(ALL) == ALL.redact(text)
    assert shown.count("[credman:") == 1


def test_text_that_only_begins_like_a_value_comes_soon() -> None:
    for value in (PEM, JWT):
        for size in (5, 11, 12, 40):
            stream = Stream()
            begun = stream.feed(ALL, value[:size])
            assert not stream.is_holding or size < 64
            ended = stream.feed(ALL, "!")
            assert begun + ended == ALL.redact(value[:size] + "!")
            assert not stream.is_holding


def test_what_a_stream_keeps_does_not_grow_with_its_values() -> None:
    stream = Stream()
    for size in (1, 50, 5000):
        for _ in range(40):
            stream.feed(ALL, "line 7 of an output\n" * size)
            assert sum(len(each) for each in vars(stream).values() if isinstance(each, str)) <= 200


def test_a_value_that_waited_in_the_middle_gets_one_mark() -> None:
    for value, name in ((PEM, "PEM_KEY"), (JWT, "JWT"), (LONG, "LONG_KEY")):
        for at in (70, len(value) // 2, len(value) - 1):
            stream = Stream()
            shown = stream.feed(ALL, f"<{value[:at]}") + stream.release(ALL)
            assert shown == f"<[credman:{name}]"
            assert stream.feed(ALL, f"{value[at:]}>") + stream.release(ALL) == ">"


def test_a_long_value_that_comes_very_slowly_shows_its_beginning_and_one_mark() -> None:
    for value, most in ((PEM, 64), (JWT, 20)):
        stream, shown = Stream(), ""
        for character in f"{value}\n":
            shown += stream.feed(ALL, character) + stream.release(ALL)
        before, _, after = shown.partition("[credman:")
        assert value.startswith(before) and len(before) <= most
        assert re.fullmatch(r"(PEM_KEY|JWT|JWT_TOO)\]\n", after)


def test_when_the_values_change_no_text_is_lost() -> None:
    stream, none = Stream(), Redactor({})
    shown = stream.feed(ALL, f"a {PEM[:900]}") + stream.feed(none, f"b\n{TOKEN[:5]}")
    shown += stream.feed(ALL, "c") + stream.feed(Redactor({"NEW": TOKEN}), f" {TOKEN} d")
    assert shown + stream.release(ALL) == f"a [credman:PEM_KEY]b\n{TOKEN[:5]}c [credman:NEW] d"
