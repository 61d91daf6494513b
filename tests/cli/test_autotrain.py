"""The AutoTrain case: a checkpoint that JupyterLab made keeps the token that the tool took out of
its own file, and the Hub refuses the upload. All of it is real but the Hub, which is a stub.

Source: huggingface/autotrain-advanced#762
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cli.harness import PASSPHRASE, credman, make_value, program
from tests.cli.person import person
from tests.watch.scan.hubs import (
    Hub,
    list_refusal,
    make_params,
    make_refusing_repository,
    push,
    run_hub,
    upload_as_program,
)
from tests.watch.scan.jupyter import open_in_lab

CHECKPOINT = ".ipynb_checkpoints/training_params-checkpoint.json"


def test_from_the_400_to_the_upload_that_passes(tmp_path: Path) -> None:
    value, project = make_value(), tmp_path / "my-gpt2"
    store(value)
    project.mkdir()
    make_params(project, value)
    # Somebody looks at it while it trains; then the tool takes the token out, of this file only.
    made = open_in_lab(project, "training_params.json", Path(CHECKPOINT).name)
    assert value in made.read_text()
    make_params(project, None)

    with run_hub([value]) as hub:
        text = send(hub, project, value)
        assert "400 Bad Request" in text and value in text and not hub.files

        explained = scan("--stdin", cwd=tmp_path, stdin=text, value=value, is_real=True, expected=8)
        assert "the Hub refused this upload" in explained
        assert f"{CHECKPOINT}: your hf (prod)" in explained
        assert "credman rotate hf -e prod" in explained

        found = scan("--upload", "my-gpt2", cwd=tmp_path, value=value, is_real=True, expected=8)
        assert f"my-gpt2/{CHECKPOINT}:12:15" in found
        assert f"your hf (prod)   hf_…{value[-4:]}" in found
        assert "1 finding in 1 file" in found
        assert "the Hub refuses this upload because of one file" in found

        cleaned = program("clean", "my-gpt2", "--yes", cwd=tmp_path)
        said = (cleaned.stdout + cleaned.stderr).decode()
        assert cleaned.returncode == 0 and value not in said
        assert f"my-gpt2/{CHECKPOINT}" in said
        assert "delete: a copy that Jupyter made of training_params.json" in said
        assert "+ .ipynb_checkpoints/" in said and "no token found" in said
        assert not made.parent.exists()
        assert (project / ".gitignore").read_text() == ".ipynb_checkpoints/\n"

        assert "no token found" in scan(
            "--upload", ".", cwd=project, value=value, is_real=True, expected=0
        )
        assert send(hub, project, value) == ""
    assert set(hub.files) == {".gitignore", "training_params.json"}
    assert value.encode() not in b"".join(hub.files.values())
    listed, due = program("list", "-e", "prod"), program("due")
    assert b"rotate hf -e prod: it was found in a file" in listed.stdout + listed.stderr
    assert due.returncode == 8 and b"it was found in a file" in due.stdout
    assert b"credman rotate hf -e prod" in due.stdout and value.encode() not in due.stdout


def test_what_a_running_training_reads_is_cleaned_after_a_yes(tmp_path: Path) -> None:
    value, project = make_value(), tmp_path / "my-gpt2"
    store(value)
    project.mkdir()
    before = read_as_autotrain(make_params(project, value))
    assert before.token == value
    with run_hub([value]) as hub:
        assert "400 Bad Request" in send(hub, project, value)
        with person("clean", str(project), environ={"CREDMAN_PASSPHRASE": PASSPHRASE}) as who:
            who.answers("change this file? [y/N] ", "n")
            assert who.leaves() == 7 and value not in who.screen
        assert read_as_autotrain(project / "training_params.json") == before
        with person("clean", str(project), environ={"CREDMAN_PASSPHRASE": PASSPHRASE}) as who:
            who.sees('"token": null')
            who.answers("change this file? [y/N] ", "y")
            assert who.leaves() == 0 and value not in who.screen
        before.token = None
        assert read_as_autotrain(project / "training_params.json") == before
        assert send(hub, project, value) == ""
    assert set(hub.files) == {"training_params.json"}


@dataclass
class Parameters:
    """Those of a training, as AutoTrain's own model has them: a name that it does not know, or a
    value of another type, is an error, and a token may be missing."""

    model: str
    project_name: str
    data_path: str
    train_split: str
    text_column: str
    lr: float
    epochs: int
    trainer: str
    push_to_hub: bool
    username: str
    token: str | None = None

    def __post_init__(self) -> None:
        kinds = (str, str, str, str, str, float, int, str, bool, str, str | None)
        for (name, value), kind in zip(vars(self).items(), kinds, strict=True):
            assert isinstance(value, kind), name


def read_as_autotrain(path: Path) -> Parameters:
    """Reads the file by which the training's own process is told what to do.

    Source: huggingface/autotrain-advanced, ``trainers/clm/__main__.py``
    """
    return Parameters(**json.loads(path.read_text()))


def test_programs_read_the_same(tmp_path: Path) -> None:
    value, project = make_value(), make_left_behind(tmp_path, make_value())
    store(value)
    told = scan("--upload", ".", "--format", "json", cwd=project, value=value, expected=8)
    [finding] = json.loads(told)["findings"]
    expected: dict[str, Any] = {"path": CHECKPOINT, "line": 12, "column": 15, "token": "hf"}
    expected |= {"environment": "prod", "provider": "huggingface", "masked": f"hf_…{value[-4:]}"}
    assert {key: finding[key] for key in expected} == expected


def test_a_gitignore_in_the_folder_keeps_it_from_being_sent(tmp_path: Path) -> None:
    value, project = make_value(), make_left_behind(tmp_path, make_value())
    store(value)
    (project / ".gitignore").write_text(".ipynb_checkpoints/\n")
    scan("--upload", ".", cwd=project, value=value, expected=0)
    with run_hub([value]) as hub:
        assert send(hub, project, value) == ""
    assert set(hub.files) == {".gitignore", "training_params.json"}
    # It is still there for whoever looks.
    assert CHECKPOINT in scan(cwd=project, value=value, expected=8)


def test_a_refused_push_is_explained_as_well(tmp_path: Path) -> None:
    value, project = make_value(), make_left_behind(tmp_path, make_value())
    store(value)
    done = push(project, make_refusing_repository(tmp_path / "hub.git", [value]))
    assert done.returncode == 1 and value in done.stderr
    explained = scan("--stdin", cwd=tmp_path, stdin=done.stderr, value=value, expected=8)
    assert f"{CHECKPOINT}: your hf (prod)" in explained


def test_a_token_that_is_not_ours_is_named_by_its_provider(tmp_path: Path) -> None:
    value = make_value()
    text = "\n".join(list_refusal([(CHECKPOINT, value)]))
    explained = scan("--stdin", cwd=tmp_path, stdin=text, value=value, expected=8)
    assert "your hf" not in explained
    [line] = [line for line in explained.splitlines() if line.startswith(f"  {CHECKPOINT}")]
    assert "Hugging Face" in line


def make_left_behind(tmp_path: Path, value: str) -> Path:
    """Returns: a project as it is after training, without a browser having been there."""
    project = tmp_path / "my-gpt2"
    (project / CHECKPOINT).parent.mkdir(parents=True)
    make_params(project, value).rename(project / CHECKPOINT)
    make_params(project, None)
    return project


def store(value: str) -> None:
    done = credman("add", "hf", "-e", "prod", stdin=value.encode())
    assert done.exit_code == 0, done.stderr


def send(hub: Hub, project: Path, value: str) -> str:
    """Returns: what the library says if it fails."""
    done = upload_as_program(hub, project, value)
    assert (done.returncode == 0) is ("uploaded" in done.stdout), done.stderr
    return "" if done.returncode == 0 else done.stderr


def scan(
    *argv: str, cwd: Path, value: str, expected: int, stdin: str = "", is_real: bool = False
) -> str:
    """Args: is_real: as a process of its own. Returns: all that it says, in which the value is
    not."""
    code: int | None
    if is_real:
        done = program("scan", *argv, stdin=stdin.encode(), cwd=cwd)
        code, stdout, stderr = done.returncode, done.stdout.decode(), done.stderr.decode()
    else:
        outcome = credman("scan", *argv, stdin=stdin.encode(), cwd=cwd)
        code, stdout, stderr = outcome.exit_code, outcome.text, outcome.stderr
    assert code == expected, stderr
    assert value not in stdout + stderr
    return stdout if "json" in argv else stdout + stderr
