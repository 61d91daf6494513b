"""A vault of tokens of any age, and ``due`` over it: it never says a value."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from credman.core.model import (
    Address,
    Contents,
    Exposure,
    Field,
    Schedule,
    Token,
    Version,
    VersionState,
)
from credman.core.secret import Secret
from tests.cli.harness import Outcome, credman
from tests.vault.factories import CANARY, PASSPHRASE
from tests.vault.factories import make_vault as make_vault_file
from tests.watch.dates import make_token

START = datetime.now(UTC).replace(microsecond=0)


def day(number: float) -> datetime:
    """Returns: so many days after the beginning of the tests."""
    return START + timedelta(days=number)


def make(
    name: str = "api",
    *,
    age: float = 0,
    place: tuple[str, str] = ("default", "default"),
    old: tuple[Version, ...] = (),
    finding: Any = None,
    exposure: Exposure | None = None,
    **schedule: Any,
) -> Token:
    """A token that was stored so many days ago."""
    current = Version(
        1 + len(old), VersionState.CURRENT, day(-age), ("KEY",), finding=finding, exposure=exposure
    )
    token = make_token(name, place=place)
    fields = (Field("KEY", (f"KEY_{name.replace('-', '_')}",)),)  # or one would hide another
    versions = (*old, current)
    return replace(token, fields=fields, versions=versions, schedule=Schedule(**schedule))


def found(*places: str, count: int | None = None, days: float = 2) -> Exposure:
    """Args: count: of the files, if not all of their places are kept; days: since then."""
    count = len(places) if count is None else count
    return Exposure(day(-days), day(-min(days, 1)), count, places)


def store(*tokens: Token) -> None:
    """A vault with these tokens; each value begins with the canary."""
    held = {
        Address(t.key, v.number, f): Secret(f"{CANARY}-{t.key.name}-{v.number}")
        for t in tokens
        for v in t.versions
        for f in v.fields
    }
    path = Path(os.environ["CREDMAN_HOME"], "data", "vault.age")
    path.parent.mkdir(mode=0o700, parents=True)
    path.write_bytes(make_vault_file(contents=Contents((), tokens, held)).file)
    path.chmod(0o600)


def due(*argv: str, code: int, **options: Any) -> Outcome:
    outcome = credman("due", *argv, passphrase=str(PASSPHRASE), **options)
    assert outcome.exit_code == code, outcome.stderr
    assert CANARY not in outcome.text + outcome.stderr
    return outcome


def facts(*argv: str, code: int) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(due(*argv, "--json", code=code).text)
    assert parsed["version"] == 1
    return parsed
