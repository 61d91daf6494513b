"""Findings in SARIF 2.1.0, for code scanning services and editors. No value, only its mask.

Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/sarif-v2.1.0-os.html
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from urllib.parse import quote

from credman import __version__
from credman.watch.scan.findings import Basis, Finding, Report

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_COMMIT, _NO_FILES, _UNREACHABLE = "commit message", ("tag ", "object "), " (unreachable)"
"""How findings in history are named that lie in no file."""


def render_sarif(report: Report, describe: Callable[[Finding], tuple[str, str]]) -> str:
    """Args: describe: what a finding is, and what to do, in words."""
    rules: dict[str, dict[str, object]] = {}
    results: list[dict[str, object]] = []
    seen: dict[tuple[str, str], int] = {}
    for finding in report.findings:
        what, advice = describe(finding)
        rule_id = _rule_id(finding)
        rules.setdefault(
            rule_id,
            {
                "id": rule_id,
                "shortDescription": {"text": f"A leaked {_name(finding)}"},
                "help": {"text": advice or "Revoke it at its provider, and take it out."},
            },
        )
        results.append(_result(finding, rule_id, [*rules].index(rule_id), what, advice, seen))
    run: dict[str, object] = {
        "tool": {
            "driver": {
                "name": "credman",
                "semanticVersion": __version__,
                "rules": list(rules.values()),
            }
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not any(u.matters for u in report.unread),
                "toolExecutionNotifications": [
                    {
                        "level": "warning" if unread.matters else "note",
                        "message": {"text": f"{_text(unread.path)}: {unread.reason}"},
                    }
                    for unread in report.unread
                ],
            }
        ],
        "results": results,
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _result(
    finding: Finding,
    rule_id: str,
    index: int,
    what: str,
    advice: str,
    seen: dict[tuple[str, str], int],
) -> dict[str, object]:
    place: dict[str, object] = {}
    names: list[dict[str, str]] = []
    path = finding.path.removesuffix(_UNREACHABLE)
    if path == _COMMIT or path.startswith(_NO_FILES):
        names.append({"fullyQualifiedName": _text(path)})
    else:
        place["physicalLocation"] = {
            "artifactLocation": {"uri": quote(os.fsencode(path), safe="/")},
            **(
                {"region": {"startLine": finding.line, "startColumn": max(finding.column, 1)}}
                if finding.line and not finding.inside
                else {}
            ),
        }
    if finding.inside:
        names.append({"fullyQualifiedName": " > ".join(map(_text, finding.inside))})
    elif finding.cell is not None:
        cell = finding.cell
        name = f"cell {cell.number} {cell.part}" if cell.number else cell.part
        names.append({"fullyQualifiedName": name, "kind": "object"})
    if names:
        place["logicalLocations"] = names
    same = (rule_id, finding.path)
    seen[same] = seen.get(same, 0) + 1
    # Of the place alone: a digest of the value would say something of it.
    stable = "\0".join((*same, str(seen[same]))).encode("utf-8", "surrogateescape")
    return {
        "ruleId": rule_id,
        "ruleIndex": index,
        "level": "error",
        "message": {"text": f"{what} ({finding.masked}). {advice}".strip()},
        "locations": [place],
        "partialFingerprints": {"credman/v1": hashlib.sha256(stable).hexdigest()[:32]},
        **({"properties": {"commits": list(finding.commits)}} if finding.commits else {}),
    }


def _rule_id(finding: Finding) -> str:
    if finding.basis is not Basis.PATTERN:
        return "stored-token"
    kind = "-".join("".join(c if c.isalnum() else " " for c in finding.kind.lower()).split())
    return f"{finding.provider}-{kind}"


def _name(finding: Finding) -> str:
    if finding.basis is not Basis.PATTERN:
        return "token that credman keeps"
    return f"{finding.title} {finding.kind}"


def _text(path: str) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")
