"""Notebooks that the real papermill runs, with parameters and as a scheduler would start it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.cli.harness import PASSPHRASE, credman, make_value
from tests.notebook.leaks import find_leaks
from tests.requirements import require
from tests.watch.scan.jupyter import make_places

MARK = "[credman:HF_TOKEN]"
LOAD = "import credman\n%load_ext credman\ncredman.load(name)"
SHOW = "import os; print(os.environ['HF_TOKEN'])\n!echo $HF_TOKEN"
FAIL = "raise ValueError(os.environ['HF_TOKEN'])"


def run_papermill(
    place: Path, *sources: str, **environ: str
) -> tuple[subprocess.CompletedProcess[str], list[dict[str, Any]]]:
    """Runs cells that have ``name``, as a parameter.

    Returns:
        What came of it, with the outputs of cells among what it says; and these cells as they
        were saved.
    """
    for name in ("papermill", "ipykernel"):
        require(find_spec(name), f"{name} is not installed")
    (place / "in.ipynb").write_text(make_notebook("name = 'openai'", *sources))
    own = {name: value for name, value in os.environ.items() if name.startswith("CREDMAN_")}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "papermill", "in.ipynb", "out.ipynb"),
            *("-p", "name", "hf", "--log-output", "--no-progress-bar"),
        ],
        env={**make_places(place / "places"), **own, **environ},
        cwd=place,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (place / "out.ipynb").exists(), done.stderr
    cells = json.loads((place / "out.ipynb").read_text("utf-8"))["cells"]
    # Before a cell that fails it puts a text that says so.
    return done, [cell for cell in cells if cell["cell_type"] == "code"][-len(sources) :]


def make_notebook(parameters: str, *sources: str) -> str:
    """Args: parameters: a cell that papermill answers with one of its own."""
    cell: dict[str, Any] = {"cell_type": "code", "execution_count": None, "outputs": []}
    cells = [{**cell, "metadata": {}, "source": source} for source in sources]
    first = {**cell, "metadata": {"tags": ["parameters"]}, "source": parameters}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = {"nbformat": 4, "nbformat_minor": 4, "metadata": {"kernelspec": kernel}}
    return json.dumps({**notebook, "cells": [first, *cells]})


def test_nobody_is_asked_and_the_run_fails_with_every_place_named(tmp_path: Path) -> None:
    done, cells = run_papermill(tmp_path, LOAD, "print('went on')")
    expected = (
        "no token hf: looked in environment (HF_TOKEN, HUGGING_FACE_HUB_TOKEN, "
        "HUGGINGFACEHUB_API_TOKEN not set), store (nothing is stored yet), a prompt (nobody is "
        "here to answer)"
    )
    assert done.returncode == 1 and expected in done.stderr
    loading, last = cells
    [error] = [each for each in loading["outputs"] if each["output_type"] == "error"]
    assert (error["ename"], error["evalue"]) == ("NotFound", expected)
    assert last["outputs"] == []


def test_with_a_passphrase_it_is_loaded_and_nothing_that_papermill_writes_has_it(
    tmp_path: Path,
) -> None:
    value = make_value()
    stored = credman("add", "hf", "--no-check", stdin=value.encode())
    assert stored.exit_code == 0, stored.stderr
    done, cells = run_papermill(tmp_path, LOAD, SHOW, FAIL, CREDMAN_PASSPHRASE=PASSPHRASE)
    loading, showing, failing = cells
    assert "store: hf (default)" in json.dumps(loading["outputs"])
    assert MARK in json.dumps(showing["outputs"]) and MARK in json.dumps(failing["outputs"])
    said = done.stdout + done.stderr
    assert done.returncode == 1 and MARK in said and "ValueError" in said
    text = (tmp_path / "out.ipynb").read_text("utf-8")
    assert find_leaks(said, {"HF_TOKEN": value}) == find_leaks(text, {"HF_TOKEN": value}) == set()
