"""The Python API: tokens for programs and notebooks, without a file in clear.

``import credman`` hands these names on. Order: what the call names; ``os.environ``; the store,
never across profiles; the platform's own vault (Colab, Kaggle, Databricks); a hidden prompt where
somebody can answer; an error that names every place looked at.

Rule: success is silent. What is refused or damaged raises ``credman.CredmanError``; what ends soon
is a warning.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar, overload

from credman.api import handed, layers
from credman.api.opening import find_runtime, opened
from credman.api.resolving import ENVIRONMENT, fail, resolve
from credman.api.results import Check, Info, Resolution
from credman.api.storing import add_token, remove_token
from credman.api.variables import guess_variable
from credman.api.wanted import Found, Wanted
from credman.core.errors import Refused, UsageError
from credman.core.model import TokenKey
from credman.core.plan import refuse_files
from credman.core.runtimes import Runtime
from credman.core.secret import Secret

_MISSING = object()


_T = TypeVar("_T")


@overload
def get(
    name: str,
    *,
    env: str | None = None,
    profile: str | None = None,
    field: str | None = None,
    prompt: bool = True,
    check: bool = False,
) -> Secret: ...


@overload
def get(
    name: str,
    *,
    env: str | None = None,
    profile: str | None = None,
    field: str | None = None,
    default: _T,
    prompt: bool = True,
    check: bool = False,
) -> Secret | _T: ...


def get(
    name: str,
    *,
    env: str | None = None,
    profile: str | None = None,
    field: str | None = None,
    default: object = _MISSING,
    prompt: bool = True,
    check: bool = False,
) -> object:
    """One value.

    Args:
        name: of a token (``hf``), a provider or a variable (``HF_TOKEN``).
        env, profile: where it is stored; then ``os.environ`` and vaults do not count.
        field: which part, of a token with several.
        default: given in place of an error where it is nowhere; then nobody is asked.
        prompt: somebody may be asked, if somebody is there.
        check: ask its provider first; one that is dead is refused.

    Returns:
        A ``str`` whose ``repr`` is masked.

    Raises:
        NotFound: it is nowhere; the message names every place.
        Refused: it has expired, was revoked, is compromised, or (with ``check``) is dead.
        CredmanError
    """
    wanted = Wanted(name, env, profile, field)
    found = resolve(wanted, asks=prompt and default is _MISSING)
    if not found.values:
        if default is not _MISSING:
            if found.obstacle is not None:
                raise found.obstacle  # it may well be there
            return default
        raise fail(wanted, found)
    if check:
        _refuse_dead([name], env, profile, found)
    handed.note(found.values, found.sources, found.public)
    return next(iter(found.values.values()))


def load(
    *names: str,
    env: str | None = None,
    profile: str | None = None,
    override: bool = False,
    prompt: bool = True,
    check: bool = False,
) -> dict[str, str]:
    """Sets environment variables of this process: libraries, and processes that it starts, see
    them.

    Args:
        names: of tokens, providers or variables; none: all of the environment ``env``.
        env, profile: where they are stored.
        override: what is set already is set anew; else it stays as it is.
        prompt: somebody may be asked.
        check: as of ``get``.

    Returns:
        Where each variable comes from.

    Raises:
        As ``get``; nothing was set then.
    """
    parts = [_take(name, env, profile, override, prompt, check) for name in names]
    if not names:
        parts = _list_environment(env, profile)
    for part in parts:
        _settle(part, override=override)
    sources: dict[str, str] = {}
    for part in parts:  # nothing is set before all is known
        handed.note(part.values, part.sources, part.public)
        sources |= part.sources
        for variable, value in part.values.items():
            if part.sources[variable] != ENVIRONMENT:
                os.environ[variable] = str(value)
                handed.note_set(variable, str(value))
    return sources


def _take(
    name: str, env: str | None, profile: str | None, override: bool, prompt: bool, check: bool
) -> Found:
    wanted = Wanted(name, env, profile)
    found = resolve(wanted, asks=prompt, overrides=override, is_all=True)
    if not found.values:
        raise fail(wanted, found)
    if check:
        _refuse_dead([name], env, profile, found)
    return found


def _settle(part: Found, *, override: bool) -> None:
    """What is set already stays as it is; parts of two tokens are never put together.

    Args: part: all of one token.

    Raises:
        Refused: a part of it is set to something else, and the rest is not set.
    """
    here = {v: os.environ.get(v, "") for v in part.values}
    taken = {v: x for v, x in here.items() if x.strip() and not handed.is_own(v, x)}
    if override or not taken:
        return
    other = [v for v, value in taken.items() if value != part.values[v]]
    if other and len(taken) < len(part.values):
        raise Refused(
            f"{', '.join(other)} is set to another value, and the rest of the token is not set",
            hint="override=True sets all of it; or unset it first",
        )
    for variable, value in taken.items():
        part.add(variable, Secret(value), ENVIRONMENT)


@contextmanager
def env(name: str | None = None, *, profile: str | None = None) -> Iterator[None]:
    """Within ``with``, all variables of an environment are set; afterwards all is as before.

    Args: name: of the environment; None: the one that is chosen by default.

    Raises:
        CredmanError
    """
    parts = _list_environment(name, profile)
    for part in parts:
        handed.note(part.values, part.sources, part.public)
    with layers.layered({v: str(value) for part in parts for v, value in part.values.items()}):
        yield


def _list_environment(env: str | None, profile: str | None) -> list[Found]:
    """Returns: what an environment gives, by token."""
    from credman.cli.giving import prepare_tokens

    with opened(env, profile) as store:
        plan = prepare_tokens(store.invocation, store.session, store.session.plan(), ())
        refuse_files(plan)
        values = store.session.reveal(plan)
    parts: dict[TokenKey, Found] = {}
    for entry in plan:
        key = entry.token.key
        part = parts.setdefault(key, Found())
        part.add(entry.variable, values[entry.variable], f"store: {key.name} ({key.environment})")
        if not entry.field.secret:
            part.public.add(entry.variable)
    return [*parts.values()]


def which(name: str, *, env: str | None = None, profile: str | None = None) -> Resolution:
    """Where a token would come from. Asks nobody, shows no value."""
    wanted = Wanted(name, env, profile)
    found = resolve(wanted, asks=False, only_looks=True)
    source = next(iter(found.sources.values()), None)
    variable = next(iter(found.sources), None) or guess_variable(wanted)
    return Resolution(name, variable, source, tuple(found.tried))


def runtime() -> Runtime:
    """What this process runs in, whether somebody could answer a prompt, and how that is known."""
    return find_runtime()


def check(name: str, *, env: str | None = None, profile: str | None = None) -> Check:
    """Asks the provider of a stored token whether it is live; where it cannot be asked, the answer
    is ``unknown``.

    Raises:
        NotFound, CredmanError
    """
    Wanted(name, env, profile)
    from credman.upkeep.checking import check_tokens, remember_if_possible

    with opened(env, profile) as store:
        token = store.session.token(name)
        invocation = store.invocation
        [checked] = check_tokens(
            store.session, invocation.providers, [token], apart=invocation.apart
        )
        remember_if_possible(store.session, [checked])
    verdict = checked.verdict
    return Check(
        token.key.name,
        verdict.liveness.value,
        verdict.reason,
        verdict.identity,
        verdict.scopes,
        verdict.expires_at,
    )


def add(
    name: str,
    value: str | None = None,
    *,
    env: str | None = None,
    profile: str | None = None,
    provider: str | None = None,
    variable: str | None = None,
    replace: bool = False,
    check: bool = True,
) -> None:
    """Stores a token, as ``credman add`` does.

    Args:
        value: None: it is asked for, hidden. One that is written into a notebook is saved with it.
        provider, variable: as ``--provider`` and ``--var``.
        replace: a token of this name gets a new version.
        check: look whether it looks right and works.

    Raises:
        NameTaken, UsageError, CredmanError
    """
    if value is not None and not (isinstance(value, str) and value):
        raise UsageError("the value is empty, or no text")
    try:
        (value or "").encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise UsageError("the value is no text") from None  # the error holds it
    add_token(
        name,
        None if value is None else Secret(value),
        Wanted(name, env, profile),
        provider=provider,
        variables=None if variable is None else [variable],
        replaces=replace,
        checks=check,
    )


def remove(name: str, *, env: str | None = None, profile: str | None = None) -> None:
    """Removes a token, with all of its versions; it stays valid at its provider.

    Raises:
        NotFound, CredmanError
    """
    remove_token(name, Wanted(name, env, profile))


def list_tokens(*, env: str | None = None, profile: str | None = None) -> list[Info]:
    """Returns: the tokens that count in an environment, inherited ones included; no values."""
    from credman.cli.render import current_state

    with opened(env, profile) as store:
        tokens = store.session.visible() if store.session.store.exists() else []
    return [
        Info(
            token.key.name,
            token.key.environment,
            token.key.profile,
            token.provider,
            token.variables,
            token.current.number,
            token.current.created_at,
            token.expires_at,
            current_state(token),
        )
        for token in tokens
    ]


def _refuse_dead(names: list[str], env: str | None, profile: str | None, found: Found) -> None:
    if not any(source.startswith("store:") for source in found.sources.values()):
        return  # nothing is known of it but its value
    for name in names:
        answer = check(name, env=env, profile=profile)
        if answer.state == "dead":
            raise Refused(
                f"{name} is dead: {answer.reason}", hint=f"credman rotate {name} makes a new one"
            )
