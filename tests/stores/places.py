"""Stores at places of a test's own, and what one does with them. Every call makes new ones."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from credman.core.config import Config
from credman.core.model import Field
from credman.core.paths import find_paths
from credman.core.scope import Selection
from credman.core.secret import Secret
from credman.oskeyring.client import OsKeyring
from credman.session import Session
from credman.stores.additions import NewToken
from credman.stores.base import Creation, Store, Surroundings, open_store
from credman.stores.file import FileStore

PASSPHRASE = Secret("EXAMPLE passphrase")
REPOSITORY = Path(__file__).parents[2]


@dataclass
class Answers:
    """Answers with these passphrases, and counts how often somebody asks."""

    answers: tuple[Secret, ...] = (PASSPHRASE,)
    asked: int = field(default=0)

    def passphrases(self, of: str = "", *, because: str = "") -> Iterator[Secret]:
        for answer in self.answers:
            self.asked += 1
            yield answer

    def keyring(self, *, opening: bool = False) -> OsKeyring | None:
        return None

    def tell(self, text: str) -> None:
        pass


def make_surroundings(
    home: Path, *answers: Secret, environ: Mapping[str, str] | None = None
) -> Surroundings:
    given = {"CREDMAN_HOME": str(home), "HOME": str(home)} if environ is None else environ
    unlocker = Answers(answers or (PASSPHRASE,))
    return Surroundings(find_paths(given, str(home)), str(home), given, unlocker)


def open_vault(home: Path, rest: str | None = None, *answers: Secret) -> FileStore:
    """Returns: the file store of a home, opened by nobody yet."""
    surroundings = make_surroundings(home, *answers)
    store = open_store(f"file:{rest or surroundings.paths.vault}", surroundings)
    assert isinstance(store, FileStore)
    return store


def make_vault(home: Path, *names: str, rest: str | None = None) -> FileStore:
    """Returns: a new vault that holds tokens of these names, the value of each its name."""
    store = open_vault(home, rest)
    store.create(Creation(PASSPHRASE))
    for name in names:
        add(store, name)
    return store


def add(
    store: Store,
    name: str,
    value: str | None = None,
    *,
    note: str = "",
    variable: str | None = None,
) -> None:
    variable = variable or name.upper().replace("-", "_")
    new = NewToken(name, (Field(variable, (variable,)),), note=note, replace=True)
    Session(store, Config(), Selection()).add(new, {variable: Secret(value or name)})


def names(store: Store) -> set[str]:
    return {token.key.name for token in store.snapshot().tokens}


def vault_file(home: Path) -> Path:
    return home / "data" / "vault.age"


def leftovers(directory: Path) -> list[str]:
    """Returns: temporary files in a directory."""
    return sorted(name for name in os.listdir(directory) if name.endswith(".tmp"))


def find_seen(home: Path) -> Path:
    """Returns: the one record of what was last seen."""
    (found,) = (home / "state" / "seen").iterdir()
    return found
