"""The whole vault file: seals a document into bytes and opens it again.

Rule: nothing is believed before it is proved. Header and payload are authenticated by the file key,
then header and document together by the vault identity (``auth``), and only then is JSON parsed. A
file made by somebody who merely knows a recipient's public key fails the second proof.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from credman.core.errors import (
    CredmanError,
    HeaderDamaged,
    NoMatch,
    NotAVault,
    PayloadDamaged,
    Refused,
    UsageError,
    VaultNewer,
)
from credman.core.secret import Secret, SecretBytes
from credman.vault import age, hashing, keys, slots
from credman.vault.document import (
    Document,
    extend_history,
    list_states,
    parse_document,
    render_document,
)
from credman.vault.slots import Slot

MAX_VAULT_BYTES = 64 * 1024 * 1024
PADDING_BYTES = 4096
_AUTH_INFO = b"credman.dev/vault/v1 auth"
_AUTH_START = b'{"credman":1,"auth":"'
_AUTH_END = b'"}\n'
_AUTH_LINE_BYTES = len(_AUTH_START) + 43 + len(_AUTH_END)
_VERSION = re.compile(rb'\{"credman":([1-9][0-9]{0,3}),')
_IDENTITY_START = b'{"identity":"'
_IDENTITY_BYTES = 74  # AGE-SECRET-KEY-1 and 58 characters of bech32


@dataclass(frozen=True, slots=True)
class SealedVault:
    """A vault file that is well-formed as far as can be told without a key.

    Args: file_hash: SHA-256 of the whole file, hex.
    """

    file: bytes
    header: age.Header
    slots: tuple[Slot, ...]
    file_hash: str = field(init=False)

    def __post_init__(self) -> None:
        # Once: of a large vault it takes as long as much of the rest, and it is asked for often.
        object.__setattr__(self, "file_hash", hashing.digest(self.file).hex())

    def find_slot(self, passphrase: Secret) -> tuple[Slot, SecretBytes] | None:
        """Tries the passphrase slots in turn.

        Returns:
            The slot that the passphrase opens and the vault identity in it, or None.

        Raises:
            HeaderDamaged: a slot was changed.
            Unavailable: too little memory for the key derivation.
        """
        for slot in self.slots:
            identity = slots.unwrap_passphrase(slot, passphrase)
            if identity is not None:
                return slot, identity
        return None

    def open(self, identity: bytes) -> Document:
        """Args: identity: the vault identity, 32 bytes.

        Raises:
            HeaderDamaged, HeaderMACMismatch, PayloadDamaged, NotAVault: it is not what was written.
            NoMatch: it is a vault with another identity.
            VaultNewer: a newer credman wrote it.
        """
        file_key = age.unwrap_x25519(self.header.stanzas[0], identity)
        if file_key is None:
            raise NoMatch("the vault has another identity than the one that opened it before")
        payload = self._decrypt(file_key)
        if self._embedded_identity(payload) != identity:
            raise PayloadDamaged("the vault is damaged: it holds another identity than its own")
        return self._verified(payload, identity)

    def open_with_recovery(self, recovery: bytes) -> Document:
        """Args: recovery: the private key of a native recipient, 32 bytes.

        Raises:
            as ``open``; NoMatch: the key is not one of this vault's.
        """
        for stanza in self.header.stanzas[1:]:
            if stanza.type != age.X25519:
                continue
            file_key = age.unwrap_x25519(stanza, recovery)
            if file_key is None:
                continue
            payload = self._decrypt(file_key)
            identity = self._embedded_identity(payload)
            if age.unwrap_x25519(self.header.stanzas[0], identity) != file_key:
                raise PayloadDamaged("the vault is damaged: its identity does not open it")
            return self._verified(payload, identity)
        raise NoMatch("this recovery key does not open this vault")

    def _decrypt(self, file_key: bytes) -> SecretBytes:
        age.check_header_mac(self.header, file_key)
        payload = age.decrypt_payload(file_key, self.file[self.header.size :])
        version = _VERSION.match(payload)
        if version is None:
            raise NotAVault("this is an age file, but not a credman vault")
        if version[1] != b"1":
            raise VaultNewer(
                f"the vault has format {int(version[1])}, written by a newer credman",
                hint="upgrade credman; nothing was changed",
            )
        line = payload[:_AUTH_LINE_BYTES]
        if not (line.startswith(_AUTH_START) and line.endswith(_AUTH_END)):
            raise PayloadDamaged("the vault is damaged: its first line is malformed")
        return payload

    def _embedded_identity(self, payload: bytes) -> SecretBytes:
        start = _AUTH_LINE_BYTES + len(_IDENTITY_START)
        text = SecretBytes(payload[start : start + _IDENTITY_BYTES])
        if payload[_AUTH_LINE_BYTES:start] != _IDENTITY_START or not text.isascii():
            raise PayloadDamaged("the vault is damaged: its document names no identity")
        try:
            return keys.parse_identity(Secret(text.decode("ascii")))
        except UsageError:
            raise PayloadDamaged("the vault is damaged: its identity is malformed") from None

    def _verified(self, payload: bytes, identity: bytes) -> Document:
        written = payload[len(_AUTH_START) : _AUTH_LINE_BYTES - len(_AUTH_END)]
        line = SecretBytes(payload[_AUTH_LINE_BYTES:])
        auth = _compute_auth(identity, self.file[: self.header.size], line)
        if not hashing.is_equal(written, auth):
            raise PayloadDamaged("the vault is damaged: it was not written by an owner of it")
        if len(payload) % PADDING_BYTES or not line.endswith(b"\n"):
            raise PayloadDamaged("the vault is damaged: its padding is malformed")
        document = parse_document(line)
        numbers = {slot.number for slot in self.slots}
        if (
            any(slot.vault_id != document.vault_id for slot in self.slots)
            or numbers != {label.number for label in document.slots}
            or any(number >= document.next_slot for number in numbers)
        ):
            raise PayloadDamaged("the vault is damaged: its slots and its document disagree")
        return document


def parse_vault(file: bytes) -> SealedVault:
    """Args: file: the bytes of a vault file.

    Raises:
        NotAVault: empty, too large, or something else than an age file.
        HeaderDamaged: its header is malformed, or what it asks for is out of bounds.
    """
    if not file:
        raise NotAVault("the vault file is empty")
    if len(file) > MAX_VAULT_BYTES:
        raise NotAVault(f"the file is larger than any vault ({MAX_VAULT_BYTES >> 20} MiB)")
    header = age.parse_header(file)
    if header.stanzas[0].type != age.X25519:
        raise NotAVault("this is an age file, but not a credman vault")
    for stanza in header.stanzas:
        if stanza.type == age.X25519:
            age.check_x25519(stanza)
        elif not stanza.type.startswith(slots.NAMESPACE):
            raise HeaderDamaged("the header holds a stanza that no credman writes")
    return SealedVault(file, header, tuple(slots.parse_slots(header.stanzas)))


def seal_vault(document: Document, slot_stanzas: Sequence[age.Stanza]) -> bytes:
    """Args:
        document: what to write; its generation is the caller's business.
        slot_stanzas: the slots, as they were read or newly wrapped; they wrap the identity, so
            they stay valid from file to file.

    Returns:
        A whole vault file with a fresh file key.

    Raises:
        Refused: it is too large, has too many slots or recipients, or would not open again.
    """
    if len(slot_stanzas) > slots.MAX_SLOTS:
        raise Refused(f"a vault has at most {slots.MAX_SLOTS} key slots")
    if len(document.recipients) + 1 + len(slot_stanzas) > age.MAX_STANZAS:
        raise Refused(f"a vault has at most {age.MAX_STANZAS} slots and recipients")
    file_key = SecretBytes(os.urandom(age.FILE_KEY_BYTES))
    recipients = [
        age.public_key(document.identity),
        *(keys.parse_recipient(r.public_key) for r in document.recipients),
    ]
    stanzas = [age.wrap_x25519(file_key, recipient) for recipient in recipients]
    header = age.render_header([*stanzas, *slot_stanzas], file_key)
    body = render_document(document)
    padding = -(_AUTH_LINE_BYTES + len(body) + 1) % PADDING_BYTES
    line = SecretBytes(body + b" " * padding + b"\n")
    auth = _compute_auth(document.identity, header, line)
    payload = SecretBytes(_AUTH_START + auth + _AUTH_END + line)
    file = header + age.encrypt_payload(file_key, payload)
    if len(file) > MAX_VAULT_BYTES:
        raise Refused(f"the vault would be larger than {MAX_VAULT_BYTES >> 20} MiB")
    try:
        parse_vault(file).open(document.identity)
    except CredmanError as error:
        raise Refused("what was to be written could not be read again") from error
    return file


def next_document(sealed: SealedVault, document: Document) -> Document:
    """Returns: the document of the generation after ``sealed``, with ``sealed`` in its history."""
    history = extend_history(document.history, list_states(document, sealed.file_hash))
    return replace(document, generation=document.generation + 1, history=history, backup_of=None)


def _compute_auth(identity: bytes, header: bytes, line: bytes) -> bytes:
    key = age.derive_key(identity, salt=b"", info=_AUTH_INFO)
    tag = hashing.authenticate(key, hashing.digest(header) + line)
    return age.encode_base64(tag).encode("ascii")
