"""Our own vectors: each opens, or fails in exactly the way it names."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from credman.core.errors import CredmanError, WrongPassphrase
from credman.core.secret import Secret
from credman.vault import age, keys
from credman.vault.container import next_document, parse_vault, seal_vault
from credman.vault.document import Document
from tests.vault.factories import to_json, unlock
from tests.vault.vector_cases import make_vectors

FOLDER = Path(__file__).parent / "vectors"
COUNTS = {
    "success": 15,
    "wrong_passphrase": 5,
    "no_match": 2,
    "header_damaged": 32,
    "header_mac_mismatch": 8,
    "payload_damaged": 31,
    "vault_newer": 1,
}
KEYS = {"expect", "payload", "passphrase", "identity", "recovery", "comment"}


@dataclass(frozen=True)
class Vector:
    name: str
    header: dict[str, str]
    file: bytes


def read_vector(path: Path) -> Vector:
    head, _, file = path.read_bytes().partition(b"\n\n")
    pairs = [line.split(": ", 1) for line in head.decode().split("\n")]
    return Vector(path.name, {pair[0]: pair[1] for pair in pairs}, file)


VECTORS = [read_vector(path) for path in sorted(FOLDER.iterdir()) if path.name != "README.md"]
SUCCESSES = [vector for vector in VECTORS if vector.header["expect"] == "success"]


def open_vector(vector: Vector) -> Document:
    sealed = parse_vault(vector.file)
    if "recovery" in vector.header:
        return sealed.open_with_recovery(keys.parse_identity(vector.header["recovery"]))
    if "identity" in vector.header:
        return sealed.open(keys.parse_identity(vector.header["identity"]))
    identity = unlock(sealed, Secret(vector.header["passphrase"]))
    if identity is None:
        raise WrongPassphrase("the passphrase opens no slot")
    return sealed.open(identity)


def find_outcome(vector: Vector) -> str:
    try:
        open_vector(vector)
    except CredmanError as error:
        return error.kind
    return "success"


def test_corpus_is_whole() -> None:
    assert Counter(vector.header["expect"] for vector in VECTORS) == COUNTS


def test_headers_are_well_formed() -> None:
    for vector in VECTORS:
        assert vector.header.keys() <= KEYS
        assert len(vector.header.keys() & {"passphrase", "identity", "recovery"}) == 1
        assert ("payload" in vector.header) == (vector.header["expect"] == "success")


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_vector_ends_as_it_names(vector: Vector) -> None:
    start = time.perf_counter()
    assert find_outcome(vector) == vector.header["expect"]
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize("vector", SUCCESSES, ids=lambda vector: vector.name)
def test_success_gives_the_payload(vector: Vector) -> None:
    document = open_vector(vector)
    header = age.parse_header(vector.file)
    file_key = age.unwrap_x25519(header.stanzas[0], document.identity)
    assert file_key is not None
    payload = age.decrypt_payload(file_key, vector.file[header.size :])
    assert hashlib.sha256(payload).hexdigest() == vector.header["payload"]


@pytest.mark.parametrize("vector", SUCCESSES, ids=lambda vector: vector.name)
def test_success_survives_a_rewrite(vector: Vector) -> None:
    sealed = parse_vault(vector.file)
    document = open_vector(vector)
    again = seal_vault(next_document(sealed, document), [slot.stanza for slot in sealed.slots])
    rewritten = parse_vault(again).open(document.identity)
    changed = {"generation", "history"}
    before, after = to_json(document), to_json(rewritten)
    assert {k: v for k, v in before.items() if k not in changed} == {
        k: v for k, v in after.items() if k not in changed
    }
    assert [slot.stanza for slot in parse_vault(again).slots] == [s.stanza for s in sealed.slots]


def test_files_are_what_the_maker_makes() -> None:
    made = {vector.name: vector.render() for vector in make_vectors()}
    assert made.keys() == {vector.name for vector in VECTORS}
    for name, content in made.items():
        assert (FOLDER / name).read_bytes() == content, name


def test_vectors_hold_nothing_like_a_real_token() -> None:
    for vector in SUCCESSES:
        for secret in open_vector(vector).contents.values.values():
            assert secret.startswith("EX")
