"""credman in the pre-commit framework, and its own hooks beside the framework's: both for real."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from tests.cli.harness import credman, make_value
from tests.cli.hooked import add_remote
from tests.requirements import require
from tests.upkeep.repositories import (
    LEAK,
    Repository,
    make_repository,
    read_calls,
    take_picture,
    write_hook,
)

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = ROOT / ".pre-commit-hooks.yaml"
FRAMEWORK = [sys.executable, "-m", "pre_commit"]
PUSH = ["push", "-q", "origin"]


def read_manifest() -> dict[str, Any]:
    import yaml

    (entry,) = yaml.safe_load(MANIFEST.read_text("utf-8"))
    found: dict[str, Any] = entry
    return found


def framework(
    repository: Repository, *words: str, **environ: str
) -> subprocess.CompletedProcess[str]:
    require(importlib.util.find_spec("pre_commit"), "pre-commit is not installed")
    return subprocess.run(
        [*FRAMEWORK, *words],
        cwd=repository.top,
        env={**os.environ, **repository.environ, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def install_framework(repository: Repository) -> None:
    types = ("--hook-type", "pre-commit", "--hook-type", "pre-push")
    done = framework(repository, "install", *types)
    assert done.returncode == 0, done.stdout + done.stderr


OTHER = {
    "id": "other",
    "name": "other",
    "entry": "sh -c 'echo framework >>\"$HOME/calls\"'",
    "language": "system",
    "pass_filenames": False,
    "always_run": True,
}


def make_framed(top: Path, entry: dict[str, Any] | None = None) -> Repository:
    """A repository with the framework in it. Args: entry: what it runs; None: credman, as the
    manifest says, but run as it is installed, so that nothing is built."""
    import yaml

    entry = entry or {**read_manifest(), "language": "system"}
    entry.pop("minimum_pre_commit_version", None)  # not for what is local
    text = yaml.safe_dump({"repos": [{"repo": "local", "hooks": [entry]}]})
    return configure(make_repository(top), text)


def configure(repository: Repository, text: str) -> Repository:
    repository.write(".pre-commit-config.yaml", text)
    repository.git("add", ".pre-commit-config.yaml")
    repository.git("commit", "-qm", "configuration")
    return repository


def hook(repository: Repository, *argv: str) -> None:
    environ = dict(repository.environ)
    outcome = credman("hook", *argv, passphrase=None, environ=environ, cwd=repository.top)
    assert outcome.exit_code == 0, outcome.stderr


def test_the_manifest_is_one(tmp_path: Path) -> None:
    done = framework(make_repository(tmp_path / "r"), "validate-manifest", str(MANIFEST))
    assert done.returncode == 0, done.stdout
    entry = read_manifest()
    assert (entry["id"], entry["stages"]) == ("credman", ["pre-commit", "pre-push"])
    assert entry["always_run"] is True and entry["pass_filenames"] is False


def test_the_framework_blocks_a_commit_and_a_push(tmp_path: Path) -> None:
    repository = make_framed(tmp_path / "r")
    remote = add_remote(repository)
    install_framework(repository)
    assert repository.commit("a") == ""
    assert read_calls() == ["credman hook run --framework"]
    assert "credman: pre-commit blocked" in repository.commit("b", LEAK)
    repository.write("b")
    repository.git("add", "b")
    repository.git("commit", "-qm", "x")
    repository.git(*PUSH, "main")  # a history from its root on
    assert read_calls() == ["credman hook run --framework"] * 3
    repository.commit("c", LEAK, "--no-verify")
    blocked = "credman: framework-push blocked"
    assert blocked in repository.try_git(*PUSH, "main").stdout  # a branch that is there
    assert blocked in repository.try_git(*PUSH, "main:other").stdout  # a new one
    repository.git("branch", "clean", "main~1")
    repository.git(*PUSH, "clean")
    assert remote.git("rev-list", "--count", "main") == "3"


def test_the_framework_blocks_a_first_push(tmp_path: Path) -> None:
    repository = make_framed(tmp_path / "r")
    remote = add_remote(repository)
    repository.commit("a", LEAK)
    install_framework(repository)
    assert "credman: framework-push blocked" in repository.try_git(*PUSH, "main").stdout
    assert remote.git("for-each-ref") == ""


@pytest.mark.parametrize("is_first", [True, False])
def test_both_beside_each_other(is_first: bool, tmp_path: Path) -> None:
    repository = make_framed(tmp_path / "r", OTHER)
    write_hook(repository.hooks, "pre-commit")
    before = take_picture(repository.hooks)
    if is_first:
        install_framework(repository)
    hook(repository, "install")
    if not is_first:
        install_framework(repository)
    called = {"framework", "credman hook run pre-commit", "pre-commit "}
    assert repository.commit("a") == ""
    calls = read_calls()
    assert set(calls) == called and len(calls) == len(called)
    assert "credman: pre-commit blocked" in repository.commit("b", LEAK)
    repository.git("reset", "-q")
    read_calls()
    # As set-up scripts do, time and again.
    install_framework(repository)
    hook(repository, "install")
    assert repository.commit("c") == ""
    calls = read_calls()
    assert set(calls) == called and len(calls) == len(called)
    hook(repository, "uninstall")
    assert repository.commit("d", LEAK) == ""
    assert set(read_calls()) == called - {"credman hook run pre-commit"}
    types = ("--hook-type", "pre-commit", "--hook-type", "pre-push")
    framework(repository, "uninstall", *types)
    assert take_picture(repository.hooks) == before


def test_ours_are_seen_where_the_framework_has_put_them(tmp_path: Path) -> None:
    repository = make_framed(tmp_path / "r", OTHER)
    hook(repository, "install")
    install_framework(repository)
    before = take_picture(repository.hooks)
    environ = dict(repository.environ)
    given: dict[str, Any] = {"passphrase": None, "environ": environ, "cwd": repository.top}
    outcome = credman("hook", "status", **given)
    assert outcome.exit_code == 0 and f"{repository.hooks}/pre-push.legacy calls" in outcome.text
    hook(repository, "install")
    assert take_picture(repository.hooks) == before
    (repository.hooks / "pre-push").write_text("#!/bin/sh\n")  # somebody else's by now
    outcome = credman("hook", "status", **given)
    assert outcome.exit_code == 8 and "it was moved aside" in outcome.text
    hook(repository, "uninstall")
    assert sorted(take_picture(repository.hooks)) == ["pre-commit", "pre-push"]


def make_origin(top: Path) -> Repository:
    """A repository of credman itself, as it lies here."""
    origin = make_repository(top)
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", MANIFEST.name):
        shutil.copy(ROOT / name, top)
    shutil.copytree(ROOT / "credman", top / "credman", ignore=shutil.ignore_patterns("__pycache__"))
    origin.git("add", ".")
    origin.git("commit", "-qm", "credman")
    return origin


def test_the_framework_builds_credman_and_it_blocks(tmp_path: Path) -> None:
    origin = make_origin(tmp_path / "origin")
    repository = configure(
        make_repository(tmp_path / "r"),
        f"repos:\n- repo: file://{origin.top}\n  rev: {origin.git('rev-parse', 'HEAD')}\n"
        "  hooks: [{id: credman}]\n",
    )
    # Built for real, but with what is installed here: nothing is fetched.
    offline = {
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PYTHONPATH": sysconfig.get_paths()["purelib"],
    }
    # Built for the test's own home, where what is built is used from then on.
    install_framework(repository)
    done = framework(repository, "install-hooks", **offline)
    assert done.returncode == 0, done.stdout + done.stderr
    (repository.top / "train.py").write_text(f'token = "{make_value()}"\n')
    repository.git("add", "train.py")
    done = repository.try_git("commit", "-m", "x", **offline)
    assert done.returncode == 1 and make_value() not in done.stderr
    assert "train.py" in done.stderr
    (repository.top / "train.py").write_text("token = read()\n")
    repository.git("add", "train.py")
    repository.git("commit", "-m", "x", **offline)
