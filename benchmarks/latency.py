"""What each command costs, as a ratio to ``python -c pass`` of the same interpreter.

credman is installed as users get it, from a wheel into a fresh virtual environment; an editable
install would double the start. All commands take turns in every round, so that a machine that
slows down slows all of them; medians are compared. Peers are measured in the same rounds where they
are installed. Everything lies in a scratch directory that is removed.

    python benchmarks/latency.py [--rounds 15] [--write docs/performance.md]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MARKERS = ("<!-- latency: begin -->", "<!-- latency: end -->")
TOKENS = 50
PASSPHRASE = "a passphrase for measuring"
INSIDE = "CREDMAN_BENCHMARK_INSIDE"


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


def install(scratch: Path) -> Path:
    """Returns: the bin directory of an environment with credman and the keyring CLI in it."""
    venv = scratch / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    pip = [
        str(venv / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    subprocess.run([*pip, str(ROOT), "keyring"], check=True, stderr=subprocess.DEVNULL)
    return venv / "bin"


def credman_cases(bin_: Path, scratch: Path, environ: Mapping[str, str]) -> list[Case]:
    credman = str(bin_ / "credman")

    def call(*argv: str, stdin: bytes = b"", home: Path | None = None) -> None:
        chosen = {**environ, "CREDMAN_HOME": str(home or scratch / "home")}
        done = subprocess.run([credman, *argv], input=stdin, env=chosen, capture_output=True)
        if done.returncode:
            raise RuntimeError(f"{argv}: {done.stderr.decode()}")

    print(f"storing {TOKENS} tokens …", file=sys.stderr)
    for number in range(TOKENS):
        call("add", f"token-{number}", stdin=b"v" * 40)
    fresh = scratch / "fresh"
    extra = b"v" * 40

    def forget() -> None:
        shutil.rmtree(fresh, ignore_errors=True)

    def case(name: str, *argv: str, **more: object) -> Case:
        return Case(f"credman {name}", [credman, *argv], **more)  # type: ignore[arg-type]

    return [
        case("--help", "--help"),
        case("providers", "providers"),
        case("use", "use"),
        case("init", "init", before=forget, environ={"CREDMAN_HOME": str(fresh)}),
        case("get", "get", "token-7"),
        case("show", "show", "token-7"),
        case("list", "list"),
        case("env", "env", "--shell", "posix"),
        case("exec", "exec", "--", "true"),
        case("add", "add", "extra", stdin=extra, before=lambda: remove_quietly(call)),
        case("remove", "remove", "extra", "--yes", before=lambda: add_quietly(call, extra)),
    ]


def keyring_cases(bin_: Path, environ: Mapping[str, str], scratch: Path) -> Iterator[Case]:
    """The two ways to use the keyring: it holds the vault's key, or the tokens themselves."""
    if "DBUS_SESSION_BUS_ADDRESS" not in environ:
        return
    credman = str(bin_ / "credman")
    own = {"CREDMAN_PASSPHRASE": "", "CREDMAN_HOME": str(scratch / "slot")}
    for title, more in (("keyring slot", {}), ("keyring:", {"CREDMAN_STORE": "keyring:"})):
        chosen = {**own, **more}
        print(f"storing {TOKENS} tokens, {title} …", file=sys.stderr)
        for number in range(TOKENS):
            argv = [credman, "add", f"token-{number}", "--no-check"]
            Case(title, argv, stdin=b"v" * 40, environ=chosen).run(environ)
        for name in ("env", "get"):
            argv = [credman, name, *(["--shell", "posix"] if name == "env" else ["token-7"])]
            yield Case(f"credman {name} ({title})", argv, environ=chosen)


def remove_quietly(call: Callable[..., None]) -> None:
    with contextlib.suppress(RuntimeError):
        call("remove", "extra", "--yes")


def add_quietly(call: Callable[..., None], value: bytes) -> None:
    with contextlib.suppress(RuntimeError):
        call("add", "extra", stdin=value)


def peer_cases(bin_: Path, scratch: Path, environ: Mapping[str, str]) -> Iterator[Case | str]:
    """Yields: cases, or a line for each peer that is left out, with the reason."""
    for name, prepare in (
        ("age", _age),
        ("pass", _pass),
        ("gopass", _gopass),
        ("secret-tool", _secret_tool),
        ("keyring", _keyring),
    ):
        path = str(bin_ / name) if name == "keyring" else shutil.which(name)
        if path is None:
            yield f"{name}: not installed"
            continue
        try:
            case = prepare(path, scratch, environ)
            case.run(environ)
            yield case
        except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
            reason = str(error).splitlines()[0]
            yield f"{name}: left out: {reason[:100]}"


def _age(path: str, scratch: Path, environ: Mapping[str, str]) -> Case:
    key, file = scratch / "age.key", scratch / "value.age"
    subprocess.run(["age-keygen", "-o", key], check=True, capture_output=True)
    public = subprocess.run(["age-keygen", "-y", key], check=True, capture_output=True).stdout
    recipient = public.decode().strip()
    subprocess.run([path, "-r", recipient, "-o", file], input=b"v" * 40, check=True)
    return Case("age -d (one value)", [path, "-d", "-i", str(key), str(file)])


