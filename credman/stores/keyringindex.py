"""The index of the keyring store: everything about its tokens but the values, and where these lie.

Items cannot be listed, and are not replaced at once everywhere. So the index is written in turn to
two places, ``A`` and ``B``: a long one in parts first, then a head with its generation and hash.
The head is the moment at which it counts; the highest whole one does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from credman.core.errors import CredmanError, PayloadDamaged, VaultNewer
from credman.core.intervals import format_instant
from credman.core.model import Address, Contents, Token, TokenKey
from credman.core.secret import Secret
from credman.stores.keyringitems import (
    BASE64,
    FIELDS,
    TEXT,
    Item,
    Name,
    Ring,
    digest,
    is_value,
    name_parts,
    split,
)
from credman.vault.records import Record, load_strict, refuse_duplicates
from credman.vault.tokens import environment_to_json, read_environment, read_token, token_to_json

INDEX_SERVICE = "credman:index"
SLOTS = ("A", "B")
JOURNAL = "journal"
_FORMAT = 1
_HEAD_CHARACTERS = 200
_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
Place = tuple[TokenKey, int]
"""A version of a token."""


class Stored(Secret):
    """A value that lies in the keyring, unread: it stands for it while changes are applied.

    Args: place: whose it is; item: where it lies; fields: all that lie there; name: of its own.
    """

    __slots__ = ("fields", "item", "name", "place")

    place: Place
    item: Item
    fields: tuple[str, ...]
    name: str

    @classmethod
    def at(cls, place: Place, item: Item, fields: tuple[str, ...], name: str) -> Stored:
        made = cls("")
        made.place, made.item, made.fields, made.name = place, item, fields, name
        return made


@dataclass(frozen=True, slots=True)
class Index:
    """Args:
    machine: which one wrote it.
    contents: its values are ``Stored``.
    """

    store_id: str
    generation: int
    written_at: datetime
    machine: str
    contents: Contents = field(default_factory=Contents)
    items: Mapping[Place, Item] = field(default_factory=dict)
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Head:
    """What says that something is whole. Args: parts: 0: the text stands in the head itself."""

    generation: int
    parts: int
    sha256: str


def render_index(index: Index) -> str:
    """Returns: one line of JSON, ASCII, without a value."""
    contents = index.contents
    nothing = dict.fromkeys(_addresses(contents), Secret(""))
    out: dict[str, object] = {
        "store": index.store_id,
        "generation": index.generation,
        "written_at": format_instant(index.written_at),
        "machine": index.machine,
        "environments": [environment_to_json(e) for e in contents.environments],
        "tokens": [token_to_json(t, nothing) for t in contents.tokens],
        "items": [
            {
                "environment": key.environment,
                "profile": key.profile,
                "name": key.name,
                "version": number,
                "service": item.service,
                "user": item.user,
                "form": item.form,
                "parts": item.parts,
                "sha256": item.sha256,
            }
            for (key, number), item in index.items.items()
        ],
        **index.extra,
    }
    return json.dumps(out, separators=(",", ":"), allow_nan=False)


def parse_index(text: str) -> Index:
    """Raises: PayloadDamaged: it is no index; the message holds no part of it."""
    try:
        return _index(Record(load_strict(text.encode("ascii"))))
    except (ValueError, KeyError, TypeError, RecursionError, CredmanError):
        raise PayloadDamaged("the index in the keyring is damaged") from None


def _index(record: Record) -> Index:
    found: dict[Address, Secret] = {}
    tokens = record.take_records("tokens", lambda item: read_token(item, found))
    environments = record.take_records("environments", read_environment)
    placed = record.take_records("items", _placed)
    items = dict(placed)
    index = Index(
        store_id=record.take("store", str),
        generation=record.take_count("generation"),
        written_at=record.take_instant("written_at"),
        machine=record.take("machine", str),
        contents=Contents(environments, tokens, _stand_ins(tokens, items)),
        items=items,
        extra=record.rest(),
    )
    refuse_duplicates(t.key.folded() for t in tokens)
    refuse_duplicates(e.name.casefold() for e in environments)
    refuse_duplicates(place for place, _ in placed)
    refuse_duplicates(fold(name) for item in items.values() for name in item.names)
    wanted = {(t.key, v.number) for t in tokens for v in t.versions if v.fields}
    if wanted != set(items) or not _ID.fullmatch(index.store_id):
        raise ValueError
    return index


def _placed(record: Record) -> tuple[Place, Item]:
    key = TokenKey(*(record.take(part, str) for part in ("environment", "profile", "name")))
    number = record.take_count("version")
    item = Item(
        record.take("service", str),
        record.take("user", str),
        record.take("form", str),
        record.take_count("parts"),
        record.take("sha256", str),
    )
    if item.form not in (TEXT, BASE64, FIELDS) or not _HASH.fullmatch(item.sha256):
        raise ValueError
    # Whoever changed the index does not make credman read, or clean up, what is not its own.
    if item.parts > 1 << 16 or not is_value((item.service, item.user)):
        raise ValueError
    return (key, number), item


def _stand_ins(tokens: tuple[Token, ...], items: Mapping[Place, Item]) -> dict[Address, Secret]:
    return {
        Address(token.key, version.number, name): Stored.at(
            place, items[place], version.fields, name
        )
        for token in tokens
        for version in token.versions
        for place in [(token.key, version.number)]
        for name in version.fields
    }


def _addresses(contents: Contents) -> list[Address]:
    return [
        Address(token.key, version.number, name)
        for token in contents.tokens
        for version in token.versions
        for name in version.fields
    ]


def write_blob(ring: Ring, user: str, generation: int, text: str) -> Head:
    """Writes a text of any length below ``user``: a long one in parts first, the head last.

    Raises:
        KeyringUnavailable
    """
    limit = ring.max_characters
    if len(text) + _HEAD_CHARACTERS <= limit:
        head = Head(generation, 0, digest(text))
        ring.set((INDEX_SERVICE, user), Secret(f"{_render_head(head)}\n{text}"))
        return head
    pieces = split(Secret(text), limit)
    for name, piece in zip(name_parts(INDEX_SERVICE, user, len(pieces)), pieces, strict=True):
        ring.set(name, Secret(piece))
    head = Head(generation, len(pieces), digest(text))
    ring.set((INDEX_SERVICE, user), Secret(_render_head(head)))
    return head


def read_head(ring: Ring, user: str) -> tuple[Head, str] | None:
    """Returns: the head and what stands in it behind it; None if there is none.

    Raises:
        PayloadDamaged, VaultNewer, KeyringUnavailable
    """
    found = ring.get((INDEX_SERVICE, user))
    if found is None:
        return None
    line, _, rest = str(found).partition("\n")
    try:
        record = Record(load_strict(line.encode("ascii")))
        version = record.take_count("credman")
        if version > _FORMAT:
            raise VaultNewer(
                f"the index in the keyring has format {version}, written by a newer credman",
                hint="upgrade credman; nothing was changed",
            )
        head = Head(
            record.take_count("generation"), record.take_count("parts"), record.take("sha256", str)
        )
        if version != _FORMAT or record.extra or head.parts > 1 << 16:
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise PayloadDamaged("the index in the keyring is damaged") from None
    return head, rest


def read_body(ring: Ring, user: str, head: Head, rest: str) -> str | None:
    """Args: head, rest: of ``read_head``.

    Returns:
        The whole text, or None if it is not the one that the head speaks of.

    Raises:
        KeyringUnavailable
    """
    if head.parts:
        parts = [ring.get(name) for name in name_parts(INDEX_SERVICE, user, head.parts)]
        rest = "".join(str(part or "") for part in parts)
    return rest if digest(rest) == head.sha256 else None


def _render_head(head: Head) -> str:
    return json.dumps(
        {
            "credman": _FORMAT,
            "generation": head.generation,
            "parts": head.parts,
            "sha256": head.sha256,
        },
        separators=(",", ":"),
    )


def fold(name: Name) -> Name:
    """Returns: the name without regard to case: some keyrings have none."""
    return name[0].casefold(), name[1].casefold()


def fold_names(items: Mapping[Place, Item]) -> set[Name]:
    """Returns: the names that are in use, folded."""
    return {fold(name) for item in items.values() for name in item.names}
