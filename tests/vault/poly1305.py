"""A ciphertext that opens under two keys (Len, Grubbs, Ristenpart: Partitioning Oracle Attacks,
2021), to prove that a slot refuses it.

Poly1305 is a polynomial over 2^130 - 5 in 16-byte blocks. With two free blocks, two keys and one
tag it is two linear equations with two unknowns.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

_PRIME = 2**130 - 5
_CLAMP = 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF


def make_collision(first: bytes, second: bytes, data: bytes) -> bytes:
    """Args:
        first, second: two keys for ChaCha20-Poly1305 with a nonce of zeros.
        data: the associated data of both.

    Returns:
        32 bytes of ciphertext and a tag that authenticate under either key.
    """
    keys = [_one_time_key(key) for key in (first, second)]
    for attempt in range(4096):
        tag = attempt.to_bytes(16, "little")
        blocks = _solve(keys, tag, data)
        if blocks is not None:
            return blocks + tag
    raise AssertionError("no tag fits")


def _solve(keys: list[tuple[int, int]], tag: bytes, data: bytes) -> bytes | None:
    padded = data + bytes(-len(data) % 16)
    known = [
        int.from_bytes(padded[n : n + 16] + b"\1", "little") for n in range(0, len(padded), 16)
    ]
    lengths = len(data).to_bytes(8, "little") + (32).to_bytes(8, "little") + b"\1"
    rows = []
    for r, s in keys:
        # h = data * r^(3..) + x * r^3 + y * r^2 + lengths * r, and the tag is h + s mod 2^128.
        wanted = (int.from_bytes(tag, "little") - s) % 2**128
        for block_count, block in enumerate(reversed(known), start=4):
            wanted -= block * pow(r, block_count, _PRIME)
        wanted -= int.from_bytes(lengths, "little") * r
        rows.append((pow(r, 3, _PRIME), pow(r, 2, _PRIME), wanted % _PRIME))
    (a, b, p), (c, d, q) = rows
    inverse = pow(a * d - b * c, -1, _PRIME)
    x, y = (p * d - b * q) * inverse % _PRIME, (a * q - p * c) * inverse % _PRIME
    if x >> 128 != 1 or y >> 128 != 1:  # a block of 16 bytes ends in a bit that is set
        return None
    return b"".join((number % 2**128).to_bytes(16, "little") for number in (x, y))


def _one_time_key(key: bytes) -> tuple[int, int]:
    block = Cipher(ChaCha20(key, bytes(16)), mode=None).encryptor().update(bytes(32))
    r, s = int.from_bytes(block[:16], "little"), int.from_bytes(block[16:], "little")
    return r & _CLAMP, s
