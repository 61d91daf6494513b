"""Files that are larger than the memory that a scan may take, each with a token in it."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.corpora import list_files

_TEXT, _SPARSE, _MEMBER = 2_000_000_000, 10_000_000_000, 400_000_000


def _fill(path: Path, corpus: Path, line: bytes) -> None:
    with path.open("wb") as out:
        while out.tell() < _TEXT:
            for source in list_files(corpus):
                if source.suffix in (".py", ".js", ".json"):
                    with source.open("rb") as file:
                        shutil.copyfileobj(file, out, 1 << 20)
                    if out.tell() >= _TEXT:
                        break
        out.write(line)


def _stretch(path: Path, corpus: Path, line: bytes) -> None:
    with path.open("wb") as out:
        for place in (0, _SPARSE // 2):
            out.seek(place)
            out.write(line)
        out.truncate(_SPARSE)


def _pack(path: Path, corpus: Path, line: bytes) -> None:
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("member", "w", force_zip64=True) as out,
    ):
        size = 0
        while size < _MEMBER:
            for source in list_files(corpus / "django"):
                size += out.write(source.read_bytes())
        out.write(line)


WRITERS: dict[str, Callable[[Path, Path, bytes], None]] = {
    "2 GB of text": _fill,
    "10 GB, sparse": _stretch,
    "a zip with a member of 400 MB": _pack,
}
"""Args: the file, the corpus, the line with the token."""
