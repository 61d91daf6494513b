"""Options that many commands share, and how a command function becomes a parser.

A command is a function ``(invocation, own parameters…)``. ``command`` adds the shared options to
what typer sees of it, so that they are spelled once.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from credman.cli.context import Context
from credman.cli.unlock import PassphraseSource
from credman.core.config import Config, load_config
from credman.core.errors import UsageError
from credman.core.names import check_name, looks_like_value
from credman.core.scope import Selection
from credman.output.process import Execution
from credman.session import Session
from credman.stores.base import Store, Surroundings, open_store

Result = Execution | int | None
"""What a command gives back: a process to become, an exit code, or None for 0."""

EnvironmentOption = Annotated[
    str | None,
    typer.Option("-e", "--env", metavar="ENV", help="Environment; CREDMAN_ENV, else default"),
]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        "-p", "--profile", metavar="PROFILE", help="Profile; CREDMAN_PROFILE, else default"
    ),
]
StoreOption = Annotated[
    str | None,
    typer.Option("--store", metavar="URL", help="Where tokens rest; CREDMAN_STORE, else file:"),
]
PassphraseOption = Annotated[
    str | None,
    typer.Option(
        "--passphrase-fd", metavar="N", help="Read the passphrase from this file descriptor"
    ),
]
NewPassphraseOption = Annotated[
    str | None,
    typer.Option(
        "--new-passphrase-fd", metavar="N", help="Read the new passphrase from this descriptor"
    ),
]
RecoveryFileOption = Annotated[
    str | None,
    typer.Option("--recovery-file", metavar="F", help="Write the recovery key to a new file"),
]
NoInputOption = Annotated[
    bool, typer.Option("--no-input", help="Never ask; CREDMAN_NO_INPUT=1 says the same")
]
EnvironmentArgument = Annotated[
    str | None, typer.Argument(metavar="ENV", help="Environment, as with -e", show_default=False)
]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The token's name")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON")]
YesOption = Annotated[bool, typer.Option("-y", "--yes", help="Do not ask")]
OnlyOption = Annotated[
    str | None,
    typer.Option(
        "--only", metavar="A,B", help="Only these tokens or variables", show_default=False
    ),
]

_FREE = ("store", "url", "recovery_file", "note", "file")
"""Paths and remarks may hold anything. Elsewhere a token is refused, and not repeated."""

_SELECTING = {"env": EnvironmentOption, "profile": ProfileOption}
_OPENING = {"store": StoreOption, "passphrase_fd": PassphraseOption, "no_input": NoInputOption}


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
    _source: PassphraseSource | None = field(default=None, repr=False)

    @property
    def config(self) -> Config:
        return load_config(self.context.paths.config_file)

    @property
    def source(self) -> PassphraseSource:
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

    def open_store(self, config: Config) -> Store:
        context = self.context
        url = self.store or context.environ.get("CREDMAN_STORE") or config.store
        surroundings = Surroundings(context.paths, context.cwd, context.environ, self.source)
        return open_store(url or f"file:{surroundings.paths.vault}", surroundings)

    def open_session(self) -> Session:
        config, environ = self.config, self.context.environ
        self.check_selection()
        selection = Selection(
            self.env or environ.get("CREDMAN_ENV") or None,
            self.profile or environ.get("CREDMAN_PROFILE") or None,
        )
        return Session(self.open_store(config), config, selection)

    def close(self) -> None:
        """Ends what was begun for it: what a command becomes has no children of ours."""
        if self._source is not None:
            self._source.close()

    def report(self, session: Session) -> None:
        """Says what the session has to warn of."""
        for warning in session.warnings:
            self.context.warn(warning)
        session.warnings.clear()


def command(
    *, selecting: bool = True, opening: bool = True
) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Args:
    selecting: the command takes ``-e`` and ``-p``.
    opening: it takes what opens a store.
    """
    shared = {**(_SELECTING if selecting else {}), **(_OPENING if opening else {})}

    def decorate(function: Callable[..., Result]) -> Callable[..., Result]:
        def run(ctx: typer.Context, **given: Any) -> Result:
            invocation: Invocation = ctx.obj
            _refuse_values(given)
            for name in shared:
                setattr(invocation, name, given.pop(name))
            try:
                return function(invocation, **given)
            finally:
                invocation.close()

        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        defaults = {"no_input": False}
        parameters = [
            inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context),
            *(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own),
            *(
                inspect.Parameter(
                    name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=defaults.get(name),
                    annotation=annotation,
                )
                for name, annotation in shared.items()
            ),
        ]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        run.__doc__ = function.__doc__
        run.__name__ = function.__name__
        return run

    return decorate


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
