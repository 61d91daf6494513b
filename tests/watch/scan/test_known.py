"""What a commit or a push brings, and what its files had before."""

from __future__ import annotations

from pathlib import Path

import pytest

from credman.watch.scan import known
from credman.watch.scan.known import note_known
from tests.watch.scan.repositories import Repo, make_token, show, split

TOKEN, OTHER = make_token("one"), make_token("two")
ONE_KNOWN = ["1 finding in files of this push was there before: credman scan --history"]


def test_what_is_deleted_is_not_looked_at_and_what_was_moved_is_known(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("gone.py", TOKEN)
    repo.stage("moved.py", OTHER)
    repo.commit()
    repo.git("rm", "-q", "gone.py")
    repo.git("mv", "moved.py", "there.py")
    assert split(repo) == ([], [("there.py", 1)])
    repo.stage("there.py", f"and changed\n{OTHER}\n")
    assert split(repo) == ([], [("there.py", 2)])
    repo.stage("there.py", f"{OTHER}\n{OTHER}\n")
    assert split(repo) == ([("there.py", 1), ("there.py", 2)], [])


def test_a_copy_is_new_whether_the_file_stays_or_moves_elsewhere(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("a.py", TOKEN)
    repo.commit()
    repo.stage("copy.py", TOKEN)
    assert split(repo) == ([("copy.py", 1)], [])
    repo.git("mv", "a.py", "b.py")
    new, known = split(repo)
    assert len(new) == len(known) == 1 and {*new, *known} == {("b.py", 1), ("copy.py", 1)}


def test_of_a_file_that_is_gone_a_file_that_stays_takes_nothing_over(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("a.py", TOKEN)
    repo.stage("b.py", "clean\n")
    repo.commit()
    repo.git("rm", "-q", "a.py")
    repo.stage("b.py", TOKEN)
    assert split(repo) == ([("b.py", 1)], [])


def test_what_head_has_in_the_same_file_is_known(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("a.py", f"{TOKEN}\n")
    repo.stage("b.py", f"{OTHER}\n")
    repo.commit()
    repo.stage("a.py", f"one line more\n{TOKEN}\n")
    assert split(repo) == ([], [("a.py", 2)])
    repo.stage("a.py", f"{TOKEN}\n{OTHER}\n")  # that b.py has it says nothing
    assert split(repo) == ([("a.py", 2)], [("a.py", 1)])
    repo.stage("a.py", f"{TOKEN}\nonce more\n{TOKEN}\n")
    assert split(repo) == ([("a.py", 1), ("a.py", 3)], [])


def test_a_token_that_was_escaped_or_packed_before_is_known_as_well(tmp_path: Path) -> None:
    import gzip

    repo = Repo(tmp_path / "repo")
    escaped = b'{"t": "%b"}' % TOKEN.replace("h", "\\u0068", 1).encode()
    packed = [gzip.compress(begin + TOKEN.encode(), mtime=1) for begin in (b"", b"more ")]
    for before, after in ((escaped, b"\n" + escaped), packed):
        repo.stage("a", before)
        repo.commit()
        repo.stage("a", after)
        assert [len(part) for part in split(repo)] == [0, 1]


def test_a_remark_that_was_taken_away_makes_a_finding_new(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("a.py", f"'{TOKEN}'  # credman:ignore\n")
    repo.commit()
    repo.stage("a.py", f"'{TOKEN}'\n")
    assert split(repo) == ([("a.py", 1)], [])


def test_the_note_counts(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("a.py", f"{TOKEN}\n{OTHER}\n")
    findings = repo.scan_staged()[0].findings
    told = note_known(findings[:1]), note_known(findings, "push")
    assert told == (
        "1 finding in files of this commit was there before: credman scan --history",
        "2 findings in files of this push were there before: credman scan --history",
    )


def _make_repo(tmp_path: Path, *options: str) -> tuple[Repo, str]:
    """Returns: a repository that has a token, and the commit that brought it."""
    repo = Repo(tmp_path / "repo", *options)
    repo.stage("a.py", f"first\n{TOKEN}\n")
    return repo, repo.commit()


@pytest.mark.parametrize("options", [[], ["--object-format=sha256"]])
def test_what_the_other_side_has_in_the_same_file_does_not_block_a_push(
    tmp_path: Path, options: list[str]
) -> None:
    repo, old = _make_repo(tmp_path, *options)
    for count in range(3):
        repo.stage("a.py", f"other {count}\n{TOKEN}\n")
        new = repo.commit()
    report = repo.scan_history(new, "--not", old)
    assert not report.findings and not report.unread
    assert report.notes == ONE_KNOWN


def test_what_a_push_brings_is_found_however_often_its_file_is_changed(tmp_path: Path) -> None:
    repo, old = _make_repo(tmp_path)
    for line in ("one", "two"):
        repo.stage("a.py", f"{line}\n{TOKEN}\n{OTHER}\n")
        new = repo.commit()
    report = repo.scan_history(new, "--not", old)
    assert [f.value.decode() for f in report.findings] == [OTHER]
    assert report.notes == ONE_KNOWN
    assert len(repo.scan_history(new).findings) == 2  # nothing is there yet


def test_a_push_that_takes_a_token_away_again_has_brought_it(tmp_path: Path) -> None:
    repo, old = _make_repo(tmp_path)
    repo.stage("a.py", f"first\n{TOKEN}\n{OTHER}\n")
    brought = repo.commit()
    repo.stage("a.py", f"last\n{TOKEN}\n")
    report = repo.scan_history(repo.commit(), "--not", old)
    assert [(f.value.decode(), f.commits) for f in report.findings] == [(OTHER, (brought,))]


def test_once_more_in_the_same_file_or_in_another_one_blocks_a_push(tmp_path: Path) -> None:
    for path in ("a.py", "b.py"):
        repo, old = _make_repo(tmp_path / path)
        repo.stage(path, f"first\n{TOKEN}\nand\n{TOKEN}\n")
        assert {f.path for f in repo.scan_history(repo.commit(), "--not", old).findings} == {path}


def test_a_token_that_comes_back_is_brought_again(tmp_path: Path) -> None:
    repo, _ = _make_repo(tmp_path)
    repo.stage("a.py", "clean\n")
    old = repo.commit()
    repo.stage("a.py", f"back\n{TOKEN}\n")
    assert show(repo.scan_history(repo.commit(), "--not", old)) == [("a.py", 2, 1)]


def test_a_file_that_was_moved_and_changed_does_not_block_a_push_and_a_copy_does(
    tmp_path: Path,
) -> None:
    repo, old = _make_repo(tmp_path)
    repo.git("mv", "a.py", "b.py")
    repo.stage("b.py", f"moved\n{TOKEN}\n")
    moved = repo.commit()
    report = repo.scan_history(moved, "--not", old)
    assert not report.findings and report.notes == ONE_KNOWN
    repo.stage("copy.py", f"copied\n{TOKEN}\n")
    assert show(repo.scan_history(repo.commit(), "--not", moved)) == [("copy.py", 2, 1)]


def test_the_same_content_in_a_second_path_is_brought_though_the_first_had_it(
    tmp_path: Path,
) -> None:
    repo, old = _make_repo(tmp_path)
    for path in ("a.py", "b.py"):
        repo.stage(path, f"changed\n{TOKEN}\n")
    assert len(repo.scan_history(repo.commit(), "--not", old).findings) == 1


def test_a_merge_brings_what_none_of_its_parents_has(tmp_path: Path) -> None:
    repo, old = _make_repo(tmp_path)
    middle = "between\n" * 5
    repo.stage("a.py", f"first\n{middle}{TOKEN}\n")
    repo.commit()
    repo.git("switch", "-q", "-c", "side")
    repo.stage("a.py", f"side\n{middle}{TOKEN}\n")
    repo.commit()
    repo.git("switch", "-q", "main")
    repo.stage("a.py", f"first\n{middle}{TOKEN}\nlast\n")
    repo.commit()
    repo.git("merge", "-q", "side")
    merge = repo.git("rev-parse", "HEAD")
    report = repo.scan_history(merge, "--not", old)
    assert not report.findings and report.notes == ONE_KNOWN
    repo.git("reset", "-q", "--hard", "HEAD^")
    repo.git("merge", "-q", "--no-commit", "side")
    repo.stage("a.py", f"side\n{middle}{TOKEN}\nlast\n{OTHER}\n")
    evil = repo.commit()
    (finding,) = repo.scan_history(evil, "--not", old).findings
    assert finding.value == OTHER.encode() and finding.commits == (evil,)


def test_a_merge_may_keep_what_one_parent_has_and_brings_what_it_doubles(tmp_path: Path) -> None:
    repo, old = _make_repo(tmp_path)
    repo.git("switch", "-q", "-c", "side")
    repo.stage("a.py", "taken out\n")
    repo.commit()
    repo.git("switch", "-q", "main")
    repo.stage("a.py", f"kept\n{TOKEN}\n")
    repo.commit()
    repo.git("merge", "-q", "-s", "ours", "--no-commit", "side")
    repo.stage("a.py", f"merged\n{TOKEN}\n")
    merge = repo.commit()
    assert not repo.scan_history(merge, "--not", old).findings
    repo.git("switch", "-q", "-c", "other", "HEAD^")
    repo.stage("a.py", f"other\n{TOKEN}\n")
    repo.commit()
    repo.git("merge", "-q", "-s", "ours", "--no-commit", merge)
    repo.stage("a.py", f"{TOKEN}\n{TOKEN}\n")
    assert repo.scan_history(repo.commit(), "--not", old).findings


def test_what_cannot_be_compared_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo, old = _make_repo(tmp_path)
    before = repo.object_path(f"{old}:a.py")
    repo.stage("a.py", f"other\n{TOKEN}\n")
    new = repo.commit()
    monkeypatch.setattr(known, "_MOST", 0)
    assert show(repo.scan_history(new, "--not", old)) == [("a.py", 2, 1)]
    monkeypatch.undo()
    assert not repo.scan_history(new, "--not", old).findings
    before.unlink()
    assert show(repo.scan_history(new, "--not", old)) == [("a.py", 2, 1)]


def test_where_git_cannot_tell_all_changes_nothing_counts_as_known(tmp_path: Path) -> None:
    repo, old = _make_repo(tmp_path)
    repo.stage("a.py", f"other\n{TOKEN}\n")
    repo.commit()
    repo.stage("dir/b.py", "clean\n")
    new = repo.commit()
    repo.object_path(f"{new}:dir").unlink()
    assert show(repo.scan_history(new, "--not", old)) == [("a.py", 2, 1)]


def test_a_message_of_a_pushed_commit_is_always_new(tmp_path: Path) -> None:
    repo, old = _make_repo(tmp_path)
    report = repo.scan_history(repo.commit(f"it was {TOKEN}"), "--not", old)
    assert [f.path for f in report.findings] == ["commit message"]
