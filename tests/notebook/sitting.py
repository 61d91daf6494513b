"""A real kernel, and somebody who sits before it and answers its prompts, or nobody.

Rule: its directories, with the history, are below the test's own.
"""

from __future__ import annotations

import json
import os
import queue
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.requirements import require
from tests.watch.scan.jupyter import make_places

_SECONDS = 60


class Kernel:
    """A kernel, and who sits before it. Args: answers: what is typed at prompts; None: no prompt
    can be answered, as where a notebook is run by a program."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.prompts: list[tuple[str, bool]] = []

    def run(self, code: str, answers: Sequence[str] | None = None) -> str:
        """Returns: all that the cell puts into its outputs."""
        client = self._client
        ident = client.execute(code, allow_stdin=answers is not None)
        end = time.monotonic() + _SECONDS
        text = ""
        waiting = list(answers or ())
        while time.monotonic() < end:
            try:
                asked = client.get_stdin_msg(timeout=0.02)["content"]
                self.prompts.append((asked["prompt"], asked["password"]))
                client.input(waiting.pop(0) if waiting else "")
            except queue.Empty:
                pass
            try:
                message = client.get_iopub_msg(timeout=0.05)
            except queue.Empty:
                continue
            if message["parent_header"].get("msg_id") != ident:
                continue
            content = message["content"]
            text += str(content.get("text", ""))
            text += json.dumps(content["data"]) if "data" in content else ""
            text += "\n".join(content.get("traceback", ()))
            if content.get("execution_state") == "idle":
                return text
        raise AssertionError("the kernel does not answer")


@contextmanager
def running(place: Path, **environ: str) -> Iterator[Kernel]:
    require(find_spec("ipykernel"), "ipykernel is not installed")
    from jupyter_client.manager import KernelManager

    manager = KernelManager()
    known = {k: v for k, v in os.environ.items() if k.startswith("CREDMAN_") or k == "PATH"}
    manager.start_kernel(env={**make_places(place), **known, **environ}, cwd=str(place))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=_SECONDS)
        yield Kernel(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
