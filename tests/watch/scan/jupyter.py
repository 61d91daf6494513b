"""A real JupyterLab with a real browser, and notebooks that a real kernel ran.

Rule: all of Jupyter's directories, IPython's and the browser's profile are new and below the
test's own; whatever was started has ended when the function returns.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.requirements import require, require_program

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
_NEWS = "@jupyterlab/apputils-extension:announcements"
"""Would ask over the page whether somebody wants them."""
_SECONDS = 60


def make_places(place: Path) -> dict[str, str]:
    """Returns: the environment of a Jupyter that knows nothing of anybody."""
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "HOME")
    folders = {name: str(place / name.lower()) for name in names}
    for folder in folders.values():
        os.makedirs(folder, mode=0o700, exist_ok=True)
    return {**folders, "PATH": os.environ["PATH"], "JUPYTER_PLATFORM_DIRS": "1"}


@contextmanager
def run_lab(folder: Path, place: Path) -> Iterator[tuple[str, str]]:
    """Args: folder: its root. place: for its own files. Yields: its URL and its password."""
    require(find_spec("jupyterlab"), "jupyterlab is not installed")
    password = secrets.token_hex(16)
    environ = make_places(place)
    settings = Path(environ["JUPYTER_CONFIG_DIR"], "labconfig", "page_config.json")
    settings.parent.mkdir()
    settings.write_text(json.dumps({"disabledExtensions": {_NEWS: True}}))
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": "0",
        "ServerApp.root_dir": str(folder),
        "ServerApp.allow_root": "True",
        "ServerApp.open_browser": "False",
        "LabApp.extension_manager": "readonly",
        "LabApp.news_url": "",
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        "LabApp.expose_app_in_browser": "True",
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *(f"--{k}={v}" for k, v in options.items())],
        env={**environ, "JUPYTER_TOKEN": password},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield _wait_for_url(server, Path(environ["JUPYTER_RUNTIME_DIR"])), password
    finally:
        server.terminate()
        try:
            server.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_for_url(server: subprocess.Popen[bytes], runtime: Path) -> str:
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
        assert server.poll() is None, "JupyterLab ended"
        for path in runtime.glob("jpserver-*.json"):
            try:
                return str(json.loads(path.read_text())["url"])
            except ValueError:
                continue  # half written
        time.sleep(0.05)
    raise AssertionError("JupyterLab did not start")


def open_in_lab(folder: Path, name: str, checkpoint: str) -> Path:
    """Opens a file as somebody who looks at it does, and does nothing else with it.

    Args:
        folder: the root of the JupyterLab.
        checkpoint: the name of the file that comes of it.

    Returns:
        The checkpoint.
    """
    require(find_spec("playwright"), "playwright is not installed")
    chromium = require_program("chromium")
    from playwright.sync_api import sync_playwright

    made = folder / ".ipynb_checkpoints" / checkpoint
    assert not made.exists()
    with (
        tempfile.TemporaryDirectory() as place,
        run_lab(folder, Path(place)) as (url, password),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=QUIET,
            env={"HOME": place, "PATH": os.environ["PATH"]},
        )
        try:
            page = browser.new_page()
            page.goto(f"{url}lab/tree/{quote(name)}?reset&token={password}")
            page.get_by_role("tab", name=name).first.wait_for(timeout=_SECONDS * 1000)
            end = time.monotonic() + _SECONDS
            while not made.exists() and time.monotonic() < end:
                page.wait_for_timeout(50)
        finally:
            browser.close()
    assert made.exists(), "JupyterLab made no checkpoint"
    return made


def run_notebook(path: Path, sources: Sequence[str], environ: dict[str, str]) -> dict[str, Any]:
    """Runs cells in one kernel, as nbclient does by default: errors stay in the outputs, and the
    state of widgets is kept.

    Args:
        path: where the notebook is saved.
        environ: for its kernel, beside what it needs.

    Returns:
        It, as it was saved.
    """
    for name in ("nbclient", "nbformat", "ipykernel", "ipywidgets"):
        require(find_spec(name), f"{name} is not installed")
    script = (
        "import sys, nbformat, nbclient\n"
        "from nbformat.v4 import new_code_cell, new_notebook\n"
        "cells = [new_code_cell(s) for s in sys.stdin.read().split('\\0')]\n"
        "notebook = new_notebook(cells=cells)\n"
        "nbclient.NotebookClient(notebook, allow_errors=True, timeout=60).execute()\n"
        "nbformat.write(notebook, sys.argv[1])\n"
    )
    with tempfile.TemporaryDirectory() as place:
        done = subprocess.run(
            [sys.executable, "-c", script, str(path)],
            input="\0".join(sources).encode(),
            env={**make_places(Path(place)), **environ},
            cwd=path.parent,
            capture_output=True,
            timeout=2 * _SECONDS,
            check=False,
        )
    assert done.returncode == 0, done.stderr.decode()
    saved: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return saved
