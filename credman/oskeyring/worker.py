"""A process that talks to the keyring, so that a call which never ends can be ended.

It is started by file name under ``python -I``: it imports nothing of credman. A request is a line
of JSON on standard input, and so is the answer on standard output; the first request names the
backend and where modules are found. It ends when its input does, also in the middle of a call: the
one who asked is gone, and a prompt that nobody wants would stay on the screen.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

_CODES = {
    -128: "dismissed",  # errSecUserCanceled
    -25308: "locked",  # errSecInteractionNotAllowed: over ssh, or in a background session
    -25315: "locked",  # errSecInteractionRequired
    -25320: "locked",  # errSecInDarkWake: no window while the machine sleeps
    -25291: "absent",  # errSecNotAvailable
    -25294: "absent",  # errSecNoSuchKeychain
    -25307: "absent",  # errSecNoDefaultKeychain
    1312: "absent",  # ERROR_NO_SUCH_LOGON_SESSION: a network logon has no credentials
}
"""Of macOS (SecBase.h) and of Windows (CredWrite, CredRead): no number means two things."""

_NO_SUCH_ITEM = -25300  # errSecItemNotFound
_CANCELLED = "Cancelled by user"  # all that KWallet says of it when it stores or deletes
_ABSENT = (
    "FileNotFoundError",
    "ConnectionRefusedError",
    "ConnectionError",
    "KeyError",
    "NoKeyringError",
    "SecretServiceNotAvailableException",
    "RuntimeError",
    "ModuleNotFoundError",
    "NameError",  # of a package that could not load what its platform lacks
)
_WITHOUT_REPLY = "without replying"  # the bus says so of a service that ends
_SILENT = ("TimeoutError", "DBusErrorResponseTimeout")

_DO_NOT_QUEUE, _PRIMARY_OWNER, _ALREADY_OWNER = 4, 1, 4  # of the D-Bus specification
_TRIES, _TRY_AGAIN_SECONDS = 4, 0.05
_bus: list[Any] = []
"""The connection that holds names, once there is one."""


def main() -> None:
    """Serves until there are no more requests."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)  # whatever a library prints is no answer
    os.dup2(null, 2)
    backend: Any = None
    requests: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read_requests, args=(requests,), daemon=True).start()
    while True:
        request = json.loads(requests.get())
        try:
            if backend is None:
                backend = _load(request)
                answer: dict[str, object] = {"value": None}
            else:
                answer = {"value": _call(backend, request)}
        except Exception as error:  # noqa: BLE001 - its text may hold a value: only its kind goes on
            answer = {"problem": _classify(error), "code": _find_code(error)}
        answers.write(f"{json.dumps(answer)}\n")
        answers.flush()


def _read_requests(requests: queue.SimpleQueue[str]) -> None:
    for line in os.fdopen(0, "r", encoding="ascii"):
        requests.put(line)
    os._exit(0)


def _load(request: dict[str, Any]) -> Any:
    sys.path[:] = request["path"]
    if request["quiet"]:  # it stays for a while, and what it read may be left in its memory
        _protect_process()
        _forbid_windows()
    module, _, name = request["backend"].rpartition(".")
    loaded = getattr(importlib.import_module(module), name)
    backend = (_hold(loaded) if hasattr(loaded, "get_preferred_collection") else loaded)()
    if hasattr(loaded, "persist"):
        backend.persist = "local machine"  # Windows: else it roams with the user's profile
    return backend


def _protect_process() -> None:
    """No core file, and on Linux no debugger of the same user."""
    import ctypes
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE


def _forbid_windows() -> None:
    """Unlocking is what brings up a window of the Secret Service."""
    import secretstorage.collection
    from keyring.errors import KeyringLocked

    def refuse(thing: Any, *_: object) -> None:
        if not hasattr(thing, "is_locked") or thing.is_locked():
            raise KeyringLocked

    for owner, name in (
        (secretstorage.Collection, "unlock"),
        (secretstorage.Item, "unlock"),
        (secretstorage.collection, "create_collection"),  # it asks for a new password
    ):
        setattr(owner, name, refuse)


class _HeldConnection:
    """A connection to the session bus that stays open when the backend closes it."""

    def __init__(self, connection: Any) -> None:
        self.real = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def close(self) -> None:
        """Does nothing."""


