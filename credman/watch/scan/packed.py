"""What is packed inside of files.

Members of zip files (wheels, torch's ``.bin``, docx) and tar files, gzip, rows of sqlite databases.

Rule: nothing is ever executed or unpickled, a member is bytes; and whatever comes out of one file,
however often it is packed, has one budget of bytes and depth.
"""

from __future__ import annotations

import io
import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from credman.watch.scan.content import (
    Budget,
    Content,
    Cut,
    File,
    Memory,
    Readable,
    Stream,
    Window,
)
from credman.watch.scan.tarred import is_tar, list_members

if TYPE_CHECKING:
    import sqlite3
    from zipfile import ZipFile, ZipInfo

DEEPEST = 4
MOST_BYTES = 512 * 1024 * 1024
"""That may come out of one file."""
MOST_HELD = 24 * 1024 * 1024
"""Bytes of packed files in a packed one: they have to be held in memory."""
_MOST_MEMBERS = 100_000
_LARGEST_DIRECTORY = 16 * 1024 * 1024
_MOST_TABLES = 1000
_LARGEST_CELL = 16 * 1024 * 1024
_SHORT_BLOB = 16
_ROW_SECONDS = 20.0
"""To read all rows of a database; there may be a thousand million that hold nothing."""

_TOO_LARGE = "what is packed in it is packed again, and too large to be looked into"
_TAIL = 66_000
_PROGRAMS = (b"#!", b"MZ", b"\x7fELF")
_ENDINGS = (".pyz", ".pex", ".exe", ".run", ".sh", ".whl")

Member = tuple[str, Content]
Opener = Callable[[Content, Budget], Iterator[Member]]


