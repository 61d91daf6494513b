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
    """A rotation is making it; it is not handed out."""
    CURRENT = "current"
    RETIRING = "retiring"
    """It has a successor, and is still valid at its provider as far as is known."""
    REVOKED = "revoked"
    """Proven dead, or said to be by its owner; its values are gone."""
    COMPROMISED = "compromised"
    """Somebody else may know it. It is not handed out, and has its values until it is dead."""


class Liveness(Enum):
    """What a provider said of a value."""

    LIVE = "live"
    DEAD = "dead"
    UNKNOWN = "unknown"
    """It could not be asked, or its answer says neither. Never stored."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What the provider said of a version's values, when it was asked last.

    Args:
        liveness: live or dead.
        at: when, UTC.
        identity: who it is there, in words.
        account: what stays the same from a token to its successor; empty if nothing does.
        scopes: what it may do there, in words.
        place: where it was asked, if not at the provider's own place.
    """

    liveness: Liveness
    at: datetime
    identity: str = ""
    account: str = ""
    scopes: str = ""
    extra: Mapping[str, object] = field(default_factory=dict)
    place: str = ""


MAX_PLACES = 10
"""So many paths are kept of a version that was found in files."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """That a version's value was found where anybody may read it.

    Args:
        at: when it was found first, UTC.
        seen_at: when it was found last, UTC.
        count: in how many files in all, as far as their paths tell them apart.
        places: the first MAX_PLACES of the paths, absolute. They stay in the store.
    """

    at: datetime
    seen_at: datetime
    count: int
    places: tuple[str, ...] = ()
    extra: Mapping[str, object] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """``found in 3 files``."""
        return "found in a file" if self.count == 1 else f"found in {self.count} files"

    def join(self, other: Exposure) -> Exposure:
        """Returns: both as one; a place that both know counts once."""
        places = tuple(dict.fromkeys((*self.places, *other.places)))
        return Exposure(
            min(self.at, other.at),
            max(self.seen_at, other.seen_at),
            # Of places that were not kept nobody knows whether they are among the others: this
            # never says too many.
            max(self.count, other.count, len(places)),
            places[:MAX_PLACES],
            {**other.extra, **self.extra},
        )


class Stage(Enum):
    """How far a rotation has come; each is on disk before the next begins."""

    ASKING = "asking"
    """The provider is about to be asked for a new value, or was: its answer is not known."""
    ANSWERED = "answered"
    """Its raw answer is stored, and not read yet."""
    STAGED = "staged"
    VERIFIED = "verified"


@dataclass(frozen=True, slots=True)
class Rotation:
    """A rotation that is not finished.

    Args:
        version: the number of the version that it makes.
        stage: what is done of it.
        is_automatic: the provider makes the new value when asked by the old one.
        started_at: UTC.
        grace: how long the old version shall live after it, such as ``7d``; None: as usual.
    """

    version: int
    stage: Stage
    is_automatic: bool
    started_at: datetime
    grace: str | None = None
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A command that prints the value of a temporary token.

    Args:
        command: as it was given.
        ttl_seconds: how long a value that it prints is good for, unless it says so itself.
        uses_shell: it is a shell's text, and not a program with its arguments.
    """

    command: str
    ttl_seconds: int
    uses_shell: bool = False
    extra: Mapping[str, object] = field(default_factory=dict)


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
        number: 1, 2, …; a token never has two of one number.
        state: at most one version of a token is CURRENT.
        created_at: when it was stored, UTC.
        fields: names of the fields this version has values for.
        expires_at: when it ends by itself, UTC, by its provider or its command; None: not known.
        retiring_at: since when it has a successor, UTC.
        grace: how long it was to live from then on, such as ``7d``; None: as usual.
        ended_at: when it was proven or said to be dead, UTC.
        ended_by: who ended it and how, in words.
        ids: what its provider calls it, by the catalogue's names; no secrets.
        finding: what its provider said of it last.
        exposure: where it was found; it stays when the values go, as the reason why they did.
    """

    number: int
    state: VersionState
    created_at: datetime
    fields: tuple[str, ...]
    extra: Mapping[str, object] = field(default_factory=dict)
    expires_at: datetime | None = None
    retiring_at: datetime | None = None
    grace: str | None = None
    ended_at: datetime | None = None
    ended_by: str = ""
    ids: Mapping[str, str] = field(default_factory=dict)
    finding: Finding | None = None
    exposure: Exposure | None = None

    def is_over(self, now: datetime) -> bool:
        """Whether it is known to be dead: its provider said so, or it has ended by itself."""
        if self.expires_at is not None and self.expires_at <= now:
            return True
        return self.finding is not None and self.finding.liveness is Liveness.DEAD


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
    """Args:
    unsure: it came back from an older copy, and nobody has checked it since.
    rotation: the one that is not finished, if any.
    recipe: what prints its value, for a temporary token.
    """

    key: TokenKey
    fields: tuple[Field, ...]
    versions: tuple[Version, ...]
    provider: str | None = None
    note: str = ""
    schedule: Schedule = field(default_factory=Schedule)
    unsure: bool = False
    extra: Mapping[str, object] = field(default_factory=dict)
    rotation: Rotation | None = None
    recipe: Recipe | None = None

    @property
    def current(self) -> Version:
        """The version that is handed out; where it was revoked without a successor, that one: what
        is retiring takes nobody's place by itself."""
        settled = [v for v in self.versions if v.state is not VersionState.STAGED]
        return next(
            (v for v in settled if v.state is VersionState.CURRENT),
            max(settled, key=lambda v: (v.state is not VersionState.RETIRING, v.number)),
        )

    @property
    def present_fields(self) -> tuple[Field, ...]:
        """The fields of the current version; all of them where it was revoked, and has no values:
        the variables stay its own, so that no other token's take their place."""
        current = self.current
        if current.state is not VersionState.CURRENT and not current.fields:
            return self.fields
        return tuple(f for f in self.fields if f.name in current.fields)

    @property
    def variables(self) -> tuple[str, ...]:
        """All variables the current version sets, in field order."""
        return tuple(v for f in self.present_fields for v in f.variables)

    @property
    def expires_at(self) -> datetime | None:
        """When the current version ends by itself: as its provider says, else as its owner does."""
        return self.current.expires_at or self.schedule.expires_at

    def find_exposure(self, now: datetime) -> Exposure | None:
        """Returns: where the current version was found; None: nowhere, or it is dead. What its
        owner says of its end does not count here: that may be a guess."""
        current = self.current
        is_in_use = current.state is VersionState.CURRENT and not current.is_over(now)
        return current.exposure if is_in_use else None

    def find_version(self, number: int) -> Version | None:
        return next((v for v in self.versions if v.number == number), None)

    @property
    def next_number(self) -> int:
        return 1 + max(v.number for v in self.versions)

    def find_field(self, name_or_variable: str) -> Field | None:
        for candidate in self.fields:
            if name_or_variable == candidate.name or name_or_variable in candidate.variables:
                return candidate
        return None

    def with_version(self, version: Version) -> Token:
        """Returns: the token with ``version`` as the current one, the former one retiring. When the
        former one was to expire says nothing of the new one."""

        def retire(older: Version) -> Version:
            if older.state is not VersionState.CURRENT:
                return older
            expires_at = older.expires_at or self.schedule.expires_at
            return replace(
                older,
                state=VersionState.RETIRING,
                retiring_at=version.created_at,
                expires_at=expires_at,
            )

        others = tuple(retire(v) for v in self.versions if v.number != version.number)
        schedule = replace(self.schedule, expires_at=None)
        return replace(self, versions=(*others, version), schedule=schedule)


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
