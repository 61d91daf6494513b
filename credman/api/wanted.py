"""What is asked for, and what was found."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from credman.core.errors import CredmanError, UsageError
from credman.core.names import check_name, looks_like_value
from credman.core.secret import Secret

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
        given = (("token", self.name), ("environment", self.env), ("profile", self.profile))
        for kind, name in given:
            if name is None and kind != "token":
                continue
            if not isinstance(name, str):
                raise UsageError(f"the name of a {kind} is a text")
            if any(looks_like_value(part) for part in re.split(r"[\s=:,;'\"]+", name)):
                raise UsageError(
                    "that looks like a token itself, and not like the name of one",
                    hint="it is in this program's text now, so it should be replaced",
                )
            if not (kind == "token" and _VARIABLE.fullmatch(name)):
                check_name(kind, name)

    @property
    def means_store(self) -> bool:
        return self.env is not None or self.profile is not None


@dataclass(slots=True)
class Found:
    """What was found.

    Args:
        values, sources: by variable: the value, and where it comes from.
        tried: places that had nothing, and why.
        public: variables whose values are no secrets, such as a URL.
        hint: what is to be done, as a place that failed says it.
        obstacle: why the store could not be looked into.
    """

    values: dict[str, Secret] = field(default_factory=dict, repr=False)
    sources: dict[str, str] = field(default_factory=dict)
    tried: list[tuple[str, str]] = field(default_factory=list)
    public: set[str] = field(default_factory=set)
    hint: str = ""
    obstacle: CredmanError | None = None

    def add(self, variable: str, value: Secret, source: str) -> None:
        self.values[variable], self.sources[variable] = value, source
