"""A notebook in a real JupyterLab, with somebody before it: a browser without a screen.

Rule: as of ``tests.watch.scan.jupyter``; the kernel knows the vault of the test alone.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.requirements import require, require_program
from tests.watch.scan.jupyter import QUIET, make_places, run_lab

_SECONDS = 60
_KERNEL = "own"
_READY = """async () => {
    const context = window.jupyterapp.shell.currentWidget.sessionContext;
    await context.ready;
    await context.session.kernel.info;
}"""
"""A cell that is started before the kernel has told of itself may wait for ever."""
_ROOT = str(Path(__file__).parents[2])


class Notebook:
    """Args:
    page: of the browser.
    path: where the notebook is saved.
    """

    def __init__(self, page: Any, path: Path) -> None:
        self.page, self.path = page, path

    def run(self, number: int) -> None:
        """Args: number: of a code cell, from 1. It may still be busy afterwards."""
        self._cell(number).locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")

    def is_done(self, number: int) -> str:
        """Waits until a cell has run. Returns: what is shown below it."""
        cell = self._cell(number)
        prompt = cell.locator(".jp-InputArea-prompt").first
        end = time.monotonic() + _SECONDS
        while not prompt.inner_text().strip("[]: ").isdigit():
            assert time.monotonic() < end, prompt.inner_text()
            self.page.wait_for_timeout(50)
        outputs = cell.locator(".jp-OutputArea-output")
        return "\n".join(outputs.nth(at).inner_text() for at in range(outputs.count()))

    def is_asked(self) -> str:
        """Waits for a hidden prompt. Returns: its text."""
        self.page.locator("input.jp-Stdin-input[type=password]").wait_for(timeout=_SECONDS * 1000)
        return str(self.page.locator(".jp-Stdin-prompt").inner_text())

    def types(self, text: str) -> None:
        self.page.locator("input.jp-Stdin-input").press_sequentially(text)
        self.page.keyboard.press("Enter")

    def complete(self, number: int, text: str) -> list[str]:
        """Types into an empty cell, and presses TAB. Returns: what is offered."""
        self._cell(number).locator(".cm-content").click()
        self.page.keyboard.type(text)
        self.page.keyboard.press("Tab")
        offered = self.page.locator(".jp-Completer-item")
        offered.first.wait_for(timeout=_SECONDS * 1000)
        words = [
            offered.nth(at).locator("code").first.inner_text() for at in range(offered.count())
        ]
        self.page.keyboard.press("Escape")
        return words

    def save(self) -> dict[str, Any]:
        """Returns: the notebook, as it is on the disk then."""
        before = self.path.stat().st_mtime_ns
        self.page.keyboard.press("Control+s")
        end = time.monotonic() + _SECONDS
        while self.path.stat().st_mtime_ns == before:
            assert time.monotonic() < end, "JupyterLab did not save"
            self.page.wait_for_timeout(50)
        saved: dict[str, Any] = json.loads(self.path.read_text("utf-8"))
        return saved

    def _cell(self, number: int) -> Any:
        return self.page.locator(".jp-CodeCell").nth(number - 1)


@contextmanager
def open_notebook(
    path: Path, sources: Sequence[str], environ: Mapping[str, str], *, width: int = 1100
) -> Iterator[Notebook]:
    """Args:
        path: where a notebook with these cells is made.
        environ: of its kernel, beside what it needs.
        width: of the window, in pixels.

    Yields:
        It, opened, with a kernel that answers.
    """
    require(find_spec("playwright"), "playwright is not installed")
    chromium = require_program("chromium")
    from playwright.sync_api import sync_playwright

    _write(path, sources)
    with tempfile.TemporaryDirectory() as place:
        _add_kernel(Path(place), environ)
        with (
            run_lab(path.parent, Path(place)) as (url, password),
            sync_playwright() as playwright,
        ):
            browser = playwright.chromium.launch(
                executable_path=chromium,
                args=QUIET,
                env={"HOME": place, "PATH": os.environ["PATH"]},
            )
            try:
                page = browser.new_page(viewport={"width": width, "height": 900})
                page.goto(f"{url}lab/tree/{path.name}?reset&token={password}")
                page.locator(".jp-Notebook-ExecutionIndicator").wait_for(timeout=_SECONDS * 1000)
                page.evaluate(_READY)
                yield Notebook(page, path)
            finally:
                browser.close()


def _write(path: Path, sources: Sequence[str]) -> None:
    cells: list[dict[str, object]] = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"cell-{number}",
            "metadata": {},
            "outputs": [],
            "source": source,
        }
        for number, source in enumerate(sources, 1)
    ]
    metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": _KERNEL}}
    notebook = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook), "utf-8")


def _add_kernel(place: Path, environ: Mapping[str, str]) -> None:
    folder = Path(make_places(place)["JUPYTER_DATA_DIR"], "kernels", _KERNEL)
    folder.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    given = {"PYTHONPATH": _ROOT, **environ}
    spec = {"argv": argv, "display_name": "Python 3", "language": "python", "env": given}
    (folder / "kernel.json").write_text(json.dumps(spec))
