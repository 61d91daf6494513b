"""Who issues tokens: facts about providers, read from one TOML file each.

Rule: a fact is data, never code. A file with a key that is not known, or a value of the wrong kind,
is an error that names file and key.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from credman.core.errors import CredmanError, NotFound, UsageError
from credman.core.names import check_name, check_variable, find_nearest

_LITERAL_HEAD = re.compile(r"[A-Za-z0-9_-]+(?![*+?{A-Za-z0-9_-])")


class ShapeKind(Enum):
    """How much a shape says about who issued a value."""

    PREFIX = "prefix"
    """Identifies its provider by itself."""
    SHARED = "shared"
    """Has a prefix that other providers use as well: never decides alone."""
    CONTEXT = "context"
    """A generic form (a UUID, hex digits): means something only where the provider is known."""


@dataclass(frozen=True, slots=True)
class Shape:
    name: str
    pattern: str
    kind: ShapeKind
    field: str

    def fits(self, value: str) -> bool:
        return re.fullmatch(self.pattern, value, re.ASCII) is not None


@dataclass(frozen=True, slots=True)
class ProviderField:
    """Args:
    variables: set by default.
    also: other variables under which programs look for the same value.
    prompt: what it is called when it is asked for.
    """

    variables: tuple[str, ...]
    also: tuple[str, ...]
    prompt: str
    secret: bool
    optional: bool

    @property
    def name(self) -> str:
        return self.variables[0]


@dataclass(frozen=True, slots=True)
class Provider:
    """Args:
    expiry: in words, when its tokens end.
    rotation_days: how often to rotate by the advice named in ``rotation_basis``.
    related: variables that configure the same service and are no tokens.
    confidence: ``seen`` in the provider's documentation or code, or ``recalled``.
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

    def find_shape(self, field: str, value: str) -> Shape | None:
        return next((s for s in self.shapes if s.field == field and s.fits(value)), None)


@dataclass(frozen=True, slots=True)
class Catalogue:
    providers: Mapping[str, Provider]

    def find(self, name: str) -> Provider | None:
        """Args: name: a provider's name or alias, in any case."""
        folded = name.casefold()
        for provider in self.providers.values():
            if folded == provider.name or folded in provider.aliases:
                return provider
        return None

    def get(self, name: str) -> Provider:
        """Raises: NotFound: no provider has this name or alias."""
        provider = self.find(name)
        if provider is None:
            known = [n for p in self.providers.values() for n in (p.name, *p.aliases)]
            nearest = find_nearest(name, known)
            raise NotFound(
                f"no provider named {name}",
                hint=f"did you mean {nearest}?" if nearest else "credman providers lists them",
            )
        return provider

    def identify(self, value: str) -> Provider | None:
        """The provider whose own prefix the value has, or None. Where two claim it, neither is
        right: an ambiguous shape never decides alone."""
        claims = {
            provider.name
            for provider in self.providers.values()
            for shape in provider.shapes
            if shape.kind is ShapeKind.PREFIX and shape.fits(value)
        }
        return self.providers[claims.pop()] if len(claims) == 1 else None

    def public_head(self, value: str) -> str:
        """Returns: how all tokens of the value's kind begin, such as ``hf_``; empty if its provider
        is not known."""
        provider = self.identify(value)
        shapes = () if provider is None else provider.shapes
        fitting = next((s for s in shapes if s.kind is ShapeKind.PREFIX and s.fits(value)), None)
        found = None if fitting is None else _LITERAL_HEAD.match(fitting.pattern)
        return found[0] if found else ""

    def doubt(self, provider: Provider, field: str, value: str) -> str | None:
        """Whether a value's shape contradicts the provider it is said to come from.

        Returns:
            None, or what is odd, as words for a person; never a part of the value.
        """
        other = self.identify(value)
        if other is not None and other is not provider:
            return f"this looks like a token of {other.title}, not of {provider.title}"
        if provider.find_shape(field, value) is not None:
            return None
        elsewhere = next((s for s in provider.shapes if s.fits(value)), None)
        if elsewhere is not None and elsewhere.field in (f.name for f in provider.fields):
            return f"this looks like another part of the token, not like {field}"
        if elsewhere is not None:
            return f"this looks like a {elsewhere.name}, which belongs in {elsewhere.field}"
        if any(s.field == field and s.kind is not ShapeKind.SHARED for s in provider.shapes):
            return f"this does not look like a token of {provider.title}"
        return None


