"""The requests that a provider's file describes, and filling a token's values into them.

Rule: a value goes where its kind of text ends by itself: a JSON string, a form field, a header, a
part of a path; never text pasted into text. A secret goes into no URL.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from credman.core.errors import UsageError
from credman.core.secret import Secret
from credman.providers.client import Request
from credman.providers.places import check_url

PLACEHOLDER = re.compile(r"\{([a-z_]+)\}", re.ASCII)
_BASE = re.compile(r"\{([a-z_]+)\}", re.ASCII)
Values = Mapping[str, Any]
"""What stands for the names in braces: texts, and numbers and lists for JSON."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, its texts with names in braces.

    Args:
        ok: statuses that mean yes.
        ok_body: what the answer says then, by path.
        take: what to remember of the answer, under which name, by path.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: str = ""
    basic: tuple[str, ...] = ()
    query: Mapping[str, str] = field(default_factory=dict)
    ok: tuple[int, ...] = (200,)
    ok_body: Mapping[str, Any] = field(default_factory=dict)
    take: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verify:
    """How a provider says whether a value is live.

    Args:
        call: None: it cannot be asked, for the reason in ``skip``.
        auth: ``aws``: by the library of AWS.
        pattern: which values it is for; empty: all. Of another kind an answer says nothing.
        invalid: statuses that mean dead.
        active_path: what is true, or there, in the answer to a live one.
        dead_body: what an answer about a dead one says, by path; one of them is enough.
        dead_text: what a body with a status of ``invalid`` holds if it means dead; any if empty.
        live_text: what such a body holds if the value is live nevertheless.
    """

    call: Call | None
    skip: str = ""
    auth: str = ""
    pattern: str = ""
    invalid: tuple[int, ...] = ()
    active_path: str = ""
    dead_body: Mapping[str, Any] = field(default_factory=dict)
    dead_text: tuple[str, ...] = ()
    live_text: tuple[str, ...] = ()
    identity_path: str = ""
    identity_url: str = ""
    account_path: str = ""
    extra_paths: Mapping[str, str] = field(default_factory=dict)
    expires_path: str = ""
    expires_header: str = ""
    scopes_header: str = ""


@dataclass(frozen=True, slots=True)
class Rotate:
    """How a provider makes a new value for whoever has the old one.

    Args:
        call: None: not by itself.
        auth: ``aws``: by the library of AWS.
        ends_old: the same call ends the old value.
        pattern: which values can do it; empty: all.
        lookups: what is to be asked before; they change nothing.
        new: the field of the token that each part of the answer is, by path.
        keep: what the provider calls the new one, by name.
        lifetime_days: at most, if an expiry is to be named.
        needs: what the old value must be allowed, in words.
    """

    call: Call | None
    auth: str = ""
    ends_old: bool = False
    pattern: str = ""
    lookups: tuple[Call, ...] = ()
    new: Mapping[str, str] = field(default_factory=dict)
    keep: Mapping[str, str] = field(default_factory=dict)
    expires_path: str = ""
    lifetime_days: int = 90
    needs: str = ""


@dataclass(frozen=True, slots=True)
class Revoke:
    """How a provider ends a value.

    Args:
        derive: what is part of the value itself, by name: a regular expression with one group.
        pattern: which values it is for; empty: all.
        needs_successor: what it does is right only where there is a newer version.
    """

    call: Call | None
    auth: str = ""
    pattern: str = ""
    needs_successor: bool = False
    lookups: tuple[Call, ...] = ()
    derive: Mapping[str, str] = field(default_factory=dict)
    needs: str = ""


def read_verify(online: Mapping[str, Mapping[str, Any]]) -> Verify:
    """Args: online: the tables of a provider's file, checked."""
    table = online.get("verify")
    if table is None:
        return Verify(None, skip="no way to ask is known")
    if "skip" in table:
        return Verify(None, skip=table["skip"])
    identity_path = table.get("identity_path", "")
    return Verify(
        call=None if "auth" in table else _read_call(table),
        auth=table.get("auth", ""),
        pattern=table.get("pattern", ""),
        invalid=tuple(table.get("invalid", ())),
        active_path=table.get("active_path", ""),
        dead_body=table.get("dead_body", {}),
        dead_text=tuple(table.get("dead_text", ())),
        live_text=tuple(table.get("live_text", ())),
        identity_path=identity_path,
        identity_url=table.get("identity_url", ""),
        account_path=table.get("account_path", identity_path),
        extra_paths=table.get("extra_paths", {}),
        expires_path=table.get("expires_path", ""),
        expires_header=table.get("expires_header", ""),
        scopes_header=table.get("scopes_header", ""),
    )


def read_rotate(online: Mapping[str, Mapping[str, Any]]) -> Rotate:
    """Args: online: the tables of a provider's file, checked."""
    table = online.get("rotate_api", {})
    if "url" not in table and "auth" not in table:
        return Rotate(None, needs=table.get("needs", ""))
    return Rotate(
        call=_read_call(table) if "url" in table else None,
        auth=table.get("auth", ""),
        ends_old=table.get("ends_old", False),
        pattern=table.get("pattern", ""),
        lookups=tuple(map(_read_call, table.get("lookups", ()))),
        new=table.get("new", {}),
        keep=table.get("keep", {}),
        expires_path=table.get("expires_path", ""),
        lifetime_days=table.get("lifetime_days", 90),
        needs=table.get("needs", ""),
    )


