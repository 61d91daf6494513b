"""Key slots: stanzas that wrap the vault identity under a secret of the user's.

A slot wraps the identity, not the file key, so saving needs no passphrase and no key derivation.
Rule: every number in a slot is checked against its bounds before any work is done with it.
"""

from __future__ import annotations

import os
import re
import threading
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.exceptions import InternalError
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from credman.core.errors import HeaderDamaged, Unavailable, UsageError
from credman.core.secret import Secret, SecretBytes
from credman.vault import age, hashing

NAMESPACE = "credman.dev/"
ARGON2ID = f"{NAMESPACE}argon2id/v1"
KEYRING = f"{NAMESPACE}keyring/v1"
MAX_SLOTS = 16
VAULT_ID_BYTES = 16
SALT_BYTES = 16
_COMMITMENT_BYTES = 32
_SEALED_BYTES = age.KEY_BYTES + 16
VAULT_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_SLOT = re.compile(r"0|[1-9][0-9]{0,5}", re.ASCII)
_one_at_a_time = threading.Lock()
"""Two derivations of several lanes at once can wait for each other for ever (cryptography 50, with
the thread pool of OpenSSL). It also bounds the memory that they take together."""
_PARAMETERS = re.compile(r"m=([1-9][0-9]{0,6}),t=([1-9][0-9]?),p=([1-9])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Argon2Parameters:
    """Args:
    memory: KiB.
    passes: iterations over the memory.
    lanes: degree of parallelism.
    """

    memory: int
    passes: int
    lanes: int

    def is_bounded(self) -> bool:
        """Neither so weak that guessing is cheap (OWASP's least: 19 MiB, 2 passes) nor so strong
        that a crafted file stops the machine."""
        return (
            19 * 1024 <= self.memory <= 1024 * 1024
            and 1 <= self.passes <= 16
            and 1 <= self.lanes <= 8
            and 2 * 19 * 1024 <= self.memory * self.passes <= 4 * 1024 * 1024
        )


DEFAULT_PARAMETERS = Argon2Parameters(memory=64 * 1024, passes=3, lanes=4)
"""RFC 9106 section 4, second recommended option."""


@dataclass(frozen=True, slots=True)
class Slot:
    """What a slot stanza says of itself in clear."""

    vault_id: str
    number: int
    stanza: age.Stanza
    salt: bytes
    parameters: Argon2Parameters | None = None


def _renew_lock() -> None:
    # A process that was forked while another thread derived would wait for that thread.
    global _one_at_a_time
    _one_at_a_time = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def parse_slots(stanzas: Iterable[age.Stanza]) -> list[Slot]:
    """Reads the slots of a header and checks them, without deriving anything.

    Raises:
        HeaderDamaged: one is malformed or out of bounds, two have a number, or two vaults' slots
            stand in one header.
    """
    slots = [_parse_slot(s) for s in stanzas if s.type.startswith(NAMESPACE)]
    if len(slots) > MAX_SLOTS:
        raise HeaderDamaged(f"the header has more than {MAX_SLOTS} key slots")
    if len({slot.number for slot in slots}) != len(slots):
        raise HeaderDamaged("two key slots have the same number")
    if len({slot.vault_id for slot in slots}) > 1:
        raise HeaderDamaged("the key slots belong to different vaults")
    return slots


def _parse_slot(stanza: age.Stanza) -> Slot:
    if len(stanza.args) < 3:
        raise HeaderDamaged("a key slot has too few arguments")
    vault_id, number, salt_text, *more = stanza.args
    if not VAULT_ID.fullmatch(vault_id) or not _SLOT.fullmatch(number):
        raise HeaderDamaged("a key slot has a damaged vault id or number")
    salt = age.decode_base64(salt_text)
    if len(salt) != SALT_BYTES:
        raise HeaderDamaged("a key slot has a salt of the wrong length")
    if stanza.type == KEYRING and (more or len(stanza.body) != _SEALED_BYTES):
        raise HeaderDamaged("a keyring slot has arguments or a body of another form")
    if stanza.type != ARGON2ID:  # one of a newer credman is kept as it is
        return Slot(vault_id, int(number), stanza, salt)
    match = _PARAMETERS.fullmatch(more[0]) if len(more) == 1 else None
    if match is None:
        raise HeaderDamaged("a passphrase slot has damaged parameters")
    parameters = Argon2Parameters(*(int(part) for part in match.groups()))
    if not parameters.is_bounded():
        raise HeaderDamaged("a passphrase slot has parameters out of bounds")
    if len(stanza.body) != _COMMITMENT_BYTES + _SEALED_BYTES:
        raise HeaderDamaged("a passphrase slot has a body of the wrong length")
    return Slot(vault_id, int(number), stanza, salt, parameters)


def wrap_passphrase(
    identity: bytes,
    passphrase: Secret,
    *,
    vault_id: str,
    number: int,
    parameters: Argon2Parameters | None = None,
) -> age.Stanza:
    """Returns: a slot that the passphrase opens, with a fresh salt.

    Raises:
        Unavailable: there is too little memory for the key derivation.
        UsageError: the passphrase is not UTF-8.
    """
    chosen = parameters or DEFAULT_PARAMETERS
    salt = os.urandom(SALT_BYTES)
    text = f"m={chosen.memory},t={chosen.passes},p={chosen.lanes}"
    args = (vault_id, str(number), age.encode_base64(salt), text)
    key, commitment = _derive(passphrase, salt, chosen)
    sealed = age.seal(key, identity, data=_associated_data(ARGON2ID, args))
    return age.Stanza(ARGON2ID, args, commitment + sealed)


def unwrap_passphrase(slot: Slot, passphrase: Secret) -> SecretBytes | None:
    """Returns: the vault identity, or None if the passphrase is another.

    Raises:
        HeaderDamaged: the passphrase is right and the slot was changed.
        Unavailable: there is too little memory for the key derivation.
        UsageError: the passphrase is not UTF-8.
    """
    if slot.parameters is None:
        return None
    key, commitment = _derive(passphrase, slot.salt, slot.parameters)
    # ChaCha20-Poly1305 does not commit to its key: one crafted body could open under thousands of
    # passphrases (Len, Grubbs, Ristenpart, 2021). So the key is compared before anything is opened.
    if not hashing.is_equal(commitment, slot.stanza.body[:_COMMITMENT_BYTES]):
        return None
    identity = age.open_sealed(
        key,
        slot.stanza.body[_COMMITMENT_BYTES:],
        data=_associated_data(slot.stanza.type, slot.stanza.args),
    )
    if identity is None:
        raise HeaderDamaged("the vault is damaged: a passphrase slot was changed")
    return identity


def wrap_key(identity: bytes, key: bytes, *, vault_id: str, number: int) -> age.Stanza:
    """Args: key: 32 random bytes that lie in the operating system's keyring.

    Returns:
        A slot that the key opens, with a fresh salt.
    """
    salt = os.urandom(SALT_BYTES)
    args = (vault_id, str(number), age.encode_base64(salt))
    sealed = age.seal(_expand_key(key, salt), identity, data=_associated_data(KEYRING, args))
    return age.Stanza(KEYRING, args, sealed)


def unwrap_key(slot: Slot, key: bytes) -> SecretBytes | None:
    """Returns: the vault identity, or None if the key is another or the slot was changed: that
    cannot be told apart. A key that was chosen at random needs no commitment."""
    if slot.stanza.type != KEYRING:
        return None
    data = _associated_data(slot.stanza.type, slot.stanza.args)
    return age.open_sealed(_expand_key(key, slot.salt), slot.stanza.body, data=data)


def normalize_passphrase(passphrase: Secret) -> SecretBytes:
    """Returns: the bytes that are derived from: NFC, so that ``é`` typed on two systems is one.

    Raises:
        UsageError: it is not UTF-8, so nobody could type it again elsewhere.
    """
    try:
        text = passphrase.to_bytes().decode("utf-8")
        return SecretBytes(unicodedata.normalize("NFC", text).encode("utf-8"))
    except UnicodeError:
        pass
    raise UsageError("the passphrase is not UTF-8 text")  # out here: that error carries it along


def _associated_data(type_: str, args: tuple[str, ...]) -> bytes:
    return " ".join((type_, *args)).encode("ascii")


def _expand_key(key: bytes, salt: bytes) -> SecretBytes:
    return age.derive_key(key, salt=salt, info=KEYRING.encode("ascii"))


def _derive(
    passphrase: Secret, salt: bytes, parameters: Argon2Parameters
) -> tuple[SecretBytes, SecretBytes]:
    derivation = Argon2id(
        salt=salt,
        length=age.KEY_BYTES + _COMMITMENT_BYTES,
        iterations=parameters.passes,
        lanes=parameters.lanes,
        memory_cost=parameters.memory,
    )
    try:
        with _one_at_a_time:
            derived = SecretBytes(derivation.derive(normalize_passphrase(passphrase)))
    except (MemoryError, InternalError):  # the latter from cryptography 44
        raise Unavailable(
            f"there is not enough memory: a passphrase takes {parameters.memory // 1024} MiB"
        ) from None
    return SecretBytes(derived[: age.KEY_BYTES]), SecretBytes(derived[age.KEY_BYTES :])
