"""What the vault's payload says: the model as JSON and back.

Rule: read strictly (duplicate keys, numbers that are none and unknown types are damage), keep what
a newer credman added, and write every value so that the same bytes come back.
The format is specified in docs/vault-format.md.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from credman.core.errors import CredmanError, PayloadDamaged
from credman.core.intervals import format_instant, parse_instant
from credman.core.model import (
    Address,
    Contents,
    Environment,
    Field,
    Schedule,
    Token,
    TokenKey,
    Values,
    Version,
    VersionState,
)
from credman.core.names import check_name, check_variable
from credman.core.secret import Secret
from credman.vault import keys, slots

MAX_HISTORY = 64
MAX_DEPTH = 64
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Recipient:
    """A native age recipient: whoever holds its key is a full owner of the vault."""

    public_key: str
    label: str
    created_at: datetime
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SlotLabel:
    """What people see of a key slot; the slot itself stands in the header."""

    number: int
    label: str
    created_at: datetime
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ancestor:
    """Args: file_hash: SHA-256 of the whole file of that generation, hex."""

    generation: int
    file_hash: str


@dataclass(frozen=True, slots=True)
class Document:
    identity: bytes = field(repr=False)
    vault_id: str
    generation: int
    written_at: datetime
    contents: Contents
    next_slot: int
    recipients: tuple[Recipient, ...] = ()
    slots: tuple[SlotLabel, ...] = ()
    history: tuple[Ancestor, ...] = ()
    extra: Mapping[str, object] = field(default_factory=dict)


def render_document(document: Document) -> bytes:
    """Returns: one line of JSON, ASCII, the identity first, without padding or line end."""
    contents = document.contents
    out: dict[str, object] = {
        "identity": str(keys.render_identity(document.identity)),
        "vault": document.vault_id,
        "generation": document.generation,
        "written_at": format_instant(document.written_at),
        "history": [[a.generation, a.file_hash] for a in document.history[-MAX_HISTORY:]],
        "recipients": [
            {
                "key": r.public_key,
                "label": r.label,
                "created_at": format_instant(r.created_at),
                **r.extra,
            }
            for r in document.recipients
        ],
        "slots": [
            {
                "slot": s.number,
                "label": s.label,
                "created_at": format_instant(s.created_at),
                **s.extra,
            }
            for s in document.slots
        ],
        "next_slot": document.next_slot,
        "environments": [
            {"name": e.name, "isolated": e.isolated, **e.extra} for e in contents.environments
        ],
        "tokens": [_token_to_json(t, contents.values) for t in contents.tokens],
        **document.extra,
    }
    return json.dumps(out, separators=(",", ":"), allow_nan=False).encode("ascii")


def parse_document(line: bytes) -> Document:
    """Args: line: authenticated JSON, with or without padding.

    Raises:
        PayloadDamaged: it is not a document; the message holds no part of it.
    """
    try:
        return _document(_Record(json.loads(line.decode("utf-8"), **_STRICT)))
    except RecursionError:
        raise PayloadDamaged("the vault is damaged: its document is nested too deeply") from None
    except (ValueError, KeyError, TypeError, CredmanError):
        raise PayloadDamaged("the vault is damaged: its document is malformed") from None


class _Record:
    """Takes known keys out of a JSON object; what is left is ``extra``."""

    def __init__(self, value: object) -> None:
        if not isinstance(value, dict):
            raise TypeError
        self.extra: dict[str, Any] = dict(value)

    def take(self, key: str, kind: type[T]) -> T:
        value = self.extra.pop(key)
        if type(value) is not kind:
            raise TypeError
        return value

    def take_optional(self, key: str, kind: type[T]) -> T | None:
        if self.extra.get(key) is None:
            self.extra.pop(key, None)
            return None
        return self.take(key, kind)

    def take_instant(self, key: str) -> datetime:
        return _instant(self.take(key, str))

    def take_texts(self, key: str) -> tuple[str, ...]:
        texts = tuple(self.take(key, list))
        if not all(isinstance(text, str) for text in texts):
            raise TypeError
        return texts

    def take_count(self, key: str) -> int:
        number = self.take(key, int)
        if not 0 <= number < 2**53:
            raise ValueError
        return number

    def rest(self) -> Mapping[str, object]:
        """Returns: what nobody took, for ``extra``. Bounded here, so that it can be written again
        whatever the interpreter's recursion limit."""
        for value in self.extra.values():
            _check_depth(value, MAX_DEPTH)
        return self.extra

    def take_records(self, key: str, read: Callable[[_Record], T]) -> tuple[T, ...]:
        return tuple(read(_Record(item)) for item in self.take(key, list))


def _document(record: _Record) -> Document:
    values: dict[Address, Secret] = {}
    document = Document(
        identity=_identity(record.take("identity", str)),
        vault_id=record.take("vault", str),
        generation=record.take_count("generation"),
        written_at=record.take_instant("written_at"),
        history=tuple(_ancestor(item) for item in record.take("history", list)),
        recipients=record.take_records("recipients", _recipient),
        slots=record.take_records("slots", _slot_label),
        next_slot=record.take_count("next_slot"),
        contents=Contents(
            environments=record.take_records("environments", _environment),
            tokens=record.take_records("tokens", lambda item: _token(item, values)),
            values=values,
        ),
        extra=record.rest(),
    )
    if not slots.VAULT_ID.fullmatch(document.vault_id):
        raise ValueError
    _refuse_duplicates(s.number for s in document.slots)
    tokens = document.contents.tokens
    _refuse_duplicates(t.key.folded() for t in tokens)
    _refuse_duplicates(e.name.casefold() for e in document.contents.environments)
    return document


