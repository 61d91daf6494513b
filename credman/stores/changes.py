"""Changes to what a store holds, and applying them. Pure; shared by all stores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from credman.core.errors import NameTaken, NotFound
from credman.core.model import Address, Contents, Environment, Token, TokenKey
from credman.core.names import check_name, check_variable, check_variable_grammar
from credman.core.secret import Secret


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
        NameTaken: another token has the new name.
        UsageError: a name or a variable is outside the grammar.
    """
    for change in changes:
        match change:
            case PutToken():
                contents = _put_token(contents, change)
            case RemoveToken():
                contents = _without(contents, _get_token(contents, change.key))
            case RenameToken():
                contents = _rename_token(contents, change)
            case PutEnvironment():
                check_name("environment", change.environment.name)
                kept = [
                    e
                    for e in contents.environments
                    if e.name.casefold() != change.environment.name.casefold()
                ]
                environments = (*kept, change.environment)
                contents = Contents(environments, contents.tokens, contents.values)
            case _:
                assert_never(change)
    return contents


def _put_token(contents: Contents, change: PutToken) -> Contents:
    token = change.token
    former = contents.find_token(token.key)
    _check_names(token, token if change.is_moved else former)
    values = {**contents.values, **change.values}
    wanted = {
        address: values.get(address, values.get(_formerly(address, former)))
        for version in token.versions
        for address in (Address(token.key, version.number, name) for name in version.fields)
    }
    rest = contents if former is None else _without(contents, former)
    found = {address: value for address, value in wanted.items() if value is not None}
    if len(found) != len(wanted):
        raise NotFound(f"a version of {token.key.name} has no value")
    return Contents(rest.environments, (*rest.tokens, token), {**rest.values, **found})


def _rename_token(contents: Contents, change: RenameToken) -> Contents:
    token = _get_token(contents, change.key)
    key = token.key._replace(name=check_name("token", change.name))
    if contents.find_token(key) not in (None, token):
        raise NameTaken(f"there is a token named {key.name} in environment {key.environment}")
    renamed = replace(token, key=key)
    return Contents(
        contents.environments,
        tuple(renamed if t is token else t for t in contents.tokens),
        {a._replace(key=key) if a.key == token.key else a: v for a, v in contents.values.items()},
    )


def _get_token(contents: Contents, key: TokenKey) -> Token:
    token = contents.find_token(key)
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


def _formerly(address: Address, former: Token | None) -> Address:
    return address if former is None else address._replace(key=former.key)


def _without(contents: Contents, token: Token) -> Contents:
    return Contents(
        contents.environments,
        tuple(t for t in contents.tokens if t is not token),
        {a: v for a, v in contents.values.items() if a.key != token.key},
    )
