"""SARIF: valid by its schema, and without a value.

The schema beside this file is that of OASIS, SARIF 2.1.0, its blanks taken out.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from credman.watch.scan.findings import Basis, Cell, Finding, Report, Unread
from credman.watch.scan.sarif import render_sarif
from tests.cli.harness import credman
from tests.cli.scans import keep_patterns, make_token, store

SCHEMA = Path(__file__).with_name("sarif-schema-2.1.0.json")
TOKEN, OTHER = make_token("the stored one"), make_token("of somebody else")


def check(text: str) -> dict[str, Any]:
    jsonschema = pytest.importorskip("jsonschema")
    record = json.loads(text)
    jsonschema.Draft7Validator(json.loads(SCHEMA.read_text())).validate(record)
    assert TOKEN not in text and OTHER not in text
    run: dict[str, Any] = record["runs"][0]
    return run


def make(path: str, **more: Any) -> Finding:
    facts = {"line": 1, "column": 2, "value": OTHER.encode(), "masked": "hf_…", "title": "Hub"}
    return Finding(path=path, basis=Basis.PATTERN, provider="huggingface", **{**facts, **more})


def test_of_a_real_scan(tmp_path: Path) -> None:
    keep_patterns()
    store(TOKEN, "-e", "prod")
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "a b.py").write_text(f"A = 1\nB = '{TOKEN}'\n")
    cell = {"cell_type": "code", "source": [f"x = '{OTHER}'"], "outputs": []}
    (folder / "n.ipynb").write_text(json.dumps({"cells": [cell]}))
    with zipfile.ZipFile(folder / "z.zip", "w") as archive:
        archive.writestr("in/side", OTHER)
    outcome = credman("scan", "--format", "sarif", cwd=folder)
    assert outcome.exit_code == 8
    run = check(outcome.text)
    assert [r["id"] for r in run["tool"]["driver"]["rules"]] == [
        "stored-token",
        "huggingface-user-access-token",
    ]
    first, *others = run["results"]
    assert first["ruleId"] == "stored-token" and first["ruleIndex"] == 0
    assert first["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "a%20b.py"},
        "region": {"startLine": 2, "startColumn": 6},
    }
    assert first["message"]["text"].startswith(f"your hf (prod) (hf_…{TOKEN[-4:]}). credman rotate")
    logical = {r["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] for r in others}
    assert logical == {"cell 1 source", "in/side"}


def test_of_a_clean_one(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    outcome = credman("scan", "--format", "sarif", cwd=tmp_path / "work")
    assert outcome.exit_code == 0 and check(outcome.text)["results"] == []


def test_of_what_lies_in_no_file_and_what_could_not_be_read() -> None:
    report = Report(
        findings=[
            make("commit message", commits=("a" * 40,)),
            make("tag v1 (unreachable)"),
            make("gone.py (unreachable)", commits=("b" * 40,)),
            make("n\x1b\udcff.ipynb", cell=Cell(0, "metadata"), line=0, column=0),
        ],
        unread=[Unread("x\udcff", "permission denied"), Unread("z", "damaged", matters=False)],
    )
    run = check(render_sarif(report, lambda finding: ("a token", "")))
    places = [r["locations"][0] for r in run["results"]]
    assert places[0] == {"logicalLocations": [{"fullyQualifiedName": "commit message"}]}
    assert places[1] == {"logicalLocations": [{"fullyQualifiedName": "tag v1"}]}
    assert places[2]["physicalLocation"]["artifactLocation"]["uri"] == "gone.py"
    assert places[3]["physicalLocation"] == {"artifactLocation": {"uri": "n%1B%FF.ipynb"}}
    assert places[3]["logicalLocations"][0]["fullyQualifiedName"] == "metadata"
    told = run["invocations"][0]
    assert told["executionSuccessful"] is False
    assert [n["level"] for n in told["toolExecutionNotifications"]] == ["warning", "note"]


def test_the_same_place_has_the_same_fingerprint_in_the_next_run() -> None:
    def fingerprints(*findings: Finding) -> list[str]:
        run = check(render_sarif(Report(findings=[*findings]), lambda finding: ("x", "y")))
        return [r["partialFingerprints"]["credman/v1"] for r in run["results"]]

    first = fingerprints(make("a"), make("a", line=9), make("b"))
    assert len({*first}) == 3
    assert fingerprints(make("a", line=4), make("a", line=12), make("b", value=b"x")) == first
