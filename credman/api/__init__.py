"""The Python API: tokens for programs and notebooks, without a file in clear.

``import credman`` hands these names on. Order: what the call names; ``os.environ``; the store,
never across profiles; the platform's own vault (Colab, Kaggle, Databricks); a hidden prompt where
somebody can answer; an error that names every place looked at.

Rule: success is silent. What is refused or damaged raises ``credman.CredmanError``; what ends soon
is a warning.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar, overload

from credman.api import handed, layers
from credman.api.asking import forget_typed
from credman.api.checking import check_stored, refuse_dead
from credman.api.environments import list_environment, settle
from credman.api.opening import find_runtime, opened
from credman.api.resolving import ENVIRONMENT, fail, find_scope, find_token, resolve
from credman.api.results import Check, Info, Resolution
from credman.api.storing import add_token, remove_token
from credman.api.variables import guess_variable
from credman.api.wanted import Found, Wanted, check_scope
from credman.api.wording import mask_name, rewording, worded
from credman.core.errors import UsageError
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


@worded
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
        refuse_dead([found])
    handed.note(found.values, found.sources, found.public)
    return next(iter(found.values.values()))


@worded
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
    check_scope(env, profile)
    parts = [_take(Wanted(name, env, profile), override, prompt) for name in names]
    if not names:
        parts = list_environment(env, profile)
    if check:
        refuse_dead(parts)
    for part in parts:
        settle(part, overrides=override)
    sources = _note(parts)  # nothing is set before all is known
    for variable in {v for part in parts for v in part.absent}:
        os.environ.pop(variable, None)
    for part in parts:
        for variable, value in part.values.items():
            if part.sources[variable] != ENVIRONMENT:
                os.environ[variable] = str(value)
                handed.note_set(variable, value, part.scope)
        forget_typed(part.values)
    return sources


def _take(wanted: Wanted, override: bool, prompt: bool) -> Found:
    found = resolve(wanted, asks=prompt, overrides=override, is_all=True)
    if not found.values:
        raise fail(wanted, found)
    return found


def _note(parts: Sequence[Found]) -> dict[str, str]:
    """Returns: where each variable comes from."""
    values: dict[str, Secret] = {}
    sources: dict[str, str] = {}
    public: set[str] = set()
    for part in parts:
        values |= part.values
        sources |= part.sources
        public |= part.public
    handed.note(values, sources, public)
    return sources


@contextmanager
def env(
    name: str | None = None, *, profile: str | None = None, only: Sequence[str] = ()
) -> Iterator[None]:
    """Within ``with``, all variables of an environment are set; afterwards all is as before.

    They are the process's: other threads and tasks see them meanwhile.

    Args:
        name: of the environment; None: the one that is chosen by default.
        only: names of tokens or variables; the others are left as they are.

    Raises:
        CredmanError
    """
    name, profile = mask_name(name), mask_name(profile)
    parts = _list_environment(name, profile, only)
    _note(parts)
    values: dict[str, str | None] = {}
    for part in parts:
        values |= dict.fromkeys(part.absent) | part.values
    with layers.layered(values):
        yield


@worded
def _list_environment(name: str | None, profile: str | None, only: Sequence[str]) -> list[Found]:
    check_scope(name, profile)
    return list_environment(name, profile, only)


@worded
def which(name: str, *, env: str | None = None, profile: str | None = None) -> Resolution:
    """Where a token would come from. Asks nobody, shows no value."""
    wanted = Wanted(name, env, profile)
    found = resolve(wanted, asks=False, only_looks=True)
    source = next(iter(found.sources.values()), None)
    variable = next(iter(found.sources), None) or guess_variable(wanted)
    return Resolution(name, variable, source, tuple(found.tried), found.bar)


def runtime() -> Runtime:
    """What this process runs in, whether somebody could answer a prompt, and how that is known."""
    return find_runtime()


@worded
def check(name: str, *, env: str | None = None, profile: str | None = None) -> Check:
    """Asks the provider of a stored token whether it is live; where it cannot be asked, the answer
    is ``unknown``.

    Raises:
        NotFound, CredmanError
    """
    wanted = Wanted(name, env, profile)
    scope = find_scope(wanted)
    with opened(*scope) as store:
        token = find_token(store, name) or store.session.token(name)
        [checked] = check_stored(store, [token])
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
    # Before anything can fail: a traceback may show what a variable holds.
    name, value = mask_name(name), _take_value(value)
    with rewording():
        if value is not None and not value:
            raise UsageError("the value is empty, or no text")
        add_token(
            name,
            value,
            Wanted(name, env, profile),
            provider=provider,
            variables=None if variable is None else [variable],
            replaces=replace,
            checks=check,
        )


@worded
def remove(name: str, *, env: str | None = None, profile: str | None = None) -> None:
    """Removes a token, with all of its versions; it stays valid at its provider.

    Raises:
        NotFound, CredmanError
    """
    remove_token(name, Wanted(name, env, profile))
    forget_typed()


def _take_value(value: object) -> Secret | None:
    """Returns: an empty one for what is no text; None for None."""
    if value is None or not isinstance(value, str):
        return None if value is None else Secret()
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return Secret()
    return Secret(value)


@worded
def list_tokens(*, env: str | None = None, profile: str | None = None) -> list[Info]:
    """Returns: the tokens that count in an environment, inherited ones included; no values."""
    from credman.cli.render import current_state

    check_scope(env, profile)
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
