"""The whole vault file: who opens it, what it is proof against, and what it never gives away."""

from __future__ import annotations

import json
import os
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credman.core.errors import (
    HeaderDamaged,
    NoMatch,
    NotAVault,
    PayloadDamaged,
    Refused,
    VaultNewer,
)
from credman.core.secret import Secret
from credman.vault import age, container
from credman.vault.container import next_document, parse_vault, seal_vault
from credman.vault.document import Recipient, SlotLabel
from tests.vault import reference
from tests.vault.factories import (
    CANARY,
    MOMENT,
    PASSPHRASE,
    VAULT_ID,
    make_contents,
    make_document,
    make_full_document,
    make_recipient,
    make_slot,
    make_vault,
    reseal,
    to_json,
    unlock,
)

OTHER = Secret("EXAMPLE other passphrase")


def payload_of(file: bytes, identity: bytes) -> bytes:
    header = age.parse_header(file)
    file_key = age.unwrap_x25519(header.stanzas[0], identity)
    assert file_key is not None
    return age.decrypt_payload(file_key, file[header.size :])


def test_every_owner_opens() -> None:
    made = make_vault((PASSPHRASE, OTHER))
    for secret in made.passphrases:
        identity = unlock(made.sealed, secret)
        assert identity == made.document.identity
        assert made.sealed.open(identity) == made.document
    assert made.sealed.open_with_recovery(made.recovery) == made.document


def test_nobody_else_opens() -> None:
    made = make_vault()
    assert unlock(made.sealed, OTHER) is None
    with pytest.raises(NoMatch):
        made.sealed.open(os.urandom(32))
    with pytest.raises(NoMatch):
        made.sealed.open_with_recovery(os.urandom(32))
    with pytest.raises(NoMatch):  # the identity is no recovery key
        made.sealed.open_with_recovery(made.document.identity)
    with pytest.raises(NoMatch):
        made.sealed.open(made.recovery)


def test_full_document_survives_a_rewrite() -> None:
    document = make_full_document()
    slot = make_slot(document)
    sealed = parse_vault(seal_vault(document, [slot]))
    later = next_document(sealed, sealed.open(document.identity))
    again = parse_vault(seal_vault(later, [s.stanza for s in sealed.slots]))
    read = again.open(document.identity)
    assert read == later
    assert (read.generation, read.history[-1].file_hash) == (8, sealed.file_hash)
    assert replace(read, generation=7, history=document.history) == document
    assert unlock(again, PASSPHRASE) == document.identity


def test_slot_of_a_newer_kind_survives_a_rewrite() -> None:
    salt = age.encode_base64(bytes(16))
    newer = age.Stanza("credman.dev/future/v1", (VAULT_ID, "0", salt), bytes(48))
    document = make_document(slots=(SlotLabel(0, "future", MOMENT),), next_slot=1)
    sealed = parse_vault(seal_vault(document, [newer]))
    assert [slot.stanza for slot in sealed.slots] == [newer]
    assert sealed.open(document.identity) == document


def test_vault_without_slots_opens_with_recovery() -> None:
    made = make_vault(())
    assert unlock(made.sealed, PASSPHRASE) is None
    assert made.sealed.open_with_recovery(made.recovery) == made.document


def test_payload_has_the_form_of_the_specification() -> None:
    made = make_vault()
    payload = payload_of(made.file, made.document.identity)
    first, second, rest = payload.split(b"\n")
    assert len(first) == 66
    assert json.loads(first)["credman"] == 1
    assert len(json.loads(first)["auth"]) == 43
    assert rest == b""
    assert len(payload) % 4096 == 0
    assert second.startswith(b'{"identity":"AGE-SECRET-KEY-1')
    header = made.file[: made.sealed.header.size]
    auth = reference.compute_auth(made.document.identity, header, second + b"\n")
    assert json.loads(first)["auth"] == auth


