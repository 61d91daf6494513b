"""A08-A19: headers that ask for too much, say it otherwise, or were put together from others."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from credman.core.errors import HeaderDamaged, HeaderMACMismatch, NotAVault, PayloadDamaged
from credman.core.secret import Secret
from credman.vault import age, slots
from credman.vault.container import MAX_VAULT_BYTES, parse_vault
from credman.vault.document import render_document
from tests.matrix.common import CANARY, PASSPHRASE, call, get, plant, vault_path
from tests.matrix.sealed import (
    OTHER,
    WEAK,
    exit_code_of,
    make_canary_document,
    make_canary_vault,
    make_slot,
    seal_slots,
    with_stanzas,
)
from tests.matrix.test_a_file_bytes import start_bounded
from tests.vault import reference
from tests.vault.factories import WEAK as WEAK_PARAMETERS
from tests.vault.poly1305 import make_collision
from tests.vault.test_testkit import APPLICABLE, REFUSED, VECTORS, find_outcome

MADE = make_canary_vault()
FILE = MADE.file


def with_parameters(text: str) -> bytes:
    return FILE.replace(WEAK, text.encode(), 1)


BOMBS = (
    "m=4294967296,t=3,p=4",
    "m=9999999,t=1,p=1",
    "m=1048577,t=1,p=1",
    "m=1048576,t=16,p=8",
    "m=65536,t=999,p=4",
    "m=65536,t=17,p=4",
    "m=65536,t=3,p=255",
    "m=65536,t=3,p=9",
    "m=4294967296,t=999,p=255",
)


@pytest.mark.parametrize("parameters", BOMBS)
def test_a08_a_bomb_is_refused_before_anything_is_derived(parameters: str) -> None:
    with pytest.raises(HeaderDamaged, match="parameters"):
        parse_vault(with_parameters(parameters))
    assert exit_code_of(with_parameters(parameters)) == 5


def test_a08_no_memory_is_asked_for() -> None:
    plant(with_parameters("m=1048576,t=4,p=1"))  # the most that a reader derives: 1 GiB
    code, said = start_bounded("list")
    assert code == 6 and b"a passphrase takes 1024 MiB" in said
    for parameters in ("m=1048577,t=1,p=1", BOMBS[-1]):
        plant(with_parameters(parameters))
        code, said = start_bounded("list")
        assert code == 5 and (b"damaged parameters" in said or b"out of bounds" in said)


@pytest.mark.parametrize("text", ["+3", "03", "0x3", "3 ", " 3", "3.0", "-3", "3" * 20, "", "٣"])
@pytest.mark.parametrize("name", ["m", "t", "p"])
def test_a09_numbers_have_one_spelling(name: str, text: str) -> None:
    whole = dict(part.split("=") for part in WEAK.decode().split(","))
    file = with_parameters(",".join(f"{n}={text if n == name else v}" for n, v in whole.items()))
    with pytest.raises(HeaderDamaged):
        parse_vault(file)
    assert exit_code_of(file) == 5


@pytest.mark.parametrize(
    "parameters",
    ["t=2,p=1", "m=19456,p=1", "m=19456,t=2", "m=19456,t=2,p=1,p=1", "m=19456,m=19456,t=2,p=1",
     "t=2,m=19456,p=1", "m=19456,t=2,p=1,", "m=19456;t=2;p=1", "x=1", "m=19456,t=2,p=1 m=1"],
)  # fmt: skip
def test_a09_parameters_are_all_there_once_and_in_order(parameters: str) -> None:
    with pytest.raises(HeaderDamaged):
        parse_vault(with_parameters(parameters))
    assert exit_code_of(with_parameters(parameters)) == 5


@pytest.mark.parametrize("cost", [(8, 1, 1), (8, 2, 1), (19455, 2, 1), (19456, 1, 1)])
def test_a10_a_weak_slot_is_refused_with_the_right_passphrase(cost: tuple[int, int, int]) -> None:
    document = make_canary_document()
    assert exit_code_of(seal_slots(document, [make_slot(document)])) == 0
    assert exit_code_of(seal_slots(document, [make_slot(document, cost=cost)])) == 5


HUGE = {
    "a million stanzas": lambda: b"-> X25519 a\n\n" * 1_000_000,
    "65 stanzas": lambda: age._render_stanza(parse_vault(FILE).header.stanzas[0]) * 65,
    "one line of 60 MB": lambda: b"-> " + b"a" * 60_000_000,
    "one argument list of 60 MB": lambda: b"-> X25519" + b" a" * 30_000_000,
    "one body of 60 MB": lambda: b"-> X25519 a\n" + (b"A" * 64 + b"\n") * 900_000,
}


@pytest.mark.parametrize("kind", HUGE)
def test_a11_a_huge_header_is_refused_by_its_bounds(kind: str) -> None:
    plant(age.VERSION_LINE + HUGE[kind]())
    code, said = start_bounded("list")
    assert code == 5 and (b"the header is longer than" in said or b"more than 64" in said), said
    vault_path().unlink()


def test_a11_a_line_of_a_gigabyte_is_refused_by_its_size() -> None:
    with plant(age.VERSION_LINE + b"-> ").open("r+b") as file:
        file.truncate(1 << 30)
    code, said = start_bounded("list")
    assert code == 5 and f"({MAX_VAULT_BYTES >> 20} MiB)".encode() in said
    vault_path().unlink()


def test_a12_so_many_slots_are_tried_and_no_more() -> None:
    document = make_canary_document(slots.MAX_SLOTS)
    stanzas = [make_slot(document, number) for number in range(slots.MAX_SLOTS)]
    file = seal_slots(document, stanzas)
    assert exit_code_of(file, passphrase=f"{PASSPHRASE}{slots.MAX_SLOTS - 1}") == 0
    assert exit_code_of(file, passphrase="another one entirely") == 4
    for count in (slots.MAX_SLOTS + 1, 60, 1000):
        document = make_canary_document(count)
        one = make_slot(document)  # copies of it: a reader that counts does not come that far
        copies = [
            replace(one, arguments=(*one.arguments[:2], str(n), *one.arguments[3:]))
            for n in range(count)
        ]
        with pytest.raises(HeaderDamaged, match=r"more than 16 key slots|more than 64 stanzas|64"):
            parse_vault(seal_slots(document, copies))
        assert exit_code_of(seal_slots(document, copies)) == 5


RESPELLED = {
    "CR LF": lambda: FILE[:600].replace(b"\n", b"\r\n") + FILE[600:],
    "one CR": lambda: FILE.replace(b"\n", b"\r\n", 1),
    "blank at the end": lambda: FILE.replace(b"\n--- ", b" \n--- ", 1),
    "blank after the MAC": lambda: with_mac(lambda mac: mac + b" "),
    "two blanks": lambda: FILE.replace(b"-> X25519 ", b"-> X25519  ", 1),
    "padded MAC": lambda: with_mac(lambda mac: mac + b"="),
    "MAC not canonical": lambda: with_mac(lambda mac: mac[:-1] + successor(mac[-1:])),
    "MAC in the other alphabet": lambda: with_mac(lambda mac: b"-_" + mac[2:]),
    "empty line": lambda: FILE.replace(b"\n--- ", b"\n\n--- ", 1),
    "tab": lambda: FILE.replace(b"-> X25519 ", b"-> X25519\t", 1),
}


def with_mac(change: Callable[[bytes], bytes]) -> bytes:
    start = FILE.index(b"\n--- ") + 5
    return FILE[:start] + change(FILE[start : start + 43]) + FILE[start + 43 :]


def successor(letter: bytes) -> bytes:
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    at = alphabet.index(letter)
    return alphabet[at ^ 1 : (at ^ 1) + 1]  # only bits that a canonical spelling has at zero


@pytest.mark.parametrize("kind", RESPELLED)
def test_a13_a_header_has_one_spelling(kind: str) -> None:
    with pytest.raises((HeaderDamaged, NotAVault)):
        parse_vault(RESPELLED[kind]())
    assert exit_code_of(RESPELLED[kind]()) == 5


def test_a13_the_test_kits_other_spellings_are_refused() -> None:
    words = ("not_canonical", "crlf", "space", "padding", "spurious_cr", "short_line", "long_line")
    named = [v for v in VECTORS if not v.kind and any(word in v.name for word in words)]
    assert len(named) > 10
    assert {find_outcome(vector)[0] for vector in named} == {"header failure"}
    assert {exit_code_of(vector.file) for vector in named} == {5}


def test_a14_every_vector_of_the_test_kit_has_its_class_and_is_no_vault() -> None:
    assert len(VECTORS) == 143
    applicable = [vector for vector in VECTORS if not vector.kind]
    assert [find_outcome(v)[0] for v in applicable] == [v.expect for v in applicable]
    assert Counter(v.expect for v in applicable) == APPLICABLE
    assert Counter(v.kind for v in VECTORS if v.kind) == REFUSED
    files = [vector.file for vector in VECTORS if vector.file]
    codes = {file: exit_code_of(file) for file in files}
    # With a second recipient it could be a backup, which a recovery key may open: no passphrase.
    locked = {file for file, code in codes.items() if code == 4}
    assert set(codes.values()) == {4, 5} and len(locked) < 5
    assert all(file.count(b"\n-> X25519 ") > 1 for file in locked)


def test_a15_a_slot_of_another_vault_is_refused() -> None:
    theirs = make_canary_vault(OTHER)
    slot = theirs.sealed.slots[0].stanza
    renumbered = replace(slot, args=(slot.args[0], "1", *slot.args[2:]))
    elsewhere = replace(slot, args=("f" * 32, "1", *slot.args[2:]))
    for stanza in (slot, renumbered, elsewhere):
        rendered = age._render_stanza(stanza)
        pasted = FILE.replace(b"\n--- ", b"\n" + rendered + b"--- ", 1)
        replaced = FILE.replace(age._render_stanza(MADE.sealed.slots[0].stanza), rendered)
        assert exit_code_of(pasted) == 5
        for file in (pasted, replaced):
            assert exit_code_of(file, passphrase=OTHER) in (4, 5)
    with pytest.raises(HeaderMACMismatch):
        parse_vault(replaced).open(MADE.document.identity)


def test_a16_two_slots_that_changed_parts_are_refused() -> None:
    document = make_canary_document(2)
    costs = (reference.COST, (19456, 3, 1))
    file = seal_slots(document, [make_slot(document, n, cost) for n, cost in enumerate(costs)])
    passphrases = (PASSPHRASE, f"{PASSPHRASE}1")
    assert [exit_code_of(file, passphrase=p) for p in passphrases] == [0, 0]
    own, *pair = parse_vault(file).header.stanzas
    swapped = [
        pair[::-1],
        [replace(pair[0], body=pair[1].body), replace(pair[1], body=pair[0].body)],
    ]
    for place in range(1, 4):  # the number, the salt, the parameters
        args = [list(stanza.args) for stanza in pair]
        args[0][place], args[1][place] = args[1][place], args[0][place]
        swapped.append([replace(s, args=tuple(a)) for s, a in zip(pair, args, strict=True)])
    whole = b"".join(map(age._render_stanza, pair))
    for changed in swapped:
        assert changed != pair
        pasted = file.replace(whole, b"".join(map(age._render_stanza, changed)))
        # Also if the MAC is put right, which takes the file key: the inner proof covers the header.
        forged = with_stanzas(file, document.identity, [own, *changed])
        for refused in (pasted, forged):
            assert {exit_code_of(refused, passphrase=p) for p in passphrases} <= {4, 5}


def test_a17_one_body_for_two_passphrases_opens_for_neither() -> None:
    slot = MADE.sealed.slots[0]
    keys = [slots._derive(Secret(p), slot.salt, WEAK_PARAMETERS) for p in (PASSPHRASE, OTHER)]
    data = slots._associated_data(slot.stanza.type, slot.stanza.args)
    sealed = make_collision(keys[0][0], keys[1][0], data)
    assert all(age.open_sealed(key, sealed, data=data) for key, _ in keys)  # the attack works
    codes = []
    for _, commitment in keys:
        crafted = age._render_stanza(replace(slot.stanza, body=commitment + sealed))
        file = FILE.replace(age._render_stanza(slot.stanza), crafted)
        codes.append([exit_code_of(file, passphrase=p) for p in (PASSPHRASE, OTHER)])
    assert codes == [[5, 4], [4, 5]]  # each commitment tells the other passphrase apart


def test_a18_a_scrypt_stanza_beside_others_is_refused() -> None:
    (vector,) = [v for v in VECTORS if v.name == "scrypt_and_x25519"]
    assert exit_code_of(vector.file) == 5
    # With a true MAC and a true ``auth``, as an owner could write it.
    document = make_canary_document()
    slot = make_slot(document)
    scrypt = reference.Stanza(("scrypt", age.encode_base64(bytes(16)), "10"), bytes(32))
    for stanzas in ([slot, scrypt], [scrypt, slot], [slot, scrypt, scrypt]):
        assert exit_code_of(seal_slots(document, stanzas)) == 5
    assert exit_code_of(seal_slots(document, [slot])) == 0


def test_a19_a_vault_made_from_public_keys_is_refused() -> None:
    """The forger knows both recipients and copies the slot, and writes an identity of his own."""
    forger = os.urandom(32)
    owners = [age.public_key(MADE.document.identity), age.public_key(MADE.recovery)]
    for identity in (forger, MADE.document.identity):  # not even naming the true one would do
        line = reference.pad(render_document(replace(MADE.document, identity=identity)))
        file_key = os.urandom(16)
        stanzas = [age.wrap_x25519(file_key, owner) for owner in owners]
        header = age.render_header([*stanzas, MADE.sealed.slots[0].stanza], file_key)
        auth = reference.compute_auth(forger, header, line)
        payload = f'{{"credman":1,"auth":"{auth}"}}\n'.encode() + line
        forged = header + age.encrypt_payload(file_key, payload)
        assert exit_code_of(forged) == 5
        with pytest.raises(PayloadDamaged):
            parse_vault(forged).open(MADE.document.identity)
        with pytest.raises(PayloadDamaged):
            parse_vault(forged).open_with_recovery(MADE.recovery)
    plant(FILE)
    assert get("CANARY") == CANARY.encode() and call("list").exit_code == 0
