"""Hooks whose installation is broken off, or refused by the system: the old one or the new one."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from credman.upkeep.hookscript import FORMER
from tests.requirements import require_program
from tests.stores.places import REPOSITORY
from tests.upkeep.repositories import (
    Repository,
    make_repository,
    put,
    take_away,
    take_picture,
    write_hook,
)

_DRIVER = """
import os, signal, sys
from credman.upkeep.githooks import install, plan_install, uninstall
from credman.upkeep.hookplace import Place, Reach
from credman.upkeep.hookscript import Hook
folder, action, last = sys.argv[1], sys.argv[2], int(sys.argv[3])
place = Place(folder, Reach.REPOSITORY, folder, False)
count = 0
def watch(event, given):
    global count
    if event in ("open", "os.rename", "os.link", "os.chmod", "os.remove", "os.mkdir"):
        if any(isinstance(word, str) and word.startswith(folder) for word in given[:2]) or (
            event == "os.chmod"
        ):
            count += 1
            if count == last:
                os.kill(os.getpid(), signal.SIGKILL)
os.umask(int(sys.argv[4], 8))
sys.addaudithook(watch)
if action == "install":
    install(plan_install(place, list(Hook), ["/opt/credman"]))
else:
    problem = uninstall(place, list(Hook))[1]
    if problem is not None:
        raise problem
"""


def drive(repository: Repository, action: str, last: int = 0, umask: str = "022") -> int:
    """Does it in a process of its own. Args: last: it is killed at this system call."""
    argv = [sys.executable, "-c", _DRIVER, str(repository.hooks), action, str(last), umask]
    done = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


@pytest.mark.parametrize("action", ["install", "uninstall"])
def test_killed_anywhere_a_hook_is_the_old_or_the_new_one(action: str, tmp_path: Path) -> None:
    kills = 0
    while True:
        kills += 1
        repository = make_repository(tmp_path / str(kills))
        write_hook(repository.hooks, "pre-push")
        before = take_picture(repository.hooks)
        put(repository.place)
        after = take_picture(repository.hooks)
        if action == "install":
            take_away(repository.place)
        code = drive(repository, action, kills)
        left = take_picture(repository.hooks)
        # A file that was not finished has a name that git does not know.
        mine = {n: p for n, p in left.items() if not re.fullmatch(r"\..*\.[0-9a-f]{16}\.tmp", n)}
        for name in ("pre-commit", "pre-push"):
            states = [picture[name][:2] for picture in (before, after) if name in picture]
            assert name not in mine or mine[name][:2] in states
        assert "pre-push" in mine  # a hook that was there is never missing
        assert before["pre-push"] in (mine["pre-push"], mine.get("pre-push" + FORMER))
        if action == "install" or code:
            put(repository.place)
            assert {n: take_picture(repository.hooks)[n][:2] for n in after} == {
                name: entry[:2] for name, entry in after.items()
            }
        take_away(repository.place)
        rest = {n: p for n, p in take_picture(repository.hooks).items() if n in after}
        assert rest == before
        if not code:
            break
    assert kills > 6


@pytest.mark.parametrize("is_done", [False, True])
def test_broken_off_by_a_signal_nothing_is_left_or_lost(
    is_done: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = make_repository(tmp_path / "r")
    write_hook(repository.hooks, "pre-commit")
    before = take_picture(repository.hooks)
    rename = os.rename

    def interrupted(source: str, target: str) -> None:
        # Ctrl-C in the moment before, or after.
        if is_done:
            rename(source, target)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", interrupted)
        with pytest.raises(KeyboardInterrupt):
            put(repository.place)
    left = take_picture(repository.hooks)
    assert before["pre-commit"] == left["pre-commit" + FORMER if is_done else "pre-commit"]
    assert not [name for name in left if name.endswith(".tmp")]
    assert is_done or left == before
    take_away(repository.place)
    assert take_picture(repository.hooks) == before


def test_without_links_between_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # FAT has none, and no test can mount it.
    def refuse(*given: object, **options: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    repository = make_repository(tmp_path / "r")
    write_hook(repository.hooks, "pre-push")
    before = take_picture(repository.hooks)
    put(repository.place)
    assert take_picture(repository.hooks)["pre-push" + FORMER] == before["pre-push"]
    take_away(repository.place)
    assert take_picture(repository.hooks) == before


@pytest.mark.parametrize(
    ("umask", "mode"), [("022", 0o755), ("002", 0o755), ("077", 0o700), ("777", 0o700)]
)
def test_whatever_the_umask_is_it_can_be_executed(umask: str, mode: int, tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "r")
    repository.hooks.mkdir()
    assert drive(repository, "install", umask=umask) == 0
    assert {picture[1] for picture in take_picture(repository.hooks).values()} == {mode}


@pytest.mark.parametrize("action", ["install", "uninstall"])
def test_a_folder_that_cannot_be_written_to_stays_as_it_is(action: str, tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "r")
    write_hook(repository.hooks, "pre-push")
    if action == "uninstall":
        put(repository.place)
    before = take_picture(repository.hooks)
    repository.hooks.chmod(0o555)
    said = f"cannot write {repository.hooks}/pre-commit: permission denied"
    assert said in fail(repository, action)
    assert take_picture(repository.hooks) == before
    repository.hooks.chmod(0o755)
    repository.hooks.joinpath("pre-push").chmod(0)
    assert f"cannot read {repository.hooks}/pre-push: permission denied" in fail(repository, action)
    assert sorted(take_picture(repository.hooks)) == sorted(before)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "r")
    repository.hooks.parent.chmod(0o555)
    said = f"cannot make {repository.hooks}: permission denied"
    assert said in fail(repository, "install")
    assert not repository.hooks.exists()


def fail(repository: Repository, action: str) -> str:
    """Returns: what is said by one who has no more rights than modes give, as root has not."""
    prefix = []
    if os.geteuid() == 0:
        prefix = [require_program("setpriv"), "--bounding-set=-all", "--inh-caps=-all"]
    argv = [*prefix, sys.executable, "-c", _DRIVER, str(repository.hooks), action, "0", "022"]
    done = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    return done.stderr