def _identity(text: str) -> bytes:
    identity = keys.parse_identity(text)
    if keys.render_identity(identity) != text:  # people may type it in small letters
        raise ValueError
    return identity


def _ancestor(item: object) -> Ancestor:
    if not isinstance(item, list) or len(item) != 2:
        raise TypeError
    generation, file_hash = item
    if type(generation) is not int or type(file_hash) is not str:
        raise TypeError
    if not 0 <= generation < 2**53 or not _HASH.fullmatch(file_hash):
        raise ValueError
    return Ancestor(generation, file_hash)


def _recipient(record: _Record) -> Recipient:
    public_key = record.take("key", str)
    if keys.render_recipient(keys.parse_recipient(public_key)) != public_key:
        raise ValueError
    return Recipient(
        public_key, record.take("label", str), record.take_instant("created_at"), record.rest()
    )


def _slot_label(record: _Record) -> SlotLabel:
    return SlotLabel(
        record.take_count("slot"),
        record.take("label", str),
        record.take_instant("created_at"),
        record.rest(),
    )


def _environment(record: _Record) -> Environment:
    name = check_name("environment", record.take("name", str))
    return Environment(name, record.take("isolated", bool), record.rest())


def _token_to_json(token: Token, values: Mapping[Address, Secret]) -> dict[str, object]:
    schedule = token.schedule
    return {
        "name": token.key.name,
        "environment": token.key.environment,
        "profile": token.key.profile,
        "provider": token.provider,
        "note": token.note,
        "fields": [
            {"name": f.name, "variables": list(f.variables), "secret": f.secret, **f.extra}
            for f in token.fields
        ],
        "versions": [
            {
                "number": v.number,
                "state": v.state.value,
                "created_at": format_instant(v.created_at),
                "values": {
                    name: _value_to_json(values[Address(token.key, v.number, name)])
                    for name in v.fields
                },
                **v.extra,
            }
            for v in token.versions
        ],
        "schedule": {
            "rotate_every": schedule.rotate_every,
            "expires_at": schedule.expires_at and format_instant(schedule.expires_at),
            "remind_before": list(schedule.remind_before),
            "grace": schedule.grace,
            **schedule.extra,
        },
        **token.extra,
    }


def _token(record: _Record, values: dict[Address, Secret]) -> Token:
    key = TokenKey(
        check_name("environment", record.take("environment", str)),
        check_name("profile", record.take("profile", str)),
        check_name("token", record.take("name", str)),
    )

    def version(item: _Record) -> Version:
        number = item.take_count("number")
        found = {name: _value(text) for name, text in item.take("values", dict).items()}
        values.update({Address(key, number, name): value for name, value in found.items()})
        return Version(
            number,
            VersionState(item.take("state", str)),
            item.take_instant("created_at"),
            tuple(found),
            item.rest(),
        )

    token = Token(
        key=key,
        provider=record.take_optional("provider", str),
        note=record.take("note", str),
        fields=record.take_records("fields", _field),
        versions=record.take_records("versions", version),
        schedule=_schedule(_Record(record.take("schedule", dict))),
        extra=record.rest(),
    )
    _refuse_duplicates(v.number for v in token.versions)
    _refuse_duplicates(variable for f in token.fields for variable in f.variables)
    if [v.state for v in token.versions].count(VersionState.CURRENT) != 1:
        raise ValueError
    return token


def _instant(text: str) -> datetime:
    moment = parse_instant(text)
    if format_instant(moment) != text:  # strptime reads more spellings than one
        raise ValueError
    return moment


def _check_depth(value: object, left: int) -> None:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        if not left:
            raise ValueError
        for item in value:
            _check_depth(item, left - 1)


def _field(record: _Record) -> Field:
    variables = tuple(check_variable(v) for v in record.take_texts("variables"))
    if not variables:
        raise ValueError
    return Field(record.take("name", str), variables, record.take("secret", bool), record.rest())


def _schedule(record: _Record) -> Schedule:
    expires_at = record.take_optional("expires_at", str)
    return Schedule(
        rotate_every=record.take_optional("rotate_every", str),
        expires_at=None if expires_at is None else _instant(expires_at),
        remind_before=record.take_texts("remind_before"),
        grace=record.take_optional("grace", str),
        extra=record.rest(),
    )


def _value_to_json(value: Secret) -> object:
    data = value.to_bytes()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}


def _value(item: object) -> Secret:
    if isinstance(item, str):
        data = item.encode("utf-8")  # a lone surrogate is a ValueError here
    else:
        record = _Record(item)
        data = base64.b64decode(record.take("base64", str), validate=True)
        if record.extra:
            raise ValueError
    if b"\0" in data:
        raise ValueError
    return Secret.from_bytes(data)


def _refuse_duplicates(items: Iterable[object]) -> None:
    listed = list(items)
    if len(set(listed)) != len(listed):
        raise ValueError


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    _refuse_duplicates(key for key, _ in pairs)
    return dict(pairs)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number


def _no_constant(text: str) -> object:
    raise ValueError


_STRICT: Mapping[str, Any] = {
    "object_pairs_hook": _unique,
    "parse_float": _finite,
    "parse_constant": _no_constant,
}

__all__ = ["Ancestor", "Document", "Recipient", "SlotLabel", "Values"]
