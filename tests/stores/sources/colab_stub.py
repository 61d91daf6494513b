"""What ``google.colab`` promises to a kernel, as in images before it had a lock of its own.

Written from its contract: a request goes out on IOPub with a number of this process, the answer
comes back over stdin, looked for every 25 ms; whatever else is read there is thrown away, also the
answer to another thread. Its time-out is 10 s; a test makes it short.
"""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
SECONDS = "CREDMAN_TEST_COLAB_SECONDS"
SHELL = "google.colab._shell.Shell"
KERNEL = "google.colab._kernel.Kernel"
_POLL_SECONDS = 0.025
_TIMEOUT_SECONDS = 10.0
_numbers = itertools.count(1)


class Error(Exception):
    pass


class MessageError(Error):
    pass


class SecretNotFoundError(Error):
    pass


class TimeoutException(Error):
    pass


class NotebookAccessError(Exception):
    """None of the others is above it."""


def get(key: str) -> str:
    if not key or not isinstance(key, str):
        raise ValueError("Please enter a valid secret name")
    if any(character.isspace() for character in key):
        raise ValueError("Secret name cannot contain spaces or whitespace")
    seconds = float(os.environ.get(SECONDS, _TIMEOUT_SECONDS))
    reply = _request_blocking("GetSecret", {"key": key}, seconds)
    if not reply:
        raise TimeoutException(f"Requesting secret {key} timed out.")
    if not reply["exists"]:
        raise SecretNotFoundError(f"Secret {key} does not exist.")
    if not reply["access"]:
        raise NotebookAccessError(f"Notebook does not have access to secret {key}")
    return str(reply.get("payload", ""))


def _request_blocking(kind: str, request: dict[str, Any], seconds: float) -> dict[str, Any] | None:
    from IPython.core.getipython import get_ipython

    kernel: Any = get_ipython().kernel  # type: ignore[union-attr]
    number = next(_numbers)
    sent = kernel.session.msg(
        "colab_request",
        content={"request": request},
        metadata={"colab_request_type": kind, "colab_msg_id": number},
    )
    sent["parent_header"] = {"session": kernel.get_parent()["header"]["session"]}
    kernel.session.send(kernel.iopub_socket, sent)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        _, message = kernel.session.recv(kernel.stdin_socket)
        value = message["content"].get("value") if message else None
        if not isinstance(value, dict) or value.get("colab_msg_id") != number:
            time.sleep(_POLL_SECONDS)
            continue
        if "error" in value:
            raise MessageError(value["error"])
        data: dict[str, Any] | None = value.get("data")
        return data
    return None


def make_package(place: Path) -> dict[str, str]:
    """Args: place: a folder for it.

    Returns:
        The environment of a Python in which ``import google.colab`` works.
    """
    package = place / "google" / "colab"
    package.mkdir(parents=True)
    spread = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
    (package.parent / "__init__.py").write_text(spread)
    (package / "__init__.py").write_text("")
    (package / "userdata.py").write_text("from tests.stores.sources.colab_stub import *\n")
    (package / "_shell.py").write_text(
        "from ipykernel.zmqshell import ZMQInteractiveShell\n"
        "class Shell(ZMQInteractiveShell):\n    pass\n"
    )
    (package / "_kernel.py").write_text(
        "from ipykernel.ipkernel import IPythonKernel\n"
        "from google.colab._shell import Shell\n"
        "class Kernel(IPythonKernel):\n    shell_class = Shell\n"
    )
    return {"PYTHONPATH": os.pathsep.join((str(place), str(ROOT)))}
