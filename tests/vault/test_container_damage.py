"""Damage and tampering: every byte changed, every length cut, every part exchanged."""

from __future__ import annotations

import os
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credman.core.errors import (
    CredmanError,
    HeaderMACMismatch,
    Locked,
    NoMatch,
    PayloadDamaged,
    VaultDamaged,
    WrongPassphrase,
)
from credman.core.secret import Secret
from credman.vault import age
from credman.vault.container import parse_vault
from credman.vault.document import Document, SlotLabel
from tests.vault import reference
from tests.vault.factories import (
    CANARY,
    MOMENT,
    PASSPHRASE,
    VAULT_ID,
    make_contents,
    make_document,
    make_vault,
    to_json,
    unlock,
)

MADE = make_vault(
    (Secret(CANARY),), contents=make_contents({"EXAMPLE": CANARY.encode()}), vault_id=VAULT_ID
)
REFUSALS = (VaultDamaged, Locked)


def open_as_owner(file: bytes) -> Document:
    return parse_vault(file).open(MADE.document.identity)


def open_with_recovery(file: bytes) -> Document:
    return parse_vault(file).open_with_recovery(MADE.recovery)


def open_with_passphrase(file: bytes) -> Document:
    sealed = parse_vault(file)
    identity = unlock(sealed, Secret(CANARY))
    if identity is None:
        raise WrongPassphrase("the passphrase opens no slot")
    return sealed.open(identity)


def check_shows_nothing(error: CredmanError) -> None:
    shown = "".join(traceback.format_exception(error)) + repr(error) + error.hint
    assert CANARY not in shown
    assert "AGE-SECRET" not in shown


def flip(place: int, mask: int) -> bytes:
    changed = bytearray(MADE.file)
    changed[place] ^= mask
    return bytes(changed)


def test_no_changed_byte_makes_an_error_show_a_secret() -> None:
    # Each bit of each byte: test_a01 of tests/matrix.
    for place in range(len(MADE.file)):
        with pytest.raises(REFUSALS) as caught:
            open_as_owner(flip(place, 0x01))
        check_shows_nothing(caught.value)


@pytest.mark.parametrize("mask", [0x02, 0x20])
def test_every_changed_byte_of_the_header_is_refused_with_recovery(mask: int) -> None:
    for place in range(MADE.sealed.header.size + 40):
        with pytest.raises(REFUSALS):
            open_with_recovery(flip(place, mask))


def test_every_changed_byte_of_the_slot_is_refused_with_the_passphrase() -> None:
    start = MADE.file.index(b"-> credman.dev/")
    for place in range(start, MADE.sealed.header.size):
        with pytest.raises(REFUSALS) as caught:
            open_with_passphrase(flip(place, 0x01))
        check_shows_nothing(caught.value)


def test_every_start_cut_off_is_refused() -> None:
    for length in range(1, len(MADE.file)):
        with pytest.raises(REFUSALS):
            open_as_owner(MADE.file[length:])


JUNK = [b"\0", b"\n", b" ", b"{}", os.urandom(16), bytes(1 << 20)]


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
def test_appended_bytes_are_refused(junk: bytes) -> None:
    for open_it in (open_as_owner, open_with_recovery, open_with_passphrase):
        with pytest.raises(PayloadDamaged):
            open_it(MADE.file + junk)


def test_vault_appended_to_itself_is_refused() -> None:
    with pytest.raises(PayloadDamaged):
        open_as_owner(MADE.file * 2)


@given(st.data())
def test_any_change_is_refused(data: st.DataObject) -> None:
    size = len(MADE.file)
    start = data.draw(st.integers(0, size))
    end = data.draw(st.integers(start, min(size, start + 100)))
    changed = MADE.file[:start] + data.draw(st.binary(max_size=100)) + MADE.file[end:]
    if changed != MADE.file:
        with pytest.raises(REFUSALS):
            open_as_owner(changed)


def test_payload_of_another_save_is_refused() -> None:
    document = MADE.document
    other = make_vault((), identity=document.identity)
    header, theirs = MADE.sealed.header, other.sealed.header
    with pytest.raises(PayloadDamaged):
        open_as_owner(MADE.file[: header.size] + other.file[theirs.size :])


