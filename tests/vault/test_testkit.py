"""The age layer against the age test kit: every vector, with exactly the class it names."""

from __future__ import annotations

import hashlib
import time
import zlib
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from credman.core.errors import (
    HeaderDamaged,
    HeaderMACMismatch,
    Locked,
    NotAVault,
    PayloadDamaged,
    UsageError,
    VaultDamaged,
)
from credman.vault import age, keys
from credman.vault.container import parse_vault

FOLDER = Path(__file__).parent / "testkit"
APPLICABLE = {
    "success": 14,
    "no match": 3,
    "HMAC failure": 1,
    "header failure": 31,
    "payload failure": 18,
}
REFUSED = {"armor": 33, "scrypt": 25, "hybrid": 18}


@dataclass(frozen=True)
class Vector:
    name: str
    expect: str
    file: bytes
    identities: tuple[str, ...]
    payload: str | None
    kind: str
    """``armor``, ``scrypt`` or ``hybrid`` if a vault never has it, else empty."""


def read_vector(path: Path) -> Vector:
    head, _, file = path.read_bytes().partition(b"\n\n")
    pairs = [line.split(": ", 1) for line in head.decode().splitlines()]
    found = {key: value for key, value in pairs}  # noqa: C416  # dict() takes no lists for mypy
    if found.get("compressed") == "zlib":
        file = zlib.decompress(file)
    if "armored" in found:
        kind = "armor"
    elif "passphrase" in found:
        kind = "scrypt"
    elif path.name.startswith("hybrid"):
        kind = "hybrid"
    else:
        kind = ""
    identities = tuple(value for key, value in pairs if key == "identity")
    return Vector(path.name, found["expect"], file, identities, found.get("payload"), kind)


VECTORS = [read_vector(path) for path in sorted(FOLDER.iterdir()) if path.name != "README.md"]
applicable = pytest.mark.parametrize(
    "vector", [v for v in VECTORS if not v.kind], ids=lambda v: v.name
)
refused = pytest.mark.parametrize("vector", [v for v in VECTORS if v.kind], ids=lambda v: v.name)


def decrypt(file: bytes, identities: tuple[bytes, ...]) -> bytes | None:
    """Returns: the plaintext, or None if no identity opens a stanza."""
    header = age.parse_header(file)
    for identity in identities:
        for stanza in header.stanzas:
            file_key = age.unwrap_x25519(stanza, identity) if stanza.type == age.X25519 else None
            if file_key is not None:
                age.check_header_mac(header, file_key)
                return age.decrypt_payload(file_key, file[header.size :])
    return None


def find_outcome(vector: Vector) -> tuple[str, bytes | None]:
    try:
        plaintext = decrypt(vector.file, tuple(keys.parse_identity(i) for i in vector.identities))
    except (HeaderDamaged, NotAVault):
        return "header failure", None
    except HeaderMACMismatch:
        return "HMAC failure", None
    except PayloadDamaged:
        return "payload failure", None
    return ("no match" if plaintext is None else "success"), plaintext


def test_corpus_is_whole() -> None:
    assert len(VECTORS) == 143


def test_counts_of_each_class() -> None:
    assert Counter(v.expect for v in VECTORS if not v.kind) == APPLICABLE
    assert Counter(v.kind for v in VECTORS if v.kind) == REFUSED
    assert sum(APPLICABLE.values()) + sum(REFUSED.values()) == 143


@applicable
def test_vector_has_the_class_it_names(vector: Vector) -> None:
    outcome, plaintext = find_outcome(vector)
    assert outcome == vector.expect
    if outcome == "success":
        assert plaintext is not None
        assert hashlib.sha256(plaintext).hexdigest() == vector.payload
    else:
        assert plaintext is None


@applicable
def test_age_file_is_no_vault(vector: Vector) -> None:
    with pytest.raises((VaultDamaged, Locked)):
        parse_vault(vector.file).open(keys.parse_identity(vector.identities[0]))


@refused
def test_foreign_file_is_refused_by_the_vault(vector: Vector) -> None:
    start = time.perf_counter()
    with pytest.raises(VaultDamaged):
        parse_vault(vector.file)
    assert time.perf_counter() - start < 1


@refused
def test_foreign_file_opens_for_nobody_in_the_age_layer(vector: Vector) -> None:
    start = time.perf_counter()
    native = tuple(
        keys.parse_identity(text)
        for text in vector.identities
        if not text.startswith("AGE-SECRET-KEY-PQ-")
    )
    with suppress(VaultDamaged):
        assert decrypt(vector.file, native) is None
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize("vector", [v for v in VECTORS if v.kind == "armor"], ids=lambda v: v.name)
def test_armor_is_no_age_file_for_us(vector: Vector) -> None:
    with pytest.raises(NotAVault):
        age.parse_header(vector.file)


@pytest.mark.parametrize(
    "text",
    sorted({t for v in VECTORS for t in v.identities if t.startswith("AGE-SECRET-KEY-PQ-")}),
)
def test_post_quantum_identity_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        keys.parse_identity(text)