def test_vault_is_what_the_reference_writes() -> None:
    made = make_vault()
    payload = payload_of(made.file, made.document.identity)
    line = reference.pad(reference.render_json(to_json(made.document)))
    assert payload[67:] == line
    theirs = reseal(made.document, line, slots=[reference_slot(made.document.identity)])
    assert theirs.open(made.document.identity) == made.document


def reference_slot(identity: bytes, number: int = 0) -> reference.Stanza:
    return reference.slot_stanza(
        identity, str(PASSPHRASE), vault_id=VAULT_ID, number=number, salt=os.urandom(16)
    )


def test_length_is_equal_within_a_bucket() -> None:
    lengths = {}
    for size in range(1, 9001, 50):
        contents = make_contents({"EXAMPLE": b"E" * size})
        lengths[size] = len(seal_vault(make_document(contents=contents), []))
    distinct = sorted(set(lengths.values()))
    assert [b - a for a, b in pairwise(distinct)] == [4096, 4096]
    assert len({lengths[size] for size in lengths if size <= 3001}) == 1


@pytest.mark.parametrize("size", range(3300, 3400))
def test_length_at_the_edge_of_a_bucket(size: int) -> None:
    document = make_document(contents=make_contents({"EXAMPLE": b"E" * size}))
    sealed = parse_vault(seal_vault(document, []))
    assert sealed.open(document.identity) == document
    assert len(payload_of(sealed.file, document.identity)) % 4096 == 0


def test_nothing_random_repeats_over_many_saves() -> None:
    document = make_document()
    saves = 2000
    seen: set[bytes] = set()
    for _ in range(saves):
        file = seal_vault(document, [])
        header = age.parse_header(file)
        file_key = age.unwrap_x25519(header.stanzas[0], document.identity)
        assert file_key is not None
        nonce = file[header.size : header.size + 16]
        seen |= {file_key, nonce, age.decode_base64(header.stanzas[0].args[0]), header.mac}
    assert len(seen) == 4 * saves


def test_no_value_passphrase_or_identity_stands_in_the_file_in_clear() -> None:
    made = make_vault(contents=make_contents({"EXAMPLE": CANARY.encode()}))
    identity = to_json(made.document)["identity"].encode()
    for secret in (CANARY.encode(), PASSPHRASE.to_bytes(), identity, made.document.identity):
        assert secret not in made.file


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(b"", id="empty"),
        pytest.param(bytes(5000), id="zeros"),
        pytest.param(os.urandom(5000), id="random"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(50), id="PNG"),
        pytest.param(b"\x1f\x8b\x08" + bytes(50), id="gzip"),
        pytest.param(b"{}", id="JSON"),
        pytest.param(b"age-encryption.org/v1", id="no line end"),
        pytest.param(b"age-encryption.org/v2\n-> X25519 a\n", id="age v2"),
        pytest.param(b"\xef\xbb\xbfage-encryption.org/v1\n", id="byte order mark"),
        pytest.param(bytes(container.MAX_VAULT_BYTES + 1), id="too large"),
    ],
)
def test_what_is_no_vault_is_refused(file: bytes) -> None:
    with pytest.raises(NotAVault):
        parse_vault(file)


def test_age_file_to_our_identity_is_no_vault() -> None:
    identity = os.urandom(32)
    file_key = bytes(16)
    for plaintext in (b"", b"EXAMPLE", b'{"credman":0,', b'{"credman":"1",', b"A" * 4096):
        header = age.render_header([age.wrap_x25519(file_key, age.public_key(identity))], file_key)
        sealed = parse_vault(header + age.encrypt_payload(file_key, plaintext))
        with pytest.raises(NotAVault):
            sealed.open(identity)


def test_stanza_that_no_credman_writes_is_refused() -> None:
    file_key = bytes(16)
    first = age.wrap_x25519(file_key, age.public_key(bytes(32)))
    for stanza in (
        age.Stanza("ssh-ed25519", ("a", "b"), bytes(32)),
        age.Stanza("x-grease", (), b""),
    ):
        with pytest.raises(HeaderDamaged):
            parse_vault(age.render_header([first, stanza], file_key))
        with pytest.raises(NotAVault):
            parse_vault(age.render_header([stanza, first], file_key))


