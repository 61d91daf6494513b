"""What a vault holds, as plain as it can be said, and what a session's writes make of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from credman.core.config import Config
from credman.core.errors import NameTaken, NotFound, Refused
from credman.core.model import Address, Contents, Field, TokenKey
from credman.core.scope import Selection
from credman.core.secret import Secret
from credman.session import Session
from credman.stores.additions import NewToken
from credman.stores.base import Store


@dataclass(frozen=True)
class Held:
    """A token. Args: versions: number, state, variable and value of each, the current one last."""

    name: str
    versions: tuple[tuple[int, str, str, str], ...]

    @property
    def variable(self) -> str:
        return self.versions[-1][2]

    @property
    def value(self) -> str:
        return self.versions[-1][3]


Model = Mapping[TokenKey, Held]
"""Tokens by where they lie, without regard to case."""


def flatten(contents: Contents) -> Model:
    found: dict[TokenKey, Held] = {}
    for token in contents.tokens:
        versions = []
        for version in token.versions:
            (name,) = version.fields
            field = token.find_field(name)
            assert field is not None and field.variables == (name,)
            value = contents.values[Address(token.key, version.number, name)]
            versions.append((version.number, version.state.value, name, str(value)))
        found[token.key.folded()] = Held(token.key.name, tuple(versions))
    assert len(found) == len(contents.tokens)
    assert len(contents.values) == sum(len(held.versions) for held in found.values())
    return found


def find_visible(model: Model, environment: str) -> Model:
    """Returns: what counts in an environment: its own, and what the base has over."""
    own = {key: held for key, held in model.items() if key.environment == environment}
    names = {key.name for key in own}
    variables = {held.variable for held in own.values()}
    inherited = {
        key: held
        for key, held in model.items()
        if key.environment == "default" and key.name not in names and held.variable not in variables
    }
    return {**own, **inherited}


def open_session(store: Store, environment: str) -> Session:
    return Session(store, Config(), Selection(environment))


@dataclass(frozen=True)
class Write:
    """One thing that a session writes."""

    environment: str
    name: str

    @property
    def key(self) -> TokenKey:
        return TokenKey(self.environment, "default", self.name).folded()

    def expect(self, model: Model, looked_at: Model) -> Model:
        """Args:
            model: what is stored.
            looked_at: what was when the session last looked.

        Returns:
            What is stored afterwards.

        Raises:
            CredmanError: of the class with which it is refused.
        """
        raise NotImplementedError

    def run(self, session: Session) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class Add(Write):
    value: str
    is_replacing: bool

    def expect(self, model: Model, looked_at: Model) -> Model:
        former = model.get(self.key)
        if former is not None and not self.is_replacing:
            raise NameTaken("model")
        variable = self.name.upper()
        _refuse_taken(model, self.key, variable)
        if former is None:
            return {**model, self.key: Held(self.name, ((1, "current", variable, self.value),))}
        older = tuple((n, "retiring", v, value) for n, _, v, value in former.versions)
        current = (former.versions[-1][0] + 1, "current", variable, self.value)
        return {**model, self.key: replace(former, versions=(*older, current))}

    def run(self, session: Session) -> None:
        variable = self.name.upper()
        fields = (Field(variable, (variable,)),)
        new = NewToken(self.name, fields, replace=self.is_replacing)
        session.add(new, {variable: Secret(self.value)})


@dataclass(frozen=True)
class Remove(Write):
    def expect(self, model: Model, looked_at: Model) -> Model:
        if self.key not in looked_at or self.key not in model:
            raise NotFound("model")
        if model[self.key] != looked_at[self.key]:
            raise Refused("model")  # whoever removes a token has seen it as it is
        return _without(model, self.key)

    def run(self, session: Session) -> None:
        session.remove(self.name)


@dataclass(frozen=True)
class Rename(Write):
    new_name: str

    def expect(self, model: Model, looked_at: Model) -> Model:
        if self.key not in looked_at or self.key not in model:
            raise NotFound("model")
        target = self.key._replace(name=self.new_name.casefold())
        if model[self.key].name == self.new_name or (target != self.key and target in model):
            raise NameTaken("model")
        return {**_without(model, self.key), target: replace(model[self.key], name=self.new_name)}

    def run(self, session: Session) -> None:
        session.rename(self.name, self.new_name)


@dataclass(frozen=True)
class Copy(Write):
    target: str

    def expect(self, model: Model, looked_at: Model) -> Model:
        visible = find_visible(looked_at, self.environment)
        source = next((key for key in visible if key.name == self.key.name), None)
        if source is None or source not in model:
            raise NotFound("model")
        target = source._replace(environment=self.target)
        if target == source:
            raise Refused("model")
        if target in model:
            raise NameTaken("model")
        held = model[source]
        _refuse_taken(model, target, held.variable)
        return {**model, target: Held(held.name, ((1, *held.versions[-1][1:]),))}

    def run(self, session: Session) -> None:
        session.copy(self.name, self.target)


def _refuse_taken(model: Model, key: TokenKey, variable: str) -> None:
    for other, held in model.items():
        if other != key and other[:2] == key[:2] and held.variable == variable:
            raise NameTaken("model")


def _without(model: Model, key: TokenKey) -> Model:
    return {other: held for other, held in model.items() if other != key}
