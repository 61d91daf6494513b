"""History: every object is looked at once; what is found, where it stands, and since when."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from credman.watch.scan import objects
from tests.watch.scan.repositories import Repo, make_token, show

TOKEN, OTHER = make_token("one"), make_token("two")


def test_a_token_in_a_deleted_file_is_found_with_its_path_line_and_commit(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("a.py", "x = 1\n")
    repo.commit()
    repo.stage("dir/app.py", f"x = 1\ny = 2\n  token = '{TOKEN}'\n")
    brought = repo.commit()
    repo.git("rm", "-q", "dir/app.py")
    repo.commit()
    report = repo.scan_history()
    assert show(report) == [("dir/app.py", 3, 12)]
    assert report.findings[0].commits == (brought,)
    assert report.findings[0].value == TOKEN.encode()
    assert not report.unread and not report.notes
    assert report.files == 2 and report.bytes > 0


def test_a_token_in_many_versions_of_a_file_is_one_finding_with_all_commits_oldest_first(
    tmp_path: Path,
) -> None:
    repo = Repo(tmp_path / "repo")
    commits = []
    for count in range(5):
        repo.stage("a.py", "# more\n" * count + f"t = '{TOKEN}'\n")
        commits.append(repo.commit())
    repo.stage("a.py", "nothing\n")
    repo.commit()
    report = repo.scan_history()
    assert show(report) == [("a.py", 5, 6)]  # as the newest has it
    assert report.findings[0].commits == tuple(commits)


def test_the_same_file_under_two_names_is_one_finding_and_two_tokens_are_two(
    tmp_path: Path,
) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("first.py", f"'{TOKEN}'\n'{OTHER}'\n")
    first = repo.commit()
    repo.git("mv", "first.py", "second.py")
    second = repo.commit()
    report = repo.scan_history()
    assert show(report) == [("first.py", 1, 2), ("first.py", 2, 2)]
    assert {f.commits for f in report.findings} == {(first, second)}


def test_a_merge_that_brings_a_token_of_its_own_is_named(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("a.py", "a\n")
    repo.commit()
    repo.git("switch", "-q", "-c", "side")
    repo.stage("side.py", f"'{OTHER}'\n")
    side = repo.commit()
    repo.git("switch", "-q", "main")
    repo.stage("b.py", "b\n")
    repo.commit()
    repo.git("merge", "-q", "--no-commit", "side")
    repo.stage("evil.py", f"'{TOKEN}'\n")
    merge = repo.commit()
    found = {f.path: f.commits for f in repo.scan_history().findings}
    assert found == {"evil.py": (merge,), "side.py": (side,)}


def test_a_token_in_a_commit_message_is_found(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.commit("first")
    commit = repo.commit(f"it works\n\nwith {TOKEN}\n")
    report = repo.scan_history()
    assert show(report) == [("commit message", 3, 6)]  # lines of the message
    assert report.findings[0].commits == (commit,)
    named = repo.commit("by whom", "--author", f"{OTHER} <a@example.org>")
    found = [
        (f.path, f.line, f.commits) for f in repo.scan_history(named, "--not", commit).findings
    ]
    assert found == [("commit message", 0, (named,))]


def test_a_token_in_the_message_of_a_tag_is_found(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.commit()
    repo.git("tag", "-a", "v1.0", "-F", "-", data=f"made with {TOKEN}".encode())
    assert show(repo.scan_history()) == [("tag v1.0", 1, 11)]


def test_a_file_that_only_a_tag_holds_is_not_unreachable(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    name = repo.git("hash-object", "-w", "--stdin", data=TOKEN.encode())
    repo.git("tag", "blob", name)
    assert [f.path for f in repo.scan_history().findings] == [f"object {name[:12]}"]


def test_what_was_amended_away_is_found_and_told_to_be_unreachable(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("a.py", f"'{TOKEN}'\n")
    commit = repo.commit(f"oops {OTHER}")
    repo.stage("a.py", "clean\n")
    repo.commit("fine", "--amend")
    report = repo.scan_history()
    found = [(f.path, f.commits) for f in report.findings]
    assert found == [
        ("a.py (unreachable)", (commit,)),
        ("commit message (unreachable)", (commit,)),
    ]
    assert "git gc" in report.notes[0]


def test_what_no_reflog_knows_any_more_is_found_as_well(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("a.py", f"'{TOKEN}'\n")
    commit = repo.commit(f"oops {OTHER}")
    blob = repo.git("rev-parse", "HEAD:a.py")
    repo.stage("a.py", "clean\n")
    repo.commit("fine", "--amend")
    repo.git("reflog", "expire", "--expire=now", "--all")
    found = [(f.path, f.commits) for f in repo.scan_history().findings]
    assert found == [
        ("commit message (unreachable)", (commit,)),
        (f"object {blob[:12]} (unreachable)", ()),
    ]


def test_what_is_only_in_the_index_is_found_with_its_path(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.commit()
    repo.stage("new.py", TOKEN)
    assert [(f.path, f.commits) for f in repo.scan_history().findings] == [("new.py", ())]


def test_a_detached_head_counts_as_a_branch(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.commit()
    repo.git("checkout", "-q", "--detach")
    repo.stage("a.py", TOKEN)
    commit = repo.commit()
    assert [(f.path, f.commits) for f in repo.scan_history().findings] == [("a.py", (commit,))]


@pytest.mark.parametrize("options", [[], ["--bare"]])
def test_an_empty_repository_has_no_findings(tmp_path: Path, options: list[str]) -> None:
    report = Repo(tmp_path / "repo", *options).scan_history()
    assert not report.findings and not report.unread and report.files == 0


def test_a_bare_repository_and_a_packed_one_are_read_alike(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    for count in range(3):
        repo.stage("a.py", "# line\n" * 100 * count + f"'{TOKEN}'\n")
        repo.commit()
    loose = show(repo.scan_history())
    repo.git("gc", "-q")
    bare = Repo(tmp_path / "bare", "--bare", clone=str(repo.folder))
    assert loose == show(repo.scan_history()) == show(bare.scan_history()) == [("a.py", 201, 2)]


def test_a_repository_with_sha256_is_read(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo", "--object-format=sha256")
    repo.stage("a.py", TOKEN)
    commit = repo.commit()
    assert len(commit) == 64
    assert [(f.path, f.commits) for f in repo.scan_history().findings] == [("a.py", (commit,))]


@pytest.mark.parametrize(
    "path",
    [b"two\nlines.py", b"\x1b[31mred.py", b"latin-\xe9.py", b":100644 100644.py", b'a "b" \\.py'],
)
def test_a_hostile_path_is_told_as_it_is(tmp_path: Path, path: bytes) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage(path, TOKEN)
    commit = repo.commit()
    found = [(os.fsencode(f.path), f.commits) for f in repo.scan_history().findings]
    assert found == [(path, (commit,))]


def test_a_token_in_a_long_line_of_a_large_object_is_found_without_holding_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("credman.watch.scan.git.HELD", 1 << 20)
    repo = Repo(tmp_path / "repo")
    for place, name in ((100, "begin"), (objects._PIECE - 20, "border"), (6 << 20, "end")):
        data = bytearray(os.urandom(8) * (7 << 17))
        data[place : place + 39] = b" " + make_token(name).encode() + b" "
        repo.stage(f"{name}.bin", bytes(data).replace(b"\0", b"0").replace(b"\n", b"_"))
    repo.commit()
    report = repo.scan_history()
    assert {f.path: f.value for f in report.findings} == {
        f"{name}.bin": make_token(name).encode() for name in ("begin", "border", "end")
    }
    assert not report.unread


def test_every_object_is_seen_wherever_the_pieces_of_the_pipe_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = Repo(tmp_path / "repo")
    for count in range(12):
        repo.write(f"{count}.py", "x" * (37 * count) + f" '{make_token(count)}'\n")
    repo.git("add", ".")
    repo.commit()
    for piece in (7, 64, 300, 1000):
        monkeypatch.setattr(objects, "_PIECE", piece)
        report = repo.scan_history()
        assert {f.path for f in report.findings} == {f"{n}.py" for n in range(12)}, piece
        assert report.files == 12


def test_a_name_of_a_file_is_no_finding(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage(TOKEN + ".txt", "nothing\n")  # the engine sees it in the tree
    repo.commit()
    assert not repo.scan_history().findings


def test_what_is_packed_or_wide_is_looked_into(tmp_path: Path) -> None:
    import gzip
    import io
    import zipfile

    repo = Repo(tmp_path / "repo")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.txt", f"{TOKEN}\n" * 3)
    repo.stage("a.zip", packed.getvalue())
    repo.stage("a.gz", gzip.compress(OTHER.encode()))
    repo.stage("wide.txt", f"a line\n{make_token(3)}\n".encode("utf-16"))
    repo.commit()
    found = {(f.path, f.inside): f.value.decode() for f in repo.scan_history().findings}
    assert found[("a.zip", ("inner.txt",))] == TOKEN
    assert found[("a.gz", ("contents",))] == OTHER
    assert make_token(3) in found.values() and len(found) == 3


def test_a_finding_in_a_notebook_names_its_cell(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    cells = [
        {"cell_type": "code", "metadata": {}, "source": [line], "outputs": []}
        for line in ("import os\n", f"token = '{TOKEN}'\n")
    ]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    repo.stage("a.ipynb", json.dumps(notebook, indent=1))
    repo.commit()
    (finding,) = repo.scan_history().findings
    assert finding.cell is not None and (finding.cell.number, finding.cell.part) == (2, "source")


def test_a_remark_accepts_a_finding(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("a.py", f"'{TOKEN}'  # credman:ignore\n")
    repo.commit()
    report = repo.scan_history()
    assert not report.findings and report.ignored == 1


def test_pointers_of_lfs_are_counted(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    for count in range(2):
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{count}\nsize 5\n"
        repo.stage(f"{count}.bin", pointer)
    repo.commit()
    assert repo.scan_history().notes == [
        "2 objects point to contents in Git LFS, which were not looked at"
    ]


def test_of_a_push_only_what_is_new_is_looked_at(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("old.py", OTHER)
    old = repo.commit()
    repo.stage("new.py", f"a\n{TOKEN}")
    brought = repo.commit("first")
    repo.git("rm", "-q", "new.py")  # pushed all the same
    new = repo.commit(f"second {make_token(3)}")
    report = repo.scan_history(new, "--not", old)
    found = [(f.path, f.line, f.commits) for f in report.findings]
    assert found == [("commit message", 1, (new,)), ("new.py", 2, (brought,))]
    assert report.files == 1


def test_a_push_to_a_remote_brings_what_its_branches_do_not_have(tmp_path: Path) -> None:
    origin = Repo(tmp_path / "origin")
    origin.stage("old.py", OTHER)
    origin.commit()
    repo = Repo(tmp_path / "repo", clone=str(origin.folder))
    repo.stage("new.py", TOKEN)
    new = repo.commit()
    assert show(repo.scan_history(new, "--not", "--remotes=origin")) == [("new.py", 1, 1)]
