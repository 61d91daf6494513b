"""``scan``: what it says, and what it ends with. The engine has tests of its own."""

from __future__ import annotations

import base64
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.harness import PASSPHRASE, credman, make_vault
from tests.cli.scans import OTHER, TOKEN, findings, scan, store

CHECKPOINT = ".ipynb_checkpoints/training_params-checkpoint.json"


pytestmark = pytest.mark.usefixtures("kept_patterns")


def test_a_stored_value_is_named_and_what_to_do(project: Path) -> None:
    store(TOKEN, "-e", "prod")
    outcome = scan(cwd=project)
    assert outcome.exit_code == 8
    where, summary = outcome.text.splitlines()[1:]
    assert where.split() == [f"{CHECKPOINT}:4:15", "your", "hf", "(prod)", f"hf_…{TOKEN[-4:]}"]
    assert summary.startswith("  1 finding in 1 file (2 files, ")
    assert outcome.stderr.splitlines() == [
        "if somebody else has seen your hf (prod):",
        "  credman rotate hf -e prod",
        "  credman revoke hf -e prod --version 1 --compromised",
        "take them out: credman clean --dry-run",
    ]


def test_what_is_found_by_its_form_alone(project: Path) -> None:
    outcome = scan(cwd=project)
    assert outcome.exit_code == 8
    assert "Hugging Face user access token" in outcome.text
    page = "https://huggingface.co/settings/tokens"
    assert outcome.stderr.splitlines() == [
        f"Hugging Face user access token: revoke it at {page}",
        "take them out: credman clean --dry-run",
    ]


def test_a_clean_project_ends_with_0(project: Path) -> None:
    store(TOKEN)
    shutil.rmtree(project / ".ipynb_checkpoints")
    outcome = scan(cwd=project)
    assert outcome.exit_code == 0 and outcome.stderr == ""
    assert outcome.text.startswith("  no token found (1 file, ")


def test_every_version_that_has_a_value_is_looked_for(folder: Path) -> None:
    store(TOKEN)
    credman("rotate", "hf", "--no-check", stdin=OTHER.encode())
    (folder / "notes").write_text(f"old: {TOKEN}\nnew: {OTHER}\n")
    outcome = scan(cwd=folder)
    assert outcome.text.index("notes:2:6") < outcome.text.index("notes:1:6")  # the worse one first
    assert "your hf (default), version 1 (retiring)" in outcome.text
    assert "if somebody else has seen your hf (default), version 1 (retiring):" in outcome.stderr
    assert "credman revoke hf --version 1 --compromised" in outcome.stderr


def test_all_environments_and_profiles_are_looked_for(folder: Path) -> None:
    store(TOKEN, "-e", "prod", "-p", "work")
    (folder / "x").write_text(TOKEN)
    found = findings(scan("--format", "json", cwd=folder))
    assert [(f["token"], f["environment"], f["profile"]) for f in found] == [("hf", "prod", "work")]
    assert "your hf (prod, work)" in scan(cwd=folder).text


def test_json(project: Path) -> None:
    store(TOKEN, "-e", "prod")
    outcome = scan("--format", "json", cwd=project)
    report = json.loads(outcome.text)
    assert outcome.exit_code == 8 and report["version"] == 1
    assert {k: report[k] for k in ("files", "unread", "ignored", "accepted")} == {
        "files": 2,
        "unread": [],
        "ignored": 0,
        "accepted": 0,
    }
    assert report["store"] == {"values": 1, "remark": None}
    assert report["findings"] == [
        {
            "path": CHECKPOINT,
            "inside": [],
            "line": 4,
            "column": 15,
            "cell": None,
            "provider": "huggingface",
            "kind": "token",
            "token": "hf",
            "environment": "prod",
            "profile": "default",
            "token_version": 1,
            "state": "current",
            "masked": f"hf_…{TOKEN[-4:]}",
            "known_by": "stored",
            "encoding": "plain",
            "commits": [],
            "advice": "credman rotate hf -e prod, then "
            "credman revoke hf -e prod --version 1 --compromised",
        }
    ]


