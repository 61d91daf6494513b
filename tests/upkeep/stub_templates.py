"""Reading requests by the provider's TOML: the reverse of what credman does with the same file.

Nothing of credman's own reading of these tables is used here: a request that credman builds is
taken apart by the templates, and what does not fit them is no request of that provider.
"""

from __future__ import annotations

import base64
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

_NAME = re.compile(r"\{([a-z_]+)\}")
ROLES = ("verify", "identity", "lookup", "rotate", "revoke")


@dataclass(frozen=True)
class Template:
    """One request that a provider understands.

    Args:
        role: one of ``ROLES``.
        table: as it stands in the file.
        start: how its path begins behind the provider's own place.
    """

    role: str
    table: Mapping[str, Any]
    start: str

    def fits_place(self, method: str, path: str) -> bool:
        return (
            method == self.table["method"] and _match(self._path(), path, whole="[^/]+") is not None
        )

    def read(
        self, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> dict[str, Any] | None:
        """Args: headers: names in lower case. Returns: what stands for the names in braces; None:
        it is not this request."""
        found = _match(self._path(), path, whole="[^/]+")
        _, _, own = self._rest().partition("?")
        wanted: dict[str, Any] = {**dict(parse_qsl(own)), **self.table.get("query", {})}
        parts = [found, _match_json(wanted, dict(parse_qsl(query, keep_blank_values=True)))]
        for name, text in self.table.get("headers", {}).items():
            parts.append(_match(text, headers.get(name.lower(), "")))
        if "basic" in self.table:
            parts.append(_match(":".join(self.table["basic"]), _read_basic(headers)))
        parts.append(self._read_body(body))
        merged: dict[str, Any] = {}
        for part in parts:
            if part is None or any(merged.get(k, v) != v for k, v in part.items()):
                return None
            merged |= part
        return merged

    def names_in(self, *places: str) -> set[str]:
        """Returns: the names in braces in these parts of it."""
        return set(_NAME.findall(json.dumps([self.table.get(place, "") for place in places])))

    def _rest(self) -> str:
        url = str(self.table["url"])
        if url.startswith("{"):
            return url.partition("}")[2]
        return url.removeprefix(self.start) if self.start else "/" + url.split("/", 3)[3]

    def _path(self) -> str:
        return self._rest().partition("?")[0]

    def _read_body(self, body: bytes) -> dict[str, Any] | None:
        template = self.table.get("body", "")
        if not template:
            return {} if not body else None
        headers = {k.lower(): v for k, v in self.table["headers"].items()}
        try:
            if headers["content-type"] == "application/x-www-form-urlencoded":
                pairs = parse_qsl(body.decode(), strict_parsing=True)
                return _match_json(dict(parse_qsl(template)), dict(pairs))
            return _match_json(json.loads(template), json.loads(body))
        except ValueError:
            return None


@cache
def read_text(name: str) -> str:
    """Returns: a built-in provider's file."""
    return files("credman.providers").joinpath(f"data/{name}.toml").read_text("utf-8")


@cache
def read_file(name: str) -> dict[str, Any]:
    return tomllib.loads(read_text(name))


@cache
def list_names() -> list[str]:
    """Returns: the names of all built-in providers."""
    entries = files("credman.providers").joinpath("data").iterdir()
    return sorted(e.name.removesuffix(".toml") for e in entries if e.name.endswith(".toml"))


def list_with(table: str) -> list[str]:
    """Returns: the providers whose table of this name says what to send."""
    found = [name for name in list_names() if "url" in read_file(name).get(table, {})]
    assert found, table
    return found


@cache
def list_templates(name: str) -> tuple[Template, ...]:
    """Returns: what a provider understands; what only looks comes first."""
    file = read_file(name)
    start = file.get("base", {}).get("url", "")
    verify = file.get("verify", {})
    found = [Template("verify", verify, start)] if "url" in verify else []
    if "identity_url" in verify:
        found.append(Template("identity", {**verify, "url": verify["identity_url"]}, start))
    tables = {"rotate": file.get("rotate_api", {}), "revoke": file.get("revoke_api", {})}
    for table in tables.values():
        found += [Template("lookup", lookup, start) for lookup in table.get("lookups", ())]
    found += [Template(role, table, start) for role, table in tables.items() if "url" in table]
    return tuple(found)


def find_hosts(name: str) -> set[str]:
    """Returns: the hosts that a provider's requests go to by its file."""
    urls = [t.table["url"] for t in list_templates(name) if not t.table["url"].startswith("{")]
    return {urlsplit(url).netloc for url in urls}


def _match(template: str, text: str, *, whole: str = ".+?") -> dict[str, Any] | None:
    seen: set[str] = set()
    pattern = ""
    for index, piece in enumerate(_NAME.split(template)):
        if index % 2 == 0:
            pattern += re.escape(piece)
        else:
            pattern += f"(?P={piece})" if piece in seen else f"(?P<{piece}>{whole})"
            seen.add(piece)
    match = re.fullmatch(pattern, text, re.DOTALL)
    if match is None:
        return None
    return {k: unquote(v) if whole != ".+?" else v for k, v in match.groupdict().items()}


def _match_json(template: Any, data: Any) -> dict[str, Any] | None:
    if isinstance(template, str):
        if only := _NAME.fullmatch(template):
            return {only[1]: data}
        return _match(template, data) if isinstance(data, str) else None
    if isinstance(template, dict):
        if not isinstance(data, dict) or template.keys() != data.keys():
            return None
        parts = [_match_json(template[key], data[key]) for key in template]
    elif isinstance(template, list):
        if not isinstance(data, list) or len(template) != len(data):
            return None
        parts = [_match_json(a, b) for a, b in zip(template, data, strict=True)]
    else:
        return {} if template == data else None
    if None in parts:
        return None
    return {key: value for part in parts if part for key, value in part.items()}


def _read_basic(headers: Mapping[str, str]) -> str:
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    return base64.b64decode(rest).decode() if scheme == "Basic" else ""
