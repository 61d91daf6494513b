"""Synthetic tokens, each of its provider's shape; made at run time."""

from __future__ import annotations

import base64
import json
import random
import re
from datetime import datetime
from typing import Any

from tests.providers.shapes import complete, generate
from tests.upkeep.stub_templates import read_file

PLACES = ("host", "url", "endpoint", "api_url")
"""The fields that hold the URL of somebody's own server."""


def make_values(name: str, number: int, place: str, expires_at: datetime | None) -> dict[str, str]:
    """Args:
        number: another one gives other values.
        place: where the provider is.
        expires_at: what a value says that names its own end.

    Returns:
        Its parts, by the key of their field; those that it can do without are left out.
    """
    found = {}
    for part in read_file(name)["fields"]:
        key = part.get("key", "token")
        if key in PLACES:
            if not part.get("optional"):
                found[key] = place
        elif not part.get("optional"):
            found[key] = _make_value(name, part, number, expires_at)
    return found


def _make_value(name: str, part: dict[str, Any], number: int, expires_at: datetime | None) -> str:
    file = read_file(name)
    if file.get("verify", {}).get("expires_path", "").startswith("jwt:") and part.get(
        "secret", True
    ):
        return _make_jwt(number, expires_at)
    variable, first = part["variables"][0], file["fields"][0]["variables"][0]
    shapes = [
        s
        for s in file.get("shapes", ())
        if s.get("field", first) == variable and s["kind"] != "public" and not s.get("part")
    ]
    if not shapes:
        return f"{part.get('key', 'token')}-{number:08d}" + "x" * 24
    online = [
        file.get(table, {}).get("pattern", "") for table in ("verify", "rotate_api", "revoke_api")
    ]
    chance = random.Random(f"{name} {variable} {number}")
    while True:
        value = complete(
            generate(shapes[0]["pattern"], chance).strip(), shapes[0].get("checksum", "")
        )
        fits = [re.fullmatch(p, value) for p in online if p]
        if part.get("key", "token") != "token" or all(fits):
            return value


def _make_jwt(number: int, expires_at: datetime | None) -> str:
    says = {"token_type": "refresh", "jti": f"{number:08d}"}
    if expires_at is not None:
        says["exp"] = int(expires_at.timestamp())  # type: ignore[assignment]
    parts = ({"alg": "HS256", "typ": "JWT"}, says)
    encoded = [base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts]
    return ".".join((*encoded, f"signature{number:08d}"))
