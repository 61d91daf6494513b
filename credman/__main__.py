"""The process: asks the agent, or runs the command itself; ends with its code, or becomes another.

The only module that touches ``sys``; with ``caller`` the only one that touches ``os.environ``. It
imports next to nothing: with an agent that answers, nothing else is ever loaded.
"""

import os
import resource
import sys
from _signal import (  # type: ignore[import-not-found]  # signal itself imports enum: 2 ms
    SIG_DFL,
    SIGHUP,
    SIGINT,
    SIGPIPE,
    SIGTERM,
    SIGXFSZ,
    getsignal,
    signal,
)

from credman.agent import client
from credman.core import wire

TYPE_CHECKING = False  # typing costs more to import than all of this module
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Never

PRIVATE_VARIABLES = (b"CREDMAN_PASSPHRASE", b"CREDMAN_PASSPHRASE_COMMAND")
"""What opens the vault is never handed on."""

_FAILED_BEFORE, _CANNOT_EXECUTE, _NOT_FOUND = 125, 126, 127
_TAB_SECONDS = 1.0
_E2BIG = 7
"""The same number everywhere; ``errno`` would be one more module."""
_NOT_THERE = (FileNotFoundError, NotADirectoryError)


class _Terminated(BaseException):
    """A signal asked the process to end: everything unwinds, so the terminal is put right and no
    temporary file is left."""


def main() -> None:
    """The console script."""
    closed = _open_missing_streams()
    core_limits = _forbid_core_dumps()
    for number in (SIGTERM, SIGHUP):
        if getsignal(number) is SIG_DFL:  # nohup keeps its meaning
            signal(number, _terminate)
    try:
        code = _run(sys.argv[1:], closed, core_limits)
    except KeyboardInterrupt:
        code = _interrupted(SIGINT, closed)
    except _Terminated as terminated:
        code = _interrupted(terminated.args[0], closed)
    _exit(code)


def _terminate(number: int, frame: object) -> None:
    raise _Terminated(number)


def _interrupted(number: int, closed: set[int]) -> int:
    # eval "$(timeout 9 credman env)" would succeed without a word; 1 in closed is /dev/null.
    if sys.argv[1:2] == ["env"] and not (1 in closed or os.isatty(1)):
        _fail_eval()
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
    answer = _ask_agent(argv, closed)
    if answer and answer[0] in (wire.DONE, wire.EXEC):
        try:
            taken = _read(answer)
        except (ValueError, IndexError):
            pass  # whoever said that, it is no answer
        else:
            return _take(*taken, argv, closed, core_limits)
    if argv[:2] == ["hook", "run"]:
        said = _pass_light_door(argv[2:])
        if said is not None:
            _print(2, said.encode())
            return 0
    import gc

    # Nearly all that a command makes it needs to its end; looking for the rest takes 6 ms.
    gc.disable()
    from credman.caller import run_here

    is_answered = answer is not None  # one that hangs costs its time once
    result = run_here(argv, closed, _find_width(os.environ), may_use_agent=is_answered)
    if isinstance(result, int):
        return result
    added = {os.fsencode(k): os.fsencode(v) for k, v in result.variables.items()}
    files = {os.fsencode(k): v.to_bytes() for k, v in result.files.items()}
    return _become(result.argv, added, files, argv, closed, core_limits)


def _pass_light_door(argv: list[str]) -> str | None:
    from credman import githook

    # Whoever gives a passphrase outright has chosen that way.
    gives = any(os.environ.get(os.fsdecode(name)) for name in PRIVATE_VARIABLES)
    try:
        return githook.is_clean(argv, os.environ, os.getcwd(), may_use_agent=not gives)
    except Exception:  # noqa: BLE001 - the ordinary way tells it, without a traceback
        return None


def _ask_agent(argv: list[str], closed: set[int]) -> list[bytes] | None:
    """Returns: a whole answer; nothing in it: nobody was asked; None: it did not come."""
    environ = os.environ
    if (
        not argv
        or argv[0] not in client.COMMANDS
        or client.is_off(environ)
        # Whoever gives a passphrase outright has chosen that way.
        or any(environ.get(os.fsdecode(name)) for name in PRIVATE_VARIABLES)
        or sys.getfilesystemencoding() != "utf-8"  # the agent's
    ):
        return []
    try:
        cwd = os.getcwd()
    except OSError:
        cwd = "/"  # as in the ordinary path
    folder = client.find_folder(environ, cwd)
    connection = None if folder is None else client.connect(folder)
    if connection is None:
        return []
    asked = argv
    if argv[0] in ("exec", "run") and "--" in argv[:-1]:
        asked = [*argv[: argv.index("--") + 1], "command"]  # what is run is no business of its
    streams = [
        b"closed" if descriptor in closed else b"terminal" if os.isatty(descriptor) else b"other"
        for descriptor in (0, 1, 2)
    ]
    width = str(_find_width(environ) if streams[1] == b"terminal" else 80).encode()
    request = [
        wire.RUN,
        wire.VERSION,
        wire.pack(map(os.fsencode, asked)),
        *client.describe_caller(environ, cwd),
        wire.pack([*streams, width]),
    ]
    # At TAB somebody waits, and names are to be had without it.
    seconds = client.SECONDS if argv[0] != "__complete" else _TAB_SECONDS
    return client.exchange(connection, request, seconds)


