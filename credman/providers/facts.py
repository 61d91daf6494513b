"""What is known of a provider: its names, the fields of its tokens, and the shapes of their values.

Rule: how much a shape may say is its kind. Only a prefix decides alone who issued a value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from credman.providers.checksums import CHECKSUMS
from credman.providers.literals import count_literals, find_head


class ShapeKind(Enum):
    """How much a shape says about who issued a value."""

    PREFIX = "prefix"
    """Identifies its provider by itself."""
    SHARED = "shared"
    """Has a prefix that other providers use as well: never decides alone."""
    CONTEXT = "context"
    """A generic form (a UUID, hex digits): means something only where the provider is known."""
    PUBLIC = "public"
    """Of something that is no secret, and easily taken for one: a publishable key."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Args:
    pattern: of the whole value, ASCII; of a part of it if ``is_part``.
    field: the variable that values of this shape belong in.
    is_recalled: from memory: a value that does not fit is not doubted.
    checksum: the name of the one that values of this shape have; empty: none is known.
    has_advisory_checksum: some values were seen without it: it proves nothing.
    """

    name: str
    pattern: str
    kind: ShapeKind
    field: str
    is_part: bool = False
    is_recalled: bool = False
    note: str = ""
    checksum: str = ""
    has_advisory_checksum: bool = False

    def fits(self, value: str) -> bool:
        match = re.search if self.is_part else re.fullmatch
        return match(self.pattern, value, re.ASCII) is not None

    def has_wrong_checksum(self, value: str) -> bool:
        """Args: value: one that fits. Returns: whether it was mistyped, or cut."""
        return self.checksum != "" and not CHECKSUMS[self.checksum](value)

    def head(self, value: str) -> str:
        """Returns: how every value of this shape begins, as this one does, such as ``ghp_``."""
        return "" if self.is_part else find_head(self.pattern, value)

    def specificity(self, value: str) -> tuple[int, int]:
        """Returns: the greater, the less else it fits: length of the head, then the number of
        characters that the pattern spells out."""
        return len(self.head(value)), count_literals(self.pattern)


@dataclass(frozen=True, slots=True)
class ProviderField:
    """Args:
    variables: set by default.
    also: other variables under which programs look for the same value.
    prompt: what it is called when it is asked for.
    key: what stands for it, in braces, in the provider's URLs and requests.
    is_file: its variables hold the path of a file with the value.
    """

    variables: tuple[str, ...]
    also: tuple[str, ...]
    prompt: str
    secret: bool
    optional: bool
    key: str = "token"
    is_file: bool = False
    note: str = ""

    @property
    def name(self) -> str:
        return self.variables[0]


@dataclass(frozen=True, slots=True)
class Base:
    """Args:
    url: how the provider's requests begin.
    field: the key of the token's field that says otherwise; empty: there is none.
    variables: of the environment that say otherwise, the first that is set counts.
    suffix: what is to stand behind what they say.
    """

    url: str
    field: str
    variables: tuple[str, ...]
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Provider:
    """Args:
    expiry: in words, when its tokens end.
    rotation_days: how often to rotate by the advice named in ``rotation_basis``.
    related: variables that configure the same service and are no tokens of these fields.
    confidence: ``seen`` in the provider's documentation or code, or ``recalled``.
    recalled: which entries of the file are from memory although the rest was seen.
    checksum: in words, what can be told from a value offline.
    legacy_fields: of an older kind of token, which is still accepted.
    yields_to: the provider meant by a variable that both call their own.
    imports: where its tokens lie in clear on people's machines.
    base: where its requests go, where that is not the same for all.
    online: the tables about verifying, rotating and revoking; checked, and not interpreted here.
    """

    name: str
    title: str
    aliases: tuple[str, ...]
    fields: tuple[ProviderField, ...]
    shapes: tuple[Shape, ...]
    create_url: str
    revoke_url: str
    docs_url: str
    expiry: str
    rotation_days: int | None
    rotation_basis: str
    related: tuple[str, ...]
    confidence: str
    recalled: tuple[str, ...] = ()
    checksum: str = ""
    note: str = ""
    sources: tuple[str, ...] = ()
    legacy_fields: tuple[ProviderField, ...] = ()
    yields_to: str = ""
    imports: tuple[Mapping[str, str], ...] = ()
    base: Base | None = None
    online: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    @property
    def main_field(self) -> ProviderField | None:
        """The one field that a token cannot do without; None: there are several."""
        needed = [f for f in self.fields if not f.optional]
        return needed[0] if len(needed) == 1 else None

    def find_shape(self, field: str, value: str) -> Shape | None:
        return next(
            (
                s
                for s in self.shapes
                if s.field == field and s.kind is not ShapeKind.PUBLIC and s.fits(value)
            ),
            None,
        )

    def find_field(self, variable: str) -> ProviderField | None:
        """Returns: the field that the variable carries, also under an additional name."""
        return next((f for f in self.fields if variable in (*f.variables, *f.also)), None)

    def variables(self) -> tuple[tuple[str, ...], ...]:
        """Returns: the variables it is known by: its own; additional names of the same values;
        those of its other kinds of token."""
        return (
            tuple(v for f in self.fields for v in f.variables),
            tuple(v for f in self.fields for v in f.also),
            (
                *(s.field for s in self.shapes),
                *(v for f in self.legacy_fields for v in f.variables),
            ),
        )