class Unreadable(Exception):
    """Args: why: in words, for people."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def list_failures() -> tuple[type[Exception], ...]:
    """Returns: what is raised for archives that are damaged or of another kind."""
    import lzma
    import zipfile
    import zlib

    own = (Unreadable, Cut, zipfile.BadZipFile, struct.error, zlib.error, lzma.LZMAError)
    return (*own, EOFError, RuntimeError, ValueError, OverflowError, LookupError, OSError)


def find_opener(head: bytes) -> Opener | None:
    """Args: head: the first bytes. Returns: what opens it; None: it is not packed."""
    if head.startswith(b"PK\x03\x04"):
        return _open_zip
    if head.startswith(b"\x1f\x8b\x08"):
        return _open_gzip
    if head.startswith(b"SQLite format 3\0"):
        return _open_sqlite
    if is_tar(head):
        return _open_tar
    return None


def find_appended(name: str, head: bytes, content: Content) -> Opener | None:
    """Args: name: of the file; head: its first bytes. Returns: what opens the zip file behind the
    program that it begins with; None: there is none."""
    if not (head.startswith(_PROGRAMS) or name.lower().endswith(_ENDINGS)):
        return None
    tail = content.read_end(_TAIL) if isinstance(content, File | Memory) else b""
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) - place < 22:
        return None
    length, _, remark = struct.unpack("<IIH", tail[place + 12 : place + 22])
    if place + 22 + remark != len(tail):  # programs that write zip files hold these letters
        return None
    has_directory = length > place or tail.startswith(b"PK\x01\x02", place - length)
    return _open_zip if has_directory else None


def _open_tar(content: Content, budget: Budget) -> Iterator[Member]:
    for name, member in list_members(content, budget):
        yield name, _Closed(_TOO_LARGE) if member is None else member


@contextmanager
def _seekable(content: Content, budget: Budget) -> Iterator[IO[bytes]]:
    if isinstance(content, File):
        with os.fdopen(os.dup(content.descriptor), "rb") as file:
            yield file
        return
    data = _hold(content, budget)
    try:
        yield io.BytesIO(data)
    finally:
        budget.held += len(data)


def _hold(content: Content, budget: Budget) -> bytes:
    data = content.read(budget.held)
    if data is None:
        raise Unreadable(_TOO_LARGE)
    budget.held -= len(data)
    return data


def _open_zip(content: Content, budget: Budget) -> Iterator[Member]:
    import zipfile

    with _seekable(content, budget) as file:
        _check_directory(file)
        try:
            archive = zipfile.ZipFile(file)
        except list_failures():
            raise Unreadable("it is no whole zip file") from None
        with archive:
            for member in archive.infolist():
                if member.filename.endswith("/"):
                    continue
                if member.flag_bits & 1:
                    yield member.filename, _Closed("it is closed by a password")
                else:
                    yield member.filename, Stream(_opener(archive, member), budget)


def _opener(archive: ZipFile, member: ZipInfo) -> Callable[[], Readable]:
    return lambda: archive.open(member)


class _Closed:
    """A member that is not looked into. Args: why: in words."""

    def __init__(self, why: str) -> None:
        self._why = why

    def windows(self) -> Iterator[Window]:
        raise Unreadable(self._why)

    def read(self, limit: int) -> bytes | None:
        raise Unreadable(self._why)


def _check_directory(file: IO[bytes]) -> None:
    # Python reads the whole directory into objects before anybody can count them.
    size = file.seek(0, os.SEEK_END)
    start = max(size - _TAIL, 0)
    file.seek(start)
    tail = file.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) - place < 22:
        raise Unreadable("it is no whole zip file")
    (length,) = struct.unpack("<I", tail[place + 12 : place + 16])
    marker = tail.rfind(b"PK\x06\x06")
    if length == 0xFFFFFFFF and marker >= 0 and len(tail) - marker >= 56:
        place = marker
        (length,) = struct.unpack("<Q", tail[marker + 40 : marker + 48])
    too_many = Unreadable(f"it has more than {_MOST_MEMBERS:,} members")
    if length > _LARGEST_DIRECTORY:
        raise too_many
    # The number that it gives itself is whatever somebody wrote there.
    file.seek(max(start + place - length, 0))
    if file.read(length).count(b"PK\x01\x02") > _MOST_MEMBERS:
        raise too_many
    file.seek(0)


def _open_gzip(content: Content, budget: Budget) -> Iterator[Member]:
    import gzip

    with _seekable(content, budget) as file:

        def open_again() -> Readable:
            file.seek(0)
            return gzip.GzipFile(fileobj=file)

        yield "", Stream(open_again, budget)


def _open_sqlite(content: Content, budget: Budget) -> Iterator[Member]:
    import sqlite3

    connection = _connect(content, budget)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LARGEST_CELL)
        names = connection.execute(
            "SELECT CAST(name AS BLOB) FROM sqlite_master WHERE type = 'table' AND rootpage > 0"
        )
        connection.text_factory = _Text
        clock = _Clock()
        for (name,) in names.fetchmany(_MOST_TABLES):
            yield from _read_table(connection, name.decode("utf-8"), budget, clock)
    except sqlite3.Error:
        raise Unreadable("it is no whole sqlite database") from None
    finally:
        connection.close()


class _Text(bytes):
    """What the database holds as text, and not as a blob."""


class _Clock:
    """The time that reading takes, without the time in which what was read is looked through."""

    def __init__(self) -> None:
        self._spent, self._began = 0.0, time.monotonic()

    def start(self) -> None:
        self._began = time.monotonic()

    def stop(self) -> None:
        self._spent += time.monotonic() - self._began

    def is_late(self) -> bool:
        return self._spent + time.monotonic() - self._began > _ROW_SECONDS


def _connect(content: Content, budget: Budget) -> sqlite3.Connection:
    import sqlite3
    from urllib.parse import quote

    if isinstance(content, File) and os.path.exists("/proc/self/fd"):
        # As it lies there: nothing is locked, written or played back from a journal.
        path = quote(f"/proc/self/fd/{content.descriptor}")
        uri = f"file:{path}?mode=ro&immutable=1"
        try:
            return sqlite3.connect(uri, uri=True, check_same_thread=False)
        except sqlite3.Error:
            raise Unreadable("it is no whole sqlite database") from None
    data = content.read(budget.held)
    if data is None:
        raise Unreadable("the database in it is too large to be looked into")
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    try:
        connection.deserialize(data)
    except (sqlite3.Error, AttributeError):
        connection.close()
        raise Unreadable("it is no whole sqlite database") from None
    return connection


def _read_table(
    connection: sqlite3.Connection, table: str, budget: Budget, clock: _Clock
) -> Iterator[Member]:
    # What is computed is left out: whoever made the database would have it computed here.
    own = "SELECT CAST(name AS BLOB) FROM pragma_table_xinfo(?) WHERE hidden = 0"
    names = [name.decode("utf-8") for (name,) in connection.execute(own, (table,))]
    if not names:
        return
    columns = ", ".join(map(_quote, names))
    clock.start()
    rows = connection.execute(f"SELECT {columns} FROM {_quote(table)}")  # noqa: S608 - quoted
    number = 0
    while (row := rows.fetchone()) is not None:
        clock.stop()
        number += 1
        cells = [cell for cell in row if cell and isinstance(cell, bytes)]
        budget.take(sum(map(len, cells)))
        # A blob may be packed itself; what is short is read with the texts beside it.
        blobs = [c for c in cells if not isinstance(c, _Text) and len(c) > _SHORT_BLOB]
        texts = [c for c in cells if isinstance(c, _Text) or len(c) <= _SHORT_BLOB]
        for part in [*([b"\n".join(texts)] if texts else []), *blobs]:
            yield f"table {table}, row {number}", Memory(part)
        clock.start()
        if clock.is_late():
            raise Unreadable("it takes too long to be read")


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
