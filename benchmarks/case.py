"""One command line that is timed, again and again, in turn with all others."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass
class Case:
    """A command line that is timed. Args: before: runs untimed ahead of each run."""

    name: str
    argv: Sequence[str]
    stdin: bytes = b""
    environ: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[], object] | None = None
    seconds: list[float] = field(default_factory=list)

    def run(self, environ: Mapping[str, str]) -> float:
        if self.before is not None:
            self.before()
        start = time.perf_counter()
        done = subprocess.run(
            self.argv,
            input=self.stdin,
            capture_output=True,
            env={**environ, **self.environ},
            check=False,
        )
        elapsed = time.perf_counter() - start
        if done.returncode:
            raise RuntimeError(f"{self.name} ended with {done.returncode}: {done.stderr.decode()}")
        return elapsed

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def measure(cases: Sequence[Case], environ: Mapping[str, str], rounds: int) -> None:
    """All cases take turns, so that a machine that slows down slows all of them."""
    for number in range(rounds + 1):
        # Rotated, so that no command always follows the same one; the first round warms up.
        for case in [*cases[number % len(cases) :], *cases[: number % len(cases)]]:
            elapsed = case.run(environ)
            if number:
                case.seconds.append(elapsed)
        print(f"\rround {number} of {rounds}", end="", file=sys.stderr)
    print(file=sys.stderr)
