"""What the hook for pushes looks at: all that the other side has not, as far as that is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.scans import TOKEN, keep_patterns
from tests.committing import git, hook, make_project, put


@pytest.fixture(autouse=True)
def _compiled() -> None:
    keep_patterns()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path)


@pytest.fixture
def remote(project: Path, tmp_path: Path) -> Path:
    made = tmp_path / "remote.git"
    git(project, "init", "-q", "--bare", str(made))
    git(project, "remote", "add", "origin", str(made))
    git(project, "commit", "-qm", "first")
    git(project, "push", "-q", "origin", "main")
    return made


def push(project: Path, *refs: tuple[str, str], remote: str = "origin", url: str = "") -> bytes:
    lines = "".join(f"refs/heads/x {new} refs/heads/main {old}\n" for new, old in refs)
    where = url or str(project.parent / "remote.git")
    done = hook(project, "pre-push", remote, where, said=lines.encode())
    assert done.returncode in (0, 1)
    return done.stderr if done.returncode else b""


def head(project: Path, name: str = "HEAD") -> str:
    return git(project, "rev-parse", name).stdout.decode().strip()


def test_a_push_of_a_token_is_blocked_wherever_in_its_commits_it_is(
    project: Path, remote: Path
) -> None:
    old = head(project)
    put(project, "x", TOKEN.encode())
    git(project, "commit", "-qm", "with it")
    git(project, "rm", "-q", "x")
    git(project, "commit", "-qm", "without it")
    said = push(project, (head(project), old))
    assert b"x:1:1" in said and head(project, "HEAD~1")[:9].encode() in said
    assert b"push blocked; git push --no-verify" in said
    assert push(project, (head(project), "0" * 40))
    assert push(project, (head(project), "1" * 40))  # of somebody else: not here
    assert push(project, (head(project), old), remote="https://host/x.git")


def test_a_push_of_what_the_other_side_has_is_not(project: Path, remote: Path) -> None:
    put(project, "x", TOKEN.encode())
    git(project, "commit", "-qm", "with it")
    git(project, "push", "-q", "origin", "main")
    put(project, "y", b"clean")
    git(project, "commit", "-qm", "clean")
    assert push(project, (head(project), head(project, "HEAD~1"))) == b""


def test_a_push_to_another_place_of_the_same_name_is_looked_at_as_a_whole(
    project: Path, remote: Path
) -> None:
    put(project, "x", TOKEN.encode())
    git(project, "commit", "-qm", "with it")
    git(project, "push", "-q", "origin", "main")
    new = head(project)
    assert push(project, (new, "0" * 40))  # it has no main, and we had seen one
    assert push(project, (new, "0" * 40), url="../public.git")
    assert push(project, (new, new)) == b""


def test_a_push_that_only_deletes(project: Path, remote: Path) -> None:
    assert push(project, ("0" * 40, head(project))) == b""
    assert push(project) == b""


@pytest.mark.parametrize("line", [b"x", b"a b c d\n", b"--all x x x\n", b"\xff\xff \n"])
def test_a_push_that_nobody_understands_is_blocked(project: Path, line: bytes) -> None:
    git(project, "commit", "-qm", "first")
    assert hook(project, "pre-push", "origin", "x", said=line).returncode != 0
