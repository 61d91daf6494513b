"""What a whole environment gives, and what of it may be set."""

from __future__ import annotations

import os
from collections.abc import Sequence

from credman.api import handed
from credman.api.handed import Scope
from credman.api.opening import opened, warn
from credman.api.resolving import ENVIRONMENT, name_source
from credman.api.variables import list_absent
from credman.api.wanted import Found
from credman.cli.giving import prepare_tokens
from credman.core.errors import Refused
from credman.core.model import TokenKey
from credman.core.plan import refuse_files
from credman.core.secret import Secret


def list_environment(env: str | None, profile: str | None, only: Sequence[str] = ()) -> list[Found]:
    """Args: only: names of tokens or variables; none: all. Files are left out then, with a warning:
        they are only given to commands.

    Returns:
        What an environment gives, by token.

    Raises:
        Refused: one of the tokens has expired, was revoked or is compromised.
        NotFound: something in ``only`` is not there.
    """
    scope = Scope(env, profile)
    with opened(*scope) as store:
        session = store.session
        plan = prepare_tokens(store.invocation, session, session.plan(only), only)
        if only:
            refuse_files(plan)
        for name in dict.fromkeys(e.token.key.name for e in plan if e.field.is_file):
            warn(f"{name} is a file, and is left out: credman exec gives it to a command")
        plan = [entry for entry in plan if not entry.field.is_file]
        values = session.reveal(plan)
        catalogue = store.invocation.context.catalogue
    parts: dict[TokenKey, Found] = {}
    for entry in plan:
        key = entry.token.key
        part = parts.get(key)
        if part is None:
            absent = set() if only else list_absent(catalogue, entry.token)
            part = parts[key] = Found(scope=scope, key=key, absent=absent)
        part.add(entry.variable, values[entry.variable], name_source(key))
        if not entry.field.secret:
            part.public.add(entry.variable)
    given = {variable for part in parts.values() for variable in part.values}
    for part in parts.values():
        part.absent -= given
    return [*parts.values()]


def settle(part: Found, *, overrides: bool) -> None:
    """What is set already stays as it is; parts of two tokens are never put together.

    Args: part: all of one token.

    Raises:
        Refused: a part of it is set to something else, and the rest is not set.
    """
    here = {v: os.environ.get(v, "") for v in (*part.values, *part.absent)}
    taken = {v: Secret(x) for v, x in here.items() if x.strip() and not handed.is_own(v, x)}
    del here
    if overrides or not taken:
        return
    kept = [v for v in taken if v in part.values]
    other = [v for v in taken if v not in kept or taken[v] != part.values[v]]
    if len(kept) == len(part.values):
        part.absent.clear()  # none of it is this token's
    elif other:
        raise Refused(
            f"{', '.join(other)} is set to another value, and the rest of the token is not set",
            hint="override=True sets all of it; or unset it first",
        )
    for variable in kept:
        part.add(variable, taken[variable], ENVIRONMENT)
