"""What a command is, and one run of it.

A command is a function ``(invocation, own parameters…)``; the options that many share are added to
it, so that they are spelled once. What its parameters look like to typer stands in its annotations,
which nobody evaluates but ``parsing``.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from credman.cli import COMMANDS, HIDDEN
from credman.cli.context import Context
from credman.cli.keeping import Handover, keep, may_use_agent
from credman.cli.namecache import Names, name_store, recall_names, remember_names
from credman.cli.pending import tell_pending
from credman.cli.unlock import PassphraseSource
from credman.core.config import Config, load_config
from credman.core.errors import CredmanError, UsageError
from credman.core.model import Token
from credman.core.names import check_name, looks_like_value
from credman.core.scope import Scope, Selection
from credman.session import Session
from credman.stores.base import SCHEMES, Keeper, Snapshot, Store, Surroundings, open_store

if TYPE_CHECKING:
    from credman.output.process import Execution
    from credman.upkeep.common import Providers
    from credman.watch.rules import Rules
    from credman.watch.schedule import Due

    Result = Execution | int | None
else:
    Result = object
"""What a command gives back: a process to become, an exit code, or None for 0."""

_FREE = (
    "store", "url", "remote", "recovery_file", "note", "file", "paths", "upload", "baseline",
)  # fmt: skip
"""Paths and remarks may hold anything. Elsewhere a token is refused, and not repeated."""

_SELECTING = ("env", "profile")
_OPENING = ("store", "passphrase_fd", "no_input")


@dataclass(slots=True)
class Invocation:
    """One run of a command: its caller and the shared options."""

    context: Context
    env: str | None = None
    profile: str | None = None
    store: str | None = None
    passphrase_fd: str | None = None
    no_input: bool = False
    trailing: tuple[str, ...] = ()
    asks_again: bool = False
    _source: PassphraseSource | None = field(default=None, repr=False)
    _config: Config | None = None
    _handover: Handover | None = field(default=None, repr=False)
    _providers: Providers | None = field(default=None, repr=False)
    _sessions: list[tuple[Session, str]] = field(default_factory=list, repr=False)

    @property
    def config(self) -> Config:
        if self._config is None:
            self._config = load_config(self.context.paths.config_file)
        return self._config

    @property
    def source(self) -> PassphraseSource:
        if isinstance(self.context.source, PassphraseSource):
            return self.context.source
        if self._source is None:
            descriptor = parse_descriptor("--passphrase-fd", self.passphrase_fd)
            self._source = PassphraseSource(
                self.context,
                descriptor=descriptor,
                no_input=self.no_input,
                keyring=lambda: self.config.keyring,
            )
        return self._source

    def choose_environment(self, positional: str | None) -> None:
        """Raises: UsageError: it differs from what ``-e`` says."""
        if positional is not None:
            if self.env is not None and self.env.casefold() != positional.casefold():
                raise UsageError("ENV and -e name different environments")
            self.env = positional

    def check_selection(self) -> None:
        """Raises: UsageError: a name that was given is none. ``-e "$LOST"`` is empty, and must not
        give the base environment."""
        for kind, name in (("environment", self.env), ("profile", self.profile)):
            if name is not None:
                check_name(kind, name)

    @property
    def keeper(self) -> Keeper:
        """Where the agent runs the command, itself; elsewhere what is handed over to it."""
        return self.context.keeper or self.handover

    @property
    def handover(self) -> Handover:
        if self._handover is None:
            self._handover = Handover(self.context, self.source)
        return self._handover

    @property
    def may_use_agent(self) -> bool:
        return may_use_agent(self.context, self.config, self.source)

    def open_store(self, config: Config | None = None) -> Store:
        """Args: config: in place of the one that is read."""
        context, url = self.context, self._url(config or self.config)
        if context.keeper is not None and url.partition(":")[0] not in SCHEMES:
            raise RuntimeError("a plug-in does not run where vaults are held open")
        surroundings = Surroundings(
            context.paths, context.cwd, context.environ, self.source, self.keeper
        )
        store = open_store(url, surroundings)
        if self.asks_again or not self.may_use_agent:
            return store
        return keep(store, url, self.handover)

    @property
    def store_url(self) -> str:
        """The store that was chosen, as ``open_store`` takes it."""
        return self._url(self.config)

    @property
    def store_key(self) -> str:
        """What stands for the store in the record of reminders, however its URL is written."""
        import hashlib

        name = name_store(self.context, self.store_url)
        return hashlib.sha256(os.fsencode(name)).hexdigest()[:12]

    @property
    def providers(self) -> Providers:
        """Whom to ask about tokens."""
        if self._providers is None:
            from credman.cli.network import make_providers

            self._providers = make_providers(self.context, self.config)
        return self._providers

    def make_rules(self, session: Session) -> Callable[[Token], Rules]:
        """Returns: what counts for a token besides its own schedule."""
        from credman.cli.planning import make_rules

        tokens = session.snapshot().tokens
        folder = self.context.paths.providers
        return make_rules(self.config, folder, session.environments(), tokens)

    def recall_names(self) -> Names | None:
        """Returns: what was noted of the store last, without opening it; None: nothing."""
        return recall_names(self.context, self.config, self.store_url)

    def list_noted(self, now: datetime) -> list[Due] | None:
        """Args: now: UTC.

        Returns:
            What is to be done some day, as far as it is known without opening the store; None:
            nothing is known.
        """
        names = self.recall_names()
        if names is None:
            return None
        from credman.cli.planning import make_rules
        from credman.watch.schedule import due

        scope = Scope(self.config, Selection())
        environments = scope.environments(names.environments, names.tokens)
        folder = self.context.paths.providers
        rules = make_rules(self.config, folder, environments, names.tokens)
        return due(names.tokens, now, rules)

    def apart(self) -> AbstractContextManager[None]:
        """Entered around what may take long and uses no session, such as asking a provider: where
        several threads share sessions, others have their turn."""
        return nullcontext()

    @property
    def sessions(self) -> list[tuple[Session, str]]:
        """Returns: what was opened, and the URL of each store."""
        return [*self._sessions]

    def open_session(self, store: Store | None = None) -> Session:
        """Args: store: the one that was chosen, if it is open already."""
        config, environ = self.config, self.context.environ
        self.check_selection()
        selection = Selection(
            self.env or environ.get("CREDMAN_ENV") or None,
            self.profile or environ.get("CREDMAN_PROFILE") or None,
        )
        session = Session(store or self.open_store(), config, selection)
        self._sessions.append((session, self._url(config)))
        return session

    def _url(self, config: Config) -> str:
        url = self.store or self.context.environ.get("CREDMAN_STORE") or config.store
        return url or f"file:{self.context.paths.vault}"

    def remember_names(self) -> None:
        """Keeps the names that were seen, for completion."""
        # Where the agent runs it, nothing is new: who wrote has noted it.
        for session, url in self._sessions if self.context.keeper is None else ():
            snapshot = session.find_snapshot(reads_again=url.startswith("file:"))
            if snapshot is not None:
                remember_names(self.context, self.config, url, snapshot)
            if session.has_written:
                self._remember_values(session, url, snapshot)

    def remember_written(self) -> None:
        """Keeps the fingerprints of what was stored by a command that failed after that."""
        for session, url in self._sessions if self.context.keeper is None else ():
            if session.has_written:
                self._remember_values(session, url, None)

    def _remember_values(self, session: Session, url: str, snapshot: Snapshot | None) -> None:
        from credman.cli.remembering import remember_values

        # What was written is what counts: a keyring is asked for its index once more.
        list_tokens = partial(_list_tokens, session, snapshot)
        remember_values(self.context, self.config, url, session.store, list_tokens)

    def close(self) -> None:
        """Ends what was begun for it: what a command becomes has no children of ours. What was
        opened is handed over to the agent."""
        if (
            self._handover is not None
            and not self.asks_again
            and not self.source.is_silent
            and self.may_use_agent
        ):
            self._handover.hand_over_quietly()
        if self._source is not None:
            self._source.close()

    def report(self, session: Session) -> None:
        """Says what the session has to warn of."""
        for warning in session.warnings:
            self.context.warn(warning)
        session.warnings.clear()


def _list_tokens(session: Session, snapshot: Snapshot | None) -> tuple[Token, ...]:
    return session.snapshot().tokens if snapshot is None else snapshot.tokens


@dataclass(frozen=True, slots=True)
class Command:
    """A function ``(invocation, own parameters…)`` and the options that it shares with others.

    Args:
        shared: names of these; they are not given to the function.
        asks_again: for what opens the store, although an agent holds it.
    """

    function: Callable[..., Result]
    shared: tuple[str, ...]
    asks_again: bool

    def run(self, invocation: Invocation, given: Mapping[str, Any]) -> Result:
        """Args: given: all parameters, own and shared, by name."""
        _refuse_values(given)
        if self.asks_again and invocation.context.keeper is not None:
            raise RuntimeError("what asks for a secret again is not for the agent")
        invocation.asks_again = self.asks_again
        for name in self.shared:
            setattr(invocation, name, given[name])
        own = {name: value for name, value in given.items() if name not in self.shared}
        try:
            result = self.function(invocation, **own)
            # What is typed from now on is for the shell: it is not to be lost.
            invocation.context.terminal.release()
            invocation.remember_names()
            tell_pending(invocation)
            return result
        except CredmanError:
            invocation.remember_written()
            raise
        finally:
            invocation.context.terminal.release()
            invocation.close()


def command(
    *, selecting: bool = True, opening: bool = True, asks_again: bool = False
) -> Callable[[Callable[..., Result]], Command]:
    """Args:
    selecting: the command takes ``-e`` and ``-p``.
    opening: it takes what opens a store.
    asks_again: as of ``Command``.
    """
    shared = (*(_SELECTING if selecting else ()), *(_OPENING if opening else ()))
    return lambda function: Command(function, shared, asks_again)


def load_command(name: str) -> Command:
    """Imports that command only."""
    module, _, function = (COMMANDS | HIDDEN)[name].target.partition(":")
    found: Command = getattr(importlib.import_module(f"credman.cli.{module}"), function)
    return found


def _refuse_values(given: Mapping[str, object]) -> None:
    for name, value in given.items():
        words = value if isinstance(value, list) else [value]
        if name not in _FREE and any(isinstance(w, str) and looks_like_value(w) for w in words):
            raise UsageError(
                "that looks like a token itself, which is never given on the command line",
                hint="it is in your shell's history now, so it should be replaced; "
                "credman add NAME asks for the value",
            )


def parse_only(only: str | None) -> tuple[str, ...]:
    """Returns: the names in ``A,B``; nothing if the option was not given.

    Raises:
        UsageError: it was given and names nothing: ``--only "$LOST"`` must not mean everything.
    """
    names = tuple(name.strip() for name in (only or "").split(",") if name.strip())
    if only is not None and not names:
        raise UsageError("--only names nothing", hint="--only A,B: tokens or variables")
    return names


def parse_descriptor(option: str, text: str | None) -> int | None:
    """Args: option: for the message; text: as it was given.

    Raises:
        UsageError: it is no number.
    """
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise UsageError(f"{option} takes the number of a file descriptor")
    return int(text)
