"""What each command costs, as a ratio to ``python -c pass`` of the same interpreter.

credman is installed as users get it, by uv, from a wheel into fresh virtual environments, with the
oldest typer that is allowed, with 0.28 and with the newest; an editable install would double the
start. All commands take turns in every round, so that a machine that slows down slows all of them;
medians are compared. Peers are measured in the same rounds where they are installed. Everything
lies in a scratch directory that is removed.

    python -m benchmarks.latency [--rounds 15] [--write docs/performance.md]
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks import homes
from benchmarks.case import Case, measure
from benchmarks.goals import render_goals, write_into
from benchmarks.peers import peer_cases

TOKENS = 50
SIZES = (10, 1_000, 10_000)
REQUESTS = 10_000
OLDEST_TYPER, MIDDLE_TYPER = "typer==0.26.0", "typer==0.28.0"
INSIDE = "CREDMAN_BENCHMARK_INSIDE"
_TABS = 50

_ARGON2 = (
    "import time; from cryptography.hazmat.primitives.kdf.argon2 import Argon2id; "
    "k = Argon2id(salt=bytes(16), length=32, iterations=3, lanes=4, memory_cost=65536); "
    "s = time.perf_counter(); k.derive(b'a passphrase'); print(time.perf_counter() - s)"
)


class Argon2(Case):
    """One key derivation, timed inside of its process."""

    def run(self, environ: Mapping[str, str]) -> float:
        done = subprocess.run(self.argv, capture_output=True, env=environ, check=True)
        return float(done.stdout)


class Tabs(Case):
    """One TAB in a shell that is running already."""

    def run(self, environ: Mapping[str, str]) -> float:
        return super().run(environ) / _TABS


def warm_cases(bin_: Path, places: Mapping[str, Path]) -> Iterator[Case]:
    """An agent holds the vault."""
    credman = str(bin_ / "credman")
    own = {"CREDMAN_HOME": str(places["warm"])}
    for name, argv in (
        ("env", ["env", "prod"]),
        ("get", ["get", "token-7", "-e", "prod"]),
        ("exec", ["exec", "prod", "--", "true"]),
        ("list", ["list", "-e", "prod"]),
        ("show", ["show", "token-7", "-e", "prod"]),
        ("providers", ["providers"]),
        ("TAB on a token name", ["__complete", "tokens", "-e", "prod"]),
    ):
        yield Case(f"{name}, warm", [credman, *argv], environ=own)
    for count in SIZES:
        chosen = {"CREDMAN_HOME": str(places[str(count)])}
        argv = [credman, "get", "token-7", "-e", "prod"]
        yield Case(f"get, warm, {count:,} tokens", argv, environ=chosen)
    script = Path(str(bin_.parent), "share")  # never there: nothing but the script answers
    source = homes.ROOT / "credman" / "completions" / "credman.bash"
    line = (
        f"PATH={script}; source {source}; "
        f"for ((i = 0; i < {_TABS}; i++)); do COMP_WORDS=(credman li); COMP_CWORD=1; "
        'COMP_LINE="credman li"; COMP_POINT=10; COMPREPLY=(); _credman credman li credman; done'
    )
    yield Tabs("TAB on a command, bash", [shutil.which("bash") or "bash", "-c", line])


def cold_cases(bin_: Path, places: Mapping[str, Path], suffix: str = "") -> Iterator[Case]:
    """There is no agent; each opening with a passphrase pays for one Argon2id."""
    credman = str(bin_ / "credman")
    own = {
        "CREDMAN_HOME": str(places["cold"]),
        "CREDMAN_AGENT": "off",
        "CREDMAN_PASSPHRASE": homes.PASSPHRASE,
    }
    for name, argv in (
        ("--help", ["--help"]),
        ("use", ["use"]),
        ("providers", ["providers"]),
        ("list", ["list", "-e", "prod"]),
        ("show", ["show", "token-7", "-e", "prod"]),
        ("get", ["get", "token-7", "-e", "prod"]),
        ("env", ["env", "prod", "--shell", "posix"]),
        ("exec", ["exec", "prod", "--", "true"]),
        ("TAB on a token name", ["__complete", "tokens", "-e", "prod"]),
        ("add", ["add", "extra", "--replace"]),
    ):
        stdin = homes.VALUE.encode() if name == "add" else b""
        yield Case(f"{name}, cold{suffix}", [credman, *argv], stdin=stdin, environ=own)


def keyring_cases(bin_: Path, middle: Path, environ: Mapping[str, str]) -> Iterator[Case]:
    """The two ways to use the keyring: it holds the vault's key, or the tokens themselves."""
    if "DBUS_SESSION_BUS_ADDRESS" not in environ:
        return
    scratch = Path(environ[INSIDE])
    cold = {"CREDMAN_HOME": str(scratch / "slot"), "CREDMAN_AGENT": "off"}
    for title, more in (("keyring slot", {}), ("keyring:", {"CREDMAN_STORE": "keyring:"})):
        print(f"storing {TOKENS} tokens, {title} …", file=sys.stderr)
        credman = str(bin_ / "credman")
        for number in range(TOKENS):
            argv = [credman, "add", f"token-{number}", "-e", "prod", "--no-check"]
            stdin = homes.VALUE.encode()
            Case(title, argv, stdin=stdin, environ={**cold, **more}).run(environ)
        for name, argv in (("env", ["--shell", "posix"]), ("get", ["token-7"]), ("list", [])):
            line = [credman, name, *argv, "-e", "prod"]
            yield Case(f"{name}, cold, {title}", line, environ={**cold, **more})
        if not more:
            line = [str(middle / "credman"), "list", "-e", "prod"]
            yield Case(f"list, cold, {title}, typer 0.28", line, environ=cold)
    warm = {"CREDMAN_HOME": str(scratch / "slot"), "CREDMAN_STORE": "keyring:"}
    Case("", [credman, "unlock", "--for", "2h"], environ=warm).run(environ)
    yield Case("env, warm, keyring:", [credman, "env", "prod", "--shell", "posix"], environ=warm)


