"""The types that carry a secret value through credman.

Rule: showing one by accident (a log line, a traceback, an f-string with ``!r``) shows a mask; a
``Secret`` is not picklable, so it cannot slip into a cache or another process. None can be wiped
from memory: Python gives no such promise, and credman makes none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

_ERRORS = "surrogateescape"  # bytes that are not UTF-8 survive, as in os.environ


class Secret(str):
    """A ``str`` whose ``repr`` is masked."""

    __slots__ = ()

    @classmethod
    def from_bytes(cls, value: bytes) -> Secret:
        """Args: value: any bytes without NUL. Returns: the secret; ``to_bytes`` gives them back."""
        return cls(value.decode("utf-8", _ERRORS))

    def to_bytes(self) -> bytes:
        """Returns: exactly the bytes it was made of; masked as well."""
        return SecretBytes(self.encode("utf-8", _ERRORS))

    def __repr__(self) -> str:
        return "Secret('…')"

    __sentry_repr__ = __repr__

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret is not picklable")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not picklable")

    def __getnewargs__(self) -> NoReturn:
        raise TypeError("a Secret is not picklable")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self  # of what is copied with it, nothing else is to fail

    def __rich_repr__(self) -> Iterator[object]:
        # Without it rich shows the beginning of a long text, whatever its repr is.
        yield _Mask()


class SecretBytes(bytes):
    """``bytes`` whose ``repr`` is masked: values, keys, and what holds them in clear. A slice of it
    is plain."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "SecretBytes('…')"

    __str__ = __sentry_repr__ = __repr__

    def __rich_repr__(self) -> Iterator[object]:
        yield _Mask()


class SecretBuffer(bytearray):
    """The same, while it is read."""

    def __repr__(self) -> str:
        return "SecretBuffer('…')"

    __str__ = __sentry_repr__ = __repr__

    def __rich_repr__(self) -> Iterator[object]:
        yield _Mask()


class _Mask:
    def __repr__(self) -> str:
        return "'…'"


def mask(value: str, *, head: str = "") -> str:
    """What may be shown of a value: what its provider puts at the beginning of all its tokens, and
    the last four characters.

    Args:
        value: the value; one of fewer than 20 characters shows nothing of itself.
        head: the beginning, as ``Catalogue.public_head`` gives it.

    Returns:
        For example ``hf_…QxYz``.
    """
    if len(value) < 20 or not value.isascii() or not value.isprintable():
        return "…"
    return f"{head if value.startswith(head) else ''}…{value[-4:]}"
