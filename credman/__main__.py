"""The process: makes the caller's context, runs the command, ends with its code.

The only module that touches ``sys`` and ``os.environ``.
"""

from __future__ import annotations

import os
import resource
import signal
import sys

TYPE_CHECKING = False  # typing costs more to import than all of this module
if TYPE_CHECKING:
    from credman.cli.context import Context


class _Terminated(BaseException):
    """A signal asked the process to end: everything unwinds, so the terminal is put right and no
    temporary file is left."""


def main() -> None:
    """The console script."""
    closed = _open_missing_streams()
    core_limits = _forbid_core_dumps()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup keeps its meaning
            signal.signal(number, _terminate)
    try:
        code = _run(sys.argv[1:], closed, core_limits)
    except KeyboardInterrupt:
        code = _interrupted(signal.SIGINT, closed)
    except _Terminated as terminated:
        code = _interrupted(terminated.args[0], closed)
    _exit(code)


def _terminate(number: int, frame: object) -> None:
    raise _Terminated(number)


def _interrupted(number: int, closed: set[int]) -> int:
    # eval "$(timeout 9 credman env)" would succeed without a word; 1 in closed is /dev/null.
    if sys.argv[1:2] == ["env"] and not (1 in closed or os.isatty(1)):
        try:
            os.write(1, b"false;\n")
        except OSError:
            return 128 + number
    return 128 + number


def _forbid_core_dumps() -> tuple[int, int]:
    # A core file would hold values in clear. A command that is run gets its caller's limit back.
    limits = resource.getrlimit(resource.RLIMIT_CORE)
    # One byte is too little for a core file; and it is the only limit that also keeps Linux from
    # piping a core to a crash reporter (fs/coredump.c).
    least = 1 if limits[1] else 0
    resource.setrlimit(resource.RLIMIT_CORE, (least, limits[1]))
    return limits


def _run(argv: list[str], closed: set[int], core_limits: tuple[int, int]) -> int:
    from credman.cli.run import report_error, run
    from credman.core.errors import CredmanError

    context = _make_context(closed)
    result = run(argv, context)
    if isinstance(result, int):
        return result
    from credman.output.process import replace_process

    _restore_streams(closed)
    resource.setrlimit(resource.RLIMIT_CORE, core_limits)
    failed = replace_process(result)
    report_error(context, CredmanError(failed.message), argv)
    return failed.exit_code


def _make_context(closed: set[int]) -> Context:
    from credman.cli.context import Context, Input, Output
    from credman.cli.terminal import Terminal

    try:
        cwd = os.getcwd()
    except OSError:
        cwd = "/"  # it was deleted; only relative paths that are given miss it
    return Context(
        stdin=Input(_read_stdin, is_terminal=os.isatty(0)),
        stdout=Output(
            lambda data: _write(1, data),
            is_terminal=os.isatty(1),
            width=_width(),
            is_closed=1 in closed,
        ),
        stderr=Output(lambda data: _write(2, data), is_terminal=os.isatty(2)),
        environ=dict(os.environ),
        cwd=cwd,
        terminal=Terminal(),
        read_descriptor=_read_descriptor,
        parent=os.getppid(),
    )


def _open_missing_streams() -> set[int]:
    # With a standard descriptor closed, the next file opened would take its number, and somebody's
    # output would be written into it: the vault, say.
    closed: set[int] = set()
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            closed.add(descriptor)
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one
    return closed


def _restore_streams(closed: set[int]) -> None:
    # A command that is run gets what its caller gave; /dev/null was opened not to be inherited.
    for descriptor in closed:
        os.set_inheritable(descriptor, False)


def _read_stdin(limit: int) -> bytes:
    return _read_all(0, limit)


def _read_descriptor(descriptor: int) -> bytes:
    from credman.core.errors import UsageError

    try:
        data = _read_all(descriptor, 64 * 1024)
        if descriptor > 2:
            os.close(descriptor)
    except OSError:
        raise UsageError(f"file descriptor {descriptor} cannot be read") from None
    return data


def _read_all(descriptor: int, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while size <= limit and (chunk := os.read(descriptor, 65536)):
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks)


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _width() -> int:
    columns = os.environ.get("COLUMNS", "")
    if columns.isdigit() and 0 < int(columns) < 10_000:
        return max(int(columns), 20)
    try:
        return max(os.get_terminal_size(1).columns, 20)
    except OSError:
        return 80


def _exit(code: int) -> None:
    # typer prints help through sys.stdout; if that cannot be flushed, what was asked for is lost.
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        code = code or 1
    os._exit(code)


if __name__ == "__main__":
    main()
