"""``hook install``, ``uninstall``, ``status``: what is said and asked, and what git does then."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.crontabs import CREDMAN
from tests.cli.harness import make_value
from tests.cli.hooked import PUSH, add_remote, hook, make_installed
from tests.upkeep.repositories import (
    LEAK,
    Repository,
    make_repository,
    read_calls,
    take_picture,
    write_hook,
    write_stand_in,
)


def test_a_commit_that_holds_one_is_blocked(tmp_path: Path) -> None:
    repository = make_installed(tmp_path / "r")
    assert repository.commit("a") == ""
    assert read_calls() == ["credman hook run pre-commit"]
    assert repository.commit("b", LEAK) == "credman: pre-commit blocked\n"
    assert repository.git("rev-list", "--count", "HEAD") == "1"
    repository.write("b")
    assert repository.try_git("commit", "-qm", "x").returncode == 1  # what is staged counts
    repository.git("add", "b")
    assert repository.commit("c") == ""


def test_git_s_own_way_round_is_the_only_one(tmp_path: Path) -> None:
    repository = make_installed(tmp_path / "r")
    remote = add_remote(repository)
    for variable in ("SKIP", "HUSKY", "CREDMAN_AGENT", "CREDMAN_NO_INPUT", "PRE_COMMIT_ALLOW"):
        repository.write("a", LEAK)
        repository.git("add", "a")
        done = repository.try_git("commit", "-m", "x", **{variable: "0"})
        assert done.returncode == 1
    assert repository.commit("a", LEAK, "--no-verify") == ""
    assert repository.try_git(*PUSH).returncode == 1
    assert repository.git(*PUSH, "--no-verify") == ""
    assert remote.git("rev-list", "--count", "main") == "1"


def test_a_commit_of_some_files_looks_at_these(tmp_path: Path) -> None:
    repository = make_installed(tmp_path / "r")
    for name in ("a", "b"):
        repository.commit(name)
    repository.write("b", LEAK)
    repository.git("add", "b")
    repository.write("a", "other\n")
    assert repository.try_git("commit", "-qm", "x", "a").returncode == 0  # an index of its own
    assert repository.try_git("commit", "-qm", "x", "b").returncode == 1
    repository.git("reset", "-q")
    assert repository.try_git("commit", "-qam", "x").returncode == 1
    assert repository.git("rev-list", "--count", "HEAD") == "3"


def test_a_push_that_holds_one_is_blocked(tmp_path: Path) -> None:
    repository = make_installed(tmp_path / "r", "--pre-push")
    remote = add_remote(repository)
    repository.commit("a")
    repository.git("branch", "other")
    assert read_calls() == []  # there is no hook for commits
    repository.git(*PUSH, "other")
    called, *lines = read_calls()
    assert called == f"credman hook run pre-push origin {remote.top}"
    assert sorted(lines) == ["refs/heads/main refs/heads/main", "refs/heads/other refs/heads/other"]
    repository.commit("a", LEAK)
    done = repository.try_git(*PUSH)
    assert done.returncode == 1 and "credman: pre-push blocked\n" in done.stderr
    repository.commit("a")  # it is in the history still
    assert repository.try_git(*PUSH).returncode == 1
    assert remote.git("rev-list", "--count", "main") == "1"


@pytest.mark.parametrize("code", [0, 1])
def test_what_was_there_comes_first(code: int, tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "r")
    remote = add_remote(repository)
    write_hook(repository.hooks, "pre-commit", f"exit {code}")
    write_hook(repository.hooks, "pre-push", f'cat >>"$HOME/calls"; exit {code}')
    before = take_picture(repository.hooks)
    outcome = hook(repository, "install")
    program = tmp_path / "programs" / "credman"
    assert outcome.stderr.splitlines() == [
        f"{repository.hooks}/{name} calls {program}, after {repository.hooks}/{name}.before-credman"
        for name in ("pre-commit", "pre-push")
    ]
    repository.commit("a")
    assert repository.try_git("rev-parse", "-q", "--verify", "HEAD").returncode == code
    assert read_calls() == ["pre-commit ", "credman hook run pre-commit"][: 2 - code]
    repository.commit("a", "other\n", "--no-verify")
    assert repository.try_git(*PUSH).returncode == code
    ref = f"refs/heads/main {repository.git('rev-parse', 'main')} refs/heads/main {'0' * 40}"
    assert (
        read_calls()
        == [
            f"pre-push origin {remote.top}",
            ref,
            f"credman hook run pre-push origin {remote.top}",
            "refs/heads/main refs/heads/main",
        ][: 4 - 2 * code]
    )
    assert hook(repository, "uninstall").exit_code == 0
    assert take_picture(repository.hooks) == before


def test_what_is_said(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "r")
    program = tmp_path / "programs" / "credman"
    folder = repository.hooks
    assert hook(repository, "status").text == (
        "pre-commit  not installed: credman hook install\n"
        "pre-push    not installed: credman hook install\n"
    )
    outcome = hook(repository, "install")
    assert (outcome.exit_code, outcome.text) == (0, "")
    assert outcome.stderr == (
        f"{folder}/pre-commit calls {program}\n{folder}/pre-push calls {program}\n"
    )
    outcome = hook(repository, "install")
    assert outcome.stderr == f"the hooks are in {folder} already: credman hook status\n"
    outcome = hook(repository, "status")
    assert (outcome.exit_code, outcome.text) == (
        0, f"pre-commit  {folder}/pre-commit calls {program}\n"
        f"pre-push    {folder}/pre-push calls {program}\n",
    )  # fmt: skip
    outcome = hook(repository, "uninstall", "--pre-commit")
    assert outcome.stderr == f"removed {folder}/pre-commit\n"
    outcome = hook(repository, "uninstall")
    assert outcome.stderr == f"removed {folder}/pre-push\n"
    outcome = hook(repository, "uninstall")
    assert (outcome.exit_code, outcome.stderr) == (
        0, "no hook of credman's is installed here, so there was nothing to remove\n"
    )  # fmt: skip


def test_status_tells_what_does_not_work(tmp_path: Path) -> None:
    program = write_stand_in(tmp_path / "programs")
    repository = make_installed(tmp_path / "r", "--pre-push", program=program)
    program.unlink()
    outcome = hook(repository, "status")
    assert outcome.exit_code == 8
    problem = "what it calls is gone, so it lets nothing through: credman hook install"
    assert outcome.text.splitlines()[1] == f"pre-push    {repository.hooks}/pre-push: {problem}"
    outcome = hook(repository, "status", "--json")
    assert outcome.exit_code == 8 and json.loads(outcome.text) == {
        "version": 1,
        "folder": str(repository.hooks),
        "reach": "repository",
        "hooks": [
            {
                "hook": "pre-push",
                "path": f"{repository.hooks}/pre-push",
                "command": [str(program)],
                "problem": problem,
            }
        ],
    }


def test_a_program_that_is_gone_blocks(tmp_path: Path) -> None:
    program = write_stand_in(tmp_path / "it's a $place")
    repository = make_installed(tmp_path / "r", program=program)
    assert repository.commit("a") == ""
    program.unlink()
    assert repository.commit("b").endswith(
        f"credman: error: credman cannot be run at {program}, so nothing is let through\n"
        "credman: hint: reinstall credman, or remove .git/hooks/pre-commit\n"
    )


def test_a_dry_run_writes_nothing_and_shows_what_would_be_written(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "r")
    shown = hook(repository, "install", "--dry-run")
    assert shown.exit_code == 0 and not repository.hooks.exists()
    hook(repository, "install")
    lines = shown.text.splitlines()
    for name in ("pre-commit", "pre-push"):
        assert f"{repository.hooks}/{name}" in lines
        for line in (repository.hooks / name).read_text().splitlines():
            assert f"    {line}".rstrip() in lines


@pytest.mark.parametrize(
    ("where", "argv", "code", "said"),
    [
        ("nowhere", ["install"], 6, "there is no git repository here"),
        ("nowhere", ["uninstall"], 6, "there is no git repository here"),
        ("nowhere", ["status"], 6, "there is no git repository here"),
        ("r/.git", ["install"], 2, "this is the inside of .git"),
        ("bare", ["install"], 7, "no commits are made in a bare repository"),
        ("bare", ["install", "--pre-commit"], 7, "no commits are made in a bare repository"),
        ("bare", ["install", "--pre-push"], 0, "/bare/hooks/pre-push calls "),
        ("r", ["install", "x"], 2, "more arguments than this command takes"),
        ("r", ["remove"], 2, "hook takes one of install, uninstall, status"),
    ],
)
def test_what_cannot_be_installed(
    where: str, argv: list[str], code: int, said: str, tmp_path: Path
) -> None:
    repository = make_repository(tmp_path / "r")
    make_repository(tmp_path / "bare", "--bare")
    (tmp_path / "nowhere").mkdir()
    outcome = hook(repository, *argv, cwd=tmp_path / where)
    assert outcome.exit_code == code and said in outcome.stderr
    assert not repository.hooks.exists()


def test_without_git(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "r")
    outcome = hook(Repository(repository.top, {"PATH": str(tmp_path)}), "install")
    assert outcome.exit_code == 6 and "there is no git on PATH" in outcome.stderr


def test_a_program_that_may_go_away_is_warned_of(tmp_path: Path) -> None:
    program = write_stand_in(tmp_path / "project" / "bin")
    (tmp_path / "project" / "pyvenv.cfg").touch()
    repository = make_repository(tmp_path / "r", program=program)
    outcome = hook(repository, "install")
    assert outcome.exit_code == 0 and ", which goes away with that virtual env" in outcome.stderr
    assert "goes away" not in hook(repository, "install").stderr  # nothing is written


def test_a_hook_that_goes_by_its_name_is_told_of(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "r")
    write_hook(repository.hooks, "pre-push", 'exec manager "$(basename "$0")"')
    outcome = hook(repository, "install")
    assert outcome.exit_code == 0
    assert f"credman: warning: {repository.hooks}/pre-push may look at its" in outcome.stderr


def test_what_a_terminal_would_act_upon_is_not_printed(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "r\x1b[31m")
    for action in ("install", "status", "uninstall"):
        outcome = hook(repository, action)
        assert outcome.exit_code == 0
        assert "\x1b" not in outcome.text + outcome.stderr
        assert "r\\u{1b}[31m/.git/hooks/pre-push" in outcome.text + outcome.stderr


def test_the_real_one_blocks_a_real_commit_and_a_real_push(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "r")
    remote = add_remote(repository)
    (tmp_path / "programs" / "credman").unlink()
    outcome = hook(repository, "install")
    assert outcome.exit_code == 0 and f"calls {CREDMAN}\n" in outcome.stderr
    assert repository.commit("a.py") == ""
    value = make_value()
    said = repository.commit("train.py", f"login(token='{value}')\n")
    assert "train.py" in said and value not in said
    assert repository.commit("train.py", f"login(token='{value}')\n", "--no-verify") == ""
    done = repository.try_git(*PUSH)
    assert done.returncode == 1 and "train.py" in done.stderr and value not in done.stderr
    assert remote.git("for-each-ref") == ""
    repository.git("reset", "-q", "--hard", "HEAD~1")
    repository.git(*PUSH)
    assert remote.git("rev-list", "--count", "main") == "1"
