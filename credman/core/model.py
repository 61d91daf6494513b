"""What things are: tokens, their fields and versions, environments.

Rule: metadata only. Values travel beside it (``Values``), so that a listing cannot show one.
``extra`` keeps fields that a newer credman wrote; whoever rewrites a record carries them along.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from credman.core.secret import Secret

Values = Mapping[str, Secret]
"""The values of one version, by field name."""

MAX_VALUE_BYTES = 1024 * 1024
"""A value may be stored up to this size; Linux hands a child at most 128 KiB in one variable."""


class TokenKey(NamedTuple):
    """Where a token lives. Names are unique regardless of case: compare by ``folded``."""

    environment: str
    profile: str
    name: str

    def folded(self) -> TokenKey:
        return TokenKey(*(part.casefold() for part in self))


class Address(NamedTuple):
    """One value: a field of a version of a token."""

    key: TokenKey
    version: int
    field: str


class VersionState(Enum):
    STAGED = "staged"
    CURRENT = "current"
    RETIRING = "retiring"
    REVOKED = "revoked"
    COMPROMISED = "compromised"


@dataclass(frozen=True, slots=True)
class Field:
    """One part of a token.

    Args:
        name: the field's name, unique in its token: its first variable.
        variables: the environment variables that carry it, at least one.
        secret: False for a URL or a user name.
        is_file: its variables carry the path of a file with the value, never the value.
    """

    name: str
    variables: tuple[str, ...]
    secret: bool = True
    extra: Mapping[str, object] = field(default_factory=dict)
    is_file: bool = False


@dataclass(frozen=True, slots=True)
class Version:
    """One value of the token over time.

    Args:
        number: 1, 2, …; never used twice in a token.
        state: exactly one version of a token is CURRENT.
        created_at: when it was stored, UTC.
        fields: names of the fields this version has values for.
    """

    number: int
    state: VersionState
    created_at: datetime
    fields: tuple[str, ...]
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a token is to be looked after.

    Args:
        rotate_every: an interval such as ``90d`` or ``12w``; None: no rotation due.
        expires_at: UTC; None: no known expiry.
        remind_before: intervals before the date at which to remind.
        grace: how long an old version stays alive after a rotation.
    """

    rotate_every: str | None = None
    expires_at: datetime | None = None
    remind_before: tuple[str, ...] = ()
    grace: str | None = None
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Token:
    """Args: unsure: it came back from an older copy, and nobody has checked it since."""

    key: TokenKey
    fields: tuple[Field, ...]
    versions: tuple[Version, ...]
    provider: str | None = None
    note: str = ""
    schedule: Schedule = field(default_factory=Schedule)
    unsure: bool = False
    extra: Mapping[str, object] = field(default_factory=dict)

    @property
    def current(self) -> Version:
        """The version that is handed out."""
        return next(v for v in self.versions if v.state is VersionState.CURRENT)

    @property
    def variables(self) -> tuple[str, ...]:
        """All variables the current version sets, in field order."""
        present = self.current.fields
        return tuple(v for f in self.fields if f.name in present for v in f.variables)

    def find_field(self, name_or_variable: str) -> Field | None:
        for candidate in self.fields:
            if name_or_variable == candidate.name or name_or_variable in candidate.variables:
                return candidate
        return None

    def with_version(self, version: Version) -> Token:
        """Returns: the token with ``version`` as the current one, the former one retiring."""
        older = tuple(
            replace(v, state=VersionState.RETIRING) if v.state is VersionState.CURRENT else v
            for v in self.versions
        )
        return replace(self, versions=(*older, version))


@dataclass(frozen=True, slots=True)
class Environment:
    """Args: isolated: it does not inherit the base environment's tokens."""

    name: str
    isolated: bool = False
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contents:
    """All that a store holds."""

    environments: tuple[Environment, ...] = ()
    tokens: tuple[Token, ...] = ()
    values: Mapping[Address, Secret] = field(default_factory=dict)

    def find_token(self, key: TokenKey) -> Token | None:
        folded = key.folded()
        return next((t for t in self.tokens if t.key.folded() == folded), None)

    def find_environment(self, name: str) -> Environment | None:
        folded = name.casefold()
        return next((e for e in self.environments if e.name.casefold() == folded), None)
