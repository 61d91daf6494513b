"""Runs a command for a caller elsewhere.

They are the very functions of the command line, with the caller's context. Whatever would ask
somebody, or see more of the caller than the request tells, is declined.
"""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

from credman.agent.client import COMMANDS, VALUES
from credman.cli.context import Context, Input, Output
from credman.cli.run import run
from credman.cli.terminal import Terminal
from credman.cli.unlock import PassphraseSource
from credman.core import wire
from credman.core.config import load_config
from credman.core.environ import Environ
from credman.core.errors import CredmanError
from credman.core.paths import find_paths
from credman.core.secret import Secret
from credman.server.held import Declined, Held
from credman.server.rings import Rings

if TYPE_CHECKING:
    from credman.oskeyring.client import OsKeyring
    from credman.output.process import Execution

_GIVING = ("env", "get", "exec", "run")
"""Commands that give values; only these count as use."""
_DECLINED = ("--help", "-h", "--passphrase-fd", "--clip")
"""Help is as wide as its terminal; the others need something of the caller's."""


_WARMING = (
    ("env", "--shell", "posix"),
    ("get", "token"),
    ("exec", "--", "command"),
    ("list",),
    ("list", "--json"),
    ("show", "token"),
    ("providers",),
    ("providers", "--json"),
    ("providers", "-x"),  # typer, and what it needs the first time
    ("get", "token", "-eprod"),
    ("list", "--nothing"),
    ("completions", "bash"),
    ("__complete", "tokens"),
    ("__complete", "environments"),
)

_PLACES = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "CREDMAN_HOME")
_NEEDED = (
    "hashlib",
    "hmac",
    "rich.console",
    "rich.table",
    "credman.stores.changes",
    "credman.stores.keyring",
    "credman.vault.rekeying",
)
"""What is imported only when there is something to draw, to write or to read."""


class Nobody(Terminal):
    """Where nobody can be asked."""

    def __init__(self) -> None:
        super().__init__(None)

    def is_available(self) -> bool:
        raise Declined

    def write(self, text: str) -> None:
        raise Declined

    def read_hidden(self, prompt: str) -> Secret:
        raise Declined


class Silent(PassphraseSource):
    """What opens vaults here: what is held, and nothing else."""

    def __init__(self, context: Context, rings: Rings) -> None:
        super().__init__(context, descriptor=None, no_input=True)
        self._held_rings = rings

    def passphrases(self, of: str = "", *, because: str = "") -> Iterator[Secret]:
        raise Declined

    def keyring(self, *, opening: bool = False) -> OsKeyring | None:
        if opening:
            raise Declined
        return self._held_rings.find(self._context.environ)

    def tell(self, text: str) -> None:
        raise Declined


class _NoVariables(Mapping[str, str]):
    """The rest of the caller's environment, which a request does not tell."""

    def __getitem__(self, name: str) -> str:
        raise Declined

    def __iter__(self) -> Iterator[str]:
        raise Declined

    def __len__(self) -> int:
        raise Declined


def read_caller(cwd: bytes, variables: bytes) -> tuple[str, Environ]:
    """Args: of a request. Returns: directory and variables. Raises: ValueError"""
    pairs = (os.fsdecode(pair).partition("=") for pair in wire.unpack(variables))
    environ = Environ((name, value) for name, _, value in pairs)
    if not environ.keys() <= set(wire.VARIABLES) or not cwd.startswith(b"/"):
        raise ValueError
    return os.fsdecode(cwd), environ


def make_context(
    held: Held,
    rings: Rings,
    *,
    cwd: str,
    environ: Mapping[str, str],
    chunks: list[bytes],
    streams: Sequence[bytes] = (b"other", b"other", b"other"),
    width: int = 80,
    parent: int = 0,
) -> Context:
    """Args:
        chunks: where what is written is gathered: each begins with the descriptor's number.
        streams: ``terminal``, ``closed`` or ``other``, for each of the three.

    Raises:
        Declined: the caller's configuration wants no agent.
    """
    try:
        if load_config(find_paths(environ, cwd).config_file).agent == "off":
            raise Declined
    except CredmanError:
        pass  # the command says it better

    def read(*_: object) -> NoReturn:
        raise Declined

    context = Context(
        stdin=Input(read, is_terminal=streams[0] == b"terminal"),
        stdout=Output(
            lambda data: chunks.append(b"\x01" + data),
            is_terminal=streams[1] == b"terminal",
            width=width,
            is_closed=streams[1] == b"closed",
        ),
        stderr=Output(
            lambda data: chunks.append(b"\x02" + data), is_terminal=streams[2] == b"terminal"
        ),
        environ=environ,
        inherited=_NoVariables(),
        cwd=cwd,
        terminal=Nobody(),
        read_descriptor=read,
        parent=parent,
        keeper=held,
    )
    # The context is frozen; what opens vaults needs to know it.
    object.__setattr__(context, "source", Silent(context, rings))
    return context


