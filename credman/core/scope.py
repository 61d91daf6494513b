"""Which environment and profile a command is about. Pure: told what is stored, reads nothing.

Rule: an environment or a profile that nothing names is an error with the nearest name, so that a
typo never silently gives the base.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from credman.core.config import Config
from credman.core.errors import NotFound
from credman.core.model import Environment, Token
from credman.core.names import (
    BASE_ENVIRONMENT,
    DEFAULT_PROFILE,
    WELL_KNOWN_ENVIRONMENTS,
    check_name,
    find_nearest,
)


@dataclass(frozen=True, slots=True)
class Selection:
    """Args: environment, profile: as asked for; None where the configuration decides."""

    environment: str | None = None
    profile: str | None = None


class Scope:
    """What was chosen, over the configuration's defaults.

    Raises:
        UsageError: one of the names is outside the grammar.
    """

    def __init__(self, config: Config, selection: Selection) -> None:
        self._config = config
        self.environment = selection.environment or config.environment or BASE_ENVIRONMENT
        self.profile = selection.profile or config.profile or DEFAULT_PROFILE
        check_name("environment", self.environment)
        check_name("profile", self.profile)

    def environments(
        self, stored: Iterable[Environment], tokens: Iterable[Token]
    ) -> dict[str, Environment]:
        """All environments that exist, by name: the well-known ones, the configuration's, and those
        that hold a token."""
        found: dict[str, Environment] = {}
        spelled: dict[str, str] = {}
        # Each name once: there may be thousands of tokens, and a handful of environments.
        names = dict.fromkeys((*WELL_KNOWN_ENVIRONMENTS, *(t.key.environment for t in tokens)))
        if self._config.environment:
            names[self._config.environment] = None
        for environment in (
            *stored,
            *self._config.environments.values(),
            *(Environment(name) for name in names),
        ):
            known = spelled.setdefault(environment.name.casefold(), environment.name)
            if known not in found:
                found[known] = environment
            elif environment.isolated:
                found[known] = replace(found[known], isolated=True)
        return found

    def profiles(self, tokens: Iterable[Token]) -> set[str]:
        """All profiles that exist: the base one, the configuration's, and those of a token."""
        configured = {DEFAULT_PROFILE, self._config.profile or DEFAULT_PROFILE}
        return configured | {t.key.profile for t in tokens}

    def exists_without_store(self) -> bool:
        """Whether the chosen environment and profile exist whatever the store holds."""
        return (
            find_folded(self.environment, self.environments((), ())) is not None
            and find_folded(self.profile, self.profiles(())) is not None
        )

    def find_environment(
        self, environments: dict[str, Environment], tokens: Iterable[Token]
    ) -> Environment:
        """Args: environments: of ``environments``.

        Raises:
            NotFound: there is none of the chosen name.
        """
        name = self.environment
        known = find_folded(name, environments)
        if known is not None:
            return environments[known]
        if any(name.casefold() == t.key.name.casefold() for t in tokens):
            hint = f"{name} is a token: credman get {name}"
        else:
            nearest = find_nearest(name, environments)
            hint = f"did you mean {nearest}?" if nearest else f"known: {', '.join(environments)}"
        raise NotFound(f"no environment named {name}", hint=hint)

    def find_profile(self, tokens: Iterable[Token]) -> str:
        """Raises: NotFound: no token and no configuration names the chosen one."""
        profiles = self.profiles(tokens)
        known = find_folded(self.profile, profiles)
        if known is not None:
            return known
        nearest = find_nearest(self.profile, profiles)
        raise NotFound(
            f"no profile named {self.profile}",
            hint=f"did you mean {nearest}?" if nearest else f"known: {', '.join(sorted(profiles))}",
        )


def find_folded(name: str, known: Collection[str]) -> str | None:
    """Returns: the name in ``known`` that is this one but for case."""
    folded = name.casefold()
    return next((candidate for candidate in known if candidate.casefold() == folded), None)
