"""Real git repositories, and scanners that look for what providers issue."""

from __future__ import annotations

import functools
import os
import random
import string
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from credman.watch.scan.findings import Report, Unread
from credman.watch.scan.git import Repository
from credman.watch.scan.history import scan_history
from credman.watch.scan.patterns import Patterns, open_patterns
from credman.watch.scan.scanner import Scanner, run
from credman.watch.scan.searching import Searcher
from credman.watch.scan.worktree import Staged, list_staged, list_unignored, split_known
from tests.requirements import require_program


def make_token(seed: object) -> str:
    """Returns: what Hugging Face could have issued; the same for the same seed."""
    letters = random.Random(str(seed)).choices(string.ascii_letters, k=34)
    return "hf_" + "".join(letters)


@functools.cache
def _patterns() -> Patterns:
    with tempfile.TemporaryDirectory() as folder:
        return open_patterns(folder, None, may_keep=False)


def make_scanner() -> Scanner:
    return Scanner(Searcher(_patterns())).clone()


class Repo:
    """Args:
    folder: where it is made.
    options: of ``git init``, or of ``git clone`` if they name what is cloned.
    """

    def __init__(self, folder: Path, *options: str, clone: str | None = None) -> None:
        require_program("git")
        self.folder = folder
        self._time = 1_700_000_000
        if clone is None:
            folder.mkdir(parents=True)
            self.git("init", "-q", "-b", "main", *options)
        else:
            folder.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(
                ["git", "clone", "-q", *options, "--", clone, folder],
                env=self.environ,
                cwd=folder.parent,
                check=True,
                capture_output=True,
            )

    @property
    def environ(self) -> dict[str, str]:
        self._time += 60
        return {
            "HOME": os.environ["HOME"],
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "a",
            "GIT_AUTHOR_EMAIL": "a@example.org",
            "GIT_AUTHOR_DATE": f"{self._time} +0000",
            "GIT_COMMITTER_NAME": "a",
            "GIT_COMMITTER_EMAIL": "a@example.org",
            "GIT_COMMITTER_DATE": f"{self._time} +0000",
        }

    def git(self, *words: str, data: bytes = b"", fails: bool = False) -> str:
        done = subprocess.run(
            ["git", "-c", "commit.gpgsign=false", *words],
            input=data,
            capture_output=True,
            cwd=self.folder,
            env=self.environ,
            timeout=60,
        )
        assert bool(done.returncode) == fails, done.stderr
        return os.fsdecode(done.stdout).strip()

    def write(self, path: str | bytes, content: str | bytes) -> None:
        full = os.path.join(os.fsencode(self.folder), os.fsencode(path))
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())

    def stage(self, path: str | bytes, content: str | bytes) -> None:
        self.write(path, content)
        self.git("--literal-pathspecs", "add", "-f", "--", os.fsdecode(path))

    def commit(self, message: str = "change", *words: str) -> str:
        """Returns: the commit's id."""
        self.git("commit", "-q", "--allow-empty", "-F", "-", *words, data=message.encode())
        return self.git("rev-parse", "HEAD")

    def object_path(self, revision: str) -> Path:
        """Returns: the file of a loose object."""
        name = self.git("rev-parse", revision)
        return self.folder / ".git" / "objects" / name[:2] / name[2:]

    def open(self, environ: Mapping[str, str] | None = None) -> Repository:
        return Repository(str(self.folder), {**self.environ, **(environ or {})})

    def scan_history(self, *revisions: str) -> Report:
        with self.open() as repository:
            return scan_history(make_scanner(), repository, revisions or None)

    def scan_staged(self, environ: Mapping[str, str] | None = None) -> tuple[Report, Staged]:
        with self.open(environ) as repository:
            staged = list_staged(repository)
            return run(make_scanner(), staged.jobs, threads=2, tick=lambda count: None), staged


def show(report: Report) -> list[tuple[str, int, int]]:
    """Returns: path, line and column of each finding."""
    return [(f.path, f.line, f.column) for f in report.findings]


def split(repo: Repo) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """Returns: path and line of what is new in what is staged, and of what was there."""
    report, staged = repo.scan_staged()
    with repo.open() as repository:
        parts = split_known(report.findings, staged, repository, make_scanner())
    new, known = ([(f.path, f.line) for f in part] for part in parts)
    return new, known


def list_paths(
    repo: Repo, *paths: str, cwd: Path | None = None
) -> tuple[list[str], list[tuple[str, str]]]:
    """Returns: paths that are not ignored, and what cannot be read."""
    problems: list[Unread] = []
    jobs = list_unignored(paths or (".",), str(cwd or repo.folder), repo.environ, problems)
    found = sorted(job.path for job in jobs)
    config = [path for path in found if path.endswith(".git/config")]
    return [path for path in found if path not in config], [(u.path, u.reason) for u in problems]