def test_slot_of_another_vault_is_refused() -> None:
    other = make_vault((PASSPHRASE,), vault_id=VAULT_ID)
    ours = MADE.sealed.slots[0].stanza
    theirs = other.sealed.slots[0].stanza
    pasted = MADE.file.replace(age._render_stanza(ours), age._render_stanza(theirs))
    assert pasted != MADE.file
    with pytest.raises(HeaderMACMismatch):
        open_as_owner(pasted)
    # Its passphrase opens that slot and finds an identity, but not this vault's.
    identity = unlock(parse_vault(pasted), PASSPHRASE)
    assert identity == other.document.identity
    with pytest.raises(NoMatch):
        parse_vault(pasted).open(identity)


def file_key_of(file: bytes, identity: bytes) -> bytes:
    file_key = age.unwrap_x25519(age.parse_header(file).stanzas[0], identity)
    assert file_key is not None
    return file_key


def test_header_rewritten_with_the_file_key_is_refused() -> None:
    header = MADE.sealed.header
    file_key = file_key_of(MADE.file, MADE.document.identity)
    payload = MADE.file[header.size :]
    first, recovery, slot = header.stanzas
    again = age.wrap_x25519(file_key, age.public_key(os.urandom(32)))
    for stanzas in (
        [first, recovery],
        [first, slot],
        [first, slot, recovery],
        [*header.stanzas, again],
    ):
        forged = age.render_header(stanzas, file_key) + payload
        with pytest.raises(PayloadDamaged, match="owner"):
            open_as_owner(forged)


def test_payload_rewritten_with_the_file_key_is_refused() -> None:
    header = MADE.sealed.header
    file_key = file_key_of(MADE.file, MADE.document.identity)
    payload = age.decrypt_payload(file_key, MADE.file[header.size :])
    changed = payload.replace(b'"generation":1', b'"generation":9')
    assert changed != payload
    forged = MADE.file[: header.size] + age.encrypt_payload(file_key, changed)
    for open_it in (open_as_owner, open_with_recovery):
        with pytest.raises(PayloadDamaged, match="owner"):
            open_it(forged)


def test_vault_forged_with_the_public_keys_alone_is_refused() -> None:
    """The forger knows both recipients, and writes an identity of his own."""
    forger = os.urandom(32)
    found = to_json(make_document(identity=forger))
    line = reference.pad(reference.render_json(found))
    file_key = bytes(16)
    owners = [age.public_key(MADE.document.identity), age.public_key(MADE.recovery)]
    header = age.render_header([age.wrap_x25519(file_key, owner) for owner in owners], file_key)
    auth = reference.compute_auth(forger, header, line)
    payload = f'{{"credman":1,"auth":"{auth}"}}\n'.encode() + line
    forged = header + age.encrypt_payload(file_key, payload)
    for open_it in (open_as_owner, open_with_recovery):
        with pytest.raises(PayloadDamaged):
            open_it(forged)


def test_vault_made_anew_opens_for_a_recovery_key_but_not_for_the_identity() -> None:
    """A limit: who holds a recovery key only cannot know which identity is the true one."""
    forger = os.urandom(32)
    line = reference.pad(reference.render_json(to_json(make_document(identity=forger))))
    recipients = [age.public_key(MADE.recovery)]
    forged = reference.seal_line(reference.Entropy("forger"), forger, line, recipients=recipients)
    assert open_with_recovery(forged).identity == forger
    with pytest.raises(NoMatch):
        open_as_owner(forged)


def test_removed_slot_put_back_is_refused() -> None:
    identity = os.urandom(32)
    two = make_vault((PASSPHRASE, Secret(CANARY)), identity=identity)
    label = SlotLabel(0, "passphrase", MOMENT)
    one = make_vault((PASSPHRASE,), identity=identity, slots=(label,), next_slot=2)
    removed = two.sealed.slots[1].stanza
    put_back = [*one.sealed.header.stanzas, removed]
    payload = one.file[one.sealed.header.size :]
    by_stranger = age.render_header(put_back, bytes(16)) + payload
    by_keyholder = age.render_header(put_back, file_key_of(one.file, identity)) + payload
    with pytest.raises(HeaderMACMismatch):
        parse_vault(by_stranger).open(identity)
    with pytest.raises(PayloadDamaged, match="owner"):
        parse_vault(by_keyholder).open(identity)
