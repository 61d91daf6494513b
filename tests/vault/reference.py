"""A second writer of vaults, made from docs/vault-format.md alone.

Rule: it imports nothing of credman, so that a vault it writes proves the document, not the code.
Every random byte comes from an argument: the same arguments give the same file.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ARGON2ID = "credman.dev/argon2id/v1"
COST = (19456, 2, 1)
BUCKET = 4096
CHUNK = 64 * 1024


class Entropy:
    """Bytes that depend on a name only."""

    def __init__(self, name: str) -> None:
        self._stream = hashlib.shake_256(name.encode()).digest(4096)
        self._used = 0

    def take(self, count: int) -> bytes:
        self._used += count
        assert self._used <= len(self._stream)
        return self._stream[self._used - count : self._used]


@dataclass(frozen=True)
class Stanza:
    arguments: tuple[str, ...]
    body: bytes

    def render(self) -> bytes:
        text = encode(self.body)
        lines = [text[at : at + 64] for at in range(0, len(text), 64)]
        if len(text) % 64 == 0:
            lines.append("")
        return "\n".join([" ".join(("->", *self.arguments)), *lines, ""]).encode()


def encode(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def hkdf(secret: bytes, salt: bytes, info: str) -> bytes:
    return HKDF(SHA256(), 32, salt, info.encode()).derive(secret)


def bech32(prefix: str, data: bytes) -> str:
    """BIP 173, without its limit of length."""
    alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    bits = "".join(f"{byte:08b}" for byte in data)
    bits += "0" * (-len(bits) % 5)
    words = [int(bits[at : at + 5], 2) for at in range(0, len(bits), 5)]
    spread = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    check = 1
    for word in [*spread, *words, 0, 0, 0, 0, 0, 0]:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ word
        for bit, term in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= term if top >> bit & 1 else 0
    words += [(check ^ 1) >> 5 * (5 - place) & 31 for place in range(6)]
    return f"{prefix}1" + "".join(alphabet[word] for word in words)


def identity_text(identity: bytes) -> str:
    return bech32("age-secret-key-", identity).upper()


def recipient_text(public: bytes) -> str:
    return bech32("age", public)


def public_key(identity: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(identity).public_key().public_bytes_raw()


def x25519_stanza(file_key: bytes, recipient: bytes, ephemeral: bytes) -> Stanza:
    share = public_key(ephemeral)
    secret = X25519PrivateKey.from_private_bytes(ephemeral).exchange(
        X25519PublicKey.from_public_bytes(recipient)
    )
    key = hkdf(secret, share + recipient, "age-encryption.org/v1/X25519")
    return Stanza(("X25519", encode(share)), seal(key, file_key))


def slot_stanza(
    identity: bytes,
    passphrase: str,
    *,
    vault_id: str,
    number: int | str,
    salt: bytes,
    cost: tuple[int, int, int] = COST,
    written_cost: str = "",
) -> Stanza:
    """Args: written_cost: what stands in the stanza, if it is to differ from ``cost``."""
    memory, passes, lanes = cost
    derived = Argon2id(
        salt=salt, length=64, iterations=passes, lanes=lanes, memory_cost=memory
    ).derive(unicodedata.normalize("NFC", passphrase).encode())
    text = written_cost or f"m={memory},t={passes},p={lanes}"
    arguments = (ARGON2ID, vault_id, str(number), encode(salt), text)
    sealed = seal(derived[:32], identity, " ".join(arguments).encode())
    return Stanza(arguments, derived[32:] + sealed)


def seal(key: bytes, plaintext: bytes, data: bytes | None = None) -> bytes:
    return ChaCha20Poly1305(key).encrypt(bytes(12), plaintext, data)


def render_header(stanzas: Sequence[Stanza], file_key: bytes) -> bytes:
    text = b"age-encryption.org/v1\n" + b"".join(stanza.render() for stanza in stanzas) + b"---"
    tag = hmac.digest(hkdf(file_key, b"", "header"), text, "sha256")
    return text + f" {encode(tag)}\n".encode()


def pad(document: bytes, ending: bytes = b"\n") -> bytes:
    """Returns: the document line, so long that auth line and document line fill the buckets."""
    return document + b" " * (-(67 + len(document) + len(ending)) % BUCKET) + ending


def compute_auth(identity: bytes, header: bytes, line: bytes) -> str:
    key = hkdf(identity, b"", "credman.dev/vault/v1 auth")
    return encode(hmac.digest(key, hashlib.sha256(header).digest() + line, "sha256"))


def encrypt(file_key: bytes, nonce: bytes, payload: bytes) -> bytes:
    aead = ChaCha20Poly1305(hkdf(file_key, nonce, "payload"))
    chunks = [payload[at : at + CHUNK] for at in range(0, len(payload), CHUNK)] or [b""]
    out = nonce
    for index, chunk in enumerate(chunks):
        last = index == len(chunks) - 1
        out += aead.encrypt(index.to_bytes(11, "big") + bytes([last]), chunk, None)
    return out


def render_json(document: dict[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def seal_line(
    entropy: Entropy,
    identity: bytes,
    line: bytes,
    *,
    recipients: Sequence[bytes] = (),
    slots: Sequence[Stanza] = (),
    version: int = 1,
    auth_identity: bytes | None = None,
) -> bytes:
    """Args:
        line: the document line, padded, as it shall stand in the file.
        recipients: public keys of the native recipients.
        auth_identity: another identity than the vault's, to forge ``auth``.

    Returns:
        A whole vault file.
    """
    file_key = entropy.take(16)
    owners = [public_key(identity), *recipients]
    stanzas = [x25519_stanza(file_key, owner, entropy.take(32)) for owner in owners]
    header = render_header([*stanzas, *slots], file_key)
    auth = compute_auth(auth_identity or identity, header, line)
    payload = f'{{"credman":{version},"auth":"{auth}"}}\n'.encode() + line
    return header + encrypt(file_key, entropy.take(16), payload)
