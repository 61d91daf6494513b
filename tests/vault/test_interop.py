"""Other people's age: their tools open our vaults, and ours open their files."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pyrage  # type: ignore[import-untyped]
import pytest

from credman.vault import age, keys
from credman.vault.container import parse_vault, seal_vault
from credman.vault.document import Recipient, parse_document
from tests.requirements import require_program
from tests.vault.factories import MOMENT, Made, make_contents, make_vault

SIZES = [0, 1, 64 * 1024, 64 * 1024 + 1, 200_000]
VALUES = {
    "small": {"EXAMPLE": b"EXAMPLE"},
    "three chunks": {f"EXAMPLE_{number}": b"EXAMPLE" * 100 for number in range(200)},
}


def make_recovery_file(made: Made, folder: Path) -> str:
    path = folder / "recovery.key"
    path.write_text(f"# created by a test\n{keys.render_identity(made.recovery)!s}\n")
    return str(path)


def decrypt_ours(file: bytes, identity: bytes) -> bytes:
    header = age.parse_header(file)
    for stanza in header.stanzas:
        if stanza.type == age.X25519:
            file_key = age.unwrap_x25519(stanza, identity)
            if file_key is not None:
                age.check_header_mac(header, file_key)
                return age.decrypt_payload(file_key, file[header.size :])
    raise AssertionError("no stanza is ours")


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES.keys())
def test_age_opens_our_vault(tmp_path: Path, values: dict[str, bytes]) -> None:
    program = require_program("age")
    made = make_vault(contents=make_contents(values))
    vault = tmp_path / "vault.age"
    vault.write_bytes(made.file)
    command = [program, "-d", "-i", make_recovery_file(made, tmp_path), str(vault)]
    payload = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    assert payload == decrypt_ours(made.file, made.document.identity)
    assert parse_document(payload.split(b"\n")[1]) == made.document


def test_second_line_of_what_age_prints_is_the_document(tmp_path: Path) -> None:
    require_program("age")
    made = make_vault()
    vault = tmp_path / "vault.age"
    vault.write_bytes(made.file)
    recovery = make_recovery_file(made, tmp_path)
    pipe = f"age -d -i {recovery} {vault} | sed -n 2p"
    result = subprocess.run(["sh", "-c", pipe], capture_output=True, check=True, timeout=60)
    token = json.loads(result.stdout)["tokens"][0]
    assert token["versions"][0]["values"] == {"EXAMPLE": "EXAMPLE"}


def test_age_refuses_our_vault_with_another_key(tmp_path: Path) -> None:
    program = require_program("age")
    vault = tmp_path / "vault.age"
    vault.write_bytes(make_vault().file)
    other = make_recovery_file(make_vault(), tmp_path)
    result = subprocess.run(
        [program, "-d", "-i", other, str(vault)], capture_output=True, timeout=60
    )
    assert result.returncode != 0
    assert result.stdout == b""


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES.keys())
def test_pyrage_opens_our_vault(values: dict[str, bytes]) -> None:
    made = make_vault(contents=make_contents(values))
    for key in (made.recovery, made.document.identity):
        identity = pyrage.x25519.Identity.from_str(str(keys.render_identity(key)))
        payload = pyrage.decrypt(made.file, [identity])
        assert payload == decrypt_ours(made.file, made.document.identity)


@pytest.mark.parametrize("size", SIZES)
def test_we_open_what_age_writes(tmp_path: Path, size: int) -> None:
    program = require_program("age")
    identity = os.urandom(32)
    plaintext = os.urandom(size)
    recipient = keys.render_recipient(age.public_key(identity))
    command = [program, "-r", recipient]
    file = subprocess.run(command, input=plaintext, capture_output=True, check=True, timeout=60)
    assert decrypt_ours(file.stdout, identity) == plaintext


@pytest.mark.parametrize("size", SIZES)
def test_we_open_what_pyrage_writes(size: int) -> None:
    identity = os.urandom(32)
    plaintext = os.urandom(size)
    recipient = keys.render_recipient(age.public_key(identity))
    file = pyrage.encrypt(plaintext, [pyrage.x25519.Recipient.from_str(recipient)])
    assert decrypt_ours(file, identity) == plaintext


@pytest.mark.parametrize("size", SIZES)
def test_age_and_pyrage_open_what_we_write(tmp_path: Path, size: int) -> None:
    program = require_program("age")
    identity = os.urandom(32)
    plaintext = os.urandom(size)
    file_key = os.urandom(16)
    header = age.render_header([age.wrap_x25519(file_key, age.public_key(identity))], file_key)
    file = header + age.encrypt_payload(file_key, plaintext)
    text = str(keys.render_identity(identity))
    assert pyrage.decrypt(file, [pyrage.x25519.Identity.from_str(text)]) == plaintext
    key_file = tmp_path / "key"
    key_file.write_text(text)
    command = [program, "-d", "-i", str(key_file)]
    result = subprocess.run(command, input=file, capture_output=True, check=True, timeout=60)
    assert result.stdout == plaintext


def test_key_of_age_keygen_is_a_recovery_key(tmp_path: Path) -> None:
    program = require_program("age-keygen")
    path = tmp_path / "key"
    subprocess.run([program, "-o", str(path)], capture_output=True, check=True, timeout=60)
    text = path.read_text().splitlines()[-1]
    public = path.read_text().splitlines()[-2].removeprefix("# public key: ")
    recovery = keys.parse_identity(text)
    assert str(keys.render_identity(recovery)) == text
    assert keys.render_recipient(age.public_key(recovery)) == public
    made = make_vault((), recipients=(Recipient(public, "recovery", MOMENT),))
    assert made.sealed.open_with_recovery(recovery) == made.document


def test_age_keygen_reads_our_keys() -> None:
    program = require_program("age-keygen")
    for _ in range(5):
        identity = os.urandom(32)
        text = str(keys.render_identity(identity))
        command = [program, "-y"]
        result = subprocess.run(
            command, input=text.encode(), capture_output=True, check=True, timeout=60
        )
        assert result.stdout.decode().strip() == keys.render_recipient(age.public_key(identity))


def test_keys_of_pyrage_round_trip() -> None:
    for _ in range(20):
        theirs = pyrage.x25519.Identity.generate()
        identity = keys.parse_identity(str(theirs))
        assert str(keys.render_identity(identity)) == str(theirs)
        public = keys.render_recipient(age.public_key(identity))
        assert public == str(theirs.to_public())


def test_recipient_of_pyrage_becomes_an_owner() -> None:
    theirs = pyrage.x25519.Identity.generate()
    made = make_vault()
    owner = Recipient(str(theirs.to_public()), "another", MOMENT)
    document = made.sealed.open(made.document.identity)
    document = replace(document, recipients=(*document.recipients, owner))
    sealed = parse_vault(seal_vault(document, [slot.stanza for slot in made.sealed.slots]))
    assert sealed.open_with_recovery(keys.parse_identity(str(theirs))) == document
    assert sealed.open_with_recovery(made.recovery) == document
