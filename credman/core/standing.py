"""Whether a token may be handed out. Pure.

Rule: one that has expired, was revoked, or is known to somebody else is refused by its name, never
left out in silence: a program would take an older value from elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from credman.core.errors import Refused
from credman.core.intervals import format_instant
from credman.core.model import Liveness, Token, TokenKey, VersionState
from credman.core.names import BASE_ENVIRONMENT, DEFAULT_PROFILE

_EARLY = timedelta(minutes=5)


def name_with_place(key: TokenKey) -> str:
    """Returns: what names the token on a command line where no variable chooses: ``hf -e prod``."""
    profile = "" if key.profile == DEFAULT_PROFILE else f" -p {key.profile}"
    environment = "" if key.environment == BASE_ENVIRONMENT else f" -e {key.environment}"
    return f"{key.name}{environment}{profile}"


def find_bar(token: Token, now: datetime) -> str:
    """Returns: why it is not handed out, in words; empty if nothing stands against it."""
    current = token.current
    if current.state is VersionState.COMPROMISED:
        return "is compromised"
    if current.state is VersionState.REVOKED:
        return "was revoked"
    if current.state is not VersionState.CURRENT:
        return "has no current version"
    if is_expired(token, now):
        return f"expired on {_day(token)}"
    return ""


def is_expired(token: Token, now: datetime) -> bool:
    expires_at = token.expires_at
    return expires_at is not None and expires_at <= now


def is_due(token: Token, now: datetime) -> bool:
    """Whether its command is to be run before it is handed out."""
    if token.recipe is None or token.rotation is not None:
        return False
    if token.current.state is not VersionState.CURRENT:
        return False
    expires_at = token.expires_at
    early = min(_EARLY, timedelta(seconds=token.recipe.ttl_seconds) / 5)
    return expires_at is not None and expires_at - early <= now


def is_dead(token: Token) -> bool:
    """Whether its provider said so when it was asked last."""
    finding = token.current.finding
    return finding is not None and finding.liveness is Liveness.DEAD


def refuse_barred(tokens: Iterable[Token], now: datetime) -> None:
    """Raises: Refused: one of them may not be handed out; names it."""
    barred = {token.key: (token, bar) for token in tokens if (bar := find_bar(token, now))}
    if not barred:
        return
    said = [f"{token.key.name} {bar}" for token, bar in barred.values()]
    first, _ = next(iter(barred.values()))
    raise Refused(
        "; ".join(said),
        hint=f"credman rotate {name_with_place(first.key)} replaces it; "
        "where there are others, --only leaves it out",
    )


def refuse_unfinished(token: Token) -> None:
    """Raises: Refused: a rotation of it is not finished."""
    if token.rotation is not None:
        where = name_with_place(token.key)
        raise Refused(
            f"a rotation of {token.key.name} is not finished",
            hint=f"credman rotate {where} --resume, or --abort",
        )


def refuse_unsure(token: Token) -> None:
    """Raises: Refused: it came back from an older copy, and nobody has checked it since."""
    if token.unsure:
        where = name_with_place(token.key)
        raise Refused(
            f"{token.key.name} came back from an older copy, and may not be the one that counts",
            hint=f"credman check {where} asks its provider",
        )


def _day(token: Token) -> str:
    expires_at = token.expires_at
    return "" if expires_at is None else format_instant(expires_at)[:10]
