"""The cache of names: what completion, reminders and prompts may know without opening a store.

One file, ``cache.json`` in the state directory, mode 0600, in clear. Rule: names, environments,
profiles, providers, variables, dates and states, and of what was found in files when and in how
many; never where, and never a value, a note, an identity or a masked character. It is a copy that
may be old: whoever reads it decides nothing by it, and one that is missing, damaged or newer is as
good as none and is replaced at the next write.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from credman.cli.cachedtokens import token_from_json, token_to_json
from credman.cli.context import Context
from credman.core.config import Config
from credman.core.errors import CredmanError
from credman.core.model import Environment, Token
from credman.core.names import check_name
from credman.core.paths import make_private_directory
from credman.stores import disk

if TYPE_CHECKING:
    from credman.stores.base import Snapshot

_VERSION = 1
_MAX_BYTES = 8 * 1024 * 1024
_MAX_STORES = 16
_OFF = "off"
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
            "tokens": [token_to_json(token) for token in snapshot.tokens],
        }
        _change(path, name_store(context, store_url), entry)


def forget_names(context: Context, store_url: str) -> None:
    """Forgets what a store held, fingerprints of its values as well. Never fails."""
    from credman.watch.scan import fingerprints

    with contextlib.suppress(Exception):
        name = name_store(context, store_url)
        _change(cache_file(context.paths.state), name, None)
        fingerprints.forget(context.paths.state, os.fsencode(name))


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
            tuple(token_from_json(item) for item in entry["tokens"]),
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
        # Without waiting for the disk: a cache that a power cut takes is written again.
        make_private_directory(os.path.dirname(path))
        disk.replace_lightly(path, data)


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


def _environment_from_json(item: object) -> Environment:
    match item:
        case {"name": str() as name, "isolated": bool() as isolated}:
            return Environment(check_name("environment", name), isolated)
    raise ValueError
