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

WORDS = ("load", "add", "list", "which", "check", "scan", "redact", "help")
_TAKE_ENVIRONMENT = ("load", "add", "list", "check")
_ENVIRONMENT_OPTIONS = ("-e", "--env")


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
    if rest and rest[-1] in _ENVIRONMENT_OPTIONS:
        return _Known(None).list_environments()
    if begun.startswith("-"):
        env = ("-e",) if verb in _TAKE_ENVIRONMENT else ()
        return (*env, "-o") if verb == "load" else env
    at = next((n for n, word in enumerate(rest) if word in _ENVIRONMENT_OPTIONS), None)
    known = _Known(None if at is None else rest[at + 1])
    match verb:
        case "load":
            names = known.list_names()
            return names if rest else (*names, *known.list_environments())
        case "which":
            return known.list_names()
        case "check":
            return known.list_names(with_variables=False)
        case "add" if not rest or at == 0:
            return known.list_providers()
        case "redact" if not rest:
            return ("on", "off")
        case _:
            return ()


class _Known:
    """What was noted of the store last. Args: env: that is named on the line."""

    def __init__(self, env: str | None) -> None:
        self._invocation, _ = make_invocation(env, None)
        self._env = env

    def list_names(self, *, with_variables: bool = True) -> Iterator[str]:
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
        for token in tokens if with_variables else ():
            yield from token.variables

    def list_environments(self) -> Iterable[str]:
        names = self._invocation.recall_names()
        stored, tokens = ((), ()) if names is None else names
        return self._scope().environments(stored, tokens)

    def list_providers(self) -> list[str]:
        providers = self._invocation.context.catalogue.providers.values()
        return sorted(name for p in providers for name in (p.name, *p.aliases))

    def _scope(self) -> Scope:
        environ = self._invocation.context.environ
        selection = Selection(
            self._env or environ.get("CREDMAN_ENV") or None,
            environ.get("CREDMAN_PROFILE") or None,
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
