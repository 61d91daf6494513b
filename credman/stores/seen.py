"""Last seen: which state of a vault this machine wrote last, so that an older copy is noticed.

A small file a vault in the state directory, mode 0600, no secret in it. Without one the vault is
trusted as it is found.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass

from credman.core.errors import NotAVault, Unavailable
from credman.core.paths import make_private_directory
from credman.stores import disk
from credman.vault import hashing

_LIMIT = 64 * 1024
_VAULT_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class LastSeen:
    vault_id: str
    generation: int
    file_hash: str


def state_path(state_directory: str, vault_path: str) -> str:
    """Returns: where the state of the vault at ``vault_path`` (resolved) is kept."""
    digest = hashing.digest(os.fsencode(vault_path)).hex()[:32]
    return os.path.join(state_directory, "seen", f"{digest}.json")


def load_last_seen(path: str) -> LastSeen | None:
    """Raises: Unavailable: the state file is damaged; it is never taken for absent."""
    try:
        data = disk.read_own_file(path, limit=_LIMIT)
        if data is None:
            return None
        record = json.loads(data)
        vault_id, generation, file_hash = (
            record["vault"],
            record["generation"],
            record["sha256"],
        )
        if (type(vault_id), type(generation), type(file_hash)) != (str, int, str):
            raise TypeError
        if not (_VAULT_ID.fullmatch(vault_id) and _HASH.fullmatch(file_hash)):
            raise ValueError
        if not 0 <= generation < 2**53:
            raise ValueError
        return LastSeen(vault_id, generation, file_hash)
    except (NotAVault, ValueError, KeyError, TypeError, RecursionError):
        raise Unavailable(
            f"the record of what was last seen is damaged: {path}",
        ) from None


def save_last_seen(path: str, seen: LastSeen, *, vault_path: str) -> str | None:
    """To be called under the vault's lock. Returns: None, or a warning."""
    make_private_directory(os.path.dirname(path))
    record = {
        "version": 1,
        "path": os.fsencode(vault_path).decode("utf-8", "backslashreplace"),
        "vault": seen.vault_id,
        "generation": seen.generation,
        "sha256": seen.file_hash,
    }
    return disk.replace_file(path, json.dumps(record).encode("ascii"), check=lambda _: None)


def forget_last_seen(path: str) -> None:
    """Raises: Unavailable: it cannot be removed."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except OSError as error:
        reason = (error.strerror or "failed").lower()
        raise Unavailable(f"cannot remove {path}: {reason}") from None
