"""The light door of the git hook.

Most commits hold nothing that looks like a token, and are told so before anything else is loaded.

Rule: it says "clean" or nothing. Whatever it does not understand, whatever an engine finds, and
what has to be unpacked or decoded first, goes the ordinary way: ``credman hook run`` judges.
Nothing in a project or in the environment switches it off.
"""

import os
import sys

from credman.agent import client
from credman.core import wire

TYPE_CHECKING = False  # typing costs more to import than all of this module
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from credman.watch.scan.engines import Matcher

_MOST_FILES = 1000
"""Their object ids fit into a pipe at once."""
_MOST_BYTES = 16 * 1024 * 1024
_BEGINNING = 32
_LITTLE = 256 * 1024
"""Bytes in which it takes less to look for each form than to make an engine look for all."""
_DIFF = (
    "diff-index", "--cached", "--raw", "-z", "--no-abbrev", "--no-renames", "--no-relative",
    "--no-ext-diff", "--no-textconv", "--ignore-submodules=none", "--ita-invisible-in-index",
    "--diff-filter=ACMRTU", "HEAD", "--",
)  # fmt: skip
"""As ``watch.scan.worktree`` asks; a test holds the two together."""
_READ = ("cat-file", "--batch")
_GIT = ("git", "--no-replace-objects", "-c", "core.fsmonitor=false")
_PACKED = (b"PK\x03\x04", b"\x1f\x8b\x08", b"SQLite format 3\0", b"\xff\xfe", b"\xfe\xff",
           b"\0\0\xfe\xff", b"version https://git-lfs")  # fmt: skip
_TAR, _TAR_PLACE = b"ustar", slice(257, 262)
_ZIP_END, _TAIL = b"PK\x05\x06", 66_000
_FIRST = 4096
_SETTING = b"cache"
_SUBMODULE = b"160000"
_PRIVATE = "CREDMAN_PASSPHRASE"
_ENVIRONMENT = {
    # No transport at all: a partial clone would fetch what it misses, by a command that the
    # repository names.
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
}
_WHY = "credman: the store is not open (credman unlock): your stored values were "
_REMARK = (
    f"{_WHY}looked for by fingerprint, in plain form only\n",
    f"{_WHY}not looked for, only patterns\n",
)


def is_clean(
    argv: "Sequence[str]", environ: "Mapping[str, str]", cwd: str, *, may_use_agent: bool
) -> str | None:
    """Args: argv: after ``hook run``; environ, cwd: of the caller.

    Returns:
        What is to be said of a commit in which nothing was found, mostly nothing; None: it is not
        known whether it is clean.
    """
    state, own = _find_places(environ, cwd)
    if [*argv] != ["pre-commit"] or state is None or own is None:
        return None
    # git is the caller's own, and none that lies in the project.
    if not all(map(os.path.isabs, environ.get("PATH", ".").split(os.pathsep))):
        return None
    if _may_want_no_cache(os.path.join(os.path.dirname(own), "config.toml")):
        return None
    # git works while the patterns are loaded.
    diff, reader = _Git([*_GIT, *_DIFF], environ), _Git([*_GIT, *_READ], environ)
    try:
        try:
            from credman.watch.scan import engines, patterns

            engines.load_hyperscan()
            matcher = patterns.open_patterns(state, own, engine="hyperscan").matcher
        except ImportError:
            return None
        staged = _list_staged(diff.finish(b""))
        data = None if staged is None else reader.finish(b"".join(staged[0]))
    finally:
        diff.end()
        reader.end()
    blobs = None if staged is None or data is None else _split(data)
    if blobs is None or staged is None:
        return None
    blobs.append(b"\n".join(staged[1]))  # a name may hold one as well
    if any(_may_hold_one(matcher, blob) for blob in blobs):
        return None
    if not staged[0]:
        return ""
    values = _ask_values(environ, cwd) if may_use_agent else None
    if values is not None:
        return "" if _holds_none(values, blobs) else None
    return _look_by_fingerprints(state, blobs)


def _may_hold_one(matcher: "Matcher", data: bytes) -> bool:
    # Text with NULs may be UTF-16; whoever decides that is not loaded yet.
    return (
        bool(matcher.find(data))
        or data.startswith(_PACKED)
        or b"\0" in data[:_FIRST]
        or data[_TAR_PLACE] == _TAR
        or _ZIP_END in data[-_TAIL:]
    )


def _holds_none(values: "list[bytes]", blobs: "list[bytes]") -> bool:
    from credman.watch.scan.engines import compile_hyperscan, open_hyperscan
    from credman.watch.scan.needles import make_needles

    # The beginnings of the forms are enough to tell that there is none; those of UTF-16 have NULs.
    forms = {needle.form[:_BEGINNING] for needle in make_needles(values)}
    wide = [form for form in forms if b"\0" in form]
    narrow = [form for form in forms if b"\0" not in form]
    for data in blobs:
        if b"\0" in data and any(form in data for form in wide):
            return False
    if sum(map(len, blobs)) <= _LITTLE:
        whole = b"\n".join(blobs)
        return not any(form in whole for form in narrow)
    if not narrow:
        return True
    matcher = open_hyperscan(compile_hyperscan(narrow, is_literal=True))
    return not any(matcher.find(data) for data in blobs)


