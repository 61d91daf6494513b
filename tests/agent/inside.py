"""An agent's inside, in the process of the test, on a clock that is set by hand."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from credman.agent import client, control
from credman.core import wire
from credman.core.secret import Secret
from credman.server import storing
from credman.server.held import Held
from credman.server.rings import Rings
from credman.server.running import run_command
from credman.stores import transfer
from credman.vault.container import parse_vault
from tests.cli.harness import PASSPHRASE
from tests.cli.keyed import vault

IDLE, HARD = control.IDLE_SECONDS, control.HARD_SECONDS


@dataclass
class Inside:
    """Args: at: what its clock shows, in seconds."""

    at: float = 1000.0
    held: Held = field(init=False)
    rings: Rings = field(init=False)

    def __post_init__(self) -> None:
        self.held = Held(lambda: self.at)
        self.rings = Rings(self.held)

    def hold(self, *, idle: float | None = IDLE, seconds: float = HARD) -> str:
        """Holds the vault of this test's home. Returns: its id."""
        vault_id, identity = open_identity()
        self.held.hold(vault_id, identity, str(vault()), idle=idle, until=self.at + seconds)
        return vault_id

    def run(self, *argv: str, pid: int | None = None) -> bytes:
        """Returns: the first word of the answer. Raises: Declined"""
        kinds = wire.pack([b"other", b"other", b"other", b"80"])
        parts = [wire.pack(map(os.fsencode, argv)), *describe(), kinds]
        return run_command(self.held, self.rings, parts, os.getpid() if pid is None else pid)[0]

    def ask_store(self, *request: object) -> object:
        """Returns: what the store says. Raises: Declined"""
        url = f"file:{vault()}".encode()
        parts = [*describe(), url, transfer.dump(request)]
        word, data = storing.answer(self.held, self.rings, parts)
        assert word == wire.DONE, data
        return transfer.load(data)

    def left(self) -> float:
        """Returns: seconds until something is dropped."""
        return self.held.seconds_left()


def describe() -> list[bytes]:
    environ = {k: v for k, v in os.environ.items() if k != "CREDMAN_AGENT"}
    return client.describe_caller(environ, "/")


def open_identity(path: Path | None = None) -> tuple[str, bytes]:
    """Args: path: of a vault; None: of this test's home. Returns: its id and identity."""
    found = parse_vault((path or vault()).read_bytes()).find_slot(Secret(PASSPHRASE))
    assert found is not None
    slot, identity = found
    return slot.vault_id, identity
