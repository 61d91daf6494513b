"""A process that is timed and weighed: seconds, and the most memory that it held.

The kernel counts the memory of whoever starts a process as its own until it is another program; so
a process that is smaller than all of them starts it, and holds the clock.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.case import Case

_LAUNCH = """
import _thread, os, sys, time
told, peak = int(sys.argv[1]), 0
os.set_inheritable(told, False)

def watch():
    global peak
    while True:
        time.sleep(0.5 if not peak else 0.02)
        try:
            with open(f"/proc/{pid}/status") as file:
                found = [int(line.split()[1]) for line in file if line.startswith("VmHWM")]
        except OSError:
            return
        if not found:
            return
        peak = found[0]

began = time.perf_counter()
pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_thread.start_new_thread(watch, ())
_, status, usage = os.wait4(pid, 0)
took = time.perf_counter() - began
code = os.waitstatus_to_exitcode(status)
os.write(told, f"{took} {code} {peak or usage.ru_maxrss}".encode())
"""
"""Of a process that runs for longer the kernel's own mark is read, since what is told at its end
is that of whichever was larger, itself or a program that it started, such as git."""


@dataclass
class Weighed(Case):
    """Args:
    cwd: where it runs.
    allowed: exit codes that are no failure.
    peaks: the most memory that the process itself held in each run, in MB.
    out: what the last run printed.
    """

    cwd: Path | None = None
    allowed: frozenset[int] = frozenset({0})
    peaks: list[float] = field(default_factory=list)
    out: bytes = b""

    def run(self, environ: Mapping[str, str]) -> float:
        if self.before is not None:
            self.before()
        with (
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as errors,
            tempfile.TemporaryFile() as told,
        ):
            launcher = [sys.executable, "-I", "-S", "-c", _LAUNCH, str(told.fileno())]
            subprocess.run(
                [*launcher, *self.argv],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                pass_fds=(told.fileno(),),
                env={**environ, **self.environ},
                cwd=self.cwd,
                check=True,
            )
            for file in (out, errors, told):
                file.seek(0)
            self.out = out.read()
            elapsed, code, peak = told.read().split()
            if int(code) not in self.allowed:
                said = errors.read().decode("utf-8", "replace")
                raise RuntimeError(f"{self.name} ended with {int(code)}: {said}")
        self.peaks.append(int(peak) * 1024 / 1e6)
        return float(elapsed)
