"""What the library answers with. None of it holds a value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Resolution:
    """Where a token comes from.

    Args:
        name: as it was asked for.
        variable: the environment variable that carries it.
        source: ``environment``, ``store: hf (prod)``, ``Colab secrets``; None: it is nowhere.
        tried: the places that were looked at before, and why it did not come from there.
        refused: why it is not handed out all the same, such as "expired on 2026-11-01".
    """

    name: str
    variable: str
    source: str | None
    tried: tuple[tuple[str, str], ...] = ()
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Info:
    """What is known of a stored token. Args: expires_at, created_at: UTC; state: as ``credman
    list`` tells it."""

    name: str
    environment: str
    profile: str
    provider: str | None
    variables: tuple[str, ...]
    version: int
    created_at: datetime
    expires_at: datetime | None
    state: str


@dataclass(frozen=True, slots=True)
class Check:
    """What a provider said of a token.

    Args:
        state: ``live``, ``dead``, or ``unknown``: it could not be asked, or its answer says
            neither.
        reason, identity, scopes: in words.
        expires_at: UTC.
    """

    name: str
    state: str
    reason: str
    identity: str
    scopes: str
    expires_at: datetime | None

    def __bool__(self) -> bool:
        return self.state == "live"
