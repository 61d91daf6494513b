"""What taking tokens out costs, beside finding them, and beside ``sed`` for the same files.

credman is installed as users get it. A project of 1,000 small files is made, a tenth of them with
tokens in them: Python, notebooks, JSON, YAML, shell, text. All that changes it gets a fresh copy.

    python -m benchmarks.cleaning [--write docs/performance.md]
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import string
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import homes, repositories
from benchmarks.case import measure
from benchmarks.goals import write_into
from benchmarks.weighing import Weighed

FILES, LEAKED = 1000, 100
_FLOOR = "python -c pass"
_SED = 'grep -rlZ "$TOKEN" . | xargs -0 sed -i "s/$TOKEN/[credman:HF_TOKEN]/g"'


def make_project(folder: Path, token: str) -> None:
    """Args: folder: is made."""
    rng = random.Random(9)
    words = ["".join(rng.choices(string.ascii_lowercase, k=8)) for _ in range(500)]
    folder.mkdir()
    for number in range(FILES):
        lines = [f"{rng.choice(words)} = {rng.choice(words)!r}" for _ in range(80)]
        kind = number % 6
        held = token if number % (FILES // LEAKED) == 0 else "none"
        if kind == 0:
            text = "\n".join([*lines, f'token = "{held}"', ""])
            name = f"m{number}.py"
        elif kind == 1:
            source = [*(f"{line}\n" for line in lines), f"t = '{held}'"]
            cell: dict[str, object] = {
                "cell_type": "code",
                "id": f"c{number}",
                "metadata": {},
                "outputs": [],
            }
            cell |= {"execution_count": None, "source": source}
            text = json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
            name = f"n{number}.ipynb"
        elif kind == 2:
            text = json.dumps({"lines": lines, "token": held}, indent=4)
            name = f"p{number}.json"
        elif kind == 3:
            text = "".join(f"k{n}: {x!r}\n" for n, x in enumerate(words[:80])) + f"token: {held}\n"
            name = f"c{number}.yaml"
        elif kind == 4:
            text = "\n".join(f"echo {w}" for w in words[:80]) + f"\nexport HF_TOKEN={held}\n"
            name = f"s{number}.sh"
        else:
            text = "\n".join([*lines, held, ""])
            name = f"t{number}.txt"
        (folder / name).write_text(text)


def run(scratch: Path, rounds: int) -> str:
    """Returns: a table in Markdown."""
    bin_ = homes.install(scratch, homes.find_uv(scratch), "measured")
    environ = homes.clean(repositories.clean_environ()) | {"HOME": str(scratch / "home")}
    environ |= {"CREDMAN_HOME": str(scratch / "nowhere"), "TMPDIR": str(scratch)}
    (scratch / "home").mkdir()
    token = "hf_" + "".join(random.Random(7).choices(string.ascii_letters, k=34))
    original, copy = scratch / "original", scratch / "copy"
    make_project(original, token)

    def refresh() -> None:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(original, copy)

    refresh()
    credman = str(bin_ / "credman")

    def case(name: str, *argv: str, fresh: bool = False) -> Weighed:
        codes = frozenset({0, 8})
        before = refresh if fresh else None
        own = {"TOKEN": token}
        return Weighed(name, argv, environ=own, before=before, cwd=copy, allowed=codes)

    # What only reads is measured on a copy of its own, which nothing has changed.
    reading = scratch / "reading"
    shutil.copytree(original, reading)
    cases = [
        Weighed(_FLOOR, [str(bin_ / "python"), "-c", "pass"], cwd=reading),
        Weighed("credman scan", [credman, "scan"], cwd=reading, allowed=frozenset({8})),
        Weighed("credman clean --dry-run", [credman, "clean", "--dry-run"], cwd=reading,
                allowed=frozenset({8})),
        case("credman clean --yes", credman, "clean", "--yes", fresh=True),
        case("grep and sed -i", "sh", "-c", _SED, fresh=True),
    ]  # fmt: skip
    measure(cases, environ, rounds)
    medians = {each.name: each.median for each in cases}
    scan = medians["credman scan"]
    rows = [
        "| | median s | its memory, MB | / `scan` |",
        "|---|--:|--:|--:|",
        *(
            f"| `{each.name}` | {each.median:.3f} | {max(each.peaks):.0f} "
            f"| {each.median / scan:.2f} |"
            for each in cases
        ),
    ]
    return "\n".join([*rows, "", f"{FILES:,} files, {LEAKED} with tokens; {rounds} rounds."])


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--write", type=Path, help="a file with the markers for the table")
    chosen = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        table = run(Path(name), chosen.rounds)
    print(table)
    if chosen.write:
        write_into(chosen.write, "cleaning", table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