def _read(
    answer: list[bytes],
) -> tuple[int | None, list[bytes], dict[bytes, bytes], dict[bytes, bytes]]:
    """Returns: exit code, None: the command is to be run; what to print; variables, and files.

    Raises:
        ValueError, IndexError: it is none.
    """
    chunks = wire.unpack(answer[2])
    if not all(chunk[0] in (1, 2) for chunk in chunks):
        raise ValueError
    if answer[0] == wire.DONE:
        return int(answer[1]), chunks, {}, {}
    return None, chunks, _pairs(wire.unpack(answer[1])), _pairs(wire.unpack(answer[3]))


def _take(
    code: int | None,
    chunks: list[bytes],
    added: dict[bytes, bytes],
    files: dict[bytes, bytes],
    argv: list[str],
    closed: set[int],
    core_limits: tuple[int, int],
) -> int:
    for chunk in chunks:
        problem = _print(chunk[0], chunk[1:])
        # Losing a remark, or what is said for a shell of an error, is no other error.
        if problem is None or chunk[0] != 1 or code or argv[0] == "__complete":
            continue
        if argv[0] == "env":
            _fail_eval()
        if isinstance(problem, BrokenPipeError):
            return 128 + int(SIGPIPE)
        reason = (problem.strerror or "failed").lower()
        _print(2, f"credman: error: cannot write the output: {reason}\n".encode())
        return 1
    if code is not None:
        return code
    return _become(argv[argv.index("--") + 1 :], added, files, argv, closed, core_limits)


def _pairs(parts: list[bytes]) -> dict[bytes, bytes]:
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _print(descriptor: int, data: bytes) -> OSError | None:
    """Returns: why it could not be written, all of it."""
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except OSError as error:
        return error
    return None


def _find_width(environ: "Mapping[str, str]") -> int:
    """Returns: columns of standard output, which is a terminal."""
    columns = environ.get("COLUMNS", "")
    if columns.isdigit() and 0 < int(columns) < 10_000:
        return max(int(columns), 20)
    try:
        return max(os.get_terminal_size(1).columns, 20)
    except OSError:
        return 80


def _become(
    command: "Sequence[str]",
    added: dict[bytes, bytes],
    files: dict[bytes, bytes],
    argv: list[str],
    closed: set[int],
    core_limits: tuple[int, int],
) -> int:
    """Becomes the command, so that signals, exit codes and the terminal are its own. It is looked
    up along the ``PATH`` of its environment, unless its name holds a slash; an empty entry of PATH
    is the current directory, as in a shell. A script without ``#!`` is not handed to a shell: it
    cannot be executed.

    Args:
        added: variables that are set over the caller's.
        files: by variable, what lies in the file whose path it holds.

    Returns:
        The exit code, only if it could not be run.
    """
    # A command that is run gets what its caller gave; /dev/null was opened not to be inherited.
    for descriptor in closed:
        os.set_inheritable(descriptor, False)
    resource.setrlimit(resource.RLIMIT_CORE, core_limits)
    # Python ignores these two, and an ignored signal stays ignored in the command.
    for ignored in (SIGPIPE, SIGXFSZ):
        signal(ignored, SIG_DFL)
    name = command[0]
    try:
        for variable, value in files.items():
            from credman.output.memfile import hold_in_memory

            added[variable] = os.fsencode(hold_in_memory(value))
    except OSError as error:
        reason = (error.strerror or "failed").lower()
        message = f"cannot make a file in memory: {reason}"
        return _report(_FAILED_BEFORE, message, argv, closed)
    # An entry without a name (env -- =x=y …) can be inherited, but Python passes none on.
    environ = {k: v for k, v in os.environb.items() if k and k not in PRIVATE_VARIABLES} | added
    try:
        _execute(os.fsencode(name), command, environ)
    except OSError as error:
        if isinstance(error, _NOT_THERE):
            return _report(_NOT_FOUND, f"command not found: {name}", argv, closed)
        message = "the environment is too large for the system"
        if error.errno != _E2BIG:
            message = f"cannot execute {name}: {(error.strerror or 'failed').lower()}"
        return _report(_CANNOT_EXECUTE, message, argv, closed)
    except ValueError:  # an empty name, or a NUL in an argument
        message = "command not found: its name is empty or holds NUL"
        return _report(_NOT_FOUND, message, argv, closed)


def _execute(name: bytes, command: "Sequence[str]", environ: dict[bytes, bytes]) -> "Never":
    """As ``os.execvpe``, which imports more than all of this. Raises: OSError, ValueError"""
    folders = [b""]
    if b"/" not in name:
        folders = environ.get(b"PATH", os.fsencode(os.defpath)).split(b":")
    problem: OSError | None = None
    for folder in folders:
        try:
            os.execve(os.path.join(folder, name), [*command], environ)  # noqa: S606 - no shell
        except OSError as error:
            # What is there and cannot be executed says more than that something is not there.
            if problem is None or isinstance(problem, _NOT_THERE):
                problem = error
    raise problem or FileNotFoundError


def _report(code: int, message: str, argv: list[str], closed: set[int]) -> int:
    from credman.caller import report_failure

    report_failure(message, argv, closed)
    return code


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


def _fail_eval() -> None:
    _print(1, b"false;\n")  # if that is lost as well, there is nobody to be told


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
