"""What storing, copying or renaming a token changes. Pure: decides, and does nothing.

Rule: a name or a variable that is taken is refused; nothing that is stored is lost by adding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from credman.core.errors import NameTaken, NotFound, Refused, UsageError
from credman.core.model import (
    MAX_VALUE_BYTES,
    Address,
    Environment,
    Field,
    Finding,
    Recipe,
    Schedule,
    Token,
    TokenKey,
    Version,
    VersionState,
)
from credman.core.names import BASE_ENVIRONMENT, WELL_KNOWN_ENVIRONMENTS
from credman.core.secret import Secret
from credman.core.standing import find_bar, name_with_place, refuse_unfinished
from credman.stores.base import Snapshot
from credman.stores.changes import Change, PutEnvironment, PutToken, RenameToken


@dataclass(frozen=True, slots=True)
class NewToken:
    """What ``add`` stores.

    Args:
        fields: all of its parts; values may be left out for some.
        isolated: its environment shall not inherit the base environment.
        replace: an existing token of the name gets a new version instead of a refusal.
        recipe: what prints its values from now on.
        ends_at: when the values end by themselves, by their provider or their command.
        finding: what their provider said of them.
    """

    name: str
    fields: tuple[Field, ...]
    provider: str | None = None
    note: str = ""
    schedule: Schedule = field(default_factory=Schedule)
    isolated: bool = False
    replace: bool = False
    recipe: Recipe | None = None
    ends_at: datetime | None = None
    finding: Finding | None = None


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
            hint=f"credman rotate {name_with_place(former.key)} gives it a new value, checked; "
            "--replace stores one as it is",
        )
    _refuse_taken_variables(
        key,
        new.fields,
        snapshot,
        hint="choose another variable with --var, or another environment with -e",
    )
    if former is not None:
        refuse_unfinished(former)
    present = tuple(f.name for f in new.fields if f.name in values)
    number = former.next_number if former else 1
    created_at = now.replace(microsecond=0)
    version = Version(
        number,
        VersionState.CURRENT,
        created_at,
        present,
        expires_at=new.ends_at,
        finding=new.finding,
    )
    if former is None:
        token = Token(key, new.fields, (version,))
    else:
        token = replace(former.with_version(version), fields=_merge_fields(new.fields, former))
    token = replace(
        token,
        provider=new.provider or token.provider,
        note=new.note or token.note,
        schedule=new.schedule if new.schedule != Schedule() else token.schedule,
        unsure=False,
        recipe=new.recipe,
    )
    placed = {Address(key, number, name): value for name, value in values.items()}
    changes: list[Change] = [PutToken(token, placed)]
    environment = _environment_change(key.environment, snapshot, isolated=new.isolated)
    return changes if environment is None else [environment, *changes]


def plan_copying(
    source: TokenKey,
    key: TokenKey,
    snapshot: Snapshot,
    read: Callable[[Token], Mapping[str, Secret]],
    *,
    now: datetime,
) -> list[Change]:
    """The current version becomes version 1 of the copy. It keeps its date: the copy is as old as
    its value.

    Args:
        source: what is copied.
        key: where it goes.
        snapshot: what is stored.
        read: gives the values of a token's current version; called once nothing stands against it.

    Raises:
        NotFound: the token has gone.
        Refused: it would go to where it is, or is not to be handed out.
        NameTaken: the name, or one of its variables, is taken there.
    """
    token = snapshot.find_token(source)
    if token is None:
        raise NotFound(f"{source.name} is gone: another process removed it")
    if key.folded() == token.key.folded():
        raise Refused(
            f"{token.key.name} is in environment {token.key.environment} already",
            hint="--to-env names another environment",
        )
    taken = snapshot.find_token(key)
    if taken is not None:
        raise NameTaken(
            f"there is a token named {taken.key.name} in environment {taken.key.environment}",
            hint=f"credman remove {taken.key.name} -e {taken.key.environment} makes room for it",
        )
    current = token.current
    if (bar := find_bar(token, now)) and token.recipe is None:
        raise Refused(f"{token.key.name} {bar}", hint="nothing was copied")
    fields = tuple(f for f in token.fields if f.name in current.fields)
    where = f"-e {key.environment}"
    _refuse_taken_variables(key, fields, snapshot, hint=f"credman list {where} shows what is there")
    copied = replace(
        token, key=key, fields=fields, versions=(replace(current, number=1),), rotation=None
    )
    placed = {Address(key, 1, name): value for name, value in read(token).items()}
    environment = _environment_change(key.environment, snapshot)
    return [*([] if environment is None else [environment]), PutToken(copied, placed)]


def plan_renaming(key: TokenKey, name: str, snapshot: Snapshot) -> list[Change]:
    """Args:
        key: the token's.
        name: the new one; another spelling of the old one in upper or lower case will do.

    Raises:
        NotFound: the token has gone.
        Refused: a rotation of it is not finished: whoever makes its new value looks for this name.
        NameTaken: another token of its environment and profile has the name.
    """
    token = snapshot.find_token(key)
    if token is None:
        raise NotFound(f"{key.name} is gone: another process removed it")
    refuse_unfinished(token)
    taken = snapshot.find_token(token.key._replace(name=name))
    if token.key.name == name:
        raise NameTaken(f"{name} is its name already")
    if taken is not None and taken is not token:
        raise NameTaken(
            f"there is a token named {taken.key.name} in environment {taken.key.environment}",
            hint="choose another name; nothing was changed",
        )
    return [RenameToken(token.key, name)]


def _environment_change(
    name: str, snapshot: Snapshot, *, isolated: bool = False
) -> PutEnvironment | None:
    known = next((e for e in snapshot.environments if e.name.casefold() == name.casefold()), None)
    if isolated:
        if name == BASE_ENVIRONMENT:
            raise UsageError("the base environment cannot be isolated: the others inherit it")
        return PutEnvironment(replace(known or Environment(name), isolated=True))
    if known is None and name not in WELL_KNOWN_ENVIRONMENTS:
        return PutEnvironment(Environment(name))
    return None


def _refuse_taken_variables(
    key: TokenKey, fields: Sequence[Field], snapshot: Snapshot, *, hint: str
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
                    hint=hint,
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
    except UnicodeEncodeError:
        size = -1
    if size < 0:  # raised out here: that error carries the value along
        raise UsageError(f"the value of {name} is not text", hint="nothing was stored")
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
