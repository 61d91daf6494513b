"""Values that lie in memory encrypted, each by itself, and are decrypted one at a time.

What a process keeps for hours may be written to the swap. The key is not kept here: it lies where
memory is locked, and is asked for whenever it is needed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping

from credman.core.model import Address
from credman.core.secret import Secret

KEY_BYTES = 32


class Shield(Mapping[Address, Secret]):
    """Args: values: to be kept; find_key: gives the key, 32 bytes, the same at every call."""

    def __init__(self, values: Mapping[Address, Secret], find_key: Callable[[], bytes]) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        self._find_key = find_key
        self._sealed: dict[Address, tuple[bytes, bytes]] = {}
        cipher = ChaCha20Poly1305(find_key())
        for address, value in values.items():
            nonce = os.urandom(12)
            self._sealed[address] = nonce, cipher.encrypt(nonce, value.to_bytes(), None)

    def __getitem__(self, address: Address) -> Secret:
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        nonce, sealed = self._sealed[address]
        return Secret.from_bytes(ChaCha20Poly1305(self._find_key()).decrypt(nonce, sealed, None))

    def __iter__(self) -> Iterator[Address]:
        return iter(self._sealed)

    def __len__(self) -> int:
        return len(self._sealed)
