"""The document: read strictly, written back byte for byte, unknown fields carried along."""

from __future__ import annotations

import json
import time
import traceback
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credman.core.errors import DeniedVariable
from credman.core.model import Address, Contents, TokenKey
from credman.core.secret import Secret
from credman.output.process import prepare_execution
from credman.output.shells import Shell, render_set
from credman.vault.document import (
    MAX_HISTORY,
    Ancestor,
    extend_history,
    parse_document,
    render_document,
)
from tests.vault.factories import CANARY, make_contents, make_document, make_full_document, to_json


def value_of(values: bytes) -> bytes:
    document = make_document(contents=make_contents({"EXAMPLE": values}))
    read = parse_document(render_document(document))
    return read.contents.values[
        Address(TokenKey("default", "default", "EXAMPLE"), 1, "EXAMPLE")
    ].to_bytes()


def test_parse_reverses_render() -> None:
    for document in (make_document(), make_full_document(), make_document(contents=Contents())):
        assert parse_document(render_document(document)) == document


def test_blanks_and_a_line_end_may_follow() -> None:
    document = make_full_document()
    assert parse_document(render_document(document) + b" " * 5000 + b"\n") == document


def test_rendering_is_one_line_of_ascii_and_begins_with_the_identity() -> None:
    line = render_document(make_full_document())
    assert line.isascii()
    assert b"\n" not in line
    assert line.startswith(b'{"identity":"AGE-SECRET-KEY-1')


def test_every_byte_round_trips() -> None:
    for code in range(1, 256):
        assert value_of(bytes([code])) == bytes([code])
        assert value_of(b"EX" + bytes([code]) + b"AMPLE") == b"EX" + bytes([code]) + b"AMPLE"
    assert value_of(bytes(range(1, 256))) == bytes(range(1, 256))


@given(st.binary(max_size=300).map(lambda data: data.replace(b"\0", b"\1")))
def test_any_value_round_trips(data: bytes) -> None:
    assert value_of(data) == data


@given(st.text(max_size=100))
def test_any_note_round_trips(note: str) -> None:
    document = make_full_document()
    [token] = document.contents.tokens
    contents = replace(document.contents, tokens=(replace(token, note=note),))
    document = replace(document, contents=contents)
    assert parse_document(render_document(document)) == document


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(json_values)
def test_any_unknown_field_is_kept(value: object) -> None:
    document = make_document(extra={"newer": value})
    again = parse_document(render_document(document))
    assert again.extra == {"newer": value}
    assert render_document(again) == render_document(document)


def test_unknown_fields_are_kept_at_every_level() -> None:
    found = to_json(make_full_document())
    newer = {"newer": [1, None, {"deep": True}, 0.5, "\u20ac"]}
    [token] = found["tokens"]
    records = [
        found,
        token,
        token["schedule"],
        *token["fields"],
        token["rotation"],
        token["command"],
        *token["versions"],
        *(version["finding"] for version in token["versions"]),
        *(version["exposure"] for version in token["versions"]),
        *found["environments"],
        *found["recipients"],
        *found["slots"],
    ]
    assert len(records) == 26
    assert all(record.items() >= newer.items() for record in records)


def test_order_of_known_fields_does_not_matter() -> None:
    found = to_json(make_full_document())
    turned = dict(reversed(found.items()))
    assert parse_document(json.dumps(turned).encode()) == parse_document(json.dumps(found).encode())


def test_history_keeps_the_last_generations_and_no_half_of_one() -> None:
    history = tuple(Ancestor(number, f"{number:064x}") for number in range(100))
    assert extend_history(history[:99], history[99:]) == history[-MAX_HISTORY:]
    twin = Ancestor(history[-MAX_HISTORY].generation, "f" * 64)
    assert set(extend_history(history, [twin])) == {twin, *history[-MAX_HISTORY:]}
    assert extend_history((), ()) == ()


def test_history_is_read_and_written_whole() -> None:
    history = tuple(Ancestor(number, f"{number:064x}") for number in range(100))
    again = parse_document(render_document(make_document(history=history)))
    assert again.history == history


@pytest.mark.parametrize("text", ["\ud800", "b\udcff", "a\u202eb", "\x1b]0;x\x07", "\0", "\ufeff"])
def test_any_text_in_a_note_is_kept_exactly(text: str) -> None:
    found = to_json(make_full_document())
    found["tokens"][0]["note"] = text
    found["newer"] = text
    document = parse_document(json.dumps(found).encode())
    assert document.contents.tokens[0].note == text
    assert to_json(document) == found


def test_text_of_10_mb_is_kept() -> None:
    value = b"EXAMPLE " * (10 * 1024 * 128)
    assert value_of(value) == value


def test_ten_thousand_tokens() -> None:
    contents = make_contents({f"EXAMPLE_{number}": b"EXAMPLE" for number in range(10_000)})
    document = make_document(contents=contents)
    start = time.perf_counter()
    again = parse_document(render_document(document))
    assert time.perf_counter() - start < 10
    assert again == document


def test_repr_shows_neither_identity_nor_value() -> None:
    contents = make_contents({"EXAMPLE": CANARY.encode()})
    document = make_document(contents=contents, identity=CANARY.encode().ljust(32))
    assert CANARY not in repr(document)
    assert to_json(document)["identity"] not in repr(document)


def test_value_of_bytes_that_are_utf8_is_written_as_text() -> None:
    found = to_json(make_document(contents=make_contents({"K": "é".encode()})))
    assert found["tokens"][0]["versions"][0]["values"] == {"K": "é"}
    found = to_json(make_document(contents=make_contents({"K": b"\xff"})))
    assert found["tokens"][0]["versions"][0]["values"] == {"K": {"base64": "/w=="}}


def test_error_of_a_value_that_cannot_be_written_does_not_show_it() -> None:
    contents = make_contents({"K": b""})
    values = {address: Secret(f"{CANARY}\ud800") for address in contents.values}
    with pytest.raises(UnicodeEncodeError) as caught:
        render_document(make_document(contents=replace(contents, values=values)))
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_a_variable_that_was_denied_later_does_not_lock_the_vault() -> None:
    document = to_json(make_full_document())
    document["tokens"][0]["fields"][0]["variables"] = ["LD_PRELOAD"]
    token = parse_document(json.dumps(document).encode()).contents.tokens[0]
    assert token.fields[0].variables == ("LD_PRELOAD",)
    with pytest.raises(DeniedVariable):
        render_set(Shell.POSIX, {"LD_PRELOAD": Secret("x")})
    with pytest.raises(DeniedVariable):
        prepare_execution(["true"], {"LD_PRELOAD": Secret("x")})
