"""The providers' patterns, ready to be looked for: compiled once, and kept.

The compiled database is native code of a kind, and hyperscan loads a damaged one without a word. So
it lies in the state directory, 0600, with a digest of its own, and is taken only if the file is
ours and nobody else's to write; else it is compiled again. Imports next to nothing.
"""

import os
import sys

from credman import __version__
from credman.watch.scan import engines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from credman.watch.scan.engines import Matcher
    from credman.watch.scan.rules import Rule

FILE = "patterns.hsdb"
_MAGIC = b"credman patterns 1\n"
_DIGEST = 32
_LARGEST = 16 * 1024 * 1024


class Patterns:
    """Args:
    matcher: its numbers are those of ``rules``; one more is ``escapes``.
    make: gives the rules; only asked when something was found.
    """

    def __init__(self, matcher: "Matcher", make: "Callable[[], Sequence[Rule]]") -> None:
        self.matcher = matcher
        self._make = make
        self._rules: Sequence[Rule] | None = None

    @property
    def rules(self) -> "Sequence[Rule]":
        if self._rules is None:
            self._rules = self._make()
        return self._rules

    @property
    def escapes(self) -> int:
        """The number that says: something is escaped that has to be read first."""
        return len(self.rules)


def open_patterns(
    state: str, own: str | None, *, engine: str | None = None, may_keep: bool = True
) -> Patterns:
    """Args:
        state: the state directory, where what was compiled is kept.
        own: folder with providers of one's own.
        engine: one of ``ENGINES``; None: the fastest that is there.
        may_keep: it may be written there; what lies there is taken in any case.

    Raises:
        UsageError: a provider's file is not as it should be.
        ImportError: the engine is not installed.
    """

    def make() -> "Sequence[Rule]":
        from credman.providers.catalogue import load_catalogue
        from credman.watch.scan.rules import make_rules

        return make_rules(load_catalogue(own))

    for name in (engine,) if engine else engines.ENGINES:
        try:
            if name == "hyperscan":
                return Patterns(_open_database(state, own, make, may_keep=may_keep), make)
            from credman.watch.scan.rules import list_bounded_sources, list_sources

            rules = make()
            sources = list_sources(rules)
            if name == "re2":
                return Patterns(engines.compile_re2(sources), make)
            sources = list_bounded_sources(rules)
            heads = [*(rule.heads for rule in rules), (b"\\u00", b":\\", b"%2", b"%3")]
            return Patterns(engines.compile_re(sources, heads), make)
        except ImportError:
            if engine:
                raise
    raise AssertionError  # the last of them is part of Python


def find_engine() -> str:
    """Returns: the fastest engine that is there."""
    try:
        engines.load_hyperscan()
    except ImportError:
        from importlib.util import find_spec

        return "re" if find_spec("re2") is None else "re2"
    return "hyperscan"


def _open_database(
    state: str, own: str | None, make: "Callable[[], Sequence[Rule]]", *, may_keep: bool
) -> "Matcher":
    hs = engines.load_hyperscan()
    key = _key(hs, own)
    path = os.path.join(state, FILE)
    body = _read(path, key)
    if body is not None:
        try:
            return engines.open_hyperscan(hs.loadb(body, hs.HS_MODE_BLOCK))
        except hs.error:
            pass  # of another processor: the home may be on a network
    from credman.watch.scan.rules import list_sources

    database = engines.compile_hyperscan(list_sources(make()))
    if may_keep:
        _write(path, key, hs.dumpb(database))
    return engines.open_hyperscan(database)


def _key(hs: "Any", own: str | None) -> bytes:
    """Returns: what stands for all that the database is made of."""
    import hashlib

    folder = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(__file__))), "providers")
    parts = [__version__, sys.version, sys.platform, os.uname().machine]
    for place in (os.path.join(folder, "data"), os.path.dirname(__file__), own):
        parts += _list_files(place)
    found = os.stat(hs.__file__)
    parts.append(f"{found.st_size} {found.st_mtime_ns}")
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).digest()


def _list_files(folder: str | None) -> list[str]:
    try:
        entries = [] if folder is None else sorted(os.scandir(folder), key=lambda e: e.name)
    except OSError:
        return []
    found = [(e.name, e.stat()) for e in entries if e.name.endswith((".toml", ".py"))]
    return [f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in found]


def _read(path: str, key: bytes) -> bytes | None:
    """Returns: the database that is kept for this key; None: there is none, or it is not whole."""
    import hashlib

    data = read_private(path, _LARGEST)
    start = len(_MAGIC)
    if data is None or not data.startswith(_MAGIC):
        return None
    digest, found = data[start : start + _DIGEST], data[start + _DIGEST : start + 2 * _DIGEST]
    rest = data[start + _DIGEST :]
    if found != key or hashlib.sha256(rest).digest() != digest:
        return None
    return rest[_DIGEST:]


def _write(path: str, key: bytes, body: bytes) -> None:
    import hashlib

    rest = key + body
    write_private(path, _MAGIC + hashlib.sha256(rest).digest() + rest)


def read_private(path: str, limit: int) -> bytes | None:
    """Returns: what lies in a file of ours that nobody else may read or write; None: there is no
    such file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        found = os.fstat(descriptor)
        is_ours = found.st_uid == os.geteuid() and found.st_mode & 0o170077 == 0o100000
        if not is_ours or found.st_size > limit:
            return None
        parts = []
        while part := os.read(descriptor, limit):
            parts.append(part)
        return b"".join(parts)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def write_private(path: str, data: bytes) -> bool:
    """Replaces a file, 0600. Returns: whether it could be written: whoever calls depends on it
    for time only."""
    import contextlib

    from credman.core.errors import CredmanError
    from credman.core.paths import make_private_directory

    temporary = f"{path}.{os.urandom(8).hex()}.tmp"
    try:
        make_private_directory(os.path.dirname(path))
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(temporary, flags, 0o600)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        finally:
            os.close(descriptor)
        os.rename(temporary, path)
    except (CredmanError, OSError):
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        return False
    return True
