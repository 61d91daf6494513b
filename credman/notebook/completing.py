"""What may come next on a line of ``%credman``, when somebody presses TAB.

Rule: nothing that is stored is opened for it, nobody is asked, and nothing is ever raised: it would
be shown in the middle of what somebody types.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from credman.api.opening import make_invocation
from credman.core.plan import visible_tokens
from credman.core.scope import Scope, Selection
from credman.notebook.lines import ENVIRONMENT_OPTIONS, PROFILE_OPTIONS, TAKE_PLACE, WORDS


def list_words(line: str) -> list[str]:
    """Args: line: up to the cursor.

    Returns:
        What the word there may become; nothing where it is no line of ``%credman``.
    """
    with contextlib.suppress(Exception):
        *before, begun = line.lstrip().split() if not line[-1:].isspace() else [*line.split(), ""]
        if before[:1] == ["%credman"]:
            folded = begun.casefold()
            found = dict.fromkeys(_list_next(before[1:], begun))
            return [word for word in found if word.casefold().startswith(folded)]
    return []


def _list_next(words: list[str], begun: str) -> Iterable[str]:
    if not words:
        return WORDS
    verb, rest = words[0], words[1:]
    if rest and rest[-1] in ENVIRONMENT_OPTIONS:
        return Known().list_environments()
    if rest and rest[-1] in PROFILE_OPTIONS:
        return Known().list_profiles()
    if begun.startswith("-"):
        place = ("-e", "-p") if verb in TAKE_PLACE else ()
        return (*place, "-o") if verb == "load" else place
    env, rest = _take_option(rest, ENVIRONMENT_OPTIONS)
    profile, rest = _take_option(rest, PROFILE_OPTIONS)
    known = Known(env, profile)
    match verb:
        case "load":
            names = known.list_names()
            return names if rest or env else (*names, *known.list_environments())
        case "which" | "check":
            return known.list_names()
        case "add" if not rest:
            return known.list_providers()
        case "redact" if not rest:
            return ("on", "off")
        case _:
            return ()


def _take_option(words: list[str], options: tuple[str, ...]) -> tuple[str | None, list[str]]:
    """Returns: what is given for an option, and the other words."""
    at = next((n for n, word in enumerate(words) if word in options), None)
    return (None, words) if at is None else (words[at + 1], [*words[:at], *words[at + 2 :]])


class Known:
    """What was noted of the store last. Args: env, profile: those that are named on the line."""

    def __init__(self, env: str | None = None, profile: str | None = None) -> None:
        self._invocation, _ = make_invocation(env, profile)
        self._env, self._profile = env, profile

    def list_names(self) -> Iterator[str]:
        names = self._invocation.recall_names()
        if names is None:
            return
        scope = self._scope()
        environments = scope.environments(names.environments, names.tokens)
        environment = scope.find_environment(environments, names.tokens)
        tokens = visible_tokens(
            names.tokens,
            environment=environment.name,
            profile=scope.find_profile(names.tokens),
            isolated=environment.isolated,
        )
        for token in tokens:
            yield token.key.name
        for token in tokens:
            yield from token.variables

    def list_environments(self) -> Iterable[str]:
        names = self._invocation.recall_names()
        stored, tokens = ((), ()) if names is None else names
        return self._scope().environments(stored, tokens)

    def list_profiles(self) -> list[str]:
        names = self._invocation.recall_names()
        return sorted(self._scope().profiles(() if names is None else names.tokens))

    def list_providers(self) -> list[str]:
        providers = self._invocation.context.catalogue.providers.values()
        return sorted(name for p in providers for name in (p.name, *p.aliases))

    def list_all(self) -> Iterator[str]:
        """Gives: every name, whatever environment and profile it belongs to; and those of variables
        that are set, or that a provider's tokens have."""
        context = self._invocation.context
        yield from context.inherited
        yield from self.list_providers()
        for provider in context.catalogue.providers.values():
            for variables in provider.variables():
                yield from variables
        yield from self.list_environments()
        yield from self.list_profiles()
        names = self._invocation.recall_names()
        for token in () if names is None else names.tokens:
            yield token.key.name
            yield from token.variables

    def _scope(self) -> Scope:
        environ = self._invocation.context.environ
        selection = Selection(
            self._env or environ.get("CREDMAN_ENV") or None,
            self._profile or environ.get("CREDMAN_PROFILE") or None,
        )
        return Scope(self._invocation.config, selection)


def make_matcher() -> Callable[[Any], dict[str, Any]]:
    """Returns: what IPython's completer asks beside its own matchers, whose words (Python's, those
    of other magics) are not offered beside ours. Raises: ImportError: before IPython 8.6."""
    from IPython.core.completer import SimpleCompletion, context_matcher

    def match(context: Any) -> dict[str, Any]:
        words = list_words(context.line_with_cursor[: context.cursor_position])
        found = [SimpleCompletion(word, type="credman") for word in words]
        return {"completions": found, "suppress": bool(found), "ordered": True}

    decorated: Callable[[Any], dict[str, Any]] = context_matcher(identifier="credman")(match)
    return decorated
