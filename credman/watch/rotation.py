"""A rotation as a state machine: staged, verified, current, the old one retiring, revoked. Pure.

Each function takes a token as it is stored and gives it as it shall be stored; whoever calls them
stores one before doing what comes next, so that a rotation that is broken off can be taken up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from credman.core.errors import NotFound, Refused
from credman.core.model import (
    Finding,
    Liveness,
    Rotation,
    Stage,
    Token,
    Version,
    VersionState,
)
from credman.core.standing import name_with_place, refuse_unfinished

ANSWER = "credman:answer"
"""The field of a staged version that holds a provider's raw answer. Its name is no variable's."""


def begin(token: Token, *, is_automatic: bool, grace: str | None, now: datetime) -> Token:
    """A rotation whose provider is about to be asked.

    Args:
        grace: how long the old version shall live after it; None: as usual.
        now: UTC.

    Raises:
        Refused: another one is not finished.
    """
    refuse_unfinished(token)
    number = token.next_number
    version = Version(number, VersionState.STAGED, now, ())
    rotation = Rotation(number, Stage.ASKING, is_automatic, now, grace)
    return replace(token, versions=(*token.versions, version), rotation=rotation)


def note_answer(token: Token) -> Token:
    """The provider's answer is there, as the value of ``ANSWER``."""
    version = _staged(token)
    return _put(token, replace(version, fields=(ANSWER,)), Stage.ANSWERED)


def stage(
    token: Token,
    fields: Sequence[str],
    *,
    ids: Mapping[str, str] | None = None,
    expires_at: datetime | None = None,
) -> Token:
    """The new values are there; a raw answer is not needed any more.

    Args:
        fields: which they are.
        ids: what the provider calls the new version.
        expires_at: when it ends by itself.
    """
    version = replace(_staged(token), fields=tuple(fields), ids=ids or {}, expires_at=expires_at)
    return _put(token, version, Stage.STAGED)


def verify(
    token: Token,
    finding: Finding | None,
    expires_at: datetime | None,
    *,
    tells_expiry: bool = False,
) -> Token:
    """Args:
    finding: None: it could not be checked, and shall be used nevertheless.
    expires_at: when its provider says that it ends.
    tells_expiry: without such a date it never does.
    """
    version = _staged(token)
    if not tells_expiry:
        expires_at = expires_at or version.expires_at
    return _put(token, replace(version, finding=finding, expires_at=expires_at), Stage.VERIFIED)


def promote(token: Token, *, now: datetime) -> Token:
    """The new version becomes the current one, the old one retires."""
    rotation = _rotation(token)
    former = token.current
    version = replace(_staged(token), state=VersionState.CURRENT, created_at=now)
    changed = replace(token.with_version(version), rotation=None, unsure=False)
    retired = changed.find_version(former.number)
    if retired is not None and retired.state is VersionState.RETIRING:
        retired = replace(retired, grace=rotation.grace)
        changed = _replace_version(changed, retired)
    return changed


def abort(token: Token) -> Token:
    """Nothing of the rotation remains, and the old version is current as before."""
    number = _rotation(token).version
    return replace(
        token,
        versions=tuple(v for v in token.versions if v.number != number),
        rotation=None,
    )


def keep_unused(token: Token) -> Token:
    """As ``abort``, for a new value that is live at its provider: it stays, as one to revoke."""
    rotation = _rotation(token)
    version = replace(_staged(token), state=VersionState.RETIRING, retiring_at=rotation.started_at)
    return replace(_replace_version(token, version), rotation=None)


