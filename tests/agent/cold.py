"""Runs the program many times in copies of one process that has imported it: ten times as quick.

Whoever asks sends argv, environment, directory and the file for the agent's answers, if there is an
agent, as JSON with three descriptors over a socket, which is standard input here, and gets the wait
status.
"""

import importlib
import json
import os
import socket
import sys
import time
from typing import Never

from credman import __main__
from credman.agent import client
from credman.cli import ALIASES, COMPLETE
from credman.cli.parsing import load_parser

_MOST = 1024 * 1024
_NEEDED = ("caller", "cli.completing", "cli.lines", "cli.namecache", "cli.planning", "cli.quick",
           "output.memfile", "providers.advice", "providers.catalogue", "stores.copies",
           "stores.file", "vault.rekeying")  # fmt: skip
_OF_OTHERS = ("cryptography.hazmat.backends.openssl.backend", "rich.console", "rich.table")


def main() -> None:
    """Serves until the other side is closed."""
    for name in client.COMMANDS - {COMPLETE}:
        load_parser(ALIASES.get(name, name))
    for name in _NEEDED:
        importlib.import_module(f"credman.{name}")
    for name in _OF_OTHERS:
        importlib.import_module(name)
    connection = socket.socket(fileno=os.dup(0))
    while True:
        message, descriptors, _, _ = socket.recv_fds(connection, _MOST, 3)
        if not message:
            return
        child = os.fork()
        if not child:
            _run(message, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        connection.send(os.waitpid(child, 0)[1].to_bytes(4, "big"))


def _run(message: bytes, descriptors: list[int]) -> Never:
    argv, environ, cwd, notes = json.loads(message)
    os.setsid()
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    os.closerange(3, 256)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    sys.argv = ["credman", *argv]
    if notes:
        importlib.import_module("lane").note_answers(notes)  # beside this script
    __main__.main()
    raise AssertionError


if __name__ == "__main__":
    main()
