"""Notebooks that a program runs, with the real nbclient: nobody answers, and all is saved."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tests.cli.harness import PASSPHRASE, credman
from tests.cli.scans import TOKEN
from tests.notebook.leaks import find_leaks
from tests.watch.scan.jupyter import run_notebook

MARK = "[credman:HF_TOKEN]"
SHOWING = {
    "print": "import os; print(os.environ['HF_TOKEN'])",
    "shell": "!echo $HF_TOKEN",
    "repr": "os.environ['HF_TOKEN']",
    "traceback": "int(os.environ['HF_TOKEN'])",
    "in a call": "%xmode Verbose\ndef use(key):\n    1 / 0\nuse(os.environ['HF_TOKEN'])",
    "logging": "import logging; logging.error('key %s', os.environ['HF_TOKEN'])",
    "%env": "%env HF_TOKEN",
    "own": "str(credman.get('HF_TOKEN'))",
}
WIDGET = "import ipywidgets; ipywidgets.Password(value=os.environ['HF_TOKEN'])"


def run_cells(folder: Path, sources: list[str], **environ: str) -> dict[str, Any]:
    """Returns: the notebook as it was saved. A cell that waits for somebody fails the run."""
    own = {name: value for name, value in os.environ.items() if name.startswith("CREDMAN_")}
    return run_notebook(folder / "train.ipynb", sources, {**own, **environ})


def find_error(cell: dict[str, Any]) -> tuple[str, str]:
    """Returns: the name of the error in the outputs of a cell, and what it says."""
    [output] = [each for each in cell["outputs"] if each["output_type"] == "error"]
    return output["ename"], output["evalue"]


def test_where_a_program_runs_the_notebook_nobody_is_asked(tmp_path: Path) -> None:
    load = "import credman; credman.load('HF_TOKEN')"
    sources = [load, "%load_ext credman\n%credman load hf", "%credman add hf", "print('went on')"]
    by_api, by_magic, adding, last = run_cells(tmp_path, sources)["cells"]
    name, text = find_error(by_api)
    assert name == "NotFound"
    assert text == (
        "no token HF_TOKEN: looked in environment (HF_TOKEN not set), store (nothing is stored "
        "yet), a prompt (nobody is here to answer)"
    )
    said = json.dumps(by_magic["outputs"])
    assert "looked in environment (HF_TOKEN" in said and "nobody is here to answer" in said
    assert adding["outputs"] and "stored" not in json.dumps(adding["outputs"])
    assert last["outputs"][0]["text"] == ["went on\n"]


def test_a_store_that_nobody_can_open_is_named_and_nobody_is_asked(tmp_path: Path) -> None:
    credman("add", "hf", "--no-check", stdin=TOKEN.encode())
    [cell] = run_cells(tmp_path, ["import credman; credman.load('HF_TOKEN')"])["cells"]
    name, text = find_error(cell)
    assert name == "Locked" and "nobody is here to answer" in text
    assert "store (" in text and "store (nothing" not in text


def test_with_a_passphrase_it_is_loaded_and_no_output_has_it(tmp_path: Path) -> None:
    credman("add", "hf", "--no-check", stdin=TOKEN.encode())
    before = ["import credman\n%load_ext credman", "credman.load('HF_TOKEN')"]
    sources = [*before, *SHOWING.values(), WIDGET]
    saved = run_cells(tmp_path, sources, CREDMAN_PASSPHRASE=PASSPHRASE)
    extension, loading, *cells, widget = saved["cells"]
    assert extension["outputs"] == []
    assert "store: hf (default)" in json.dumps(loading["outputs"])
    for name, cell in zip(SHOWING, cells, strict=True):
        assert MARK in json.dumps(cell["outputs"]), name
    assert widget["outputs"] and MARK in json.dumps(saved["metadata"]["widgets"])
    text = (tmp_path / "train.ipynb").read_text("utf-8")
    assert find_leaks(text, {"HF_TOKEN": TOKEN}) == set()


def test_without_the_extension_all_of_these_show_it(tmp_path: Path) -> None:
    credman("add", "hf", "--no-check", stdin=TOKEN.encode())
    sources = ["import credman; credman.load('HF_TOKEN')", *SHOWING.values(), WIDGET]
    saved = run_cells(tmp_path, sources, CREDMAN_PASSPHRASE=PASSPHRASE)
    for name, cell in zip(SHOWING, saved["cells"][1:-1], strict=True):
        assert find_leaks(json.dumps(cell["outputs"]), {"HF_TOKEN": TOKEN}), name
    assert find_leaks(json.dumps(saved["metadata"]["widgets"]), {"HF_TOKEN": TOKEN})
