"""The Hugging Face Hub: what an upload would send, what it would refuse, what it said.

Rule: nothing is asked over the network, and huggingface_hub is not imported: which files it sends
is known from its source (``HfApi.upload_folder``, ``utils/_paths.py``, 2.4.0), and tests hold the
two together.
"""

from __future__ import annotations

import errno
import functools
import os
import re
import stat
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from credman.core.model import VersionState
from credman.watch.scan.findings import Finding, Unread
from credman.watch.scan.gitignore import LARGEST, Ignored, parse_gitignore
from credman.watch.scan.jobs import Job, open_file

_NEVER_SENT = (".git", ".cache/huggingface")
_GITIGNORE = ".gitignore"
_TOKEN = re.compile(rb"(?:hf|api_org)_[A-Za-z0-9_.-]{20,4096}")
_LEADS_NOWHERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


class Upload(NamedTuple):
    """Args: path: of the file whose bytes are sent; path_in_repo: where they go, with ``/``."""

    path: bytes
    path_in_repo: str


@dataclass(frozen=True, slots=True)
class Offence:
    """A file that the Hub did not take. Args: token: as the Hub repeats it, for comparing only;
    None: somebody took it out of the text."""

    path: str
    ref: str
    token: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Args: files: those that are named; none: the text was cut before them."""

    files: tuple[Offence, ...]


def list_upload(folder: bytes, problems: list[Unread]) -> Iterator[Upload]:
    """Which files ``upload_folder(folder_path=folder)`` sends, with its defaults.

    Files behind links are sent, directories behind links are not. A ``.gitignore`` at the top is
    honoured (by the Hub, which is told of it), one further down is not; where it is not certain
    that it leaves a file out, the file is listed.

    Args:
        problems: what keeps the folder, or a file that would be sent, from being looked at is
            added here.

    Yields:
        The files; whatever lies behind a link by its own path.
    """
    root = os.path.realpath(folder)
    ignored = _read_gitignore(root)
    stack = [(root, "")]
    while stack:
        place, prefix = stack.pop()
        try:
            with os.scandir(place) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except PermissionError as error:
            if place == root:  # of another one the library sends nothing either
                problems.append(Unread(".", _reason(error)))
            continue
        except OSError as error:
            problems.append(Unread(prefix.rstrip("/") or ".", _reason(error)))
            continue
        for entry in entries:
            name = prefix + os.fsdecode(entry.name)
            if _is_never_sent(name):
                continue
            try:
                if entry.is_dir(follow_symlinks=False):
                    stack.append((entry.path, f"{name}/"))
                elif stat.S_ISREG(entry.stat().st_mode) and not ignored.has(name):
                    path = os.path.realpath(entry.path) if entry.is_symlink() else entry.path
                    yield Upload(path, name)
            except OSError as error:
                if error.errno not in _LEADS_NOWHERE:
                    problems.append(Unread(name, _reason(error)))


def walk_upload(folder: str, cwd: str, problems: list[Unread]) -> Iterator[Job]:
    """Args: folder: relative to ``cwd``.

    Yields:
        What ``list_upload`` lists, named as the folder was given.
    """
    own: list[Unread] = []
    shown = "" if folder in (".", "./") else os.path.join(folder, "")
    for path, name in list_upload(os.path.join(os.fsencode(cwd), os.fsencode(folder)), own):
        yield Job(shown + name, functools.partial(open_file, path))
    for problem in own:
        place = folder if problem.path == "." else shown + problem.path
        problems.append(Unread(place, problem.reason))


def would_refuse(finding: Finding) -> bool:
    """Whether the Hub does not take a file with it, provided that the token is live, which only the
    Hub knows. It looks for its own tokens, as they are, in files that are not packed."""
    return (
        finding.encoding == "plain"
        and not finding.inside
        and (finding.owner is None or finding.owner.state is not VersionState.REVOKED)
        and _TOKEN.fullmatch(finding.value) is not None
    )


def _read_gitignore(root: bytes) -> Ignored:
    path = os.path.realpath(os.path.join(root, os.fsencode(_GITIGNORE)))
    try:
        opened = open_file(path)
        if opened is None:
            return parse_gitignore(b"")
        try:
            return parse_gitignore(opened.content.read(LARGEST) or b"")
        finally:
            opened.close()
    except OSError:
        return parse_gitignore(b"")  # then nothing is left out


def _is_never_sent(name: str) -> bool:
    # The library's patterns are fnmatch's, whose star takes slashes, and a backslash is one.
    name = name.replace("\\", "/")
    return any(
        name == base
        or name.startswith(f"{base}/")
        or name.endswith(f"/{base}")
        or f"/{base}/" in name
        for base in _NEVER_SENT
    )


def _reason(error: OSError) -> str:
    return (error.strerror or "failed").lower()


def _loose(text: str) -> str:
    """Returns: an expression for a text that may have been wrapped anywhere."""
    return r"\s*".join(re.escape(c) for c in text if not c.isspace())


# Colours and other escapes of a terminal; also those whose first byte got lost in a log.
_ESCAPE = re.compile(
    r"(?:\x1b|\\u001b|\\x1b|\\033|\^\[)(?:\[[0-9;?]{0,20}[A-Za-z]|\][^\x07\x1b]{0,500}(?:\x07|\x1b\\)|[=>(][A-Z0-9]?)"
)
_WRITTEN_LINE_END = re.compile(r"(?:\\r)?\\n(?=[\s-]|[A-Z]|\Z)")
_MARGIN = re.compile(r"[ \t>|│┃]*(?:remote:[ \t]?)?")
_SENTENCE = re.compile(_loose("files contain valid Hugging Face secrets"), re.IGNORECASE)
_LIST = re.compile(_loose("Offending files:"), re.IGNORECASE)
_OFFENCE = re.compile(
    _loose("(ref:")
    + r"(?P<ref>[^,()']{1,400}),\s*"
    + _loose("token:")
    + r"""\s*\\{0,2}['"‘’](?P<token>[^'"‘’\\]{0,4400})\\{0,2}['"‘’]\s*\)"""
)
_BULLET = re.compile(r"(?:^|\s)[-*•]\s+")


def explain(text: str) -> Refusal | None:
    """What the Hub said when it refused a commit (400) or a push, out of whatever surrounds it:
    tracebacks, logs, ``remote:``, colours, lines that were wrapped.

    Args:
        text: as somebody pasted it. Where a path was wrapped at a blank, the blank is lost.

    Returns:
        The files that it names, each once; None: it does not say anything of the kind.
    """
    plain = _strip(text)
    marks = deque(match.end() for match in _LIST.finditer(plain))
    offences: dict[Offence, None] = {}
    reached = 0
    for match in _OFFENCE.finditer(plain):
        start = reached
        while marks and marks[0] <= match.start():
            start = max(start, marks.popleft())
        before = plain[start : match.start()]
        if not start:  # the beginning was not pasted: its last line has to do
            before = before[before.rfind("\n", 0, len(before.rstrip())) + 1 :]
        bullet = _BULLET.search(before)
        if bullet is None:
            # Nothing says where the path begins: what stands before it may be anything.
            before = "".join(before.split()[-1:])
        path = "".join(map(str.strip, before[bullet.end() if bullet else 0 :].split("\n")))
        token = "".join(match["token"].split()).encode("utf-8", "replace")
        known = token if _TOKEN.fullmatch(token) else None
        offences[Offence(path, "".join(match["ref"].split()), known)] = None
        reached = match.end()
    if not offences and not _SENTENCE.search(plain):
        return None
    return Refusal(tuple(offences))


def _strip(text: str) -> str:
    text = _WRITTEN_LINE_END.sub("\n", _ESCAPE.sub("", text)).replace("\r", "\n")
    lines = (line[_margin(line) :].rstrip(" \t│┃") for line in text.split("\n"))
    return "\n".join(lines)


def _margin(line: str) -> int:
    match = _MARGIN.match(line)
    return match.end() if match else 0
