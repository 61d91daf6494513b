"""Stored values are found in every form in which they get into files, wherever they stand."""

from __future__ import annotations

import base64
import gzip
import html
import io
import json
import os
import random
import string
import zipfile
from collections.abc import Callable, Mapping
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from credman.watch.scan.content import LEAD, OVERLAP, WINDOW
from credman.watch.scan.findings import Basis, Finding
from credman.watch.scan.needles import SHORTEST, Needle, compile_needles, make_needles
from tests.watch.scan.planting import KINDS
from tests.watch.scan.scanning import make_scanner, scan

_VALUES = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=16, max_size=60),
    st.text(string.ascii_letters + string.digits + "-_", min_size=16, max_size=300),
    st.text(" \t\n\"'\\<>&%+/=#é€😀ab0\x1b", min_size=16, max_size=40),
)
ENCODINGS: Mapping[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "JSON": lambda v: json.dumps(v).encode(),
    "JSON, not only ASCII": lambda v: json.dumps(v, ensure_ascii=False).encode(),
    "JSON, slashes escaped": lambda v: json.dumps(v).replace("/", "\\/").encode(),
    "JSON in JSON": lambda v: json.dumps(json.dumps(v)).encode(),
    "URL": lambda v: quote(v, safe="").encode(),
    "form": lambda v: quote_plus(v).encode(),
    "hex": lambda v: v.encode().hex().encode(),
    "HEX": lambda v: v.encode().hex().upper().encode(),
    "HTML": lambda v: html.escape(v).encode(),
    "HTML, quotes as they are": lambda v: html.escape(v, quote=False).encode(),
    "UTF-16 LE": lambda v: v.encode("utf-16-le"),
    "UTF-16 BE": lambda v: v.encode("utf-16-be"),
    "UTF-16 with a mark": lambda v: b"\0" + f"a = {v}".encode("utf-16"),
    "base64 at 0": lambda v: base64.b64encode(v.encode()),
    "base64 at 1": lambda v: base64.b64encode(b"u" + v.encode()),
    "base64 at 2": lambda v: base64.b64encode(b"u:" + v.encode() + b"!"),
    "base64url at 0": lambda v: base64.urlsafe_b64encode(v.encode() + b"!!"),
    "base64url at 1": lambda v: base64.urlsafe_b64encode(b"u" + v.encode() + b"!"),
    "base64url at 2": lambda v: base64.urlsafe_b64encode(b"u:" + v.encode()),
    "Basic auth": lambda v: b"Authorization: Basic " + base64.b64encode(f"user:{v}".encode()),
}


def _lower_escapes(quoted: bytes) -> bytes:
    first, *rest = quoted.decode().split("%")
    return "%".join([first, *(part[:2].lower() + part[2:] for part in rest)]).encode()


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(max_examples=30, deadline=None)
@given(value=_VALUES, before=st.binary(max_size=40), after=st.binary(max_size=40))
@example(value="a'b\"c\\d/e+f=g&h<i>j", before=b"", after=b"")
@example(value="~~~~~~~~~~~~~~~~~~~~????", before=b"x", after=b"y")
def test_every_form_is_found(encoding: str, value: str, before: bytes, after: bytes) -> None:
    assume(b"credman:ignore" not in before + after)
    if value.isspace() or value != value.strip():
        value = "k" + value + "k"
    border = b" " if encoding == "plain" else b""
    form = ENCODINGS[encoding](value)
    found = scan(before + border + form + border + after, [value.encode()]).findings
    assert found and {(f.basis, f.owner and f.owner.name) for f in found} == {
        (Basis.STORED, "token0")
    }


@settings(max_examples=60, deadline=None)
@given(value=_VALUES)
def test_escapes_of_urls_are_found_in_small_letters_as_well(value: str) -> None:
    value = f"k{value}k"
    for form in (quote(value, safe=""), quote_plus(value)):
        assert scan(_lower_escapes(form.encode()), [value.encode()]).findings


@settings(max_examples=60, deadline=None)
@given(value=st.binary(min_size=16, max_size=64).filter(lambda v: v.strip(b"\0")))
def test_a_value_may_be_any_bytes(value: bytes) -> None:
    for form in (value, value.hex().encode(), base64.b64encode(b"ab" + value)):
        assert scan(b"{" + form + b"}", [value]).findings


