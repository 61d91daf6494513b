"""What a passphrase is: text of some length, and no recovery key."""

from __future__ import annotations

import unicodedata

from credman.core.errors import UsageError
from credman.core.secret import Secret

MIN_CHARACTERS = 8
MAX_BYTES = 4096


def strip_line_end(data: bytes) -> bytes:
    """Returns: the data less one trailing line end, LF or CR LF."""
    if data.endswith(b"\n"):
        data = data[:-1]
        if data.endswith(b"\r"):
            data = data[:-1]
    return data


def check_passphrase(passphrase: Secret) -> Secret:
    """Raises: UsageError: it is empty, too long, or not UTF-8."""
    try:
        size = len(passphrase.encode("utf-8"))
    except UnicodeEncodeError:
        size = -1
    if size < 0:  # raised out here: that error carries it along
        raise UsageError("the passphrase is not UTF-8 text")
    if not size:
        raise UsageError("the passphrase is empty")
    if size > MAX_BYTES:
        raise UsageError(f"the passphrase is longer than {MAX_BYTES} bytes")
    return passphrase


def check_strength(passphrase: Secret) -> Secret:
    """Raises: UsageError: too short to be a new passphrase, or in the form of a recovery key."""
    from credman.vault.keys import is_identity

    if len(normalize(check_passphrase(passphrase))) < MIN_CHARACTERS:
        raise UsageError(f"a passphrase has at least {MIN_CHARACTERS} characters")
    if is_identity(passphrase):  # at the next prompt it would be taken for a recovery key
        raise UsageError("a passphrase cannot be an age secret key")
    return passphrase


def passphrase_from_bytes(data: bytes) -> Secret:
    """Args: data: with or without a line end. Raises: UsageError"""
    return check_passphrase(Secret.from_bytes(strip_line_end(data)))


def normalize(passphrase: Secret) -> str:
    """Returns: one spelling of what looks the same."""
    return unicodedata.normalize("NFC", passphrase)
