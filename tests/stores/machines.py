"""Machines that have one vault in a folder that is synced between them; each has its own state."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from credman.core.secret import Secret
from credman.stores.capabilities import Copy
from credman.stores.file import FileStore
from credman.vault.document import Document
from tests.matrix.faults import copy_home
from tests.stores.key_places import make_keyed_vault, read_document
from tests.stores.places import PASSPHRASE, add, names, open_vault, vault_file

CONFLICTS = {
    "dropbox": "vault (ana's conflicted copy 2026-03-01).age",
    "syncthing": "vault.sync-conflict-20260301-120000-ABCDEFG.age",
    "nextcloud": "vault (conflicted copy 2026-03-01 120000).age",
    "owncloud": "vault_conflict-20260301-120000.age",
    "onedrive": "vault-LAPTOP-7.age",
    "google drive": "vault (1).age",
    "icloud": "vault 2.age",
    "resilio": "vault.age.Conflict",
    "seafile": "vault (SFConflict ana@example.org 2026-03-01-12-00-00).age",
}
CONFLICT = CONFLICTS["dropbox"]


@dataclass(frozen=True)
class Machine:
    """Args: home: its data (the synced folder) and its state."""

    home: Path
    passphrase: Secret = PASSPHRASE

    @property
    def vault(self) -> Path:
        return vault_file(self.home)

    @property
    def backup(self) -> Path:
        return self.vault.with_name("vault.age.bak")

    def open(self, *answers: Secret) -> FileStore:
        return open_vault(self.home, None, *(answers or (self.passphrase,)))

    def write(self, *tokens: str) -> None:
        for token in tokens:
            add(self.open(), token)

    def names(self) -> set[str]:
        return names(self.open())

    def warnings(self) -> tuple[str, ...]:
        return self.open().snapshot().warnings

    def copies(self) -> tuple[Copy, ...]:
        return self.open().copies()

    def document(self) -> Document:
        return read_document(self.home, self.passphrase)

    def unsure(self) -> set[str]:
        return {token.key.name for token in self.open().snapshot().tokens if token.unsure}

    def receive(self, sender: Machine, name: str = "vault.age") -> Path:
        """The folder is synced: the other's vault arrives under a name. Returns: its path."""
        path = self.vault.with_name(name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(sender.vault, path)
        return path

    def restore(self, path: Path, *answers: Secret, merge: bool = False) -> FileStore:
        store = self.open(*answers)
        store.current()
        store.restore(store.read_copy(str(path)), merge=merge)
        return store

    def read_folder(self) -> dict[str, bytes]:
        """Returns: every file that credman must not touch unasked, and the record of the state."""
        folders = (self.vault.parent, self.home / "state")
        found = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
        return {path.name: path.read_bytes() for path in found if path.suffix != ".lock"}


def make_pair(place: Path) -> tuple[Machine, Machine]:
    """Returns: two machines that both have written to one vault, and have the same state of it:
    generation 4, with the tokens ``base``, ``ours`` and ``common``."""
    ana, ben = Machine(place / "ana"), Machine(place / "ben")
    for machine, template in zip((ana, ben), _make_templates(), strict=True):
        copy_home(template, machine.home)
    return ana, ben


@functools.cache
def _make_templates() -> tuple[Path, Path]:
    place = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    ana, ben = Machine(place / "ana"), Machine(place / "ben")
    make_keyed_vault(ana.home, "base")
    ben.receive(ana)
    ben.write("ours")
    ana.receive(ben)
    ana.write("common")
    ben.receive(ana)
    return ana.home, ben.home


def make_forks(place: Path, length: int = 2) -> tuple[Machine, Machine]:
    """Returns: two machines that both wrote so often after the last common state."""
    ana, ben = make_pair(place)
    for number in range(length):
        ana.write(f"ana-{number}")
        ben.write(f"ben-{number}")
    return ana, ben
