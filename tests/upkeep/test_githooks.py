"""Hooks in real repositories: what is there before, between and after, to the byte."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from credman.core.errors import Refused
from credman.upkeep.githooks import list_found, plan_install, uninstall
from credman.upkeep.hookscript import FORMER, Hook, render_script
from tests.upkeep.repositories import (
    BOTH,
    PROGRAM,
    Repository,
    find_problems,
    make_repository,
    put,
    take_away,
    take_picture,
    write_hook,
)
from tests.upkeep.schedulers import write_program


def link_to(path: Path, target: Path) -> None:
    path.symlink_to(os.path.relpath(target, path.parent))


def write_ours(path: Path) -> Path:
    path.write_bytes(render_script(Hook.PRE_PUSH, PROGRAM))
    return path


BEFORE: dict[str, Callable[[Path], object]] = {
    "nothing": lambda folder: None,
    "file": lambda folder: write_hook(folder, "pre-commit"),
    "both": lambda folder: [write_hook(folder, hook.value) for hook in Hook],
    "not executable": lambda folder: write_hook(folder, "pre-push", mode=0o640),
    "empty": lambda folder: (folder / "pre-push").touch(mode=0o700),
    "not text": lambda folder: (folder / "pre-push").write_bytes(bytes(range(256)) * 9000),
    "link": lambda folder: link_to(folder / "pre-push", write_hook(folder.parent, "shared")),
    "link to one of ours": lambda folder: link_to(
        folder / "pre-push", write_ours(folder.parent / "shared")
    ),
    "link into nothing": lambda folder: (folder / "pre-commit").symlink_to("../gone"),
    "link to itself": lambda folder: (folder / "pre-commit").symlink_to("pre-commit"),
    "samples": lambda folder: write_hook(folder, "pre-commit.sample"),
}


@pytest.fixture(params=BEFORE)
def found(request: pytest.FixtureRequest, tmp_path: Path) -> Repository:
    repository = make_repository(tmp_path / "r")
    repository.hooks.mkdir()
    BEFORE[request.param](repository.hooks)
    return repository


def test_what_was_there_comes_back_as_it_was(found: Repository) -> None:
    before = take_picture(found.hooks)
    put(found.place)
    between = take_picture(found.hooks)
    for hook in Hook:
        name = hook.value
        assert between.pop(name)[1] == 0o755
        assert between.pop(name + FORMER, None) == before.get(name)
    assert between == {n: p for n, p in before.items() if n not in ("pre-commit", "pre-push")}
    take_away(found.place)
    assert take_picture(found.hooks) == before
    assert take_away(found.place) == []


def test_twice_is_once(found: Repository) -> None:
    put(found.place)
    between = take_picture(found.hooks)
    assert plan_install(found.place, BOTH, PROGRAM) == []
    put(found.place)
    assert take_picture(found.hooks) == between
    put(found.place, program=("/other", "-m", "credman"))  # credman has another place by now
    changed = take_picture(found.hooks)
    assert {name for name in changed if changed[name] != between[name]} == {
        "pre-commit",
        "pre-push",
    }
    assert [one.program for one in list_found(found.place)] == [("/other", "-m", "credman")] * 2


def test_one_of_the_two(tmp_path: Path) -> None:
    place = make_repository(tmp_path / "r").place
    put(place, Hook.PRE_PUSH)
    assert [one.hook for one in list_found(place)] == [Hook.PRE_PUSH]
    put(place)
    assert uninstall(place, [Hook.PRE_COMMIT]) == ([f"removed {place.folder}/pre-commit"], None)
    assert [one.hook for one in list_found(place)] == [Hook.PRE_PUSH]


@pytest.mark.parametrize("is_free", [False, True])
def test_a_name_that_is_taken_is_left_alone(is_free: bool, tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "r")
    write_hook(repository.hooks, "pre-push" + FORMER)
    if not is_free:
        write_hook(repository.hooks, "pre-push")
    before = take_picture(repository.hooks)
    with pytest.raises(Refused, match=rf"{repository.hooks}/pre-push{FORMER} is there already"):
        put(repository.place)  # also not the other one
    assert take_picture(repository.hooks) == before
    take_away(repository.place)
    after = {"pre-push": before["pre-push" + FORMER]} if is_free else before
    assert take_picture(repository.hooks) == after


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_hook_is_left_alone(kind: str, tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "r")
    repository.hooks.mkdir()
    path = repository.hooks / "pre-push"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    with pytest.raises(Refused, match=f"{path} is neither a file nor a link"):
        put(repository.place)
    assert os.listdir(repository.hooks) == ["pre-push"]
    assert take_away(repository.place) == []


def test_a_hook_that_goes_by_its_name_is_warned_of(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "r")
    path = write_hook(repository.hooks, "pre-push", 'exec manager run "$(basename "$0")"')
    write_hook(repository.hooks, "pre-commit")
    one, other = plan_install(repository.place, BOTH, PROGRAM)
    assert one.warning == ""
    assert other.warning == (
        f"{path} may look at its own name, which is {path}{FORMER} from now on: try it"
    )


@pytest.mark.parametrize("configured", [".husky/_", os.devnull])
def test_a_place_where_no_hook_would_stay(configured: str, tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "r")
    repository.git("config", "core.hooksPath", configured)
    with pytest.raises(Refused, match=r"husky makes .* anew|/dev/null, which is no folder") as said:
        put(repository.place)
    assert said.value.hint and not (repository.top / ".husky").exists()


# What others do in the meantime


def test_lines_of_others_stay(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "r")
    put(repository.place)
    path = repository.hooks / "pre-push"
    ours = path.read_bytes()
    theirs = b"#!/bin/bash\nset -e\n" + ours.removeprefix(b"#!/bin/sh\n") + b"make test\n"
    path.write_bytes(theirs)
    path.chmod(0o700)
    put(repository.place)
    assert path.read_bytes() == theirs
    put(repository.place, program=("/other",))
    assert path.read_bytes() == theirs.replace(b"/opt/credman", b"/other")
    path.chmod(0o700)
    assert take_away(repository.place) == [
        f"removed {repository.hooks}/pre-commit",
        f"took credman's lines out of {path}",
    ]
    assert take_picture(repository.hooks)["pre-push"][:2] == (
        b"#!/bin/bash\nset -e\nmake test\n", 0o700
    )  # fmt: skip


def test_two_that_nobody_can_join_are_left(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "r")
    for hook in Hook:
        write_hook(repository.hooks, hook.value)
    put(repository.place)
    with (repository.hooks / "pre-commit").open("a") as file:
        file.write("make test\n")
    before = take_picture(repository.hooks)
    done, problem = uninstall(repository.place, BOTH)
    assert done == [f"put back {repository.hooks}/pre-push"]  # the other one does not wait for it
    assert isinstance(problem, Refused) and "holds lines of somebody else's" in problem.message
    after = take_picture(repository.hooks)
    assert [after[n] for n in sorted(after)[:2]] == [before[n] for n in sorted(after)[:2]]
    assert after["pre-push"] == before["pre-push" + FORMER] and len(after) == 3


def test_torn_marks_are_left(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "r")
    put(repository.place)
    path = repository.hooks / "pre-push"
    path.write_bytes(path.read_bytes().replace(b"# credman hook: end\n", b""))
    before = take_picture(repository.hooks)
    with pytest.raises(Refused, match="one of the two marks"):
        put(repository.place, program=("/other",))
    assert take_picture(repository.hooks) == before
    assert "one of the two marks" in find_problems(repository.place)[1]
    done, problem = uninstall(repository.place, BOTH)
    assert len(done) == 1 and problem is not None
    assert take_picture(repository.hooks) == {"pre-push": before["pre-push"]}


def test_ours_removed_by_hand(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "r")
    write_hook(repository.hooks, "pre-push")
    before = take_picture(repository.hooks)
    put(repository.place)
    (repository.hooks / "pre-push").unlink()
    assert take_away(repository.place) == [
        f"removed {repository.hooks}/pre-commit", f"put back {repository.hooks}/pre-push",
    ]  # fmt: skip
    assert take_picture(repository.hooks) == before


def test_what_core_hookspath_hides_is_found(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "r")
    write_hook(repository.hooks, "pre-push")
    before = take_picture(repository.hooks)
    put(repository.place)
    repository.git("config", "core.hooksPath", ".githooks")
    problem = f"core.hooksPath leads to {repository.top}/.githooks, so git does not call it"
    assert find_problems(repository.place) == [problem] * 2
    put(repository.place, Hook.PRE_PUSH, program=("credman",))
    assert find_problems(repository.place) == ["", problem, problem]
    assert len(take_away(repository.place)) == 3
    assert take_picture(repository.hooks) == before


def test_a_hook_that_does_not_work_is_told_of(tmp_path: Path) -> None:
    place = make_repository(tmp_path / "r").place
    program = write_program(tmp_path, "credman", "")
    put(place, program=(str(program),))
    assert find_problems(place) == ["", ""]
    path = Path(place.folder, "pre-commit")
    path.chmod(0o644)
    assert find_problems(place)[0].startswith("it cannot be executed, so git passes it over")
    put(place, program=(str(program),))  # mends it
    assert find_problems(place) == ["", ""]
    text = path.read_text()
    path.write_text(text.replace(str(program), "'"))
    assert find_problems(place)[0].startswith("changed by somebody")
    path.write_text(text.replace("code=$?", "code=0"))
    assert find_problems(place)[0].startswith("not as credman writes it")
    path.write_text(text)
    program.unlink()
    assert find_problems(place)[0].startswith("what it calls is gone")


@pytest.mark.parametrize(
    "line",
    ["exit 0", "set -e; exit 0", "set -n", "set -o noexec", "cat >/dev/null", "npm test",
     "#!/bin/true", "#!/bin/sh -n", "if false; then"],
)  # fmt: skip
def test_lines_that_may_keep_git_from_ours_are_told_of(line: str, tmp_path: Path) -> None:
    place = make_repository(tmp_path / "r").place
    put(place, program=(str(write_program(tmp_path, "credman", "")),))
    path = Path(place.folder, "pre-push")
    shebang, ours = path.read_text().split("\n", 1)
    path.write_text(f"{line if line.startswith('#!') else f'{shebang}{chr(10)}{line}'}\n{ours}")
    assert find_problems(place)[0] == ""
    assert find_problems(place)[1].startswith("lines stand before credman's")


@pytest.mark.parametrize(
    "lines",
    ["#!/bin/sh", "#!/usr/bin/env bash", "#!/bin/bash -e\n# exit 0\n\nset -euo pipefail\nset +x -u",
     "", "\n  # a remark\n\tset -e;"],
)  # fmt: skip
def test_lines_that_change_nothing_for_ours_are_fine(lines: str, tmp_path: Path) -> None:
    place = make_repository(tmp_path / "r").place
    put(place, program=(str(write_program(tmp_path, "credman", "")),))
    path = Path(place.folder, "pre-push")
    path.write_text(f"{lines}\n{path.read_text().split(chr(10), 1)[1]}npm test\n")
    assert find_problems(place) == ["", ""]
