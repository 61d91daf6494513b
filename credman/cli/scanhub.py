"""What a scan says of the Hugging Face Hub: what it refused, and what it would refuse.

Rule: what is repeated of a pasted text is looked through itself, and shows no value.
"""

from __future__ import annotations

import re

from credman.cli.context import Context
from credman.cli.scanreport import describe, show_path
from credman.watch.scan.findings import Report
from credman.watch.scan.hub import explain, would_refuse
from credman.watch.scan.jobs import Job, open_bytes
from credman.watch.scan.scanner import Scanner, run

_HIDDEN = "…"
_ESCAPE = re.compile(rb"(?:\\+(?:u00|x)|%)([2-7][0-9A-Fa-f])")


def scan_text(scanner: Scanner, text: bytes) -> Report:
    """Args: text: as somebody pasted it. Returns: what was found in it."""
    refusal = explain(text.decode("utf-8", "replace"))
    offences = () if refusal is None else refusal.files
    # A terminal may have put a line end into a token.
    wrapped = b"\n".join({o.token for o in offences if o.token and o.token not in text})
    jobs = [
        Job("standard input", lambda: open_bytes(text)),
        *([Job("standard input, lines joined", lambda: open_bytes(wrapped))] if wrapped else []),
    ]
    return run(scanner, jobs, threads=1, tick=lambda count: None)


def explain_text(context: Context, scanner: Scanner, text: bytes, report: Report) -> None:
    """Says which files the Hub did not take, if that is what the text is about.

    Args:
        report: what was found in the text.
    """
    refusal = explain(text.decode("utf-8", "replace"))
    if refusal is None:
        return
    context.note("the Hub refused this upload: it found a live token in what was sent")
    tokens = {offence.token: _HIDDEN for offence in refusal.files if offence.token}
    masks = tokens | {finding.value: finding.masked for finding in report.findings}
    for offence in refusal.files:
        named = {describe(f) for f in report.findings if f.value == offence.token}
        whose = f": {', '.join(sorted(named))}" if named else ""
        context.note(f"  {show_path(_hide(offence.path, scanner, masks))}{whose}")
    context.note("look at all that would be sent: credman scan --upload DIR")
    context.note("the text itself repeats the token: it is in your terminal and in its logs")


def _hide(path: str, scanner: Scanner, masks: dict[bytes, str]) -> str:
    # What a terminal had wrapped is whole again here, and was not found in the text. A remark in
    # the line leaves a finding out of the report, and is no reason to show it.
    data = path.encode("utf-8", "surrogateescape")
    bare = _ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), data.replace(b"credman", b" "))
    # A scanner keeps what it has found: this one has a report of its own.
    jobs = [Job("", lambda: open_bytes(bare))]
    found = run(scanner.clone(), jobs, threads=1, tick=lambda count: None)
    if found.unread or any(f.value not in data for f in found.findings):
        return _HIDDEN
    masks = masks | {finding.value: finding.masked for finding in found.findings}
    for value in sorted(masks, key=len, reverse=True):
        data = data.replace(value, masks[value].encode())
    return data.decode("utf-8", "surrogateescape")


def tell_refusal(context: Context, report: Report) -> None:
    """Says which of what was found the Hub would not take, and what it would publish."""
    refused = {finding.path for finding in report.findings if would_refuse(finding)}
    others = {finding.path for finding in report.findings} - refused
    if refused:
        count = "one file" if len(refused) == 1 else f"{len(refused)} files"
        context.note(f"the Hub refuses this upload because of {count}, if the token is live")
    if others:
        count = "one file" if len(others) == 1 else f"{len(others)} files"
        context.note(f"the Hub would publish the token in {count}: it looks for its own only")
