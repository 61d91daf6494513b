"""Slots that a key in the operating system's keyring opens: nothing but that key opens them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from credman.core.errors import HeaderDamaged, Refused, WrongPassphrase
from credman.core.keyslots import (
    NewKeyring,
    NewPassphrase,
    NewRecovery,
    SlotChange,
    SlotKind,
    keyring_user,
)
from credman.core.secret import Secret
from credman.vault import age, slots
from credman.vault.container import SealedVault, parse_vault, seal_vault
from credman.vault.rekeying import Keyed, change_slots, fits_slot, list_slots, make_document
from credman.vault.slots import KEYRING, Slot, parse_slots, unwrap_key, wrap_key
from tests.vault.factories import MOMENT, PASSPHRASE, VAULT_ID, unlock

IDENTITY = bytes(range(32))
KEY = bytes(range(32, 64))
OTHER_ID = "f" * 32


def wrap(number: int = 0, *, key: bytes = KEY, vault_id: str = VAULT_ID) -> age.Stanza:
    return wrap_key(IDENTITY, key, vault_id=vault_id, number=number)


def parse(stanza: age.Stanza) -> Slot:
    (slot,) = parse_slots([stanza])
    return slot


def flip(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def test_the_key_opens_what_it_wrapped() -> None:
    slot = parse(wrap(7))
    assert (slot.vault_id, slot.number, slot.parameters) == (VAULT_ID, 7, None)
    assert unwrap_key(slot, KEY) == IDENTITY


def test_each_slot_has_a_fresh_salt() -> None:
    made = [wrap() for _ in range(8)]
    assert len({parse(stanza).salt for stanza in made}) == 8
    assert len({stanza.body for stanza in made}) == 8


@pytest.mark.parametrize("key", [*(flip(KEY, n) for n in (0, 15, 31)), bytes(32), IDENTITY, b""])
def test_another_key_opens_nothing(key: bytes) -> None:
    assert unwrap_key(parse(wrap()), key) is None


def test_the_bytes_are_those_of_the_specification() -> None:
    # Made here with nothing of credman but the names: the format does not change by accident.
    salt = bytes(range(100, 116))
    args = (VAULT_ID, "3", "ZGVmZ2hpamtsbW5vcHFycw")
    kind = "credman.dev/keyring/v1"
    derived = HKDF(SHA256(), 32, salt, kind.encode()).derive(KEY)
    data = " ".join((kind, *args)).encode()
    body = ChaCha20Poly1305(derived).encrypt(bytes(12), IDENTITY, data)
    slot = parse(age.Stanza(kind, args, body))
    assert kind == KEYRING and slot.salt == salt
    assert unwrap_key(slot, KEY) == IDENTITY
    assert body.hex() == VECTOR


VECTOR = (
    "2dfe7134ba4a061e6d7794699edacb4b73830c920d6b87fbd8a085ea5c687b38"
    "f5c99fc242e16db9d7d2bb9401206e75"
)


def change_salt(stanza: age.Stanza) -> age.Stanza:
    salt = age.encode_base64(os.urandom(slots.SALT_BYTES))
    return replace(stanza, args=(*stanza.args[:2], salt))


def change_number(stanza: age.Stanza) -> age.Stanza:
    return replace(stanza, args=(stanza.args[0], "1", stanza.args[2]))


def change_vault(stanza: age.Stanza) -> age.Stanza:
    return replace(stanza, args=(OTHER_ID, *stanza.args[1:]))


@pytest.mark.parametrize("change", [change_salt, change_number, change_vault])
def test_a_changed_argument_is_noticed(change: Callable[[age.Stanza], age.Stanza]) -> None:
    assert unwrap_key(parse(change(wrap())), KEY) is None


@pytest.mark.parametrize("place", range(48))
def test_a_changed_body_is_noticed(place: int) -> None:
    stanza = wrap()
    assert unwrap_key(parse(replace(stanza, body=flip(stanza.body, place))), KEY) is None


def test_swapped_numbers_are_noticed() -> None:
    first, second = wrap(0), wrap(1)
    swapped = [
        replace(first, args=(VAULT_ID, "1", first.args[2])),
        replace(second, args=(VAULT_ID, "0", second.args[2])),
    ]
    assert [unwrap_key(slot, KEY) for slot in parse_slots([first, second])] == [IDENTITY] * 2
    assert [unwrap_key(slot, KEY) for slot in parse_slots(swapped)] == [None, None]


@pytest.mark.parametrize(
    "args",
    [
        (),
        (VAULT_ID,),
        (VAULT_ID, "0"),
        (VAULT_ID, "0", "", "x"),
        (VAULT_ID, "0", age.encode_base64(bytes(15))),
        (VAULT_ID, "0", age.encode_base64(bytes(17))),
        (VAULT_ID, "0", f"{age.encode_base64(bytes(16))}="),
        (VAULT_ID, "0", age.encode_base64(bytes(16)), "m=65536,t=3,p=4"),
        (VAULT_ID, "00", age.encode_base64(bytes(16))),
        (VAULT_ID, "-1", age.encode_base64(bytes(16))),
        (VAULT_ID, "1000000", age.encode_base64(bytes(16))),
        (VAULT_ID.upper(), "0", age.encode_base64(bytes(16))),
        (VAULT_ID[:-1], "0", age.encode_base64(bytes(16))),
    ],
)
def test_malformed_arguments_are_damage(args: tuple[str, ...]) -> None:
    with pytest.raises(HeaderDamaged):
        parse(age.Stanza(KEYRING, args, bytes(48)))


@pytest.mark.parametrize("length", [0, 1, 32, 47, 49, 64, 80])
def test_a_body_of_another_length_is_damage(length: int) -> None:
    stanza = wrap()
    with pytest.raises(HeaderDamaged):
        parse(replace(stanza, body=(stanza.body * 2)[:length]))


def test_slots_of_two_vaults_or_with_one_number_are_damage() -> None:
    for second in (wrap(1, vault_id=OTHER_ID), wrap(0)):
        with pytest.raises(HeaderDamaged):
            parse_slots([wrap(0), second])


def test_a_passphrase_and_a_key_do_not_open_each_others_slot() -> None:
    typed = slots.wrap_passphrase(IDENTITY, PASSPHRASE, vault_id=VAULT_ID, number=1)
    keyring, passphrase = parse_slots([wrap(0), typed])
    assert unwrap_key(passphrase, KEY) is None
    assert slots.unwrap_passphrase(keyring, PASSPHRASE) is None


def make(*opened_by: NewPassphrase | NewKeyring | NewRecovery) -> tuple[Keyed, SealedVault]:
    keyed = make_document(opened_by, vault_id=VAULT_ID, now=MOMENT)
    return keyed, parse_vault(seal_vault(keyed.document, keyed.stanzas))


def change(made: tuple[Keyed, SealedVault], wanted: SlotChange) -> tuple[Keyed, SealedVault]:
    keyed = change_slots(made[1], made[0].document, wanted, now=MOMENT)
    return keyed, parse_vault(seal_vault(keyed.document, keyed.stanzas))


def test_a_vault_is_opened_by_its_key() -> None:
    keyed, sealed = make(NewKeyring(KEY, 0), NewRecovery(bytes(32)))
    assert keyed.opens(sealed)
    assert fits_slot(sealed, "0", KEY) and not fits_slot(sealed, "0", bytes(32))
    assert not fits_slot(sealed, "0", PASSPHRASE) and not fits_slot(sealed, "1", KEY)
    assert sealed.open(unwrap_key(sealed.slots[0], KEY) or b"") == keyed.document
    found = [(s.id, s.kind, s.label) for s in list_slots(sealed, keyed.document)]
    assert found == [
        ("0", SlotKind.KEYRING, "keyring"),
        ("recovery", SlotKind.RECOVERY, "recovery"),
    ]


def test_a_key_that_was_made_for_another_number_is_refused() -> None:
    # The item lies in the keyring under the number: nothing would ever look for it there.
    made = make(NewPassphrase(PASSPHRASE))
    for number in (0, 2):
        with pytest.raises(Refused, match="another process"):
            change(made, SlotChange((NewKeyring(KEY, number),)))
    keyed, sealed = change(made, SlotChange((NewKeyring(KEY, 1),)))
    assert fits_slot(sealed, "1", KEY) and keyed.document.identity == made[0].document.identity


def test_a_new_identity_is_wrapped_for_the_key_that_stays() -> None:
    made = make(NewKeyring(KEY, 0), NewPassphrase(PASSPHRASE))
    gone = frozenset({"1"})
    with pytest.raises(Refused, match=r"slot 0 \(keyring\)"):
        change(made, SlotChange(remove=gone))
    wrongs: tuple[Secret | bytes, ...] = (bytes(32), PASSPHRASE)
    for wrong in wrongs:
        with pytest.raises(WrongPassphrase, match="does not open slot 0"):
            change(made, SlotChange(remove=gone, secrets={"0": wrong}))
    keyed, sealed = change(made, SlotChange(remove=gone, secrets={"0": KEY}))
    assert keyed.document.identity != made[0].document.identity
    assert unwrap_key(sealed.slots[0], KEY) == keyed.document.identity
    assert unlock(sealed, PASSPHRASE) is None and keyed.opens(sealed)
    assert sealed.slots[0].salt != made[1].slots[0].salt
    assert not replace(keyed, wrapped=((0, bytes(32)),)).opens(sealed)


def test_a_key_that_goes_opens_nothing_any_more() -> None:
    made = make(NewKeyring(KEY, 0), NewPassphrase(PASSPHRASE))
    secrets: dict[str, Secret | bytes] = {"1": PASSPHRASE, "0": KEY}
    keyed, sealed = change(made, SlotChange(remove=frozenset({"0"}), secrets=secrets))
    assert [slot.number for slot in sealed.slots] == [1]
    with pytest.raises(Refused, match="only a recovery key"):
        change((keyed, sealed), SlotChange(remove=frozenset({"1"})))


def test_no_key_is_in_a_repr() -> None:
    made = make(NewKeyring(KEY, 0))
    wanted = SlotChange((NewKeyring(KEY, 1),), secrets={"0": KEY})
    for text in (repr(NewKeyring(KEY, 0)), repr(wanted.add), repr(made[0].document)):
        assert repr(KEY)[2:-1] not in text


def test_no_key_is_in_the_repr_of_a_change() -> None:
    keyed, _ = make(NewKeyring(KEY, 0))
    for text in (repr(keyed), repr(SlotChange(secrets={"0": KEY}))):
        assert repr(KEY)[2:-1] not in text


def test_the_item_is_named_by_vault_and_slot() -> None:
    assert keyring_user(VAULT_ID, "3") == f"{VAULT_ID}#3"
