"""A notebook that trains and uploads, run end to end: the real nbclient and the real
huggingface_hub, called as anybody calls it, and a Hub on this machine."""

from __future__ import annotations

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.cli.harness import PASSPHRASE, credman, make_value
from tests.notebook.leaks import find_leaks
from tests.requirements import require
from tests.watch.scan.hubs import REPOSITORY, Hub, run_hub, upload_as_program
from tests.watch.scan.jupyter import run_notebook

PUBLIC = "/api/agent-harnesses"  # which `hf` reads as nobody, once a day
MARK = "[credman:HF_TOKEN]"
EXTENSION = "import credman\n%load_ext credman"
LOAD = 'credman.load("hf", env="prod")'
ASK = "from huggingface_hub import whoami\nwhoami()['name']"
UPLOAD = (
    "from huggingface_hub import upload_folder\n"
    f"upload_folder(folder_path='model', repo_id='{REPOSITORY}').oid"
)
LEAKS = """
import os
print(os.environ["HF_TOKEN"])
!echo $HF_TOKEN
raise OSError(os.environ["HF_TOKEN"])
"""
SCRIPT = "from huggingface_hub import whoami\nprint('a script of', whoami()['name'])\n"


def run_against(hub: Hub, project: Path, *sources: str) -> list[dict[str, Any]]:
    """Returns: the cells of ``train.ipynb``, as they were saved."""
    require(find_spec("huggingface_hub"), "huggingface_hub is not installed")
    own = {name: value for name, value in os.environ.items() if name.startswith("CREDMAN_")}
    environ = {
        **own,
        "CREDMAN_PASSPHRASE": PASSPHRASE,
        "HF_ENDPOINT": hub.url,
        # It asks nobody else: neither for the other way of sending, nor for its own news.
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        # `hf` and `python` in a cell are those of the kernel.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    cells: list[dict[str, Any]] = run_notebook(project / "train.ipynb", sources, environ)["cells"]
    return cells


def make_project(place: Path) -> Path:
    """Returns: a folder with a trained model, and a script that knows of no token."""
    project = place / "project"
    (project / "model").mkdir(parents=True)
    (project / "model" / "config.json").write_text('{"model_type": "gpt2"}')
    (project / "who.py").write_text(SCRIPT)
    return project


def show(cell: dict[str, Any]) -> str:
    return json.dumps(cell["outputs"])


def test_from_the_store_to_the_hub_by_libraries_as_they_are(tmp_path: Path) -> None:
    value, project = make_value(), make_project(tmp_path)
    done = credman("add", "hf", "-e", "prod", "--no-check", stdin=value.encode())
    assert done.exit_code == 0, done.stderr
    sources = [EXTENSION, LOAD, ASK, UPLOAD, "!hf auth whoami", "!python who.py", LEAKS]
    with run_hub([value]) as hub:
        cells = run_against(hub, project, *sources)
        extension, loading, asking, uploading, by_command, by_script, leaking = cells
        assert extension["outputs"] == []
        assert loading["outputs"][0]["data"]["text/plain"] == ["{'HF_TOKEN': 'store: hf (prod)'}"]
        assert "'alice'" in show(asking)
        assert "error" not in [output["output_type"] for output in uploading["outputs"]]
        assert "user: alice" in show(by_command) and "a script of alice" in show(by_script)

        # It sent the value whole, and nothing else; every time.
        sent = {who for _, path, who in hub.asked if path != PUBLIC}
        assert sent == {f"Bearer {value}"}
        assert [path for _, path, _ in hub.asked].count("/api/whoami-v2") == 3
        assert set(hub.files) == {"config.json"}

        # The saved notebook may be uploaded too: this Hub refuses what holds a live token.
        assert show(leaking).count(MARK) >= 3
        again = upload_as_program(hub, project, value)
        assert again.returncode == 0 and hub.refused == 0, again.stderr
    assert {"train.ipynb", "who.py", "model/config.json"} <= set(hub.files)
    for path, content in hub.files.items():
        assert find_leaks(content.decode(), {"HF_TOKEN": value}) == set(), path


def test_without_a_token_the_hub_is_never_asked(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    with run_hub([make_value()]) as hub:
        cells = run_against(hub, project, EXTENSION, LOAD, 'credman.load("hf")', ASK)
        assert hub.asked == []
    in_store, anywhere, asking = [output for cell in cells for output in cell["outputs"]]
    assert in_store["ename"] == anywhere["ename"] == "NotFound"
    assert in_store["evalue"] == "no token hf: looked in store (nothing is stored yet)"
    assert anywhere["evalue"] == (
        "no token hf: looked in environment (HF_TOKEN, HUGGING_FACE_HUB_TOKEN, "
        "HUGGINGFACEHUB_API_TOKEN not set), store (nothing is stored yet), a prompt (nobody is "
        "here to answer)"
    )
    assert asking["ename"] == "LocalTokenNotFoundError"
