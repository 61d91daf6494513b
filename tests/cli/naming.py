"""Asking for names as a completion script does, and what they come from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from credman.cli.context import Context, Input, Output, visible
from credman.cli.terminal import Terminal
from credman.core.secret import Secret
from credman.stores.base import Keeper, Snapshot, Surroundings, open_store
from credman.vault.container import SealedVault
from credman.vault.document import Document
from tests.cli.harness import PASSPHRASE, Outcome, credman
from tests.stores.places import Answers

KINDS = [["tokens"], ["own"], ["environments"], ["profiles"], ["fields", "hf"]]


def ask(*arguments: str, environ: Mapping[str, str] | None = None) -> Outcome:
    """Asks where somebody sits who would answer, and makes sure that nobody is asked."""
    outcome = credman("__complete", *arguments, environ=environ, answers=[], passphrase=None)
    assert (outcome.exit_code, outcome.stderr, outcome.shown) == (0, "", [])
    return outcome


def lines(*arguments: str, environ: Mapping[str, str] | None = None) -> list[str]:
    return ask(*arguments, environ=environ).text.splitlines()


def cache() -> Path:
    return Path(os.environ["CREDMAN_HOME"], "state", "cache.json")


def vault() -> Path:
    return Path(os.environ["CREDMAN_HOME"], "data", "vault.age")


def configure(text: str) -> None:
    path = Path(os.environ["CREDMAN_HOME"], "config", "config.toml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


class Held:
    """What an agent holds: the identities of the vaults that were opened."""

    def __init__(self) -> None:
        self.identities: dict[str, bytes] = {}

    def find_identity(self, vault_id: str) -> bytes | None:
        return self.identities.get(vault_id)

    def opened(self, vault_id: str, identity: bytes, path: str) -> None:
        self.identities[vault_id] = identity

    def opened_keyring(self, backend: str) -> None: ...

    def outdated(self, vault_id: str, path: str) -> None: ...

    def recall(self, sealed: SealedVault) -> Document | None:
        return None

    def remember(self, sealed: SealedVault, document: Document) -> None: ...


def make_context(
    stdout: Output | None = None, stderr: Output | None = None, *, keeper: Keeper | None = None
) -> Context:
    """A caller without a terminal. Args: keeper: as where the agent runs a command."""
    nowhere = Output(lambda data: None)
    return Context(
        stdin=Input(lambda limit: b""),
        stdout=stdout or nowhere,
        stderr=stderr or nowhere,
        environ=visible(os.environ),
        cwd="/",
        terminal=Terminal(None),
        read_descriptor=lambda descriptor: b"",
        keeper=keeper,
    )


def look(keeper: Keeper | None = None) -> Snapshot:
    """Opens the vault with its passphrase, as its owner. Args: keeper: is told."""
    context = make_context()
    unlocker = Answers((Secret(PASSPHRASE),))
    surroundings = Surroundings(context.paths, "/", context.environ, unlocker, keeper)
    return open_store(f"file:{vault()}", surroundings).snapshot()