def test_newer_version_is_told_apart() -> None:
    document = make_document()
    line = reference.pad(reference.render_json(to_json(document)))
    for version in (2, 9999):
        with pytest.raises(VaultNewer, match=str(version)):
            reseal(document, line, version=version).open(document.identity)
    for version in (0, 10000):
        with pytest.raises(NotAVault):
            reseal(document, line, version=version).open(document.identity)


def test_slots_and_document_must_agree() -> None:
    document = make_document(slots=(SlotLabel(0, "a", MOMENT), SlotLabel(1, "b", MOMENT)))
    for next_slot, numbers in ((2, [0]), (2, []), (2, [0, 2]), (1, [0, 1])):
        found = to_json(replace(document, next_slot=next_slot))
        line = reference.pad(reference.render_json(found))
        stanzas = [reference_slot(document.identity, number) for number in numbers]
        with pytest.raises(PayloadDamaged):
            reseal(document, line, slots=stanzas).open(document.identity)


def test_what_could_not_be_read_again_is_not_written() -> None:
    document = make_document()
    unlabelled = make_slot(document)
    with pytest.raises(Refused):
        seal_vault(document, [unlabelled])
    recipients = tuple(Recipient(make_recipient(), "x", MOMENT) for _ in range(64))
    with pytest.raises(Refused, match="64"):
        seal_vault(replace(document, recipients=recipients), [])
    assert parse_vault(seal_vault(replace(document, recipients=recipients[:63]), []))
    with pytest.raises(Refused, match="16"):
        seal_vault(document, [unlabelled] * 17)
    with pytest.raises(Refused):
        seal_vault(replace(document, vault_id="x"), [])
    large = make_contents({"EXAMPLE": b"E" * (container.MAX_VAULT_BYTES + 1)})
    with pytest.raises(Refused, match="64 MiB"):
        seal_vault(replace(document, contents=large), [])


def test_too_large_a_file_is_refused_before_it_is_read() -> None:
    file = make_vault().file + bytes(container.MAX_VAULT_BYTES)
    start = time.perf_counter()
    with pytest.raises(NotAVault):
        parse_vault(file)
    assert time.perf_counter() - start < 0.1


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(lambda line: line[:-1] + b" ", id="no line end"),
        pytest.param(lambda line: line + b" ", id="one blank too many"),
        pytest.param(lambda line: line.rstrip() + b"\n", id="no padding"),
        pytest.param(lambda line: line[:-1], id="cut by one"),
        pytest.param(lambda line: b" " + line[:-2] + b"\n", id="a blank before"),
        pytest.param(lambda line: line[:-4] + b"{}\0\n", id="more than blanks"),
        pytest.param(lambda line: b"", id="nothing"),
        pytest.param(lambda line: line.replace(b"AGE-SECRET", b"AGE-SECRTE", 1), id="identity"),
        pytest.param(lambda line: line.replace(b'"identity"', b'"Identity"', 1), id="key"),
    ],
)
def test_document_line_of_another_form_is_refused(build: Callable[[bytes], bytes]) -> None:
    document = make_document()
    line = reference.pad(reference.render_json(to_json(document)))
    recovery = os.urandom(32)
    sealed = reseal(document, build(line), recipients=[age.public_key(recovery)])
    with pytest.raises(PayloadDamaged):
        sealed.open(document.identity)
    with pytest.raises(PayloadDamaged):
        sealed.open_with_recovery(recovery)


@given(st.binary(max_size=200))
def test_no_authenticated_rubbish_escapes_as_another_error(rubbish: bytes) -> None:
    identity = bytes(range(32))
    start = f'{{"identity":"{reference.identity_text(identity)}",'.encode()
    line = reference.pad(start + rubbish)
    entropy = reference.Entropy("rubbish")
    sealed = parse_vault(reference.seal_line(entropy, identity, line))
    with pytest.raises(PayloadDamaged) as caught:
        sealed.open(identity)
    assert CANARY not in "".join(traceback.format_exception(caught.value))
