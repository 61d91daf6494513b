"""The cache of names: what completion, reminders and prompts may know without opening a store.

One file, ``cache.json`` in the state directory, mode 0600, in clear. Rule: names, environments,
profiles, providers, variables, dates and states; never a value, a note, an identity or a masked
character. It is a copy that may be old: whoever reads it decides nothing by it, and one that is
missing, damaged or newer is as good as none and is replaced at the next write.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from credman.cli.context import Context
from credman.core.config import Config
from credman.core.errors import CredmanError, UsageError
from credman.core.intervals import format_instant, parse_instant, parse_interval
from credman.core.model import Environment, Field, Schedule, Token, TokenKey, Version, VersionState
from credman.core.names import check_name, check_variable_grammar
from credman.core.paths import make_private_directory
from credman.stores import disk

if TYPE_CHECKING:
    from credman.stores.base import Snapshot

_VERSION = 1
_MAX_BYTES = 8 * 1024 * 1024
_MAX_STORES = 16
_OFF = "off"
_STALE_SECONDS = 3600.0
_Stores = dict[str, dict[str, Any]]


class Names(NamedTuple):
    """What is known of a store. The tokens have neither notes nor what a newer credman added."""

    environments: tuple[Environment, ...]
    tokens: tuple[Token, ...]


def cache_file(state: str) -> str:
    """Args: state: the state directory."""
    return os.path.join(state, "cache.json")


def remember_names(context: Context, config: Config, store_url: str, snapshot: Snapshot) -> None:
    """Notes what a store holds. Writes only if it differs from what is noted, and never fails:
    nothing depends on it. Where the cache is off, one from before is taken away.

    Args:
        store_url: as ``open_store`` takes it.
    """
    # Whatever goes wrong here, the command that was asked for has done its work.
    with contextlib.suppress(Exception):
        path = cache_file(context.paths.state)
        if config.cache == _OFF:
            os.unlink(path)
            return
        entry: dict[str, Any] = {
            "environments": [
                {"name": e.name, "isolated": e.isolated} for e in snapshot.environments
            ],
            "tokens": [_token_to_json(token) for token in snapshot.tokens],
        }
        _change(path, name_store(context, store_url), entry)


def forget_names(context: Context, store_url: str) -> None:
    """Forgets what a store held. Never fails."""
    with contextlib.suppress(Exception):
        _change(cache_file(context.paths.state), name_store(context, store_url), None)


def recall_names(context: Context, config: Config, store_url: str) -> Names | None:
    """Returns: what was noted of a store last; None: nothing, or the cache is off.

    Raises:
        CredmanError: there is no home, or this is not the URL of a store.
    """
    if config.cache == _OFF:
        return None
    stores = _parse(_read(cache_file(context.paths.state)))
    entry = stores.get(name_store(context, store_url))
    if entry is None:
        return None
    try:
        return Names(
            tuple(_environment_from_json(item) for item in entry["environments"]),
            tuple(_token_from_json(item) for item in entry["tokens"]),
        )
    except (CredmanError, AttributeError, KeyError, TypeError, ValueError):
        return None


def name_store(context: Context, store_url: str) -> str:
    """Returns: one name for a store, however its URL is written."""
    scheme, _, rest = store_url.partition(":")
    if scheme == "file":
        from credman.stores.location import resolve

        return f"file:{resolve(rest, cwd=context.cwd, environ=context.environ)}"
    if scheme == "keyring":
        return "keyring:"
    # A digest: what a plug-in's URL holds is not known.
    import hashlib

    return hashlib.sha256(os.fsencode(store_url)).hexdigest()


def _change(path: str, key: str, entry: dict[str, Any] | None) -> None:
    former = _read(path)
    stores = _parse(former)
    if stores.get(key) != entry:
        stores.pop(key, None)
        if entry is not None:
            stores[key] = entry  # what was written last stands last
    data = _render(stores)
    while len(data) > _MAX_BYTES or len(stores) > _MAX_STORES:
        del stores[next(iter(stores))]
        data = _render(stores)
    if data != former and (stores or former is not None):
        _write(path, data)


def _render(stores: _Stores) -> bytes:
    record = {"version": _VERSION, "stores": stores}
    return json.dumps(record, separators=(",", ":")).encode("ascii")


def _parse(data: bytes | None) -> _Stores:
    """Returns: the entries by store, nothing of them checked yet."""
    try:
        record = json.loads(data or b"{}")
        stores = record["stores"] if record["version"] == _VERSION else {}
        return {key: entry for key, entry in stores.items() if isinstance(entry, dict)}
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return {}


def _read(path: str) -> bytes | None:
    with contextlib.suppress(CredmanError):  # somebody else's, a link, a directory
        return disk.read_own_file(path, limit=_MAX_BYTES)
    return None


def _write(path: str, data: bytes) -> None:
    # Without waiting for the disk: a cache that a power cut takes is written again.
    directory, name = os.path.split(path)
    make_private_directory(directory)
    disk.sweep(path, older_than=_STALE_SECONDS)
    temporary = os.path.join(directory, f".{name}.{os.urandom(8).hex()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(temporary, flags, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)  # whatever the umask is
            file.write(data)
        os.rename(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _token_to_json(token: Token) -> dict[str, object]:
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
            }
            for version in token.versions
        ],
        "expires_at": token.expires_at and format_instant(token.expires_at),
        "rotate_every": _interval_or_none(schedule.rotate_every),
        "remind_before": _intervals(schedule.remind_before),
        "grace": _interval_or_none(schedule.grace),
        "unsure": token.unsure,
    }


def _name_or_none(name: str | None) -> str | None:
    # What is no name is some text, and texts stay in the vault.
    with contextlib.suppress(UsageError):
        return None if name is None else check_name("provider", name)
    return None


def _interval_or_none(text: str | None) -> str | None:
    with contextlib.suppress(UsageError):
        if text is not None:
            parse_interval(text)
            return text
    return None


def _intervals(texts: Iterable[str]) -> list[str]:
    return [text for text in texts if _interval_or_none(text) is not None]


def _environment_from_json(item: object) -> Environment:
    match item:
        case {"name": str() as name, "isolated": bool() as isolated}:
            return Environment(check_name("environment", name), isolated)
    raise ValueError


def _token_from_json(item: object) -> Token:
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
            return Version(number, VersionState(state), parse_instant(created_at), names)
    raise ValueError
