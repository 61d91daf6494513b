"""A command of the user's own that is given reminders: it sends a mail, or writes into a chat.

Rule: it runs without a shell, has an end, and gets names and dates, never a value.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from credman.upkeep.calling import end, split_command, withhold

SECONDS = 60.0


def run_hook(
    command: str, text: bytes, *, environ: Mapping[str, str], cwd: str, seconds: float = SECONDS
) -> str:
    """Args:
        command: a program with its arguments, as a shell would split them.
        text: for its standard input.
        environ: of the caller.
        cwd: where it is run.
        seconds: after which all of it is ended.

    Returns:
        Why it failed, in words; empty if it did not.

    Raises:
        UsageError: it cannot be run as it stands.
    """
    import subprocess

    argv = split_command(command)
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            cwd=cwd,
            env=withhold(environ),
            start_new_session=True,  # so that all of it can be ended
        )
    except OSError as error:
        return f"the command cannot be run: {(error.strerror or 'failed').lower()}"
    try:
        process.communicate(text, timeout=seconds)
    except subprocess.TimeoutExpired:
        return f"the command did not end within {seconds:g} s"
    except OSError as error:
        return f"the command could not be given its input: {(error.strerror or 'failed').lower()}"
    finally:
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        if process.poll() is None:
            end(process)
    code = process.returncode
    if code < 0:
        return f"the command was ended by signal {-code}"
    return f"the command ended with {code}" if code else ""
