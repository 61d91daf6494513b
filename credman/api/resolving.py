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
from credman.api.opening import (
    Opened,
    find_runtime,
    find_shell,
    make_invocation,
    opened,
    warn,
)
from credman.api.storing import add_token
from credman.api.variables import (
    VARIABLE,
    guess_variable,
    guess_variables,
    is_part,
    list_others,
    list_public,
)
from credman.api.wanted import Found, Wanted
from credman.cli.giving import prepare_token
from credman.cli.values import find_provider
from credman.core.errors import CredmanError, Locked, NotFound, Refused, Unavailable, UsageError
from credman.core.model import Token
from credman.core.secret import Secret
from credman.core.standing import find_bar

ENVIRONMENT = "environment"
"""What a variable that was set already comes from."""
_TYPED = "typed"
_typed: dict[str, Secret] = {}
"""What somebody typed in this process, by variable."""


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
    found = Found()
    variables = guess_variables(wanted, is_all=is_all)
    counts = not (wanted.means_store or overrides) and is_part(wanted)
    if counts and _take_from_environment(found, variables, wanted, is_all=is_all):
        return found
    if _take_from_store(found, wanted, overrides=overrides, is_all=is_all, only_looks=only_looks):
        return found
    if not wanted.means_store:
        if _take_own(found, variables, is_all=is_all):
            return found
        if _take_from_vault(found, variables, is_all=is_all):
            return found
        if asks and _take_from_person(found, variables, wanted, is_all=is_all):
            return found
    if is_all:
        found.values.clear()  # a half of it would be taken for all
        found.sources.clear()
    return found


def fail(wanted: Wanted, found: Found) -> NotFound:
    """Returns: the error that names every place that was looked at."""
    looked = ", ".join(f"{place} ({why})" for place, why in found.tried)
    name = wanted.name if not VARIABLE.fullmatch(wanted.name) else wanted.name.lower()
    place = "" if wanted.env is None else f" -e {wanted.env}"
    place += "" if wanted.profile is None else f" -p {wanted.profile}"
    other = "" if wanted.means_store else f", or set {guess_variable(wanted)}"
    hint = found.hint or f"credman add {name}{place} stores it{other}"
    return NotFound(f"no token {wanted.name}: looked in {looked}", hint=hint)


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
        found.tried.append((ENVIRONMENT, f"{', '.join(missing)} not set"))
    return not missing if is_all else bool(found.values)


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
        with opened(wanted.env, wanted.profile) as store:
            if not store.session.store.exists():
                found.tried.append(("store", "nothing is stored yet"))
                return False
            token = _find_token(store, wanted)
            if token is None:
                found.tried.append(("store", f"none in {_name_place(store)}"))
                return False
            found.values.clear()  # no part of it from elsewhere
            found.sources.clear()
            if only_looks:
                bar = find_bar(token, datetime.now(UTC))
                source = _name_source(token) + (f", {bar}" if bar else "")
                found.sources[_find_variable(token, wanted)] = source
                return True
            _hand_out(found, store, token, wanted, overrides=overrides, is_all=is_all)
            return True
    except Refused:
        raise
    except (Locked, Unavailable) as error:
        if wanted.means_store:
            raise
        found.tried.append(("store", error.message))
        found.obstacle, found.hint = error, found.hint or error.hint
        return False


def _find_token(store: Opened, wanted: Wanted) -> Token | None:
    session = store.session
    visible = session.visible()  # says so if there is no such environment
    folded = wanted.name.casefold()
    for token in visible:
        if token.key.name.casefold() == folded:
            return token
    for token in visible:
        if folded in (variable.casefold() for variable in token.variables):
            return token
    provider = store.invocation.context.catalogue.find(wanted.name)
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
    key, source = token.key, _name_source(token)
    by_variable = {
        variable: f for f in token.present_fields for variable in f.variables if f.name in values
    }
    named = next((v for v in by_variable if v.casefold() == wanted.name.casefold()), None)
    if is_all and named is None:
        chosen = list(by_variable)
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


def _name_source(token: Token) -> str:
    key = token.key
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
        raise UsageError(
            f"{token.key.name} has several secret fields",
            hint=f"field={' or '.join(repr(f.name) for f in secret)}",
        )
    return secret[0].name if secret else present[0]


def _take_from_vault(found: Found, variables: Sequence[str], *, is_all: bool) -> bool:
    vault = find_runtime().vault
    if vault is None:
        return False
    from credman.stores.sources import find_source
    from credman.stores.sources.asking import State

    source = find_source(vault, find_shell(), os.environ)
    if source is None:
        return False
    for variable in variables:
        if variable in found.values:
            continue
        answer = source.ask(variable)
        if answer.state is State.FOUND and answer.value is not None:
            found.add(variable, answer.value, source.title)
            if not is_all:
                return True
        else:
            found.tried.append((source.title, answer.reason))
            found.hint = found.hint or answer.hint
            if answer.state is not State.MISSING:
                warn(f"{source.title}: {answer.reason}")
    return all(variable in found.values for variable in variables)


def _take_from_person(
    found: Found, variables: Sequence[str], wanted: Wanted, *, is_all: bool
) -> bool:
    asked = [v for v in variables if v not in found.values]
    asked = asked if is_all else asked[:1]
    if all(variable in _typed for variable in asked):  # nobody types it twice
        for variable in asked:
            found.add(variable, _typed[variable], _TYPED)
        return True
    invocation, _ = make_invocation(wanted.env, wanted.profile)
    terminal = invocation.context.terminal
    if not find_runtime().can_ask or not terminal.is_available():
        found.tried.append(("a prompt", "nobody is here to answer"))
        return False
    for variable in asked:
        value = terminal.read_hidden(f"{variable} (hidden): ")
        if not value:
            found.tried.append(("a prompt", "nothing was typed"))
            return False
        found.add(variable, value, _TYPED)
        _typed[variable] = value
    may_keep = len(asked) == 1 and find_runtime().can_write
    if may_keep and terminal.confirm("keep it in credman?"):
        _keep(wanted, asked[0], found.values[asked[0]])
    return True


def ask_vault_anew() -> None:
    """The platform's vault is asked again also for what it refused, or did not answer."""
    vault = find_runtime().vault
    if vault is None:
        return
    from credman.stores.sources import find_source

    source = find_source(vault, find_shell(), os.environ)
    if source is not None:
        source.forget()
        source.revive()


def _keep(wanted: Wanted, variable: str, value: Secret) -> None:
    name, variables = wanted.name, None
    if VARIABLE.fullmatch(name):
        catalogue = make_invocation(None, None)[0].context.catalogue
        provider = find_provider(catalogue, [variable])
        if provider is None or provider.fields[0].variables[0] != variable:
            name, variables = name.lower(), [variable]
        else:
            name = (provider.aliases or (provider.name,))[0]
    try:
        add_token(name, value, wanted, variables=variables)
    except CredmanError as error:
        warn(f"it was not kept: {error.message}")
