"""Notebooks that a real kernel ran: a token is told by the cell and the output that hold it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.cli.harness import credman, make_value
from tests.watch.scan.jupyter import run_notebook

SOURCES = (
    "import os, sys\ntoken = os.environ['HF_TOKEN']\ntoken",
    "print(f'x {token}', file=sys.stderr)\n{'a': [token]}",
    "%env HF_TOKEN",
    "def call(key):\n    raise ValueError(f'no: {key}')\ncall(token)",
    "%xmode Verbose\ncall(token)",
    "from IPython.display import HTML\nHTML(f'<b>{token}</b>')",
    "import ipywidgets\nipywidgets.Password(value=token)",
    "'credman'",
)
PLACES = {
    (1, "output 1"),
    (2, "output 1"),
    (2, "output 2"),
    (3, "output 1"),
    (4, "output 1"),
    (5, "output 2"),
    (6, "output 1"),
    (None, "widget state"),
}


def test_tokens_in_outputs_tracebacks_and_widgets_are_told_by_their_cells(tmp_path: Path) -> None:
    value, other = make_value(), make_value("hf_", 35)[:37]
    sources = [*SOURCES, f'login(token="{other}")']
    saved = run_notebook(tmp_path / "train.ipynb", sources, {"HF_TOKEN": value})
    assert len(saved["cells"]) == len(sources)
    assert credman("add", "hf", stdin=value.encode()).exit_code == 0

    done = credman("scan", "train.ipynb", "--format", "json", cwd=tmp_path)
    assert done.exit_code == 8, done.stderr
    findings = json.loads(done.text)["findings"]
    found = {(f["cell"]["number"], f["cell"]["part"], f["token"]) for f in findings}
    ours = {(*place, "hf") for place in PLACES}
    assert found == {*ours, (9, "source", None), (9, "output 1", None)}
    assert value not in done.text + done.stderr and other not in done.text + done.stderr
    assert not os.listdir(Path.home())  # of Jupyter's own nothing came there
