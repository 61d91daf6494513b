"""How the items in the operating system's keyring are called that open vaults."""

from __future__ import annotations

KEYRING_SERVICE = "credman vault key"
"""The service of all of them."""


def keyring_user(vault_id: str, slot: str) -> str:
    """Returns: the user of the item for this slot."""
    return f"{vault_id}#{slot}"
