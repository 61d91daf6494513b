"""What a slot may ask for: every number is checked before any work is done with it."""

from __future__ import annotations

import time

import pytest

from credman.core.errors import HeaderDamaged
from credman.vault import age, slots
from tests.vault.factories import VAULT_ID

SALT = age.encode_base64(bytes(16))


def stanza_with(parameters: str, *more: str) -> age.Stanza:
    return age.Stanza(slots.ARGON2ID, (VAULT_ID, "0", SALT, parameters, *more), bytes(80))


@pytest.mark.parametrize(
    "parameters",
    [
        "m=19456,t=2,p=1",
        "m=38912,t=1,p=1",
        "m=65536,t=3,p=4",
        "m=1048576,t=4,p=8",
        "m=262144,t=16,p=1",
    ],
)
def test_parameters_within_bounds_are_read(parameters: str) -> None:
    [slot] = slots.parse_slots([stanza_with(parameters)])
    found = slot.parameters
    assert found is not None
    assert f"m={found.memory},t={found.passes},p={found.lanes}" == parameters


@pytest.mark.parametrize(
    "parameters",
    [
        "m=8,t=1,p=1",
        "m=19455,t=3,p=1",
        "m=19456,t=1,p=1",
        "m=38911,t=1,p=1",
        "m=1048577,t=1,p=1",
        "m=1048576,t=5,p=1",
        "m=65536,t=17,p=1",
        "m=65536,t=3,p=9",
        "m=4294967296,t=3,p=1",
        "m=99999999999999999999,t=3,p=4",
        "m=65536,t=999,p=4",
        "m=65536,t=3,p=255",
        "m=65536,t=0,p=4",
        "m=65536,t=3,p=0",
        "m=0,t=3,p=4",
        "m=65536,t=+3,p=4",
        "m=65536,t=03,p=4",
        "m=065536,t=3,p=4",
        "m=65536,t=0x3,p=4",
        "m=65536,t=-3,p=4",
        "m=65536,t=3.0,p=4",
        "m=65536,t=3,p=4,",
        "m=65536,t=3",
        "t=3,m=65536,p=4",
        "m=65536,t=3,p=4,p=4",
        "m=65536,m=65536,t=3,p=4",
        "m=6_5536,t=3,p=4",
        "M=65536,T=3,P=4",
        "m=65536;t=3;p=4",
    ],
)
def test_other_parameters_are_refused_before_any_work(parameters: str) -> None:
    start = time.perf_counter()
    with pytest.raises(HeaderDamaged):
        slots.parse_slots([stanza_with(parameters)])
    assert time.perf_counter() - start < 0.1


@pytest.mark.parametrize("digit", ["\u0663", "\uff13", "\u00b3"])
def test_digits_of_other_scripts_are_refused(digit: str) -> None:
    with pytest.raises(HeaderDamaged):
        slots.parse_slots([stanza_with(f"m=65536,t={digit},p=4")])


@pytest.mark.parametrize(
    "args",
    [
        pytest.param((), id="none"),
        pytest.param((VAULT_ID, "0"), id="no salt"),
        pytest.param((VAULT_ID, "0", SALT), id="no parameters"),
        pytest.param((VAULT_ID, "0", SALT, "m=65536,t=3,p=4", "more"), id="one too many"),
        pytest.param((VAULT_ID.upper(), "0", SALT, "m=65536,t=3,p=4"), id="vault id upper case"),
        pytest.param((VAULT_ID[1:], "0", SALT, "m=65536,t=3,p=4"), id="vault id short"),
        pytest.param((VAULT_ID + "0", "0", SALT, "m=65536,t=3,p=4"), id="vault id long"),
        pytest.param((VAULT_ID, "00", SALT, "m=65536,t=3,p=4"), id="number 00"),
        pytest.param((VAULT_ID, "-1", SALT, "m=65536,t=3,p=4"), id="number -1"),
        pytest.param((VAULT_ID, "1000000", SALT, "m=65536,t=3,p=4"), id="number of 7 digits"),
        pytest.param((VAULT_ID, "0", SALT[:-1], "m=65536,t=3,p=4"), id="salt short"),
        pytest.param((VAULT_ID, "0", SALT + "AA", "m=65536,t=3,p=4"), id="salt long"),
        pytest.param((VAULT_ID, "0", SALT + "==", "m=65536,t=3,p=4"), id="salt padded"),
        pytest.param((VAULT_ID, "0", SALT[:-1] + "B", "m=65536,t=3,p=4"), id="salt not canonical"),
    ],
)
def test_malformed_arguments_are_refused(args: tuple[str, ...]) -> None:
    with pytest.raises(HeaderDamaged):
        slots.parse_slots([age.Stanza(slots.ARGON2ID, args, bytes(80))])


@pytest.mark.parametrize("length", [0, 32, 79, 81, 160])
def test_body_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(HeaderDamaged):
        slots.parse_slots(
            [age.Stanza(slots.ARGON2ID, (VAULT_ID, "0", SALT, "m=65536,t=3,p=4"), bytes(length))]
        )


def test_slots_of_one_number_two_vaults_or_too_many_are_refused() -> None:
    def slot(number: int, vault_id: str = VAULT_ID) -> age.Stanza:
        args = (vault_id, str(number), SALT, "m=65536,t=3,p=4")
        return age.Stanza(slots.ARGON2ID, args, bytes(80))

    assert len(slots.parse_slots([slot(number) for number in range(16)])) == 16
    for given_slots in (
        [slot(number) for number in range(17)],
        [slot(3), slot(3)],
        [slot(0), slot(1, "f" * 32)],
    ):
        with pytest.raises(HeaderDamaged):
            slots.parse_slots(given_slots)
