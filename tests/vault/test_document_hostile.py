"""Documents that somebody else might write: every one is refused, and nothing of it is shown."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from credman.core.errors import PayloadDamaged
from credman.vault.document import parse_document, render_document
from credman.vault.records import MAX_DEPTH
from tests.vault.factories import CANARY, make_document, make_full_document, to_json

Change = Callable[[dict[str, Any]], None]


def parse_json(found: object) -> None:
    parse_document(json.dumps(found).encode())


def at(*path: str | int) -> Callable[[dict[str, Any]], Any]:
    def find(found: Any) -> Any:
        for step in path:
            found = found[step]
        return found

    return find


def set_to(*path: str | int, to: object) -> Change:
    def change(found: dict[str, Any]) -> None:
        at(*path[:-1])(found)[path[-1]] = to

    return change


def double(*path: str | int) -> Change:
    def change(found: dict[str, Any]) -> None:
        at(*path)(found).append(at(*path)(found)[0])

    return change


TOKEN = ("tokens", 0)
HOSTILE = {
    "identity is in small letters": lambda found: found.update(identity=found["identity"].lower()),
    "identity has a blank": lambda found: found.update(identity=found["identity"] + " "),
    "recipient is in capitals": lambda found: found["recipients"][0].update(
        key=found["recipients"][0]["key"].upper()
    ),
    "identity is short": set_to("identity", to="AGE-SECRET-KEY-1QQ"),
    "vault id is a path": set_to("vault", to="../../etc/passwd"),
    "vault id is upper case": set_to("vault", to="A" * 32),
    "vault id ends in a line end": set_to("vault", to="0" * 32 + "\n"),
    "generation is negative": set_to("generation", to=-1),
    "generation is a float": set_to("generation", to=1.0),
    "generation is a text": set_to("generation", to="1"),
    "generation is a boolean": set_to("generation", to=True),
    "generation is 2^53": set_to("generation", to=2**53),
    "instant has no zone": set_to("written_at", to="2026-01-02T03:04:05"),
    "instant is short": set_to("written_at", to="2026-1-2T3:4:5Z"),
    "instant has other digits": set_to("written_at", to="\u0662\u0660\u0662\u0666-01-02T03:04:05Z"),
    "instant has small letters": set_to("written_at", to="2026-01-02t03:04:05z"),
    "instant is no date": set_to("written_at", to="2026-02-30T00:00:00Z"),
    "history holds a text": set_to("history", 0, to="ab"),
    "history holds an object": set_to("history", 0, to={"a": 1, "b": 2}),
    "history lacks a hash": set_to("history", 0, to=[5]),
    "history has no hash": set_to("history", 0, to=[5, "x"]),
    "history has a boolean": set_to("history", 0, to=[True, "0" * 64]),
    "history has a negative generation": set_to("history", 0, to=[-1, "0" * 64]),
    "recipient is no key": set_to("recipients", 0, "key", to="age1example"),
    "recipient is an ssh key": set_to("recipients", 0, "key", to="ssh-ed25519 AAAA"),
    "label is null": set_to("recipients", 0, "label", to=None),
    "slot label twice": double("slots"),
    "slot number is negative": set_to("slots", 0, "slot", to=-1),
    "next slot is a text": set_to("next_slot", to="3"),
    "environment has a bad name": set_to("environments", 0, "name", to="../prod"),
    "environment twice": double("environments"),
    "environment twice but for case": set_to("environments", 1, "name", to="PROD"),
    "isolated is 1": set_to("environments", 0, "isolated", to=1),
    "token twice": double("tokens"),
    "token has a bad name": set_to(*TOKEN, "name", to="a\nb"),
    "profile has a bad name": set_to(*TOKEN, "profile", to=""),
    "provider is a number": set_to(*TOKEN, "provider", to=1),
    "note is null": set_to(*TOKEN, "note", to=None),
    "variables are none": set_to(*TOKEN, "fields", 0, "variables", to=[]),
    "variables are a text": set_to(*TOKEN, "fields", 0, "variables", to="EXAMPLE_ID"),
    "variable is a number": set_to(*TOKEN, "fields", 0, "variables", to=[1]),
    "variable is no name": set_to(*TOKEN, "fields", 0, "variables", to=["A=B"]),
    "variable of two fields": set_to(*TOKEN, "fields", 0, "variables", to=["EXAMPLE_KEY"]),
    "secret is a text": set_to(*TOKEN, "fields", 0, "secret", to="yes"),
    "version twice": double(*TOKEN, "versions"),
    "version is negative": set_to(*TOKEN, "versions", 0, "number", to=-1),
    "state is unknown": set_to(*TOKEN, "versions", 0, "state", to="newer"),
    "two versions are current": set_to(*TOKEN, "versions", 0, "state", to="current"),
    "versions are none": set_to(*TOKEN, "versions", to=[]),
    "values are a list": set_to(*TOKEN, "versions", 0, "values", to=["EXAMPLE"]),
    "value is null": set_to(*TOKEN, "versions", 0, "values", "EXAMPLE_KEY", to=None),
    "value is a number": set_to(*TOKEN, "versions", 0, "values", "EXAMPLE_KEY", to=1),
    "value has a lone surrogate": set_to(*TOKEN, "versions", 0, "values", "K", to="\ud800"),
    "value has an escaped byte": set_to(*TOKEN, "versions", 0, "values", "K", to="\udcff"),
    "value holds NUL": set_to(*TOKEN, "versions", 0, "values", "K", to="a\0b"),
    "value holds NUL in base64": set_to(
        *TOKEN, "versions", 0, "values", "K", to={"base64": "/wA="}
    ),
    "value is no base64": set_to(*TOKEN, "versions", 0, "values", "K", to={"base64": "?"}),
    "value lacks padding": set_to(*TOKEN, "versions", 0, "values", "K", to={"base64": "QQ"}),
    "value is an unknown kind": set_to(*TOKEN, "versions", 0, "values", "K", to={"hex": "00"}),
    "value has two kinds": set_to(
        *TOKEN, "versions", 0, "values", "K", to={"base64": "QQ==", "hex": "00"}
    ),
    "schedule is null": set_to(*TOKEN, "schedule", to=None),
    "expiry is a number": set_to(*TOKEN, "schedule", "expires_at", to=1),
    "expiry is a date only": set_to(*TOKEN, "schedule", "expires_at", to="2026-01-02"),
    "remind before is null": set_to(*TOKEN, "schedule", "remind_before", to=None),
    "remind before holds numbers": set_to(*TOKEN, "schedule", "remind_before", to=[14]),
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_document_is_refused_and_not_shown(change: Change) -> None:
    found = to_json(make_full_document())
    parse_json(found)
    found["tokens"][0]["versions"][4]["values"]["EXAMPLE_KEY"] = CANARY
    found["tokens"][0]["note"] = CANARY
    change(found)
    with pytest.raises(PayloadDamaged) as caught:
        parse_json(found)
    shown = "".join(traceback.format_exception(caught.value)) + caught.value.hint
    assert CANARY not in shown


@pytest.mark.parametrize("key", sorted(to_json(make_document())))
def test_each_field_must_be_there(key: str) -> None:
    found = to_json(make_document())
    del found[key]
    with pytest.raises(PayloadDamaged):
        parse_json(found)


def find_wrong_types() -> list[tuple[str, object]]:
    """Returns: each known field with values of every type but its own."""
    found = to_json(make_document())
    wrong: tuple[object, ...] = (None, 1, "x", [], {}, True, 0.5)
    return [(key, value) for key in found for value in wrong if type(value) is not type(found[key])]


@pytest.mark.parametrize(("key", "wrong"), find_wrong_types())
def test_each_field_has_one_type(key: str, wrong: object) -> None:
    found = to_json(make_document())
    found[key] = wrong
    with pytest.raises(PayloadDamaged):
        parse_json(found)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"{}", id="an empty object"),
        pytest.param(b'{"identity":', id="half an object"),
        pytest.param(b"\xef\xbb\xbf{}", id="a byte order mark"),
        pytest.param(b'{"a":"\xff"}', id="not UTF-8"),
        pytest.param(b'{"a":"\n"}', id="a raw line end in a text"),
        pytest.param(b"{'a':1}", id="single quotes"),
        pytest.param(b'{"a":1,}', id="a comma too many"),
        pytest.param(b'{"a":1}//', id="a remark"),
        pytest.param("{}".encode("utf-16"), id="UTF-16"),
        pytest.param("{}".encode("utf-32"), id="UTF-32"),
    ],
)
def test_what_is_no_document_is_refused(line: bytes) -> None:
    with pytest.raises(PayloadDamaged):
        parse_document(line)


@pytest.mark.parametrize(
    "tail",
    [
        b',"generation":1}',
        b',"x":{"a":1,"a":1}}',
        b',"x":[{"\\u0061":1,"a":1}]}',
        b',"x":NaN}',
        b',"x":Infinity}',
        b',"x":[-Infinity]}',
        b',"x":1e999}',
        b',"x":-1E+999}',
        b',"x":01}',
        b',"x":1.}',
        b',"x":' + b"9" * 5000 + b"}",
        b',"x":"\xed\xa0\x80"}',
        b"} {}",
        b"}\0",
        b"}x",
    ],
    ids=lambda tail: repr(tail[:16]),
)
def test_json_of_two_minds_is_refused(tail: bytes) -> None:
    line = render_document(make_document())
    with pytest.raises(PayloadDamaged):
        parse_document(line[:-1] + tail)


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 500, 995, 3000, 100_000])
@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")], ids=["lists", "objects"])
def test_deep_nesting_is_refused(depth: int, brackets: tuple[bytes, bytes]) -> None:
    line = render_document(make_document())[:-1]
    opening, closing = brackets
    with pytest.raises(PayloadDamaged):
        parse_document(line + b',"x":' + opening * depth + b"1" + closing * depth + b"}")


def test_nesting_that_is_read_is_written_again() -> None:
    line = render_document(make_document())[:-1]
    nested = b"[" * MAX_DEPTH + b"1" + b"]" * MAX_DEPTH
    document = parse_document(line + b',"x":' + nested + b"}")
    limit = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(400)
        assert parse_document(render_document(document)) == document
    finally:
        sys.setrecursionlimit(limit)
