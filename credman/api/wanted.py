"""What is asked for, and what was found."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from credman.api.handed import Scope
from credman.core.errors import CredmanError, UsageError
from credman.core.model import TokenKey
from credman.core.names import check_name, looks_like_value
from credman.core.secret import Secret

_ANYWHERE = Scope()
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for.

    Args:
        name: of a token, a provider or a variable.
        env, profile: None where the caller leaves it to the configuration.
        field: which part, of several.
    """

    name: str
    env: str | None = None
    profile: str | None = None
    field: str | None = None

    def __post_init__(self) -> None:
        """Raises: UsageError: a name that is none; it is not repeated, since it may be a value."""
        _check("token", self.name)
        check_scope(self.env, self.profile)

    @property
    def means_store(self) -> bool:
        return self.env is not None or self.profile is not None


def check_scope(env: object, profile: object) -> None:
    """Raises: UsageError: one of them is no name."""
    for kind, name in (("environment", env), ("profile", profile)):
        if name is not None:
            _check(kind, name)


def _check(kind: str, name: object) -> None:
    if not isinstance(name, str):
        raise UsageError(f"the name of {'an' if kind[0] in 'aeiou' else 'a'} {kind} is a text")
    if any(looks_like_value(part) for part in re.split(r"[\s=:,;'\"]+", name)):
        raise UsageError(
            "that looks like a token itself, and not like the name of one",
            hint="it is in this program's text now, so it should be replaced",
        )
    if not (kind == "token" and _VARIABLE.fullmatch(name)):
        check_name(kind, name)


@dataclass(slots=True)
class Found:
    """What was found.

    Args:
        values, sources: by variable: the value, and where it comes from.
        tried: places that had nothing, and why.
        public: variables whose values are no secrets, such as a URL.
        absent: variables of secrets that its provider may give as well, and this token has not.
        hint: what is to be done, as a place that failed says it.
        obstacle: why the store could not be looked into.
        key: of the stored token that it is.
        scope: where it was looked up.
        bar: why it is not handed out, where it was only looked for.
    """

    values: dict[str, Secret] = field(default_factory=dict, repr=False)
    sources: dict[str, str] = field(default_factory=dict)
    tried: list[tuple[str, str]] = field(default_factory=list)
    public: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)
    hint: str = ""
    obstacle: CredmanError | None = None
    key: TokenKey | None = None
    scope: Scope = _ANYWHERE
    bar: str = ""

    def add(self, variable: str, value: Secret, source: str) -> None:
        self.values[variable], self.sources[variable] = value, source
