"""Checksums that providers put into their tokens: a mistyped or cut value is known offline.

Recomputed on public test strings; the algorithms are also in osv-scalibr and kingfisher.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _is_crc32_base62(token: str) -> bool:
    # ghp_ and its kin: CRC-32 of what stands between the prefix and the last six characters.
    import zlib

    body = token.partition("_")[2]
    return body[-6:] == _encode(zlib.crc32(body[:-6].encode()), _BASE62, 6)


def _is_crc32_base36(token: str) -> bool:
    # glpat- with a routing payload: CRC-32 of all that stands before the last seven characters.
    import zlib

    return token[-7:] == _encode(zlib.crc32(token[:-7].encode()), _BASE36, 7)


def _is_sha256_base32(token: str) -> bool:
    # github_pat_: eight characters of the base32 of SHA-256 of all that stands before them.
    import base64
    import hashlib

    end = len("github_pat_") + 22 + 1 + 43
    digest = hashlib.sha256(token[:end].encode()).digest()
    return token[end : end + 8] == base64.b32encode(digest)[:8].decode()


CHECKSUMS: Mapping[str, Callable[[str], bool]] = {
    "crc32-base62": _is_crc32_base62,
    "crc32-base36": _is_crc32_base36,
    "sha256-base32": _is_sha256_base32,
}
"""Whether a token, ASCII and of the right shape, has the checksum that belongs to it."""


def _encode(number: int, alphabet: str, width: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, len(alphabet))
        text = alphabet[digit] + text
    return text.rjust(width, alphabet[0])
