"""credman: named tokens per environment and profile, in one encrypted file.

Names are handed on lazily: importing the package costs nothing.
"""

TYPE_CHECKING = False  # typing costs more to import than all of this module
if TYPE_CHECKING:
    from credman.core.secret import Secret

__all__ = ["Secret", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name == "Secret":
        from credman.core.secret import Secret

        return Secret
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
