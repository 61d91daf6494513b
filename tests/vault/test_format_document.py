"""docs/vault-format.md: its worked example is true, and it names what the code does."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from credman.core.model import VersionState
from credman.core.secret import Secret
from credman.vault import age, container, document, keys, records, slots
from credman.vault.container import parse_vault
from tests.vault.factories import make_full_document, to_json
from tests.vault.test_vectors import FOLDER, read_vector

TEXT = (Path(__file__).parents[2] / "docs" / "vault-format.md").read_text(encoding="utf-8")
EXAMPLE = TEXT[TEXT.index("## A worked example") :]
VECTOR = read_vector(FOLDER / "passphrase")
IDENTITY = keys.parse_identity(next(iter(re.findall(r"AGE-SECRET-KEY-1\w+", EXAMPLE))))


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", EXAMPLE, re.DOTALL)


def find_hex(what: str) -> bytes:
    found = re.search(rf"^\| {re.escape(what)} \| `([0-9a-f]+)` \|$", EXAMPLE, re.MULTILINE)
    assert found is not None, what
    return bytes.fromhex(found[1])


def test_keys_of_the_example() -> None:
    recovery = keys.parse_identity(re.findall(r"AGE-SECRET-KEY-1\w+", EXAMPLE)[1])
    assert find_hex("vault identity") == IDENTITY
    for key in (IDENTITY, recovery):
        assert keys.render_recipient(age.public_key(key)) in EXAMPLE
    assert parse_vault(VECTOR.file).open_with_recovery(recovery).identity == IDENTITY


def test_header_of_the_example() -> None:
    header = age.parse_header(VECTOR.file)
    [text] = blocks("text")
    assert text.encode() == VECTOR.file[: header.size]
    assert f"{header.size} bytes with the LF" in EXAMPLE
    file_key = age.unwrap_x25519(header.stanzas[0], IDENTITY)
    assert file_key == find_hex("file key")
    mac_key = age.derive_key(file_key, salt=b"", info=b"header")
    assert mac_key == find_hex("key of the header's MAC")
    assert hashlib.sha256(text.encode()).digest() == find_hex("SHA-256 of the header")


def test_slot_of_the_example() -> None:
    [slot] = parse_vault(VECTOR.file).slots
    assert slot.parameters is not None
    wrap_key, commitment = slots._derive(Secret("EXAMPLE passphrase"), slot.salt, slot.parameters)
    assert slot.salt == find_hex("salt of slot 0")
    assert wrap_key == find_hex("wrap key")
    assert commitment == find_hex("commitment") == slot.stanza.body[:32]
    assert slot.stanza.body[32:] == find_hex("sealed identity") + find_hex("tag")


def test_payload_of_the_example() -> None:
    header = age.parse_header(VECTOR.file)
    nonce = VECTOR.file[header.size : header.size + 16]
    file_key = find_hex("file key")
    assert nonce == find_hex("payload's nonce")
    assert age.derive_key(file_key, salt=nonce, info=b"payload") == find_hex("payload key")
    auth_key = age.derive_key(IDENTITY, salt=b"", info=container._AUTH_INFO)
    assert auth_key == find_hex("auth key")
    first, second = age.decrypt_payload(file_key, VECTOR.file[header.size :]).split(b"\n")[:2]
    shown_first, shown_second = blocks("json")
    assert first.decode() == shown_first.rstrip("\n")
    compact = json.dumps(json.loads(shown_second), separators=(",", ":")).encode()
    assert second == compact + b" " * (len(second) - len(compact))
    assert f"{len(compact)} bytes, then {len(second) - len(compact)} blanks" in EXAMPLE


def test_file_of_the_example() -> None:
    assert f"The file has {len(VECTOR.file)} bytes" in EXAMPLE
    assert hashlib.sha256(VECTOR.file).hexdigest() in EXAMPLE


@pytest.mark.parametrize(
    "limit",
    [
        f"| file | 1 byte to {container.MAX_VAULT_BYTES >> 20} MiB |",
        f"| {age.MAX_HEADER_BYTES >> 10} KiB |",
        f"| stanzas | 1 to {age.MAX_STANZAS} |",
        f"| slots | {slots.MAX_SLOTS} |",
        f"cuts the list to the last {document.MAX_HISTORY},",
        f"more than {records.MAX_DEPTH} deep",
        f"multiple of {container.PADDING_BYTES} bytes",
        f"Exactly {container._AUTH_LINE_BYTES} bytes",
        container._AUTH_INFO.decode(),
        slots.ARGON2ID,
        "m=65536,t=3,p=4",
    ],
)
def test_bounds_are_those_of_the_code(limit: str) -> None:
    assert limit in TEXT


def test_every_key_is_named() -> None:
    found: set[str] = set()

    def collect(value: object) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                found.add(key)
                if key not in {"values", "newer", "ids"}:
                    collect(inner)
        elif isinstance(value, list):
            for inner in value:
                collect(inner)

    collect(to_json(make_full_document()))
    assert len(found) > 25
    first_cells = re.findall(r"^\| (`[^|]+`) \|", TEXT, re.MULTILINE)
    named = {key for cell in first_cells for key in re.findall(r"`(\w+)`", cell)}
    assert found - {"newer"} <= named
    for state in VersionState:
        assert f"`{state.value}`" in TEXT
