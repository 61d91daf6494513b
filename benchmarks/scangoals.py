"""What was wanted of a scan, and what came of it."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.weighing import Weighed


@dataclass(frozen=True, slots=True)
class Found:
    """Args:
    values: how many there are.
    planted, found: files with one of them each, and those where credman tells it.
    by_ripgrep: files that ripgrep lists; None: it does not know the values.
    """

    values: int
    planted: int
    found: int
    by_ripgrep: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Args:
    false: findings where there is no token.
    slow: a run over a part, and the bytes of that.
    size: files and bytes of the corpus.
    """

    found: Sequence[Found]
    false: Sequence[str]
    scans: Sequence[Weighed]
    slow: tuple[Weighed, int]
    hooks: Sequence[Weighed]
    histories: Sequence[Weighed]
    large: Sequence[Weighed]
    size: tuple[int, int]


def render(outcome: Outcome, rounds: int, hook_rounds: int) -> str:
    """Returns: tables in Markdown."""
    files, size = outcome.size
    slow, part = outcome.slow
    scanned = _head(f"{files:,} files, {size / 1e6:,.0f} MB, page cache warm", "MB/s")
    hook = _head("a commit of 10 files", "× `python -c pass`")
    history = _head("20,000 commits", "× `git cat-file`")
    large = "| one file, one run | s | its memory, MB |\n|---|--:|--:|"
    blocks: list[list[str]] = [
        [_render_goals(outcome)],
        [
            f"Python {platform.python_version()}, {os.cpu_count()} cores; {rounds} rounds, of the "
            f"hook {hook_rounds}. Ratios count, of medians; seconds are this machine's."
        ],
        [
            scanned,
            *(_row(case, size) for case in outcome.scans),
            _row(slow, part, f" of {part / 1e6:.0f} MB, once"),
        ],
        [hook, *(_compared(case, outcome.hooks[0]) for case in outcome.hooks)],
        [history, *(_compared(case, outcome.histories[0]) for case in outcome.histories)],
        [large, *(_single(case) for case in outcome.large)],
    ]
    return "\n\n".join("\n".join(block) for block in blocks)


def _head(title: str, last: str) -> str:
    return f"| {title} | median s | fastest s | its memory, MB | {last} |\n|---|--:|--:|--:|--:|"


def _row(case: Weighed, size: int, remark: str = "") -> str:
    speed = size / 1e6 / case.median
    return (
        f"| `{case.name}`{remark} | {case.median:.2f} | {min(case.seconds):.2f} "
        f"| {max(case.peaks):.0f} | {speed:,.{0 if speed >= 10 else 1}f} |"
    )


def _single(case: Weighed) -> str:
    return f"| {case.name} | {case.seconds[0]:.2f} | {max(case.peaks):.0f} |"


def _compared(case: Weighed, floor: Weighed) -> str:
    return (
        f"| `{case.name}` | {case.median:.3f} | {min(case.seconds):.3f} "
        f"| {max(case.peaks):.0f} | {case.median / floor.median:.2f} |"
    )


def _render_goals(outcome: Outcome) -> str:
    (prefix, name, values), hooks = outcome.found, outcome.hooks
    kinds = prefix.planted // prefix.values
    megabytes = outcome.size[1] / 1e6
    own, stored, rg, simple = outcome.scans[:4]
    heaviest = max(max(c.peaks) for c in (own, stored, *outcome.histories[1:], *outcome.large))
    rows = [
        (
            f"planted tokens found: {prefix.values} forms with a prefix × {kinds} kinds of file",
            "all",
            _share(prefix),
        ),
        (
            f"the same, {name.values} forms that need a variable's name beside them",
            "reported",
            _share(name),
        ),
        (
            f"{values.values} stored values × {values.planted // values.values} kinds of file and "
            "encodings",
            "all",
            _share(values),
        ),
        (
            f"false positives, {megabytes:,.0f} MB of clean source",
            "at most 1 in 100 MB",
            f"{len(outcome.false)}",
        ),
        ("`scan --no-store` / `rg`, same patterns", "below 1", f"{own.median / rg.median:.2f}"),
        (
            "`scan`, 50 stored values / `rg`, same patterns",
            "below 1",
            f"{stored.median / rg.median:.2f}",
        ),
        (
            "`scan --no-store` / `rg` with those that need no name only",
            "reported",
            f"{own.median / simple.median:.2f}",
        ),
        *(
            (
                f"{case.name}, 10 files / `python -c pass`",
                "at most 4",
                f"{case.median / hooks[0].median:.2f}",
            )
            for case in hooks[1:4]
        ),
        (
            "`scan --history`, 20,000 commits / `git cat-file` alone",
            "at most 1.5",
            f"{outcome.histories[1].median / outcome.histories[0].median:.2f}",
        ),
        ("the most memory of all these scans, MB", "below 150", f"{heaviest:.0f}"),
    ]
    return "\n".join(
        ["| | goal | measured |", "|---|--:|--:|", *(f"| {' | '.join(row)} |" for row in rows)]
    )


def _share(found: Found) -> str:
    return f"{found.found:,} of {found.planted:,}"
