"""What a scan found, for people and for scripts; never a value."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from credman.cli.context import Context, Output
from credman.cli.render import render_json, render_table
from credman.core.model import TokenKey, VersionState
from credman.core.names import DEFAULT_PROFILE, quote_untrusted
from credman.core.standing import name_with_place
from credman.providers.catalogue import Catalogue
from credman.watch.scan.findings import Finding, Owner, Report

_MOST_COMMITS = 3
_MEGABYTE = 1_000_000


def show_path(path: str) -> str:
    """Returns: a path for people; what is not UTF-8 in it is escaped."""
    return quote_untrusted(os.fsencode(path).decode("utf-8", "backslashreplace"))


def show_place(finding: Finding) -> str:
    """Returns: ``train.ipynb  cell 7 output 1``, ``config.json:14:12``."""
    path = show_path(finding.path) or "."
    if finding.inside:
        path = f"{path} > {' > '.join(map(show_path, finding.inside))}"
    cell = finding.cell
    if cell is not None:
        return (
            f"{path}  {f'cell {cell.number} ' if cell.number else ''}{quote_untrusted(cell.part)}"
        )
    return f"{path}:{finding.line}:{finding.column}" if finding.line else path


def describe(finding: Finding) -> str:
    """Returns: ``your hf (prod)``, ``Anthropic API key``."""
    owner = finding.owner
    if owner is None:
        text = f"{finding.title} {finding.kind}"
        return text if finding.encoding == "plain" else f"{text}, {_written(finding.encoding)}"
    place = owner.environment
    if owner.profile != DEFAULT_PROFILE:
        place += f", {owner.profile}"
    text = f"your {owner.name} ({place})"
    if owner.state is not VersionState.CURRENT:
        text += f", version {owner.version} ({owner.state.value})"
    return text if finding.encoding == "plain" else f"{text}, {_written(finding.encoding)}"


def _written(encoding: str) -> str:
    return encoding if encoding.endswith("ed") else f"in {encoding}"


def advise(finding: Finding, catalogue: Catalogue) -> str:
    """Returns: what to do, in words."""
    owner = finding.owner
    if owner is not None:
        return ", then ".join(_commands(owner))
    provider = None if finding.provider is None else catalogue.find(finding.provider)
    if provider is None:
        return ""
    return f"revoke it at {provider.revoke_url}"


def _commands(owner: Owner) -> list[str]:
    named = name_with_place(TokenKey(owner.environment, owner.profile, owner.name))
    version = f" --version {owner.version}"
    if owner.state is VersionState.CURRENT:
        return [
            f"credman rotate {named}",
            f"credman revoke {named}{version} --compromised",
        ]
    return [f"credman revoke {named}{version} --compromised"]


def render_findings(context: Context, report: Report, output: Output) -> str:
    """Args: output: where it goes. Returns: a line for each finding, worst first, and what was
    found in all."""
    lines = []
    if report.findings:
        headers = ["WHERE", "WHAT", "VALUE"]
        has_commits = any(finding.commits for finding in report.findings)
        rows = [
            [
                show_place(finding),
                quote_untrusted(describe(finding)),
                quote_untrusted(finding.masked),
                *([_show_commits(finding.commits)] if has_commits else []),
            ]
            for finding in report.findings
        ]
        headers += ["COMMITS"] if has_commits else []
        lines.append(render_table(replace(context, stdout=output), headers, rows))
    lines.append(f"  {summarize(report)}")
    return "\n".join(lines)


def _show_commits(commits: Sequence[str]) -> str:
    shown = ", ".join(commit[:9] for commit in commits[:_MOST_COMMITS])
    more = len(commits) - _MOST_COMMITS
    return f"{shown} and {more} more" if more > 0 else shown


def summarize(report: Report) -> str:
    """Returns: ``3 findings in 3 files (1,204 files, 48 MB, 0.1 s)``."""
    size = report.bytes / _MEGABYTE
    amount = f"{size:,.0f} MB" if size >= 10 else f"{size:.1f} MB"
    if size < 0.1:
        amount = f"{report.bytes / 1000:.1f} kB"
    looked = f"{_count(report.files, 'file')}, {amount}, {report.seconds:.1f} s"
    count = len(report.findings)
    if not count:
        text = f"no token found ({looked})"
    else:
        files = len({finding.path for finding in report.findings})
        text = f"{_count(count, 'finding')} in {_count(files, 'file')} ({looked})"
    aside = [
        f"{report.ignored} ignored by a remark" if report.ignored else "",
        f"{report.accepted} accepted before" if report.accepted else "",
    ]
    return ", ".join([text, *filter(None, aside)])


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def list_advice(findings: Sequence[Finding], catalogue: Catalogue) -> list[str]:
    """Returns: what to do about all of them, a line each; each thing once."""
    lines: dict[str, None] = {}
    for finding in findings:
        if finding.owner is not None:
            whose = describe(replace(finding, encoding="plain"))
            lines[f"if somebody else has seen {whose}:"] = None
            lines |= {f"  {command}": None for command in _commands(finding.owner)}
        elif advice := advise(finding, catalogue):
            lines[f"{describe(finding)}: {advice}"] = None
    return list(lines)


def list_unread(report: Report) -> list[str]:
    """Returns: what could not be looked at, a line each."""
    return [
        f"{' > '.join(map(show_path, (unread.path or '.', *unread.inside)))}: {unread.reason}"
        for unread in report.unread
    ]


def render_json_report(report: Report, catalogue: Catalogue, *, knows: Mapping[str, object]) -> str:
    """Args: knows: of the store. Returns: one object."""
    return render_json(
        {
            "findings": [_facts(finding, catalogue) for finding in report.findings],
            "unread": [
                {
                    "path": _json_path(unread.path),
                    "inside": [_json_path(name) for name in unread.inside],
                    "reason": unread.reason,
                    "matters": unread.matters,
                }
                for unread in report.unread
            ],
            "notes": [_json_path(note) for note in report.notes],
            "files": report.files,
            "bytes": report.bytes,
            "seconds": round(report.seconds, 3),
            "ignored": report.ignored,
            "accepted": report.accepted,
            "store": knows,
        }
    )


def _facts(finding: Finding, catalogue: Catalogue) -> dict[str, object]:
    owner, cell = finding.owner, finding.cell
    return {
        "path": _json_path(finding.path),
        "inside": [_json_path(name) for name in finding.inside],
        "line": finding.line or None,
        "column": finding.column or None,
        "cell": None if cell is None else {"number": cell.number or None, "part": cell.part},
        "provider": finding.provider,
        "kind": finding.kind,
        "token": None if owner is None else owner.name,
        "environment": None if owner is None else owner.environment,
        "profile": None if owner is None else owner.profile,
        "token_version": None if owner is None else owner.version,
        "state": None if owner is None else owner.state.value,
        "masked": finding.masked,
        "known_by": finding.basis.value,
        "encoding": finding.encoding,
        "commits": list(finding.commits),
        "advice": advise(finding, catalogue) or None,
    }


def _json_path(path: str) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")
