"""What a provider says of a token, and what it gives for one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from credman.core.model import Liveness
from credman.core.secret import Secret


@dataclass(frozen=True, slots=True)
class Verdict:
    """Args:
    reason: why it is dead or unknown, or what limits a live one; in words, without a value.
    identity: who it is there.
    account: what stays the same from a token to its successor; empty if nothing is known to.
    scopes: what it may do.
    expires_at: when it ends by itself, UTC.
    is_final: asking again will not tell more: there is no way to ask.
    place: where it was asked, if not at the provider's own place.
    is_doubtful: it is dead where a variable of the environment sent it, and nobody knows that it
        was ever known there.
    tells_expiry: its provider says when tokens end; where it does not, this one never does.
    """

    liveness: Liveness
    reason: str = ""
    identity: str = ""
    account: str = ""
    scopes: str = ""
    expires_at: datetime | None = None
    is_final: bool = False
    tells_expiry: bool = False
    place: str = ""
    is_doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Successor:
    """What a provider's answer to a rotation holds.

    Args:
        values: the parts of the new token, by the key of their field.
        ids: what the provider calls it.
    """

    values: Mapping[str, Secret] = field(repr=False)
    ids: Mapping[str, str]
    expires_at: datetime | None


def utc_now() -> datetime:
    """Returns: the time, to the second."""
    return datetime.now(UTC).replace(microsecond=0)
