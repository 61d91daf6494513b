"""The age container: one spelling of everything, bounds before work, all or nothing."""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credman.core.errors import HeaderDamaged, HeaderMACMismatch, NotAVault, PayloadDamaged
from credman.vault import age
from tests.vault import reference

PRINTABLE = "".join(chr(code) for code in range(0x21, 0x7F))
words = st.text(PRINTABLE, min_size=1, max_size=20)
stanzas = st.builds(
    age.Stanza,
    type=words,
    args=st.lists(words, max_size=4).map(tuple),
    body=st.binary(max_size=200),
)
FILE_KEY = bytes(range(16))
SIZES = (0, 1, 15, 4096, age.CHUNK_BYTES - 1, age.CHUNK_BYTES, age.CHUNK_BYTES + 1, 200_000)


def header_of(*lines: bytes) -> bytes:
    """Returns: a header of the lines given, with a true MAC."""
    text = age.VERSION_LINE + b"".join(line + b"\n" for line in lines) + b"---"
    header = age.Header((), b"", text, 0)
    return text + b" " + age.encode_base64(age._header_mac(header.authenticated, FILE_KEY)).encode()


@given(st.lists(stanzas, min_size=1, max_size=8), st.binary(max_size=40))
def test_parse_reverses_render(given_stanzas: list[age.Stanza], rest: bytes) -> None:
    written = age.render_header(given_stanzas, FILE_KEY)
    header = age.parse_header(written + rest)
    assert list(header.stanzas) == given_stanzas
    assert header.size == len(written)
    age.check_header_mac(header, FILE_KEY)
    assert age.render_header(header.stanzas, FILE_KEY) == written


@given(st.lists(stanzas, min_size=1, max_size=4), st.data())
def test_whatever_parses_renders_the_same(
    given_stanzas: list[age.Stanza], data: st.DataObject
) -> None:
    written = bytearray(age.render_header(given_stanzas, FILE_KEY))
    place = data.draw(st.integers(0, len(written) - 1))
    written[place] = data.draw(st.integers(0, 255))
    try:
        header = age.parse_header(bytes(written))
    except (NotAVault, HeaderDamaged):
        return
    ours = b"".join(age._render_stanza(stanza) for stanza in header.stanzas)
    line = f"--- {age.encode_base64(header.mac)}\n".encode()
    assert age.VERSION_LINE + ours + line == written[: header.size]


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_or_read(file: bytes) -> None:
    with pytest.raises((NotAVault, HeaderDamaged)):
        age.parse_header(file)
    with pytest.raises(HeaderDamaged):
        age.parse_header(age.VERSION_LINE + file)


@given(st.binary(max_size=100))
def test_base64_round_trips(data: bytes) -> None:
    assert age.decode_base64(age.encode_base64(data)) == data
    assert age.encode_base64(data) == reference.encode(data)


@pytest.mark.parametrize(
    "text", ["Q", "QQ==", "QR", "QUJD\n", " QUJD", "QU-_", "QU JD", "QUI=", "=", "é", "QUJDR"]
)
def test_base64_of_another_spelling_is_refused(text: str) -> None:
    with pytest.raises(HeaderDamaged):
        age.decode_base64(text)


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([], id="no stanza"),
        pytest.param([b"-> a", b"", b""], id="an empty line too many"),
        pytest.param([b"->", b""], id="no type"),
        pytest.param([b"->  a", b""], id="two blanks"),
        pytest.param([b"-> a ", b""], id="a blank at the end"),
        pytest.param([b"-> a\tb", b""], id="a tab"),
        pytest.param([b"-> a\x7f", b""], id="DEL"),
        pytest.param([b"-> \xc3\xa9", b""], id="not ASCII"),
        pytest.param([b"-> a\r", b""], id="CR"),
        pytest.param([b"-> a", b"QUJD\r"], id="CR in the body"),
        pytest.param([b"-> a", b"Q" * 65], id="a long line"),
        pytest.param([b"-> a", b"Q" * 64], id="no short line at the end"),
        pytest.param([b"-> a", b"QQ\x00"], id="NUL in the body"),
    ],
)
def test_malformed_header_is_refused(lines: list[bytes]) -> None:
    with pytest.raises(HeaderDamaged):
        age.parse_header(header_of(*lines) + b"\n")


def test_header_of_the_test_above_is_well_formed_without_the_fault() -> None:
    header = age.parse_header(header_of(b"-> a", b"QUJD") + b"\n")
    age.check_header_mac(header, FILE_KEY)


def test_a_million_stanzas_are_refused_at_once() -> None:
    start = time.perf_counter()
    with pytest.raises(HeaderDamaged):
        age.parse_header(age.VERSION_LINE + b"-> a\n\n" * 1_000_000)
    assert time.perf_counter() - start < 1