def render(cases: Sequence[Case], left_out: Sequence[str], rounds: int) -> str:
    base = cases[0].median
    lines = [
        f"Python {platform.python_version()}, {os.cpu_count()} cores, {rounds} rounds, "
        f"{TOKENS} tokens. Ratios count; milliseconds are this machine's.",
        "",
        "| process | median ms | fastest ms | × `python -c pass` |",
        "|---|--:|--:|--:|",
    ]
    for case in cases:
        fastest = min(case.seconds)
        lines.append(
            f"| `{case.name}` | {case.median * 1e3:.1f} | {fastest * 1e3:.1f} | "
            f"{case.median / base:.2f} |"
        )
    return "\n".join([*lines, *(f"\n{line}" for line in left_out)])


def inside_a_session(argv: Sequence[str], scratch: Path) -> int:
    """Runs this script again with a session bus and an unlocked keyring of its own."""
    (scratch / "run").mkdir(mode=0o700)
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(scratch),
        "LANG": "C.UTF-8",
        "XDG_RUNTIME_DIR": str(scratch / "run"),
        INSIDE: str(scratch),
    }
    # How packages are got here.
    passed_on = (
        "PIP_",
        "UV_",
        "SSL_CERT_",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "http_proxy",
        "https_proxy",
    )
    environ |= {name: value for name, value in os.environ.items() if name.startswith(passed_on)}
    command = [sys.executable, "-m", "benchmarks.latency", *argv]
    if shutil.which("dbus-run-session") and shutil.which("gnome-keyring-daemon"):
        unlock = "printf bench | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1"
        command = ["dbus-run-session", "--", "sh", "-c", f'{unlock}; exec "$@"', "sh", *command]
    return subprocess.run(command, env=environ, cwd=homes.ROOT, check=False).returncode


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--write", type=Path, help="a file with the markers for the table")
    chosen = parser.parse_args(argv)
    if INSIDE not in os.environ:
        with tempfile.TemporaryDirectory() as name:
            if chosen.write:
                argv = [*argv, "--write", str(chosen.write.resolve())]
            return inside_a_session(argv, Path(name))
    scratch = Path(os.environ[INSIDE])
    environ = homes.clean(os.environ) | {INSIDE: str(scratch)}
    uv = homes.find_uv(scratch)
    newest = homes.install(scratch, uv, "newest", "keyring")
    oldest = homes.install(scratch, uv, "oldest", OLDEST_TYPER)
    middle = homes.install(scratch, uv, "middle", MIDDLE_TYPER)
    places = {str(n): homes.make_home(newest, scratch / f"home-{n}", n) for n in SIZES}
    for name in ("warm", "cold", "warm, typer 0.26"):
        places[name] = homes.make_home(newest, scratch / name.replace(", ", "-"), TOKENS)
    pids = {
        name: homes.unlock(oldest if "0.26" in name else newest, place, environ)
        for name, place in places.items()
        if name != "cold"
    }
    try:
        homes.ask_often(newest, places["warm"], 100)
        memory = [homes.memory_of(pids["warm"])]
        homes.ask_often(newest, places["warm"], REQUESTS)
        memory.append(homes.memory_of(pids["warm"]))
        python = str(newest / "python")
        cases = [
            Case("python -c pass", [python, "-c", "pass"]),
            Case("python -I -S -c pass", [python, "-I", "-S", "-c", "pass"]),
            Argon2("one Argon2id", [python, "-c", _ARGON2]),
            *warm_cases(newest, places),
            *cold_cases(newest, places),
            Case(
                "list, warm, typer 0.26",
                [str(oldest / "credman"), "list", "-e", "prod"],
                environ={"CREDMAN_HOME": str(places["warm, typer 0.26"])},
            ),
            *(c for c in cold_cases(oldest, places, ", typer 0.26") if c.name.startswith("list")),
            *(c for c in cold_cases(middle, places, ", typer 0.28") if c.name.startswith("list")),
            *keyring_cases(newest, middle, environ),
        ]
        left_out = []
        for peer in peer_cases(newest, scratch, environ):
            if isinstance(peer, Case):
                cases.append(peer)
            else:
                left_out.append(peer)
        measure(cases, environ, chosen.rounds)
    finally:
        for place in (*places.values(), scratch / "slot"):
            homes.lock(newest, place, environ)
    medians = {case.name: statistics.median(case.seconds) for case in cases}
    table = "\n\n".join((render_goals(medians, memory), render(cases, left_out, chosen.rounds)))
    print(table)
    if chosen.write:
        write_into(chosen.write, "latency", table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
