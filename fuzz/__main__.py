"""Fuzzes every target for a while: ``python -m fuzz [SECONDS [TARGET…]]``, best by ``make fuzz``.

What it grows lies in ``build/fuzz``. Ends with 1 if something was found.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from fuzz import corpora
from fuzz.targets import TARGETS

BUILD = corpora.FOLDER.parent / "build" / "fuzz"
SECONDS_AN_INPUT = 10
MEGABYTES = 1024


@dataclass(frozen=True)
class Outcome:
    name: str
    has_found: bool
    executions: int
    coverage: tuple[int, int]
    """In branches: of the corpus, and at the end."""
    inputs: tuple[int, int]

    def render(self) -> str:
        before, after = self.coverage
        seeds, grown = self.inputs
        verdict = f"FOUND SOMETHING: {BUILD / self.name}.log" if self.has_found else "nothing found"
        return (
            f"{self.name:12} {self.executions:>10,} executions   "
            f"coverage {before:>5} → {after:<5}  corpus {seeds:>4} → {grown:<5} {verdict}"
        )


def fuzz(name: str, seconds: int) -> Outcome:
    """Runs one target. The corpus of an earlier run is gone on with."""
    target, corpus = TARGETS[name], BUILD / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    seeds = {_digest(data): data for data in target.seeds()}
    seeds |= {_digest(data): data for data in corpora.regressions(name)}
    for digest, data in seeds.items():
        (corpus / digest).write_bytes(data)
    words = BUILD / f"{name}.dict"
    words.write_text("".join(f'"{_escape(word)}"\n' for word in target.words))
    options = (
        f"-max_total_time={seconds}",
        f"-timeout={SECONDS_AN_INPUT}",
        f"-rss_limit_mb={MEGABYTES}",
        f"-max_len={target.max_bytes}",
        f"-dict={words}",
        f"-artifact_prefix={BUILD / name}-",
        "-print_final_stats=1",
        str(corpus),
    )
    done = subprocess.run(
        [sys.executable, "-m", "fuzz.instrumented", name, *options],
        cwd=corpora.FOLDER.parent,
        env={**os.environ, "TMPDIR": str(BUILD)},  # libFuzzer ends without cleaning up
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    (BUILD / f"{name}.log").write_bytes(done.stdout)
    log = done.stdout.decode("utf-8", "replace")
    covered = [int(number) for number in re.findall(r"cov: (\d+)", log)] or [0]
    executions = re.search(r"stat::number_of_executed_units:\s+(\d+)", log)
    return Outcome(
        name,
        done.returncode != 0,
        int(executions[1]) if executions else 0,
        (covered[0], covered[-1]),
        (len(seeds), len(list(corpus.iterdir()))),
    )


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:40]


def _escape(word: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word.encode())


def main(seconds: int, names: Sequence[str]) -> int:
    if importlib.util.find_spec("atheris") is None:
        sys.stderr.write("atheris is not here: it has wheels for CPython on Linux, x86-64, only\n")
        return 1
    BUILD.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        outcomes = list(pool.map(lambda name: fuzz(name, seconds), names))
    for outcome in outcomes:
        sys.stdout.write(f"{outcome.render()}\n")
    if any(outcome.has_found for outcome in outcomes):
        sys.stdout.write(
            "an input that was found lies beside its log: keep it in "
            f"{corpora.REGRESSIONS.name}/TARGET\n"
        )
        return 1
    return 0


if __name__ == "__main__":
    arguments = sys.argv[1:]
    sys.exit(main(int((arguments or ["60"])[0]), arguments[1:] or list(TARGETS)))