def _hold(loaded: Any) -> Any:
    """Returns: the Secret Service's class, less a connection and a key exchange for each call.

    What is held is used while the same service owns the name and the collection is not locked, both
    asked before each call. Otherwise the class does what it always does, from the beginning.
    """

    class Held(loaded):  # type: ignore[misc]
        held: Any = None
        owner: str = ""
        item: Any = None

        def get_preferred_collection(self) -> Any:
            collection, self.held = self.held, None
            if collection is not None and not self.is_good(collection):
                collection.connection.real.close()
                collection = None
            if collection is None:
                self.item = None
                collection = _try_again(super().get_preferred_collection)
                with contextlib.suppress(Exception):  # then it is for this call only
                    self.owner = _find_owner(collection.connection)
                    collection.connection = _HeldConnection(collection.connection)
            elif collection.session is None and self.item is not None:
                collection.session = self.item.session  # opened when its secret was read
            if isinstance(collection.connection, _HeldConnection):
                self.held = collection
            collection.search_items = functools.partial(_search_own, type(collection), collection)
            return collection

        def is_good(self, collection: Any) -> bool:
            try:
                same = _find_owner(collection.connection) == self.owner
                return same and not collection.is_locked()
            except Exception:  # noqa: BLE001 - whatever it is, a new connection tells it better
                return False

        def unlock(self, item: Any) -> None:
            super().unlock(item)
            self.item = item

    return Held


def _search_own(kind: Any, collection: Any, query: dict[str, str]) -> Iterator[Any]:
    """Yields: the items with these attributes and no others but those that keyring gives all of its
    own. A search finds those as well that somebody else made with more."""
    for item in kind.search_items(collection, query):
        if set(item.get_attributes()) - {"application", "xdg:schema"} == set(query):
            yield item


def _try_again(connect: Callable[[], Any]) -> Any:
    """A bus that is busy may drop a connection while it is made: nothing was asked by then."""
    for _ in range(_TRIES - 1):
        try:
            return connect()
        except Exception as error:
            if not isinstance(error.__cause__ or error, ConnectionResetError):
                raise
            time.sleep(_TRY_AGAIN_SECONDS)
    return connect()


def _find_owner(connection: Any) -> str:
    """Returns: the unique name of the service: another one knows nothing of our session."""
    from jeepney.bus_messages import message_bus
    from jeepney.io.blocking import Proxy

    (owner,) = Proxy(message_bus, connection).GetNameOwner("org.freedesktop.secrets")
    return str(owner)


def _take(backend: Any, name: str) -> bool | None:
    """Takes a name on the session bus: the bus gives it to one process, and takes it back when that
    ends. Returns: whether it is ours; None: this keyring is not on that bus."""
    if not hasattr(backend, "get_preferred_collection"):
        return None
    from jeepney.bus_messages import message_bus
    from jeepney.io.blocking import Proxy, open_dbus_connection
    from jeepney.wrappers import DBusErrorResponse

    if not _bus:
        _bus.append(_try_again(lambda: open_dbus_connection(bus="SESSION")))
    try:
        (reply,) = Proxy(message_bus, _bus[0]).RequestName(name, _DO_NOT_QUEUE)
    except DBusErrorResponse as error:
        if error.name == "org.freedesktop.DBus.Error.AccessDenied":
            return None  # a sandbox, or a bus with rules of its own
        raise
    return reply in (_PRIMARY_OWNER, _ALREADY_OWNER)


def _give(name: str) -> bool:
    from jeepney.bus_messages import message_bus
    from jeepney.io.blocking import Proxy

    for connection in _bus:
        Proxy(message_bus, connection).ReleaseName(name)
    return True


def _call(backend: Any, request: dict[str, Any]) -> object:
    if request["action"] == "take":
        return _take(backend, request["name"])
    if request["action"] == "give":
        return _give(request["name"])
    service, user = request["service"], request["user"]
    if request["action"] == "get":
        return backend.get_password(service, user)
    if request["action"] == "set":
        backend.set_password(service, user, request["value"])
        return True
    from keyring.errors import PasswordDeleteError

    try:
        backend.delete_password(service, user)
    except PasswordDeleteError as error:
        # macOS and KWallet raise it for everything: what was refused is still there.
        if _find_code(error) not in (None, _NO_SUCH_ITEM) or str(error) == _CANCELLED:
            raise
        return False
    return True


def _find_code(error: Exception) -> int | None:
    """Returns: the operating system's number of an error of macOS or Windows. It is no secret."""
    for found in (error, error.__cause__):
        code = getattr(found, "winerror", None)
        if found is not None and type(found).__module__ == "keyring.backends.macOS.api":
            code = next(iter(found.args), None)
        if isinstance(code, int):
            return code
    return None


def _classify(error: Exception) -> str:
    kinds = {cls.__name__ for cls in type(error).__mro__}
    text = str(error)
    code = _find_code(error)
    if code is not None:
        return _CODES.get(code, "failed")
    if "KeyringLocked" in kinds:
        return "locked"
    if kinds & set(_SILENT):
        return "silent"
    if "dismissed" in text.lower() or text == _CANCELLED:
        return "dismissed"
    if _WITHOUT_REPLY in text:
        return "failed"  # it was there, and is gone in the middle of a call
    if "InitError" in kinds or kinds & set(_ABSENT):
        return "absent"
    return "failed"


if __name__ == "__main__":
    main()
