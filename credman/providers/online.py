"""The tables about asking a provider: verifying, rotating, revoking and deriving a token.

Only their form is checked here; ``calls`` reads them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from urllib.parse import parse_qsl

from credman.core.errors import UsageError
from credman.providers import places
from credman.providers.tables import Table

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
MODES = ("self", "self-if-scoped", "public", "other-credential")
"""Whose authority a request needs: the token's own; its own if it holds the named scope; nobody's,
the token in the body is enough; another credential's."""

_URL = re.compile(r"(?:https?://|\{[a-z_]+\})[^\s\"'<>\\^`|]*", re.ASCII)
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"\{([a-z_]+)\}", re.ASCII)
_KEY = re.compile(r"[a-z][a-z_]*", re.ASCII)
_HEADER = re.compile(r"[A-Za-z0-9-]+", re.ASCII)

_REQUEST = {
    "method": "method",
    "url": "url",
    "headers": "headers",
    "body": "text",
    "basic": "texts",
    "query": "mapping",
    "ok": "statuses",
    "ok_body": "table",
    "note": "text",
}
_BY_AUTHORITY = {
    **_REQUEST,
    "mode": "mode",
    "auth": "auth",
    "needs": "text",
    "pattern": "pattern",
    "proven": "flag",
    "lookups": "lookups",
    "steps": "texts",
}
_LOOKUP = {**_REQUEST, "take": "mapping"}
ONLINE: Mapping[str, Mapping[str, str]] = {
    "verify": {
        **_REQUEST,
        "auth": "auth",
        "skip": "text",
        "pattern": "pattern",
        "invalid": "statuses",
        "active_path": "text",
        "dead_body": "table",
        "dead_text": "texts",
        "live_text": "texts",
        "identity_path": "text",
        "identity_url": "url",
        "account_path": "text",
        "extra_paths": "mapping",
        "expires_path": "text",
        "expires_header": "text",
        "scopes_header": "text",
    },
    "rotate_api": {
        **_BY_AUTHORITY,
        "ends_old": "flag",
        "new": "mapping",
        "keep": "mapping",
        "expires_path": "text",
        "lifetime_days": "count",
    },
    "revoke_api": {**_BY_AUTHORITY, "needs_successor": "flag", "derive": "patterns"},
    "derive_api": {"note": "text"},
}
"""The tables, and the form of each of their keys."""

AUTHS = ("aws",)


def check_online(name: str, table: Table, keys: Collection[str]) -> None:
    """Args:
        name: one of ``ONLINE``.
        table: as it stands in the file.
        keys: what may stand in braces in the URLs of ``verify``: the fields of the token.

    Raises:
        UsageError: names the file and the key.
    """
    forms = ONLINE[name]
    required: list[str] = []
    if name == "verify" and "skip" not in table and "auth" not in table:
        required = ["method", "url", "ok", "invalid"]
    elif name in ("rotate_api", "revoke_api"):
        required = ["mode", *(["method", "ok"] if "url" in table else [])]
        required += ["new"] if name == "rotate_api" and "url" in table else []
    elif name == "derive_api":
        required = ["note"]
    _require(table, required)
    _check_body(table)
    if name == "verify":
        _check_names(table, keys)
    accepted: tuple[int, ...] = ()
    for key, form in forms.items():
        if key not in table:
            continue
        if form == "statuses":
            statuses = _check_statuses(table, key)
            if set(statuses) & set(accepted):
                raise table.error(key, "repeats a status of ok")
            accepted += statuses
        elif form == "url":
            # What rotating and revoking fill in is known only when they run.
            check_url(table, key, keys if name == "verify" else None)
        else:
            _check_form(table, key, form)
    table.done()


def _require(table: Table, keys: Collection[str]) -> None:
    for key in keys:
        if key not in table:
            raise table.error(key, "is missing")


def _check_lookup(table: Table) -> None:
    _require(table, ("method", "url", "ok", "take"))
    _check_body(table)
    for key, form in _LOOKUP.items():
        if key in table:
            _check_form(table, key, form)
    table.done()


