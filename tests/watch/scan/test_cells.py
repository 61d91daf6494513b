"""Where something stands in a notebook, found in the bytes as they are."""

from __future__ import annotations

import json
import random
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credman.watch.scan.findings import Cell
from credman.watch.scan.notebooks import find_cells, is_notebook, walk_strings
from tests.requirements import require

Path = tuple[str | int, ...]
_TEXT = st.text(max_size=8)
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), _TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_TEXT, inner, max_size=4)),
    max_leaves=20,
)


def _list_strings(value: Any, path: Path = ()) -> list[tuple[Path, str]]:
    """Every text of a document, keys included, in the order in which it is written."""
    if isinstance(value, str):
        return [(path, value)]
    found: list[tuple[Path, str]] = []
    if isinstance(value, list):
        for index, inner in enumerate(value):
            found += _list_strings(inner, (*path, index))
    elif isinstance(value, dict):
        for key, inner in value.items():
            found.append(((*path, _raw(key)), key))
            found += _list_strings(inner, (*path, _raw(key)))
    return found


def _raw(key: str) -> str:
    return json.dumps(key)[1:-1]


def _respace(text: str, chance: random.Random) -> str:
    """Puts blanks and line ends wherever JSON allows them."""
    out, is_inside, is_escaped = [], False, False
    for character in text:
        blank = "".join(chance.choices(" \t\r\n", k=chance.randrange(3)))
        if not is_inside and character in '[]{},:"':
            out.append(blank)
        out.append(character)
        if is_inside:
            is_inside = is_escaped or character != '"'
            is_escaped = character == "\\" and not is_escaped
            if is_inside:
                continue
        elif character == '"':
            is_inside = True
            continue
        if character in '[]{},:"':
            out.append(blank)
    return "".join(out)


@settings(max_examples=300, deadline=None)
@given(value=_JSON, seed=st.integers(0, 2**16))
def test_strings_are_those_that_json_reads(value: Any, seed: int) -> None:
    text = _respace(json.dumps(value), random.Random(seed))
    assert json.loads(text) == value
    data = text.encode()
    found = [(path, json.loads(data[start:end])) for start, end, path in walk_strings(data)]
    assert found == _list_strings(value)


@settings(max_examples=200, deadline=None)
@given(
    data=st.one_of(st.binary(max_size=60), st.text('[]{},:"\\ax\n', max_size=60).map(str.encode))
)
def test_what_is_no_json_is_no_failure(data: bytes) -> None:
    last = 0
    for start, end, _ in walk_strings(data):
        assert last <= start < end <= len(data)
        last = end
    for offset, cell in find_cells(data, range(len(data))).items():
        assert 0 <= offset < len(data) and cell.part


def _find(document: Any, *, indent: int | None = 1) -> Cell | None:
    data = json.dumps(document, indent=indent).encode()
    offset = data.index(b"HERE")
    return find_cells(data, [offset]).get(offset)


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ({"source": ["a", "HERE"]}, Cell(3, "source")),
        ({"source": "HERE"}, Cell(3, "source")),
        ({"source": [], "outputs": [{}, {"data": {"text/plain": "HERE"}}]}, Cell(3, "output 2")),
        ({"outputs": [{"traceback": ["x", "HERE"]}]}, Cell(3, "output 1")),
        ({"attachments": {"a.png": {"image/png": "HERE"}}}, Cell(3, "attachments")),
        ({"metadata": {"tags": ["HERE"]}}, Cell(3, "metadata")),
        ({"metadata": {"HERE": 1}}, Cell(3, "metadata")),
    ],
)
def test_each_part_of_a_cell_is_told(cell: object, expected: Cell, indent: int | None) -> None:
    document = {"metadata": {}, "cells": [{"source": ['{}[],:\\"']}, {}, cell], "nbformat": 4}
    assert _find(document, indent=indent) == expected


def test_what_belongs_to_no_cell_is_told() -> None:
    widgets = {"application/vnd.jupyter.widget-state+json": {"state": {"1": {"value": "HERE"}}}}
    assert _find({"cells": [], "metadata": {"widgets": widgets}}) == Cell(0, "widget state")
    assert _find({"metadata": {"kernelspec": {"name": "HERE"}}, "cells": []}) == Cell(0, "metadata")


def test_notebooks_of_old_have_worksheets() -> None:
    cell: dict[str, object] = {"cell_type": "code", "input": ["HERE"], "outputs": []}
    assert _find({"worksheets": [{"cells": [{}, cell]}]}) == Cell(2, "source")
    cell = {"cell_type": "code", "input": [], "outputs": [{"text": "HERE"}]}
    assert _find({"worksheets": [{"cells": [cell]}]}) == Cell(1, "output 1")


def test_notebooks_that_nbformat_writes_are_understood() -> None:
    try:
        import nbformat
    except ImportError:
        require(False, "nbformat is not installed")
        raise
    v4: Any = nbformat.v4
    cells = [
        v4.new_markdown_cell("# one"),
        v4.new_code_cell("a = 1", outputs=[v4.new_output("stream", text="x\nPLACE-A\n")]),
        v4.new_code_cell('print("PLACE-B")\n'),
        v4.new_raw_cell("PLACE-C"),
    ]
    write: Any = nbformat.writes
    data = write(v4.new_notebook(cells=cells)).encode()
    places = {name: data.index(b"PLACE-" + name.encode()) for name in "ABC"}
    found = find_cells(data, [*places.values()])
    assert found[places["A"]] == Cell(2, "output 1")
    assert (found[places["B"]], found[places["C"]]) == (Cell(3, "source"), Cell(4, "source"))


def test_a_string_without_an_end_takes_no_longer_than_one_with() -> None:
    begun = time.monotonic()
    for data in (b'["' + b'\\"' * 2_000_000, b'"a' * 1_000_001, b'["' + b"\\" * 3_000_001):
        assert len(find_cells(data, [len(data) - 1])) <= 1
    assert time.monotonic() - begun < 60  # a guard: the square of it takes hours


def test_depth_has_an_end() -> None:
    assert [*walk_strings(b"[" * 1_000_000 + b'"a"')] == []
    shallow = b"[" * 150 + b'"a"'
    assert [(start, end) for start, end, _ in walk_strings(shallow)] == [(150, 153)]


def test_notebooks_are_told_by_their_name() -> None:
    assert is_notebook("a/b.ipynb") and is_notebook("B.IPYNB")
    assert not is_notebook("a.ipynb.txt") and not is_notebook("ipynb")


def test_a_key_that_somebody_made_up_is_not_told() -> None:
    key = "hf_" + "x" * 20
    data = json.dumps({"cells": [{key: "a"}, {"metadata": "b"}, {"outputs": "c"}]}).encode()
    places = [data.index(b'"%c"' % letter) for letter in b"abc"]
    assert [*find_cells(data, places).values()] == [
        Cell(1, "other"), Cell(2, "metadata"), Cell(3, "outputs"),
    ]  # fmt: skip
