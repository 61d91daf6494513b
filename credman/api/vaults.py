"""The vault of the platform, where this runs on one that has one."""

from __future__ import annotations

import os
from collections.abc import Sequence

from credman.api.asking import forget_typed
from credman.api.opening import find_runtime, find_shell, warn
from credman.api.variables import list_public
from credman.api.wanted import Found


def take_from_vault(found: Found, variables: Sequence[str], *, is_all: bool) -> bool:
    """Returns: whether it has what is asked for. It is warned of what it refuses."""
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
            found.public |= list_public([variable])
            if not is_all:
                return True
        else:
            found.tried.append((source.title, answer.reason))
            found.hint = found.hint or answer.hint
            if answer.state is not State.MISSING:
                warn(f"{source.title}: {answer.reason}")
    return all(variable in found.values for variable in variables)


def ask_vault_anew() -> None:
    """The platform's vault is asked again also for what it refused, or did not answer; and a person
    for what was typed."""
    forget_typed()
    vault = find_runtime().vault
    if vault is None:
        return
    from credman.stores.sources import find_source

    source = find_source(vault, find_shell(), os.environ)
    if source is not None:
        source.forget()
        source.revive()
