"""Somebody's session with a login keyring of its own, and what they type in it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from credman.core.keyslots import KEYRING_SERVICE
from credman.vault.container import parse_vault
from tests.cli.harness import Outcome, credman, make_value, program
from tests.cli.keyed import vault
from tests.oskeyring.bus import Bus, bus


@dataclass
class Desk:
    """Somebody's session: what is typed there, and the keyring of it.

    Args:
        passphrase: given outright to every command; None: only at prompts.
    """

    bus: Bus
    passphrase: str | None = None

    def credman(
        self, *argv: str, answers: list[str] | None = None, stdin: bytes | None = None
    ) -> Outcome:
        """Runs a command in this process."""
        given = {k: v for k, v in self.bus.environ.items() if k not in ("HOME", "PATH")}
        passphrase = self.passphrase
        return credman(*argv, answers=answers, stdin=stdin, environ=given, passphrase=passphrase)

    def run(self, *argv: str, answers: list[str] | None = None) -> Outcome:
        """A command that is to succeed."""
        outcome = self.credman(*argv, answers=answers, stdin=make_value().encode())
        assert outcome.exit_code == 0, outcome.stderr
        return outcome

    def program(
        self, *argv: str, stdin: bytes = b"", passphrase: str | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Runs a command as a process of its own, without a terminal."""
        environ = {**self.bus.environ, "HOME": os.environ["HOME"]}
        return program(*argv, stdin=stdin, environ=environ, passphrase=passphrase, timeout=30)

    def items(self) -> set[str]:
        """Returns: the slots that have an item in the keyring, of any vault."""
        return {user.partition("#")[2] for user in self.bus.users(KEYRING_SERVICE)}


@contextmanager
def desk(tmp_path: Path, *, keyring: str = "unlocked") -> Iterator[Desk]:
    home = tmp_path / "keyring"
    home.mkdir()
    with bus(home, keyring=keyring) as found:
        yield Desk(found)


def kinds() -> list[str]:
    """Returns: what kinds of slots the vault has."""
    return [slot.stanza.type for slot in parse_vault(vault().read_bytes()).slots]