@pytest.mark.parametrize("kind", KINDS)
def test_stored_values_are_found_in_every_kind_of_file(kind: str) -> None:
    chance = random.Random(kind)
    for alphabet in (string.ascii_lowercase, string.ascii_letters + "-_.", "ab/+=:@#~"):
        value = "k" + "".join(chance.choices(alphabet, k=22))
        report = scan(
            KINDS[kind].write("MY_SECRET", value), [value.encode()], name=KINDS[kind].name
        )
        assert report.unread == []
        finding = next(f for f in report.findings if f.basis is Basis.STORED)
        assert finding.owner is not None and finding.owner.name == "token0"
        assert kind != "utf-16" or len(report.findings) == 1
        if KINDS[kind].line:
            assert finding.line == KINDS[kind].line
        if KINDS[kind].cell is not None:
            assert finding.cell is not None
            assert (finding.cell.number, finding.cell.part) == KINDS[kind].cell


def _make_value(size: int = 24) -> bytes:
    return base64.b32encode(os.urandom(size))[:size]


@pytest.mark.parametrize("border", [64 * 1024, WINDOW, WINDOW - OVERLAP, WINDOW - OVERLAP - LEAD])
def test_a_value_is_found_once_wherever_a_window_ends(border: int) -> None:
    value = _make_value()
    for shift in (-24, -23, 0, 1):
        data = b"\n" * (border + shift) + value + b"\n" * (WINDOW - border + OVERLAP)
        found = scan(data, [value]).findings
        assert [(f.line, f.column) for f in found] == [(border + shift + 1, 1)]


def test_a_short_value_needs_the_borders_of_a_word() -> None:
    value = b"k7" + _make_value(SHORTEST)  # ten capitals, say, would be taken for a word
    for text, count in (
        (b"%b", 1), (b"='%b'", 1), (b"_%b_", 1), (b"a%b", 0), (b"%b9", 0), (b"x%b %b.", 1),
    ):  # fmt: skip
        data = text.replace(b"%b", value)
        assert len(scan(data, [value]).findings) == count, text
    long = _make_value(16)
    assert len(scan(b"a" + long + b"9", [long]).findings) == 1


def test_what_is_shorter_than_eight_bytes_is_not_looked_for() -> None:
    assert make_needles([b"a" * n for n in range(SHORTEST)]) == []
    assert make_needles([b"k7w2m9xq"]) != []


def test_of_two_values_the_longer_one_is_told() -> None:
    short = _make_value(20)
    longer = short + b"-2nd"
    found = scan(b"a %b b %b c" % (longer, short), [short, longer]).findings
    assert [f.owner.name for f in found if f.owner] == ["token1", "token0"]


def test_a_stored_value_of_a_known_shape_is_told_as_ours() -> None:
    value = b"hf_" + "".join(random.Random(4).choices(string.ascii_letters, k=34)).encode()
    finding = one(scan(b"x = '%b'" % value, [value]).findings)
    assert finding.owner is not None and finding.basis is Basis.STORED
    assert one(scan(b"x = '%b'" % value).findings).basis is Basis.PATTERN


def one(found: list[Finding]) -> Finding:
    assert len(found) == 1, found
    return found[0]


def test_an_encoded_value_shows_nothing_of_itself() -> None:
    value = _make_value(40)
    for form in (value.hex().encode(), base64.b64encode(b"a" + value)):
        finding = one(scan(form, [value]).findings)
        assert finding.masked == "…" and finding.encoding != "plain"


def test_a_thousand_values_are_looked_for_at_once() -> None:
    values = [_make_value(30) for _ in range(1000)]
    wanted = [*values[::100]]
    text = b"\n".join(b"%d = %b" % (n, base64.b64encode(v)) for n, v in enumerate(wanted))
    found = scan(text, values).findings
    assert [f.line for f in found] == [*range(1, 11)]
    assert [f.owner.name for f in found if f.owner] == [f"token{n}" for n in range(0, 1000, 100)]


def test_values_are_found_in_what_is_packed_in_what_is_packed() -> None:
    value = _make_value()
    inner, outer = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("run.log.gz", gzip.compress(b"a\nb %b\n" % value))
    with zipfile.ZipFile(outer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.zip", inner.getvalue())
    finding = one(scan(outer.getvalue(), [value]).findings)
    assert (finding.inside, finding.line, finding.column) == (
        ("inner.zip", "run.log.gz", "run.log"),
        2,
        3,
    )


def test_f15_nothing_shows_a_value() -> None:
    value = _make_value(40)
    needles = make_needles([value])
    forms = [needle.form.decode("latin-1") for needle in needles]
    scanner = make_scanner([value])
    report = scan(b"x %b\n%b" % (value, value.hex().encode()), [value])
    assert len(report.findings) == 2
    shown = [repr(needles), repr(scanner), repr(report), str(report), str(report.findings[0])]
    for engine in ("hyperscan", "re"):
        shown.append(repr(compile_needles(needles, engine=engine)))
    with pytest.raises(AttributeError) as raised:
        Needle(0, value, "plain").missing  # type: ignore[attr-defined]  # noqa: B018
    shown.append(str(raised.value))
    assert not [form for form in forms for text in shown if form in text]
