"""Changes to what a store holds, and applying them. Pure; shared by all stores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from credman.core.errors import CredmanError, NameTaken, NotFound
from credman.core.model import Address, Contents, Environment, Token, TokenKey
from credman.core.names import check_name, check_variable, check_variable_grammar
from credman.core.secret import Secret
from credman.vault.tokens import check_states


@dataclass(frozen=True, slots=True)
class PutToken:
    """Stores a token or replaces its metadata.

    Args:
        token: as it shall be; versions that are stored already keep their values.
        values: the values of its new versions.
        is_moved: it was stored elsewhere already, perhaps when fewer variables were refused.
    """

    token: Token
    values: Mapping[Address, Secret] = field(default_factory=dict)
    is_moved: bool = False


@dataclass(frozen=True, slots=True)
class RemoveToken:
    key: TokenKey


@dataclass(frozen=True, slots=True)
class RenameToken:
    """Gives a token another name; its versions, their values and all else stay as they are."""

    key: TokenKey
    name: str


@dataclass(frozen=True, slots=True)
class PutEnvironment:
    environment: Environment


Change = PutToken | RemoveToken | RenameToken | PutEnvironment


def apply_changes(contents: Contents, changes: Iterable[Change]) -> Contents:
    """Returns: the contents after the changes. Pure; shared by all stores.

    Raises:
        NotFound: a token to remove or to rename is not there, or a version has no value.
        CredmanError: a token that no store could read again: two current versions, say.
        NameTaken: another token has the new name.
        UsageError: a name or a variable is outside the grammar.
    """
    draft = _Draft(contents)
    for change in changes:
        match change:
            case PutToken():
                draft.put(change)
            case RemoveToken():
                draft.remove(change.key)
            case RenameToken():
                draft.rename(change)
            case PutEnvironment():
                name = check_name("environment", change.environment.name)
                draft.environments.pop(name.casefold(), None)
                draft.environments[name.casefold()] = change.environment
            case _:
                assert_never(change)
    return draft.finish()


class _Draft:
    """Contents in the making: a store may hold thousands of tokens, and all may change at once."""

    def __init__(self, contents: Contents) -> None:
        self.environments = {e.name.casefold(): e for e in contents.environments}
        self._tokens = {token.key.folded(): token for token in contents.tokens}
        self._values: dict[TokenKey, dict[Address, Secret]] = {}
        for address, value in contents.values.items():
            self._values.setdefault(address.key, {})[address] = value

    def put(self, change: PutToken) -> None:
        token = change.token
        former = self._tokens.pop(token.key.folded(), None)
        _check_names(token, token if change.is_moved else former)
        own = {} if former is None else self._values.pop(former.key, {})
        known = {**{a._replace(key=token.key): v for a, v in own.items()}, **change.values}
        wanted = [
            Address(token.key, version.number, name)
            for version in token.versions
            for name in version.fields
        ]
        if not known.keys() >= set(wanted):
            raise NotFound(f"a version of {token.key.name} has no value")
        try:
            check_states(token)
        except ValueError:  # no store could read it again
            raise CredmanError(
                f"the versions of {token.key.name} contradict each other; nothing was changed"
            ) from None
        self._tokens[token.key.folded()] = token
        self._values[token.key] = {address: known[address] for address in wanted}

    def remove(self, key: TokenKey) -> None:
        token = self._tokens.pop(self._get(key).key.folded())
        self._values.pop(token.key, None)

    def rename(self, change: RenameToken) -> None:
        token = self._get(change.key)
        key = token.key._replace(name=check_name("token", change.name))
        if self._tokens.get(key.folded()) not in (None, token):
            raise NameTaken(f"there is a token named {key.name} in environment {key.environment}")
        tokens = (replace(t, key=key) if t is token else t for t in self._tokens.values())
        self._tokens = {t.key.folded(): t for t in tokens}  # it stays where it stood
        own = self._values.pop(token.key, {})
        self._values[key] = {a._replace(key=key): v for a, v in own.items()}

    def finish(self) -> Contents:
        values = {a: v for own in self._values.values() for a, v in own.items()}
        return Contents(tuple(self.environments.values()), tuple(self._tokens.values()), values)

    def _get(self, key: TokenKey) -> Token:
        token = self._tokens.get(key.folded())
        if token is None:
            raise NotFound(f"there is no token named {key.name}")
        return token


def _check_names(token: Token, former: Token | None) -> None:
    check_name("environment", token.key.environment)
    check_name("profile", token.key.profile)
    check_name("token", token.key.name)
    # What was stored when the list of refused ones was shorter can still be changed.
    known = {v for f in former.fields for v in f.variables} if former else set()
    for variable in (v for f in token.fields for v in f.variables):
        check = check_variable_grammar if variable in known else check_variable
        check(variable)
