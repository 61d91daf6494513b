"""Native age keys as text: ``AGE-SECRET-KEY-1…`` and ``age1…``.

Bech32 as in BIP 173, without its length limit, as the age specification says. No maintained
library offers that variant, so it stands here; it is tried against age's own keys.
"""

from __future__ import annotations

from credman.core.errors import UsageError
from credman.core.secret import Secret, SecretBytes

SECRET_KEY_PREFIX = "AGE-SECRET-KEY-"
PUBLIC_KEY_PREFIX = "age"
_CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def render_identity(identity: bytes) -> Secret:
    """Args: identity: a private key, 32 bytes. Returns: ``AGE-SECRET-KEY-1…``."""
    return Secret(_encode(SECRET_KEY_PREFIX.lower(), identity).upper())


def parse_identity(text: str) -> SecretBytes:
    """Raises: UsageError: this is no age secret key, or one character of it is wrong."""
    data = _decode(SECRET_KEY_PREFIX.lower(), text)
    if data is None:
        raise _explain("a recovery key")
    return SecretBytes(data)


def render_recipient(public_key: bytes) -> str:
    """Args: public_key: 32 bytes. Returns: ``age1…``."""
    return _encode(PUBLIC_KEY_PREFIX, public_key)


def parse_recipient(text: str) -> bytes:
    """Raises: UsageError: this is no age public key."""
    data = _decode(PUBLIC_KEY_PREFIX, text)
    if data is None:
        raise _explain("an age public key")
    return data


def is_identity(text: str) -> bool:
    """Returns: whether the text claims to be an age secret key, right or wrong."""
    return text.strip().upper().startswith(f"{SECRET_KEY_PREFIX}1")


def _encode(prefix: str, data: bytes) -> str:
    values = _regroup(data, 8, 5, pad=True)
    checksum = _polymod([*_expand(prefix), *values, *bytes(6)]) ^ 1
    values += [(checksum >> 5 * (5 - i)) & 31 for i in range(6)]
    return f"{prefix}1{''.join(_CHARSET[value] for value in values)}"


def _explain(what: str) -> UsageError:
    return UsageError(
        f"this is not {what}", hint="one character may be wrong: type or paste it again, whole"
    )


def _decode(prefix: str, text: str) -> bytes | None:
    # What is wrong is raised by the callers: here the text lies bare.
    text = text.strip()
    # ASCII first: the Kelvin sign is upper case and becomes a plain k in lower case.
    if not text.isascii() or text not in (text.lower(), text.upper()):
        return None
    found, _, body = text.lower().rpartition("1")
    if found != prefix or len(body) < 6 or any(c not in _CHARSET for c in body):
        return None
    values = [_CHARSET.index(c) for c in body]
    if _polymod([*_expand(prefix), *values]) != 1:
        return None
    data = bytes(_regroup(bytes(values[:-6]), 5, 8, pad=False))
    if len(data) != 32 or _encode(prefix, data) != text.lower():
        return None
    return data


def _regroup(data: bytes, size: int, new_size: int, *, pad: bool) -> list[int]:
    number, bits, out = 0, 0, []
    for value in data:
        number, bits = (number << size) | value, bits + size
        while bits >= new_size:
            bits -= new_size
            out.append((number >> bits) & ((1 << new_size) - 1))
        number &= (1 << bits) - 1
    if pad and bits:
        out.append(number << (new_size - bits))
    return out


def _expand(prefix: str) -> list[int]:
    return [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]


def _polymod(values: list[int]) -> int:
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for i, generator in enumerate(_GENERATOR):
            checksum ^= generator if (top >> i) & 1 else 0
    return checksum
