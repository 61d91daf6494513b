"""A vault with two passphrases and a recovery key, and what opens which file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from credman.core.errors import NoMatch
from credman.core.secret import Secret
from credman.vault import keys
from credman.vault.container import parse_vault
from tests.cli.harness import PASSPHRASE, Outcome, credman, make_value

LAPTOP = "another battery on the laptop"
NEW = "a third horse, new and brave"
OLDER_COPIES = "what is saved from now on has a new key; copies made before still open with "

_made: list[tuple[bytes, str]] = []


def vault() -> Path:
    return Path(os.environ["CREDMAN_HOME"], "data", "vault.age")


def backup() -> Path:
    return vault().with_name("vault.age.bak")


def find_seen() -> Path:
    (found,) = Path(os.environ["CREDMAN_HOME"], "state", "seen").iterdir()
    return found


def make_keyed_vault() -> str:
    """A vault in this test's home: token ``hf``, slot 0 ``passphrase`` with PASSPHRASE, slot 1
    ``laptop`` with LAPTOP. It was never seen here. Sealed once and copied from then on.

    Returns:
        Its recovery key.
    """
    if not _made:
        _made.append(_make())
    file, recovery = _made[0]
    vault().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    vault().write_bytes(file)
    vault().chmod(0o600)
    return recovery


def _make() -> tuple[bytes, str]:
    path = Path.home() / "made.key"
    run("init", "--recovery-file", str(path))
    run("add", "hf", stdin=make_value().encode())
    run("slot", "add", "passphrase", "--label", "laptop", "--new-passphrase-fd", "5",
        descriptors={5: LAPTOP.encode()})  # fmt: skip
    recovery = path.read_text().split()[-1]
    path.unlink()
    find_seen().unlink()
    backup().unlink()
    return vault().read_bytes(), recovery


def run(*argv: str, **options: Any) -> Outcome:
    """Runs a command that is to succeed."""
    outcome = credman(*argv, **options)
    assert outcome.exit_code == 0, outcome.stderr
    return outcome


def see() -> None:
    """This machine writes, so that it has seen the vault as it is now."""
    run("add", "seen", "--var", "SEEN", stdin=b"EXAMPLE", passphrase=PASSPHRASE)


def find_openers(path: Path, *secrets: str) -> set[str]:
    """Returns: those of the passphrases and recovery keys that open the file to its end."""
    sealed, found = parse_vault(path.read_bytes()), set()
    for secret in secrets:
        try:
            if keys.is_identity(secret):
                sealed.open_with_recovery(keys.parse_identity(secret))
            else:
                match = sealed.find_slot(Secret(secret))
                if match is None:
                    continue
                sealed.open(match[1])
            found.add(secret)
        except NoMatch:
            continue
    return found
