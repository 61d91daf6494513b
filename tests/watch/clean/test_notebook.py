"""Tokens in notebooks: which bytes change, and that it stays a notebook."""

from __future__ import annotations

import itertools
import json
from importlib.util import find_spec
from typing import Any

import pytest

from credman.watch.clean.edits import Leak, apply_edits
from credman.watch.clean.notebook import edit_notebook
from tests.cli.harness import make_value
from tests.requirements import require

TOKEN = make_value()
NUMBERS = itertools.count()


def code(source: str | list[str], *outputs: dict[str, Any]) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": f"c{next(NUMBERS)}",
        "metadata": {},
        "outputs": list(outputs),
        "source": source,
    }


def make(*cells: dict[str, Any], **metadata: Any) -> bytes:
    notebook = {"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, indent=1, ensure_ascii=False).encode() + b"\n"


def edit(data: bytes, *, has_other_lines: bool = False) -> dict[str, Any]:
    """Args: has_other_lines: some change that have no token.

    Returns:
        What became of it; that it is valid, and all else the same, is checked.
    """
    leaks, place = [], data.find(TOKEN.encode())
    while place >= 0:
        leaks.append(Leak(place, place + len(TOKEN), "HF_TOKEN"))
        place = data.find(TOKEN.encode(), place + 1)
    edits = edit_notebook(data, leaks)
    assert edits is not None
    edited = apply_edits(data, edits)
    assert TOKEN.encode() not in edited
    # Line by line: nothing but the strings that had it is another.
    for before, after in zip(data.splitlines(), edited.splitlines(), strict=True):
        is_other = TOKEN.encode() in before or b"import os" in after
        assert before == after or is_other or has_other_lines
    require(find_spec("nbformat"), "nbformat is not installed")
    import nbformat

    found: dict[str, Any] = json.loads(edited)
    nbformat.validate(found)
    return found


def source_of(notebook: dict[str, Any], number: int) -> str:
    return "".join(notebook["cells"][number]["source"])


def test_source_becomes_a_reference() -> None:
    data = make(code(["# %%\n", f'login("{TOKEN}")\n', "x = 'é\\n'"]))
    assert (
        source_of(edit(data), 0) == "# %%\nimport os\nlogin(os.environ[\"HF_TOKEN\"])\nx = 'é\\n'"
    )


@pytest.mark.parametrize("source", [f'login("{TOKEN}")', [f'login("{TOKEN}")']])
def test_source_in_one_string_or_in_lines(source: str | list[str]) -> None:
    edited = edit(make(code(source)))
    assert source_of(edited, 0) == 'import os\nlogin(os.environ["HF_TOKEN"])'
    assert type(edited["cells"][0]["source"]) is type(source)


def test_os_is_imported_once() -> None:
    line = f'login("{TOKEN}")'
    edited = edit(make(code("x = 1"), code(line), code(line)))
    assert [source_of(edited, n).count("import os") for n in range(3)] == [0, 1, 0]
    edited = edit(make(code("import os"), code(line)))
    assert source_of(edited, 1) == 'login(os.environ["HF_TOKEN"])'


@pytest.mark.parametrize(
    "source",
    [
        "%%writefile a.py\nimport os",
        "x = '''\nimport os\n'''",
        "import os.path as p",
        "def f():\n    import os",
    ],
)
def test_what_looks_like_the_import_is_none(source: str) -> None:
    edited = edit(make(code(source), code(f'login("{TOKEN}")')))
    assert source_of(edited, 1).startswith("import os\n")


@pytest.mark.parametrize(
    "source", ["%matplotlib inline\nimport os", "%%time\nimport sys, os", "!ls\nimport os\n"]
)
def test_an_import_between_commands_is_one(source: str) -> None:
    edited = edit(make(code(source), code(f'login("{TOKEN}")')))
    assert source_of(edited, 1) == 'login(os.environ["HF_TOKEN"])'


def test_a_literal_of_several_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    data = make(code(["x = '''{\n", f"Bearer {TOKEN}\n", "}'''\n", "y = 2\n"]))
    text = source_of(edit(data, has_other_lines=True), 0)
    space: dict[str, Any] = {}
    monkeypatch.setenv("HF_TOKEN", "abc")
    exec(text, space)
    assert space["x"] == "{\nBearer abc\n}" and space["y"] == 2


@pytest.mark.parametrize(
    "line", [f"%env HF_TOKEN={TOKEN}", f"!hf auth login --token {TOKEN}", f"%%bash\necho {TOKEN}"]
)
def test_commands_stay_commands(line: str) -> None:
    text = source_of(edit(make(code(line))), 0)
    assert "credman" not in text or "#" in text


def test_outputs_tracebacks_and_widgets_get_a_mark() -> None:
    outputs: list[dict[str, Any]] = [
        {"name": "stdout", "output_type": "stream", "text": [f"Bearer {TOKEN}\n", "ok\n"]},
        {"data": {"text/plain": [f"'{TOKEN}'"], "application/json": {"a": [TOKEN]}},
         "execution_count": 1, "metadata": {"x": TOKEN}, "output_type": "execute_result"},
        {"ename": "ValueError", "evalue": TOKEN, "output_type": "error",
         "traceback": [f"\x1b[0;31mValueError\x1b[0m: {TOKEN}"]},
    ]  # fmt: skip
    state = {"application/vnd.jupyter.widget-state+json": {
        "state": {"a" * 32: {"model_name": "PasswordModel", "state": {"value": TOKEN}}},
        "version_major": 2, "version_minor": 0}}  # fmt: skip
    markdown = {"cell_type": "markdown", "id": "m", "metadata": {}, "source": f"mine: {TOKEN}"}
    raw = {"cell_type": "raw", "id": "r", "metadata": {"tags": [TOKEN]}, "source": [TOKEN]}
    edited = edit(make(code("x", *outputs), markdown, raw, widgets=state))
    text = json.dumps(edited)
    assert text.count("[credman:HF_TOKEN]") == 10
    assert edited["cells"][0]["outputs"][2]["traceback"] == [
        "\x1b[0;31mValueError\x1b[0m: [credman:HF_TOKEN]"
    ]


@pytest.mark.parametrize(
    "about",
    [
        {"language_info": {"name": "R"}},
        {"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}},
    ],
)
def test_other_languages_get_a_mark(about: dict[str, Any]) -> None:
    edited = edit(make(code(f'login("{TOKEN}")'), **about))
    assert source_of(edited, 0) == 'login("[credman:HF_TOKEN]")'


def test_source_that_does_not_compile_gets_a_mark() -> None:
    assert source_of(edit(make(code(f'login("{TOKEN}"'))), 0) == 'login("[credman:HF_TOKEN]"'


def test_what_is_no_notebook_is_not_edited() -> None:
    for data in (b"[]", b'{"cells": "' + TOKEN.encode(), b"x"):
        assert edit_notebook(data, [Leak(0, 1, "HF_TOKEN")]) is None


def test_an_older_notebook_gets_marks() -> None:
    cell = {"cell_type": "code", "input": [f'login("{TOKEN}")'], "language": "python",
            "outputs": [], "metadata": {}, "collapsed": False}  # fmt: skip
    data = json.dumps({"worksheets": [{"cells": [cell], "metadata": {}}], "metadata": {},
                       "nbformat": 3, "nbformat_minor": 0}).encode()  # fmt: skip
    place = data.find(TOKEN.encode())
    edits = edit_notebook(data, [Leak(place, place + len(TOKEN), "HF_TOKEN")])
    assert edits is not None
    assert json.loads(apply_edits(data, edits))["worksheets"][0]["cells"][0]["input"] == [
        'login("[credman:HF_TOKEN]")'
    ]
