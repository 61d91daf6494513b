"""Keys as text: the one spelling age writes, and every typing mistake found."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credman.core.errors import UsageError
from credman.vault import keys
from tests.vault import reference

CHARACTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
keys_of_32 = st.binary(min_size=32, max_size=32)


@given(keys_of_32)
def test_identity_round_trips(identity: bytes) -> None:
    text = str(keys.render_identity(identity))
    assert keys.parse_identity(text) == identity
    assert text == reference.identity_text(identity)
    assert len(text) == 74
    assert keys.is_identity(text)


@given(keys_of_32)
def test_recipient_round_trips(public: bytes) -> None:
    text = keys.render_recipient(public)
    assert keys.parse_recipient(text) == public
    assert text == reference.recipient_text(public)
    assert len(text) == 62
    assert not keys.is_identity(text)


def test_identity_of_the_age_test_kit() -> None:
    text = "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0"
    assert str(keys.render_identity(keys.parse_identity(text))) == text


def test_blanks_around_and_lower_case_are_accepted() -> None:
    identity = os.urandom(32)
    text = str(keys.render_identity(identity))
    assert keys.parse_identity(f"  {text}\r\n") == identity
    assert keys.parse_identity(text.lower()) == identity


def test_every_wrong_character_is_found() -> None:
    text = str(keys.render_identity(os.urandom(32))).lower()
    start = text.rindex("1") + 1
    for place in range(start, len(text)):
        for character in CHARACTERS:
            if character != text[place]:
                with pytest.raises(UsageError):
                    keys.parse_identity(text[:place] + character + text[place + 1 :])


def test_every_pair_of_swapped_characters_is_found() -> None:
    text = str(keys.render_identity(bytes(range(32))))
    for place in range(16, len(text) - 1):
        left, right = text[place], text[place + 1]
        if left != right:
            with pytest.raises(UsageError):
                keys.parse_identity(text[:place] + right + left + text[place + 2 :])


def test_every_missing_or_doubled_character_is_found() -> None:
    text = str(keys.render_identity(bytes(range(32))))
    for place in range(len(text)):
        for mistyped in (text[:place] + text[place + 1 :], text[: place + 1] + text[place:]):
            with pytest.raises(UsageError):
                keys.parse_identity(mistyped)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "AGE-SECRET-KEY-1",
        "EXAMPLE",
        reference.recipient_text(bytes(32)),
        reference.identity_text(bytes(31)),
        reference.identity_text(bytes(33)),
        reference.identity_text(bytes(32)).replace("AGE", "age"),
        reference.identity_text(bytes(32)).replace("K", "\u212a"),
        reference.identity_text(bytes(32)) + "\0",
        reference.bech32("age-secret-key-pq-", bytes(32)).upper(),
        "\ud800",
    ],
)
def test_what_is_no_identity_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        keys.parse_identity(text)
    assert caught.value.hint


def test_padding_that_is_not_zero_is_refused() -> None:
    # 32 bytes fill 51 characters and one bit of the next; 4 bits are left, and must be zero.
    good = reference.recipient_text(bytes(32))
    words = [CHARACTERS.index(c) for c in good[4:-6]]
    words[-1] |= 1
    body = "".join(CHARACTERS[word] for word in words)
    spread = [*keys._expand("age"), *words]
    checksum = keys._polymod([*spread, 0, 0, 0, 0, 0, 0]) ^ 1
    text = f"age1{body}" + "".join(CHARACTERS[checksum >> 5 * (5 - n) & 31] for n in range(6))
    with pytest.raises(UsageError):
        keys.parse_recipient(text)


@given(st.text(max_size=90))
def test_any_text_is_refused_without_repeating_it(text: str) -> None:
    text = f"AGE-SECRET-KEY-1CANARY{text}"
    with pytest.raises(UsageError) as caught:
        keys.parse_identity(text)
    assert "CANARY" not in caught.value.message + caught.value.hint


def test_rendered_identity_is_masked_in_repr() -> None:
    rendered = keys.render_identity(bytes(32))
    assert "AGE-SECRET" not in repr(rendered)
