"""Where a token comes from: the environment, the store, the platform's vault, a person.

Rules: what names an environment or a profile means the store alone; profiles are never crossed; a
token that may not be handed out (expired, revoked, exposed to others) is refused, and no older
value is taken from elsewhere in its place.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime

from credman.api import handed
from credman.api.asking import take_from_person
from credman.api.handed import Scope
from credman.api.opening import Opened, opened
from credman.api.variables import (
    VARIABLE,
    guess_variable,
    guess_variables,
    is_part,
    list_absent,
    list_others,
    list_public,
)
from credman.api.vaults import take_from_vault
from credman.api.wanted import Found, Wanted
from credman.cli.giving import prepare_token
from credman.core.errors import CredmanError, Locked, NotFound, Refused, Unavailable, UsageError
from credman.core.model import Token, TokenKey
from credman.core.names import check_name
from credman.core.secret import Secret
from credman.core.standing import find_bar

ENVIRONMENT = "environment"
"""What a variable that was set already comes from."""


def resolve(
    wanted: Wanted,
    *,
    asks: bool,
    overrides: bool = False,
    is_all: bool = False,
    only_looks: bool = False,
) -> Found:
    """Args:
        asks: somebody may be asked.
        overrides: what the environment has does not count.
        is_all: all variables of a token, as ``load`` sets them; else the one that carries its
            secret.
        only_looks: nothing is handed out or made anew: of what is stored there is no value.

    Returns:
        The values, and where they come from; none: they are nowhere.

    Raises:
        Refused: it may not be handed out.
        UsageError: it has several secret parts, and none was named.
        CredmanError: the store is damaged, or there is no environment of this name.
    """
    variables = guess_variables(wanted, is_all=is_all)
    found = Found(scope=Scope(wanted.env, wanted.profile))
    if not (wanted.means_store or overrides):
        found.scope = _find_own_scope(variables) or found.scope
        if is_part(wanted) and _take_from_environment(found, variables, wanted, is_all=is_all):
            return found
    if _take_from_store(found, wanted, overrides=overrides, is_all=is_all, only_looks=only_looks):
        return found
    if not variables:
        raise _say_several(wanted.name, guess_variables(wanted, is_all=True))
    if not wanted.means_store:
        if not overrides and _take_own(found, variables, is_all=is_all):
            return found
        if take_from_vault(found, variables, is_all=is_all):
            return found
        if asks and take_from_person(found, variables, wanted, overrides=overrides, is_all=is_all):
            return found
    if is_all:
        found.values.clear()  # a half of it would be taken for all
        found.sources.clear()
    return found


def find_scope(wanted: Wanted) -> Scope:
    """Returns: what the call names; else where ``load`` looked up what the environment has."""
    own = None if wanted.means_store else _find_own_scope(guess_variables(wanted, is_all=True))
    return own or Scope(wanted.env, wanted.profile)


def _find_own_scope(variables: Sequence[str]) -> Scope | None:
    scopes = (handed.find_scope(v, os.environ.get(v, "")) for v in variables)
    return next((scope for scope in scopes if scope is not None), None)


def fail(wanted: Wanted, found: Found) -> CredmanError:
    """Returns: the error that names every place that was looked at. Where the store could not be
    looked into, it is of that kind: the token may well be there."""
    looked = ", ".join(f"{place} ({why})" for place, why in found.tried)
    message = f"no token {wanted.name}: looked in {looked}"
    hint = found.hint or _tell_how_to_store(wanted)
    error = found.obstacle
    if error is None:
        return NotFound(message, hint=hint)
    error.message, error.hint, error.args = message, hint, (message,)
    return error.with_traceback(None)


def _tell_how_to_store(wanted: Wanted) -> str:
    name = wanted.name if not VARIABLE.fullmatch(wanted.name) else wanted.name.lower()
    try:
        check_name("token", name)
    except UsageError:  # a variable may be longer, or begin with a line
        name = f"NAME --var {wanted.name}"
    place = "" if wanted.env is None else f" -e {wanted.env}"
    place += "" if wanted.profile is None else f" -p {wanted.profile}"
    other = "" if wanted.means_store else f", or set {guess_variable(wanted)}"
    return f"credman add {name}{place} stores it{other}"


def _take_from_environment(
    found: Found, variables: Sequence[str], wanted: Wanted, *, is_all: bool
) -> bool:
    missing: list[str] = []
    for variable in variables:
        others = list_others(variable, wanted) if is_all else []
        source = next((v for v in (variable, *others) if _is_set(v)), None)
        if source is None:
            missing += [variable, *others]
        elif is_all or not found.values:
            place = ENVIRONMENT if source == variable else f"{ENVIRONMENT}: {source}"
            found.add(variable, Secret(os.environ[source]), place)
    if found.values:
        found.public |= list_public(found.values)
    if missing:
        own = [v for v in missing if handed.is_own(v, os.environ.get(v, ""))]
        unset = [v for v in missing if v not in own]
        said = [f"{', '.join(unset)} not set"] if unset else []
        said += [f"{', '.join(own)} set by load"] if own else []
        found.tried.append((ENVIRONMENT, ", ".join(said)))
    return bool(variables) and not missing if is_all else bool(found.values)


def _is_set(variable: str) -> bool:
    value = os.environ.get(variable, "")
    return value.strip() != "" and not handed.is_own(variable, value)


def _take_own(found: Found, variables: Sequence[str], *, is_all: bool) -> bool:
    """What was loaded before, where it cannot be looked up again."""
    for variable in variables:
        value = os.environ.get(variable, "")
        if handed.is_own(variable, value) and (is_all or not found.values):
            found.add(variable, Secret(value), handed.list_sources()[variable])
    return all(v in found.values for v in variables) if is_all else bool(found.values)


def _take_from_store(
    found: Found, wanted: Wanted, *, overrides: bool, is_all: bool, only_looks: bool
) -> bool:
    try:
        with opened(*found.scope) as store:
            if not store.session.store.exists():
                found.tried.append(("store", "nothing is stored yet"))
                return False
            token = find_token(store, wanted.name)
            if token is None:
                found.tried.append(("store", f"none in {_name_place(store)}"))
                return False
            found.values.clear()  # no part of it from elsewhere
            found.sources.clear()
            found.key = token.key
            if only_looks:
                found.bar = find_bar(token, datetime.now(UTC)) or ""
                found.sources[_find_variable(token, wanted)] = name_source(token.key)
                return True
            _hand_out(found, store, token, wanted, overrides=overrides, is_all=is_all)
            return True
    except NotFound as error:
        if found.scope == Scope(wanted.env, wanted.profile):
            raise
        found.tried.append(("store", error.message))  # where load found it there is nothing more
        return False
    except (Locked, Unavailable) as error:
        if wanted.means_store:
            raise
        found.tried.append(("store", error.message))
        found.obstacle, found.hint = error, found.hint or error.hint
        return False


def find_token(store: Opened, name: str) -> Token | None:
    """Args: name: of a token, a variable or a provider.

    Returns:
        The one that counts there; None: there is none, or there are several of that provider.

    Raises:
        NotFound: there is no such environment.
    """
    visible = store.session.visible()
    folded = name.casefold()
    for token in visible:
        if token.key.name.casefold() == folded:
            return token
    for token in visible:
        if folded in (variable.casefold() for variable in token.variables):
            return token
    provider = store.invocation.context.catalogue.find(name)
    of_provider = [t for t in visible if provider is not None and t.provider == provider.name]
    return of_provider[0] if len(of_provider) == 1 else None


def _name_place(store: Opened) -> str:
    session = store.session
    return f"environment {session.environment().name}, profile {session.profile()}"


def _hand_out(
    found: Found, store: Opened, token: Token, wanted: Wanted, *, overrides: bool, is_all: bool
) -> None:
    token = prepare_token(store.invocation, store.session, token)
    values = store.session.hand_out(token)
    key, source = token.key, name_source(token.key)
    by_variable = {
        variable: f for f in token.present_fields for variable in f.variables if f.name in values
    }
    named = next((v for v in by_variable if v.casefold() == wanted.name.casefold()), None)
    if is_all and named is None:
        chosen = list(by_variable)
        found.absent = list_absent(store.invocation.context.catalogue, token)
    else:
        chosen = [_choose(token, list(values), wanted.field or named)]
    for variable in chosen:
        if by_variable[variable].is_file:
            raise Refused(
                f"{key.name} is a file, which is only given to a command that is run",
                hint="credman exec gives it as a file",
            )
        if not by_variable[variable].secret:
            found.public.add(variable)
        if _is_set(variable) and not (overrides or wanted.means_store or is_all):
            # The names that were known before were other ones.
            found.add(variable, Secret(os.environ[variable]), ENVIRONMENT)
        else:
            found.add(variable, values[by_variable[variable].name], source)


def _find_variable(token: Token, wanted: Wanted) -> str:
    named = (wanted.field or wanted.name).casefold()
    secret = next((f for f in token.fields if f.secret), token.fields[0])
    return next((v for v in token.variables if v.casefold() == named), secret.variables[0])


def name_source(key: TokenKey) -> str:
    """Returns: where a stored token comes from, in words."""
    profile = "" if key.profile.casefold() == "default" else f", {key.profile}"
    return f"store: {key.name} ({key.environment}{profile})"


def _choose(token: Token, present: Sequence[str], wanted: str | None) -> str:
    if wanted is not None:
        chosen = token.find_field(wanted)
        if chosen is None or chosen.name not in present:
            raise NotFound(
                f"{token.key.name} has no field of that name", hint=f"it has {', '.join(present)}"
            )
        return wanted if wanted in chosen.variables else chosen.variables[0]
    secret = [f for f in token.fields if f.secret and f.name in present]
    if len(secret) > 1:
        raise _say_several(token.key.name, [f.name for f in secret])
    return secret[0].name if secret else present[0]


def _say_several(name: str, fields: Sequence[str]) -> UsageError:
    return UsageError(
        f"{name} has several secret fields", hint=f"field={' or '.join(map(repr, fields))}"
    )
