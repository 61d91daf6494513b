"""What lies between a working tree and its repository.

That is what the index holds, which the next commit takes, and the files that git does not ignore.

Rule: what is new in a commit is told apart from what was there before; both are told.
"""

from __future__ import annotations

import functools
import itertools
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from credman.core.environ import mask_environ
from credman.core.errors import Unavailable
from credman.watch.scan.findings import Finding, Unread
from credman.watch.scan.git import EMPTY_TREES, Repository
from credman.watch.scan.jobs import Job, open_file
from credman.watch.scan.known import Change, Step, count_values, list_brought
from credman.watch.scan.scanner import Scanner
from credman.watch.scan.walking import walk

_GITLINK = b"160000"
_CHOOSING = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
_DEEPEST = 8
"""Repositories in repositories."""


@dataclass(frozen=True, slots=True)
class Staged:
    """What is in the index and not, or otherwise, in HEAD.

    Args:
        jobs: named by their paths in the repository.
        notes: what is in it and cannot be looked at.
        before: of each path the object that HEAD has there, if it has one.
        gone: objects that HEAD has where the index has nothing any more.
        objects: of the jobs.
    """

    jobs: tuple[Job, ...] = ()
    notes: tuple[str, ...] = ()
    before: Mapping[str, str] = field(default_factory=dict)
    gone: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()


def list_staged(repository: Repository) -> Staged:
    """Args: repository: stays open until the jobs are done.

    Returns:
        What the next commit would take; ``GIT_INDEX_FILE`` is the index of a partial one.

    Raises:
        Unavailable: there is no index, or git cannot read it.
    """
    if repository.is_bare:
        raise Unavailable(
            "this repository has no working tree, so nothing is staged",
            hint="look at what it holds: credman scan --history",
        )
    wanted: list[tuple[str, str]] = []
    before: dict[str, str] = {}
    gone: list[str] = []
    links = conflicts = 0
    for fields, path in _list_changes(repository):
        if fields[4] == b"U":
            conflicts += 1
        elif fields[4] == b"D":
            gone.append(fields[2].decode("ascii"))
        elif fields[1] == _GITLINK:
            links += 1
        else:
            wanted.append((os.fsdecode(path), fields[3].decode("ascii")))
            if fields[0] not in (b"000000", _GITLINK):
                before[wanted[-1][0]] = fields[2].decode("ascii")
    names = tuple(name for _, name in wanted)
    shapes = repository.measure(names)
    jobs = [
        Job(path, functools.partial(repository.open_object, name, shapes.get(name)))
        for path, name in wanted
    ]
    notes = []
    if links:
        what = "submodule is a commit" if links == 1 else "submodules are commits"
        notes.append(f"{links:,} {what} of another repository, which was not looked at")
    if conflicts:
        what = "file is" if conflicts == 1 else "files are"
        notes.append(f"{conflicts:,} {what} in conflict, and not staged before that is resolved")
    return Staged(tuple(jobs), tuple(notes), before, tuple(gone), names)


