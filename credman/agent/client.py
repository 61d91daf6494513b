"""Asking the agent: finds its socket, makes sure whose it is, sends a frame, reads one.

Imports nothing but the frames, and ``_socket``: ``socket`` costs 8 ms more. Whatever goes wrong,
the answer is None, and the caller goes its ordinary way as if nothing had been asked.
"""

import _socket
import os
import sys
from time import monotonic, sleep

from credman.core import wire

TYPE_CHECKING = False  # typing costs more to import than all of this module
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COMMANDS = frozenset(
    ("env", "get", "exec", "run", "list", "ls", "show", "providers", "completions", "__complete")
)
"""What the agent runs for its callers: commands that only read."""

VALUES = "__values"
"""What the git hook asks for: all stored values that are secret. Elsewhere it is no command."""

SOCKET, LOCK_FILE = "agent", "agent.lock"
LISTENER, LOCK = 3, 4
"""Descriptors of an agent. The lock is held while it lives, so a socket without it is a stale one.
"""
ALREADY_THERE, NOT_PROTECTED = 3, 4
"""Exit codes of an agent that finds another one, or whose memory others could read."""
KEYRING = "keyring"
"""Stands for the keyring in place of a vault's id."""
SECONDS = 3.0
"""For the whole answer. One that does not come costs its caller that much, once a command."""

_LONGEST_PATH = 100
"""Of the 107 bytes (103 on macOS) that the address of a socket holds."""
_AGAIN_SECONDS = 0.01
_CHUNK = 256 * 1024
_OFF = ("off", "0", "no", "false")


def is_off(environ: "Mapping[str, str]") -> bool:
    """Whether ``CREDMAN_AGENT`` says that there is to be none."""
    return environ.get("CREDMAN_AGENT", "").lower() in _OFF


def find_folder(environ: "Mapping[str, str]", cwd: str) -> str | None:
    """Args: environ, cwd: of the caller.

    Returns:
        The directory that holds the socket, absolute; None where no home is known.
    """
    home = environ.get("CREDMAN_HOME")
    if home:
        return os.path.abspath(os.path.join(cwd, home, "run"))
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(runtime) and is_own(runtime):  # sudo and su leave that of somebody else
        return os.path.join(runtime, "credman")
    own = environ.get("HOME", "")
    if sys.platform == "darwin":
        state = os.path.join(own, "Library", "Application Support")
    else:
        state = environ.get("XDG_STATE_HOME", "")
        if not os.path.isabs(state):
            state = os.path.join(own, ".local", "state")
    return os.path.join(state, "credman", "run") if os.path.isabs(state) else None


def is_own(folder: str) -> bool:
    """Whether it is a directory of ours."""
    try:
        found = os.stat(folder)
    except OSError:
        return False
    return found.st_mode & 0o170000 == 0o040000 and found.st_uid == os.geteuid()


def is_private(folder: str) -> bool:
    """Whether it is a directory of ours that nobody else can look into."""
    try:
        found = os.lstat(folder)
    except OSError:
        return False
    return found.st_mode & 0o170077 == 0o040000 and found.st_uid == os.geteuid()


def peer_of(connection: "_socket.socket") -> tuple[int, int] | None:
    """Returns: process id (0: not known) and user id of whoever is at the other end."""
    if sys.platform == "linux":
        found = connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
        pid = int.from_bytes(found[:4], sys.byteorder)
    elif sys.platform == "darwin":
        found = connection.getsockopt(0, 1, 76)  # SOL_LOCAL, LOCAL_PEERCRED: struct xucred
        pid = int.from_bytes(connection.getsockopt(0, 2, 4), sys.byteorder)  # LOCAL_PEERPID
    else:
        return None
    return pid, int.from_bytes(found[4:8], sys.byteorder)


def connect(folder: str, seconds: float = SECONDS) -> "_socket.socket | None":
    """Args: seconds: to wait for a place in the queue.

    Returns:
        A connection to an agent of our own; None if there is none.
    """
    if not is_private(folder):
        return None
    descriptor = -1
    path = os.path.join(folder, SOCKET)
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    deadline = monotonic() + seconds
    try:
        if len(os.fsencode(path)) > _LONGEST_PATH and sys.platform == "linux":
            descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            path = f"/proc/self/fd/{descriptor}/{SOCKET}"
        connection.settimeout(seconds)
        while True:
            try:
                connection.connect(path)
                break
            except BlockingIOError:  # its queue is full for the moment
                if monotonic() > deadline:
                    raise
                sleep(_AGAIN_SECONDS)
        peer = peer_of(connection)
        # Before a byte is sent: the socket may have been replaced by somebody's own.
        if peer is not None and peer[1] == os.geteuid():
            return connection
    except (OSError, ValueError):
        pass
    finally:
        if descriptor >= 0:
            os.close(descriptor)
    connection.close()
    return None


def exchange(
    connection: "_socket.socket", parts: "Sequence[bytes]", seconds: float = SECONDS
) -> list[bytes] | None:
    """Sends a request and closes the connection.

    Args:
        parts: the operation and what belongs to it.
        seconds: for all of it.

    Returns:
        The parts of a whole answer, or None.
    """
    deadline = monotonic() + seconds
    try:
        connection.settimeout(seconds)
        connection.sendall(wire.frame([wire.PROTOCOL, *parts]))
        size = int.from_bytes(_receive(connection, 4, deadline), "big")
        return wire.unpack(_receive(connection, size, deadline)) or None
    except (OSError, ValueError, MemoryError):
        return None
    finally:
        connection.close()


def ask(
    environ: "Mapping[str, str]", cwd: str, parts: "Sequence[bytes]", seconds: float = SECONDS
) -> list[bytes] | None:
    """As ``exchange``, with the agent that belongs to the caller's environment."""
    folder = find_folder(environ, cwd)
    connection = None if folder is None else connect(folder)
    return None if connection is None else exchange(connection, parts, seconds)


def describe_caller(environ: "Mapping[str, str]", cwd: str) -> list[bytes]:
    """Returns: what a request tells of its caller: the directory, and the constant list of
    variables."""
    told = [f"{name}={environ[name]}" for name in wire.VARIABLES if name in environ]
    return [os.fsencode(cwd), wire.pack([os.fsencode(text) for text in told])]


def _receive(connection: "_socket.socket", size: int, deadline: float) -> bytes:
    chunks: list[bytes] = []
    while size:
        left = deadline - monotonic()
        if left <= 0:
            raise ValueError
        connection.settimeout(left)
        chunk = connection.recv(min(size, _CHUNK))
        if not chunk:
            raise ValueError
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)
