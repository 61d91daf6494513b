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
from credman.notebook.redactor import Redactor
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
    "hexadecimal, capitals": lambda value: value.encode().hex().upper(),
    "hexadecimal with colons": lambda value: value.encode().hex(":"),
    "hexadecimal with colons, capitals": lambda value: value.encode().hex(":").upper(),
    "base32": lambda value: base64.b32encode(value.encode()).decode(),
    "base32, small letters": lambda value: base64.b32encode(value.encode()).decode().lower(),
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


@pytest.mark.parametrize(
    ("user", "password", "known"),
    [
        ("reader", TOKEN, [TOKEN]),
        ("", TOKEN, [TOKEN]),
        ("reader", "a1/b2@c3:d4 e5", ["a1%2Fb2%40c3%3Ad4%20e5", "a1/b2@c3:d4 e5"]),
        ("reader", "Xq7zK2pw", ["Xq7zK2pw"]),
        ("reader", "postgres", []),  # is in many texts
        ("reader", "short1", []),
    ],
)
def test_the_password_of_a_url_is_known_by_itself(
    user: str, password: str, known: list[str]
) -> None:
    url = f"postgresql://{user}:{quote(password, safe='')}@database.example.com:5432/main?a=b@c"
    redactor = Redactor({"URL": url})
    assert redactor.redact(f"<{url}>") == "<[credman:URL]>"
    for text in known:
        assert redactor.redact(f"password={text}!") == "password=[credman:URL]!"
    for text in ("postgresql://", "reader", "database.example.com:5432"):
        assert redactor.redact(text) == text
    if not known:
        assert redactor.redact(password) == password


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("redis://:Xq7z/K2pw9@host/1", "Xq7z/K2pw9"),  # as drivers take it
        ("http://host:8080/a1b2c3d4e5@x", ""),
        ("https://host.example.com/a1b2c3d4e5:f6g7@x", ""),
        ("mailto:a1b2c3d4@x", ""),
    ],
)
def test_what_is_no_password_is_not_taken_for_one(url: str, known: str) -> None:
    text = "Xq7z/K2pw9 8080/a1b2c3d4e5 a1b2c3d4e5 f6g7 a1b2c3d4"
    shown = Redactor({"URL": url}).redact(text)
    assert shown == (text.replace(known, "[credman:URL]") if known else text)


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
    known = [ALL.find_matches(TOKEN[:-1]), *vars(stream)["_groups"]]
    for shown in (repr(ALL), repr(stream), str(vars(stream).keys()), repr(known)):
        assert find_leaks(shown, VALUES) == set()
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(ALL)
    with pytest.raises(TypeError, match="not pickled"):
        copy.deepcopy(ALL)


@given(st.text(max_size=60), st.text(min_size=8, max_size=30), st.text(max_size=9))
@settings(max_examples=200, deadline=None)
def test_any_value_is_taken_out_of_any_text(before: str, value: str, after: str) -> None:
    redactor = Redactor({"_": value})
    if len(value.strip()) >= 8:
        shown = redactor.redact(before + value + after)
        assert value.strip() not in shown.replace("[credman:_]", "\0")
        assert "[credman:_]" in shown
