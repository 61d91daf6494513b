"""Tokens in any state, drawn as a letter a version, and a rotation's first step."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from credman.core.model import (
    Address,
    Field,
    Finding,
    Liveness,
    Token,
    TokenKey,
    Version,
    VersionState,
)
from credman.core.secret import Secret
from credman.vault.records import Record
from credman.vault.tokens import read_token, token_to_json
from credman.watch import rotation

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
ENDS = NOW + timedelta(days=90)
LIVE = Finding(Liveness.LIVE, NOW, "ana", "17", "role write")
DEAD = Finding(Liveness.DEAD, NOW)
STATES = {
    "S": VersionState.STAGED,
    "C": VersionState.CURRENT,
    "T": VersionState.RETIRING,
    "R": VersionState.REVOKED,
    "X": VersionState.COMPROMISED,
    "x": VersionState.COMPROMISED,
}
"""In capital letters with its values; what was revoked has none, nor has ``x``."""


def make_token(states: str) -> Token:
    """Args: states: of the versions 1, 2, …, a letter each."""
    versions = tuple(
        Version(n, STATES[letter], NOW, () if letter in "Rx" else ("KEY",))
        for n, letter in enumerate(states, 1)
    )
    return Token(TokenKey("default", "default", "api"), (Field("KEY", ("KEY",)),), versions)


def begin(token: Token, *, is_automatic: bool = True, grace: str | None = "3d") -> Token:
    return rotation.begin(token, is_automatic=is_automatic, grace=grace, now=NOW)


def draw(token: Token) -> str:
    """The reverse of ``make_token``."""
    letters = {state: letter for letter, state in STATES.items() if letter != "x"}
    drawn = ""
    for version in sorted(token.versions, key=lambda v: v.number):
        letter = letters[version.state]
        drawn += "x" if letter == "X" and not version.fields else letter
    return drawn


def round_trip(token: Token) -> Token:
    """Returns: the token as it is read after it was written."""
    addresses = [Address(token.key, v.number, name) for v in token.versions for name in v.fields]
    values = {address: Secret(f"value {address.version}") for address in addresses}
    found: dict[Address, Secret] = {}
    read = read_token(Record(token_to_json(token, values)), found)
    assert found == values
    return read
