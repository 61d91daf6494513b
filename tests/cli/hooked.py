"""``hook`` in a real repository, whose hooks call a program in credman's place."""

from __future__ import annotations

from pathlib import Path

from tests.cli.harness import Outcome, credman
from tests.upkeep.repositories import (
    Repository,
    make_repository,
)

PUSH = ["push", "-q", "origin", "main"]


def hook(repository: Repository, *argv: str, **given: object) -> Outcome:
    given.setdefault("cwd", repository.top)
    environ = dict(repository.environ)
    return credman("hook", *argv, passphrase=None, environ=environ, **given)  # type: ignore[arg-type]


def make_installed(top: Path, *argv: str, program: Path | None = None) -> Repository:
    repository = make_repository(top, program=program)
    outcome = hook(repository, "install", *argv)
    assert outcome.exit_code == 0, outcome.stderr
    return repository


def add_remote(repository: Repository) -> Repository:
    remote = make_repository(repository.top.parent / "remote.git", "--bare")
    repository.git("remote", "add", "origin", str(remote.top))
    return remote
