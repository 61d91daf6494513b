"""``credman __complete``: the names that a shell offers at TAB.

Rules: it never unlocks anything and asks nobody. Where the agent runs it, names come from the vault
that is open there; elsewhere from the cache of names. Whatever fails, nothing is printed: a shell
would show it in the middle of the line that somebody types.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from credman.cli.context import Context
from credman.core.config import Config, load_config
from credman.core.errors import Locked, UsageError
from credman.core.model import Environment, Token
from credman.core.names import BASE_ENVIRONMENT
from credman.core.plan import visible_tokens
from credman.core.scope import Scope, Selection

if TYPE_CHECKING:
    from credman.core.secret import Secret
    from credman.oskeyring.client import OsKeyring

_MAX_DESCRIPTION = 60
_OPTIONS = {"-e": "env", "-p": "profile", "--store": "store"}


class _Request(NamedTuple):
    """What is asked for: its kind, words that belong to it, and what stands on the line."""

    kind: str
    words: tuple[str, ...]
    env: str | None = None
    profile: str | None = None
    store: str | None = None


class _Known(NamedTuple):
    environments: tuple[Environment, ...] = ()
    tokens: tuple[Token, ...] = ()


def complete(arguments: list[str], context: Context) -> int:
    """Prints a line ``WORD<TAB>DESCRIPTION`` for each name; nothing if anything is wrong.

    Args:
        arguments: KIND and what is on the line: ``[-e ENV] [-p PROFILE] [--store URL]``. KIND is
            ``environments``, ``profiles``, ``tokens`` (those that count there), ``own`` (less the
            inherited ones) or ``fields NAME`` (of a token, the variables that carry one each).

    Returns:
        Always 0.
    """
    try:
        lines = [f"{word}\t{_clean(text)}\n" for word, text in _find(_parse(arguments), context)]
        context.stdout.write("".join(lines).encode("utf-8"))
    except Exception:  # noqa: BLE001 - it is never the shell's concern, nor the person's
        return 0
    return 0


def _parse(arguments: list[str]) -> _Request:
    words: list[str] = []
    options: dict[str, str] = {}
    rest = iter(arguments)
    for word in rest:
        if word in _OPTIONS:
            options[_OPTIONS[word]] = next(rest)
            if not options[_OPTIONS[word]]:  # -e "$LOST": no command would take it for the base
                raise UsageError("an option without a value")
        else:
            words.append(word)
    return _Request(words[0], tuple(words[1:]), **options)


def _find(request: _Request, context: Context) -> Iterable[tuple[str, str]]:
    config = load_config(context.paths.config_file)
    known = _look(request, context, config)
    environ = context.environ
    selection = Selection(
        request.env or environ.get("CREDMAN_ENV") or None,
        request.profile or environ.get("CREDMAN_PROFILE") or None,
    )
    scope = Scope(config, selection)
    match request.kind, request.words:
        case "environments", ():
            return _environments(scope, known)
        case "profiles", ():
            return _profiles(scope, known)
        case "tokens" | "own", ():
            return _tokens(scope, known, is_own=request.kind == "own")
        case "fields", (name,):
            return _fields(scope, known, name)
    raise UsageError("this cannot be completed")


def _look(request: _Request, context: Context, config: Config) -> _Known:
    """Returns: what the store holds, as far as it is known without unlocking anything."""
    url = request.store or context.environ.get("CREDMAN_STORE") or config.store
    url = url or f"file:{context.paths.vault}"
    from credman.stores.base import SCHEMES

    if context.keeper is not None and url.partition(":")[0] in SCHEMES:
        # A store that is not open here, or can be opened by asking only: it is as without an agent.
        with contextlib.suppress(Exception):
            return _look_into(url, context)
    from credman.cli.namecache import recall_names

    names = recall_names(context, config, url)
    return _Known() if names is None else _Known(*names)


def _look_into(url: str, context: Context) -> _Known:
    from credman.stores.base import Surroundings, open_store

    surroundings = Surroundings(
        context.paths, context.cwd, context.environ, context.source or _Nobody(), context.keeper
    )
    snapshot = open_store(url, surroundings).snapshot()
    return _Known(snapshot.environments, snapshot.tokens)


class _Nobody:
    """Answers nothing: what is not open stays closed, and the keyring is not touched."""

    def passphrases(self, of: str = "", *, because: str = "") -> Iterator[Secret]:
        raise Locked("nobody is asked")

    def keyring(self, *, opening: bool = False) -> OsKeyring | None:
        return None

    def tell(self, text: str) -> None:
        return


def _environments(scope: Scope, known: _Known) -> Iterator[tuple[str, str]]:
    found = scope.environments(known.environments, known.tokens)
    for environment in sorted(found.values(), key=lambda e: e.name.casefold()):
        folded = environment.name.casefold()
        own = sum(
            t.key.environment.casefold() == folded
            and t.key.profile.casefold() == scope.profile.casefold()
            for t in known.tokens
        )
        words = ["isolated"] if environment.isolated and folded != BASE_ENVIRONMENT else []
        yield environment.name, ", ".join([*words, _count(own)])


def _profiles(scope: Scope, known: _Known) -> Iterator[tuple[str, str]]:
    for profile in sorted(scope.profiles(known.tokens), key=str.casefold):
        folded = profile.casefold()
        yield profile, _count(sum(t.key.profile.casefold() == folded for t in known.tokens))


def _tokens(scope: Scope, known: _Known, *, is_own: bool) -> Iterator[tuple[str, str]]:
    environment = _environment(scope, known)
    for token in _visible(scope, known):
        origin = token.key.environment
        if origin.casefold() == environment.name.casefold():
            yield token.key.name, ", ".join(token.variables)
        elif not is_own:
            variables = _shorten(", ".join(token.variables), len(origin) + len(", from "))
            yield token.key.name, f"{variables}, from {origin}"


def _fields(scope: Scope, known: _Known, name: str) -> Iterator[tuple[str, str]]:
    for token in _visible(scope, known):
        if token.key.name.casefold() == name.casefold():
            for field in token.fields:
                if field.name in token.current.fields:
                    yield field.variables[0], f"part of {token.key.name}"


def _environment(scope: Scope, known: _Known) -> Environment:
    found = scope.environments(known.environments, known.tokens)
    return scope.find_environment(found, known.tokens)


def _visible(scope: Scope, known: _Known) -> list[Token]:
    environment = _environment(scope, known)
    return visible_tokens(
        known.tokens,
        environment=environment.name,
        profile=scope.find_profile(known.tokens),
        isolated=environment.isolated,
    )


def _count(tokens: int) -> str:
    return "1 token" if tokens == 1 else f"{tokens or 'no'} tokens"


def _shorten(text: str, reserved: int = 0) -> str:
    most = _MAX_DESCRIPTION - reserved
    return text if len(text) <= most else f"{text[: max(most - 3, 1)]}..."


def _clean(text: str) -> str:
    # Line ends would begin another entry, and a terminal acts upon control characters.
    return _shorten("".join(c if c.isprintable() else " " for c in text))
