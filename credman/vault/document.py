"""What the vault's payload says: the model as JSON and back.

Rule: read strictly (duplicate keys, numbers that are none and unknown types are damage), keep what
a newer credman added, and write every value so that the same bytes come back.
The format is specified in docs/vault-format.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from credman.core.errors import CredmanError, PayloadDamaged
from credman.core.intervals import format_instant
from credman.core.model import Address, Contents
from credman.core.secret import Secret, SecretBytes
from credman.vault import keys, slots
from credman.vault.records import Record, load_strict, refuse_duplicates
from credman.vault.tokens import environment_to_json, read_environment, read_token, token_to_json

MAX_HISTORY = 64
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)


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
    """Args: backup_of: the file that this is a backup of, where it is one."""

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
    backup_of: Ancestor | None = None


def list_states(document: Document, file_hash: str) -> tuple[Ancestor, ...]:
    """Args: file_hash: of the file that holds the document.

    Returns:
        The files that are this very state: itself and, of a backup, the one it was made of.
    """
    own = Ancestor(document.generation, file_hash)
    # An older program keeps the field in what it writes later; there it is of another generation.
    if document.backup_of is None or document.backup_of.generation != document.generation:
        return (own,)
    return (own, document.backup_of)


def extend_history(history: Iterable[Ancestor], more: Iterable[Ancestor]) -> tuple[Ancestor, ...]:
    """Returns: the last ``MAX_HISTORY`` of both, the oldest first. Never half a generation: of two
    files of one, the one that was left out would pass for a stranger's."""
    known = sorted({*history, *more}, key=lambda a: (a.generation, a.file_hash))
    oldest = known[-MAX_HISTORY:][0].generation if known else 0
    return tuple(a for a in known if a.generation >= oldest)


def render_document(document: Document) -> bytes:
    """Returns: one line of JSON, ASCII, the identity first, without padding or line end."""
    contents = document.contents
    out: dict[str, object] = {
        "identity": keys.render_identity(document.identity),
        "vault": document.vault_id,
        "generation": document.generation,
        "written_at": format_instant(document.written_at),
        "history": [[a.generation, a.file_hash] for a in document.history],
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
        "environments": [environment_to_json(e) for e in contents.environments],
        "tokens": [token_to_json(t, contents.values) for t in contents.tokens],
        **document.extra,
    }
    if document.backup_of is not None:
        out["backup_of"] = [document.backup_of.generation, document.backup_of.file_hash]
    return SecretBytes(json.dumps(out, separators=(",", ":"), allow_nan=False).encode("ascii"))


def parse_document(line: bytes) -> Document:
    """Args: line: authenticated JSON, with or without padding.

    Raises:
        PayloadDamaged: it is not a document; the message holds no part of it.
    """
    try:
        return _document(Record(load_strict(line)))
    except RecursionError:
        wrong = "nested too deeply"
    except (ValueError, KeyError, TypeError, CredmanError):
        wrong = "malformed"
    # Raised out here: what read it holds it in clear.
    raise PayloadDamaged(f"the vault is damaged: its document is {wrong}")


def _document(record: Record) -> Document:
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
            environments=record.take_records("environments", read_environment),
            tokens=record.take_records("tokens", lambda item: read_token(item, values)),
            values=values,
        ),
        backup_of=_backup_of(record.take_optional("backup_of", list)),
        extra=record.rest(),
    )
    if not slots.VAULT_ID.fullmatch(document.vault_id):
        raise ValueError
    refuse_duplicates(s.number for s in document.slots)
    tokens = document.contents.tokens
    refuse_duplicates(t.key.folded() for t in tokens)
    refuse_duplicates(e.name.casefold() for e in document.contents.environments)
    return document


def _identity(text: str) -> SecretBytes:
    identity = keys.parse_identity(Secret(text))
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


def _backup_of(item: list[object] | None) -> Ancestor | None:
    return None if item is None else _ancestor(item)


def _recipient(record: Record) -> Recipient:
    public_key = record.take("key", str)
    if keys.render_recipient(keys.parse_recipient(public_key)) != public_key:
        raise ValueError
    return Recipient(
        public_key, record.take("label", str), record.take_instant("created_at"), record.rest()
    )


def _slot_label(record: Record) -> SlotLabel:
    return SlotLabel(
        record.take_count("slot"),
        record.take("label", str),
        record.take_instant("created_at"),
        record.rest(),
    )
