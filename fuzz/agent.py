"""The agent's socket as targets: bytes in pieces, and what becomes of them until a command is run.

Rule: whatever comes is refused, or is a request with one spelling, whose parts are read or refused
with one of the errors that the agent turns into "declined".
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, cast

from credman.core import wire
from credman.core.errors import CredmanError
from credman.core.model import Environment
from credman.server import status
from credman.server.held import Held, now
from credman.server.requests import Connection, Refused
from credman.server.rings import Rings
from credman.server.running import read_caller
from credman.stores import transfer
from credman.stores.changes import PutEnvironment, PutToken
from credman.vault.document import parse_document
from fuzz.corpora import documents

WORDS = (
    *(word.decode() for word in (wire.PROTOCOL, wire.VERSION)),
    *("run", "hold", "read", "write", "status", "lock", "env", "list", "--json", "file:/x"),
    *("HOME=/x", "CREDMAN_HOME=/x", "terminal", "other", "closed", "80", "keyring", "0" * 32),
    *('["snapshot"]', '["reveal","r",[]]', '["commit","r",[]]', '["put",', '["rename",'),
    *('"\\ud800"', "1e999", "nan", "inf", "\\x00\\x00\\x00\\x04"),
)
_REFUSALS = (ValueError, LookupError, TypeError, MemoryError, RecursionError, CredmanError)


class Pieces:
    """Stands for a socket: what was sent arrives in pieces, the first of which is short."""

    def __init__(self, data: bytes) -> None:
        first = data[-1] if data else 0
        self._pieces = [data[first:], data[:first]]

    def recv(self, size: int) -> bytes:
        while self._pieces:
            piece = self._pieces.pop()
            if piece:
                if len(piece) > size:
                    self._pieces.append(piece[size:])
                return piece[:size]
        return b""


def fuzz_agent(data: bytes) -> bool:
    connection = Connection(cast("Any", Pieces(data)), 1)
    parts: list[bytes] | None = None
    try:
        while parts is None:
            assert len(connection.buffer) <= wire.MAX_WRITE + (1 << 16)
            parts = connection.receive()
    except Refused:
        return False
    assert wire.frame(parts) == data and connection.buffer == b""
    try:
        _read(parts[1], parts[3:])
    except _REFUSALS:
        return False
    return True


def _read(operation: bytes, parts: Sequence[bytes]) -> None:
    if operation == wire.HOLD:
        held = _held()
        try:
            status.hold(held, Rings(held), parts)
            at = now()
            assert all(e.seconds_left(at) <= 30 * 86400 for e in held.entries.values())
        finally:
            for vault_id in list(held._entries):
                held._drop(vault_id)
    elif operation == wire.RUN:
        packed, cwd, variables, kinds = parts
        environ = read_caller(cwd, variables)[1]
        assert environ.keys() <= set(wire.VARIABLES)
        wire.unpack(packed), int(wire.unpack(kinds)[-1])
    elif operation in (wire.READ, wire.WRITE):
        cwd, variables, _, what = parts
        read_caller(cwd, variables)
        _read_store_request(what)


def fuzz_transfer(data: bytes) -> bool:
    """What a store that the agent holds open is asked."""
    try:
        return _read_store_request(data)
    except _REFUSALS:
        return False


def _read_store_request(data: bytes) -> bool:
    request = transfer.load(data)
    if request[0] == "commit":
        changes = transfer.read_changes(request[2])
        again = transfer.load(transfer.dump(transfer.changes_to_json(changes)))
        assert transfer.read_changes(again) == changes
        return bool(changes)
    if request[0] == "reveal":
        addresses = transfer.read_addresses(request[2])
        again = transfer.load(transfer.dump(transfer.addresses_to_json(addresses)))
        assert transfer.read_addresses(again) == addresses
        return bool(addresses)
    return False


@cache
def _held() -> Held:
    return Held()


def requests() -> list[bytes]:
    """Returns: what clients send, and what nobody should."""
    caller = [b"/srv", wire.pack([b"HOME=/home/x", b"CREDMAN_ENV=prod", b"LANG=C"])]
    kinds = wire.pack([b"other", b"terminal", b"closed", b"80"])
    hold = [b"0" * 32, bytes(32), b"/srv/vault.age", b"900.0", b"43200.0", b"0", b""]
    url = b"file:/srv/vault.age"
    environment = transfer.changes_to_json([PutEnvironment(Environment("prod", isolated=True))])
    found = [
        [wire.STATUS, wire.VERSION],
        [wire.LOCK, wire.VERSION],
        [b"other", wire.VERSION],
        [wire.RUN, wire.VERSION, wire.pack([b"env", b"prod"]), *caller, kinds],
        [wire.RUN, wire.VERSION, wire.pack([b"get", b"\xff"]), b"/", b"", kinds],
        [wire.RUN, wire.VERSION, wire.pack([b"env"]), b"srv", caller[1], kinds],
        [wire.RUN, wire.VERSION, wire.pack([b"env"]), b"/", wire.pack([b"PATH=/x"]), kinds],
        [wire.HOLD, wire.VERSION, *hold],
        [wire.HOLD, wire.VERSION, *hold[:3], b"", b"1e9", b"9", b""],
        [wire.HOLD, wire.VERSION, *hold[:1], bytes(31), *hold[2:]],
        [wire.HOLD, wire.VERSION, b"keyring", b"", b"keyring.backends.null.Keyring", *hold[3:]],
        [wire.READ, wire.VERSION, *caller, url, b'["snapshot"]'],
        [wire.READ, wire.VERSION, *caller, url, b'["reveal","r",[["a","b","c",1,"D"]]]'],
        [wire.READ, wire.VERSION, *caller, url, b'["reveal","r",[[]]]'],
        [wire.WRITE, wire.VERSION, *caller, url, transfer.dump(["commit", "r", environment])],
        [wire.WRITE, wire.VERSION, *caller, url, b'["commit","r",[["remove",["a","b","c"]]]]'],
        [wire.WRITE, wire.VERSION, *caller, url, b'["commit","r",[["rename",["a","b","c"],"d"]]]'],
        [wire.WRITE, wire.VERSION, *caller, url, b'["commit","r",[["put",{},[],false]]]'],
        [wire.WRITE, wire.VERSION, *caller, url, b"[" * 400],
    ]
    whole = [wire.frame([wire.PROTOCOL, *parts]) for parts in found]
    odd = (b"", b"\xff\xff\xff\xff", b"\0\0\0\0", whole[0][:-1], whole[0] + b"x", whole[3][4:])
    return [*whole, *odd, wire.frame(found[0]), wire.frame([b"credman agent 2", *found[0]])]


def store_requests() -> list[bytes]:
    """Returns: those of the requests above, and more changes."""
    contents = parse_document(documents()[1]).contents  # the one with every field
    puts = [PutToken(token, {**contents.values}, False) for token in contents.tokens]
    changes: list[list[object]] = [
        *(transfer.changes_to_json([put]) for put in puts),
        [["remove", ["default", "default", "hf"]], ["rename", ["a", "b", "c"], "d"]],
        [],
        [None],
        [["environment", {"name": "prod", "isolated": 1e999}]],
    ]
    sent = [wire.unpack(data[4:]) for data in requests()[11:19]]
    return [*(p[-1] for p in sent), *(transfer.dump(["commit", "r", c]) for c in changes)]
