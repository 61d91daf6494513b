"""Moving everything from one store to another: what to copy, and whether it arrived.

Rules: all of it or nothing, in one commit; nothing is taken away from one store that was not read
back from the other, and only of the very state that was read back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from credman.core.errors import CredmanError, Refused, StoreConflict, Unavailable
from credman.core.model import Address, Contents, Environment, Token, TokenKey
from credman.core.names import BASE_ENVIRONMENT, DEFAULT_PROFILE
from credman.core.secret import Secret
from credman.stores.base import Snapshot, Store
from credman.stores.changes import Change, PutEnvironment, PutToken, RemoveToken

_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """Args:
    changes: what the target lacks.
    copied: how many tokens that are.
    same: how many are there already.
    others: how many more are there.
    """

    changes: tuple[Change, ...]
    copied: int
    same: int
    others: int


@dataclass(frozen=True, slots=True)
class Moved:
    """Args: revision, tokens: of the source, as they were read back from the target."""

    revision: str
    tokens: tuple[Token, ...]
    plan: Plan


def plan_moving(source: Contents, target: Contents) -> Plan:
    """Raises: Refused: something else is in its place there; names all of it."""
    found = _by_key(target.tokens)
    missing = [token for token in source.tokens if token.key.folded() not in found]
    same = [token for token in source.tokens if _is_there(token, source, found, target)]
    environments = _find_environments(source, target)
    problems = [
        *_name("what is there under the same name differs", _differing(source, found, target)),
        *_name("another token there gives its variable", _clashing(missing, target)),
        *_name_environments(_unlike(source, target)),
    ]
    if problems and source.tokens:
        raise Refused(
            f"nothing was copied: {'; '.join(problems)}",
            hint="rename or remove it on one side, with credman rename or credman remove",
        )
    changes: list[Change] = [PutEnvironment(environment) for environment in environments]
    changes += [PutToken(token, values_of(token, source), is_moved=True) for token in missing]
    others = len(target.tokens) - len(same)
    return Plan(tuple(changes), len(missing), len(same), others)


def find_losses(source: Contents, target: Contents) -> list[str]:
    """Returns: the names of what the target does not hold as the source does."""
    found = _by_key(target.tokens)
    lost = [t.key for t in source.tokens if not _is_there(t, source, found, target)]
    names = [name_key(key) for key in lost]
    if source.tokens:
        unlike = {*_unlike(source, target), *(e.name for e in _find_environments(source, target))}
        names += [f"environment {name}" for name in sorted(unlike)]
    return names


def values_of(token: Token, contents: Contents) -> dict[Address, Secret]:
    """Returns: the values of all versions."""
    return {address: contents.values[address] for address in list_addresses(token)}


def list_addresses(token: Token) -> list[Address]:
    """Returns: of all versions."""
    return [
        Address(token.key, version.number, name)
        for version in token.versions
        for name in version.fields
    ]


def name_key(key: TokenKey) -> str:
    """Returns: a token's name and place, for a person."""
    profile = "" if key.profile == DEFAULT_PROFILE else f", {key.profile}"
    return f"{key.name} ({key.environment}{profile})"


