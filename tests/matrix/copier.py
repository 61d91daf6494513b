"""Makes copies of one process that has imported a module, and what that imports late.

    python -m tests.matrix.copier MODULE

Standard input is a socket. A message brings the arguments for the module's ``run``, the
environment, what is to be imported before, and descriptors: of standard input, of what is printed,
and one that is told what was imported. Without a wish to learn that it is a socket, from which the
copy waits for a word: by then it is traced. The number of its process is answered, and afterwards
how it ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import socket
import sys
import traceback
from typing import Any, Never

_MOST = 1024 * 1024
_SET_PTRACER, _ANYBODY = 0x59616D61, -1  # where only a parent may trace: linux/prctl.h, Yama


def main(module: Any) -> None:
    """Serves until nobody can ask any more."""
    connection = socket.socket(fileno=os.dup(0))
    while True:
        message, descriptors, _, _ = socket.recv_fds(connection, _MOST, 3)
        if not message:
            return
        arguments, environ, names, is_learning = json.loads(message)
        for name in names:
            with contextlib.suppress(ImportError):  # some are only parts of others
                importlib.import_module(name)
        child = os.fork()
        if not child:
            connection.close()
            _work(module, arguments, environ, descriptors, is_learning=is_learning)
        for descriptor in descriptors:
            os.close(descriptor)
        connection.send(str(child).encode())
        connection.send(str(os.waitpid(child, 0)[1]).encode())


def _work(
    module: Any,
    arguments: list[str],
    environ: dict[str, str],
    descriptors: list[int],
    *,
    is_learning: bool,
) -> Never:
    given, printed, third = (os.dup2(old, 64 + n) for n, old in enumerate(descriptors))
    os.setsid()
    for number, descriptor in enumerate((given, printed, printed)):
        os.dup2(descriptor, number)
    os.closerange(3, 64)
    os.environ.clear()
    os.environ.update(environ)
    if not is_learning:
        os.closerange(64, 66)
        ctypes.CDLL(None).prctl(_SET_PTRACER, ctypes.c_long(_ANYBODY), 0, 0, 0)
        with socket.socket(fileno=third) as gate:
            gate.send(b"r")
            gate.recv(1)  # the first call that is traced
    code = 1
    try:
        code = module.run(*arguments)
        if is_learning:
            os.write(third, json.dumps(sorted(sys.modules)).encode())
    except BaseException:  # noqa: BLE001 - a copy must not go on as its original
        traceback.print_exc()
    finally:
        os._exit(code)
    raise AssertionError


if __name__ == "__main__":
    main(importlib.import_module(sys.argv[1]))
