"""What holds values shows a mask; and what lies below the Python API fails without showing one."""

from __future__ import annotations

import os
from typing import Any

import pytest
from rich.pretty import pretty_repr

from credman.cli import terminal
from credman.core import wire
from credman.core.environ import Environ
from credman.core.model import Address
from credman.core.secret import Secret, SecretBuffer, SecretBytes
from credman.oskeyring.client import KeyringUnavailable, OsKeyring, Situation
from credman.stores import keyringitems
from credman.stores.changes import PutToken
from credman.stores.kept import KeptStore
from credman.stores.memory import MemoryStore
from credman.stores.testing import make_token
from tests.api.showing import LONG, fails, list_leaks, render
from tests.cli.harness import PASSPHRASE
from tests.cli.scans import OTHER, TOKEN


def test_these_renderings_show_what_is_not_masked() -> None:
    # As a program of somebody's, in which the values lie bare.
    program = {"__name__": "program"}
    exec("def run(plain, environ):\n    raise ValueError(len(plain), len(environ))\n", program)
    run: Any = program["run"]
    with pytest.raises(ValueError, match="302") as caught:
        run(LONG, {"CREDMAN_PASSPHRASE": PASSPHRASE})
    leaks = "\n".join(list_leaks(caught.value))
    assert LONG[:20] in leaks and PASSPHRASE in leaks
    assert all(LONG[:20] in text or PASSPHRASE in text for text in render(caught.value))
    with pytest.raises(ValueError, match="302") as caught:
        run(Secret(LONG), Environ({"CREDMAN_PASSPHRASE": PASSPHRASE}))
    assert list_leaks(caught.value) == []


@pytest.mark.parametrize("kind", [Secret, SecretBytes, SecretBuffer])
@pytest.mark.parametrize("length", [20, 300])
def test_a_long_value_is_not_shown_in_part(kind: type[Any], length: int) -> None:
    value = kind("x" * length) if kind is Secret else kind(b"x" * length)
    for shown in (pretty_repr([value], max_string=10), repr({"a": value}), f"{[value]}"):
        assert "xx" not in shown


def test_what_is_made_of_an_environment_is_masked_as_well() -> None:
    environ = Environ({"A": TOKEN})
    made = (environ, environ.copy(), environ | {"B": OTHER}, {"B": OTHER} | environ)
    more = (environ.without(("B",)), Environ.fromkeys("A", TOKEN))
    for each in (*made, *more):
        assert type(each) is Environ and repr(each) == f"{each}" == "<environment>"
        assert each["A"] == TOKEN


def test_an_agent_that_refuses_or_talks_nonsense() -> None:
    token = make_token("made")
    place = Address(token.key, token.current.number, token.fields[0].name)
    change = PutToken(token, {place: Secret(OTHER)})
    text = b'["%s", "%s"' % (TOKEN.encode(), OTHER.encode())
    for answer in ([wire.FAILED, b'["store_conflict", "", ""]'], [wire.DONE, text], []):
        store = KeptStore(MemoryStore(), lambda *_, answer=answer: answer)
        fails(lambda store=store: store.commit([change], expected_revision="1"))  # type: ignore[misc]
    store = KeptStore(MemoryStore(), lambda *_: [wire.DONE, text])
    fails(lambda: store.reveal([place]))


def test_a_keyring_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyringUnavailable(Situation.FAILED)

    monkeypatch.setattr(OsKeyring, "_start", fail)
    ring = OsKeyring("keyring.backends.SecretService.Keyring", os.environ)
    fails(lambda: ring.set("service", "user", Secret(OTHER)))


@pytest.mark.parametrize("end", [None, "", "}"], ids=["no JSON", "half of it", "another field"])
def test_an_item_that_is_not_what_was_stored(end: str | None) -> None:
    text = OTHER if end is None else f'{{"A":"{OTHER}"{end}'
    digest = keyringitems.digest(text)
    item = keyringitems.Item("service", "user", keyringitems.FIELDS, 0, digest)
    fails(lambda: keyringitems.decode(item, Secret(text), ["B"]))


@pytest.mark.parametrize("end", [f"\n{TOKEN}\n", "\x03", ""], ids=["lines", "Ctrl-C", "the end"])
def test_what_is_typed_and_broken_off(end: str) -> None:
    source, sink = os.pipe()
    os.write(sink, f"{OTHER}{end}".encode())
    os.close(sink)
    try:
        fails(lambda: terminal._read_line(source, echo=False))
    finally:
        os.close(source)
