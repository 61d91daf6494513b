"""Which files git does not ignore, whatever lies in the tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from credman.core.errors import Unavailable
from credman.watch.scan.scanner import run
from credman.watch.scan.worktree import list_unignored
from tests.watch.scan.repositories import Repo, list_paths, make_scanner, make_token

TOKEN, OTHER = make_token("one"), make_token("two")


def test_tracked_and_untracked_files_are_listed_and_ignored_ones_are_not(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage(".gitignore", "*.log\nbuild/\n")
    repo.stage("tracked.log", "ignored, but tracked")
    repo.stage("gone.py", "")
    for path in ("a.log", "build/b.py", "dir/new.py", ".env"):
        repo.write(path, "x")
    (repo.folder / "gone.py").unlink()
    (repo.folder / "link").symlink_to("/etc/passwd")
    (repo.folder / "loop").symlink_to(".")
    assert list_paths(repo) == ([".env", ".gitignore", "dir/new.py", "tracked.log"], [])


def test_paths_are_named_as_they_were_given(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage(".gitignore", "*.log\n")
    repo.write("dir/sub/a.py", "x")
    repo.write("other/b.py", "x")
    repo.write("named.log", "x")
    assert list_paths(repo, "dir/", "named.log")[0] == ["dir/sub/a.py", "named.log"]
    assert list_paths(repo, "../repo/dir", cwd=repo.folder)[0] == ["../repo/dir/sub/a.py"]
    absolute = str(repo.folder / "other")
    assert list_paths(repo, absolute, cwd=Path("/"))[0] == [f"{absolute}/b.py"]


def test_what_is_found_is_what_lies_in_the_working_tree(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("a.py", "clean")
    repo.write("a.py", f"\n{TOKEN}")
    repo.git("config", "remote.origin.url", f"https://me:{OTHER}@example.org/x")
    jobs = list_unignored(["."], str(repo.folder), repo.environ, [])
    report = run(make_scanner(), jobs, threads=1, tick=lambda count: None)
    assert {f.path for f in report.findings} == {"a.py", ".git/config"}


def test_repositories_inside_are_asked_themselves(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage(".gitignore", "*.log\n")
    inner = Repo(tmp_path / "repo" / "inner")
    inner.write("a.log", "x")  # the outer one's rules are not its own
    inner.write("b.py", "x")
    inner.write(".gitignore", "b.py\n")
    sub = Repo(tmp_path / "repo" / "sub")
    sub.stage("c.py", "x")
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{sub.commit()},sub")
    assert list_paths(repo) == ([".gitignore", "inner/.gitignore", "inner/a.log", "sub/c.py"], [])


def test_files_in_conflict_are_listed_once(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.write("a.py", "x")
    blob = repo.git("hash-object", "-w", "a.py")
    lines = "".join(f"100644 {blob} {stage}\ta.py\n" for stage in (1, 2, 3))
    repo.git("update-index", "--index-info", data=lines.encode())
    assert list_paths(repo)[0] == ["a.py"]


def test_outside_of_a_repository_nothing_can_be_ignored(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    with pytest.raises(Unavailable, match="no git repository"):
        list_paths(repo, str(tmp_path))


def test_where_a_hook_runs_the_path_says_which_repository_is_meant(tmp_path: Path) -> None:
    repo, other = Repo(tmp_path / "repo"), Repo(tmp_path / "other")
    other.stage(".gitignore", "*.log\n")
    other.stage("tracked.log", "x")
    environ = {**repo.environ, "GIT_DIR": str(repo.folder / ".git")}
    jobs = list_unignored([str(other.folder)], "/", environ, [])
    assert f"{other.folder}/tracked.log" in {job.path for job in jobs}
