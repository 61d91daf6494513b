"""A process that talks to the keyring, so that a call which never ends can be ended.

It is started by file name under ``python -I``: it imports nothing of credman. A request is a line
of JSON on standard input, and so is the answer on standard output; the first request names the
backend and where modules are found. It ends when its input does, also in the middle of a call: the
one who asked is gone, and a prompt that nobody wants would stay on the screen.
"""

from __future__ import annotations

import importlib
import json
import os
import queue
import sys
import threading
from typing import Any

_ABSENT = (
    "FileNotFoundError",
    "ConnectionRefusedError",
    "ConnectionError",
    "KeyError",
    "NoKeyringError",
    "SecretServiceNotAvailableException",
    "RuntimeError",
    "ModuleNotFoundError",
)
_SILENT = ("TimeoutError", "DBusErrorResponseTimeout")


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
            answer = {"problem": _classify(error)}
        answers.write(f"{json.dumps(answer)}\n")
        answers.flush()


def _read_requests(requests: queue.SimpleQueue[str]) -> None:
    for line in os.fdopen(0, "r", encoding="ascii"):
        requests.put(line)
    os._exit(0)


def _load(request: dict[str, Any]) -> Any:
    sys.path[:] = request["path"]
    module, _, name = request["backend"].rpartition(".")
    return getattr(importlib.import_module(module), name)()


def _call(backend: Any, request: dict[str, Any]) -> object:
    service, user = request["service"], request["user"]
    if request["action"] == "get":
        return backend.get_password(service, user)
    if request["action"] == "set":
        backend.set_password(service, user, request["value"])
        return True
    from keyring.errors import PasswordDeleteError

    try:
        backend.delete_password(service, user)
    except PasswordDeleteError:
        return False
    return True


def _classify(error: Exception) -> str:
    kinds = {cls.__name__ for cls in type(error).__mro__}
    text = str(error)
    if "KeyringLocked" in kinds:
        return "locked"
    if kinds & set(_SILENT):
        return "silent"
    if "dismissed" in text.lower():
        return "dismissed"
    if "InitError" in kinds or kinds & set(_ABSENT):
        return "absent"
    return "failed"


if __name__ == "__main__":
    main()
