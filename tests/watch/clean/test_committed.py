"""What git still holds of a file: asked of real repositories, whose state stays as it is."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

import pytest

from credman.watch.clean import committed
from credman.watch.clean.committed import Committed, describe, find_committed
from credman.watch.scan.findings import Report
from credman.watch.scan.git import Repository
from tests.watch.scan.repositories import Repo, make_scanner, make_token

TOKEN, OTHER = make_token("one"), make_token("two")


def test_all_commits_that_brought_it_and_the_index_are_told(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("a.py", "x = 1\n")
    repo.stage("other.py", TOKEN)
    repo.commit()
    commits: list[str] = []
    for count in range(2):
        repo.stage("a.py", "#\n" * count + f"t = '{TOKEN}'\n")
        commits.insert(0, repo.commit())
    repo.stage("untouched.py", "x\n")
    repo.commit()
    repo.write("a.py", "t = 1\n")
    found = find(repo, "a.py")
    assert found == Committed((b"a.py",), (b"a.py",), tuple(commits))
    first, second = (commit[:7] for commit in commits)
    assert describe(found) == [
        "a.py is tracked: git add it again",
        f"2 commits hold it ({first}, {second}): "
        "rotate first, then rewrite history (git filter-repo) and push with force",
    ]
    repo.git("add", "a.py")
    assert find(repo, "a.py") == Committed((b"a.py",), (), tuple(commits))


def test_of_what_git_never_saw_nothing_is_told(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    assert find(repo, "a.py") == Committed()  # without any commit
    repo.stage("clean.py", "x\n")
    repo.commit()
    repo.write("new.py", TOKEN)
    assert find(repo, "new.py", "/etc/passwd", "../x", "", "gone.py") == Committed()
    assert find(repo, "clean.py") == Committed((b"clean.py",))
    assert describe(find(repo, "clean.py", "new.py")) == []


def test_what_is_only_staged_is_told(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.commit()
    repo.stage("a.py", TOKEN)
    repo.write("a.py", "x\n")
    assert find(repo, "a.py") == Committed((b"a.py",), (b"a.py",))


def test_a_file_in_conflict_has_several_versions_in_the_index(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("a.py", "x\n")
    base = repo.commit()
    repo.stage("a.py", "y\n")
    repo.commit()
    repo.git("checkout", "-q", "-b", "other", base)
    repo.stage("a.py", TOKEN)
    brought = repo.commit()
    repo.git("merge", "main", fails=True)
    repo.write("a.py", "x\n")
    assert find(repo, "a.py") == Committed((b"a.py",), (b"a.py",), (brought,))


def test_branches_tags_stashes_and_reflogs_are_looked_at(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("a.py", "x\n")
    base = repo.commit()
    held = set()
    for name in ("branch", "tag", "remote"):
        repo.git("checkout", "-q", "--detach", base)
        repo.stage("a.py", f"{name} {TOKEN}")
        held.add(repo.commit())
        where = {"branch": "heads/b", "tag": "tags/t", "remote": "remotes/origin/r"}[name]
        repo.git("update-ref", f"refs/{where}", "HEAD")
    repo.git("checkout", "-q", "main")
    repo.git("reflog", "expire", "--expire=all", "--all")
    repo.write("a.py", f"stash {TOKEN}")
    repo.git("stash", "-q")
    held.add(repo.git("rev-parse", "stash"))
    repo.stage("a.py", f"staged {TOKEN}")
    repo.git("stash", "-q")  # the other one is in a reflog only by now
    held.add(repo.git("rev-parse", "stash^2"))
    repo.stage("a.py", f"amended {TOKEN}")
    held.add(repo.commit())
    repo.stage("a.py", "x = 2\n")
    repo.commit("good", "--amend")
    found = find(repo, "a.py")
    assert set(found.commits) == held and len(held) == 6
    assert not found.staged and not found.is_cut


def test_what_a_merge_left_behind_and_what_a_merge_brings_is_told(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("a.py", "x\n")
    repo.commit()
    repo.git("checkout", "-q", "-b", "side")
    repo.stage("a.py", TOKEN)
    left = repo.commit()
    repo.stage("a.py", "x\n")  # which the merge has as well: git log -- a.py passes over both
    repo.commit()
    repo.git("checkout", "-q", "main")
    repo.git("merge", "-q", "--no-ff", "--no-commit", "side")
    repo.stage("b.py", TOKEN)
    merge = repo.commit()
    repo.git("rm", "-q", "b.py")
    repo.commit()
    repo.git("branch", "-q", "-D", "side")
    repo.git("reflog", "expire", "--expire=all", "--all")
    assert set(find(repo, "a.py", "b.py").commits) == {left, merge}
    assert find(repo, "a.py").commits == (left,)


@pytest.mark.parametrize("place", ["", "sub", "sub/deep"])
def test_paths_are_those_from_the_top_wherever_git_is_asked(tmp_path: Path, place: str) -> None:
    repo = Repo(tmp_path / "repo")
    names = ["a.py", "sub/a.py", "sub/deep/*.py", "sub/deep/x.py", ":(top)a.py", "-n", "é\n.py"]
    for name in names:
        repo.stage(name, TOKEN)
    commit = repo.commit()
    with_star = find(repo, "sub/deep/*.py", ":(top)a.py", "-n", "é\n.py", place=place)
    wanted = sorted([b"sub/deep/*.py", b":(top)a.py", b"-n", "é\n.py".encode()])
    assert with_star == Committed(tuple(wanted), tuple(wanted), (commit,))
    assert find(repo, "a.py", place=place).tracked == (b"a.py",)
    assert find(repo, "sub", place=place) == Committed()  # a folder by now


def test_more_paths_than_git_can_be_given_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = Repo(tmp_path / "repo")
    for name in ("a.py", "sub/a.py", "b.py"):
        repo.stage(name, f"{TOKEN} {name}")
        commit = repo.commit()
    wanted = find(repo, "a.py", "sub/a.py", place="sub")
    assert len(wanted.commits) == 2 and commit not in wanted.commits
    monkeypatch.setattr(committed, "_MOST_NAMED", 0)
    assert find(repo, "a.py", "sub/a.py", place="sub") == wanted


def test_only_the_values_that_are_asked_for_count(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("a.py", OTHER)
    old = repo.commit()
    repo.stage("a.py", TOKEN)
    new = repo.commit()
    assert find(repo, "a.py").commits == (new, old)
    assert find(repo, "a.py", values=[OTHER.encode()]) == Committed((b"a.py",), (), (old,))
    assert find(repo, "a.py", values=[b"x"]).commits == ()


def test_a_generated_file_that_is_tracked_is_to_leave_the_index(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    name = ".ipynb_checkpoints/a-checkpoint.json"
    repo.stage(name, TOKEN)
    commit = repo.commit()
    (repo.folder / name).unlink()
    lines = describe(find(repo, name))
    assert lines[0] == f"{name} is tracked, and no rule ignores it then: git rm --cached it"
    assert lines[1].startswith(f"1 commit holds it ({commit[:7]}): rotate first")


def test_beyond_the_bound_it_says_at_least(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = Repo(tmp_path / "repo")
    commits: list[str] = []
    for count in range(6):
        repo.stage("a.py", f"{count} {TOKEN}\n")
        commits.insert(0, repo.commit())
    monkeypatch.setattr(committed, "MOST", 6)
    assert not find(repo, "a.py").is_cut
    monkeypatch.setattr(committed, "MOST", 4)
    found = find(repo, "a.py")
    assert found.is_cut and found.commits == tuple(commits[:4])
    shown = ", ".join(commit[:7] for commit in commits[:3])
    assert f"at least 4 commits hold it ({shown}, …): rotate" in describe(found)[1]
    monkeypatch.setattr(committed, "MOST", 0)
    assert describe(find(repo, "a.py")) == [
        "not all of history was looked at: credman scan --history does"
    ]
    monkeypatch.setattr(committed, "MOST", 6)
    monkeypatch.setattr(committed, "_MOST_CHANGES", 2)
    assert find(repo, "a.py").is_cut and find(repo, "a.py").commits == tuple(commits[:2])


def test_a_long_list_is_cut_short() -> None:
    paths = tuple(f"{number}.py".encode() for number in range(25))
    lines = describe(Committed(paths, paths))
    assert len(lines) == 21 and lines[-1] == "5 more are tracked: git status names them"


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("a.py", f"{TOKEN} old")
    old = repo.commit()
    repo.stage("a.py", f"{TOKEN} new")
    new = repo.commit()
    repo.object_path(f"{old}:a.py").unlink()
    found = find(repo, "a.py")
    assert found.commits == (new,) and found.unread == 1
    assert "1 version of a file could not be read from git: they may hold it too" in describe(found)
    repo.object_path(old).unlink()
    assert find(repo, "a.py").is_cut


def test_a_partial_and_a_shallow_clone_fetch_nothing_and_say_so(tmp_path: Path) -> None:
    origin = Repo(tmp_path / "origin")
    for count in range(2):
        origin.stage("a.py", f"{TOKEN} {count}")
        new = origin.commit()
    origin.git("config", "uploadpack.allowFilter", "true")
    mark = tmp_path / "fetched"
    options = ("--no-checkout", "--filter=blob:none")
    partial = Repo(tmp_path / "partial", *options, clone=f"file://{origin.folder}")
    partial.git("config", "remote.origin.uploadpack", f"touch {mark}; git-upload-pack")
    found = find(partial, "a.py")
    assert found.commits == () and found.unread == 2 and not mark.exists()
    assert "2 versions of files could not be read from git" in describe(found)[-1]
    shallow = Repo(tmp_path / "shallow", "--depth=1", clone=f"file://{origin.folder}")
    found = find(shallow, "a.py")
    assert found.commits == (new,)
    assert describe(found)[-1] == "this is a shallow clone: its older commits were not looked at"


def test_a_bare_repository_and_a_submodule_are_no_trouble(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("a.py", TOKEN)
    commit = repo.commit()
    bare = Repo(tmp_path / "bare", "--bare", clone=str(repo.folder))
    assert find(bare, "a.py") == Committed((), (), (commit,))
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{commit},module")
    repo.commit()
    assert find(repo, "module") == Committed()


def test_nothing_that_the_repository_names_is_run_and_nothing_is_changed(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("a.py", TOKEN)
    repo.commit()
    mark = tmp_path / "ran"
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    script.chmod(0o755)
    repo.write(".gitattributes", "* diff=own filter=own\n")
    for name in ("core.fsmonitor", "diff.external", "diff.own.textconv", "filter.own.clean"):
        repo.git("config", name, str(script))
    for name in ("core.pager", "gpg.program", "diff.own.command", "filter.own.process"):
        repo.git("config", name, str(script))
    repo.git("config", "log.showSignature", "true")
    before = take_picture(repo.folder)
    assert len(find(repo, "a.py").commits) == 1
    assert not mark.exists() and take_picture(repo.folder) == before


def find(repo: Repo, *paths: str, place: str = "", values: Collection[bytes] = ()) -> Committed:
    """Args: place: where in the repository git is asked."""
    with Repository(str(repo.folder / place), repo.environ) as repository:
        scanner = make_scanner()
        found = find_committed(repository, scanner, [*map(os.fsencode, paths)], values)
        assert scanner.report == Report()
        return found


def take_picture(folder: Path) -> dict[str, tuple[int, bytes]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}
