"""Which variables an environment gives, and where each comes from. Pure: reads no value, no store.

The rules of inheritance:
- an environment's own tokens count first; unless it is isolated, the base environment's follow;
- a base token is hidden as a whole by a token of the same name, or by one that sets any of its
  variables. Never half of it: an access key of one account beside a session of another is worse
  than none;
- profiles never fall back to each other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from credman.core.errors import NotFound, Refused
from credman.core.model import Address, Field, Token
from credman.core.names import BASE_ENVIRONMENT, find_nearest


@dataclass(frozen=True, slots=True)
class PlanEntry:
    """One variable: its name, and the token and field that give its value."""

    variable: str
    token: Token
    field: Field

    @property
    def address(self) -> Address:
        return Address(self.token.key, self.token.current.number, self.field.name)


def visible_tokens(
    tokens: Iterable[Token], *, environment: str, profile: str, isolated: bool
) -> list[Token]:
    """The tokens that count in an environment, its own first, each part sorted by name.

    Args:
        tokens: all tokens of the store.
        environment: the environment's name; case does not matter, here and for the profile.
        isolated: True leaves the base environment out.
    """
    folded = profile.casefold()
    mine = [t for t in tokens if t.key.profile.casefold() == folded]
    own = _of_environment(mine, environment)
    if isolated or environment.casefold() == BASE_ENVIRONMENT:
        return own
    taken_names = {t.key.name.casefold() for t in own}
    taken_variables = {v.casefold() for t in own for v in t.variables}
    inherited = [
        t
        for t in _of_environment(mine, BASE_ENVIRONMENT)
        if t.key.name.casefold() not in taken_names
        and not any(v.casefold() in taken_variables for v in t.variables)
    ]
    return own + inherited


def make_plan(tokens: Iterable[Token], *, only: Collection[str] = ()) -> list[PlanEntry]:
    """Args:
        tokens: what ``visible_tokens`` returned.
        only: names of tokens or of variables to which the plan is limited; empty: all.

    Returns:
        An entry a variable, ordered by token, then by field.

    Raises:
        NotFound: something in ``only`` is neither a token nor a variable here.
    """
    entries = [
        PlanEntry(variable, token, field)
        for token in tokens
        for field in token.present_fields
        for variable in field.variables
    ]
    if not only:
        return entries
    wanted = {name.casefold() for name in only}
    chosen = [e for e in entries if {e.variable.casefold(), e.token.key.name.casefold()} & wanted]
    met = {part.casefold() for e in chosen for part in (e.variable, e.token.key.name)}
    for name in only:
        if name.casefold() not in met:
            known = [part for e in entries for part in (e.token.key.name, e.variable)]
            nearest = find_nearest(name, known)
            raise NotFound(
                f"no token and no variable named {name} in this environment",
                hint=f"did you mean {nearest}?" if nearest else "credman list shows what there is",
            )
    return chosen


def refuse_files(plan: Iterable[PlanEntry]) -> None:
    """For ways out that give values and no files. A variable with the value itself would mislead
    the program, and a file for it would lie in clear.

    Raises:
        Refused: a value of the plan is a file.
    """
    for entry in plan:
        if entry.field.is_file:
            raise Refused(
                f"{entry.token.key.name} is a file, which is only given to a command that is run",
                hint="credman exec gives it as a file; --only with the others leaves it out",
            )


def _of_environment(tokens: Iterable[Token], environment: str) -> list[Token]:
    folded = environment.casefold()
    chosen = [t for t in tokens if t.key.environment.casefold() == folded]
    return sorted(chosen, key=lambda t: t.key.name.casefold())
