"""What ``check --all`` takes for many tokens, as a ratio to one call of a provider.

The provider is a server on this machine that answers after a while, as a real one does. At most 8
calls are in flight, so nothing can be faster than tokens / 8 calls one after another; that floor is
printed beside what was measured, and so is what a check of one token takes, which is mostly the
start of the process.

    python -m benchmarks.checking [--tokens 60] [--delay 0.1] [--rounds 5]
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks import homes

AT_ONCE = 8

_SEED = (
    homes.OPENING
    + """
for number in range(count):
    key = TokenKey(f"environment-{number}", "default", "gitlab")
    field = Field("GITLAB_TOKEN", ("GITLAB_TOKEN",))
    versions = (Version(1, VersionState.CURRENT, now, (field.name,)),)
    token = Token(key, (field,), versions, provider="gitlab")
    value = Secret("glpat-" + f"{number:020d}")
    changes.append(PutToken(token, {Address(key, 1, field.name): value}))
store.commit(changes, expected_revision=store.snapshot().revision)
"""
)
"""Every token has another value, so that each is asked about."""


@dataclass
class Provider:
    """Args:
    url: in the place of the provider's own.
    asked: how many requests there were.
    most: how many of them were there at once.
    """

    url: str
    asked: int = 0
    most: int = 0
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def counted(self) -> Iterator[None]:
        with self._lock:
            self.asked += 1
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            yield
        finally:
            with self._lock:
                self._now -= 1


@contextmanager
def serve(delay: float) -> Iterator[Provider]:
    """Says that every token is live, after ``delay`` seconds."""
    body = b'{"name":"ci","user_id":1,"scopes":["api"],"active":true,"revoked":false}'

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with provider.counted():
                time.sleep(delay)
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider = Provider(f"http://127.0.0.1:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()


def make_home(home: Path, count: int) -> dict[str, str]:
    """Returns: the variables with which a vault of so many tokens is opened."""
    argv = [sys.executable, "-c", _SEED, str(home), str(count), homes.PASSPHRASE]
    subprocess.run(argv, check=True, cwd=homes.ROOT)
    return {
        "CREDMAN_HOME": str(home),
        "CREDMAN_AGENT": "off",
        "CREDMAN_PASSPHRASE": homes.PASSPHRASE,
    }


def check(environ: Mapping[str, str], count: int) -> float:
    """Returns: the seconds that ``check --all`` takes."""
    argv = [sys.executable, "-m", "credman", "check", "--all"]
    began = time.perf_counter()
    done = subprocess.run(argv, env=environ, cwd=homes.ROOT, capture_output=True, check=False)
    took = time.perf_counter() - began
    assert done.returncode == 0 and done.stdout.count(b" live ") == count, done.stderr.decode()
    return took


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--tokens", type=int, default=60)
    parser.add_argument("--delay", type=float, default=0.1, help="seconds that one call takes")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args(argv)
    count, delay = chosen.tokens, chosen.delay
    with tempfile.TemporaryDirectory() as name, serve(delay) as provider:
        clean = homes.clean(os.environ) | {"GITLAB_HOST": provider.url}
        many = clean | make_home(Path(name) / "many", count)
        one = clean | make_home(Path(name) / "one", 1)
        seconds: dict[str, list[float]] = {"many": [], "one": []}
        for number in range(chosen.rounds + 1):
            before = provider.asked
            found = {"many": check(many, count), "one": check(one, 1)}
            assert provider.asked - before == count + 1
            for title, took in found.items():
                if number:  # the first round warms up
                    seconds[title].append(took)
            print(f"\rround {number} of {chosen.rounds}", end="", file=sys.stderr)
        print(file=sys.stderr)
    assert provider.most <= AT_ONCE
    all_of_them, single = (statistics.median(seconds[title]) for title in ("many", "one"))
    floor = math.ceil(count / AT_ONCE) * delay
    print(f"| | seconds | × one call of {delay * 1e3:g} ms |\n|---|--:|--:|")
    for title, took in (
        (f"`check --all`, {count} tokens", all_of_them),
        ("`check --all`, 1 token", single),
        ("what the other tokens add", all_of_them - single),
        (f"floor: {count} calls, {AT_ONCE} at once", floor),
        (f"{count} calls one after another", count * delay),
    ):
        print(f"| {title} | {took:.2f} | {took / delay:.1f} |")
    print(f"\nat most {provider.most} calls at once, {chosen.rounds} rounds, medians")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
