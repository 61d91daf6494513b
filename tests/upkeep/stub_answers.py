"""What a provider says, by its TOML: to a live token, to a dead one, and when it made a new one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.upkeep.stub_templates import list_templates, read_file

_STEP = re.compile(r"([^.\[\]]+)(\[[0-9]*\])?")


@dataclass
class Issued:
    """A token as its provider knows it.

    Args:
        values: its parts, by the key of their field.
        account: whose it is; stays the same from a token to its successor.
        ended: how it ended; empty: it is live.
    """

    provider: str
    values: dict[str, str]
    account: str
    id: str
    label: str = ""
    expires_at: datetime | None = None
    scopes: list[str] = field(default_factory=lambda: ["api", "read"])
    ended: str = ""
    successor: Issued | None = None
    predecessor: Issued | None = None

    @property
    def token(self) -> str:
        return self.values["token"]

    @property
    def is_live(self) -> bool:
        return not self.ended

    @property
    def access(self) -> str:
        """What the provider gives for it, for a short while."""
        return f"access-{self.id}"


@dataclass(frozen=True)
class Said:
    """Args: data: the JSON of the body; None: there is no body."""

    status: int
    data: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


def tell_live(issued: Issued) -> Said:
    """What a provider says of a live token, and what it is asked before it rotates or revokes."""
    verify = read_file(issued.provider)["verify"]
    data: dict[str, Any] = {}
    for path, value in verify.get("ok_body", {}).items():
        put(data, path, value)
    for path, value in verify.get("dead_body", {}).items():
        if isinstance(value, bool):
            put(data, path, not value)
    for key, path in verify.get("extra_paths", {}).items():
        put(data, path, _tell(key, issued))
    if path := verify.get("identity_path"):
        put(data, path, issued.account)
    if path := verify.get("account_path"):
        put(data, path, f"id-of-{issued.account}")
    for template in list_templates(issued.provider):
        for name, path in template.table.get("take", {}).items():
            put(data, path, _tell(name, issued), over=False)
    if path := verify.get("active_path"):
        put(data, path, True, over=False)
    path = verify.get("expires_path", "")
    if path and not path.startswith("jwt:"):
        put(data, path, _spell(path, issued.expires_at))
    headers = {}
    if (name := verify.get("expires_header")) and issued.expires_at:
        headers[name] = f"{issued.expires_at:%Y-%m-%d %H:%M:%S} UTC"
    if name := verify.get("scopes_header"):
        headers[name] = ", ".join(issued.scopes)
    return Said(verify["ok"][0], data, headers)


def tell_dead(provider: str, *, by_body: bool = False) -> Said:
    """Args: by_body: with a status that means yes, where the provider does so."""
    verify = read_file(provider)["verify"]
    statuses, bodies = verify.get("invalid", []), verify.get("dead_body", {})
    if statuses and not (by_body and can_say_dead(provider)):
        words = verify.get("dead_text", ["this is no token that is known here"])
        return Said(statuses[0], {"error": words[0]})
    data: dict[str, Any] = {}
    for path, value in verify.get("ok_body", {}).items():
        put(data, path, not value if isinstance(value, bool) else value)
    for path, value in list(bodies.items())[:1]:
        put(data, path, value[0] if isinstance(value, list) else value)
    if path := verify.get("active_path"):
        put(data, path, False if path == "active" else None)
    return Said(verify["ok"][0], data)


def can_say_dead(provider: str) -> bool:
    """Whether a provider says so in a body."""
    verify = read_file(provider)["verify"]
    return bool(verify.get("dead_body") or verify.get("active_path"))


def tell_new(issued: Issued) -> Said:
    """What a provider answers when it has made a token."""
    table = read_file(issued.provider)["rotate_api"]
    data: dict[str, Any] = {}
    for path, value in table.get("ok_body", {}).items():
        put(data, path, value)
    for name, path in table.get("keep", {}).items():
        put(data, path, _tell(name, issued))
    if path := table.get("expires_path"):
        put(data, path, _spell(path, issued.expires_at))
    for key, path in table["new"].items():  # the last, as in many answers: half of one lacks it
        put(data, path, issued.values[key])
    return Said(table["ok"][0], data)


def tell_ended(provider: str) -> Said:
    table = read_file(provider)["revoke_api"]
    data: dict[str, Any] = {}
    for path, value in table.get("ok_body", {}).items():
        put(data, path, value)
    return Said(table["ok"][0], None if table["ok"][0] == 204 else data)


def put(data: dict[str, Any], path: str, value: Any, *, over: bool = True) -> None:
    """Puts something where the path finds it: ``orgs[].name``, ``data[0].id``.

    Args:
        over: in the place of what is there.
    """
    steps = _STEP.findall(path)
    at: dict[str, Any] = data
    for position, (name, index) in enumerate(steps):
        is_last = position == len(steps) - 1
        if index:
            items = at.setdefault(name, [{}])
            if is_last:
                at[name] = [value]
                return
            at = items[0]
        elif is_last:
            if over or name not in at:
                at[name] = value
        else:
            at = at.setdefault(name, {})


def _tell(name: str, issued: Issued) -> Any:
    match name:
        case "scopes" | "acls":
            return list(issued.scopes)
        case "access":
            return issued.access
        case "role":
            return "write"
        case "orgs":
            return "acme"
        case "status":
            return "active"
        case _:
            return issued.id if name.endswith("id") else f"{name} of {issued.account}"


def _spell(path: str, moment: datetime | None) -> Any:
    name = path.rpartition(".")[2]
    if moment is None:
        return None
    if name == "expiry_time":
        return int(moment.timestamp() * 1000)
    if name == "exp":
        return int(moment.timestamp())
    return moment.date().isoformat() if path == "expires_at" else f"{moment:%Y-%m-%dT%H:%M:%SZ}"
