"""Asking whoever sits there, and keeping what they typed."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from credman.api.opening import find_runtime, make_invocation, warn
from credman.api.storing import add_token
from credman.api.variables import VARIABLE, list_public
from credman.api.wanted import Found, Wanted
from credman.cli.values import find_provider
from credman.core.errors import CredmanError
from credman.core.secret import Secret
from credman.stores.sources.asking import clean

_TYPED = "typed"
_typed: dict[str, Secret] = {}
"""What somebody typed in this process and did not keep, by variable."""


def take_from_person(
    found: Found, variables: Sequence[str], wanted: Wanted, *, overrides: bool, is_all: bool
) -> bool:
    """Args: overrides: what was typed before does not count.

    Returns:
        Whether all of it was typed.
    """
    asked = [v for v in variables if v not in found.values]
    asked = asked if is_all else asked[:1]
    if not overrides and all(variable in _typed for variable in asked):  # nobody types it twice
        _take(found, {variable: _typed[variable] for variable in asked})
        return True
    terminal = make_invocation(wanted.env, wanted.profile)[0].context.terminal
    if not find_runtime().can_ask or not terminal.is_available():
        found.tried.append(("a prompt", _tell_why_nobody()))
        return False
    public = list_public(asked)
    values: dict[str, Secret] = {}
    for variable in asked:
        if variable in public:
            value = Secret(clean(terminal.read_line(f"{variable}: ")))
        else:
            value = Secret(clean(terminal.read_hidden(f"{variable} (hidden): ")))
        if not value:
            found.tried.append(("a prompt", "nothing was typed"))
            return False
        values[variable] = value
    _take(found, values)
    _typed.update(values)
    may_keep = find_runtime().can_write and len(asked) == len(variables if is_all else asked)
    if may_keep and terminal.confirm("keep it in credman?") and _keep(wanted, values):
        forget_typed(values)
    return True


def forget_typed(variables: Sequence[str] | Mapping[str, object] | None = None) -> None:
    """It is asked for again. Args: variables: None: all."""
    for variable in [*_typed] if variables is None else variables:
        _typed.pop(variable, None)


def _take(found: Found, values: Mapping[str, Secret]) -> None:
    for variable, value in values.items():
        found.add(variable, value, _TYPED)
    found.public |= list_public(values)


def _tell_why_nobody() -> str:
    if find_runtime().can_ask and threading.current_thread() is not threading.main_thread():
        return "only the main thread can ask"
    return "nobody is here to answer"


def _keep(wanted: Wanted, values: Mapping[str, Secret]) -> bool:
    name, variables = wanted.name, None
    first = next(iter(values))
    if VARIABLE.fullmatch(name):
        catalogue = make_invocation(None, None)[0].context.catalogue
        provider = find_provider(catalogue, [first])
        if provider is None or provider.fields[0].variables[0] != first:
            name, variables = name.lower(), [first]
        else:
            name = (provider.aliases or (provider.name,))[0]
    lines = [f"{variable}={value}\n" for variable, value in values.items()]
    value = values[first] if len(values) == 1 else Secret("".join(lines))
    del lines
    try:
        add_token(name, value, wanted, variables=variables)
    except CredmanError as error:
        warn(f"it was not kept: {error.message}")
        return False
    return True
