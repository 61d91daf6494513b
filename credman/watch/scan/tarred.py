"""Members of tar files, one after the other as they stand there.

Rule: nothing is extracted, and no header makes anybody read more than a member may have. What a tar
file holds was looked through as it stands already: this adds the names, and opens what is packed.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator

from credman.watch.scan.content import Budget, Content, Memory

_BLOCK = tarfile.BLOCKSIZE
_LARGEST_NAME = 64 * 1024


def is_tar(head: bytes) -> bool:
    """Args: head: at least its first block."""
    return head[257:262] == b"ustar"


def list_members(content: Content, budget: Budget) -> Iterator[tuple[str, Content | None]]:
    """Yields: name and contents of each file; None: it is too large to be held, or of a kind that
    is not read.

    Raises:
        ValueError: it is damaged.
    """
    reader = _Reader(content)
    name = ""
    while len(block := reader.read(_BLOCK)) == _BLOCK and block.strip(b"\0"):
        try:
            member = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.TarError:
            raise ValueError("a header is damaged") from None
        size = max(member.size, 0) if _has_contents(member) else 0
        padding = -size % _BLOCK
        if member.type in (tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE) and size <= _LARGEST_NAME:
            name = _read_name(member.type, reader.read(size)) or name
            reader.skip(padding)
            continue
        if member.type in (tarfile.XGLTYPE, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE):
            reader.skip(size + padding)
            continue
        shown, name = name or member.name, ""
        if member.type not in tarfile.REGULAR_TYPES or size > budget.held:
            reader.skip(size + padding)
            if member.type in tarfile.REGULAR_TYPES:
                yield shown, None
            continue
        budget.held -= size
        try:
            yield shown, Memory(reader.read(size))
        finally:
            budget.held += size
        reader.skip(padding)


def _has_contents(member: tarfile.TarInfo) -> bool:
    return not (member.islnk() or member.issym() or member.isdev() or member.isdir())


def _read_name(kind: bytes, data: bytes) -> str:
    if kind == tarfile.GNUTYPE_LONGNAME:
        return data.rstrip(b"\0").decode("utf-8", "surrogateescape")
    _, found, rest = data.partition(b" path=")
    return rest.partition(b"\n")[0].decode("utf-8", "surrogateescape") if found else ""


class _Reader:
    """A content from its beginning to its end."""

    def __init__(self, content: Content) -> None:
        self._windows = content.windows()
        self._data = b""
        self._at = 0

    def read(self, size: int) -> bytes:
        """Returns: so many bytes, or fewer at the end."""
        return b"".join(self._take(size))

    def skip(self, size: int) -> None:
        for _ in self._take(size):
            pass

    def _take(self, size: int) -> Iterator[bytes]:
        while size > 0:
            if self._at >= len(self._data):
                window = next(self._windows, None)
                if window is None:
                    return
                self._data, self._at = window.data[window.start : window.stop], 0
                continue
            part = self._data[self._at : self._at + size]
            self._at += len(part)
            size -= len(part)
            yield part
