"""credman: named tokens per environment and profile, in one encrypted file.

Names are handed on lazily: importing the package costs nothing.
"""

_HOMES = {
    "CredmanError": "core.errors",
    "CredmanWarning": "api.opening",
    "Locked": "core.errors",
    "NotFound": "core.errors",
    "Refused": "core.errors",
    "Secret": "core.secret",
    "add": "api",
    "check": "api",
    "env": "api",
    "get": "api",
    "list": "api",
    "load": "api",
    "load_ipython_extension": "notebook.extension",
    "remove": "api",
    "runtime": "api",
    "unload_ipython_extension": "notebook.extension",
    "which": "api",
}
__all__ = ["__version__", *(name for name in _HOMES if "extension" not in name)]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    home = import_module(f"credman.{_HOMES[name]}")
    return getattr(home, "list_tokens" if name == "list" else name)


def __dir__() -> "list[str]":
    return [*globals(), *_HOMES]