def _list_changes(repository: Repository) -> Iterator[tuple[list[bytes], bytes]]:
    """Yields: modes, objects and the letter of each entry of the index that differs; its path."""
    head = repository.ask("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    # Before the first commit, and where HEAD is damaged, all of the index is new.
    base = EMPTY_TREES[repository.object_format] if head.code else head.out.decode("ascii").strip()
    answer = repository.ask(
        *("diff-index", "--cached", "--raw", "-z", "--no-abbrev", "--no-renames", "--no-relative"),
        *("--no-ext-diff", "--no-textconv", "--ignore-submodules=none"),
        *("--ita-invisible-in-index", "--diff-filter=ACDMRTU", base, "--"),
    )
    if answer.code:
        raise Unavailable("git cannot read what is staged", hint="git status says why")
    words = answer.out.split(b"\0")
    for entry, path in zip(words[0::2], words[1::2], strict=False):
        fields = entry[1:].split(b" ")
        if len(fields) == 5:
            yield fields, path


def split_known(
    findings: Iterable[Finding], staged: Staged, repository: Repository, scanner: Scanner
) -> tuple[list[Finding], list[Finding]]:
    """Args: findings: in what is staged. scanner: that found them; one like it looks at what HEAD
    has in the same files, and in those that are gone.

    Returns:
        Those that the commit brings; those of which HEAD's file has no fewer, or that stood in a
        file that the commit takes away, and now stand in one that is new.
    """
    now = count_values(findings := [*findings])
    changes = [
        Change(path, (staged.before[path],) if path in staged.before else ())
        for path in sorted(now)
    ]
    steps = [Step(changes, staged.gone)]
    brought = list_brought(steps, now, repository, scanner)
    new: list[Finding] = []
    known: list[Finding] = []
    for finding in sorted(findings, key=lambda f: f.rank):
        (new if (finding.path, finding.value) in brought else known).append(finding)
    return new, known


def list_unignored(
    paths: Iterable[str], cwd: str, environ: Mapping[str, str], problems: list[Unread]
) -> Iterator[Job]:
    """Args:
        paths: relative to ``cwd``; a file that is named is looked at, ignored or not.
        problems: what cannot be read is added here.

    Returns:
        The files below the paths, tracked or not, that git does not ignore; also in repositories
        inside of the repository.

    Raises:
        Unavailable: a directory is in no repository, or git cannot read it.
    """
    parts: list[Iterable[Job]] = []
    for path in paths:
        full = os.path.join(cwd, path)
        if not os.path.isdir(full):
            parts.append(walk([path], cwd, problems))
            continue
        shown = b"" if path in (".", "./") else os.path.join(os.fsencode(path), b"")
        names = _ask_for_names(full, environ)
        parts.append(_list_files(os.fsencode(full), shown, names, environ, problems, 0))
    return itertools.chain.from_iterable(parts)


def _ask_for_names(folder: str, environ: Mapping[str, str]) -> bytes:
    # It is the path that says which repository is meant.
    own = mask_environ(environ).without(_CHOOSING)
    with Repository(folder, own) as repository:
        answer = repository.ask("ls-files", "-z", "-co", "--exclude-standard", "--", ".")
    if answer.code:
        raise Unavailable(
            "git cannot list the files that it does not ignore",
            hint="look at all of them: leave out --respect-gitignore",
        )
    return answer.out


def _list_files(
    folder: bytes,
    shown: bytes,
    names: bytes,
    environ: Mapping[str, str],
    problems: list[Unread],
    depth: int,
) -> Iterator[Job]:
    last = b""
    # Its configuration is ignored by nobody, and may hold a token in the URL of a remote.
    for name in (b".git/config", *names.split(b"\0")):
        if not name or name == last:  # what is in conflict is listed once for each side
            continue
        last = name
        full = os.path.join(folder, name)
        try:
            mode = os.lstat(full).st_mode
        except (FileNotFoundError, NotADirectoryError):
            continue  # it is in the index only
        except OSError as error:
            reason = (error.strerror or "failed").lower()
            problems.append(Unread(os.fsdecode(shown + name), reason))
            continue
        if stat.S_ISREG(mode):
            yield Job(os.fsdecode(shown + name), functools.partial(open_file, full))
        elif stat.S_ISDIR(mode) and os.path.lexists(os.path.join(full, b".git")):
            below = os.path.join(shown + name, b"")
            try:
                if depth >= _DEEPEST:
                    raise Unavailable("too many repositories inside of one another")
                inner = _ask_for_names(os.fsdecode(full), environ)
            except Unavailable as error:
                problems.append(Unread(os.fsdecode(below), error.message))
                continue
            yield from _list_files(
                os.path.join(full, b""), below, inner, environ, problems, depth + 1
            )
