"""Snapshots, changes and values as JSON, for another process of the same user and version."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from credman.core.errors import CredmanError
from credman.core.model import Address, TokenKey
from credman.core.secret import Secret, SecretBytes
from credman.stores.base import Committed, Snapshot
from credman.stores.changes import Change, PutEnvironment, PutToken, RemoveToken, RenameToken
from credman.vault.records import Record
from credman.vault.tokens import (
    environment_to_json,
    read_environment,
    read_token,
    read_value,
    token_to_json,
    value_to_json,
)


class _Blank(Mapping[Address, Secret]):
    """Stands for values that are not sent."""

    def __getitem__(self, address: Address) -> Secret:
        return Secret("")

    def __iter__(self) -> Iterator[Address]:
        return iter(())

    def __len__(self) -> int:
        return 0


def dump(data: object) -> SecretBytes:
    """Returns: JSON."""
    return SecretBytes(json.dumps(data, separators=(",", ":")).encode("ascii"))


def load(data: bytes) -> Any:
    """Raises: ValueError"""
    return json.loads(data)


def snapshot_to_json(snapshot: Snapshot) -> object:
    return {
        "revision": snapshot.revision,
        "environments": [environment_to_json(e) for e in snapshot.environments],
        "tokens": [token_to_json(t, _Blank()) for t in snapshot.tokens],
        "warnings": snapshot.warnings,
        "obstacle": None if snapshot.obstacle is None else error_to_json(snapshot.obstacle),
    }


def read_snapshot(data: Mapping[str, Any]) -> Snapshot:
    obstacle = data["obstacle"]
    return Snapshot(
        data["revision"],
        tuple(read_environment(Record(e)) for e in data["environments"]),
        tuple(read_token(Record(t), {}) for t in data["tokens"]),
        tuple(data["warnings"]),
        None if obstacle is None else read_error(obstacle),
    )


def committed_to_json(committed: Committed) -> object:
    return [committed.revision, committed.warnings, committed.kept]


def read_committed(data: Sequence[Any]) -> Committed:
    revision, warnings, kept = data
    return Committed(revision, tuple(warnings), kept)


def addresses_to_json(addresses: Iterable[Address]) -> list[object]:
    return [[*address.key, address.version, address.field] for address in addresses]


def read_addresses(data: Iterable[Sequence[Any]]) -> list[Address]:
    return [Address(TokenKey(*item[:3]), item[3], item[4]) for item in data]


def values_to_json(values: Mapping[Address, Secret]) -> list[object]:
    return [[address, value_to_json(value)] for address, value in _flat(values)]


def read_values(data: Iterable[Sequence[Any]]) -> dict[Address, Secret]:
    return {read_addresses([address])[0]: read_value(value) for address, value in data}


def _flat(values: Mapping[Address, Secret]) -> Iterator[tuple[object, Secret]]:
    for address, value in values.items():
        yield addresses_to_json([address])[0], value


def changes_to_json(changes: Iterable[Change]) -> list[object]:
    return [_change_to_json(change) for change in changes]


def _change_to_json(change: Change) -> object:
    match change:
        case PutToken():
            token = token_to_json(change.token, _Blank())
            return ["put", token, values_to_json(change.values), change.is_moved]
        case RemoveToken():
            return ["remove", change.key]
        case RenameToken():
            return ["rename", change.key, change.name]
        case PutEnvironment():
            return ["environment", environment_to_json(change.environment)]


def read_changes(data: Iterable[Sequence[Any]]) -> list[Change]:
    return [_read_change(*item) for item in data]


def _read_change(kind: str, *rest: Any) -> Change:
    match kind:
        case "put":
            token, values, is_moved = rest
            return PutToken(read_token(Record(token), {}), read_values(values), is_moved)
        case "remove":
            return RemoveToken(TokenKey(*rest[0]))
        case "rename":
            return RenameToken(TokenKey(*rest[0]), rest[1])
        case "environment":
            return PutEnvironment(read_environment(Record(rest[0])))
    raise ValueError


def error_to_json(error: CredmanError) -> list[str]:
    return [type(error).kind, error.message, error.hint]


def read_error(data: Sequence[str]) -> CredmanError:
    kind, message, hint = data
    known = {c.__dict__.get("kind"): c for c in _classes(CredmanError)}
    # Not its own constructor: some take other arguments.
    error = CredmanError.__new__(known.get(kind, CredmanError), message)
    CredmanError.__init__(error, message, hint=hint)
    return error


def _classes(base: type[CredmanError]) -> Iterator[type[CredmanError]]:
    yield base
    for derived in base.__subclasses__():
        yield from _classes(derived)
