"""Tokens in JSON: the strings' own bytes change, and nothing else."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credman.watch.clean.edits import Edit, Leak, apply_edits
from credman.watch.clean.json_text import Text, edit_json
from tests.cli.harness import make_value

TOKEN = make_value()


def find(data: bytes, written: bytes = TOKEN.encode(), variable: str = "HF_TOKEN") -> list[Leak]:
    leaks, place = [], data.find(written)
    while place >= 0:
        leaks.append(Leak(place, place + len(written), variable))
        place = data.find(written, place + 1)
    assert leaks
    return leaks


def edit(text: str | bytes, written: bytes = TOKEN.encode()) -> bytes | None:
    data = text if isinstance(text, bytes) else text.encode()
    edits = edit_json(data, find(data, written))
    return None if edits is None else apply_edits(data, edits)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"token": "%s"}', '{"token": null}'),
        ('{ "token"\t:\r\n"%s" , "b":1}', '{ "token"\t:\r\nnull , "b":1}'),
        ('{"HF_TOKEN": "%s"}', '{"HF_TOKEN": "${HF_TOKEN}"}'),
        ('{"h": "Bearer %s"}', '{"h": "Bearer ${HF_TOKEN}"}'),
        ('["--token", "%s"]', '["--token", "${HF_TOKEN}"]'),
        ('{"%s": 1}', '{"${HF_TOKEN}": 1}'),
        ('"%s"', '"${HF_TOKEN}"'),
        ('{"a": "{\\"token\\": \\"%s\\"}"}', '{"a": "{\\"token\\": \\"${HF_TOKEN}\\"}"}'),
        ('\ufeff{"token": "%s"}\n', '\ufeff{"token": null}\n'),
        ('{"a": {"token": "%s"}, "b": ["x %s", "é"]}',
         '{"a": {"token": null}, "b": ["x ${HF_TOKEN}", "é"]}'),
    ],
)  # fmt: skip
def test_what_becomes_of_a_token(before: str, after: str) -> None:
    assert edit(before.replace("%s", TOKEN)) == after.encode()


def test_a_token_that_is_written_with_escapes() -> None:
    written = b"\\u0068f_" + TOKEN[3:].encode()
    assert edit(b'{"token": "%s"}' % written, written) == b'{"token": null}'


@pytest.mark.parametrize(
    "text", ['{"token": "%s"', "token: %s", '{"a": 1} // "%s"', "{'token': '%s'}", "[%s]"]
)
def test_what_is_no_json_is_not_edited(text: str) -> None:
    assert edit(text.replace("%s", TOKEN)) is None


def test_what_is_nested_too_deeply_is_not_edited() -> None:
    assert edit("[" * 100_000 + f'"{TOKEN}"' + "]" * 100_000) is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just(f"x{TOKEN} \n{TOKEN}")
    | st.just(TOKEN),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(value=VALUES, indent=st.sampled_from([None, 1, "\t"]), is_ascii=st.booleans())
def test_all_else_says_the_same(value: object, indent: int | str | None, *, is_ascii: bool) -> None:
    data = json.dumps([value, TOKEN], indent=indent, ensure_ascii=is_ascii).encode()
    edited = edit(data)
    assert edited is not None and TOKEN.encode() not in edited

    def expect(node: object, *, is_member: bool = False) -> object:
        match node:
            case str():
                is_whole = node == TOKEN and is_member
                return None if is_whole else node.replace(TOKEN, "${HF_TOKEN}")
            case list():
                return [expect(item) for item in node]
            case dict():
                is_map = re.compile("[A-Z][A-Z0-9_]*").fullmatch  # of variables
                return {k: expect(item, is_member=not is_map(k)) for k, item in node.items()}
        return node

    assert json.loads(edited) == expect([value, TOKEN])


PARTS = st.lists(st.text(max_size=12), min_size=1, max_size=5)


@settings(max_examples=60, deadline=None)
@given(parts=PARTS, is_ascii=st.booleans(), choice=st.data(), new=st.text(max_size=6))
def test_strings_as_one_text(
    parts: list[str], choice: st.DataObject, new: str, *, is_ascii: bool
) -> None:
    parts = [part.encode("utf-8", "replace").decode() for part in parts]
    new = new.encode("utf-8", "replace").decode()
    data = json.dumps(parts, ensure_ascii=is_ascii).encode()
    places, at = [], 1
    for part in parts:
        size = len(json.dumps(part, ensure_ascii=is_ascii).encode())
        places.append((at, at + size))
        at += size + 2
    text = Text(data, places)
    whole = "".join(parts)
    assert text.data == whole.encode()
    start = choice.draw(st.integers(0, len(whole)))
    end = choice.draw(st.integers(start, len(whole)))
    first, last = len(whole[:start].encode()), len(whole[:end].encode())
    edits = text.put_back(Edit(first, last, new.encode()))
    edited = json.loads(apply_edits(data, edits))
    assert "".join(edited) == whole[:start] + new + whole[end:] and len(edited) == len(parts)