def test_a_line_of_64_mib_is_refused_at_once() -> None:
    start = time.perf_counter()
    with pytest.raises(HeaderDamaged):
        age.parse_header(age.VERSION_LINE + b"-> " + b"a" * (64 << 20))
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize(("count", "fits"), [(64, True), (65, False)])
def test_number_of_stanzas_is_bounded(count: int, fits: bool) -> None:
    file = age.render_header([age.Stanza("a", (), b"")] * count, FILE_KEY)
    if fits:
        assert len(age.parse_header(file).stanzas) == count
    else:
        with pytest.raises(HeaderDamaged):
            age.parse_header(file)


@pytest.mark.parametrize(("excess", "fits"), [(0, True), (1, False)])
def test_length_of_the_header_is_bounded(excess: int, fits: bool) -> None:
    frame = len(age.render_header([age.Stanza("a", (), b"")], FILE_KEY)) - 1
    name = "a" * (age.MAX_HEADER_BYTES - frame + excess)
    file = age.render_header([age.Stanza(name, (), b"")], FILE_KEY)
    assert len(file) == age.MAX_HEADER_BYTES + excess
    if fits:
        assert age.parse_header(file).size == len(file)
    else:
        with pytest.raises(HeaderDamaged):
            age.parse_header(file)


def test_mac_under_another_file_key_is_refused() -> None:
    header = age.parse_header(age.render_header([age.Stanza("a", (), b"")], FILE_KEY))
    with pytest.raises(HeaderMACMismatch):
        age.check_header_mac(header, bytes(16))


def test_x25519_opens_for_its_owner_only() -> None:
    identity = os.urandom(32)
    stanza = age.wrap_x25519(FILE_KEY, age.public_key(identity))
    assert age.unwrap_x25519(stanza, identity) == FILE_KEY
    assert age.unwrap_x25519(stanza, os.urandom(32)) is None


def test_x25519_stanza_of_the_reference_opens() -> None:
    identity = os.urandom(32)
    theirs = reference.x25519_stanza(FILE_KEY, age.public_key(identity), os.urandom(32))
    stanza = age.Stanza(theirs.arguments[0], theirs.arguments[1:], theirs.body)
    assert age.unwrap_x25519(stanza, identity) == FILE_KEY


LOW_ORDER = [
    bytes(32),
    b"\x01" + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
]


@pytest.mark.parametrize("point", LOW_ORDER, ids=lambda point: point.hex()[:8])
def test_share_of_low_order_is_refused(point: bytes) -> None:
    stanza = age.Stanza(age.X25519, (age.encode_base64(point),), bytes(32))
    with pytest.raises(HeaderDamaged):
        age.unwrap_x25519(stanza, os.urandom(32))


@pytest.mark.parametrize("size", SIZES)
def test_payload_round_trips(size: int) -> None:
    plaintext = os.urandom(size)
    sealed = age.encrypt_payload(FILE_KEY, plaintext)
    assert age.decrypt_payload(FILE_KEY, sealed) == plaintext
    assert reference.encrypt(FILE_KEY, sealed[:16], plaintext) == sealed


def test_payload_cut_anywhere_is_refused() -> None:
    sealed = age.encrypt_payload(FILE_KEY, b"EXAMPLE" * 9)
    for length in range(len(sealed)):
        with pytest.raises((PayloadDamaged, HeaderDamaged)):
            age.decrypt_payload(FILE_KEY, sealed[:length])


@pytest.mark.parametrize("chunks", [1, 2, 3])
def test_payload_cut_between_chunks_says_that_it_ends_early(chunks: int) -> None:
    sealed = age.encrypt_payload(FILE_KEY, bytes(4 * age.CHUNK_BYTES))
    with pytest.raises(PayloadDamaged, match="ends early"):
        age.decrypt_payload(FILE_KEY, sealed[: 16 + chunks * (age.CHUNK_BYTES + 16)])


def test_chunks_in_another_order_are_refused() -> None:
    sealed = age.encrypt_payload(FILE_KEY, bytes(3 * age.CHUNK_BYTES))
    size = age.CHUNK_BYTES + 16
    nonce, first, second, third = (
        sealed[:16],
        sealed[16 : 16 + size],
        sealed[16 + size : 16 + 2 * size],
        sealed[16 + 2 * size :],
    )
    for order in ([second, first, third], [first, third], [first, first, third], [third]):
        with pytest.raises(PayloadDamaged):
            age.decrypt_payload(FILE_KEY, nonce + b"".join(order))


@given(st.binary(min_size=1, max_size=40))
def test_bytes_after_the_payload_are_refused(junk: bytes) -> None:
    with pytest.raises(PayloadDamaged):
        age.decrypt_payload(FILE_KEY, age.encrypt_payload(FILE_KEY, b"EXAMPLE") + junk)
