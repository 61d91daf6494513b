"""A process that does one thing with the keyring store of the bus in its environment.

    python -m tests.stores.ring_driver HOME ACTION [ARGUMENT…]

It prints one line, ``ok`` or the kind and the message of the error, and ends with its exit code.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from credman.core.errors import CredmanError
from tests.oskeyring.bus import Bus
from tests.stores.driver import environment
from tests.stores.places import REPOSITORY, add
from tests.stores.rings import CREATION, open_ring


@contextmanager
def start(home: Path, bus: Bus, action: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Starts one in the background, which is killed at the end at the latest."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.stores.ring_driver", str(home), action, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env={**environment(), **bus.environ},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def main(home: Path, action: str, *arguments: str) -> None:
    store = open_ring(home, Bus(dict(os.environ)))
    match action:
        case "create":
            store.create(CREATION)
        case "add-many":
            prefix, count = arguments
            for number in range(int(count)):
                add(store, f"{prefix}-{number}")
        case "add-telling":
            for number in itertools.count():
                name = f"{arguments[0]}-{number}"
                add(store, name)
                print(name, flush=True)
        case _:
            raise AssertionError(action)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), *sys.argv[2:])
        line, code = "ok", 0
    except CredmanError as error:
        line, code = f"{error.kind}: {error.message}", error.exit_code
    print(line, flush=True)
    os._exit(code)
