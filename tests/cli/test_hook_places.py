"""``hook install`` where ``core.hooksPath``, a worktree or a submodule says where hooks lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.hooked import hook, make_installed
from tests.upkeep.repositories import (
    LEAK,
    Repository,
    make_repository,
    read_calls,
    take_picture,
    write_hook,
)


def make_outside(tmp_path: Path) -> tuple[Repository, Path]:
    repository = make_repository(tmp_path / "r")
    repository.git("config", "core.hooksPath", str(tmp_path / "everywhere"))
    return repository, tmp_path / "everywhere"


@pytest.mark.parametrize("answer", ["y", "n", ""])
def test_hooks_of_other_repositories_are_asked_about(answer: str, tmp_path: Path) -> None:
    repository, folder = make_outside(tmp_path)
    outcome = hook(repository, "install", answers=[answer])
    assert outcome.shown == ["install hooks there? [y/N] "]
    assert f"core.hooksPath leads to {folder}, outside of this repository" in outcome.stderr
    assert f"{folder}/pre-push" in outcome.text.splitlines()  # shown before it is asked
    if answer != "y":
        assert (outcome.exit_code, folder.exists()) == (7, False)
        return
    assert outcome.exit_code == 0 and repository.commit("a", LEAK) != ""
    other = make_repository(tmp_path / "other")
    other.git("config", "core.hooksPath", str(folder))
    assert other.commit("a", LEAK) != ""
    outcome = hook(other, "uninstall", answers=["n"])
    assert outcome.shown == ["take credman's hooks away there? [y/N] "]
    assert outcome.exit_code == 7 and len(take_picture(folder)) == 2
    assert hook(other, "uninstall", answers=["y"]).exit_code == 0
    assert take_picture(folder) == {}
    assert hook(other, "uninstall").exit_code == 0  # where there is nothing, nothing is asked


@pytest.mark.parametrize("given", [{}, {"answers": ["y"], "CI": "1"}])
def test_nobody_to_ask(given: dict[str, object], tmp_path: Path) -> None:
    repository, folder = make_outside(tmp_path)
    if given:
        repository = Repository(repository.top, {**repository.environ, "CI": str(given.pop("CI"))})
    for action in ("install", "uninstall"):
        outcome = hook(repository, action, **given)
        assert outcome.exit_code == 7
        assert outcome.stderr.endswith(
            "credman: error: hooks that other repositories use as well need a yes\n"
            "credman: hint: --yes gives it; for this repository alone: "
            f"git config core.hooksPath {repository.hooks}\n"
        )
        assert folder.exists() is (action == "uninstall")
        assert hook(repository, "install", "--yes").exit_code == 0
    assert hook(repository, "uninstall", "--yes").exit_code == 0


@pytest.mark.parametrize("is_on_path", [True, False])
def test_hooks_that_are_shared_call_credman_by_name(is_on_path: bool, tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "r")
    repository.git("config", "core.hooksPath", ".githooks")
    path = write_hook(repository.top / ".githooks", "pre-commit")
    if not is_on_path:
        (tmp_path / "programs" / "credman").unlink()
    outcome = hook(repository, "install", "--pre-commit")
    assert outcome.exit_code == 0
    assert f"{repository.top}/.githooks is shared with everyone who has" in outcome.stderr
    assert ("there is no credman on PATH here" in outcome.stderr) is not is_on_path
    assert str(tmp_path) not in path.read_text() and "\ncredman hook run " in path.read_text()
    said = repository.commit("a", LEAK)
    assert ("pre-commit blocked" if is_on_path else "cannot be run on PATH, so nothing") in said
    assert read_calls()[:1] == ["pre-commit "]


def test_a_worktree_and_a_submodule(tmp_path: Path) -> None:
    make_repository(tmp_path / "other").commit("a")
    repository = make_installed(tmp_path / "r")
    repository.commit("a")
    repository.git("worktree", "add", "-q", "../w", "-b", "w")
    assert Repository(tmp_path / "w", repository.environ).commit("b", LEAK) != ""
    add = ("-c", "protocol.file.allow=always", "submodule", "add", "-q", f"{tmp_path}/other", "s")
    repository.git(*add)
    inside = Repository(repository.top / "s", repository.environ)
    assert inside.commit("b", LEAK) == ""  # it is a repository of its own
    assert hook(inside, "install").exit_code == 0
    assert inside.commit("c", LEAK) != ""
    assert hook(inside, "uninstall").exit_code == 0
    assert inside.commit("c", LEAK) == "" and repository.commit("d", LEAK) != ""


def test_from_a_folder_within(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "r")
    repository.git("config", "core.hooksPath", ".githooks")
    below = repository.top / "a" / "b"
    below.mkdir(parents=True)
    assert hook(repository, "install", cwd=below).exit_code == 0
    assert os.listdir(repository.top / ".githooks") and not (below / ".githooks").exists()