def load_catalogue() -> Catalogue:
    """Returns: the built-in providers, by name.

    Raises:
        UsageError: a file is not as it should be.
    """
    from importlib.resources import files

    found: dict[str, Provider] = {}
    for entry in sorted(
        files("credman.providers").joinpath("data").iterdir(), key=lambda e: e.name
    ):
        if entry.name.endswith(".toml"):
            name = entry.name.removesuffix(".toml")
            found[name] = parse_provider(name, entry.read_text("utf-8"), source=entry.name)
    check_unique(found.values())
    return Catalogue(found)


def check_unique(providers: Iterable[Provider]) -> None:
    """Raises: UsageError: two providers answer to one name."""
    taken: dict[str, str] = {}
    for provider in providers:
        for name in (provider.name, *provider.aliases):
            if taken.setdefault(name, provider.name) != provider.name:
                raise UsageError(f"{name} is a name of {taken[name]} and of {provider.name}")


def parse_provider(name: str, text: str, *, source: str) -> Provider:
    """Args:
        name: the provider's name, the file's stem.
        text: TOML.
        source: the file, for messages.

    Raises:
        UsageError: names the file and the key.
    """
    try:
        table = _Table(tomllib.loads(text), source, "")
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{source}: not valid TOML: {error}") from None
    check_name("token", name)
    fields = tuple(_field(item) for item in table.tables("fields"))
    if not fields:
        raise UsageError(f"{source}: fields is empty")
    provider = Provider(
        name=name,
        title=table.text("title"),
        aliases=tuple(alias.casefold() for alias in table.texts("aliases")),
        fields=fields,
        shapes=tuple(_shape(item, fields[0].name) for item in table.tables("shapes")),
        create_url=table.text("create_url"),
        revoke_url=table.text("revoke_url"),
        docs_url=table.text("docs_url"),
        expiry=table.text("expiry"),
        rotation_days=table.number("rotation_days"),
        rotation_basis=table.text("rotation_basis", default=""),
        related=table.texts("related", default=()),
        confidence=table.text("confidence"),
    )
    table.done()
    return provider


def _field(table: _Table) -> ProviderField:
    field = ProviderField(
        variables=table.texts("variables"),
        also=table.texts("also", default=()),
        prompt=table.text("prompt"),
        secret=table.flag("secret", default=True),
        optional=table.flag("optional", default=False),
    )
    if not field.variables:
        raise table.error("variables", "is empty")
    for variable in (*field.variables, *field.also):
        try:
            check_variable(variable)
        except CredmanError as error:
            raise table.error("variables", error.message) from None
    table.done()
    return field


def _shape(table: _Table, first_field: str) -> Shape:
    pattern, kind = table.text("pattern"), table.text("kind")
    try:
        re.compile(pattern, re.ASCII)
    except re.error as error:
        raise table.error("pattern", f"is no regular expression: {error}") from None
    if kind not in {k.value for k in ShapeKind}:
        raise table.error("kind", "must be prefix, shared or context")
    field = table.text("field", default=first_field)
    shape = Shape(table.text("name"), pattern, ShapeKind(kind), field)
    table.done()
    return shape


class _Table:
    """Takes known keys out of a TOML table; what is left when it is done is an error."""

    def __init__(self, table: dict[str, Any], source: str, where: str) -> None:
        self._left = dict(table)
        self._source = source
        self._where = where

    def error(self, key: str, what: str) -> UsageError:
        return UsageError(f"{self._source}: {self._where}{key} {what}")

    def text(self, key: str, *, default: str | None = None) -> str:
        text: str = self._take(key, str, default)
        return text

    def flag(self, key: str, *, default: bool) -> bool:
        flag: bool = self._take(key, bool, default)
        return flag

    def number(self, key: str) -> int | None:
        return self._take(key, int, None) if key in self._left else None

    def texts(self, key: str, *, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        items = self._take(key, list, None if default is None else list(default))
        if not all(isinstance(item, str) for item in items):
            raise self.error(key, "must be a list of texts")
        return tuple(items)

    def tables(self, key: str) -> list[_Table]:
        items = self._take(key, list, [])
        if not all(isinstance(item, dict) for item in items):
            raise self.error(key, "must be a list of tables")
        return [_Table(item, self._source, f"{key}[{i}].") for i, item in enumerate(items)]

    def done(self) -> None:
        for key in self._left:
            raise self.error(key, "is not known")

    def _take(self, key: str, kind: type[Any], default: Any) -> Any:
        if key not in self._left and default is not None:
            return default
        value = self._left.pop(key, None)
        if type(value) is not kind:
            raise self.error(key, f"must be {_KINDS[kind]}" if value is not None else "is missing")
        return value


_KINDS = {str: "a text", bool: "true or false", int: "a number", list: "a list"}
