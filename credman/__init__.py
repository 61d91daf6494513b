"""credman: named tokens per environment and profile, in one encrypted file.

Names are handed on lazily: importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from credman.core.secret import Secret

__all__ = ["Secret"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from credman.core.secret import Secret

        return Secret
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
