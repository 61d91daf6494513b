"""Finding something in a provider's answer by its path: ``orgs[].name``, ``data[0].id``."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

MISSING = object()
"""What is not there, as against a ``null`` that is."""

_STEP = re.compile(r"([^.\[\]]+)((?:\[[0-9]*\])*)", re.ASCII)
_INDEX = re.compile(r"\[([0-9]*)\]", re.ASCII)
_MILLISECONDS = 10**11
_SEPARATE_OFFSET = re.compile(r" (?:UTC|([+-][0-9]{2}):?([0-9]{2}))$", re.ASCII)
_LONGEST_TEXT = 200


def parse_json(body: bytes) -> Any:
    """Returns: what it says, or ``MISSING`` if it is no JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return MISSING


def find_path(data: Any, path: str) -> Any:
    """Args:
        data: parsed JSON.
        path: names, with an index or ``[]`` for every element behind those of lists.

    Returns:
        What is there: a list if the path goes through every element; else ``MISSING``.
    """
    found = [data]
    for name, indexes in _STEP.findall(path):
        found = [
            item[name] if isinstance(item, dict) and name in item else MISSING for item in found
        ]
        for index in _INDEX.findall(indexes):
            lists = [item if isinstance(item, list) else [] for item in found]
            if index:
                position = int(index)
                found = [item[position] if position < len(item) else MISSING for item in lists]
            else:
                found = [element for item in lists for element in item]
    if "[]" in path:
        return [item for item in found if item is not MISSING]
    return found[0]


def read_payload(token: str) -> Any:
    """Returns: what a JWT says of itself, unverified; ``MISSING`` if the token is none."""
    _, _, rest = token.partition(".")
    part = rest.partition(".")[0]
    try:
        return parse_json(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        return MISSING


def render_text(value: Any) -> str:
    """Returns: what a person reads of it; nothing of what is no text, number or list of such."""
    match value:
        case bool() | None:
            return ""
        case str():
            return value[:_LONGEST_TEXT] if value.isprintable() else ""
        case int() | float():
            return str(value)
        case list():
            return ", ".join(filter(None, map(render_text, value)))[:_LONGEST_TEXT]
    return ""


def read_moment(value: Any) -> datetime | None:
    """Args: value: a date (that ends as it begins, as tokens of GitLab do), a date and time, or
        seconds or milliseconds since 1970.

    Returns:
        None for what is none, and for never: 0, -1, nothing.
    """
    try:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{10,16}", value):
            value = int(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            seconds = value / 1000 if value >= _MILLISECONDS else value
            return None if seconds <= 0 else _to_second(datetime.fromtimestamp(seconds, UTC))
        if isinstance(value, str) and value:
            text = _SEPARATE_OFFSET.sub(lambda m: f"{m[1]}:{m[2]}" if m[1] else "+00:00", value)
            moment = datetime.fromisoformat(text)
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return _to_second(aware.astimezone(UTC))
    except (ValueError, OverflowError, OSError):
        pass
    return None


def holds(data: Any, wanted: Mapping[str, Any]) -> bool:
    """Whether every path has its value there, or one of several."""
    return all(is_at(data, path, value) for path, value in wanted.items())


def is_at(data: Any, path: str, wanted: Any) -> bool:
    found = find_path(data, path)
    choices = wanted if isinstance(wanted, list) else [wanted]
    return any(type(found) is type(choice) and found == choice for choice in choices)


def _to_second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
