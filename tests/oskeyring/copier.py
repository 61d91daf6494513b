"""Makes workers that are copies of one process, which has imported what they need. Run as a script,
under ``python -I`` as the worker itself.

Arguments: the file of the worker, the backend. The first line of standard input, a socket, says
where modules are found; each further message asks for one worker, and brings the descriptors of its
standard input, its standard output, and one that is told the number of the process and is open for
as long as it lives.
"""

import contextlib
import importlib
import importlib.util
import json
import os
import signal
import socket
import sys
from typing import Any, Never

NAME = "copied-worker"
_MOST = 1024 * 1024
_LATER = (
    "keyring.backends.SecretService",
    "secretstorage.dhcrypto",
    "jeepney.io.blocking",
    "cryptography.hazmat.backends.openssl.backend",
    "cryptography.hazmat.primitives.ciphers.modes",
)
"""What the worker would import, each time, when it is asked for something."""


def main(file: str, backend: str) -> None:
    """Serves until nobody can ask any more."""
    signal.signal(signal.SIGCHLD, _bury)
    connection = socket.socket(fileno=os.dup(0))
    sys.path[:] = json.loads(connection.recv(_MOST))
    module = backend.rpartition(".")[0]
    for name in _LATER if module in _LATER else (module,):
        importlib.import_module(name)
    worker = _load(file)
    while True:
        message, descriptors, _, _ = socket.recv_fds(connection, 1, 3)
        if not message:
            return
        if not os.fork():
            _work(worker, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _bury(*_: object) -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _load(file: str) -> Any:
    spec = importlib.util.spec_from_file_location("worker", file)
    assert spec is not None and spec.loader is not None
    worker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(worker)
    return worker


def _work(worker: Any, descriptors: list[int]) -> Never:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    high = [os.dup2(descriptor, 64 + n) for n, descriptor in enumerate(descriptors)]
    for number, descriptor in zip((0, 1, 3), high, strict=True):
        os.dup2(descriptor, number)
    os.closerange(4, 256)
    with open("/proc/self/comm", "w") as name:
        name.write(NAME)
    os.write(3, str(os.getpid()).encode())
    worker.main()
    raise AssertionError


if __name__ == "__main__":
    main(*sys.argv[1:])