def test_an_encoded_value_shows_no_character_of_it(folder: Path) -> None:
    store(TOKEN)
    (folder / "header").write_bytes(b"Basic " + base64.b64encode(f"user:{TOKEN}".encode()))
    outcome = scan(cwd=folder)
    assert "your hf (default), in base64" in outcome.text and TOKEN[-4:] not in outcome.text


def test_paths_are_named_as_they_were_given(project: Path) -> None:
    for path in (CHECKPOINT, ".ipynb_checkpoints", "./.ipynb_checkpoints", str(project)):
        [finding] = findings(scan(path, "--format", "json", cwd=project))
        assert finding["path"] == (path if path == CHECKPOINT else f"{path}/{CHECKPOINT[19:]}" if
                                   path != str(project) else f"{path}/{CHECKPOINT}")  # fmt: skip


def test_a_path_that_is_not_there(project: Path) -> None:
    outcome = scan("nothing", cwd=project)
    assert outcome.exit_code == 3 and "there is no file or directory nothing" in outcome.stderr
    assert scan(TOKEN, cwd=project).exit_code == 3  # and is not repeated
    outcome = scan("--upload", "nothing", cwd=project)
    assert outcome.exit_code == 3 and "there is no directory nothing" in outcome.stderr
    outcome = scan("-", cwd=project)
    assert outcome.exit_code == 3 and "credman scan --stdin" in outcome.stderr


@pytest.mark.parametrize("path", ["pipe", "link", os.devnull])
def test_what_is_named_and_is_no_file(project: Path, path: str) -> None:
    os.mkfifo(project / "pipe")
    (project / "link").symlink_to("pipe")
    outcome = scan(path, cwd=project)
    assert outcome.exit_code == 2 and "credman scan --stdin" in outcome.stderr
    assert f"{path} is neither a file nor a directory" in outcome.stderr
    assert scan(cwd=project).exit_code == 8  # one that is met on the way is passed over


@pytest.mark.parametrize(
    "argv",
    [
        ("--staged", "--history"),
        ("--staged", "."),
        ("--upload", ".", "--stdin"),
        ("--respect-gitignore", "--staged"),
        ("--format", "xml"),
        ("--upload", CHECKPOINT),
    ],
)
def test_what_makes_no_sense(project: Path, argv: tuple[str, ...]) -> None:
    assert scan(*argv, cwd=project).exit_code == 2


@pytest.mark.parametrize("option", ["--staged", "--history", "--respect-gitignore"])
def test_where_there_is_no_repository(project: Path, option: str) -> None:
    outcome = scan(option, cwd=project)
    assert outcome.exit_code == 6 and "credman: hint:" in outcome.stderr


def test_a_remark_on_the_line_says_that_it_is_known(folder: Path) -> None:
    (folder / "a.py").write_text(f'A = "{TOKEN}"  # credman:ignore\nB = "{OTHER}"\n')
    outcome = scan(cwd=folder)
    assert "a.py:2:6" in outcome.text and "a.py:1" not in outcome.text
    assert ", 1 ignored by a remark" in outcome.text


