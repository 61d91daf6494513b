"""The one use-case object: everything a front door may do with tokens is a method here.

It composes configuration, plan and store, and knows no terminal. Writers go through ``_commit``:
what they want is a function of what is stored, so it is simply asked again when somebody else was
first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from credman.core.config import Config
from credman.core.errors import (
    CredmanError,
    NameTaken,
    NotFound,
    StoreConflict,
    UsageError,
)
from credman.core.model import (
    MAX_VALUE_BYTES,
    Address,
    Environment,
    Field,
    Schedule,
    Token,
    TokenKey,
    Version,
    VersionState,
)
from credman.core.names import (
    BASE_ENVIRONMENT,
    DEFAULT_PROFILE,
    WELL_KNOWN_ENVIRONMENTS,
    check_name,
    find_nearest,
)
from credman.core.plan import PlanEntry, make_plan, visible_tokens
from credman.core.secret import Secret
from credman.stores.base import Change, PutEnvironment, PutToken, RemoveToken, Snapshot, Store

_ATTEMPTS = 50


@dataclass(frozen=True, slots=True)
class NewToken:
    """What ``add`` stores.

    Args:
        fields: all of its parts; values may be left out for some.
        isolated: its environment shall not inherit the base environment.
        replace: an existing token of the name gets a new version instead of a refusal.
    """

    name: str
    fields: tuple[Field, ...]
    provider: str | None = None
    note: str = ""
    schedule: Schedule = field(default_factory=Schedule)
    isolated: bool = False
    replace: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """Args: environment, profile: as asked for; None where the configuration decides."""

    environment: str | None = None
    profile: str | None = None


class Session:
    """Args:
    store: opened lazily, at the first call that needs it.
    config: the user's defaults.
    selection: what the caller chose over them.
    """

    def __init__(self, store: Store, config: Config, selection: Selection) -> None:
        self.store = store
        self.warnings: list[str] = []
        self._config = config
        self._environment = selection.environment or config.environment or BASE_ENVIRONMENT
        self._profile = selection.profile or config.profile or DEFAULT_PROFILE
        check_name("environment", self._environment)
        check_name("profile", self._profile)
        self._snapshot: Snapshot | None = None

    def snapshot(self) -> Snapshot:
        """What is stored, as of the first look or the last write of this session."""
        if self._snapshot is None:
            self._snapshot = self.store.snapshot()
            self._warn(self._snapshot.warnings)
        return self._snapshot

    def environments(self) -> dict[str, Environment]:
        """All environments that exist, by name: the well-known ones, the configuration's, and those
        that hold a token."""
        snapshot = self.snapshot()
        found: dict[str, Environment] = {}
        names = [*WELL_KNOWN_ENVIRONMENTS, *(t.key.environment for t in snapshot.tokens)]
        if self._config.environment:
            names.append(self._config.environment)
        for environment in (
            *snapshot.environments,
            *self._config.environments.values(),
            *(Environment(name) for name in names),
        ):
            known = _find_folded(environment.name, found)
            if known is None:
                found[environment.name] = environment
            elif environment.isolated:
                found[known] = replace(found[known], isolated=True)
        return found

    def is_named_without_store(self) -> bool:
        """Whether the chosen environment and profile exist whatever the store holds."""
        config = self._config
        environments = (*WELL_KNOWN_ENVIRONMENTS, *config.environments, config.environment or "")
        profiles = (DEFAULT_PROFILE, config.profile or "")
        return (
            _find_folded(self._environment, environments) is not None
            and _find_folded(self._profile, profiles) is not None
        )

    def target_environment(self) -> str:
        """The name of the environment that a write goes to; it need not exist."""
        return _find_folded(self._environment, self.environments()) or self._environment

    def environment(self) -> Environment:
        """The chosen environment.

        Raises:
            NotFound: there is none of this name; a typo never gives the base silently.
        """
        environments = self.environments()
        known = _find_folded(self._environment, environments)
        if known is not None:
            return environments[known]
        name = self._environment
        if any(name.casefold() == t.key.name.casefold() for t in self.snapshot().tokens):
            hint = f"{name} is a token: credman get {name}"
        else:
            nearest = find_nearest(name, environments)
            hint = f"did you mean {nearest}?" if nearest else f"known: {', '.join(environments)}"
        raise NotFound(f"no environment named {name}", hint=hint)

    def profile(self) -> str:
        """The chosen profile's name.

        Raises:
            NotFound: no token and no configuration names it.
        """
        profiles = {t.key.profile for t in self.snapshot().tokens} | {DEFAULT_PROFILE}
        if self._config.profile:
            profiles.add(self._config.profile)
        known = _find_folded(self._profile, profiles)
        if known is not None:
            return known
        nearest = find_nearest(self._profile, profiles)
        raise NotFound(
            f"no profile named {self._profile}",
            hint=f"did you mean {nearest}?" if nearest else f"known: {', '.join(sorted(profiles))}",
        )

    def visible(self) -> list[Token]:
        """The tokens that count in the chosen environment and profile."""
        environment = self.environment()
        return visible_tokens(
            self.snapshot().tokens,
            environment=environment.name,
            profile=self.profile(),
            isolated=environment.isolated,
        )

    def plan(self, only: Collection[str] = ()) -> list[PlanEntry]:
        """Which variables the chosen environment gives.

        Raises:
            NotFound: something in ``only`` is not there.
        """
        return make_plan(self.visible(), only=only)

    def reveal(self, plan: Sequence[PlanEntry]) -> dict[str, Secret]:
        """Returns: the values of a plan, by variable."""
        values = self.store.reveal({entry.address for entry in plan})
        return {entry.variable: values[entry.address] for entry in plan}

    def token(self, name: str) -> Token:
        """The token of this name that counts here.

        Raises:
            NotFound: there is none; names the nearest.
        """
        check_name("token", name)
        tokens = self.visible()
        for token in tokens:
            if token.key.name.casefold() == name.casefold():
                return token
        where = f"environment {self.environment().name}"
        nearest = find_nearest(name, [t.key.name for t in tokens])
        elsewhere = [t for t in self.snapshot().tokens if t.key.name.casefold() == name.casefold()]
        if elsewhere:
            key = elsewhere[0].key
            profile = "" if key.profile == self.profile() else f" -p {key.profile}"
            hint = f"there is one in {key.environment}: -e {key.environment}{profile}"
        elif nearest:
            hint = f"did you mean {nearest}? credman list shows what there is"
        else:
            hint = f"credman add {name} stores it; credman list shows what there is"
        raise NotFound(f"no token named {name} in {where}", hint=hint)

    def values(self, token: Token) -> dict[str, Secret]:
        """Returns: the values of the token's current version, by field, in field order."""
        present = token.current.fields
        addresses = {
            f.name: Address(token.key, token.current.number, f.name)
            for f in token.fields
            if f.name in present
        }
        values = self.store.reveal(addresses.values())
        return {name: values[address] for name, address in addresses.items()}

    def check_new(self, new: NewToken) -> None:
        """Whether it could be stored, to be known before its value is asked for.

        Raises:
            NameTaken, UsageError
        """
        self._changes_for(new, {}, self.snapshot())

    def check_first(self, new: NewToken) -> str:
        """As ``check_new``, for a store that is still to be made. Returns: the environment's name."""
        self._changes_for(new, {}, Snapshot("", (), ()))
        environment = self.target_environment()
        self._snapshot = None
        return environment

    def add(self, new: NewToken, values: Mapping[str, Secret]) -> Token:
        """Args: values: by field name; fields without one are not part of the token.

        Returns:
            The token as stored.

        Raises:
            NameTaken: the name, or one of its variables, is taken in this environment.
            UsageError: a value cannot be stored, or there is none.
        """
        if not values or not values.keys() <= {f.name for f in new.fields}:
            raise UsageError("a token needs a value, and a field for each value")
        for name, value in values.items():
            check_value(name, value)
        # The one spelling that reading gives: escaped bytes may be a character together.
        stored = {name: Secret.from_bytes(value.to_bytes()) for name, value in values.items()}
        changes = self._commit(lambda snapshot: self._changes_for(new, stored, snapshot))
        return next(change.token for change in changes if isinstance(change, PutToken))

    def remove(self, name: str) -> Token:
        """Removes a token of the chosen environment itself, never an inherited one.

        Returns:
            What was removed.
        """
        token = self.own_token(name)
        self._commit(lambda _: [RemoveToken(token.key)])
        return token

    def own_token(self, name: str) -> Token:
        """As ``token``; one that is inherited from the base environment is refused.

        Raises:
            NotFound
        """
        token = self.token(name)
        environment = self.environment().name
        if token.key.environment.casefold() != environment.casefold():
            raise NotFound(
                f"{token.key.name} is inherited: environment {environment} has none of its own",
                hint=f"-e {token.key.environment} names the one it comes from",
            )
        return token

    def _changes_for(
        self, new: NewToken, values: Mapping[str, Secret], snapshot: Snapshot
    ) -> list[Change]:
        self._snapshot = snapshot
        key = self._key(check_name("token", new.name))
        former = snapshot.find_token(key)
        if former is not None and not new.replace:
            raise NameTaken(
                f"there is a token named {former.key.name} in environment {former.key.environment}",
                hint="--replace gives it a new version, and keeps the old one as retiring",
            )
        self._refuse_taken_variables(key, new.fields, snapshot)
        present = tuple(f.name for f in new.fields if f.name in values)
        number = 1 + max((v.number for v in former.versions), default=0) if former else 1
        now = datetime.now(UTC).replace(microsecond=0)
        version = Version(number, VersionState.CURRENT, now, present)
        if former is None:
            token = Token(key, new.fields, (version,))
        else:
            token = replace(former.with_version(version), fields=_merge_fields(new.fields, former))
        token = replace(
            token,
            provider=new.provider,
            note=new.note or token.note,
            schedule=new.schedule if new.schedule != Schedule() else token.schedule,
        )
        placed = {Address(key, number, name): value for name, value in values.items()}
        changes: list[Change] = [PutToken(token, placed)]
        environment = self._environment_change(new, key.environment, snapshot)
        return changes if environment is None else [environment, *changes]

    def _environment_change(
        self, new: NewToken, name: str, snapshot: Snapshot
    ) -> PutEnvironment | None:
        known = next(
            (e for e in snapshot.environments if e.name.casefold() == name.casefold()), None
        )
        if new.isolated:
            if name == BASE_ENVIRONMENT:
                raise UsageError("the base environment cannot be isolated: the others inherit it")
            return PutEnvironment(replace(known or Environment(name), isolated=True))
        if known is None and name not in WELL_KNOWN_ENVIRONMENTS:
            return PutEnvironment(Environment(name))
        return None

    def _refuse_taken_variables(
        self, key: TokenKey, fields: Sequence[Field], snapshot: Snapshot
    ) -> None:
        wanted = {variable.casefold(): variable for f in fields for variable in f.variables}
        for token in snapshot.tokens:
            same_place = token.key.folded()[:2] == key.folded()[:2]
            if not same_place or token.key.folded() == key.folded():
                continue
            for variable in token.variables:
                if variable.casefold() in wanted:
                    raise NameTaken(
                        f"{variable} is already given by {token.key.name} in environment "
                        f"{token.key.environment}",
                        hint="choose another variable with --var, or another environment with -e",
                    )

    def _key(self, name: str) -> TokenKey:
        # Writing makes environments and profiles; one that exists keeps its spelling.
        environment = self.target_environment()
        profiles = {t.key.profile for t in self.snapshot().tokens} | {DEFAULT_PROFILE}
        profile = _find_folded(self._profile, profiles) or self._profile
        key = TokenKey(environment, profile, name)
        former = self.snapshot().find_token(key)
        return key if former is None else former.key

    def _commit(self, make_changes: Callable[[Snapshot], list[Change]]) -> list[Change]:
        snapshot = self.snapshot()
        for _ in range(_ATTEMPTS):
            changes = make_changes(snapshot)
            try:
                committed = self.store.commit(changes, expected_revision=snapshot.revision)
            except StoreConflict:
                snapshot = self.store.snapshot()
                continue
            self._warn(committed.warnings)
            self._snapshot = None
            return changes
        raise CredmanError(
            "others keep changing the store", hint="nothing was changed; try again in a moment"
        )

    def _warn(self, warnings: Sequence[str]) -> None:
        self.warnings.extend(w for w in warnings if w not in self.warnings)


