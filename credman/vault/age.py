"""The age v1 container: header, X25519 stanzas, STREAM payload.

Source: C2SP age specification, https://c2sp.org/age. Read strictly: one spelling of everything, so
that no two files mean the same. Sizes and counts are bounded before any work is done. Plaintext is
returned only when all of it has been authenticated.

Armor, scrypt and plugins are left out on purpose: a vault never has them.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from credman.core.errors import HeaderDamaged, HeaderMACMismatch, NotAVault, PayloadDamaged
from credman.core.secret import SecretBytes
from credman.vault import hashing

VERSION_LINE = b"age-encryption.org/v1\n"
X25519 = "X25519"
MAX_HEADER_BYTES = 64 * 1024
MAX_STANZAS = 64
FILE_KEY_BYTES = 16
KEY_BYTES = 32
CHUNK_BYTES = 64 * 1024
_COLUMNS = 64
_TAG_BYTES = 16
_NONCE_BYTES = 16
_ZERO_NONCE = bytes(12)  # safe: every key wraps exactly one message


@dataclass(frozen=True, slots=True)
class Stanza:
    """One recipient's part of the header. Arguments are ASCII without blanks, never empty."""

    type: str
    args: tuple[str, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Header:
    """Args:
    stanzas: in the order of the file.
    mac: the header's MAC as written.
    authenticated: the bytes the MAC covers, up to and with ``---``.
    size: length with the MAC line, in bytes; the payload follows.
    """

    stanzas: tuple[Stanza, ...]
    mac: bytes
    authenticated: bytes
    size: int


def encode_base64(data: bytes) -> str:
    """Returns: standard base64 without padding, as the specification wants it everywhere."""
    return base64.b64encode(data).rstrip(b"=").decode("ascii")


def decode_base64(text: str) -> bytes:
    """The reverse, in the canonical spelling only.

    Raises:
        HeaderDamaged: any other spelling.
    """
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (ValueError, binascii.Error):
        raise HeaderDamaged("the header holds damaged base64") from None
    if encode_base64(data) != text:
        raise HeaderDamaged("the header holds base64 in another than the canonical spelling")
    return data


def derive_key(secret: bytes, *, salt: bytes, info: bytes, length: int = KEY_BYTES) -> SecretBytes:
    """HKDF-SHA-256. Returns: ``length`` bytes."""
    return SecretBytes(HKDF(SHA256(), length, salt, info).derive(secret))


def seal(key: bytes, plaintext: bytes, *, data: bytes | None = None) -> bytes:
    """ChaCha20-Poly1305 under a key that is used once only."""
    return ChaCha20Poly1305(key).encrypt(_ZERO_NONCE, plaintext, data)


def open_sealed(key: bytes, sealed: bytes, *, data: bytes | None = None) -> SecretBytes | None:
    """Returns: the plaintext, or None if key or associated data are others."""
    try:
        return SecretBytes(ChaCha20Poly1305(key).decrypt(_ZERO_NONCE, sealed, data))
    except InvalidTag:
        return None


def parse_header(file: bytes) -> Header:
    """Args: file: a whole age file.

    Raises:
        NotAVault: it does not begin like an age file.
        HeaderDamaged: it does, and goes on otherwise than the specification says.
    """
    if not file.startswith(VERSION_LINE):
        raise NotAVault("this is not a credman vault")
    stanzas: list[Stanza] = []
    position = len(VERSION_LINE)
    while True:
        line, following = _read_line(file, position)
        if line.startswith(b"---"):
            break
        stanza, position = _parse_stanza(file, line, following)
        stanzas.append(stanza)
        if len(stanzas) > MAX_STANZAS:
            raise HeaderDamaged(f"the header has more than {MAX_STANZAS} stanzas")
    if not stanzas:
        raise HeaderDamaged("the header names no recipient")
    if not line.startswith(b"--- "):
        raise HeaderDamaged("the header's last line is damaged")
    mac = decode_base64(_ascii(line[4:]))
    if len(mac) != KEY_BYTES:
        raise HeaderDamaged("the header's MAC has the wrong length")
    return Header(tuple(stanzas), mac, file[: position + 3], following)


def render_header(stanzas: Sequence[Stanza], file_key: bytes) -> bytes:
    """Returns: the header's bytes up to and with the line that holds its MAC."""
    text = VERSION_LINE + b"".join(_render_stanza(stanza) for stanza in stanzas) + b"---"
    return text + f" {encode_base64(_header_mac(text, file_key))}\n".encode("ascii")


def check_header_mac(header: Header, file_key: bytes) -> None:
    """Raises: HeaderMACMismatch: the header was changed after it was written."""
    if not hashing.is_equal(_header_mac(header.authenticated, file_key), header.mac):
        raise HeaderMACMismatch("the vault is damaged: its header does not match its MAC")


def public_key(identity: bytes) -> bytes:
    """Args: identity: an X25519 private key, 32 bytes. Returns: its public key, 32 bytes."""
    return X25519PrivateKey.from_private_bytes(identity).public_key().public_bytes_raw()


def wrap_x25519(file_key: bytes, recipient: bytes) -> Stanza:
    """Args: recipient: an X25519 public key, 32 bytes. Returns: a stanza that its owner opens."""
    ephemeral = SecretBytes(os.urandom(KEY_BYTES))
    share = public_key(ephemeral)
    wrap_key = _x25519_wrap_key(ephemeral, recipient, share, recipient)
    return Stanza(X25519, (encode_base64(share),), seal(wrap_key, file_key))


def unwrap_x25519(stanza: Stanza, identity: bytes) -> SecretBytes | None:
    """Returns: the file key, or None if the stanza is for somebody else.

    Raises:
        HeaderDamaged: it is no well-formed X25519 stanza.
    """
    check_x25519(stanza)
    share = decode_base64(stanza.args[0])
    try:
        wrap_key = _x25519_wrap_key(identity, share, share, public_key(identity))
    except ValueError:  # the shared secret is all zeros: a point of low order
        raise HeaderDamaged("an X25519 stanza holds a share of low order") from None
    return open_sealed(wrap_key, stanza.body)


def check_x25519(stanza: Stanza) -> None:
    """Raises: HeaderDamaged: the stanza has not the one form that X25519 stanzas have."""
    if len(stanza.args) != 1 or len(decode_base64(stanza.args[0])) != KEY_BYTES:
        raise HeaderDamaged("an X25519 stanza has damaged arguments")
    # Exactly this length: a longer body could hold a file key of a length that opens two ways.
    if len(stanza.body) != FILE_KEY_BYTES + _TAG_BYTES:
        raise HeaderDamaged("an X25519 stanza has a body of the wrong length")


def encrypt_payload(file_key: bytes, plaintext: bytes) -> bytes:
    """Returns: what follows the header: a nonce and the STREAM of chunks."""
    nonce = os.urandom(_NONCE_BYTES)
    aead = ChaCha20Poly1305(derive_key(file_key, salt=nonce, info=b"payload"))
    starts = range(0, max(len(plaintext), 1), CHUNK_BYTES)
    chunks = [
        aead.encrypt(
            _chunk_nonce(index, last=start + CHUNK_BYTES >= len(plaintext)),
            plaintext[start : start + CHUNK_BYTES],
            None,
        )
        for index, start in enumerate(starts)
    ]
    return nonce + b"".join(chunks)


def decrypt_payload(file_key: bytes, payload: bytes) -> SecretBytes:
    """Args: payload: everything after the header.

    Raises:
        HeaderDamaged: it is shorter than its nonce: the age test kit counts that to the header.
        PayloadDamaged: any bit differs, or the end is missing, or something follows it.
    """
    nonce, sealed = payload[:_NONCE_BYTES], memoryview(payload)[_NONCE_BYTES:]
    if len(nonce) != _NONCE_BYTES:
        raise HeaderDamaged("the vault is damaged: the file ends right after its header")
    if not sealed:
        raise PayloadDamaged("the vault is damaged: payload ends early")
    aead = ChaCha20Poly1305(derive_key(file_key, salt=nonce, info=b"payload"))
    size = CHUNK_BYTES + _TAG_BYTES
    starts = range(0, len(sealed), size)
    chunks: list[SecretBytes] = []
    for index, start in enumerate(starts):
        last = index == len(starts) - 1
        nonce = _chunk_nonce(index, last=last)
        try:
            chunk = SecretBytes(aead.decrypt(nonce, sealed[start : start + size], None))
        except InvalidTag:
            raise PayloadDamaged(_payload_damage(aead, index, sealed[start:], last)) from None
        if last and index and not chunk:
            raise PayloadDamaged("the vault is damaged: its last chunk is empty")
        chunks.append(chunk)
    return SecretBytes(b"".join(chunks))


def _payload_damage(aead: ChaCha20Poly1305, index: int, rest: memoryview, last: bool) -> str:
    # A chunk at the end that opens as "not the last" proves that something after it is missing.
    if last:
        try:
            aead.decrypt(_chunk_nonce(index, last=False), rest, None)
            return "the vault is damaged: payload ends early"
        except InvalidTag:
            pass
    return "the vault is damaged: payload does not decrypt"


def _chunk_nonce(index: int, *, last: bool) -> bytes:
    return index.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def _header_mac(authenticated: bytes, file_key: bytes) -> bytes:
    return hashing.authenticate(derive_key(file_key, salt=b"", info=b"header"), authenticated)


def _x25519_wrap_key(identity: bytes, peer: bytes, share: bytes, recipient: bytes) -> SecretBytes:
    private = X25519PrivateKey.from_private_bytes(identity)
    shared = SecretBytes(private.exchange(X25519PublicKey.from_public_bytes(peer)))
    return derive_key(shared, salt=share + recipient, info=b"age-encryption.org/v1/X25519")


def _parse_stanza(file: bytes, line: bytes, position: int) -> tuple[Stanza, int]:
    if not line.startswith(b"-> "):
        raise HeaderDamaged("the header holds a line that is no stanza")
    arguments = _ascii(line[3:]).split(" ")
    if not all(arguments) or any(not "!" <= c <= "~" for a in arguments for c in a):
        raise HeaderDamaged("a stanza has an empty argument or one that is not printable ASCII")
    body: list[bytes] = []
    while True:
        line, position = _read_line(file, position)
        if len(line) > _COLUMNS:
            raise HeaderDamaged("a stanza's body has a line that is too long")
        body.append(decode_base64(_ascii(line)))
        if len(line) < _COLUMNS:
            return Stanza(arguments[0], tuple(arguments[1:]), b"".join(body)), position


def _render_stanza(stanza: Stanza) -> bytes:
    body = encode_base64(stanza.body)
    lines = [body[start : start + _COLUMNS] for start in range(0, len(body), _COLUMNS)]
    if not lines or len(lines[-1]) == _COLUMNS:
        lines.append("")
    head = " ".join(("->", stanza.type, *stanza.args))
    return "".join(f"{line}\n" for line in (head, *lines)).encode("ascii")


def _read_line(file: bytes, position: int) -> tuple[bytes, int]:
    end = file.find(b"\n", position, MAX_HEADER_BYTES)
    if end < 0:
        if len(file) > MAX_HEADER_BYTES:
            raise HeaderDamaged(f"the header is longer than {MAX_HEADER_BYTES} bytes")
        raise HeaderDamaged("the vault is damaged: the file ends inside its header")
    return file[position:end], end + 1


def _ascii(line: bytes) -> str:
    try:
        return line.decode("ascii")
    except UnicodeDecodeError:
        raise HeaderDamaged("the header holds bytes that are not ASCII") from None
