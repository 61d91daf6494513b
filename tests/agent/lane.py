"""The program itself, with one more thing: it notes what the agent answered. Run as a script.

Arguments: the file for that, a line for each time it was asked to run a command; then as credman's.
"""

import os
import sys
from collections.abc import Sequence
from typing import Any

from credman import __main__
from credman.agent import client
from credman.core import wire

_exchange = client.exchange
_NOTES = ""


def _noting(connection: Any, parts: Sequence[bytes], seconds: float = client.SECONDS) -> Any:
    answer = _exchange(connection, parts, seconds)
    if parts[0] == wire.RUN:
        word = answer[0] if answer else b"nothing"
        descriptor = os.open(_NOTES, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(descriptor, word + b"\n")
        os.close(descriptor)
    return answer


def note_answers(file: str) -> None:
    """From now on they are noted."""
    global _NOTES
    _NOTES = file
    client.exchange = _noting


if __name__ == "__main__":
    note_answers(sys.argv[1])
    sys.argv[:2] = ["credman"]
    __main__.main()
