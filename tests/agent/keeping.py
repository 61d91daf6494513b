"""Stores that a real agent holds open, at places of a test's own; one agent serves many of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from credman.agent import client, control
from credman.core import wire
from credman.core.errors import Locked
from credman.core.paths import find_paths
from credman.core.secret import Secret
from credman.oskeyring.client import OsKeyring
from credman.stores.base import Creation, Store, Surroundings, open_store
from credman.stores.kept import KeptStore
from credman.vault.container import SealedVault
from credman.vault.document import Document
from tests.agent.agents import Agents, agents

PASSPHRASE = Secret("EXAMPLE passphrase")


class Asked:
    """Opens nothing but with these passphrases, and counts."""

    def __init__(self, *answers: Secret) -> None:
        self.answers = answers
        self.times = 0

    def passphrases(self, of: str = "", *, because: str = "") -> Iterator[Secret]:
        for answer in self.answers:
            self.times += 1
            yield answer
        raise Locked("nobody knows the passphrase")

    def keyring(self, *, opening: bool = False) -> OsKeyring | None:
        return None

    def tell(self, text: str) -> None:
        raise AssertionError(text)


class Noting:
    """A keeper that holds nothing and notes what was opened."""

    def __init__(self) -> None:
        self.noted: list[control.Opened] = []

    def find_identity(self, vault_id: str) -> bytes | None:
        return None

    def opened(self, vault_id: str, identity: bytes, path: str) -> None:
        self.noted.append(control.Opened(vault_id, identity, path))

    def opened_keyring(self, backend: str) -> None:
        raise AssertionError(backend)

    def outdated(self, vault_id: str, path: str) -> None:
        raise AssertionError(path)

    def recall(self, sealed: SealedVault) -> Document | None:
        return None

    def remember(self, sealed: SealedVault, document: Document) -> None:
        """Nothing."""


class Keeping(KeptStore):
    """As commands have it. With ``create`` the agent gets it to hold."""

    def __init__(self, home: Path, runtime: Path, *answers: Secret) -> None:
        places = {f"XDG_{n}_HOME": str(home / n.lower()) for n in ("DATA", "STATE", "CONFIG")}
        self.environ = {"HOME": str(home), "XDG_RUNTIME_DIR": str(runtime), **places}
        self.cwd = str(runtime)
        self.home, self.runtime = home, runtime
        self.asked = Asked(*answers)
        self.operations: list[bytes] = []
        """Those that the agent answered."""
        super().__init__(self.open_alone(self.asked), self._ask_agent)

    @property
    def url(self) -> str:
        return f"file:{find_paths(self.environ, self.cwd).vault}"

    def open_alone(self, asked: Asked, keeper: Noting | None = None) -> Store:
        """Returns: the store behind it, which knows of no agent."""
        paths = find_paths(self.environ, self.cwd)
        return open_store(self.url, Surroundings(paths, self.cwd, self.environ, asked, keeper))

    def create(self, creation: Creation) -> None:
        noting = Noting()
        self.open_alone(Asked(PASSPHRASE), noting).create(creation)
        (opened,) = noting.noted
        control.hand_over(self.environ, self.cwd, opened, idle=None, seconds=600)

    def again(self, *answers: Secret) -> Keeping:
        """Returns: the same, as another process has it."""
        return Keeping(self.home, self.runtime, *answers)

    def _ask_agent(self, operation: bytes, what: bytes) -> list[bytes] | None:
        caller = client.describe_caller(self.environ, self.cwd)
        request = [operation, wire.VERSION, *caller, self.url.encode(), what]
        answer = client.ask(self.environ, self.cwd, request, 30.0)
        if answer is not None and answer[0] in (wire.DONE, wire.FAILED):
            self.operations.append(operation)
        return answer


@contextmanager
def keeping(runtime: Path) -> Iterator[Agents]:
    """An agent for all that is kept there, which begins with the first. It ends with this."""
    runtime.mkdir(mode=0o700)
    with agents({"CREDMAN_HOME": os.devnull}) as found:
        found.folder = runtime / "credman"
        yield found
