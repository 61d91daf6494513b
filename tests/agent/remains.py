"""What lies in the memory of another process, looked for from outside, as root."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.requirements import require


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a process's memory that it may write to.

    Args:
        is_locked: it is never swapped.
        is_stack: where functions of C leave what they worked with, until the next ones do.
    """

    start: int
    end: int
    is_locked: bool
    is_stack: bool


def find_regions(pid: int) -> list[Region]:
    found: list[tuple[int, int, bool]] = []
    regions = []
    with open(f"/proc/{pid}/smaps") as file:
        for line in file:
            head = re.match(r"([0-9a-f]+)-([0-9a-f]+) (....) ", line)
            if head:
                span = (int(head[1], 16), int(head[2], 16), "[stack]" in line)
                found = [span] if head[3].startswith("rw") else []
            elif line.startswith("VmFlags:") and found:
                start, end, is_stack = found[0]
                regions.append(Region(start, end, " lo" in line, is_stack))
    return regions


def find_all(pid: int, needle: bytes, *, with_stack: bool = True) -> tuple[int, int]:
    """Returns: how often it lies in locked memory, and how often elsewhere."""
    counts = [0, 0]
    for region, data in _read(pid):
        if with_stack or not region.is_stack:
            counts[not region.is_locked] += data.count(needle)
    return counts[0], counts[1]


def _read(pid: int) -> Iterator[tuple[Region, bytes]]:
    try:
        memory = open(f"/proc/{pid}/mem", "rb", 0)  # noqa: SIM115
    except PermissionError:
        require(False, "only root can read another process's memory")
        raise
    with memory:
        for region in find_regions(pid):
            memory.seek(region.start)
            try:
                yield region, memory.read(region.end - region.start)
            except OSError:  # the kernel's own pages
                continue