def run_command(held: Held, rings: Rings, parts: Sequence[bytes], pid: int) -> list[bytes]:
    """Args:
        parts: of the request: argv, directory, variables, streams and width.
        pid: of the caller.

    Returns:
        The answer.

    Raises:
        Declined
        ValueError: it is no request.
    """
    packed, cwd_bytes, variables, kinds = parts
    argv = [os.fsdecode(word) for word in wire.unpack(packed)]
    *streams, width = wire.unpack(kinds)
    cwd, environ = read_caller(cwd_bytes, variables)
    own = [*argv[: argv.index("--")]] if "--" in argv else argv
    if names_a_process(own, cwd, environ):
        raise Declined
    if len(streams) != 3 or not pid or _needs_caller(argv):
        raise Declined
    chunks: list[bytes] = []
    context = make_context(
        held,
        rings,
        cwd=cwd,
        environ=environ,
        chunks=chunks,
        streams=streams,
        width=int(width),
        parent=_find_parent_for(argv, pid),
    )
    held.begin()
    gave_values = False
    try:
        result = run(argv, context)
        gave_values = argv[0] in _GIVING and "--unset" not in own and _has_given(result, chunks)
    finally:
        held.end(gave_values=gave_values)
    if isinstance(result, int):
        return [wire.DONE, str(result).encode(), wire.pack(chunks)]
    added = [os.fsencode(text) for pair in result.variables.items() for text in pair]
    files = [p for k, v in result.files.items() for p in (os.fsencode(k), v.to_bytes())]
    return [wire.EXEC, wire.pack(added), wire.pack(chunks), wire.pack(files)]


def _has_given(result: Execution | int, chunks: Sequence[bytes]) -> bool:
    if isinstance(result, int):
        return result == 0 and any(chunk[0] == 1 for chunk in chunks)
    return bool(result.variables or result.files)


def _find_parent_for(argv: Sequence[str], pid: int) -> int:
    if os.path.exists("/proc/self/stat"):
        return find_parent(pid)
    # Elsewhere the caller itself finds out which shell it writes for.
    if argv[0] == "env" and not any(word.startswith("--shell") for word in argv):
        raise Declined
    return 0


def find_parent(pid: int) -> int:
    """Returns: the parent of a process. Raises: Declined: it has gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        raise Declined from None


def sees_the_same(pid: int) -> bool:
    """Whether a path means the same to this process as to us: it may be in a container."""
    if not os.path.exists("/proc/self/ns/mnt"):
        return True
    try:
        theirs, ours = (os.readlink(f"/proc/{who}/ns/mnt") for who in (pid, "self"))
        return theirs == ours and os.path.samefile(f"/proc/{pid}/root", "/")
    except OSError:
        return False


def names_a_process(argv: Sequence[str], cwd: str, environ: Mapping[str, str]) -> bool:
    """Whether a path leads to what belongs to one process, which would be this one."""
    paths = [cwd, *(environ.get(name, "") for name in _PLACES)]
    words = [*argv, environ.get("CREDMAN_STORE", "")]
    paths += [word.partition("file:")[2] for word in words if "file:" in word]
    full = (os.path.normpath(os.path.join(cwd, path)) for path in paths)
    return any(path.startswith(("/proc/", "/dev/")) for path in full)


def _needs_caller(argv: Sequence[str]) -> bool:
    # Whoever asks may send what he likes: what writes, or makes keys, is not done for him.
    if not argv or argv[0] not in COMMANDS:
        return [*argv] != [VALUES]
    own = argv[: argv.index("--")] if "--" in argv else argv
    return any(word.partition("=")[0] in _DECLINED for word in own)


def warm_up() -> None:
    """Imports and does once what is slow the first time, for nobody."""
    import gc

    from credman.providers.catalogue import load_catalogue

    for module in _NEEDED:
        importlib.import_module(module)
    load_catalogue()
    held = Held()
    rings = Rings(held)
    nowhere = Environ(CREDMAN_HOME="/nonexistent")
    terminal = (b"terminal", b"terminal", b"terminal")
    for argv in _WARMING:
        for streams in (terminal, (b"other",) * 3):
            context = make_context(
                held, rings, cwd="/", environ=nowhere, chunks=[], streams=streams, parent=1
            )
            held.begin()
            with contextlib.suppress(Declined):
                run(argv, context)
    del held, rings
    gc.collect()
    gc.freeze()  # all that lives as long as the process