def _check_names(table: Table, keys: Collection[str]) -> None:
    for key in ("headers", "body", "basic", "query"):
        found = table.peek(key)  # its form is looked at later
        texts = [*found.values()] if isinstance(found, dict) else found
        for text in texts if isinstance(texts, list) else [texts]:
            for name in _NAME.findall(text) if isinstance(text, str) else ():
                if name not in keys:
                    raise table.error(key, f"holds {{{name}}}, which is no field of the token")


def _check_body(table: Table) -> None:
    headers, body = table.peek("headers") or {}, table.peek("body")
    if not isinstance(body, str) or not isinstance(headers, dict):
        return
    kind = {str(k).lower(): v for k, v in headers.items()}.get("content-type", "")
    try:
        if kind == "application/x-www-form-urlencoded":
            parse_qsl(body, strict_parsing=True)
        else:
            json.loads(body)
    except ValueError:
        raise table.error("body", "is not what its Content-Type says") from None


def check_url(table: Table, key: str, keys: Collection[str] | None) -> str:
    """Args: keys: what may stand in braces; None: any name.

    Returns:
        The URL, a template if it holds braces.

    Raises:
        UsageError: it is not https, or something else stands in braces.
    """
    url = table.text(key)
    if not _URL.fullmatch(url):
        raise table.error(key, "must begin with https:// or with a field in braces")
    if url.startswith("http:"):
        try:
            places.check_url(url)
        except UsageError:
            raise table.error(key, "must begin with https://, unless it is this machine") from None
    for name in _PLACEHOLDER.findall(url):
        if not _KEY.fullmatch(name) or (keys is not None and name not in keys):
            raise table.error(key, f"holds {{{name}}}, which is no field of the token")
    return url


def _check_form(table: Table, key: str, form: str) -> None:
    match form:
        case "text":
            table.text(key)
        case "flag":
            table.flag(key, default=False)
        case "texts":
            if not table.texts(key):
                raise table.error(key, "is empty")
        case "mapping":
            table.mapping(key)
        case "table":
            _check_wanted(table.table(key))
        case "method":
            table.choice(key, METHODS)
        case "mode":
            table.choice(key, MODES)
        case "auth":
            table.choice(key, AUTHS)
        case "url":
            check_url(table, key, None)
        case "statuses":
            _check_statuses(table, key)
        case "count":
            number = table.number(key)
            if number is None or not 0 < number < 4000:
                raise table.error(key, "must be a count")
        case "pattern":
            _check_pattern(table, key, table.text(key), groups=0)
        case "patterns":
            for name, pattern in table.mapping(key).items():
                _check_pattern(table, f"{key}.{name}", pattern, groups=1)
        case "lookups":
            for lookup in table.tables(key):
                _check_lookup(lookup)
        case "headers":
            for header, value in table.mapping(key).items():
                if not _HEADER.fullmatch(header) or not value.isprintable():
                    raise table.error(f"{key}.{header}", "is no header")
        case _:
            raise AssertionError(form)


def _check_wanted(table: Table) -> None:
    # What a JSON answer holds, or a list of what it may hold.
    for path in table.names():
        wanted = table.peek(path)
        choices = wanted if isinstance(wanted, list) else [wanted]
        if not choices or not all(isinstance(c, (str, int, float)) for c in choices):
            raise table.error(path, "must be a value, or a list of values")


def _check_pattern(table: Table, key: str, pattern: str, *, groups: int) -> None:
    try:
        has = re.compile(pattern, re.ASCII).groups
    except re.error as error:
        raise table.error(key, f"is no regular expression: {error}") from None
    if has != groups:
        raise table.error(key, "must have one group" if groups else "must have no group")


def _check_statuses(table: Table, key: str) -> tuple[int, ...]:
    statuses = table.numbers(key)
    if not all(100 <= status <= 599 for status in statuses) or len(set(statuses)) < len(statuses):
        raise table.error(key, "must be HTTP statuses, each once")
    return statuses
