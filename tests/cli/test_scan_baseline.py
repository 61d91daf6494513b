"""``scan --accept``, and what was accepted before."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.cli.scans import (
    OTHER,
    TOKEN,
    findings,
    keep_patterns,
    make_project,
    make_token,
    scan,
    store,
)
from tests.upkeep.repositories import make_repository

CHECKPOINT = ".ipynb_checkpoints/training_params-checkpoint.json"


@pytest.fixture(autouse=True)
def _compiled() -> None:
    keep_patterns()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path, TOKEN)


def list_accepted(project: Path) -> list[str]:
    record = json.loads((project / ".credman-baseline.json").read_text())
    return [item["path"] for item in record["accepted"]]


class TestABaseline:
    def test_takes_what_was_accepted_out(self, project: Path) -> None:
        outcome = scan("--accept", cwd=project)
        assert outcome.exit_code == 0
        assert outcome.stderr == "accepted one finding in .credman-baseline.json\n"
        text = (project / ".credman-baseline.json").read_text()
        assert TOKEN not in text and CHECKPOINT in text
        assert os.stat(project / ".credman-baseline.json").st_mode & 0o777 == 0o644
        outcome = scan(cwd=project)
        assert outcome.exit_code == 0 and outcome.text.rstrip().endswith("1 accepted before")

    def test_does_not_take_another_token_at_the_same_place_out(self, project: Path) -> None:
        scan("--accept", cwd=project)
        copy = project / CHECKPOINT
        copy.write_text(copy.read_text().replace(TOKEN, OTHER))
        assert scan(cwd=project).exit_code == 8

    def test_nor_the_same_token_at_another_place(self, project: Path) -> None:
        scan("--accept", cwd=project)
        shutil.copy(project / CHECKPOINT, project / "another.json")
        [finding] = findings(scan("--format", "json", cwd=project))
        assert finding["path"] == "another.json"

    def test_counts_from_a_directory_below_as_well(self, project: Path) -> None:
        scan("--accept", cwd=project)
        below = project / ".ipynb_checkpoints"
        assert scan(cwd=below).exit_code == 8
        assert scan("--baseline", "../.credman-baseline.json", cwd=below).exit_code == 0

    def test_never_holds_a_stored_value(self, project: Path) -> None:
        scan("--accept", cwd=project)
        store(TOKEN)
        outcome = scan("--accept", cwd=project)
        assert outcome.exit_code == 7 and "never accepted" in outcome.stderr
        assert scan(cwd=project).exit_code == 8  # although it was accepted when it was nobody's

    @pytest.mark.parametrize(
        "text", ["", "{}", "[]", '{"version": 2}', '{"version": 1, "salt": "x", "accepted": []}',
                 '{"version": 1, "salt": "00", "accepted": [1]}', "[" * 100_000]
    )  # fmt: skip
    def test_that_is_none_is_an_error(self, project: Path, text: str) -> None:
        (project / ".credman-baseline.json").write_text(text)
        for option in ((), ("--accept",)):
            outcome = scan(*option, cwd=project)
            assert outcome.exit_code == 2 and ".credman-baseline.json" in outcome.stderr
        assert (project / ".credman-baseline.json").read_text() == text

    @pytest.mark.parametrize("kind", ["pipe", "pipe/", "file/", "device/", "directory"])
    def test_that_is_no_file_is_an_error_and_not_waited_for(self, project: Path, kind: str) -> None:
        place = project / ".credman-baseline.json"
        if kind == "pipe":
            os.mkfifo(place)
        elif kind == "directory":
            place.mkdir()
        else:  # a link to it
            os.mkfifo(project / "pipe")
            scan("--accept", "--baseline", "file", cwd=project)
            place.symlink_to({"pipe/": "pipe", "file/": "file", "device/": "/dev/stdin"}[kind])
        for option in ((), ("--accept",)):
            outcome = scan(*option, cwd=project)
            assert outcome.exit_code == 2 and ".credman-baseline.json: it is " in outcome.stderr

    def test_keeps_what_was_accepted_elsewhere(self, project: Path) -> None:
        (project / "another.json").write_text(OTHER)
        scan("--accept", cwd=project)
        (project / "another.json").write_text(make_token("a third"))
        scan("--accept", "another.json", cwd=project)
        assert list_accepted(project) == [CHECKPOINT, "another.json"]
        assert scan(cwd=project).exit_code == 0
        (project / "another.json").write_text(OTHER)  # it is not accepted any more
        assert scan(cwd=project).exit_code == 8
        (project / "another.json").unlink()
        scan("--accept", "./.ipynb_checkpoints/", cwd=project)
        assert list_accepted(project) == [CHECKPOINT, "another.json"]
        scan("--accept", cwd=project)
        assert list_accepted(project) == [CHECKPOINT]

    @pytest.mark.parametrize("way", ["--stdin", "--staged", "--history", "--upload"])
    def test_keeps_all_of_it_where_no_path_was_looked_at(self, project: Path, way: str) -> None:
        make_repository(project)
        scan("--accept", cwd=project)
        before = list_accepted(project)
        assert before == [CHECKPOINT]
        (project / "folder").mkdir()
        scan("--accept", way, *(["folder"] if way == "--upload" else []), cwd=project, stdin=b"")
        assert list_accepted(project) == before and scan(cwd=project).exit_code == 0

    def test_is_made_anew_from_a_directory_below_for_that_alone(self, project: Path) -> None:
        (project / "another.json").write_text(OTHER)
        scan("--accept", cwd=project)
        below = project / ".ipynb_checkpoints"
        (below / Path(CHECKPOINT).name).unlink()
        scan("--accept", "--baseline", "../.credman-baseline.json", cwd=below)
        assert list_accepted(project) == ["another.json"]