def read_revoke(online: Mapping[str, Mapping[str, Any]]) -> Revoke:
    """Args: online: the tables of a provider's file, checked."""
    table = online.get("revoke_api", {})
    if "url" not in table and "auth" not in table:
        return Revoke(None, needs=table.get("needs", ""))
    return Revoke(
        call=_read_call(table) if "url" in table else None,
        auth=table.get("auth", ""),
        pattern=table.get("pattern", ""),
        lookups=tuple(map(_read_call, table.get("lookups", ()))),
        needs_successor=table.get("needs_successor", False),
        derive=table.get("derive", {}),
        needs=table.get("needs", ""),
    )


def _read_call(table: Mapping[str, Any]) -> Call:
    return Call(
        method=table["method"],
        url=table["url"],
        headers=table.get("headers", {}),
        body=table.get("body", ""),
        basic=tuple(table.get("basic", ())),
        query=table.get("query", {}),
        ok=tuple(table.get("ok", (200,))),
        ok_body=table.get("ok_body", {}),
        take=table.get("take", {}),
    )


def move_to(call: Call, base: str, own: str) -> Call:
    """Args:
    base: where the provider's requests go by its file.
    own: where they go for this token.
    """
    if not base or not call.url.startswith(base):
        return call
    return replace(call, url=own.rstrip("/") + call.url.removeprefix(base.rstrip("/")))


def list_names(call: Call) -> set[str]:
    """Returns: all that stands in braces anywhere in it."""
    texts = (call.url, call.body, *call.headers.values(), *call.basic, *call.query.values())
    return {name for text in texts for name in PLACEHOLDER.findall(text)}


def build_request(
    call: Call, values: Values, *, is_repeatable: bool = False, secret: frozenset[str] = frozenset()
) -> Request:
    """Args:
        values: for what stands in braces.
        secret: names of those that go into no URL.

    Raises:
        UsageError: a value is missing, or cannot stand where it is to; none is repeated.
    """
    for name in list_names(call):
        if name not in values or values[name] in ("", None):
            raise UsageError(f"{name} is not known")
    try:
        url = _fill_url(call.url, values, secret)
        if call.query:
            if secret & {n for text in call.query.values() for n in PLACEHOLDER.findall(text)}:
                raise UsageError("a secret goes into no URL")
            pairs = {key: _fill(text, values, str) for key, text in call.query.items()}
            url += ("&" if "?" in url else "?") + urlencode(pairs)
        check_url(url)
        return Request(
            call.method, url, _fill_headers(call, values), _fill_body(call, values), is_repeatable
        )
    except UnicodeEncodeError:
        pass
    # Raised out here: that error holds the value.
    raise UsageError("it cannot stand in a request: it is not text")


def _fill_headers(call: Call, values: Values) -> dict[str, str]:
    headers = {name: _fill(text, values, _as_header) for name, text in call.headers.items()}
    if call.basic:
        user = ":".join(_fill(text, values, str) for text in call.basic).encode("utf-8")
        headers["Authorization"] = "Basic " + base64.b64encode(user).decode("ascii")
    return headers


def _fill(text: str, values: Values, render: Callable[[str], str]) -> str:
    return PLACEHOLDER.sub(lambda match: render(Secret(values[match[1]])), text)


def _fill_url(url: str, values: Values, secret: frozenset[str]) -> str:
    if secret & set(PLACEHOLDER.findall(url)):
        raise UsageError("a secret goes into no URL")
    base = _BASE.match(url)
    rest = url
    start = ""
    if base is not None:
        # A token's own URL stands as it is, and what follows it is ours.
        start, rest = str(values[base[1]]).strip().rstrip("/"), url[base.end() :]
        check_url(start)
    filled = start + _fill(rest, values, _as_part)
    if not filled.isascii() or any(c <= " " for c in filled) or "\\" in filled:
        raise UsageError("this is not the URL of a provider")
    return filled


def _as_part(text: str) -> str:
    if text in (".", ".."):  # they are taken away on the way, and with them what stands before
        raise UsageError("this is not the URL of a provider")
    return quote(text, safe="")


def _as_header(text: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise UsageError("it cannot stand in a request: it holds what no header does")
    return text


def _fill_body(call: Call, values: Values) -> bytes | None:
    if not call.body:
        return b"" if call.method in ("POST", "PUT", "PATCH") else None
    kind = next((v for k, v in call.headers.items() if k.lower() == "content-type"), "")
    if kind == "application/x-www-form-urlencoded":
        pairs = parse_qsl(call.body, keep_blank_values=True, strict_parsing=True)
        filled = [(key, _fill(text, values, str)) for key, text in pairs]
        return urlencode(filled).encode("ascii")
    filled_json = json.dumps(_fill_json(json.loads(call.body), values), ensure_ascii=False)
    return filled_json.encode("utf-8")


def _fill_json(data: Any, values: Values) -> Any:
    match data:
        case str():
            whole = PLACEHOLDER.fullmatch(data)
            if whole is not None and not isinstance(values[whole[1]], str):
                return values[whole[1]]
            return _fill(data, values, str)
        case list():
            return [_fill_json(item, values) for item in data]
        case dict():
            return {key: _fill_json(item, values) for key, item in data.items()}
    return data