def roll_back(token: Token, number: int, *, now: datetime) -> Token:
    """A former version becomes the current one again, the current one retires.

    Raises:
        NotFound: there is no such version.
        Refused: it is not one that can be handed out, or a rotation is not finished.
    """
    refuse_unfinished(token)
    version = find_version(token, number)
    if version.number == token.current.number:
        raise Refused(f"{token.key.name} #{number} is the current version already")
    if version.state is not VersionState.RETIRING or not version.fields:
        raise Refused(
            f"{token.key.name} #{number} is {version.state.value}, and cannot be used again",
            hint=f"credman history {name_with_place(token.key)} shows the versions",
        )
    if version.expires_at is not None and version.expires_at <= now:
        raise Refused(f"{token.key.name} #{number} has expired")
    current = replace(version, state=VersionState.CURRENT, retiring_at=None, grace=None)
    changed = token.with_version(current)
    former = changed.find_version(token.current.number)
    if former is not None and former.state is VersionState.RETIRING:
        changed = _replace_version(changed, replace(former, retiring_at=now))
    return _in_order(changed)


def compromise(token: Token, number: int) -> Token:
    """Somebody else may know this version: it is not handed out from now on.

    Raises:
        NotFound: there is no such version.
    """
    version = find_version(token, number)
    return _replace_version(token, replace(version, state=VersionState.COMPROMISED))


def end(token: Token, number: int, *, by: str, now: datetime) -> Token:
    """A version is dead: its values go, what is known of it stays.

    Args:
        by: who ended it, and how.
    """
    version = find_version(token, number)
    is_known = version.state is VersionState.COMPROMISED  # and the history goes on saying so
    state = VersionState.COMPROMISED if is_known else VersionState.REVOKED
    return _replace_version(
        token, replace(version, state=state, fields=(), ended_at=now, ended_by=by)
    )


def note_finding(
    token: Token,
    number: int,
    finding: Finding | None,
    expires_at: datetime | None,
    *,
    tells_expiry: bool = False,
) -> Token:
    """What a provider said of a version. Whoever has asked about the current one is not unsure of
    the token any more.

    Args:
        finding: None: there is no way to ask.
        expires_at: when its provider says that it ends.
        tells_expiry: without such a date it never does.
    """
    version = token.find_version(number)
    if version is None or not version.fields:
        return token
    if finding is not None:
        if finding.liveness is Liveness.DEAD and version.finding is not None:
            # Of a dead one a provider says nothing more: who it was stays known.
            finding = replace(version.finding, liveness=finding.liveness, at=finding.at)
        if token.recipe is not None:  # it says itself how long
            expires_at = version.expires_at or expires_at
        elif not tells_expiry:
            expires_at = expires_at or version.expires_at
        version = replace(version, finding=finding, expires_at=expires_at)
    changed = _replace_version(token, version)
    return replace(changed, unsure=token.unsure and number != token.current.number)


def find_version(token: Token, number: int) -> Version:
    """Raises: NotFound: there is none of this number, or it is only being made."""
    version = token.find_version(number)
    if version is None or version.state is VersionState.STAGED:
        raise NotFound(
            f"{token.key.name} has no version {number}",
            hint=f"credman history {name_with_place(token.key)} shows the versions",
        )
    return version


def list_alive(token: Token) -> list[Version]:
    """Returns: the versions besides the current one that may be valid at their provider."""
    return [
        v
        for v in token.versions
        if v.fields
        and v.state in (VersionState.RETIRING, VersionState.COMPROMISED)
        and v.number != token.current.number
    ]


def is_verified(version: Version) -> bool:
    """Whether its provider said that it is live."""
    return version.finding is not None and version.finding.liveness is Liveness.LIVE


def _rotation(token: Token) -> Rotation:
    if token.rotation is None:
        raise Refused(f"no rotation of {token.key.name} is to be finished")
    return token.rotation


def _staged(token: Token) -> Version:
    number = _rotation(token).version
    return next(v for v in token.versions if v.number == number)


def _put(token: Token, version: Version, stage: Stage) -> Token:
    rotation = replace(_rotation(token), stage=stage)
    return replace(_replace_version(token, version), rotation=rotation)


def _replace_version(token: Token, version: Version) -> Token:
    versions = tuple(version if v.number == version.number else v for v in token.versions)
    return replace(token, versions=versions)


def _in_order(token: Token) -> Token:
    return replace(token, versions=tuple(sorted(token.versions, key=lambda v: v.number)))
