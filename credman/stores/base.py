"""The store protocol: what every place where tokens rest can do, and how one is found.

Rule: the session and the command line never ask which store it is. A commit is all or nothing and
carries the revision it was made for; whoever comes second gets ``StoreConflict`` and tries again.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, assert_never, cast

from credman.core.errors import NotFound, Unavailable, UsageError
from credman.core.model import Address, Contents, Environment, Token, TokenKey
from credman.core.names import check_name, check_variable, check_variable_grammar
from credman.core.paths import Paths
from credman.core.secret import Secret

SCHEMES: Mapping[str, str] = {
    "file": "credman.stores.file:FileStore",
    "memory": "credman.stores.memory:MemoryStore",
}
ENTRY_POINT_GROUP = "credman.stores"
_URL = re.compile(r"([a-z][a-z0-9+.-]{1,31}):(.*)", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Args:
    revision: opaque; equal revisions mean equal contents.
    warnings: what a person should know about the state of the store.
    """

    revision: str
    environments: tuple[Environment, ...]
    tokens: tuple[Token, ...]
    warnings: tuple[str, ...] = ()

    def find_token(self, key: TokenKey) -> Token | None:
        return Contents(self.environments, self.tokens).find_token(key)


@dataclass(frozen=True, slots=True)
class PutToken:
    """Stores a token or replaces its metadata.

    Args:
        token: as it shall be; versions that are stored already keep their values.
        values: the values of its new versions.
    """

    token: Token
    values: Mapping[Address, Secret] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RemoveToken:
    key: TokenKey


@dataclass(frozen=True, slots=True)
class PutEnvironment:
    environment: Environment


Change = PutToken | RemoveToken | PutEnvironment


@dataclass(frozen=True, slots=True)
class Committed:
    revision: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Creation:
    """How a new store is opened later on.

    Args:
        passphrase: opens it.
        recovery: an age secret key, 32 bytes, that opens it as well; None for no such slot.
    """

    passphrase: Secret
    recovery: bytes | None = None


class Unlocker(Protocol):
    """Whoever can be asked for what opens a store. Stores never prompt themselves."""

    def passphrases(self) -> Iterator[Secret]:
        """Yields what to try, one after the other, until the store stops asking.

        Raises:
            Locked: there is nobody to ask.
        """


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a store may know of its caller."""

    paths: Paths
    cwd: str
    environ: Mapping[str, str]
    unlocker: Unlocker


class Store(Protocol):
    def exists(self) -> bool:
        """Whether there is something to open. Never unlocks.

        Raises:
            VaultMissing: there was something, and it is gone.
        """

    def create(self, creation: Creation) -> None:
        """Makes an empty store.

        Raises:
            Refused: there is one already.
        """

    def snapshot(self) -> Snapshot:
        """All tokens' metadata, without a value.

        Raises:
            NoVault, Locked, VaultDamaged, Unavailable
        """

    def reveal(self, addresses: Iterable[Address]) -> dict[Address, Secret]:
        """The values, in one round trip, of the state that ``snapshot`` last showed.

        Raises:
            NotFound: one of them is not stored.
        """

    def commit(self, changes: Sequence[Change], *, expected_revision: str) -> Committed:
        """Makes all changes or none.

        Raises:
            StoreConflict: the store is not at ``expected_revision`` any more; nothing was changed.
            NotFound: a token to remove is not there.
        """

    def describe(self) -> dict[str, str]:
        """What a person wants to know of it: where it is, in what format. Never unlocks."""


def open_store(url: str, surroundings: Surroundings) -> Store:
    """Finds the store that a URL names; opens nothing yet.

    Args:
        url: ``file:PATH`` or the scheme of an installed plug-in.

    Raises:
        UsageError: it is not a URL of a store. A URL that holds a password is not repeated.
        Unavailable: the plug-in for its scheme is broken.
    """
    match = _URL.fullmatch(url)
    if match is None:
        raise UsageError("this is not the URL of a store", hint="such as file:~/team.age")
    scheme, rest = match.groups()
    if re.match(r"//[^/]*@", rest):
        raise UsageError("the URL of a store holds no user and no password")
    target = SCHEMES.get(scheme) or _find_plugin(scheme)
    if target is None:
        raise UsageError(
            f"there is no store of the kind {scheme}:",
            hint=f"kinds: {', '.join(f'{known}:' for known in SCHEMES)}",
        )
    module, _, name = target.partition(":")
    try:
        factory = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise Unavailable(
            f"the store {scheme}: cannot be loaded from {target}",
            hint=f"whoever made that plug-in can tell why ({type(error).__name__})",
        ) from error
    return cast("Store", factory(rest, surroundings))


def _find_plugin(scheme: str) -> str | None:
    from importlib.metadata import entry_points

    found = entry_points(group=ENTRY_POINT_GROUP, name=scheme)
    return next((entry.value.partition("[")[0].strip() for entry in found), None)


def apply_changes(contents: Contents, changes: Iterable[Change]) -> Contents:
    """Returns: the contents after the changes. Pure; shared by all stores.

    Raises:
        NotFound: a token to remove is not there, or a version has no value.
        UsageError: a name or a variable is outside the grammar.
    """
    for change in changes:
        match change:
            case PutToken():
                contents = _put_token(contents, change)
            case RemoveToken():
                token = contents.find_token(change.key)
                if token is None:
                    raise NotFound(f"there is no token named {change.key.name}")
                contents = _without(contents, token)
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
    _check_names(token, former)
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


def _check_names(token: Token, former: Token | None) -> None:
    check_name("environment", token.key.environment)
    check_name("profile", token.key.profile)
    check_name("token", token.key.name)
    # What was stored when the list of refused ones was shorter can still be changed.
    known = {v for f in former.fields for v in f.variables} if former else set()
    for variable in (v for f in token.fields for v in f.variables):
        check_variable_grammar(variable) if variable in known else check_variable(variable)


def _formerly(address: Address, former: Token | None) -> Address:
    return address if former is None else address._replace(key=former.key)


def _without(contents: Contents, token: Token) -> Contents:
    return Contents(
        contents.environments,
        tuple(t for t in contents.tokens if t is not token),
        {a: v for a, v in contents.values.items() if a.key != token.key},
    )


def pick(values: Mapping[Address, Secret], addresses: Iterable[Address]) -> dict[Address, Secret]:
    """Returns: the values at these addresses.

    Raises:
        NotFound: one is missing.
    """
    try:
        return {address: values[address] for address in addresses}
    except KeyError as error:
        missing: Address = error.args[0]
        raise NotFound(f"{missing.key.name} has no value for {missing.field}") from None
