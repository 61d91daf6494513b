"""Tokens and environments as JSON and back."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from credman.core.intervals import format_instant, parse_instant
from credman.core.model import (
    Address,
    Environment,
    Exposure,
    Field,
    Finding,
    Liveness,
    Recipe,
    Rotation,
    Schedule,
    Stage,
    Token,
    TokenKey,
    Version,
    VersionState,
)
from credman.core.names import check_name, check_variable_grammar
from credman.core.secret import Secret
from credman.vault.records import Record, refuse_duplicates

T = TypeVar("T")


def environment_to_json(environment: Environment) -> dict[str, object]:
    return {"name": environment.name, "isolated": environment.isolated, **environment.extra}


def read_environment(record: Record) -> Environment:
    name = check_name("environment", record.take("name", str))
    return Environment(name, record.take("isolated", bool), record.rest())


def token_to_json(token: Token, values: Mapping[Address, Secret]) -> dict[str, object]:
    schedule = token.schedule
    return {
        "name": token.key.name,
        "environment": token.key.environment,
        "profile": token.key.profile,
        "provider": token.provider,
        "note": token.note,
        "fields": [_field_to_json(f) for f in token.fields],
        "versions": [
            {
                "number": v.number,
                "state": v.state.value,
                "created_at": format_instant(v.created_at),
                "values": {
                    name: value_to_json(values[Address(token.key, v.number, name)])
                    for name in v.fields
                },
                **_fate_to_json(v),
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
        **({"unsure": True} if token.unsure else {}),
        **_care_to_json(token),
        **token.extra,
    }


def read_token(record: Record, values: dict[Address, Secret]) -> Token:
    key = TokenKey(
        check_name("environment", record.take("environment", str)),
        check_name("profile", record.take("profile", str)),
        check_name("token", record.take("name", str)),
    )

    def version(item: Record) -> Version:
        number = item.take_count("number")
        found = {name: read_value(text) for name, text in item.take("values", dict).items()}
        values.update({Address(key, number, name): value for name, value in found.items()})
        return _version(item, number, tuple(found))

    token = Token(
        key=key,
        provider=record.take_optional("provider", str),
        note=record.take("note", str),
        fields=record.take_records("fields", _field),
        versions=record.take_records("versions", version),
        schedule=_schedule(Record(record.take("schedule", dict))),
        unsure=record.take_optional("unsure", bool) or False,
        rotation=_read_optional(record, "rotation", _rotation),
        recipe=_read_optional(record, "command", _recipe),
        extra=record.rest(),
    )
    refuse_duplicates(v.number for v in token.versions)
    refuse_duplicates(variable for f in token.fields for variable in f.variables)
    check_states(token)
    return token


def check_states(token: Token) -> None:
    """Raises: ValueError: two versions are the current one, or none can be; or a version that no
    rotation makes is staged."""
    states = [v.state for v in token.versions]
    making = None if token.rotation is None else token.find_version(token.rotation.version)
    staged = [v for v in token.versions if v.state is VersionState.STAGED]
    if states.count(VersionState.CURRENT) > 1 or len(states) == len(staged):
        raise ValueError
    if staged != ([] if making is None else [making]) or (token.rotation and making is None):
        raise ValueError


def _fate_to_json(version: Version) -> dict[str, object]:
    # Each key is written only where it says something: most versions need none of them.
    said: dict[str, object] = {
        key: format_instant(moment)
        for key, moment in (
            ("expires_at", version.expires_at),
            ("retiring_at", version.retiring_at),
            ("ended_at", version.ended_at),
        )
        if moment is not None
    }
    if version.grace is not None:
        said["grace"] = version.grace
    if version.ended_by:
        said["ended_by"] = version.ended_by
    if version.ids:
        said["ids"] = dict(version.ids)
    if version.finding is not None:
        found = version.finding
        words = {
            "identity": found.identity,
            "account": found.account,
            "scopes": found.scopes,
            "place": found.place,
        }
        said["finding"] = {
            "liveness": found.liveness.value,
            "at": format_instant(found.at),
            **{key: text for key, text in words.items() if text},
            **found.extra,
        }
    if version.exposure is not None:
        exposure = version.exposure
        said["exposure"] = {
            "at": format_instant(exposure.at),
            "seen_at": format_instant(exposure.seen_at),
            "count": exposure.count,
            "places": list(exposure.places),
            **exposure.extra,
        }
    return said


def _version(item: Record, number: int, fields: tuple[str, ...]) -> Version:
    ids = item.take_optional("ids", dict) or {}
    if not all(isinstance(text, str) for text in ids.values()):
        raise TypeError
    return Version(
        number,
        VersionState(item.take("state", str)),
        item.take_instant("created_at"),
        fields,
        expires_at=_read_instant(item, "expires_at"),
        retiring_at=_read_instant(item, "retiring_at"),
        grace=item.take_optional("grace", str),
        ended_at=_read_instant(item, "ended_at"),
        ended_by=item.take_optional("ended_by", str) or "",
        ids=ids,
        finding=_read_optional(item, "finding", _finding),
        exposure=_read_optional(item, "exposure", _exposure),
        extra=item.rest(),
    )


def _finding(record: Record) -> Finding:
    found = Finding(
        Liveness(record.take("liveness", str)),
        record.take_instant("at"),
        record.take_optional("identity", str) or "",
        record.take_optional("account", str) or "",
        record.take_optional("scopes", str) or "",
        place=record.take_optional("place", str) or "",
        extra=record.rest(),
    )
    if found.liveness is Liveness.UNKNOWN:
        raise ValueError
    return found


def _exposure(record: Record) -> Exposure:
    return Exposure(
        record.take_instant("at"),
        record.take_instant("seen_at"),
        record.take_count("count"),
        record.take_texts("places"),
        record.rest(),
    )


def _care_to_json(token: Token) -> dict[str, object]:
    said: dict[str, object] = {}
    if token.rotation is not None:
        rotation = token.rotation
        said["rotation"] = {
            "version": rotation.version,
            "stage": rotation.stage.value,
            "automatic": rotation.is_automatic,
            "started_at": format_instant(rotation.started_at),
            **({} if rotation.grace is None else {"grace": rotation.grace}),
            **rotation.extra,
        }
    if token.recipe is not None:
        recipe = token.recipe
        said["command"] = {
            "text": recipe.command,
            "ttl_seconds": recipe.ttl_seconds,
            "shell": recipe.uses_shell,
            **recipe.extra,
        }
    return said


def _rotation(record: Record) -> Rotation:
    return Rotation(
        record.take_count("version"),
        Stage(record.take("stage", str)),
        record.take("automatic", bool),
        record.take_instant("started_at"),
        record.take_optional("grace", str),
        record.rest(),
    )


def _recipe(record: Record) -> Recipe:
    return Recipe(
        record.take("text", str),
        record.take_count("ttl_seconds"),
        record.take("shell", bool),
        record.rest(),
    )


def _read_instant(record: Record, key: str) -> datetime | None:
    text = record.take_optional(key, str)
    return None if text is None else parse_instant(text)


def _read_optional(record: Record, key: str, read: Callable[[Record], T]) -> T | None:
    found = record.take_optional(key, dict)
    return None if found is None else read(Record(found))


def _field_to_json(field: Field) -> dict[str, object]:
    # The key is written only where it says something: vaults from before it stay as they are.
    file = {"file": True} if field.is_file else {}
    return {
        "name": field.name,
        "variables": list(field.variables),
        "secret": field.secret,
        **file,
        **field.extra,
    }


def _field(record: Record) -> Field:
    variables = tuple(check_variable_grammar(v) for v in record.take_texts("variables"))
    if not variables:
        raise ValueError
    name, secret = record.take("name", str), record.take("secret", bool)
    is_file = "file" in record.extra
    if is_file and not record.take("file", bool):  # one spelling: absent is false
        raise ValueError
    return Field(name, variables, secret, record.rest(), is_file)


def _schedule(record: Record) -> Schedule:
    return Schedule(
        rotate_every=record.take_optional("rotate_every", str),
        expires_at=_read_instant(record, "expires_at"),
        remind_before=record.take_texts("remind_before"),
        grace=record.take_optional("grace", str),
        extra=record.rest(),
    )


def value_to_json(value: Secret) -> object:
    """Returns: what ``json`` writes as text; like the value, it shows a mask."""
    data = value.to_bytes()
    try:
        return Secret(data.decode("utf-8"))
    except UnicodeDecodeError:
        return {"base64": Secret(base64.b64encode(data).decode("ascii"))}


def read_value(item: object) -> Secret:
    if isinstance(item, str):
        data = item.encode("utf-8")  # a lone surrogate is a ValueError here
    else:
        record = Record(item)
        data = base64.b64decode(record.take("base64", str), validate=True)
        if record.extra:
            raise ValueError
    if b"\0" in data:
        raise ValueError
    return Secret.from_bytes(data)
