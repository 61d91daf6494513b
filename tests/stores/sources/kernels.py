"""A real kernel, and the front end of Colab that answers it over the true wire protocol.

Rule: its folders are new, and it has ended when the block ends.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.requirements import require
from tests.stores.sources.colab_stub import ROOT
from tests.watch.scan.jupyter import make_places

_SECONDS = 60


@dataclass
class Kernel:
    """Args: secrets: what Colab's front end answers, by name; whoever asks for another one waits.

    asked: the names that came, in order.
    """

    client: Any
    secrets: Mapping[str, object] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def run(self, source: str, *, allow_stdin: bool = True) -> str:
        """Runs a cell.

        Returns:
            What it printed.
        """
        number = self.client.execute(source, allow_stdin=allow_stdin)
        printed: list[str] = []
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end:
            message = self.client.get_iopub_msg(timeout=_SECONDS)
            content = message["content"]
            if message["msg_type"] == "colab_request":
                self._answer(message)
            elif message["parent_header"].get("msg_id") != number:
                continue
            elif message["msg_type"] == "stream" and content["name"] == "stdout":
                printed.append(content["text"])
            elif message["msg_type"] == "error":
                raise AssertionError("\n".join(content["traceback"]))
            elif content.get("execution_state") == "idle":
                return "".join(printed)
        raise AssertionError("the cell did not end")

    def say(self, source: str, *, allow_stdin: bool = True) -> Any:
        """Runs a cell that prints JSON. Returns: what it says."""
        return json.loads(self.run(source, allow_stdin=allow_stdin))

    def _answer(self, message: dict[str, Any]) -> None:
        # As Colab: the request names its session and no cell, and the answer comes over stdin.
        assert message["metadata"]["colab_request_type"] == "GetSecret"
        assert set(message["parent_header"]) == {"session"}
        name = message["content"]["request"]["key"]
        self.asked.append(name)
        if (reply := self.secrets.get(name)) is None:
            return
        kind = "error" if isinstance(reply, str) else "data"
        number = message["metadata"]["colab_msg_id"]
        value = {"type": "colab_reply", "colab_msg_id": number, kind: reply}
        self.client.stdin_channel.send(self.client.session.msg("input_reply", {"value": value}))


@contextmanager
def run_kernel(
    place: Path, *options: str, environ: Mapping[str, str] | None = None
) -> Iterator[Kernel]:
    """Args: place: a new folder for its files. options: of ipykernel. environ: beside its own."""
    require(find_spec("ipykernel"), "ipykernel is not installed")
    from jupyter_client.blocking.client import BlockingKernelClient

    place.mkdir(exist_ok=True)
    file = place / "connection.json"
    own = {**make_places(place), "PYTHONPATH": str(ROOT), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    process = subprocess.Popen(
        _command(file, options),
        env={**own, **(environ or {})},
        cwd=place,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    client = BlockingKernelClient()
    try:
        client.load_connection_info(_wait_for(file, process))
        client.start_channels()
        try:
            client.wait_for_ready(timeout=_SECONDS)
            yield Kernel(client)
        finally:
            client.stop_channels()
            client.context.destroy(linger=0)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _command(file: Path, options: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "ipykernel_launcher", "-f", str(file), *options]


def _wait_for(file: Path, process: subprocess.Popen[bytes]) -> Any:
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, "the kernel ended"
        with suppress(FileNotFoundError, ValueError):  # half written
            return json.loads(file.read_text())
        time.sleep(0.02)
    raise AssertionError("the kernel did not start")