class TestWithoutTheStore:
    def test_a_locked_vault_is_no_reason_to_ask(self, project: Path) -> None:
        store(TOKEN, "-e", "prod")
        outcome = scan("--no-input", cwd=project, passphrase=None)
        assert outcome.exit_code == 8 and "your hf (prod)" in outcome.text
        assert outcome.stderr.startswith(
            "the store is not open (credman unlock): "
            "one stored value was looked for by fingerprint, in plain form only\n"
        )
        found = findings(scan("--no-input", "--format", "json", cwd=project, passphrase=None))
        assert found[0]["known_by"] == "fingerprint"

    def test_on_a_terminal_its_passphrase_is_asked_for(self, project: Path) -> None:
        store(TOKEN, "-e", "prod")
        outcome = scan(cwd=project, passphrase=None, answers=[PASSPHRASE])
        assert "passphrase: " in outcome.shown and "your hf (prod)" in outcome.text

    def test_it_is_not_opened_if_nobody_wants_that(self, project: Path) -> None:
        store(TOKEN, "-e", "prod")
        outcome = scan("--no-store", cwd=project, passphrase=None, answers=[])
        assert outcome.shown == [] and "your hf (prod)" in outcome.text
        assert "the store was not opened" in outcome.stderr

    def test_a_damaged_one_is_an_error(self, project: Path) -> None:
        store(TOKEN)
        vault = Path(os.environ["CREDMAN_HOME"], "data", "vault.age")
        vault.write_bytes(vault.read_bytes()[:-100])
        assert scan(cwd=project).exit_code == 5

    def test_where_nothing_is_known_only_patterns_are_looked_for(self, folder: Path) -> None:
        credman("add", "x", "--var", "X", stdin=b"a-word-of-9")
        (folder / "x").write_text("a-word-of-9")
        outcome = scan("--no-input", cwd=folder, passphrase=None)
        assert outcome.exit_code == 0 and "only patterns" in outcome.stderr
        assert scan(cwd=folder).exit_code == 8

    def test_a_short_value_is_not_looked_for_and_that_is_said(self, folder: Path) -> None:
        credman("add", "x", "--var", "X", stdin=b"short")
        (folder / "x").write_text("short")
        outcome = scan(cwd=folder)
        assert outcome.exit_code == 0
        assert outcome.stderr == "one stored value is too short or too simple to be looked for\n"


def test_what_cannot_be_read_ends_with_1(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "a").write_text("x")
    real = os.open

    def refuse(path: object, *args: object, **kwargs: object) -> int:
        if os.fsencode(path).endswith(b"/a"):  # type: ignore[arg-type]
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refuse)  # root may read everything
    outcome = scan(cwd=folder)
    assert outcome.exit_code == 1
    assert outcome.stderr == "credman: warning: not read: a: permission denied\n"


def test_the_name_of_what_cannot_be_read_may_be_a_token(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / TOKEN).mkdir()
    real = os.scandir

    def refuse(path: Any) -> Any:
        if os.fsencode(path).endswith(TOKEN.encode()):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)  # root may read everything
    outcome = scan(cwd=folder)
    assert outcome.exit_code == 1
    assert outcome.stderr == f"credman: warning: not read: hf_…{TOKEN[-4:]}: permission denied\n"


def test_names_that_a_terminal_would_act_upon(folder: Path) -> None:
    name = b"a\x1b[2J\nb\xff"
    with open(os.path.join(os.fsencode(folder), name), "w") as file:
        file.write(TOKEN)
    outcome = scan(cwd=folder, stdout_is_terminal=True, width=200)
    assert "a\\u{1b}[2J\\u{a}b\\xff:1:1" in outcome.text
    [finding] = findings(scan("--format", "json", cwd=folder))
    assert finding["path"] == "a\x1b[2J\nb\\xff"


def test_the_name_in_a_note_is_shown_as_any_other(folder: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 1\n"
    with open(os.path.join(os.fsencode(folder), b"b\xff"), "w") as file:
        file.write(pointer)
    assert "b\\xff points to a file of Git LFS" in scan(cwd=folder).stderr
    [note] = json.loads(scan("--format", "json", cwd=folder).text)["notes"]
    assert note.startswith("b\\xff points")


def test_standard_input(folder: Path) -> None:
    store(TOKEN)
    outcome = scan("--stdin", cwd=folder, stdin=f"a\nb {TOKEN} c".encode())
    assert outcome.exit_code == 8 and "standard input:2:3" in outcome.text
    assert scan("--stdin", cwd=folder, stdin=b"nothing").exit_code == 0


def test_our_own_files_are_no_findings(folder: Path) -> None:
    make_vault()
    store(TOKEN, name="mine")
    home = Path(os.environ["CREDMAN_HOME"])
    assert scan(cwd=home).exit_code == 0
    shutil.copytree(home, folder / "copy")
    assert "copy/state/patterns.hsdb" in scan(cwd=folder).text  # it is somebody's, not ours
