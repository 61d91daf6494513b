"""What ``clean`` is going to do, and what stays, for people; never a value."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence

from credman.cli.context import Context
from credman.cli.gitrules import Rules
from credman.cli.scanreport import describe, list_unread, show_path, show_place, summarize
from credman.core.names import quote_untrusted
from credman.upkeep.cleaning import Change, Plan, Remainder
from credman.watch.clean.editing import Rewrite
from credman.watch.clean.edits import Edit, apply_edits, make_marker
from credman.watch.scan.findings import Finding, Report

_MOST_LINES = 20
"""Of one file; who wants them all has an editor."""
_MOST_UNREAD = 20
_SHOWN = 60
"""Characters before and after what changes in a line; a whole notebook may be one line."""


def print_plan(
    context: Context, plan: Plan, rules: Sequence[Rules], report: Report, *, is_all: bool
) -> None:
    """Prints what would be done, and what would stay. Args: is_all: every line of it."""
    for change in plan.changes:
        for line in _render_change(change, None if is_all else _MOST_LINES):
            context.stdout.print(line)
    for rule in rules:
        for line in (f"  {show_path(rule.shown)}", *(f"       + {text}" for text in rule.lines)):
            context.stdout.print(line)
    _print_left(context, plan.left)
    context.stdout.print(f"  {summarize(report)}")
    _note_unread(context, report)
    lost = {f.value for change in plan.changes for f in change.findings if f.owner is None}
    if lost:
        what = "one token is" if len(lost) == 1 else f"{len(lost)} tokens are"
        context.note(
            f"{what} stored nowhere, and gone afterwards: to keep it, credman clean --suggest"
        )


def print_rest(context: Context, report: Report, left: Sequence[Remainder]) -> None:
    """Prints what is still there. Args: report: of the second scan; left: what it was known of."""
    _print_left(context, left)
    known = {remainder.path for remainder in left}
    for finding in report.findings:
        if finding.path not in known:
            place = quote_untrusted(describe(finding))
            context.stdout.print(f"  left  {show_place(finding)}: {place}")
    _note_unread(context, report)


def _print_left(context: Context, left: Sequence[Remainder]) -> None:
    for remainder in left:
        context.stdout.print(f"  left  {_render_remainder(remainder)}")


def _note_unread(context: Context, report: Report) -> None:
    unread = list_unread(report)
    for line in unread[:_MOST_UNREAD]:
        context.warn(f"not read: {line}")
    if len(unread) > _MOST_UNREAD:
        context.warn(f"not read: {len(unread) - _MOST_UNREAD} more")


def _render_change(change: Change, most: int | None) -> list[str]:
    """Returns: what becomes of a file, a line each."""
    masks = {f.value.decode("utf-8", "replace"): f.masked for f in change.findings}
    return [_hide(line, masks) for line in _list_lines(change, most)]


def _hide(line: str, masks: Mapping[str, str]) -> str:
    # Whatever an edit leaves, nothing that was found is shown.
    for value, masked in masks.items():
        line = line.replace(value, masked)
    return line


def _list_lines(change: Change, most: int | None) -> list[str]:
    name = show_path(change.path)
    whose = _join(describe(finding) for finding in change.findings)
    if change.rewrite is not None:
        return [f"  {name}   {whose}", *render_lines(change.rewrite, most)]
    if change.reason:
        return [f"  {name}   {whose}", f"       delete: {change.reason}"]
    rows = [
        f"       {quote_untrusted(place)}: {finding.masked} becomes {_name_marker(finding)}"
        for finding in change.findings
        for place in (finding.inside[-1] if finding.inside else "what was deleted before",)
    ]
    return [f"  {name}   {whose}", *dict.fromkeys(rows)]


def _name_marker(finding: Finding) -> str:
    return make_marker(finding.variable).decode("ascii") if finding.inside else "nothing"


def _render_remainder(left: Remainder) -> str:
    """Returns: what stays and why, and what to do about it."""
    places = {show_place(finding): None for finding in left.findings}
    first = next(iter(places), show_path(left.path))
    more = f" and {len(places) - 1} more" if len(places) > 1 else ""
    advice = f": {left.advice}" if left.advice else ""
    return f"{first}{more}: {left.reason}{advice}"


def _join(names: Iterable[str]) -> str:
    return quote_untrusted(", ".join(dict.fromkeys(names)))


def render_lines(rewrite: Rewrite, most: int | None = None) -> list[str]:
    """Args: most: lines that are shown; None: all.

    Returns:
        What was there, masked, and what takes its place, a line each.
    """
    text = rewrite.text
    starts = _find_lines(text)
    lines: list[str] = []
    edits = sorted(edit for edit in rewrite.edits if not _is_new_line(edit))
    for edit in rewrite.edits:
        if _is_new_line(edit):
            number = bisect_right(starts, edit.start)
            new = edit.new.decode("utf-8", "replace").rstrip("\r\n")
            lines.append(f"  {number:>4} + {quote_untrusted(new)}")
    masks = [Edit(*spot.leak[:2], spot.masked.encode("utf-8")) for spot in rewrite.spots]
    pieces = _list_pieces(starts, edits)
    for number, (start, end) in enumerate(pieces):
        if most is not None and len(lines) >= most:
            lines.append(f"       and {len(pieces) - number} more: credman clean --dry-run")
            break
        line = bisect_right(starts, start)
        # All edits of these bytes: what one of them leaves would be shown as it is.
        for sign, all_of in (("-", masks), ("+", edits)):
            own = _choose(all_of, start, end)
            lines += [f"  {line:>4} {sign} {shown}" for shown in _cut(text, start, end, own)]
    return lines


def _choose(edits: Sequence[Edit], start: int, end: int) -> Sequence[Edit]:
    """Args: edits: in order. Returns: those that begin there."""
    first, last = (bisect_left(edits, place, key=lambda e: e.start) for place in (start, end))
    return edits[first:last]


def _is_new_line(edit: Edit) -> bool:
    return edit.start == edit.end and edit.new.endswith(b"\n")


def _find_lines(text: bytes) -> list[int]:
    """Returns: where each line begins, and the end."""
    starts, place = [0], text.find(b"\n")
    while place >= 0:
        starts.append(place + 1)
        place = text.find(b"\n", place + 1)
    return [*starts, len(text)] if starts[-1] < len(text) or not text else starts


def _list_pieces(starts: Sequence[int], edits: Sequence[Edit]) -> list[tuple[int, int]]:
    """Args: edits: in order.

    Returns:
        From where to where something changes: whole lines, and of long ones no more than can be
        read; no edit lies in two of them, or in none.
    """
    pieces: list[tuple[int, int]] = []
    last_line = max(len(starts) - 2, 0)
    for edit in edits:
        first = min(bisect_right(starts, edit.start) - 1, last_line)
        last = min(bisect_right(starts, max(edit.end - 1, edit.start)) - 1, last_line)
        start, end = starts[first], starts[last + 1]
        if end - start > 2 * _SHOWN:
            start, end = max(start, edit.start - _SHOWN), min(end, edit.end + _SHOWN)
        if pieces and start < pieces[-1][1]:
            pieces[-1] = (pieces[-1][0], max(pieces[-1][1], end))
        else:
            pieces.append((start, end))
    return pieces


def _cut(text: bytes, start: int, end: int, edits: Sequence[Edit]) -> list[str]:
    """Returns: the lines from start to end with the edits."""
    moved = [Edit(e.start - start, e.end - start, e.new) for e in edits]
    # A character that is cut at an end is left out.
    whole = apply_edits(text[start:end], moved).decode("utf-8", "ignore")
    head = "" if start == 0 or text[start - 1 : start] == b"\n" else "…"
    tail = "" if end == len(text) or text[end - 1 : end] == b"\n" else "…"
    lines = [line.rstrip("\r").expandtabs(4) for line in whole.rstrip("\r\n").split("\n")]
    lines[0], lines[-1] = head + lines[0], lines[-1] + tail
    return [quote_untrusted(line) for line in lines]
