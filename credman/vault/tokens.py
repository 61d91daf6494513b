"""Tokens and environments as JSON and back."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from credman.core.intervals import format_instant, parse_instant
from credman.core.model import (
    Address,
    Environment,
    Field,
    Schedule,
    Token,
    TokenKey,
    Version,
    VersionState,
)
from credman.core.names import check_name, check_variable_grammar
from credman.core.secret import Secret
from credman.vault.records import Record, refuse_duplicates


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
        schedule=_schedule(Record(record.take("schedule", dict))),
        unsure=record.take_optional("unsure", bool) or False,
        extra=record.rest(),
    )
    refuse_duplicates(v.number for v in token.versions)
    refuse_duplicates(variable for f in token.fields for variable in f.variables)
    if [v.state for v in token.versions].count(VersionState.CURRENT) != 1:
        raise ValueError
    return token


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
    expires_at = record.take_optional("expires_at", str)
    return Schedule(
        rotate_every=record.take_optional("rotate_every", str),
        expires_at=None if expires_at is None else parse_instant(expires_at),
        remind_before=record.take_texts("remind_before"),
        grace=record.take_optional("grace", str),
        extra=record.rest(),
    )


def value_to_json(value: Secret) -> object:
    data = value.to_bytes()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}


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
