"""What is found in an answer, and what is not there."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credman.providers.paths import (
    MISSING,
    find_path,
    holds,
    parse_json,
    read_moment,
    read_payload,
    render_text,
)

DATA = {
    "a": {"b": {"c": 1}, "n": None, "f": False},
    "list": [{"x": 1}, {"y": 2}, {"x": 3}],
    "rows": [["A", "B"], ["C"]],
    "empty": [],
    "a.b": "of one name",
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a.b.c", 1),
        ("a.n", None),
        ("a.f", False),
        ("a.x", MISSING),
        ("a.b.c.d", MISSING),
        ("a.n.b", MISSING),
        ("x", MISSING),
        ("list[0].x", 1),
        ("list[1].x", MISSING),
        ("list[7].x", MISSING),
        ("list[].x", [1, 3]),
        ("list[]", [{"x": 1}, {"y": 2}, {"x": 3}]),
        ("rows[0][1]", "B"),
        ("rows[][0]", ["A", "C"]),
        ("rows[1][1]", MISSING),
        ("empty[].x", []),
        ("empty[0]", MISSING),
        ("a[0]", MISSING),
        ("a[]", []),
        ("x[].y", []),
        ("a.b", {"c": 1}),
    ],
)
def test_what_a_path_leads_to(path: str, found: Any) -> None:
    assert find_path(DATA, path) == found
    assert find_path(MISSING, path) in (MISSING, [])


@pytest.mark.parametrize("data", [None, 1, "text", [], [1], MISSING, True])
def test_of_what_is_no_table_nothing_is_found(data: Any) -> None:
    assert find_path(data, "a.b") is MISSING
    assert find_path(data, "a[].b") == []


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)),
       st.from_regex(r"[a-z]{1,3}(\[[0-9]{0,2}\])?(\.[a-z]{1,3}(\[[0-9]{0,2}\])?){0,3}",
                     fullmatch=True))  # fmt: skip
def test_no_answer_makes_it_fail(data: Any, path: str) -> None:
    found = find_path(data, path)
    assert isinstance(render_text(found), str)
    assert read_moment(found) is None or isinstance(read_moment(found), datetime)


def test_what_is_no_json_is_missing() -> None:
    for body in (b"", b"<html>", b"{", b"\xff", b"[" * 100_000):
        assert parse_json(body) is MISSING
    assert parse_json(b"null") is None


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2027-01-02", "2027-01-02 00:00:00"),
        ("2027-01-02T03:04:05Z", "2027-01-02 03:04:05"),
        ("2027-01-02T03:04:05.678Z", "2027-01-02 03:04:05"),
        ("2027-01-02T03:04:05", "2027-01-02 03:04:05"),
        ("2027-01-02T05:04:05+02:00", "2027-01-02 03:04:05"),
        ("2021-10-07 19:07:53 UTC", "2021-10-07 19:07:53"),
        ("2021-10-07 19:07:53 -0700", "2021-10-08 02:07:53"),
        ("2021-10-07 19:07:53 +02:00", "2021-10-07 17:07:53"),
        (1798859045, "2027-01-02 03:04:05"),
        (1798859045.9, "2027-01-02 03:04:05"),
        (1798859045000, "2027-01-02 03:04:05"),
        ("1798859045", "2027-01-02 03:04:05"),
        ("1798859045000", "2027-01-02 03:04:05"),
    ],
)
def test_a_moment_in_each_of_its_spellings(value: Any, moment: str) -> None:
    assert read_moment(value) == datetime.fromisoformat(moment).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [None, "", "never", "0", 0, -1, "-1", True, False, [], {}, MISSING, "2027-13-01", 10**30,
     float("inf"), float("nan"), "tomorrow", "9" * 17],
)  # fmt: skip
def test_what_is_no_moment_is_never(value: Any) -> None:
    assert read_moment(value) is None


def make_token(payload: Any) -> str:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return f"e30.{base64.urlsafe_b64encode(data).decode().rstrip('=')}.c2ln"


def test_what_a_token_says_of_itself_is_read_without_its_signature() -> None:
    for payload in ({"exp": 1}, {"exp": 12}, {"exp": 123}, {"sub": "ÿ?>"}):
        assert read_payload(make_token(payload)) == payload


@pytest.mark.parametrize(
    "token", ["", "one", "a.b.c", "a.%%%.c", "..", "e30.ÿ.x", make_token(b"x")]
)
def test_what_is_no_such_token_says_nothing(token: str) -> None:
    assert read_payload(token) is MISSING


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("me", "me"),
        (7, "7"),
        (True, ""),
        (None, ""),
        (MISSING, ""),
        ({"a": 1}, ""),
        (["a", 1, None, "b"], "a, 1, b"),
        ("two\nlines", ""),
        ("\x1b[31mred", ""),
        ("‮", ""),
        ("x" * 500, "x" * 200),
    ],
)
def test_only_plain_text_is_shown(value: Any, text: str) -> None:
    assert render_text(value) == text


@pytest.mark.parametrize(
    ("wanted", "is_there"),
    [
        ({"a.b.c": 1}, True),
        ({"a.b.c": True}, False),  # 1 and true are two things
        ({"a.b.c": [2, 1]}, True),
        ({"a.b.c": "1"}, False),
        ({"a.b.c": 1, "a.f": False}, True),
        ({"a.b.c": 1, "a.f": True}, False),
        ({"a.x": False}, False),
        ({}, True),
    ],
)
def test_an_answer_holds_what_is_wanted(wanted: dict[str, Any], is_there: bool) -> None:
    assert holds(DATA, wanted) is is_there
