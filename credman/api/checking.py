"""Asking providers about stored tokens."""

from __future__ import annotations

from collections.abc import Sequence

from credman.api.opening import Opened, opened
from credman.api.wanted import Found
from credman.core.errors import Refused
from credman.core.model import Liveness, Token
from credman.upkeep.checking import Checked, check_tokens, remember_if_possible


def check_stored(store: Opened, tokens: Sequence[Token]) -> list[Checked]:
    """Returns: what their providers say; it is noted, as far as the store can be written to."""
    invocation, session = store.invocation, store.session
    checked = check_tokens(session, invocation.providers, tokens, apart=invocation.apart)
    remember_if_possible(session, checked)
    return checked


def refuse_dead(parts: Sequence[Found]) -> None:
    """Of what is not stored nothing is known but its value, so nobody is asked about it.

    Raises:
        Refused: a provider says that one of them is dead.
    """
    for scope in dict.fromkeys(part.scope for part in parts):
        keys = {p.key for p in parts if p.key is not None and p.scope == scope}
        if not keys:
            continue
        with opened(*scope) as store:
            tokens = [t for t in store.session.visible() if t.key in keys]
            checked = check_stored(store, tokens)
        for each in checked:
            if each.verdict.liveness is Liveness.DEAD:
                name = each.token.key.name
                raise Refused(
                    f"{name} is dead: {each.verdict.reason}".removesuffix(": "),
                    hint=f"credman rotate {name} makes a new one",
                )
