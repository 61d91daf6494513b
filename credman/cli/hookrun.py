"""What the git hooks run: a scan of what is to be committed, or pushed, that asks nobody.

Rule: whatever goes wrong blocks. The ways round are git's own, such as ``--no-verify``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from credman.cli.accepting import leave_accepted
from credman.cli.context import Context
from credman.cli.knowing import learn, make_scanner
from credman.cli.options import Invocation, Result, command
from credman.cli.scan import print_report
from credman.cli.scangit import find_root, scan_staged
from credman.cli.scanreport import list_unread
from credman.core.environ import mask_environ
from credman.core.errors import UsageError
from credman.watch.scan.git import Repository
from credman.watch.scan.history import scan_history

if TYPE_CHECKING:
    import typer

BLOCKED = 1
_LARGEST_INPUT = 16 * 1024 * 1024
_ZERO, _HEX = frozenset("0"), frozenset("0123456789abcdef")
_TO, _FROM = "PRE_COMMIT_TO_REF", "PRE_COMMIT_FROM_REF"
_REMOTE, _BRANCH = "PRE_COMMIT_REMOTE_NAME", "PRE_COMMIT_LOCAL_BRANCH"
_URL = "PRE_COMMIT_REMOTE_URL"
_COMMAND = "CREDMAN_PASSPHRASE_COMMAND"


@command(selecting=False)
def hook_run(
    invocation: Invocation,
    stage: Annotated[
        str | None, typer.Argument(metavar="STAGE", help="pre-commit or pre-push")
    ] = None,
    remote: Annotated[
        str | None, typer.Argument(metavar="REMOTE", help="Where a push goes, as git says it")
    ] = None,
    url: Annotated[str | None, typer.Argument(metavar="URL", help="The same, its URL")] = None,
    framework: Annotated[
        bool, typer.Option("--framework", help="Called by the pre-commit framework")
    ] = False,
) -> Result:
    """Look for tokens in what is to be committed or pushed; what the git hooks call.

    Example: credman hook run pre-commit
    """
    # Nobody is asked: a command that gives the passphrase may open a window.
    passed = mask_environ(invocation.context.inherited).without((_COMMAND,))
    invocation.context = context = replace(invocation.context, inherited=passed)
    if framework == (stage is not None) or stage not in (None, "pre-commit", "pre-push"):
        raise UsageError("hook run takes pre-commit, pre-push or --framework")
    invocation.no_input = True
    with Repository(context.cwd, context.inherited) as repository:
        if framework:
            revisions = _list_of_framework(context.inherited, repository)
        elif stage == "pre-push":
            revisions = _list_pushed(context, repository, remote or "", url or "")
        else:
            revisions = None
        if revisions == []:
            return None
        known = learn(invocation, opens=True)
        scanner = make_scanner(invocation, known)
        root = find_root(repository) or context.cwd
        if revisions is None:
            report = scan_staged(scanner, repository)
        else:
            report = scan_history(scanner, repository, revisions)
    report = leave_accepted(context, root, None, report)
    if report.findings or any(unread.matters for unread in report.unread):
        print_report(context, report, known, context.stderr)
        act = "commit" if revisions is None else "push"
        if revisions is None and report.findings:
            context.note("take them out: credman clean --dry-run, and git add them again")
        context.note(f"credman: {act} blocked; git {act} --no-verify goes round this hook")
        return BLOCKED
    for line in list_unread(report):
        context.warn(f"not read: {line}")
    for note in [*report.notes, *filter(None, [known.remark])]:
        context.note(f"credman: {note}")
    return None


def _list_pushed(context: Context, repository: Repository, remote: str, url: str) -> list[str]:
    """Returns: for ``git rev-list``: what is pushed and is not there yet; nothing: nothing is."""
    data = context.stdin.read(_LARGEST_INPUT)
    if len(data) > _LARGEST_INPUT:
        raise UsageError("git names too many refs at once")
    pushed, there = [], []
    is_known = _is_followed(repository, remote, url)
    for line in data.removesuffix(b"\n").split(b"\n") if data else ():
        words = line.decode("utf-8", "replace").split(" ")
        if len(words) != 4 or not all(map(_is_object_id, words[1::2])):
            raise UsageError("git said something else than what is pushed")
        if not set(words[1]) <= _ZERO:  # else a ref is deleted
            pushed.append(words[1])
            there += [] if set(words[3]) <= _ZERO else [words[3]]
            # What was seen of that place last may be of another one, which had the name before.
            is_known = is_known and not (
                set(words[3]) <= _ZERO and _has_been_seen(repository, remote, words[2])
            )
    if not pushed:
        return []
    # What the other side has may not be known here; then more is looked at.
    known = repository.measure(there) if there else {}
    return [*pushed, "--not", *([f"--remotes={remote}"] if is_known else []), *known]


def _list_of_framework(environ: Mapping[str, str], repository: Repository) -> list[str] | None:
    """Returns: as ``_list_pushed``; None: a commit. The framework tells by variables what git tells
    on standard input (pre-commit 4, ``commands/run.py``)."""
    target, source = environ.get(_TO), environ.get(_FROM)
    if target and source:
        return [target, f"^{source}"]
    remote, branch = environ.get(_REMOTE), environ.get(_BRANCH)
    if remote and branch:  # a whole history, with its first commit
        is_known = _is_followed(repository, remote, environ.get(_URL, ""))
        return [branch, *(["--not", f"--remotes={remote}"] if is_known else [])]
    if target or source or remote or branch:
        raise UsageError("the pre-commit framework does not say what is pushed")
    return None


def _is_followed(repository: Repository, name: str, url: str) -> bool:
    """Whether what git remembers of a remote is what lies at that URL."""
    if not name or not url or name.startswith("-") or set(name) & set("*?[\\:"):
        return False  # the name is a URL itself: nothing is known of what lies there
    return url in repository.list_remote_urls(name)


def _has_been_seen(repository: Repository, remote: str, ref: str) -> bool:
    branch = ref.removeprefix("refs/heads/")
    return branch != ref and repository.find_ref(f"refs/remotes/{remote}/{branch}") is not None


def _is_object_id(text: str) -> bool:
    return len(text) in (40, 64) and set(text) <= _HEX
