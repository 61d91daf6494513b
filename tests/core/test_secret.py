"""A secret shows itself to nobody by accident, and its bytes come back."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import pprint
import string
import traceback
from dataclasses import dataclass
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

import credman
from credman.core.secret import Secret, mask

CANARY = "CANARY-do-not-show"


@dataclass
class Holder:
    value: Secret


def test_no_representation_shows_it() -> None:
    secret = Secret(CANARY)
    shown = [
        repr(secret),
        ascii(secret),
        f"{secret!r}",
        "%r" % secret,  # noqa: UP031 - that is the point
        str([secret]),
        str({"a": secret, secret: 1}),
        repr(Holder(secret)),
        pprint.pformat({"a": [secret]}),
    ]
    for text in shown:
        assert CANARY not in text
    assert repr(secret) == "Secret('…')"


def test_no_pretty_printer_of_rich_shows_it() -> None:
    from rich.console import Console
    from rich.pretty import pretty_repr

    assert CANARY not in pretty_repr({"a": [Secret(CANARY)], "b": Holder(Secret(CANARY))})
    console = Console(file=StringIO(), width=200)
    try:
        local = Secret(CANARY)
        raise RuntimeError(len(local))
    except RuntimeError:
        console.print_exception(show_locals=True)
    assert isinstance(console.file, StringIO)
    text = console.file.getvalue()
    assert "local = " in text
    assert CANARY not in text


def test_no_traceback_and_no_log_line_shows_it(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(CANARY)
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").info("%r", [secret])
    assert CANARY not in caplog.text
    try:
        raise KeyError(secret)
    except KeyError:
        assert CANARY not in traceback.format_exc()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_is_not_pickled(protocol: int) -> None:
    for thing in (Secret(CANARY), [Secret(CANARY)], Holder(Secret(CANARY))):
        with pytest.raises(TypeError, match="not picklable"):
            pickle.dumps(thing, protocol)


def test_a_copy_is_itself() -> None:
    # What a program copies with it, such as its settings, is not to fail.
    secret = Secret(CANARY)
    for copying in (copy.copy, copy.deepcopy):
        assert copying(secret) is secret and copying([secret])[0] is secret


def test_it_is_a_text_like_any_other_where_that_is_meant() -> None:
    secret = Secret(CANARY)
    assert secret == CANARY and hash(secret) == hash(CANARY)
    assert f"{secret}" == CANARY
    assert json.loads(json.dumps({"a": secret})) == {"a": CANARY}
    assert not hasattr(secret, "__dict__")
    assert credman.Secret is Secret


@given(st.binary())
def test_bytes_come_back(value: bytes) -> None:
    assert Secret.from_bytes(value).to_bytes() == value


@pytest.mark.parametrize("byte", range(256))
def test_each_byte_alone_comes_back(byte: int) -> None:
    assert Secret.from_bytes(bytes([byte])).to_bytes() == bytes([byte])


@given(st.text(alphabet=string.ascii_letters + string.digits + "_-.é\n ", max_size=80))
def test_a_mask_shows_a_prefix_and_four_characters_at_most(value: str) -> None:
    head, dots, tail = mask(value).partition("…")
    assert dots == "…"
    assert len(head) <= min(12, len(value) // 4)
    assert len(tail) in (0, 4)
    assert value.startswith(head) and value.endswith(tail)
    assert not head or head[-1] in "_-"
    if len(value) < 20 or not value.isascii():
        assert (head, tail) == ("", "")
    assert len(head) + len(tail) <= len(value) // 2 + 1


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("hf_" + "a" * 30 + "QxYz", "…QxYz"),
        ("sk-ant-api03-" + "b" * 60 + "1234", "…1234"),
        ("corr-ecthorsebattery", "…tery"),
        ("d" * 40, "…dddd"),
        ("-----BEGIN" + "e" * 30, "…eeee"),
        ("short_value", "…"),
        ("", "…"),
        ("x" * 19, "…"),
        ("é" * 40, "…"),
        ("two lines\n" + "x" * 40, "…"),
    ],
    ids=lambda value: value[:12],
)
def test_masks_people_recognise(value: str, masked: str) -> None:
    assert mask(value) == masked
    assert mask(value, head="zz_") == masked
