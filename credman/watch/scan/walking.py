"""Which files there are: everything below the given paths, ignored or not.

Rule: links are not followed, so there is no loop and nothing outside; of a ``.git`` directory only
``config`` is read (URLs of remotes hold tokens), also
those of submodules and other working trees; what is committed is looked at through git.
"""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Iterable, Iterator

from credman.watch.scan.findings import Unread
from credman.watch.scan.jobs import Job, describe_failure, open_file

_GIT_FILES = (b"config", b"config.worktree")
_SPECIAL = (b"/proc", b"/sys", b"/dev")


def walk(paths: Iterable[str], cwd: str, problems: list[Unread]) -> Iterator[Job]:
    """Args:
        paths: files and directories, relative to ``cwd``.
        problems: directories that cannot be read are added here.

    Yields:
        The files, named as the paths were given; a directory before those in it.
    """
    foreign = _find_foreign()
    for path in paths:
        full = os.path.join(os.fsencode(cwd), os.fsencode(path))
        shown = b"" if path in (".", "./") else os.fsencode(path)
        try:
            mode = os.stat(full).st_mode  # what is named may be a link
        except OSError as error:
            problems.append(Unread(path, describe_failure(error)))
            continue
        if stat.S_ISDIR(mode):
            yield from _walk_directory(full, shown, problems, foreign)
        else:
            yield _job(os.path.realpath(full), shown, foreign)


def _walk_directory(
    full: bytes, shown: bytes, problems: list[Unread], foreign: frozenset[int]
) -> Iterator[Job]:
    stack = [(full, shown)]
    while stack:
        folder, name = stack.pop()
        try:
            with os.scandir(folder) as found:
                entries = list(found)
        except OSError as error:
            problems.append(Unread(os.fsdecode(name) or ".", describe_failure(error)))
            continue
        prefix = name + b"/" if name and not name.endswith(b"/") else name
        inner = _find_inside_git(folder, full)
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=False):
                    if not _leads_nowhere(inner, entry.name) and (
                        not foreign or not _is_foreign(entry, foreign)
                    ):
                        stack.append((entry.path, prefix + entry.name))
                elif entry.is_file(follow_symlinks=False) and (
                    inner is None or entry.name in _GIT_FILES
                ):
                    yield _job(entry.path, prefix + entry.name, foreign)
            except OSError as error:
                where = os.fsdecode(prefix + entry.name)
                problems.append(Unread(where, describe_failure(error)))


def _find_inside_git(folder: bytes, top: bytes) -> list[bytes] | None:
    """Returns: the directories from ``.git`` to this one; None: it is not in one."""
    parts = folder[len(top) :].strip(b"/").split(b"/")
    return parts[parts.index(b".git") + 1 :] if b".git" in parts else None


def _leads_nowhere(inner: list[bytes] | None, name: bytes) -> bool:
    # Submodules lie in modules, one in the other; other working trees in worktrees.
    if inner is None:
        return False
    if not inner:
        return name not in (b"modules", b"worktrees")
    return name in (b"objects", b"refs", b"logs", b"hooks", b"info", b"lfs")


def _job(path: bytes, shown: bytes, foreign: frozenset[int]) -> Job:
    return Job(os.fsdecode(shown), functools.partial(open_file, path, foreign=foreign))


def _is_foreign(entry: os.DirEntry[bytes], foreign: frozenset[int]) -> bool:
    if entry.name not in (b"proc", b"sys", b"dev", b"fs", b"pts"):
        return False
    return entry.stat(follow_symlinks=False).st_dev in foreign


def _find_foreign() -> frozenset[int]:
    # Their files are no files: some never end.
    devices = set()
    for path in _SPECIAL[:2]:
        try:
            devices.add(os.stat(path).st_dev)
        except OSError:
            continue
    try:
        root = os.stat("/").st_dev
    except OSError:
        root = -1
    return frozenset(devices - {root})
