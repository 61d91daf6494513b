"""A real kernel and a front end for it, which keeps every message.

Rule: its directories are new and below the test's own, and it has ended when ``start_kernel``
returns.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from queue import Empty
from typing import Any

from tests.requirements import require
from tests.watch.scan.jupyter import make_places

ROOT = Path(__file__).parents[2]
_SECONDS = 60
Message = dict[str, Any]


class Kernel:
    """Args:
    client: of ``jupyter_client``, connected.
    process: the kernel's.
    """

    def __init__(self, client: Any, process: subprocess.Popen[bytes]) -> None:
        self.client, self.process = client, process

    def run(self, source: str) -> list[Message]:
        """Returns: all that came until the kernel was idle again, the reply last."""
        return self.ask(self.client.execute(source, store_history=True, allow_stdin=False))

    def ask(self, asked: str) -> list[Message]:
        """Args: asked: id of the request. Returns: as ``run``."""
        messages = []
        while True:
            message = self.client.get_iopub_msg(timeout=_SECONDS)
            messages.append(message)
            is_own = message["parent_header"].get("msg_id") == asked
            if is_own and message["content"].get("execution_state") == "idle":
                break
        while True:
            reply = self.client.get_shell_msg(timeout=_SECONDS)
            if reply["parent_header"]["msg_id"] == asked:
                return [*messages, reply]

    def listen(self, seconds: float) -> list[Message]:
        """Returns: what comes until nothing has come for so long."""
        messages = []
        while True:
            try:
                messages.append(self.client.get_iopub_msg(timeout=seconds))
            except Empty:
                return messages

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def end(self) -> list[Message]:
        """Returns: what it said at its end."""
        self.client.shutdown()
        messages = []
        while self.process.poll() is None:
            messages += self.listen(0.1)
        return [*messages, *self.listen(0.2)]


@contextmanager
def start_kernel(
    place: Path, environ: Mapping[str, str], python: str = sys.executable
) -> Iterator[Kernel]:
    """Args:
    place: for its directories; is made.
    environ: beside what it needs.
    python: that has ipykernel.
    """
    for name in ("jupyter_client", "ipykernel"):
        require(find_spec(name), f"{name} is not installed")
    from jupyter_client.blocking.client import BlockingKernelClient
    from jupyter_client.connect import write_connection_file

    place.mkdir(parents=True)
    connection = str(place / "connection.json")
    write_connection_file(connection, transport="ipc", ip=str(place / "s"))
    process = subprocess.Popen(
        [
            python,
            "-m",
            "ipykernel_launcher",
            "-f",
            connection,
            "--HistoryManager.hist_file=:memory:",
        ],
        env={**make_places(place), "PYTHONPATH": str(ROOT), **environ},
        cwd=place,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    client = BlockingKernelClient()
    try:
        client.load_connection_file(connection)
        client.start_channels()
        client.wait_for_ready(timeout=_SECONDS)
        yield Kernel(client, process)
    finally:
        process.kill()
        process.wait()
        client.stop_channels()


def show(messages: Sequence[Message]) -> str:
    """Returns: all texts of messages, the pieces of a stream put together as a front end does."""
    streams: dict[tuple[str, str], str] = {}
    texts: list[str] = []
    for message in messages:
        content = message["content"]
        if message["msg_type"] == "stream":
            key = (content["name"], message["parent_header"].get("msg_id", ""))
            streams[key] = streams.get(key, "") + content["text"]
        elif message["msg_type"] != "execute_input":  # the source, which the front end has
            texts += _list_texts([content, message["metadata"]])
        texts += [bytes(each).decode("latin-1") for each in message.get("buffers", ())]
    return "\n\n".join([*texts, *streams.values()])


def _list_texts(tree: object) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict):
        for key, each in tree.items():
            yield str(key)
            yield from _list_texts(each)
    elif isinstance(tree, list | tuple):
        for each in tree:
            yield from _list_texts(each)


def stream_of(messages: Sequence[Message], name: str = "stdout") -> str:
    """Returns: one stream, of all cells."""
    return "".join(
        message["content"]["text"]
        for message in messages
        if message["msg_type"] == "stream" and message["content"]["name"] == name
    )
