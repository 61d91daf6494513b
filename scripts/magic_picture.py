"""Writes docs/pictures/magic.png: the magic in a real JupyterLab, somebody typing a token.

python -m scripts.magic_picture
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests.cli.harness import make_value, program
from tests.notebook.lab import Notebook, open_notebook
from tests.upkeep.stub import stub
from tests.upkeep.stub_places import make_environ

PATH = Path(__file__).resolve().parents[1] / "docs" / "pictures" / "magic.png"
WIDTH = 900
MARGIN = 12
SOURCES = (
    "%load_ext credman",
    "%credman add hf -e prod",
    "%credman load prod",
    '!echo "the Hub is asked with $HF_TOKEN"',
    "import os\nraise RuntimeError(f\"401: {os.environ['HF_TOKEN']}\")",
    "%credman check hf -e prod",
    "%credman add openai",
)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        own = {
            "CREDMAN_HOME": f"{folder}/credman",
            "CREDMAN_PASSPHRASE": make_value(),
            "CREDMAN_AGENT": "off",
        }
        os.environ.update(own)
        made = program("init", "--no-keyring", "--recovery-file", f"{folder}/recovery", environ=own)
        made.check_returncode()
        place = Path(folder, "notebook")
        place.mkdir()
        with stub() as provider:
            environ = {**own, **make_environ(provider, "huggingface")}
            token = provider.issue("huggingface").token
            with open_notebook(place / "train.ipynb", SOURCES, environ, width=WIDTH) as notebook:
                _play(notebook, token)
                _take(notebook)
    return 0


def _play(notebook: Notebook, token: str) -> None:
    for number in range(1, len(SOURCES)):
        notebook.run(number)
        if number == 2:
            notebook.is_asked()
            notebook.types(token)
        notebook.is_done(number)
    notebook.run(len(SOURCES))
    notebook.is_asked()


def _take(notebook: Notebook) -> None:
    page = notebook.page
    page.evaluate("window.jupyterapp.commands.execute('application:toggle-left-area')")
    page.mouse.move(0, 0)
    page.wait_for_timeout(500)
    panel = page.locator(".jp-NotebookPanel").bounding_box()
    last = page.locator(".jp-Stdin").bounding_box()
    height = last["y"] + last["height"] + MARGIN - panel["y"]
    PATH.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PATH, clip={**panel, "height": height})


if __name__ == "__main__":
    sys.exit(main())
