"""Where git looks for hooks: in real repositories of every kind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from credman.core.errors import Refused, Unavailable, UsageError
from credman.upkeep.calling import System
from credman.upkeep.githooks import plan_install
from credman.upkeep.hookplace import Place, Reach, find_place
from credman.upkeep.hookscript import Hook
from tests.requirements import require
from tests.upkeep.repositories import (
    BOTH,
    PROGRAM,
    Repository,
    find_problems,
    make_repository,
    put,
    take_away,
    take_picture,
)
from tests.upkeep.schedulers import write_program


def test_the_usual_place(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "r")
    assert not repository.hooks.exists()
    assert repository.place == Place(
        str(repository.hooks), Reach.REPOSITORY, str(repository.hooks), False
    )
    put(repository.place)
    assert sorted(take_picture(repository.hooks)) == ["pre-commit", "pre-push"]


@pytest.mark.parametrize("below", ["", "a/b"])
@pytest.mark.parametrize(
    ("configured", "folder", "reach"),
    [
        (".githooks", "r/.githooks", Reach.SHARED),
        ("ignored/hooks", "r/ignored/hooks", Reach.REPOSITORY),
        (".git/other", "r/.git/other", Reach.REPOSITORY),
        ("../others", "others", Reach.OUTSIDE),
        ("~/hooks", "home/hooks", Reach.OUTSIDE),
        ("linked", "r/linked", Reach.OUTSIDE),
        (".", "r", Reach.SHARED),
    ],
)
def test_where_core_hookspath_leads(
    configured: str, folder: str, reach: Reach, below: str, tmp_path: Path
) -> None:
    repository = make_repository(tmp_path / "r")
    repository.write(".gitignore", "ignored/\n")
    (repository.top / "linked").symlink_to("../others")
    (tmp_path / "others").mkdir()
    repository.git("config", "core.hooksPath", configured)
    (repository.top / below).mkdir(parents=True, exist_ok=True)
    place = find_place(repository.system, str(repository.top / below))
    assert (place.folder, place.reach) == (str(tmp_path / folder), reach)
    assert place.usual == str(repository.hooks)
    put(place)
    found = repository.git("rev-parse", "--git-path", "hooks/pre-push")  # as git sees it
    assert (repository.top / found).samefile(tmp_path / folder / "pre-push")


def test_a_worktree_has_the_hooks_of_its_repository(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "r")
    repository.commit("a")
    repository.git("worktree", "add", "-q", "../w")
    other = Repository(tmp_path / "w", repository.environ)
    assert other.place == repository.place


def test_a_submodule_has_its_own(tmp_path: Path) -> None:
    make_repository(tmp_path / "other").commit("a")
    repository = make_repository(tmp_path / "r")
    add = ("-c", "protocol.file.allow=always", "submodule", "add", "-q", f"{tmp_path}/other", "s")
    repository.git(*add)
    inside = Repository(repository.top / "s", repository.environ)
    assert inside.place.folder == str(repository.top / ".git" / "modules" / "s" / "hooks")
    assert inside.place.reach is Reach.REPOSITORY


def test_a_bare_one_has_pushes_only(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "r.git", "--bare")
    place = repository.place
    assert (place.folder, place.is_bare) == (str(repository.top / "hooks"), True)
    for hooks in ([Hook.PRE_COMMIT], BOTH):
        with pytest.raises(Refused, match="no commits are made in a bare repository"):
            plan_install(place, hooks, PROGRAM)
    put(place, Hook.PRE_PUSH)
    assert list(take_picture(repository.top / "hooks")) == ["pre-push"]
    repository.git("config", "core.hooksPath", str(tmp_path / "others"))
    assert repository.place.reach is Reach.OUTSIDE


def test_what_the_caller_s_variables_say_counts_from_his_directory(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "r")
    elsewhere = tmp_path / "a" / "b"
    elsewhere.mkdir(parents=True)
    relative = {"GIT_DIR": "../../r/.git", "GIT_WORK_TREE": "../../r"}
    place = find_place(System({**repository.system.environ, **relative}), str(elsewhere))
    assert place == repository.place


def test_no_repository(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "r")
    with pytest.raises(Unavailable, match="there is no git repository here"):
        find_place(repository.system, str(tmp_path))
    with pytest.raises(UsageError, match=r"this is the inside of \.git"):
        find_place(repository.system, str(repository.top / ".git"))
    with pytest.raises(Unavailable, match="there is no git on PATH"):
        find_place(System({"PATH": str(tmp_path)}), str(repository.top))
    repository.write(".git/config", "[core]\n\trepositoryformatversion = 99\n")
    with pytest.raises(Unavailable, match="git cannot read this repository"):
        assert repository.place


def test_a_repository_of_another_user(tmp_path: Path) -> None:
    require(os.geteuid() == 0, "only root can give a file away")
    repository = make_repository(tmp_path / "r")
    for path in (repository.top, repository.top / ".git"):
        os.chown(path, 12345, 12345)
    with pytest.raises(Unavailable, match="git does not trust this repository"):
        assert repository.place


def test_nothing_of_a_hostile_repository_is_executed(tmp_path: Path) -> None:
    top = tmp_path / "a\nb\x1b[31m'c"
    repository = make_repository(top)
    trap = write_program(tmp_path, "trap", f"touch {tmp_path}/sprung")
    settings = ("core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "diff.external")
    for setting in (*settings, "alias.rev-parse", "alias.check-ignore", "filter.x.clean"):
        repository.git("config", setting, f"!{trap}" if "alias" in setting else str(trap))
    repository.git("config", "core.hooksPath", "some\nhooks\x1b")
    place = repository.place
    assert place.folder == str(top / "some\nhooks\x1b") and place.reach is Reach.SHARED
    put(place)
    assert find_problems(place) == ["what it calls is gone, so it lets nothing through: "
                                    "credman hook install"] * 2  # fmt: skip
    assert len(take_away(place)) == 2
    assert not (tmp_path / "sprung").exists()
