"""Environment variables as they travel through credman.

Rule: the passphrase, and other programs' secrets, are among them. Showing them by accident (a
traceback that lists local variables) shows a mask; so does what is made of them here. Those that a
caller hands in as a plain mapping become one of these before anything can fail.
"""

from __future__ import annotations

from collections.abc import Container, Mapping


class Environ(dict[str, str]):
    """A ``dict`` whose ``repr`` is masked."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<environment>"

    __sentry_repr__ = __repr__  # it walks through mappings otherwise

    def __or__(self, other: Mapping[str, str]) -> Environ:  # type: ignore[override]
        made = Environ(self)
        made.update(other)
        return made

    def __ror__(self, other: Mapping[str, str]) -> Environ:  # type: ignore[override]
        return Environ(other) | self

    def copy(self) -> Environ:
        return Environ(self)

    def without(self, names: Container[str]) -> Environ:
        """Returns: the others."""
        return Environ((name, self[name]) for name in self if name not in names)


def mask_environ(environ: Mapping[str, str]) -> Environ:
    """Returns: the same variables, masked."""
    return environ if isinstance(environ, Environ) else Environ(environ)
