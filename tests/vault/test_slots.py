"""Key slots: bounds before work, one opening per passphrase, every change refused."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credman.core.errors import HeaderDamaged, UsageError
from credman.core.secret import Secret
from credman.vault import age, slots
from tests.vault import reference
from tests.vault.factories import CANARY, VAULT_ID, WEAK
from tests.vault.poly1305 import make_collision

IDENTITY = bytes(range(32))
PASSPHRASE = Secret("EXAMPLE passphrase")
REAL = slots.DEFAULT_PARAMETERS  # read before the tests' cheap ones take their place
SALT = age.encode_base64(bytes(16))


def wrap(passphrase: Secret = PASSPHRASE, number: int = 0) -> age.Stanza:
    return slots.wrap_passphrase(
        IDENTITY, passphrase, vault_id=VAULT_ID, number=number, parameters=WEAK
    )


def unwrap(stanza: age.Stanza, passphrase: Secret = PASSPHRASE) -> bytes | None:
    [slot] = slots.parse_slots([stanza])
    return slots.unwrap_passphrase(slot, passphrase)


def test_only_the_passphrase_opens() -> None:
    stanza = wrap()
    assert unwrap(stanza) == IDENTITY
    assert unwrap(stanza, Secret("EXAMPLE passphras")) is None
    assert unwrap(stanza, Secret("EXAMPLE passphrase ")) is None
    assert unwrap(stanza, Secret("")) is None


def test_real_parameters_are_those_of_rfc_9106() -> None:
    assert (REAL.memory, REAL.passes, REAL.lanes) == (64 * 1024, 3, 4)
    stanza = slots.wrap_passphrase(
        IDENTITY, PASSPHRASE, vault_id=VAULT_ID, number=0, parameters=REAL
    )
    assert stanza.args[3] == "m=65536,t=3,p=4"
    assert unwrap(stanza) == IDENTITY
    assert unwrap(stanza, Secret("EXAMPLE")) is None


def test_slot_is_what_the_reference_writes() -> None:
    stanza = wrap(number=42)
    theirs = reference.slot_stanza(
        IDENTITY,
        "EXAMPLE passphrase",
        vault_id=VAULT_ID,
        number=42,
        salt=age.decode_base64(stanza.args[2]),
    )
    assert (stanza.type, *stanza.args) == theirs.arguments
    assert stanza.body == theirs.body


def test_every_wrap_takes_a_fresh_salt() -> None:
    written = [wrap() for _ in range(20)]
    assert len({stanza.args[2] for stanza in written}) == 20
    assert len({stanza.body for stanza in written}) == 20


@pytest.mark.parametrize(
    ("typed", "same"),
    [
        ("caf\u00e9", "cafe\u0301"),
        ("\u212b", "\u00c5"),
        ("\uac00", "\u1100\u1161"),
        ("\u1e69", "s\u0307\u0323"),
    ],
)
def test_one_text_in_two_forms_is_one_passphrase(typed: str, same: str) -> None:
    assert unwrap(wrap(Secret(typed)), Secret(same)) == IDENTITY
    assert unwrap(wrap(Secret(same)), Secret(typed)) == IDENTITY


def test_compatibility_characters_stay_different() -> None:
    assert unwrap(wrap(Secret("\ufb01x")), Secret("fix")) is None  # NFC, not NFKC


@pytest.mark.parametrize("passphrase", [Secret.from_bytes(b"EX\xff"), Secret("EX\ud800")])
def test_passphrase_that_is_not_utf8_is_a_usage_error(passphrase: Secret) -> None:
    with pytest.raises(UsageError) as caught:
        wrap(passphrase)
    assert "EX" not in caught.value.message
    with pytest.raises(UsageError):
        unwrap(wrap(), passphrase)


@given(st.text(max_size=40).filter(lambda text: text.isprintable()))
def test_normalizing_twice_changes_nothing(text: str) -> None:
    once = slots.normalize_passphrase(Secret(text))
    assert slots.normalize_passphrase(Secret(once.decode())) == once


def test_every_changed_byte_of_the_body_is_refused() -> None:
    stanza = wrap()
    for place in range(len(stanza.body)):
        body = bytearray(stanza.body)
        body[place] ^= 1 << place % 8
        changed = replace(stanza, body=bytes(body))
        if place < 32:
            assert unwrap(changed) is None  # a changed commitment is another passphrase's
        else:
            with pytest.raises(HeaderDamaged):
                unwrap(changed)


@pytest.mark.parametrize(
    ("place", "changed"),
    [(0, "f" * 32), (1, "1")],
    ids=["vault id", "number"],
)
def test_arguments_are_authenticated(place: int, changed: str) -> None:
    stanza = wrap()
    args = list(stanza.args)
    args[place] = changed
    with pytest.raises(HeaderDamaged):
        unwrap(replace(stanza, args=tuple(args)))


@pytest.mark.parametrize(
    ("place", "changed"),
    [(2, SALT), (3, "m=19457,t=2,p=1"), (3, "m=19456,t=3,p=1"), (3, "m=19456,t=2,p=2")],
    ids=["salt", "memory", "passes", "lanes"],
)
def test_another_derivation_finds_no_passphrase(place: int, changed: str) -> None:
    stanza = wrap()
    args = list(stanza.args)
    args[place] = changed
    assert unwrap(replace(stanza, args=tuple(args))) is None


def test_one_body_cannot_open_under_two_passphrases() -> None:
    other = Secret("EXAMPLE other")
    [slot] = slots.parse_slots([wrap()])
    keys = [slots._derive(secret, slot.salt, WEAK) for secret in (PASSPHRASE, other)]
    data = slots._associated_data(slot.stanza.type, slot.stanza.args)
    sealed = make_collision(keys[0][0], keys[1][0], data)
    for key, _ in keys:  # the attack itself works: both keys open it
        assert age.open_sealed(key, sealed, data=data) is not None
    for _, commitment in keys:
        stanza = replace(slot.stanza, body=commitment + sealed)
        opened = [unwrap(stanza, secret) is not None for secret in (PASSPHRASE, other)]
        assert opened.count(True) == 1


def test_slot_of_a_newer_kind_is_kept_and_opens_for_no_passphrase() -> None:
    stanza = age.Stanza("credman.dev/newer/v3", (VAULT_ID, "5", SALT, "more", "args"), b"any")
    [slot] = slots.parse_slots([stanza])
    assert slot.stanza == stanza
    assert slot.parameters is None
    assert slots.unwrap_passphrase(slot, PASSPHRASE) is None


def test_other_stanzas_are_no_slots() -> None:
    assert (
        slots.parse_slots([age.Stanza("X25519", ("a",), b""), age.Stanza("credman", (), b"")]) == []
    )


def test_no_passphrase_is_shown() -> None:
    secret = Secret(CANARY)
    stanza = wrap(secret)
    body = bytearray(stanza.body)
    body[40] ^= 1
    with pytest.raises(HeaderDamaged) as caught:
        unwrap(replace(stanza, body=bytes(body)), secret)
    assert CANARY not in repr(caught.value) + caught.value.hint


@pytest.mark.skipif(
    sys.platform != "linux", reason="limits the address space, which Linux enforces"
)
def test_too_little_memory_is_unavailable() -> None:
    program = """
import resource
from credman.core.errors import Unavailable
from credman.core.secret import Secret
from credman.vault import slots
resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))
strong = slots.Argon2Parameters(memory=1024 * 1024, passes=1, lanes=1)
try:
    slots.wrap_passphrase(bytes(32), Secret("x"), vault_id="0" * 32, number=0, parameters=strong)
except Unavailable as error:
    print(error.message)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.stdout == "there is not enough memory: a passphrase takes 1024 MiB\n"
