"""What counts as left out is left out by git as well, and of usual lines nothing else."""

from __future__ import annotations

import functools
import itertools
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from credman.watch.scan.gitignore import LARGEST, parse_gitignore
from tests.requirements import require_program

PATHS = [
    "/".join(parts)
    for size in (1, 2, 3)
    for parts in itertools.product(["a", "b.json", "ab", ".x", "A", "ö", "a b", "a]"], repeat=size)
]
USUAL = [
    *("a", "*.json", "/a", "a/", "/a/", "a/b.json", "**/a", "a/**", "a/**/ab", "**/a/**", "**"),
    *("*", "/*", "*/", ".x", ".*", "a*", "*b*", "a*b", "b.[js]son", "?b", "[ab]", "[!a]", "[a-z]"),
    *("# a", "", "a ", "a\r", "!a", "!/a", "!a/", "!*.json", "!**/ab", "!.x", "a b", "ö", "/"),
]
UNUSUAL = [
    *("\\a", "a\\ ", "[[:alpha:]]", "[^a]", "[a", "[]a]", "a**", "**a", "a//b", "!a**", "![a]"),
    *("!?", "!\\a", "a\t", "\ufeffa", "[z-a]", "!", "!!a", " a", "a/./b", "../a", "\\!a", "\\#"),
]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(USUAL), max_size=5))
def test_of_usual_lines_the_same_as_git(lines: list[str]) -> None:
    # In letters of the other case readers differ.
    differing = {path for path in PATHS if "A" in path}
    assert left_out(lines) - differing == ask_git(lines) - differing


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from([*USUAL, *UNUSUAL]), max_size=5))
def test_of_any_lines_nothing_that_git_takes_in(lines: list[str]) -> None:
    assert left_out(lines) <= ask_git(lines)


@given(st.lists(st.text(st.sampled_from(list("ab.*?![]/\\# \t\r^-")), max_size=8), max_size=4))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_of_lines_made_by_chance_nothing_that_git_takes_in(lines: list[str]) -> None:
    assert left_out(lines) <= ask_git(lines)


def test_an_exception_counts_whatever_its_case() -> None:
    # Some readers fold case: what they take in again is looked at.
    assert left_out(["*", "!A"]) == {
        path for path in PATHS if not {"a", "A"}.issuperset(path.split("/"))
    }


@pytest.mark.parametrize("line", [line for line in UNUSUAL if not line.startswith("!")])
def test_an_unusual_line_leaves_nothing_out(line: str) -> None:
    assert left_out([line]) == set()


@pytest.mark.parametrize("line", ["!a**", "![a]", "!?", "!\\a", "!", "!a//b", "!a\t"])
def test_an_unusual_exception_takes_everything_in(line: str) -> None:
    assert left_out(["*", line]) == set()
    assert left_out([line, "a"]) == left_out(["a"])


@pytest.mark.parametrize("data", [b"\xff\n*\n", b"*\n" * 3000, b"*" + b"\n" * LARGEST])
def test_what_is_no_list_leaves_nothing_out(data: bytes) -> None:
    assert not parse_gitignore(data).has("a")


@pytest.mark.parametrize("line", ["*a" * 60 + "b", "**/" * 49 + "b", "a/" * 10_000 + "b"])
def test_stars_take_no_longer_than_what_they_are_compared_with(line: str) -> None:
    # What tries all ways to place them would not come to an end here.
    ignored = parse_gitignore(line.encode())
    assert not ignored.has("/".join(["a" * 250] * 200))


def left_out(lines: Sequence[str]) -> set[str]:
    ignored = parse_gitignore("\n".join(lines).encode())
    return {path for path in PATHS if ignored.has(path)}


@functools.cache
def make_repository(git: str) -> tempfile.TemporaryDirectory[str]:
    place = tempfile.TemporaryDirectory()
    subprocess.run([git, "init", "-q", place.name], check=True, capture_output=True)
    return place


def ask_git(lines: Iterable[str]) -> set[str]:
    git = require_program("git")
    place = make_repository(git).name
    Path(place, ".gitignore").write_bytes("\n".join(lines).encode())
    answer = subprocess.run(
        [git, "-C", place, "check-ignore", "--no-index", "-z", "--stdin"],
        input=b"".join(b"./" + path.encode() + b"\0" for path in PATHS),
        capture_output=True,
        check=False,
    )
    assert answer.returncode in (0, 1), answer.stderr
    return {path[2:].decode() for path in answer.stdout.split(b"\0") if path}
