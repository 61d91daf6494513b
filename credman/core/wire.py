"""What goes over the agent's socket: frames of byte strings, and what a request tells.

Imports nothing but the package: a warm command loads this module, and every import would cost it
more than the rest of its work (``json`` alone 10 ms).

A frame is a length, 4 bytes, most significant first, and so many bytes; these are parts, each a
length and its bytes. The first part of a request is its operation, the second the version of
credman; the first part of an answer is one of the words below. Operations ``status`` and ``lock``
keep their form in every version.
"""

from credman import __version__

TYPE_CHECKING = False  # typing costs more to import than all of this module
if TYPE_CHECKING:
    from collections.abc import Iterable

PROTOCOL = b"credman agent 1"
"""Stands at the head of every request: whoever speaks another one is not answered."""

VERSION = __version__.encode()
"""Of the program; the agent answers its own version only."""

MAX_REQUEST = 64 * 1024
"""Bytes of a request. A command line that is longer takes the ordinary path."""

MAX_WRITE = 8 * 1024 * 1024
"""Bytes of a request that stores something: the largest value, and JSON may write a byte as six."""

RUN: bytes = b"run"
WRITE: bytes = b"write"
READ: bytes = b"read"
HOLD: bytes = b"hold"
STATUS: bytes = b"status"
LOCK: bytes = b"lock"

DONE, EXEC, DECLINED, FAILED = b"done", b"exec", b"declined", b"failed"

VARIABLES = (
    "HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "XDG_STATE_HOME",
    "CREDMAN_AGENT",
    "CREDMAN_ENV",
    "CREDMAN_HOME",
    "CREDMAN_NO_INPUT",
    "CREDMAN_PROFILE",
    "CREDMAN_STORE",
    "CI",
    "COLUMNS",
    "DBUS_SESSION_BUS_ADDRESS",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LC_MESSAGES",
    "LC_TIME",
    "NO_COLOR",
    "TERM",
    "TZ",
)
"""The caller's variables that a command may see, whether the agent runs it or the caller itself."""


def pack(parts: "Iterable[bytes]") -> bytes:
    """Args: parts: byte strings. Returns: them, each after its length."""
    return b"".join([piece for part in parts for piece in (len(part).to_bytes(4, "big"), part)])


def unpack(data: bytes) -> list[bytes]:
    """Args: data: of ``pack``. Returns: the parts. Raises: ValueError: it is cut, or too long."""
    parts: list[bytes] = []
    place, size = 0, len(data)
    while place < size:
        end = place + 4 + int.from_bytes(data[place : place + 4], "big")
        if end > size or place + 4 > size:
            raise ValueError
        parts.append(data[place + 4 : end])
        place = end
    return parts


def frame(parts: "Iterable[bytes]") -> bytes:
    """Args: parts: byte strings. Returns: a whole frame."""
    body = pack(parts)
    return len(body).to_bytes(4, "big") + body
