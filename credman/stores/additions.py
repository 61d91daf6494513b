"""What storing a new token changes. Pure: decides, and does nothing.

Rule: a name or a variable that is taken is refused; nothing that is stored is lost by adding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from credman.core.errors import NameTaken, UsageError
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
from credman.core.names import BASE_ENVIRONMENT, WELL_KNOWN_ENVIRONMENTS
from credman.core.secret import Secret
from credman.stores.base import Snapshot
from credman.stores.changes import Change, PutEnvironment, PutToken


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


def plan_addition(
    new: NewToken,
    values: Mapping[str, Secret],
    key: TokenKey,
    snapshot: Snapshot,
    *,
    now: datetime,
) -> list[Change]:
    """Args:
        values: by field name; empty when only asking whether it may be stored.
        key: where it goes.
        snapshot: what is stored.

    Raises:
        NameTaken: the name, or one of its variables, is taken there.
        UsageError: the base environment was to be isolated.
    """
    former = snapshot.find_token(key)
    if former is not None and not new.replace:
        raise NameTaken(
            f"there is a token named {former.key.name} in environment {former.key.environment}",
            hint="--replace gives it a new version, and keeps the old one as retiring",
        )
    _refuse_taken_variables(key, new.fields, snapshot)
    present = tuple(f.name for f in new.fields if f.name in values)
    number = 1 + max((v.number for v in former.versions), default=0) if former else 1
    created_at = now.replace(microsecond=0)
    version = Version(number, VersionState.CURRENT, created_at, present)
    if former is None:
        token = Token(key, new.fields, (version,))
    else:
        token = replace(former.with_version(version), fields=_merge_fields(new.fields, former))
    token = replace(
        token,
        provider=new.provider or token.provider,
        note=new.note or token.note,
        schedule=new.schedule if new.schedule != Schedule() else token.schedule,
    )
    placed = {Address(key, number, name): value for name, value in values.items()}
    changes: list[Change] = [PutToken(token, placed)]
    environment = _environment_change(new, key.environment, snapshot)
    return changes if environment is None else [environment, *changes]


def _environment_change(new: NewToken, name: str, snapshot: Snapshot) -> PutEnvironment | None:
    known = next((e for e in snapshot.environments if e.name.casefold() == name.casefold()), None)
    if new.isolated:
        if name == BASE_ENVIRONMENT:
            raise UsageError("the base environment cannot be isolated: the others inherit it")
        return PutEnvironment(replace(known or Environment(name), isolated=True))
    if known is None and name not in WELL_KNOWN_ENVIRONMENTS:
        return PutEnvironment(Environment(name))
    return None


def _refuse_taken_variables(key: TokenKey, fields: Sequence[Field], snapshot: Snapshot) -> None:
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
