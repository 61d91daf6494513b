"""What is staged: the index, and not the working tree."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from credman import githook
from credman.core.errors import Unavailable
from credman.watch.scan import git
from tests.watch.scan.repositories import Repo, list_paths, make_token, show, split

TOKEN, OTHER = make_token("one"), make_token("two")


def test_what_is_staged_is_looked_at_and_not_the_working_tree(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("a.py", "clean\n")
    repo.commit()
    repo.stage("dir/staged.py", f"\n {TOKEN}\n")
    repo.write("dir/staged.py", "clean\n")
    repo.write("a.py", OTHER)
    repo.write("untracked.py", OTHER)
    report, _ = repo.scan_staged()
    assert show(report) == [("dir/staged.py", 2, 2)]
    assert report.files == 1


def test_before_the_first_commit_all_of_the_index_is_new(tmp_path: Path) -> None:
    for number, options in enumerate(([], ["--object-format=sha256"])):
        repo = Repo(tmp_path / str(number), *options)
        assert repo.scan_staged()[0].files == 0
        repo.stage("a.py", TOKEN)
        assert split(repo) == ([("a.py", 1)], [])


def test_from_below_the_top_the_paths_are_those_of_the_repository(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("top.py", TOKEN)
    repo.stage("dir/below.py", OTHER)
    repo.git("config", "diff.relative", "true")
    repo.folder = repo.folder / "dir"
    assert {path for path, *_ in show(repo.scan_staged()[0])} == {"top.py", "dir/below.py"}


def test_the_target_of_a_link_is_looked_at_as_text(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    (repo.folder / "link").symlink_to(f"https://x:{TOKEN}@example.org")
    (repo.folder / "passwd").symlink_to("/etc/passwd")
    repo.git("add", ".")
    report, _ = repo.scan_staged()
    assert [f.path for f in report.findings] == ["link"] and report.files == 2


def test_submodules_are_noted(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.commit()
    head = repo.git("rev-parse", "HEAD")
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{head},sub")
    repo.git("config", "diff.ignoreSubmodules", "all")
    report, staged = repo.scan_staged()
    assert not report.unread and report.files == 0
    assert staged.notes == (
        "1 submodule is a commit of another repository, which was not looked at",
    )
    repo.commit()
    repo.git("update-index", "--force-remove", "sub")
    repo.stage("sub", TOKEN)  # a file in its place
    assert not repo.scan_staged()[1].before
    assert split(repo) == ([("sub", 1)], [])


def test_files_in_conflict_are_noted_and_the_others_looked_at(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("a.py", "one\n")
    repo.commit()
    repo.git("switch", "-q", "-c", "side")
    repo.stage("a.py", "two\n")
    repo.stage("b.py", TOKEN)
    repo.commit()
    repo.git("switch", "-q", "main")
    repo.stage("a.py", "three\n")
    repo.commit()
    repo.git("merge", "-q", "side", fails=True)
    report, staged = repo.scan_staged()
    assert show(report) == [("b.py", 1, 1)]
    assert staged.notes == ("1 file is in conflict, and not staged before that is resolved",)


def test_what_is_only_announced_is_not_staged(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.commit()
    repo.write("later.py", TOKEN)
    repo.git("add", "-N", "later.py")
    report, staged = repo.scan_staged()
    assert not staged.jobs and not report.unread


def test_of_a_partial_commit_its_own_index_counts(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("kept.py", TOKEN)
    repo.commit()
    repo.stage("out.py", TOKEN)
    own = tmp_path / "index"
    shutil.copy(repo.folder / ".git" / "index", own)
    repo.git("rm", "-q", "--cached", "out.py")
    repo.stage("in.py", OTHER)
    report, _ = repo.scan_staged({"GIT_INDEX_FILE": str(own)})
    assert show(report) == [("out.py", 1, 1)]
    assert show(repo.scan_staged()[0]) == [("in.py", 1, 1)]


def test_a_linked_working_tree_has_an_index_of_its_own(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.commit()
    repo.git("worktree", "add", "-q", str(tmp_path / "linked"))
    repo.stage("a.py", OTHER)
    repo.folder = tmp_path / "linked"
    repo.stage("b.py", TOKEN)
    assert show(repo.scan_staged()[0]) == [("b.py", 1, 1)]
    assert list_paths(repo)[0] == ["b.py"]


def test_a_sparse_index_is_read(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    for folder in ("in", "out", "out/deep"):
        repo.stage(f"{folder}/a.py", "clean\n")
    repo.commit()
    repo.git("sparse-checkout", "set", "--cone", "--sparse-index", "in")
    repo.stage("in/a.py", TOKEN)
    assert show(repo.scan_staged()[0]) == [("in/a.py", 1, 1)]
    assert list_paths(repo) == (["in/a.py"], [])


def test_a_bare_repository_has_nothing_staged(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no working tree") as caught:
        Repo(tmp_path / "repo", "--bare").scan_staged()
    assert "--history" in caught.value.hint


def test_in_a_partial_clone_what_is_staged_is_read_and_nothing_fetched(tmp_path: Path) -> None:
    origin = Repo(tmp_path / "origin")
    origin.stage("a.py", OTHER)
    origin.stage("b.py", "clean\n")
    origin.commit()
    origin.git("config", "uploadpack.allowFilter", "true")
    repo = Repo(
        tmp_path / "repo", "--filter=blob:none", "--no-checkout", clone=f"file://{origin.folder}"
    )
    repo.git("read-tree", "HEAD")
    missing = repo.git("rev-parse", "HEAD:a.py")
    repo.git("update-index", "--add", "--cacheinfo", f"100644,{missing},copy.py")
    repo.stage("b.py", TOKEN)
    repo.stage("z.py", make_token(3))
    # What HEAD has of b.py is not here to compare; z.py comes after the one that is missing.
    assert split(repo) == ([("b.py", 1), ("z.py", 1)], [])
    report, _ = repo.scan_staged()
    assert [u.path for u in report.unread] == ["copy.py"]


@pytest.mark.parametrize("path", [b"two\nlines", b"\x1b[2J", b"\xff\xfe", b":(top)x", b"-x"])
def test_a_hostile_path_is_staged_and_listed_as_it_is(tmp_path: Path, path: bytes) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage(path, TOKEN)
    assert [os.fsencode(f.path) for f in repo.scan_staged()[0].findings] == [path]
    assert [os.fsencode(p) for p in list_paths(repo)[0]] == [path]


def test_a_large_file_is_looked_at_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git, "HELD", 1 << 20)
    repo = Repo(tmp_path / "repo")
    repo.stage("a.bin", b"0123456789abcde\n" * (5 << 16) + TOKEN.encode())
    report, _ = repo.scan_staged()
    assert show(report) == [("a.bin", (5 << 16) + 1, 1)] and report.bytes == (5 << 20) + 37


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("diff.relative", "true"),
        ("diff.noprefix", "true"),
        ("diff.renames", "copies"),
        ("status.renames", "copies"),
        ("diff.ignoreSubmodules", "all"),
        ("core.quotePath", "false"),
        ("core.abbrev", "4"),
    ],
)
def test_the_light_door_of_the_hook_sees_the_same_whatever_is_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("moved.py", "a line\n" * 10)
    repo.stage("dir/below.py", "clean\n")
    repo.stage("type", "clean\n")
    head = repo.commit()
    repo.git("config", name, value)
    repo.git("mv", "moved.py", "there.py")
    repo.stage("top.py", f"{TOKEN}\n")
    repo.stage("dir/below.py", f"{OTHER}\n")
    repo.stage("dir/\u00e9 \n.py", "strange\n")
    (repo.folder / "type").unlink()
    (repo.folder / "type").symlink_to("elsewhere")
    repo.git("add", "type")
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{head},sub")
    repo.write("later.py", TOKEN)
    repo.git("add", "-N", "later.py")
    repo.folder = repo.folder / "dir"
    names = _list_objects(repo)
    assert len(names) == 5 and _ask_light_door(repo, monkeypatch) == names


def test_where_the_light_door_cannot_tell_the_ordinary_way_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("a.py", TOKEN)  # before the first commit
    assert _ask_light_door(repo, monkeypatch) in (None, _list_objects(repo))
    repo.commit()
    assert _ask_light_door(repo, monkeypatch) == _list_objects(repo) == []


def _list_objects(repo: Repo) -> list[str]:
    return sorted(repo.scan_staged()[1].objects)


def _ask_light_door(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> list[str] | None:
    monkeypatch.chdir(repo.folder)
    asked = githook._Git([*githook._GIT, *githook._DIFF], repo.environ)
    try:
        staged = githook._list_staged(asked.finish(b""))
    finally:
        asked.end()
    return None if staged is None else sorted(name.decode().strip() for name in staged[0])
