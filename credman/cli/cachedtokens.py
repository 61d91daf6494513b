"""One token in the cache of names, as JSON and back.

Rule: names, providers, variables, dates, states, and in how many files something was found; what is
text of any kind stays in the vault.
What is not as it should be is no record at all.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from datetime import datetime

from credman.core.errors import UsageError
from credman.core.intervals import OFF, find_interval, format_instant, parse_instant
from credman.core.model import (
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


def token_to_json(token: Token) -> dict[str, object]:
    schedule = token.schedule
    return {
        "name": token.key.name,
        "environment": token.key.environment,
        "profile": token.key.profile,
        "provider": _name_or_none(token.provider),
        "fields": [list(field.variables) for field in token.fields],
        "versions": [
            {
                "number": version.number,
                "state": version.state.value,
                "created_at": format_instant(version.created_at),
                "fields": [n for n, f in enumerate(token.fields) if f.name in version.fields],
                **_fate_to_json(version),
            }
            for version in token.versions
            # Of what is gone nobody is reminded, and there may be thousands.
            if version.fields or version == token.current
        ],
        "expires_at": token.expires_at and format_instant(token.expires_at),
        "rotate_every": _interval_or_none(schedule.rotate_every),
        "remind_before": _intervals(schedule.remind_before),
        "grace": _interval_or_none(schedule.grace),
        "unsure": token.unsure,
        **({} if token.recipe is None else {"is_made_by_command": True}),
        **_rotation_to_json(token.rotation),
    }


def _fate_to_json(version: Version) -> dict[str, object]:
    moments = {
        "expires_at": version.expires_at,
        "retiring_at": version.retiring_at,
        "ended_at": version.ended_at,
        "dead_at": version.finding.at
        if version.finding is not None and version.finding.liveness is Liveness.DEAD
        else None,
    }
    said: dict[str, object] = {k: format_instant(at) for k, at in moments.items() if at is not None}
    if (grace := _interval_or_none(version.grace)) is not None:
        said["grace"] = grace
    if version.exposure is not None:
        exposure = version.exposure  # where it was found stays in the vault
        said["exposure"] = {"at": format_instant(exposure.at), "count": exposure.count}
    return said


def _rotation_to_json(rotation: Rotation | None) -> dict[str, object]:
    if rotation is None:
        return {}
    begun = {"version": rotation.version, "stage": rotation.stage.value}
    return {"rotation": {**begun, "started_at": format_instant(rotation.started_at)}}


def _name_or_none(name: str | None) -> str | None:
    # What is no name is some text, and texts stay in the vault.
    with contextlib.suppress(UsageError):
        return None if name is None else check_name("provider", name)
    return None


def _interval_or_none(text: str | None) -> str | None:
    return text if text == OFF or find_interval(text) is not None else None


def _intervals(texts: Iterable[str]) -> list[str]:
    return [text for text in texts if _interval_or_none(text) is not None]


def token_from_json(item: object) -> Token:
    match item:
        case {
            "name": str() as name,
            "environment": str() as environment,
            "profile": str() as profile,
            "provider": None | str() as provider,
            "fields": list() as fields,
            "versions": list() as versions,
            "expires_at": None | str() as expires_at,
            "rotate_every": None | str() as rotate_every,
            "remind_before": list() as remind_before,
            "grace": None | str() as grace,
            "unsure": bool() as unsure,
            **more,
        }:
            known = [_field_from_json(variables) for variables in fields]
            token = Token(
                key=TokenKey(
                    check_name("environment", environment),
                    check_name("profile", profile),
                    check_name("token", name),
                ),
                fields=tuple(known),
                versions=tuple(_version_from_json(version, known) for version in versions),
                provider=_name_or_none(provider),
                schedule=Schedule(
                    rotate_every=_interval_or_none(rotate_every),
                    expires_at=None if expires_at is None else parse_instant(expires_at),
                    remind_before=tuple(_intervals(remind_before)),
                    grace=_interval_or_none(grace),
                ),
                unsure=unsure,
                rotation=_rotation_from_json(more.get("rotation")),
                recipe=Recipe("", 1) if more.get("is_made_by_command") is True else None,
            )
            states = [v.state for v in token.versions]
            if states.count(VersionState.CURRENT) < 2 and {*states} - {VersionState.STAGED}:
                return token
    raise ValueError


def _field_from_json(variables: list[str]) -> Field:
    first, *more = (check_variable_grammar(variable) for variable in variables)
    return Field(first, (first, *more))


def _version_from_json(item: dict[str, object], fields: list[Field]) -> Version:
    match item:
        case {
            "number": int() as number,
            "state": str() as state,
            "created_at": str() as created_at,
            "fields": list() as present,
        }:
            names = tuple(fields[index].name for index in present)
            dead_at = _find_instant(item, "dead_at")
            return Version(
                number,
                VersionState(state),
                parse_instant(created_at),
                names,
                expires_at=_find_instant(item, "expires_at"),
                retiring_at=_find_instant(item, "retiring_at"),
                grace=_interval_or_none(_find_text(item, "grace")),
                ended_at=_find_instant(item, "ended_at"),
                finding=None if dead_at is None else Finding(Liveness.DEAD, dead_at),
                exposure=_exposure_from_json(item.get("exposure")),
            )
    raise ValueError


def _exposure_from_json(item: object) -> Exposure | None:
    match item:
        case None:
            return None
        case {"at": str() as text, "count": int() as count} if not isinstance(count, bool):
            at = parse_instant(text)
            return Exposure(at, at, count)
    raise ValueError


def _rotation_from_json(item: object) -> Rotation | None:
    match item:
        case None:
            return None
        case {"version": int() as version, "stage": str() as stage, "started_at": str() as at}:
            return Rotation(version, Stage(stage), False, parse_instant(at))
    raise ValueError


def _find_text(item: Mapping[str, object], key: str) -> str | None:
    text = item.get(key)
    if text is not None and not isinstance(text, str):
        raise ValueError
    return text


def _find_instant(item: Mapping[str, object], key: str) -> datetime | None:
    text = _find_text(item, key)
    return None if text is None else parse_instant(text)
