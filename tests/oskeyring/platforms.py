"""Keyrings of macOS and Windows, with imitations of the operating systems' functions.

Rule: the backends of the keyring package run for real, in the worker that makes the calls; only
what lies below them is imitated (``natives``). Values here are synthetic.
"""

from __future__ import annotations

import ast
import importlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from credman.oskeyring.backends import MACOS, WINDOWS
from credman.oskeyring.client import OsKeyring
from tests.oskeyring.natives import Credentials, Keychain, Native


@dataclass(frozen=True)
class Platform:
    """Args: backend: its class; native: its items, and the orders to fail."""

    backend: str
    native: Native

    def ring(self, *, is_attended: bool = False) -> OsKeyring:
        return OsKeyring(self.backend, os.environ, is_attended=is_attended)


@contextmanager
def windows(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """Within it, a new worker finds Windows' functions. Args: folder: made if there is none."""
    package = folder / "win32ctypes" / "pywin32"
    package.mkdir(parents=True)
    for name, text in (
        ("../__init__.py", ""),
        ("__init__.py", ""),
        ("pywintypes.py", _PYWINTYPES),
        ("win32cred.py", _WIN32CRED.format(folder=str(folder))),
    ):
        (package / name).write_text(text)
    with monkeypatch.context() as patched:
        patched.syspath_prepend(str(folder))
        yield Platform(WINDOWS, Credentials(folder))


@contextmanager
def macos(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """Within it, a new worker finds macOS' functions. Args: folder: made if there is none."""
    keyring = importlib.import_module("keyring")  # the process of the test keeps the real one
    real = Path(str(keyring.__file__)).parent
    shutil.copytree(real, folder / "keyring", ignore=shutil.ignore_patterns("__pycache__"))
    api = folder / "keyring" / "backends" / "macOS" / "api.py"
    api.write_text(_API.format(folder=str(folder)) + "\n\n".join(cut_api(api.read_text())))
    with monkeypatch.context() as patched:
        patched.syspath_prepend(str(folder))
        yield Platform(MACOS, Keychain(folder))


def cut_api(source: str) -> list[str]:
    """Returns: what of keyring's own module does not call the operating system: it is kept."""
    nodes = {getattr(node, "name", ""): node for node in ast.parse(source).body}
    return [str(ast.get_source_segment(source, nodes[name])) for name in _KEPT]


_KEPT = (
    "error",
    "Error",
    "NotFound",
    "KeychainDenied",
    "SecAuthFailure",
    "find_generic_password",
    "set_generic_password",
    "delete_generic_password",
)

_API = """\
import contextlib
from pathlib import Path
from tests.oskeyring.natives import Keychain

_native = Keychain(Path({folder!r}))


class c_void_p:
    value = None


def k_(name):
    return name


def byref(data):
    return data


def cfstr_to_str(data):
    return data.value


def create_query(**query):
    # CFStringCreateWithCString reads to the first NUL
    cut = lambda s: s.encode("utf8").partition(b"\\0")[0].decode("utf8")
    return {{k: cut(v) if isinstance(v, str) else v for k, v in query.items()}}


def SecItemAdd(query, _):
    return _native.add(query)


def SecItemCopyMatching(query, found):
    return _native.copy(query, found)


def SecItemDelete(query):
    return _native.delete(query)


"""

_PYWINTYPES = """\
class error(Exception):
    def __init__(self, winerror, funcname, strerror):
        super().__init__(winerror, funcname, strerror)
        self.winerror, self.funcname, self.strerror = winerror, funcname, strerror
"""

_WIN32CRED = """\
from pathlib import Path
from tests.oskeyring.natives import Credentials, NativeError
from win32ctypes.pywin32.pywintypes import error

CRED_TYPE_GENERIC = 1
CRED_PERSIST_SESSION, CRED_PERSIST_LOCAL_MACHINE, CRED_PERSIST_ENTERPRISE = 1, 2, 3
_native = Credentials(Path({folder!r}))


def _tell(name, function, argument):
    try:
        return function(argument)
    except NativeError as refused:
        raise error(refused.code, name, "what Windows says of it") from None


def CredRead(TargetName, Type, Flags=0):
    return _tell("CredRead", _native.read, TargetName)


def CredWrite(Credential, Flags=0):
    known = {{"Type", "TargetName", "Persist", "UserName", "Comment", "CredentialBlob"}}
    assert set(Credential) <= known and Credential["Type"] == CRED_TYPE_GENERIC and not Flags
    return _tell("CredWrite", _native.write, Credential)


def CredDelete(TargetName, Type, Flags=0):
    return _tell("CredDelete", _native.delete, TargetName)
"""
