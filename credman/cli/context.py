"""What a command may know of its caller: streams, environment, directory, terminal.

Rule: commands see this and nothing else. They never touch ``sys.*`` or ``os.environ``, so the same
function serves a process of its own, a test, or a caller elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from credman.cli.terminal import Terminal
from credman.core import wire
from credman.core.environ import Environ, mask_environ
from credman.core.errors import CredmanError
from credman.core.names import quote_untrusted
from credman.core.paths import Paths, find_paths
from credman.core.runtime import is_unattended

if TYPE_CHECKING:
    from credman.providers.catalogue import Catalogue
    from credman.stores.base import Keeper, Unlocker


def visible(environ: Mapping[str, str]) -> Environ:
    """Returns: the variables that a command may see: the same, whoever runs it."""
    return Environ((name, environ[name]) for name in wire.VARIABLES if name in environ)


class Output:
    """A stream to write to.

    Args:
        write: takes all of the bytes or raises OSError.
        is_terminal: whether a person reads it.
        width: its columns, if it is a terminal.
        is_closed: it was closed when the process began.
    """

    def __init__(
        self,
        write: Callable[[bytes], None],
        *,
        is_terminal: bool = False,
        width: int = 80,
        is_closed: bool = False,
    ) -> None:
        self._write = write
        self.is_terminal = is_terminal
        self.width = width
        self.is_closed = is_closed

    def write(self, data: bytes) -> None:
        """Raises:
        CredmanError: there is nowhere to write to; whatever was asked for did not arrive.
        BrokenPipeError: the reader has gone.
        """
        if not data:
            return
        if self.is_closed:
            raise CredmanError("standard output is closed")
        try:
            self._write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            reason = (error.strerror or "failed").lower()
            raise CredmanError(f"cannot write the output: {reason}") from None

    def print(self, text: str) -> None:
        self.write(f"{text}\n".encode("utf-8", "backslashreplace"))


@dataclass(frozen=True, slots=True)
class Input:
    """Args: read: all of it, up to so many bytes; is_terminal: a person types there."""

    read: Callable[[int], bytes]
    is_terminal: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """Args:
    environ: the caller's variables that a command may see, as ``visible`` chooses them.
    read_descriptor: reads an inherited descriptor to its end and closes it.
    parent: process id of whoever started the command, for guessing its shell.
    inherited: all variables of the caller, for the programs that are started for him, and for what
        opens the vault.
    may_use_agent: an agent may be asked, and may keep open what was opened for this command.
    keeper: keeps vaults open; given where the agent runs the command.
    source: what opens vaults there: it asks nobody.
    is_cwd_gone: the directory was deleted, and ``cwd`` is another one.
    """

    stdin: Input
    stdout: Output
    stderr: Output
    environ: Mapping[str, str]
    cwd: str
    terminal: Terminal
    read_descriptor: Callable[[int], bytes]
    parent: int = 0
    inherited: Mapping[str, str] = field(default_factory=Environ, repr=False)
    may_use_agent: bool = False
    keeper: Keeper | None = None
    source: Unlocker | None = None
    is_cwd_gone: bool = False

    def __post_init__(self) -> None:
        for name in ("environ", "inherited"):
            given = getattr(self, name)
            if isinstance(given, dict):  # the agent's is no dict, and refuses to be read
                object.__setattr__(self, name, mask_environ(given))

    @property
    def paths(self) -> Paths:
        return find_paths(self.environ, self.cwd)

    @property
    def is_unattended(self) -> bool:
        return is_unattended(self.environ)

    @property
    def catalogue(self) -> Catalogue:
        """The providers, with those that the caller describes himself.

        Raises:
            UsageError: one of his files is not as it should be.
        """
        from credman.providers.catalogue import load_catalogue

        return load_catalogue(self.paths.providers)

    def note(self, text: str) -> None:
        """One line for the person, on stderr; what a terminal would act upon is shown escaped.
        Losing it is no reason to fail."""
        try:
            self.stderr.print(quote_untrusted(text))
        except (CredmanError, OSError):
            return

    def warn(self, text: str) -> None:
        self.note(f"credman: warning: {text}")
