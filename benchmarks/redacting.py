"""What it costs a notebook to have values taken out of its outputs.

One real kernel runs cells with redaction on and off in turn. Its own clock counts, from busy to
idle, since a front end may take longer to read. Values are as many as stated, of 37 characters,
none of which is in the output but where it says so.

    python -m benchmarks.redacting [--rounds 7] [--values 1,10,50] [--write docs/performance.md]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.goals import write_into
from tests.notebook.kernels import Kernel, start_kernel

LINES, FEWER = 1_000_000, 10_000
CELLS = {
    "a million lines": f"for n in range({LINES}): print(f'line {{n}} of an output')",
    "the same, written at once": "print(text)",
    "the same, coloured": (
        f"for n in range({LINES}): print(f'\\x1b[32mline {{n}}\\x1b[0m of an output')"
    ),
    "10,000 lines, each flushed": f"for n in range({FEWER}): print(f'line {{n}}', flush=True)",
    "10,000 lines of a subprocess": f"!seq -f 'line %.0f of an output' {FEWER}",
    "10,000 lines with a value": f"for n in range({FEWER}): print(f'line {{n}} {{token}}')",
    "1,000 tables": (
        "for n in range(1000): display({'text/html': table, 'text/plain': 'x'}, raw=True)"
    ),
    "an empty cell": "",
}
_SETTING = f"""
import random, string
from credman.notebook.redacting import Redactor, install, uninstall
rng = random.Random(10)
some = string.ascii_letters + string.digits
def make(count):
    values = {{f'T{{n}}': 'hf_' + ''.join(rng.choices(some, k=34)) for n in range(count)}}
    return Redactor(values), values['T0']
text = ''.join(f'line {{n}} of an output\\n' for n in range({LINES}))
table = '<table>' + ''.join(f'<tr><td>{{n}}</td><td>{{n * n}}</td></tr>' for n in range(50))
"""


def run(place: Path, rounds: int, counts: Sequence[int]) -> str:
    """Returns: a table in Markdown."""
    rows = [
        f"| | off, s | {' | '.join(f'{n} values' for n in counts)} |",
        f"|---|--:|{'--:|' * len(counts)}",
    ]
    with start_kernel(place, {}) as kernel:
        kernel.run(_SETTING)
        for name, cell in CELLS.items():
            off, on = measure(kernel, cell, rounds, counts)
            ratios = " | ".join(f"{statistics.median(each) / off:.2f}" for each in on)
            rows.append(f"| {name} | {off:.4f} | {ratios} |")
            print(rows[-1], file=sys.stderr)
    return "\n".join([*rows, "", f"Medians of {rounds} rounds; ratios to the same cell, off."])


def measure(
    kernel: Kernel, cell: str, rounds: int, counts: Sequence[int]
) -> tuple[float, list[list[float]]]:
    """Returns: seconds without, the median, and with so many values."""
    off: list[float] = []
    on: list[list[float]] = [[] for _ in counts]
    for number in range(rounds + 1):  # the first warms up
        seconds = time_cell(kernel, "redactor, token = make(1); uninstall(get_ipython())", cell)
        if number:
            off.append(seconds)
        for count, found in zip(counts, on, strict=True):
            before = f"redactor, token = make({count}); install(get_ipython(), redactor)"
            seconds = time_cell(kernel, before, cell)
            if number:
                found.append(seconds)
    return statistics.median(off), on


def time_cell(kernel: Kernel, before: str, cell: str) -> float:
    kernel.run(before)
    states = [m["header"]["date"] for m in kernel.run(cell) if m["msg_type"] == "status"]
    return float((states[-1] - states[0]).total_seconds())


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--values", default="1,10,50")
    parser.add_argument("--write", type=Path, help="a file with the markers for the table")
    chosen = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        counts = [int(each) for each in chosen.values.split(",")]
        table = run(Path(name) / "kernel", chosen.rounds, counts)
    print(table)
    if chosen.write:
        write_into(chosen.write, "redacting", table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
