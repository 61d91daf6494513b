"""Who issues tokens: the built-in providers, and telling whose a token is.

Rule: a fact is data, never code: one TOML file each in ``data``. A token is known by the name of
its variable first, then by its shape; where two are equally right, nobody is.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from credman.core.errors import NotFound, UsageError
from credman.core.names import find_nearest
from credman.providers.facts import Provider, ProviderField, Shape, ShapeKind
from credman.providers.ownfiles import read_own
from credman.providers.schema import parse_provider

__all__ = [
    "Catalogue",
    "Provider",
    "ProviderField",
    "Shape",
    "ShapeKind",
    "check_unique",
    "find_problems",
    "load_catalogue",
    "parse_provider",
]


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

    def find_by_variable(self, variable: str, value: str = "") -> Provider | None:
        """Args:
            variable: its exact name, as programs look for it.
            value: what it holds, if that is known: its shape decides between two providers that
                call the variable their own.

        Returns:
            Whose variable it is: before others the provider whose tokens it carries by default,
            then one that knows it as an additional name, then one with another kind of token in it.
        """
        for level in range(3):
            claims = [p for p in self.providers.values() if variable in p.variables()[level]]
            if not claims:
                continue
            by_shape = self.identify(value) if len(claims) > 1 else None
            if by_shape in claims:
                return by_shape
            names = {p.name for p in claims}
            left = [p for p in claims if p.yields_to not in names]
            return left[0] if len(left) == 1 else None
        return None

    def recognize(self, variable: str | None, value: str) -> Provider | None:
        """Returns: who issued a value, by its variable, then by its shape; None: nobody can
        tell."""
        known = None if variable is None else self.find_by_variable(variable, value)
        return known or self.identify(value)

    def identify(self, value: str) -> Provider | None:
        """The provider whose own prefix the value has, or None. Where several claim it the most
        specific shape decides; of two that are equal neither is right."""
        ranks: dict[str, tuple[int, int]] = {}
        for provider, shape in self._own_shapes(value):
            rank = shape.specificity(value)
            ranks[provider.name] = max(rank, ranks.get(provider.name, rank))
        if not ranks:
            return None
        best = max(ranks.values())
        names = [name for name, rank in ranks.items() if rank == best]
        return self.providers[names[0]] if len(names) == 1 else None

    def public_head(self, value: str) -> str:
        """Returns: how all tokens of the value's kind begin, such as ``hf_``; empty if its provider
        is not known."""
        provider = self.identify(value)
        own = [s for p, s in self._own_shapes(value) if p is provider]
        return max(own, key=lambda s: s.specificity(value)).head(value) if own else ""

    def doubt(self, provider: Provider, field: str, value: str) -> str | None:
        """Whether a value's shape contradicts the provider it is said to come from.

        Returns:
            None, or what is odd, as words for a person; never a part of the value.
        """
        other = self.identify(value)
        if other is not None and other is not provider:
            return f"this looks like a token of {other.title}, not of {provider.title}"
        shape = provider.find_shape(field, value)
        if shape is not None:
            if not shape.has_wrong_checksum(value):
                return None
            if shape.has_advisory_checksum:
                return "its checksum is not the usual one: it may be mistyped"
            return "its checksum is wrong: it is mistyped, or cut off"
        expected = [s for s in provider.shapes if s.field == field]
        # A generic form says nothing of a part that has no form of its own, such as a URL.
        telling = (s for s in provider.shapes if expected or s.kind is not ShapeKind.CONTEXT)
        elsewhere = next((s for s in telling if s.fits(value)), None)
        if elsewhere is not None and elsewhere.kind is ShapeKind.PUBLIC:
            return f"this looks like {_with_article(elsewhere.name)}, which is no secret"
        if elsewhere is not None and elsewhere.field in (f.name for f in provider.fields):
            return f"this looks like another part of the token, not like {field}"
        if elsewhere is not None:
            belongs = f"which belongs in {elsewhere.field}"
            return f"this looks like {_with_article(elsewhere.name)}, {belongs}"
        if any(s.is_recalled for s in expected):
            return None
        if any(s.kind in (ShapeKind.PREFIX, ShapeKind.CONTEXT) for s in expected):
            return f"this does not look like a token of {provider.title}"
        return None

    def _own_shapes(self, value: str) -> Iterator[tuple[Provider, Shape]]:
        for provider in self.providers.values():
            for shape in provider.shapes:
                if shape.kind is ShapeKind.PREFIX and shape.fits(value):
                    yield provider, shape


def _with_article(name: str) -> str:
    return f"{'an' if name[0] in 'aeioAEIO' else 'a'} {name}"


def load_catalogue(folder: str | None = None) -> Catalogue:
    """Args: folder: of files of one's own; one of the name of a built-in provider takes its place.

    Returns:
        The providers, by name.

    Raises:
        UsageError: a file is not as it should be; names it and the key.
    """
    own = () if folder is None else read_own(folder)
    return _load_with(folder or "", own)


@functools.lru_cache(maxsize=8)
def _load_with(folder: str, own: tuple[tuple[str, str], ...]) -> Catalogue:
    found = _load_built_in()
    if own:
        for name, text in own:
            found = {**found, name: parse_provider(name, text, source=f"{folder}/{name}.toml")}
        check_unique(found.values())
    return Catalogue(found)


@functools.cache
def _load_built_in() -> dict[str, Provider]:
    found = {name: parse_provider(name, text, source=f"{name}.toml") for name, text in _files()}
    check_unique(found.values())
    return found


def find_problems(folder: str | None = None) -> tuple[Catalogue, dict[str, str]]:
    """Checks all built-in files, and those in a folder of one's own.

    Returns:
        Those that can be read, and what is wrong, by the provider's name: file and key.
    """
    found: dict[str, Provider] = {}
    problems: dict[str, str] = {}
    for name, text in _files():
        try:
            found[name] = parse_provider(name, text, source=f"{name}.toml")
        except UsageError as error:
            problems[name] = error.message
    for name, text in () if folder is None else read_own(folder):
        found.pop(name, None)
        try:
            found[name] = parse_provider(name, text, source=f"{folder}/{name}.toml")
        except UsageError as error:
            problems[name] = error.message
    for name, problem in _find_clashes(list(found.values())):
        problems.setdefault(name, problem)
    return Catalogue(found), problems


def check_unique(providers: Iterable[Provider]) -> None:
    """Raises: UsageError: two providers answer to one name; or call one variable their own, and
    neither yields to the other."""
    for _, problem in _find_clashes(list(providers)):
        raise UsageError(problem)


def _find_clashes(providers: list[Provider]) -> Iterator[tuple[str, str]]:
    taken: dict[str, str] = {}
    for provider in providers:
        for name in (provider.name, *provider.aliases):
            first = taken.setdefault(name, provider.name)
            if first != provider.name:
                problem = f"{name} is a name of {first} and of {provider.name}"
                yield provider.name, f"{provider.name}.toml: aliases: {problem}"
    for provider in providers:
        if provider.yields_to and provider.yields_to not in {p.name for p in providers}:
            problem = f"{provider.yields_to} is no provider"
            yield provider.name, f"{provider.name}.toml: yields_to: {problem}"
    for level in range(2):
        claims: dict[str, list[Provider]] = {}
        for provider in providers:
            for variable in provider.variables()[level]:
                claims.setdefault(variable, []).append(provider)
        for variable, several in claims.items():
            names = {p.name for p in several}
            if len({p.name for p in several if p.yields_to not in names}) > 1:
                last, owners = several[-1].name, " and of ".join(sorted(names))
                problem = f"{variable} is a variable of {owners}, and none yields_to the other"
                yield last, f"{last}.toml: fields: {problem}"


def _files() -> Iterator[tuple[str, str]]:
    from importlib.resources import files

    folder = files("credman.providers").joinpath("data")
    named = {entry.name: entry for entry in folder.iterdir()}
    for name in sorted(n.removesuffix(".toml") for n in named if n.endswith(".toml")):
        yield name, named[f"{name}.toml"].read_text("utf-8")
