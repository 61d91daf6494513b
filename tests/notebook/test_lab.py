"""``%load_ext credman`` in a real JupyterLab: what somebody sees, and what is saved."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.cli.harness import PASSPHRASE, credman
from tests.cli.scans import TOKEN
from tests.notebook.lab import open_notebook
from tests.notebook.leaks import find_leaks

MARK = "[credman:HF_TOKEN]"
SOURCES = (
    "%load_ext credman\n%credman add hf -e prod",
    "%credman load prod",
    "import os, sys, time\nprint(os.environ['HF_TOKEN'])\n!echo $HF_TOKEN",
    "for letter in os.environ['HF_TOKEN']:\n    print(letter, end='', flush=True)",
    "int(os.environ['HF_TOKEN'])",
    "import ipywidgets\nipywidgets.Text(value=os.environ['HF_TOKEN'])",
    "%credman load nothing -e prod",
    "%credman",
    "%credman scan",
    "",
)


def test_a_token_is_typed_loaded_and_used_and_the_saved_notebook_has_no_piece_of_it(
    tmp_path: Path,
) -> None:
    own = {name: value for name, value in os.environ.items() if name.startswith("CREDMAN_")}
    path = tmp_path / "notebook" / "train.ipynb"
    path.parent.mkdir()
    with open_notebook(path, SOURCES, {**own, "CREDMAN_PASSPHRASE": PASSPHRASE}) as notebook:
        notebook.run(1)
        assert notebook.is_asked() == "token (hidden): "
        notebook.types(TOKEN)
        said = notebook.is_done(1)
        assert "stored hf in prod: HF_TOKEN, not checked" in said and "Warning" not in said
        shown = []
        for number in range(2, 10):
            notebook.run(number)
            shown.append(notebook.is_done(number))
        loading, printing, slow, failing, _, unknown, telling, scanning = shown
        assert loading.strip() == telling.strip() == "HF_TOKEN  store: hf (prod)"
        assert printing.split() == [MARK, MARK] and slow.strip() == MARK
        assert "ValueError" in failing and MARK in failing
        assert "no token nothing: looked in store (none in environment prod" in unknown
        assert notebook.page.locator(".widget-text input").input_value() == MARK
        assert "no token found (1 file" in scanning
        assert notebook.complete(10, "%credman re") == ["redact"]
        saved = notebook.save()
        assert TOKEN not in notebook.page.content()
    assert len(saved["cells"]) == len(SOURCES)
    assert json.dumps(saved["cells"]).count(MARK) > 3
    files = [each for each in path.parent.rglob("*") if each.is_file()]
    assert {each.name for each in files} >= {"train.ipynb", "train-checkpoint.ipynb"}
    for each in files:
        assert find_leaks(each.read_text("utf-8"), {"HF_TOKEN": TOKEN}) == set(), each
    assert credman("get", "hf", "-e", "prod").text == TOKEN
    assert not os.listdir(Path.home())  # of Jupyter's own nothing came there


def test_without_the_extension_the_same_is_saved_in_clear(tmp_path: Path) -> None:
    path = tmp_path / "train.ipynb"
    with open_notebook(path, SOURCES[2:3], {"HF_TOKEN": TOKEN}) as notebook:
        notebook.run(1)
        assert notebook.is_done(1).split() == [TOKEN, TOKEN]
        notebook.save()
    assert find_leaks(path.read_text("utf-8"), {"HF_TOKEN": TOKEN})
