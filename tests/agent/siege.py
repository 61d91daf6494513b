"""An agent that is besieged: it lives, its memory stays bounded, an honest caller is answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from credman.core import wire
from tests.agent.agents import Agents, agents, wait_until
from tests.agent.clients import ask
from tests.cli.harness import make_value, make_vault

GIVEN = f"export HF_TOKEN='{make_value()}';\n".encode()
MOST_RESIDENT = 60 * 1024
"""KiB that an agent takes at rest, after any number of requests."""
MOST_ON_ITS_WAY = 32 * 1024
"""KiB more, while requests and answers are on their way."""


def resident(desk: Agents, name: str = "VmRSS") -> int:
    """Returns: KiB."""
    lines = Path(f"/proc/{desk.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


@contextmanager
def besieged() -> Iterator[Agents]:
    """An agent that is the same one afterwards, answers, and has not grown."""
    make_vault()
    with agents() as desk:
        desk.unlock()
        assert ask(desk, "env") == (0, GIVEN)
        pid = desk.pid
        yield desk
        assert ask(desk, "env") == (0, GIVEN)
        assert desk.pid == pid
        assert resident(desk, "VmHWM") < MOST_RESIDENT + MOST_ON_ITS_WAY
        wait_until(lambda: resident(desk) < MOST_RESIDENT)


def frame(*parts: bytes) -> bytes:
    return wire.frame([wire.PROTOCOL, *parts])
