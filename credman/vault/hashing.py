"""SHA-256 and HMAC, by the library that does the rest of the vault's cryptography.

Rule: ``hashlib`` and ``hmac`` are not imported on the way to a value. They load the system's
OpenSSL beside the one that ``cryptography`` brings, which costs every command 3 ms.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.hmac import HMAC

_KEY_BYTES = 32


def digest(data: bytes) -> bytes:
    """Returns: the SHA-256 of the data, 32 bytes."""
    hashed = Hash(SHA256())
    hashed.update(data)
    return hashed.finalize()


def authenticate(key: bytes, data: bytes) -> bytes:
    """Returns: the HMAC-SHA-256 of the data, 32 bytes."""
    return _mac(key, data).finalize()


def is_equal(one: bytes, other: bytes) -> bool:
    """Whether two texts are the same. How long it takes tells nothing of them but their lengths:
    what is compared are their tags under a key that is used once, in constant time."""
    key = os.urandom(_KEY_BYTES)
    try:
        _mac(key, one).verify(authenticate(key, other))
    except InvalidSignature:
        return False
    return True


def _mac(key: bytes, data: bytes) -> HMAC:
    mac = HMAC(key, SHA256())
    mac.update(data)
    return mac
