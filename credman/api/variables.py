"""Which variables carry what was asked for, as far as it is known without opening the store."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from credman.api.opening import make_invocation
from credman.api.wanted import Wanted
from credman.core.model import Token
from credman.core.names import check_variable_grammar, is_denied_variable, variable_from_name
from credman.providers.catalogue import Catalogue, Provider

VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
"""What is taken for the name of a variable, and not of a token."""


def guess_variable(wanted: Wanted) -> str:
    """Returns: the variable that carries it, as far as it is known without opening the store."""
    found = guess_variables(wanted, is_all=False) or guess_variables(wanted, is_all=True)
    return found[0]


def guess_variables(wanted: Wanted, *, is_all: bool) -> list[str]:
    """Args: is_all: one for each part of it; else those that carry its secret.

    Returns:
        The most usual one first; nothing if it has several secrets.
    """
    if wanted.field is not None:
        return [check_variable_grammar(wanted.field)]
    name = wanted.name
    if VARIABLE.fullmatch(name):
        return [name]
    invocation, _ = make_invocation(wanted.env, wanted.profile)
    names = invocation.recall_names()
    catalogue = invocation.context.catalogue
    for token in () if names is None else names.tokens:
        if token.key.name.casefold() == name.casefold():
            return list(token.variables) if is_all else _list_same_of(catalogue, token)
    provider = catalogue.find(name)
    if provider is None:
        guessed = variable_from_name(name)
        return [name] if name in os.environ else [guessed]
    needed = [f for f in provider.fields if not f.optional]
    if is_all:
        return [f.variables[0] for f in needed]
    secret = [f for f in needed if f.secret] or needed
    return [] if len(secret) > 1 else [*secret[0].variables, *secret[0].also]


def _list_same_of(catalogue: Catalogue, token: Token) -> list[str]:
    """Returns: what carries the secret of a token, its own variables first."""
    present = token.present_fields or token.fields
    secret = [f for f in present if f.secret] or list(present)
    if len(secret) > 1:
        return []
    variables = secret[0].variables
    provider = catalogue.find(token.provider) if token.provider else None
    return [*dict.fromkeys((*variables, *_list_same(provider, variables[0])))]


def _list_same(provider: Provider | None, variable: str) -> list[str]:
    """Returns: the variable, and those that carry the same for the provider."""
    known = None if provider is None else provider.find_field(variable)
    others = () if known is None else (*known.variables, *known.also)
    return [variable, *(v for v in others if v != variable)]


def is_part(wanted: Wanted) -> bool:
    """Whether a field that is named is known to belong to it, without opening the store."""
    if wanted.field is None:
        return True
    provider = make_invocation(None, None)[0].context.catalogue.find(wanted.name)
    return provider is not None and provider.find_field(wanted.field) is not None


def list_others(variable: str, wanted: Wanted) -> list[str]:
    """Returns: what carries the same for its provider; nothing for whoever named one of them."""
    if VARIABLE.fullmatch(wanted.name):
        return []
    catalogue = make_invocation(None, None)[0].context.catalogue
    provider = catalogue.find_by_variable(variable)
    return _list_same(provider, variable)[1:]


def list_public(variables: Iterable[str]) -> set[str]:
    """Returns: those of variables that are set whose values are no secrets."""
    catalogue = make_invocation(None, None)[0].context.catalogue
    found = set()
    for variable in variables:
        provider = catalogue.find_by_variable(variable)
        known = None if provider is None else provider.find_field(variable)
        if (known is not None and not known.secret) or _is_no_secret(variable):
            found.add(variable)
    return found


def list_absent(catalogue: Catalogue, token: Token) -> set[str]:
    """Returns: the variables of secrets that its provider may give as well, and this token lacks,
    such as that of a session: with one of another token it would be half of either."""
    provider = catalogue.find(token.provider) if token.provider else None
    has = {v for f in token.present_fields for v in f.variables}
    if provider is None or not has & {v for f in provider.fields for v in f.variables}:
        return set()
    optional = [f for f in provider.fields if f.optional and f.secret]
    return {v for f in optional for v in (*f.variables, *f.also)} - has


def _is_no_secret(variable: str) -> bool:
    # What no token is ever stored under, such as HOME; and the path of a file, such as that of a
    # key: to take it out of every output would harm, and hide nothing.
    if is_denied_variable(variable) and not variable.startswith("CREDMAN_"):
        return True
    value = os.environ.get(variable, "")
    return os.path.isabs(value) and os.path.exists(value)
