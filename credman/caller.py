"""The ordinary path: this process makes the caller's context and runs the command itself."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from credman.cli.context import Context, Input, Output, visible
from credman.cli.run import report_error, run
from credman.cli.terminal import Terminal
from credman.core.environ import Environ
from credman.core.errors import CredmanError, UsageError
from credman.core.secret import SecretBytes

if TYPE_CHECKING:
    from credman.output.process import Execution


def run_here(
    argv: Sequence[str], closed: set[int], width: int, *, may_use_agent: bool
) -> Execution | int:
    """Args:
    closed: the standard descriptors that were closed when the process began.
    width: columns of standard output.
    may_use_agent: one that was asked already has answered.
    """
    return run(argv, make_context(closed, width, may_use_agent=may_use_agent))


def report_failure(message: str, argv: Sequence[str], closed: set[int]) -> None:
    """Says why a command could not be run."""
    report_error(make_context(closed, 80), CredmanError(message), argv)


def make_context(closed: set[int], width: int, *, may_use_agent: bool = False) -> Context:
    """Args: as ``run_here``."""
    is_gone = False
    try:
        cwd = os.getcwd()
    except OSError:
        cwd, is_gone = "/", True  # it was deleted; only relative paths that are given miss it
    inherited = Environ(os.environ)
    return Context(
        stdin=Input(_read_stdin, is_terminal=os.isatty(0)),
        stdout=Output(
            lambda data: _write(1, data),
            is_terminal=os.isatty(1),
            width=width,
            is_closed=1 in closed,
        ),
        stderr=Output(lambda data: _write(2, data), is_terminal=os.isatty(2)),
        environ=visible(inherited),
        inherited=inherited,
        cwd=cwd,
        terminal=Terminal(),
        read_descriptor=_read_descriptor,
        parent=os.getppid(),
        may_use_agent=may_use_agent,
        is_cwd_gone=is_gone,
    )


def _read_stdin(limit: int) -> bytes:
    return _read_all(0, limit)


def _read_descriptor(descriptor: int) -> bytes:
    try:
        data = _read_all(descriptor, 64 * 1024)
        if descriptor > 2:
            os.close(descriptor)
    except OSError:
        raise UsageError(f"file descriptor {descriptor} cannot be read") from None
    return data


def _read_all(descriptor: int, limit: int) -> SecretBytes:
    chunks: list[SecretBytes] = []
    size = 0
    while size <= limit and (chunk := SecretBytes(os.read(descriptor, 65536))):
        chunks.append(chunk)
        size += len(chunk)
    return SecretBytes(b"".join(chunks))


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
