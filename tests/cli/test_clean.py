"""``clean``: what it says, does and ends with. The editors have tests of their own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.cleanings import CHECKPOINT, clean, read_tree
from tests.cli.harness import credman
from tests.cli.scans import OTHER, STRANGE, TOKEN, store
from tests.requirements import require_program

pytestmark = pytest.mark.usefixtures("kept_patterns", "own_temporary")


def test_it_shows_and_asks_and_does_it(project: Path) -> None:
    store(TOKEN, "-e", "prod")
    (project / "train.py").write_text(f'import sys\n\nTOKEN = "{TOKEN}"\n')
    outcome = clean(cwd=project, answers=["y"])
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.shown == ["change these 2 files? [y/N] "]
    masked = f"hf_…{TOKEN[-4:]}"
    assert outcome.text.splitlines()[:-2] == [
        f"  {CHECKPOINT}   your hf (prod)",
        "       delete: a copy that Jupyter made of training_params.json",
        "  train.py   your hf (prod)",
        "     1 + import os",
        f'     3 - TOKEN = "{masked}"',
        '     3 + TOKEN = os.environ["HF_TOKEN"]',
        "  .gitignore",
        "       + .ipynb_checkpoints/",
    ]
    assert "no token found" in outcome.text.splitlines()[-1]
    assert "credman rotate hf -e prod" in outcome.stderr
    assert read_tree(project) == {
        ".gitignore": b".ipynb_checkpoints/\n",
        "train.py": b'import os\nimport sys\n\nTOKEN = os.environ["HF_TOKEN"]\n',
        "training_params.json": (project / "training_params.json").read_bytes(),
    }
    assert not (project / ".ipynb_checkpoints").exists()


@pytest.mark.parametrize(
    ("options", "answers", "code", "says"),
    [
        (["--dry-run"], None, 8, "nothing was changed; to do it: credman clean"),
        ([], ["n"], 7, "nothing was changed"),
        ([], [""], 7, "nothing was changed"),
        ([], None, 7, "--yes answers with yes"),
        (["--suggest"], None, 8, "nothing was changed"),
    ],
)
def test_nothing_is_written_without_a_yes(
    project: Path, options: list[str], answers: list[str] | None, code: int, says: str
) -> None:
    store(TOKEN)
    before = read_tree(project)
    outcome = clean(*options, cwd=project, answers=answers)
    assert outcome.exit_code == code and says in outcome.stderr
    assert read_tree(project) == before
    assert "exposed" not in credman("list").text


def test_a_clean_project_stays_as_it_is(folder: Path) -> None:
    store(TOKEN)
    (folder / "train.py").write_text("import os\n")
    outcome = clean(cwd=folder)
    assert outcome.exit_code == 0 and outcome.stderr == ""
    assert outcome.text.startswith("  no token found (1 file, ")
    assert read_tree(folder) == {"train.py": b"import os\n"}


def test_the_token_stays_marked_until_it_is_rotated(project: Path) -> None:
    store(TOKEN, "-e", "prod")
    credman("copy", "hf", "-e", "prod", "--to-env", "dev")
    assert clean("--yes", cwd=project).exit_code == 0
    for environment in ("prod", "dev"):  # the same value
        listed = credman("list", "-e", environment)
        assert f"rotate hf -e {environment}: it was found in a file" in listed.stderr
    due = credman("due")
    assert due.exit_code == 8 and "it was found in a file" in due.text
    credman("rotate", "hf", "-e", "prod", "--no-check", stdin=OTHER.encode())
    assert "credman rotate hf -e prod" not in credman("due").text
    # The old one is still alive, and was seen.
    assert "credman revoke hf -e prod" in credman("due").text


def test_files_are_marked_by_where_they_were(project: Path) -> None:
    store(TOKEN)
    clean("--yes", cwd=project)
    shown = json.loads(credman("show", "hf", "--json").text)
    assert str(project / CHECKPOINT) in json.dumps(shown)


def test_a_folder_that_is_called_as_a_token_is_not_noted_so(folder: Path) -> None:
    store(TOKEN)
    inner = folder / TOKEN
    inner.mkdir()
    (inner / "a.txt").write_text(TOKEN)
    assert clean("--yes", ".", cwd=inner).exit_code == 0
    shown = credman("show", "hf", "--json").text
    assert TOKEN[4:] not in shown and "a.txt" in shown


def test_what_is_stored_nowhere_is_taken_out_and_told(folder: Path) -> None:
    (folder / "a.txt").write_text(f"x {STRANGE}\n")
    outcome = clean("--yes", cwd=folder)
    assert outcome.exit_code == 0
    assert "one token is stored nowhere, and gone afterwards" in outcome.stderr
    assert (folder / "a.txt").read_text() == "x [credman:HF_TOKEN]\n"
    assert "https://huggingface.co/settings/tokens" in outcome.stderr


def test_where_only_such_files_are_nobody_is_asked(folder: Path) -> None:
    store(TOKEN)
    (folder / "core").write_bytes(b"\0\1" * 40 + TOKEN.encode())
    outcome = clean(cwd=folder)
    assert outcome.exit_code == 8 and "left  core" in outcome.text


def test_without_the_store_it_works_by_fingerprints(project: Path) -> None:
    store(TOKEN)
    outcome = clean("--yes", "--no-store", cwd=project)
    assert outcome.exit_code == 0 and not (project / CHECKPOINT).exists()
    assert "not marked as exposed: hf: the store is not open" in outcome.stderr
    assert "exposed" not in credman("list").text


def test_a_store_that_cannot_be_opened_is_not_passed_over(project: Path) -> None:
    store(TOKEN)
    before = read_tree(project)
    for options in (["--yes"], ["--dry-run"]):
        outcome = clean(*options, cwd=project, passphrase=None)
        assert outcome.exit_code == 4
    assert read_tree(project) == before


def test_what_cannot_be_taken_out_is_marked_as_well(folder: Path) -> None:
    store(TOKEN)
    (folder / "core").write_bytes(b"\0\1" * 40 + TOKEN.encode())
    outcome = clean("--yes", cwd=folder)
    assert outcome.exit_code == 8 and "credman rotate hf" in outcome.stderr
    assert "it was found in a file" in credman("list").stderr


def test_whoever_stops_it_is_told_how_far_it_came(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from credman.upkeep import replacing

    store(TOKEN)
    for number in range(5):
        (folder / f"{number}.txt").write_text(TOKEN)
    replace, left = replacing.replace, [2]

    def interrupted(*args: Any) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        replace(*args)

    monkeypatch.setattr(replacing, "replace", interrupted)
    outcome = clean("--yes", cwd=folder)
    assert outcome.exit_code == 130
    assert "stopped: 2 of 5 files were changed" in outcome.stderr


def test_a_plan_is_shown_whole_where_nothing_is_done(folder: Path) -> None:
    store(TOKEN)
    (folder / "a.txt").write_text(f"{TOKEN}\n" * 50)
    assert clean("--dry-run", cwd=folder).text.count(" - ") == 50
    outcome = clean(cwd=folder, answers=["n"])
    assert (
        outcome.text.count(" - ") == 10 and "and 40 more: credman clean --dry-run" in outcome.text
    )


def test_git_is_told_honestly(folder: Path) -> None:
    git = require_program("git")

    def run(*words: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run([git, "-C", str(folder), *who, *words], check=True, capture_output=True)

    store(TOKEN)
    run("init", "-q")
    (folder / "train.py").write_text(f'login("{TOKEN}")\n')
    run("add", "-A")
    run("commit", "-qm", "first")
    head = subprocess.check_output([git, "-C", str(folder), "rev-parse", "HEAD"])
    outcome = clean("--yes", cwd=folder)
    assert outcome.exit_code == 0
    assert "train.py is tracked: git add it again" in outcome.stderr
    assert "rotate first, then rewrite history" in outcome.stderr
    assert subprocess.check_output([git, "-C", str(folder), "rev-parse", "HEAD"]) == head


def test_rules_go_to_the_top_of_the_working_tree_once(project: Path) -> None:
    git = require_program("git")
    store(TOKEN)
    top = project.parent
    subprocess.run([git, "init", "-q", str(top)], check=True)
    (top / ".gitignore").write_bytes(b"*.log\r\n")
    assert clean("--yes", ".", cwd=project).exit_code == 0
    assert (top / ".gitignore").read_bytes() == b"*.log\r\n.ipynb_checkpoints/\r\n"
    # The folder is one that is uploaded on its own.
    assert (project / ".gitignore").read_text() == ".ipynb_checkpoints/\n"
    (project / ".ipynb_checkpoints").mkdir()
    (project / CHECKPOINT).write_text(TOKEN)
    assert clean("--yes", ".", cwd=project).exit_code == 0
    assert (top / ".gitignore").read_bytes().count(b"checkpoints") == 1


def test_bad_command_lines(folder: Path) -> None:
    for argv, code in (
        (["nothing"], 3),
        (["--dry-run", "--yes"], 2),
        (["--suggest", "--yes"], 2),
        (["/dev/null"], 2),
        ([""], 2),
    ):
        assert clean(*argv, cwd=folder).exit_code == code, argv
