"""Hashes and MACs: those of the standard library, and a comparison that knows only yes and no."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credman.vault import hashing


@given(data=st.binary(max_size=300))
def test_a_digest_is_that_of_the_standard_library(data: bytes) -> None:
    assert hashing.digest(data) == hashlib.sha256(data).digest()


@given(key=st.binary(max_size=100), data=st.binary(max_size=300))
def test_a_tag_is_that_of_the_standard_library(key: bytes, data: bytes) -> None:
    assert hashing.authenticate(key, data) == hmac.digest(key, data, "sha256")


@given(one=st.binary(max_size=80), other=st.binary(max_size=80))
def test_what_is_equal_is_told_from_what_is_not(one: bytes, other: bytes) -> None:
    assert hashing.is_equal(one, other) == (one == other)
    assert hashing.is_equal(one, bytes(bytearray(one)))


@pytest.mark.parametrize("bit", range(0, 256, 17))
def test_one_bit_makes_a_difference(bit: int) -> None:
    tag = hashing.digest(b"tag")
    changed = (int.from_bytes(tag, "big") ^ 1 << bit).to_bytes(len(tag), "big")
    assert not hashing.is_equal(tag, changed)
    assert not hashing.is_equal(tag, tag[:-1]) and not hashing.is_equal(tag, tag + b"\0")
