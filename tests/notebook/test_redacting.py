"""Texts and streams without values."""

from __future__ import annotations

import base64
import copy
import html
import json
import pickle
import shlex
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credman.notebook import redactor as module
from credman.notebook.redactor import ESCAPES, Redactor
from credman.notebook.streams import Stream
from credman.watch.scan.needles import compile_needles
from tests.notebook.leaks import find_leaks, make_values

VALUES = make_values()
TOKEN, ODD, LONG = VALUES.values()
MARK = "[credman:HF_TOKEN]"
SHORT = "hunter2!"  # as short as a value may be
ALL = Redactor({**VALUES, "SHORT": SHORT, "BOTH": TOKEN + "more", "LAP": TOKEN[-9:] + "overlaps"})

CODINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "repr": repr,
    "repr in repr": lambda value: repr([repr(value)]),
    "ascii": ascii,
    "bytes": lambda value: repr(value.encode()),
    "JSON": json.dumps,
    "JSON, letters kept": lambda value: json.dumps(value, ensure_ascii=False),
    "JSON in JSON": lambda value: json.dumps(json.dumps(value)),
    "HTML": html.escape,
    "URL": lambda value: quote(value, safe=""),
    "path": quote,
    "query": quote_plus,
    "shell": shlex.quote,
    "hexadecimal": lambda value: value.encode().hex(),
    "base64": lambda value: base64.b64encode(b"name:" + value.encode()).decode(),
    "base64 for URLs": lambda value: base64.urlsafe_b64encode(value.encode()).decode(),
    "colours": lambda value: f"\x1b[31m{value[:3]}\x1b[0m\x1b[1m{value[3:]}\x1b[0m",
}