class Move:
    """Everything that one store holds, on its way to another.

    Args:
        reopen: opens the target as another process would; called for each reading back.
    """

    def __init__(self, source: Store, target: Store, reopen: Callable[[], Store]) -> None:
        self.warnings: list[str] = []
        self._source = source
        self._target = target
        self._reopen = reopen

    def prepare(self) -> Plan:
        """What there is to do. Raises: as ``copy``; nothing was changed."""
        return plan_moving(self._read(self._source)[1], self._read(self._target)[1])

    def copy(self) -> Moved:
        """Copies what the target lacks, and reads everything back.

        Raises:
            Refused: something else is in its place there, or one of the stores is not written to.
            Unavailable: what was read back differs.
        """
        snapshot, contents = self._read(self._source)
        plan = self._put(contents)
        arrived = self._read(self._reopen())[1]
        lost = find_losses(contents, arrived)
        if lost:
            raise Unavailable(
                f"what was read back differs: {', '.join(lost)}", hint="nothing was removed"
            )
        return Moved(snapshot.revision, contents.tokens, plan)

    def remove(self, moved: Moved) -> None:
        """Takes from the source what was read back, and from what it keeps of itself.

        Raises:
            StoreConflict: the source was changed since; nothing was removed.
        """
        changes = [RemoveToken(token.key) for token in moved.tokens]
        committed = self._source.commit(changes, expected_revision=moved.revision)
        self._warn(committed.warnings)
        if committed.kept is None:
            return
        try:
            # What was replaced is kept, and holds everything still: now it is replaced once more.
            again = self._source.commit([], expected_revision=committed.revision)
            self._warn(again.warnings)
        except StoreConflict:  # somebody else did so
            return
        except CredmanError as error:
            self._warn([f"{committed.kept} still holds them: {error.message}"])

    def _put(self, contents: Contents) -> Plan:
        for _ in range(_ATTEMPTS):
            snapshot, there = self._read(self._target)
            plan = plan_moving(contents, there)
            try:
                # Also without a change: whoever moves the other way at this moment has to notice.
                committed = self._target.commit(plan.changes, expected_revision=snapshot.revision)
            except StoreConflict:
                continue
            self._warn(committed.warnings)
            return plan
        raise busy()

    def _read(self, store: Store) -> tuple[Snapshot, Contents]:
        for _ in range(_ATTEMPTS):
            snapshot = store.snapshot()
            self._warn(snapshot.warnings)
            if snapshot.obstacle is not None:
                raise snapshot.obstacle
            addresses = [a for token in snapshot.tokens for a in list_addresses(token)]
            try:
                values = store.reveal(addresses)
            except StoreConflict:  # of a store that keeps them apart: it was changed in between
                continue
            return snapshot, Contents(snapshot.environments, snapshot.tokens, values)
        raise busy()

    def _warn(self, warnings: Iterable[str]) -> None:
        self.warnings.extend(w for w in warnings if w not in self.warnings)


def busy() -> CredmanError:
    return CredmanError(
        "others keep changing the stores", hint="nothing was removed; try again in a moment"
    )


def _by_key(tokens: Iterable[Token]) -> dict[TokenKey, Token]:
    return {token.key.folded(): token for token in tokens}


def _is_there(
    token: Token, source: Contents, found: dict[TokenKey, Token], target: Contents
) -> bool:
    if found.get(token.key.folded()) != token:
        return False
    return values_of(token, source) == values_of(token, target)


def _differing(
    source: Contents, found: dict[TokenKey, Token], target: Contents
) -> Iterator[TokenKey]:
    for token in source.tokens:
        if token.key.folded() in found and not _is_there(token, source, found, target):
            yield token.key


def _clashing(missing: Sequence[Token], target: Contents) -> Iterator[TokenKey]:
    taken = {(t.key.folded()[:2], v.casefold()) for t in target.tokens for v in t.variables}
    for token in missing:
        if any((token.key.folded()[:2], v.casefold()) in taken for v in token.variables):
            yield token.key


def _find_environments(source: Contents, target: Contents) -> list[Environment]:
    return [e for e in source.environments if target.find_environment(e.name) is None]


def _unlike(source: Contents, target: Contents) -> Iterator[str]:
    """Yields the environments that are on both sides, and inherit the base on one of them only."""
    here, there = _list_environments(source), _list_environments(target)
    for folded, environment in here.items():
        other = there.get(folded)
        if other is not None and (environment.isolated, environment.extra) != (
            other.isolated,
            other.extra,
        ):
            yield environment.name


def _list_environments(contents: Contents) -> dict[str, Environment]:
    # One that is not listed exists by its tokens, and is as any other.
    found = {t.key.environment.casefold(): Environment(t.key.environment) for t in contents.tokens}
    found |= {e.name.casefold(): e for e in contents.environments}
    found.pop(BASE_ENVIRONMENT, None)
    return found


def _name(what: str, keys: Iterable[TokenKey]) -> list[str]:
    names = ", ".join(name_key(key) for key in keys)
    return [f"{what}: {names}"] if names else []


def _name_environments(names: Iterable[str]) -> list[str]:
    shown = ", ".join(names)
    return [f"on one side only it inherits the base: environment {shown}"] if shown else []