def _pass(path: str, scratch: Path, environ: Mapping[str, str]) -> Case:
    home = scratch / "gnupg"
    home.mkdir(mode=0o700)
    own = {"GNUPGHOME": str(home), "PASSWORD_STORE_DIR": str(scratch / "pass")}
    chosen = {**environ, **own}
    generate = ["gpg", "--batch", "--passphrase", "", "--quick-generate-key", "bench@example.org"]
    subprocess.run(generate, check=True, env=chosen, capture_output=True)
    subprocess.run([path, "init", "bench@example.org"], check=True, env=chosen, capture_output=True)
    insert = [path, "insert", "--multiline", "token"]
    subprocess.run(insert, input=b"v" * 40, check=True, env=chosen, capture_output=True)
    return Case("pass show", [path, "show", "token"], environ=own)


def _gopass(path: str, scratch: Path, environ: Mapping[str, str]) -> Case:
    # Reads the store that pass made.
    own = {
        "GNUPGHOME": str(scratch / "gnupg"),
        "PASSWORD_STORE_DIR": str(scratch / "pass"),
        "GOPASS_HOMEDIR": str(scratch / "gopass"),
    }
    return Case("gopass show", [path, "show", "token"], environ=own)


def _secret_tool(path: str, scratch: Path, environ: Mapping[str, str]) -> Case:
    store = [path, "store", "--label=bench", "name", "bench"]
    subprocess.run(store, input=b"v" * 40, check=True, env=environ, capture_output=True)
    return Case("secret-tool lookup", [path, "lookup", "name", "bench"])


def _keyring(path: str, scratch: Path, environ: Mapping[str, str]) -> Case:
    write = [path, "set", "bench", "token"]
    subprocess.run(write, input=b"v" * 40, check=True, env=environ, capture_output=True)
    return Case("keyring get", [path, "get", "bench", "token"])


def measure(cases: Sequence[Case], environ: Mapping[str, str], rounds: int) -> None:
    for number in range(rounds + 1):
        # Rotated, so that no command always follows the same one; the first round warms up.
        for case in [*cases[number % len(cases) :], *cases[: number % len(cases)]]:
            elapsed = case.run(environ)
            if number:
                case.seconds.append(elapsed)
        print(f"\rround {number} of {rounds}", end="", file=sys.stderr)
    print(file=sys.stderr)


def render(cases: Sequence[Case], left_out: Sequence[str], rounds: int) -> str:
    base = statistics.median(cases[0].seconds)
    lines = [
        f"Python {platform.python_version()}, {os.cpu_count()} cores, {rounds} rounds, "
        f"{TOKENS} tokens. Ratios count; milliseconds are this machine's.",
        "",
        "| process | median ms | fastest ms | × `python -c pass` |",
        "|---|--:|--:|--:|",
    ]
    for case in cases:
        median = statistics.median(case.seconds)
        fastest = min(case.seconds)
        lines.append(
            f"| `{case.name}` | {median * 1e3:.1f} | {fastest * 1e3:.1f} | {median / base:.2f} |"
        )
    return "\n".join([*lines, *(f"\n{line}" for line in left_out)])


def write_into(path: Path, table: str) -> None:
    text = path.read_text("utf-8")
    head, _, rest = text.partition(MARKERS[0])
    _, _, tail = rest.partition(MARKERS[1])
    path.write_text(f"{head}{MARKERS[0]}\n{table}\n{MARKERS[1]}{tail}", "utf-8")


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
    for variable in ("PIP_INDEX_URL", "PIP_CONFIG_FILE", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        if variable in os.environ:
            environ[variable] = os.environ[variable]
    command = [sys.executable, str(Path(__file__).resolve()), *argv]
    if shutil.which("dbus-run-session") and shutil.which("gnome-keyring-daemon"):
        unlock = "printf bench | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1"
        command = ["dbus-run-session", "--", "sh", "-c", f'{unlock}; exec "$@"', "sh", *command]
    return subprocess.run(command, env=environ, check=False).returncode


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--write", type=Path, help="a file with the markers for the table")
    chosen = parser.parse_args(argv)
    if INSIDE not in os.environ:
        with tempfile.TemporaryDirectory() as name:
            return inside_a_session(argv, Path(name))
    scratch = Path(os.environ[INSIDE])
    bin_ = install(scratch)
    environ = {
        **os.environ,
        "CREDMAN_HOME": str(scratch / "home"),
        "CREDMAN_PASSPHRASE": PASSPHRASE,
    }
    python = str(bin_ / "python")
    cases = [
        Case("python -c pass", [python, "-c", "pass"]),
        Case("python -I -S -c pass", [python, "-I", "-S", "-c", "pass"]),
        *credman_cases(bin_, scratch, environ),
        *keyring_cases(bin_, environ, scratch),
    ]
    left_out = []
    for peer in peer_cases(bin_, scratch, environ):
        if isinstance(peer, Case):
            cases.append(peer)
        else:
            left_out.append(peer)
    measure(cases, environ, chosen.rounds)
    table = render(cases, left_out, chosen.rounds)
    print(table)
    if chosen.write:
        write_into(chosen.write, table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