@pytest.fixture(params=["hyperscan", "re"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of the ways to search; where there is no wheel of hyperscan it is the second."""
    chosen = str(request.param)
    monkeypatch.setattr(
        module, "compile_needles", lambda needles, **_: compile_needles(needles, engine=chosen)
    )
    return chosen


@pytest.mark.parametrize("coding", CODINGS)
def test_a_value_is_found_however_it_is_written(coding: str, engine: str) -> None:
    redactor = Redactor(VALUES)
    for name, value in VALUES.items():
        written = CODINGS[coding](value)
        assert find_leaks(written, {name: value}) or coding == "colours" or "repr in" in coding
        redacted = redactor.redact(f"before {written} after")
        assert f"[credman:{name}]" in redacted
        assert redacted.startswith("before ") and redacted.endswith(" after")
        assert find_leaks(redacted, VALUES) == set()
        assert len(redacted) < len("before [credman:ODD_KEY] after") + 45, redacted


def test_a_text_without_values_is_handed_back(engine: str) -> None:
    text = "nothing of hf_ here, nor of sk-" * 9
    assert Redactor(VALUES).redact(text) is text
    assert Redactor({}).redact(TOKEN) == TOKEN


def test_a_value_is_found_wherever_it_stands_in_a_long_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", 64)
    redactor = Redactor(VALUES)
    for value in VALUES.values():
        for before in range(140):
            shown = redactor.redact(f"{'x' * before}{value}{'y' * 200}")
            assert shown.startswith("x" * before + "[credman:") and shown.endswith("]" + "y" * 200)


@pytest.mark.parametrize(
    ("values", "text", "expected"),
    [
        ({"A": "1234567"}, "x1234567x", "x1234567x"),
        ({"A": "12345678"}, "x12345678x", "x[credman:A]x"),
        ({"A": "password"}, "a password", "a [credman:A]"),
        ({"A": " \n12345678\n"}, "<12345678>", "<[credman:A]>"),
        ({"A": "12345678", "B": "12345678"}, "12345678", "[credman:A]"),
        ({"A": "abcd1234", "B": "abcd1234efgh"}, "abcd1234-", "[credman:A]-"),
        ({"A": "abcd1234", "B": "abcd1234efgh"}, "abcd1234efgh-", "[credman:B]-"),
        ({"A": "abcd1234", "B": "1234efgh"}, "-abcd1234efgh-", "-[credman:A]-"),
        ({"A": "abcd1234"}, "abcd1234abcd1234", "[credman:A][credman:A]"),
        ({"A": "abcabcabc"}, "abcabcabcabc", "[credman:A]"),
        ({"A": "abcd\n1234"}, "abcd\r\n1234", "[credman:A]"),
    ],
)
def test_values_that_are_short_alike_or_overlap(
    values: dict[str, str], text: str, expected: str, engine: str
) -> None:
    assert Redactor(values).redact(text) == expected


def test_of_a_value_that_is_cut_off_the_rest_is_found_as_well(engine: str) -> None:
    redactor, mark = Redactor({"KEY": LONG}), "[credman:KEY]"
    assert redactor.redact(LONG[:46] + "...") == f"{mark}..."
    assert redactor.redact(f"{LONG[:25]}<...>{LONG[-25:]}") == f"{mark}<...>{mark}"
    assert redactor.redact(f"{LONG[:80]}\n{LONG[80:]}") == f"{mark}\n{mark}"
    assert redactor.redact(f"({LONG[33:64]})") == f"({mark})"
    assert redactor.redact(LONG[:8]) == LONG[:8]


def test_what_is_made_of_words_is_taken_out_only_as_a_whole() -> None:
    url = "postgresql://reader:secret@database.example.com:5432/measurements"
    redactor = Redactor({"URL": url})
    assert redactor.redact(f"<{url}>") == "<[credman:URL]>"
    for text in ("postgresql://reader:", "database.example.com:5432/measurements"):
        assert redactor.redact(text) == text


def test_tags_may_cut_a_value_in_markup_only() -> None:
    text = f"<i>{TOKEN[:9]}</i><b a='1'>{TOKEN[9:]}</b>"
    redactor = Redactor(VALUES)
    assert redactor.redact(text, is_markup=True) == f"<i>{MARK}</b>"
    assert redactor.redact_tree({"text/html": text}) == {"text/html": f"<i>{MARK}</b>"}
    assert redactor.redact(ODD, is_markup=True) == "[credman:ODD_KEY]"


def test_trees_are_redacted_also_in_their_keys() -> None:
    tree = {TOKEN: [1, None, True, 2.5, (ODD, {"a": b"-" + TOKEN.encode() + b"-"})]}
    stars = b"-" + b"*" * len(TOKEN) + b"-"
    expected = {MARK: [1, None, True, 2.5, ["[credman:ODD_KEY]", {"a": stars}]]}
    assert Redactor(VALUES).redact_tree(tree) == expected


@pytest.mark.parametrize("is_ascii", [True, False])
@pytest.mark.parametrize("coding", CODINGS)
def test_a_packed_message_tells_whether_it_holds_a_value(
    coding: str, is_ascii: bool, engine: str
) -> None:
    redactor = Redactor(VALUES)
    for value in VALUES.values():
        packed = json.dumps({"a": [f"x{CODINGS[coding](value)}x"]}, ensure_ascii=is_ascii)
        if redactor.redact(CODINGS[coding](value)) != CODINGS[coding](value):
            assert redactor.may_hold(packed.encode())
    assert not redactor.may_hold(json.dumps({"a": ["hf_", "sk-", 'p"a\\']}).encode())


def test_nothing_tells_the_values() -> None:
    stream = Stream()
    stream.feed(ALL, TOKEN[:-1])
    for shown in (repr(ALL), repr(stream), str(vars(stream).keys())):
        assert find_leaks(shown, VALUES) == set()
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(ALL)
    with pytest.raises(TypeError, match="not pickled"):
        copy.deepcopy(ALL)


def feed(redactor: Redactor, chunks: list[str]) -> str:
    stream = Stream()
    return "".join([*(stream.feed(redactor, c) for c in chunks), stream.release(redactor)])


def test_a_value_in_pieces(engine: str) -> None:
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


@given(st.text(max_size=60), st.text(min_size=8, max_size=30), st.text(max_size=9))
@settings(max_examples=200, deadline=None)
def test_any_value_is_taken_out_of_any_text(before: str, value: str, after: str) -> None:
    redactor = Redactor({"_": value})
    if len(value.strip()) >= 8:
        shown = redactor.redact(before + value + after)
        assert value.strip() not in shown.replace("[credman:_]", "\0")
        assert "[credman:_]" in shown
