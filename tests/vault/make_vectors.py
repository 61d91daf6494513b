"""Writes the vectors of ``tests/vault/vectors``: ``python -m tests.vault.make_vectors``.

Every byte follows from the vector's name, so running it again changes nothing. A vector that has
been released is never changed: it shows that old vaults still open.
"""

from __future__ import annotations

from pathlib import Path

from tests.vault.vector_cases import make_vectors

FOLDER = Path(__file__).parent / "vectors"


def main() -> None:
    for path in FOLDER.iterdir():
        if path.name != "README.md":
            path.unlink()
    for vector in make_vectors():
        (FOLDER / vector.name).write_bytes(vector.render())


if __name__ == "__main__":
    main()
