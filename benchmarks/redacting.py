"""What it costs a notebook to have values taken out of its outputs.

One real kernel runs cells with redaction on and off in turn. Its own clock counts, from busy to
idle, since a front end may take longer to read. No value is in the output but where it says so. A
token has 37 characters, the JWT 1 kB, the PEM 3.3 kB.

    python -m benchmarks.redacting [--rounds 3] [--lines 1000000] [--write docs/performance.md]
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

FEWER = 4_000
CELLS = {
    "{lines:,} lines": "for n in range({lines}): print(f'line {{n}} of an output')",
    "the same, written at once": "print(text)",
    "a tenth of it, coloured": (
        "for n in range({lines} // 10): print(f'\\x1b[32mline {{n}}\\x1b[0m of an output')"
    ),
    "{fewer:,} lines, each flushed": "for n in range({fewer}): print(f'line {{n}}', flush=True)",
    "the same, coloured, flushed": (
        "for n in range({fewer}): print(f'\\x1b[32mline {{n}}\\x1b[0m', flush=True)"
    ),
    "{fewer:,} pieces of a line, each flushed": (
        "for n in range({fewer}): print('x' * 100, end='', flush=True)"
    ),
    "{fewer:,} lines of a subprocess": "!seq -f 'line %.0f of an output' {fewer}",
    "{fewer:,} lines with a value": "for n in range({fewer}): print(f'line {{n}} {{token}}')",
    "1,000 tables": (
        "for n in range(1000): display({{'text/html': table, 'text/plain': 'x'}}, raw=True)"
    ),
    "an empty cell": "",
}
LOADED = {
    "a token": "make(1)",
    "a token, a JWT, a PEM": "make(1, jwt, pem)",
    "50 tokens, a JWT, a PEM": "make(50, jwt, pem)",
}
_SETTING = """
import base64, random, string
from credman.notebook.redacting import Redactor, install, uninstall
rng = random.Random(10)
some = string.ascii_letters + string.digits + '-_'
def make(count, *longer):
    values = {{f'T{{n}}': 'hf_' + ''.join(rng.choices(some[:62], k=34)) for n in range(count)}}
    values.update((f'L{{n}}', each) for n, each in enumerate(longer))
    return Redactor(values), values['T0']
jwt = 'eyJ' + '.'.join(''.join(rng.choices(some, k=size)) for size in (33, 620, 342))
body = base64.b64encode(rng.randbytes(2400)).decode()
lines = [body[at : at + 64] for at in range(0, len(body), 64)]
pem = '\\n'.join(['-----BEGIN PRIVATE' + ' KEY-----', *lines, '-----END PRIVATE' + ' KEY-----', ''])
text = ''.join(f'line {{n}} of an output\\n' for n in range({lines}))
table = '<table>' + ''.join(f'<tr><td>{{n}}</td><td>{{n * n}}</td></tr>' for n in range(50))
"""


def run(place: Path, rounds: int, lines: int) -> str:
    """Returns: a table in Markdown."""
    rows = [f"| | off, s | {' | '.join(LOADED)} |", f"|---|--:|{'--:|' * len(LOADED)}"]
    sizes = {"lines": lines, "fewer": FEWER}
    with start_kernel(place, {}) as kernel:
        kernel.run(_SETTING.format(**sizes))
        for name, cell in CELLS.items():
            off, on = measure(kernel, cell.format(**sizes), rounds)
            ratios = " | ".join(f"{each / off:.2f}" for each in on)
            rows.append(f"| {name.format(**sizes)} | {off:.4f} | {ratios} |")
            print(rows[-1], file=sys.stderr)
    told = "One round" if rounds == 1 else f"Medians of {rounds} rounds"
    return "\n".join([*rows, "", f"{told}; ratios to the same cell, off."])


def measure(kernel: Kernel, cell: str, rounds: int) -> tuple[float, list[float]]:
    """Returns: seconds without, and with what is loaded in each column; medians."""
    ways = ["redactor, token = make(1); uninstall(get_ipython())"]
    ways += [
        f"redactor, token = {made}; install(get_ipython(), redactor)" for made in LOADED.values()
    ]
    time_cell(kernel, ways[0], cell)  # warms up
    found: list[list[float]] = [[] for _ in ways]
    for _ in range(rounds):
        for way, seconds in zip(ways, found, strict=True):
            seconds.append(time_cell(kernel, way, cell))
    off, *on = map(statistics.median, found)
    return off, on


def time_cell(kernel: Kernel, before: str, cell: str) -> float:
    kernel.run(before)
    states = [m["header"]["date"] for m in kernel.run(cell) if m["msg_type"] == "status"]
    return float((states[-1] - states[0]).total_seconds())


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--write", type=Path, help="a file with the markers for the table")
    chosen = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        table = run(Path(name) / "kernel", chosen.rounds, chosen.lines)
    print(table)
    if chosen.write:
        write_into(chosen.write, "redacting", table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