def _look_by_fingerprints(state: str, blobs: "list[bytes]") -> str | None:
    from credman.watch.scan import fingerprints, recognizing

    known = fingerprints.load(state)
    if known is None:
        is_store_known = os.path.lexists(os.path.join(state, "seen"))
        return _REMARK[1] if is_store_known else ""
    finder = known.make_finder()
    try:
        for data in blobs:
            for _ in finder.find_all(data):
                return None
    except recognizing.TooMany:
        return None
    return _REMARK[0]


def _ask_values(environ: "Mapping[str, str]", cwd: str) -> "list[bytes] | None":
    """Returns: the stored values, where an agent holds them; None: nobody said."""
    if client.is_off(environ):
        return None
    request = [
        wire.RUN,
        wire.VERSION,
        wire.pack([client.VALUES.encode()]),
        *client.describe_caller(environ, cwd),
        wire.pack([b"other", b"other", b"other", b"80"]),
    ]
    answer = client.ask(environ, cwd, request)
    try:
        if answer is None or answer[0] != wire.DONE or answer[1] != b"0":
            return None
        chunks = wire.unpack(answer[2])
        if any(chunk[:1] != b"\1" for chunk in chunks):
            return None
        return wire.unpack(b"".join(chunk[1:] for chunk in chunks))
    except (ValueError, IndexError):
        return None


def _find_places(environ: "Mapping[str, str]", cwd: str) -> "tuple[str | None, str | None]":
    """Returns: the state directory, and that of providers of one's own, as ``core.paths`` has them,
    which costs more to import than all of this."""
    home = environ.get("CREDMAN_HOME")
    if home:
        root = os.path.abspath(os.path.join(cwd, home))
        return os.path.join(root, "state"), os.path.join(root, "config", "providers")
    own = environ.get("HOME", "")
    if not os.path.isabs(own) or sys.platform != "linux":
        return None, None
    places = []
    for variable, fallback in (("XDG_STATE_HOME", ".local/state"), ("XDG_CONFIG_HOME", ".config")):
        base = environ.get(variable, "")
        if not os.path.isabs(base):
            if os.geteuid() == 0 and os.stat(own).st_uid != 0:
                return None, None  # refused elsewhere, with a reason
            base = os.path.join(own, fallback)
        places.append(os.path.join(base, "credman"))
    return places[0], os.path.join(places[1], "providers")


def _may_want_no_cache(config: str) -> bool:
    # Whoever reads TOML is not loaded yet.
    try:
        with open(config, "rb") as file:
            return _SETTING in file.read()
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _list_staged(raw: bytes | None) -> "tuple[list[bytes], list[bytes]] | None":
    """Args: raw: what ``git diff-index --raw -z`` said.

    Returns:
        The ids of what is staged, a line each, and the paths; None: it could not be told, or is
        too much.
    """
    if raw is None:
        return None
    ids, paths = [], []
    words = raw.split(b"\0")
    for entry, path in zip(words[:-1:2], words[1::2], strict=True):
        fields = entry.split(b" ")
        if len(fields) != 5 or not entry.startswith(b":") or fields[4] == b"U":
            return None
        paths.append(path)
        if fields[1] != _SUBMODULE:
            ids.append(fields[3] + b"\n")
    return (ids, paths) if len(ids) <= _MOST_FILES else None


def _split(data: bytes) -> "list[bytes] | None":
    blobs, place = [], 0
    while place < len(data):
        end = data.find(b"\n", place)
        head = data[place:end].split(b" ")
        if end < 0 or len(head) != 3 or head[1] != b"blob" or not head[2].isdigit():
            return None
        start, size = end + 1, int(head[2])
        if start + size + 1 > len(data):
            return None
        blobs.append(data[start : start + size])
        place = start + size + 1
    return blobs


class _Git:
    """A git that runs while something else is done. ``subprocess`` costs more than both."""

    def __init__(self, argv: "Sequence[str]", environ: "Mapping[str, str]") -> None:
        self._open: list[int] = []
        self._pid = 0
        try:
            source, self._feed = self._pipe()
            self._result, sink = self._pipe()
            null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
            self._open.append(null)
            actions = [(os.POSIX_SPAWN_DUP2, d, n) for n, d in enumerate((source, sink, null))]
            passed = {k: v for k, v in environ.items() if not k.startswith(_PRIVATE)}
            full = {**passed, **_ENVIRONMENT}
            self._pid = os.posix_spawnp(argv[0], [*argv], full, file_actions=actions)
            for descriptor in (source, sink, null):
                self._close(descriptor)
        except OSError:
            return  # it is not there; whoever goes on the ordinary way is told so

    def finish(self, given: bytes) -> bytes | None:
        """Args: given: for its standard input; less than a pipe holds.

        Returns:
            What it wrote; None: it failed, or wrote too much.
        """
        if not self._pid:
            return None
        parts, size = [], 0
        try:
            os.write(self._feed, given)
            self._close(self._feed)
            while size <= _MOST_BYTES and (part := os.read(self._result, 1024 * 1024)):
                parts.append(part)
                size += len(part)
        except OSError:
            return None
        return b"".join(parts) if size <= _MOST_BYTES and self.end() == 0 else None

    def end(self) -> int:
        """Closes what it reads and writes, and waits. Returns: its exit code."""
        for descriptor in [*self._open]:
            self._close(descriptor)
        if not self._pid:
            return 1
        pid, self._pid = self._pid, 0
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def _pipe(self) -> tuple[int, int]:
        ends = os.pipe()
        self._open += ends
        return ends

    def _close(self, descriptor: int) -> None:
        self._open.remove(descriptor)
        os.close(descriptor)