def check_value(name: str, value: Secret) -> None:
    """Raises: UsageError: it is empty, too long, no text, or holds a NUL, which no variable can."""
    if not value:
        raise UsageError(f"the value of {name} is empty", hint="nothing was stored")
    if "\0" in value:
        raise UsageError(
            f"the value of {name} holds a NUL byte, which no environment variable can",
            hint="nothing was stored",
        )
    try:
        size = len(value.to_bytes())
    except UnicodeEncodeError:  # it would carry the value along
        raise UsageError(f"the value of {name} is not text", hint="nothing was stored") from None
    if size > MAX_VALUE_BYTES:
        raise UsageError(
            f"the value of {name} is larger than {MAX_VALUE_BYTES >> 10} KiB",
            hint="nothing was stored",
        )


def _merge_fields(fields: tuple[Field, ...], former: Token) -> tuple[Field, ...]:
    # Older versions keep their values, so their fields stay described.
    names = {f.name for f in fields}
    taken = {v for f in fields for v in f.variables}
    used = {name for version in former.versions for name in version.fields}
    kept = (
        replace(f, variables=tuple(v for v in f.variables if v not in taken))
        for f in former.fields
        if f.name in used and f.name not in names
    )
    return (*fields, *(f for f in kept if f.variables))


def _find_folded(name: str, known: Collection[str]) -> str | None:
    folded = name.casefold()
    return next((candidate for candidate in known if candidate.casefold() == folded), None)
