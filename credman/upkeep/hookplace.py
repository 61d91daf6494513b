"""Where git looks for the hooks of a repository, and whom a hook there concerns.

Rule: git itself is asked, as it is set up for the caller; nothing of the repository is executed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from enum import Enum

from credman.core.environ import mask_environ
from credman.core.errors import CredmanError, Unavailable, UsageError
from credman.upkeep.calling import Done, System

_RELATIVE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR")


class Reach(Enum):
    """Whom a folder with hooks concerns."""

    REPOSITORY = "repository"  # this one, with its worktrees
    SHARED = "shared"  # everyone who has the repository: it lies among the files
    OUTSIDE = "outside"  # whatever other repository uses it as well


@dataclass(frozen=True, slots=True)
class Place:
    """Args:
    folder: where git looks for hooks; absolute, and need not exist.
    reach: whom that concerns.
    usual: where git would look without ``core.hooksPath``.
    is_bare: there are no commits made in it, only pushes.
    """

    folder: str
    reach: Reach
    usual: str
    is_bare: bool


def find_place(system: System, cwd: str) -> Place:
    """Raises:
    UsageError: this is the inside of ``.git``.
    Unavailable: there is no git, no repository, or it does not tell.
    """
    system = _resolve(system, cwd)
    if _ask(system, cwd, "--is-bare-repository") == "true":
        folder = _ask(system, cwd, "--absolute-git-dir")
        return _judge(system, folder, is_bare=True)
    if _ask(system, cwd, "--is-inside-git-dir") == "true":
        raise UsageError("this is the inside of .git", hint="cd to the files of the repository")
    # git gives a relative core.hooksPath as it is, and takes it from there.
    return _judge(system, _ask(system, cwd, "--show-toplevel"), is_bare=False)


def _judge(system: System, top: str, *, is_bare: bool) -> Place:
    common = os.path.realpath(os.path.join(top, _ask(system, top, "--git-common-dir")))
    folder = os.path.join(top, _ask(system, top, "--git-path", "hooks"))
    usual = os.path.join(common, "hooks")
    real = os.path.realpath(folder)
    if _is_within(real, common):
        reach = Reach.REPOSITORY
    elif is_bare or not _is_within(real, os.path.realpath(top)):
        reach = Reach.OUTSIDE
    else:
        # What git passes over reaches nobody else.
        ignored = _call(system, top, "check-ignore", "-q", "--", folder).code == 0
        reach = Reach.REPOSITORY if ignored else Reach.SHARED
    return Place(os.path.normpath(folder), reach, usual, is_bare)


def _is_within(path: str, folder: str) -> bool:
    return os.path.commonpath((path, folder)) == folder


def _ask(system: System, cwd: str, *words: str) -> str:
    done = _call(system, cwd, "rev-parse", *words)
    if done.code:
        raise _explain(done)
    return os.fsdecode(done.out.removesuffix(b"\n"))


def _call(system: System, cwd: str, *words: str) -> Done:
    git = system.find("git")
    if git is None:
        raise Unavailable("there is no git on PATH")
    # A repository may name a program for fsmonitor; it is the only one that these could start.
    return system.call([git, "-c", "core.fsmonitor=false", "-C", cwd, *words])


def _resolve(system: System, cwd: str) -> System:
    # These are relative to the caller's directory, and git is sent to others.
    named = [name for name in _RELATIVE if system.environ.get(name)]
    absolute = {name: os.path.join(cwd, system.environ[name]) for name in named}
    return replace(
        system, environ=mask_environ(system.environ) | absolute | {"GIT_OPTIONAL_LOCKS": "0"}
    )


def _explain(done: Done) -> CredmanError:
    if b"not a git repository" in done.err:
        return Unavailable("there is no git repository here", hint="begin inside of one")
    if b"dubious ownership" in done.err:
        return Unavailable(
            "git does not trust this repository, which belongs to another user",
            hint="git status says how to trust it",
        )
    return Unavailable("git cannot read this repository", hint="git status says why")
