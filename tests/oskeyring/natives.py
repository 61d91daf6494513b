"""The functions of macOS and Windows that keep secrets, as their documentation describes them.

Rule: the items are kept in a file, so that several processes see one keyring, and so are the orders
to fail, to crash or to hang at a call. Nothing here proves anything of a real macOS or Windows.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Microsoft: CREDENTIALW, CredWriteW, CredReadW, and what is seen where they are silent.
NOT_FOUND, NO_SUCH_LOGON_SESSION, INVALID_PARAMETER = 1168, 1312, 87
BAD_USERNAME, BAD_STUB_DATA = 2202, 1783
MAX_BLOB_BYTES, MAX_USER, MAX_TARGET, MAX_COMMENT = 2560, 513, 32767, 256

# Apple: Security framework result codes.
USER_CANCELED, AUTH_FAILED, ITEM_NOT_FOUND, DUPLICATE_ITEM = -128, -25293, -25300, -25299
NOT_AVAILABLE, NO_DEFAULT_KEYCHAIN, INTERACTION_NOT_ALLOWED = -25291, -25307, -25308
INVALID_OWNER_EDIT = -25244


class NativeError(Exception):
    """Args: code: what the operating system calls it."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Native:
    """The operating system's side. Args: folder: where its state is kept."""

    folder: Path

    @property
    def items(self) -> dict[str, Any]:
        with self._state() as state:
            return dict(state["items"])

    @property
    def calls(self) -> list[str]:
        """What was called so far, by name."""
        with self._state() as state:
            return list(state["calls"])

    def fail_at(self, number: int, code: int) -> None:
        """Args: number: of the call, 1 is the next one; it changes nothing."""
        self._order({"at": number, "does": "fail", "code": code})

    def fail_always(self, code: int) -> None:
        self._order({"at": 0, "does": "fail", "code": code})

    def crash_at(self, number: int, *, is_done: bool = False) -> None:
        """The process dies. Args: is_done: after the call's change, which nobody is told of."""
        self._order({"at": number, "does": "crash after" if is_done else "crash"})

    def hang_at(self, number: int) -> None:
        """As when a window waits for somebody."""
        self._order({"at": number, "does": "hang"})

    def forget_orders(self) -> None:
        with self._state() as state:
            state["orders"] = []

    def call(self, name: str, change: Callable[[dict[str, Any]], Any]) -> Any:
        """One call of the operating system, in the worker.

        Raises:
            NativeError: it was told to fail, or refuses.
        """
        with self._state() as state:
            state["calls"].append(name)
            number = len(state["calls"])
            orders = [order for order in state["orders"] if order["at"] in (0, number)]
            does = orders[0]["does"] if orders else ""
            refused, found = None, None
            if does in ("", "crash after"):
                try:
                    found = change(state["items"])
                except NativeError as error:
                    refused = error
        if refused is not None:
            raise refused
        if does == "hang":
            time.sleep(3600)
        if does in ("crash", "crash after"):
            os._exit(9)
        if does == "fail":
            raise NativeError(orders[0]["code"])
        return found

    def _order(self, order: dict[str, Any]) -> None:
        with self._state() as state:
            at = order["at"] and order["at"] + len(state["calls"])
            state["orders"].append({**order, "at": at})

    @contextmanager
    def _state(self) -> Iterator[dict[str, Any]]:
        path = self.folder / "state.json"
        with open(self.folder / "lock", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            state: dict[str, Any] = {"items": {}, "calls": [], "orders": []}
            if path.exists():
                state = json.loads(path.read_bytes())
            yield state
            new = self.folder / "state.new"  # renamed: a worker may be killed at any time
            new.write_text(json.dumps(state))
            new.rename(path)


class Credentials(Native):
    """CredRead, CredWrite and CredDelete of Windows, for generic credentials."""

    def read(self, target: str) -> dict[str, Any]:
        def find(items: dict[str, Any]) -> dict[str, Any]:
            found = dict(_require(items, target.lower()))
            return {**found, "CredentialBlob": bytes.fromhex(found["CredentialBlob"])}

        return dict(self.call("CredRead", find))

    def write(self, credential: dict[str, Any]) -> None:
        target, blob = credential["TargetName"], _utf16(credential["CredentialBlob"])

        def change(items: dict[str, Any]) -> None:
            if len(blob) > MAX_BLOB_BYTES:
                raise NativeError(BAD_STUB_DATA)
            if _units(credential["UserName"]) > MAX_USER:
                raise NativeError(BAD_USERNAME)
            if not 0 < _units(target) <= MAX_TARGET or _units(credential["Comment"]) > MAX_COMMENT:
                raise NativeError(INVALID_PARAMETER)
            items[target.lower()] = {**credential, "CredentialBlob": blob.hex()}

        self.call("CredWrite", change)

    def delete(self, target: str) -> None:
        def change(items: dict[str, Any]) -> None:
            _require(items, target.lower())
            del items[target.lower()]

        self.call("CredDelete", change)


class Keychain(Native):
    """SecItemCopyMatching, SecItemAdd and SecItemDelete of macOS, for generic passwords."""

    def copy(self, query: dict[str, Any], found: Any) -> int:
        def find(items: dict[str, Any]) -> int:
            if (value := items.get(_name(query))) is None:
                return ITEM_NOT_FOUND
            found.value = value
            return 0

        return self._tell("SecItemCopyMatching", find)

    def add(self, query: dict[str, Any]) -> int:
        def change(items: dict[str, Any]) -> int:
            if _name(query) in items:
                return DUPLICATE_ITEM
            items[_name(query)] = query["kSecValueData"]
            return 0

        return self._tell("SecItemAdd", change)

    def delete(self, query: dict[str, Any]) -> int:
        def change(items: dict[str, Any]) -> int:
            return ITEM_NOT_FOUND if items.pop(_name(query), None) is None else 0

        return self._tell("SecItemDelete", change)

    def _tell(self, name: str, change: Callable[[dict[str, Any]], int]) -> int:
        try:
            return int(self.call(name, change))
        except NativeError as error:
            return error.code


def _require(items: dict[str, Any], name: str) -> Any:
    if name not in items:
        raise NativeError(NOT_FOUND)
    return items[name]


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")  # wchar_t knows no halves


def _units(text: str) -> int:
    return len(_utf16(text)) // 2


def _name(query: dict[str, Any]) -> str:
    return json.dumps([query["kSecAttrService"], query["kSecAttrAccount"]])
