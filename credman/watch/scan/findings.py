"""What a scan found, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from credman.core.model import VersionState


class Basis(Enum):
    """How it is known that it is a token."""

    STORED = "stored"
    """It is a value of the store."""
    FINGERPRINT = "fingerprint"
    """Its keyed digest is that of a stored value, as far as is known without opening the store."""
    PATTERN = "pattern"
    """A provider's tokens have this form."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose value it is: a version of a stored token. Args: field: the one that it is of."""

    name: str
    environment: str
    profile: str
    version: int
    state: VersionState
    provider: str | None = None
    field: str = ""


class Span(NamedTuple):
    """Args: offset, size: in bytes. codec: by which the file was read as UTF-8 before, such as
    ``utf-16``; empty: they count in the file itself."""

    offset: int
    size: int
    codec: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """Where in a notebook. Args: number: of the cell, from 1; 0: none of them. part: ``source``,
    ``output 2``, ``outputs``, ``attachments``, ``metadata``, ``other``."""

    number: int
    part: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Args:
    path: of the file, as text with escaped bytes; relative to where the scan began.
    inside: which member of the file, if it is packed; outermost first.
    line, column: from 1, the column in characters; 0: it has no lines.
    value: what was found, as it stands there decoded; never shown.
    masked: what may be shown of it.
    provider, title: who issued it, and its name for people; None: nobody knows.
    kind: what it is, such as ``user access token``.
    encoding: how it is written there; ``plain`` for as it is.
    commits: that brought it, for what was found in history.
    span: which bytes it takes; None: it stands in a name.
    variable: the environment variable in which it belongs; empty: none is known.
    """

    path: str
    line: int
    column: int
    value: bytes = field(repr=False)
    masked: str
    basis: Basis
    provider: str | None = None
    title: str | None = None
    kind: str = "token"
    owner: Owner | None = None
    inside: tuple[str, ...] = ()
    cell: Cell | None = None
    encoding: str = "plain"
    commits: tuple[str, ...] = ()
    span: Span | None = None
    variable: str = ""

    @property
    def rank(self) -> tuple[object, ...]:
        """Less for what is worse."""
        state = None if self.owner is None else self.owner.state
        order = (VersionState.CURRENT, VersionState.RETIRING, VersionState.STAGED)
        severity = 3 if state is None else order.index(state) if state in order else 3
        basis = [Basis.STORED, Basis.FINGERPRINT, Basis.PATTERN].index(self.basis)
        return basis, severity, self.path, self.inside, self.line, self.column


@dataclass(frozen=True, slots=True)
class Unread:
    """What could not be looked at.

    Args:
        reason: in words.
        matters: a token may be hidden there from this scan alone: others could read it.
    """

    path: str
    reason: str
    inside: tuple[str, ...] = ()
    matters: bool = True


@dataclass(slots=True)
class Report:
    """Args:
    findings: worst first.
    unread: what could not be read, or not to its end.
    notes: what a person should know besides, such as pointers whose contents lie elsewhere.
    """

    findings: list[Finding] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    files: int = 0
    bytes: int = 0
    seconds: float = 0.0
    ignored: int = 0
    accepted: int = 0

    def merge(self, others: Sequence[Report]) -> None:
        """Adds what other threads found."""
        for other in others:
            self.findings += other.findings
            self.unread += other.unread
            self.notes += other.notes
            self.files += other.files
            self.bytes += other.bytes
            self.ignored += other.ignored
        self.findings.sort(key=lambda f: f.rank)
        self.unread.sort(key=lambda u: (u.path, u.inside))
        self.notes = sorted(set(self.notes))
